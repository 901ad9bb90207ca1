//! F10 to F13: the queue's server is killed, stopped, loses its quorum, or loses everything; the store has what counts.

use super::{is_clean, small, work_on};
use ligase_tests::nats::NatsServer;
use ligase_tests::{Fleet, wait_for};
use std::time::Duration;

const ROUNDS: usize = 5;

/// Begins a sweep whose first worker stops with a lease, so that there is something outstanding when the fault comes.
fn in_mid_sweep(fleet: &mut Fleet, round: usize, fault: impl FnOnce(&mut Fleet)) {
    work_on(&fleet.organisation, round);
    keep_led(fleet);
    fleet.start("w2", &[("LIGASE_STOP_AT", "fetched")]);
    fleet.pause("w1");
    let mut sweep = fleet.begin(&["sweep"]);
    wait_for("w2 stops at its stage", || {
        // The fault of the round before may end a term only now.
        if keep_led(fleet) {
            sweep = fleet.begin(&["sweep"]);
        }
        fleet.is_stopped("w2").then_some(())
    });
    fault(fleet);
    fleet.kill("w2");
    fleet.resume("w1");
    let _ = sweep.wait();
    wait_for("a sweep ends after the fault", || {
        keep_led(fleet);
        matches!(fleet.ask(&["sweep"]).code, 0 | 1).then_some(())
    });
}

/// As whoever runs the coordinator would: one whose term was lost has ended itself, and is started again. Whether it was.
fn keep_led(fleet: &mut Fleet) -> bool {
    let ended = !fleet.runs("c1");
    if ended {
        wait_for("somebody leads again", || {
            if !fleet.runs("c1") {
                fleet.start("c1", &[]);
            }
            fleet.status().map(drop)
        });
    }
    ended
}

fn begin(nats: NatsServer) -> Fleet {
    let mut fleet = Fleet::over(small(4), nats);
    fleet.start_all(&["c1", "w1", "r1"]);
    fleet.wait_led();
    fleet
}

#[test]
fn a_killed_server_comes_back_with_what_it_had() {
    let mut fleet = begin(NatsServer::one());
    for round in 1..=ROUNDS {
        in_mid_sweep(&mut fleet, round, |fleet| {
            fleet.nats.kill(0);
            fleet.nats.restart(0);
        });
    }
    is_clean(&mut fleet, &[("F10 queue's only server killed", ROUNDS)]);
}

#[test]
fn a_server_that_lost_everything_is_filled_again_from_the_store() {
    let mut fleet = begin(NatsServer::one());
    for round in 1..=ROUNDS {
        in_mid_sweep(&mut fleet, round, |fleet| {
            fleet.nats.kill(0);
            fleet.nats.wipe(0);
            fleet.nats.restart(0);
        });
    }
    is_clean(&mut fleet, &[("F13 queue lost all its data", ROUNDS)]);
}

/// Rounds over three servers; the fault is given the one that leads the stream.
fn over_three(fault: &str, each: impl Fn(&mut Fleet, usize)) {
    let mut fleet = begin(NatsServer::three());
    for round in 1..=ROUNDS {
        in_mid_sweep(&mut fleet, round, |fleet| {
            let leads = wait_for("the stream has a leader", || fleet.nats.leader_of("LIGASE_PROBE"));
            each(fleet, leads);
        });
    }
    is_clean(&mut fleet, &[(fault, ROUNDS)]);
}

/// Longer than a term, so that whoever lost its leadership by it has found out.
const STOPPED: Duration = Duration::from_secs(3);

#[test]
fn three_servers_outlive_the_kill_of_the_one_that_leads_the_stream() {
    over_three("F10 stream's leading server of three killed", |fleet, node| {
        fleet.nats.kill(node);
        wait_for("another node leads", || fleet.nats.leader_of("LIGASE_PROBE").filter(|n| *n != node));
        fleet.nats.restart(node);
    });
}

#[test]
fn three_servers_outlive_the_loss_of_their_quorum() {
    over_three("F11 two servers of three stopped", |fleet, node| {
        let others = [(node + 1) % 3, (node + 2) % 3];
        others.iter().for_each(|n| fleet.nats.stop(*n));
        std::thread::sleep(STOPPED);
        others.iter().for_each(|n| fleet.nats.cont(*n));
    });
}

#[test]
fn three_servers_outlive_a_stop_of_the_one_that_leads_the_stream() {
    over_three("F12 stream's leading server of three stopped", |fleet, node| {
        fleet.nats.stop(node);
        std::thread::sleep(STOPPED);
        fleet.nats.cont(node);
    });
}
