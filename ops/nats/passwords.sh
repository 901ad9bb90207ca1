#!/bin/sh
# Makes what the NATS nodes and the roles know of each other: DIR/nats/passwords.conf for the nodes, and one file for each
# user in DIR/passwords/ for --nats-password-file. What is there already is kept.
#
# usage: passwords.sh DIR [HOST…]    the nodes' names, nats-1 nats-2 nats-3 if none are given
set -eu
umask 077
dir=$1
shift
[ $# -gt 0 ] || set -- nats-1 nats-2 nats-3
mkdir -p "$dir/nats" "$dir/passwords"
conf=$dir/nats/passwords.conf
if [ -e "$conf" ]; then
    echo "$conf is there already" >&2
    exit 0
fi
secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
{
    for user in coordinator worker agent-runner operator sys; do
        word=p$(secret)
        printf '%s\n' "$word" >"$dir/passwords/$user"
        printf '%s_password: "%s"\n' "$(echo "$user" | tr - _)" "$word"
    done
    route=p$(secret)
    printf 'route_password: "%s"\nroutes: [\n' "$route"
    for host in "$@"; do printf '  "nats://route:%s@%s:6222"\n' "$route" "$host"; done
    printf ']\n'
} >"$conf.new"
mv "$conf.new" "$conf"
echo "made $conf" >&2
