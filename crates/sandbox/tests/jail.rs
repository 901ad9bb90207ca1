//! What the jail promises, proved with commands that mean harm. Where this machine gives no jail, the only promise is that
//! nothing is run, and that is what is tried; with `LIGASE_REQUIRE_JAIL` set, a machine without a jail fails.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use ligase_sandbox::{Ended, Jail, JailLimits, Job, Ran, probe};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

/// A fresh tree with one file, readable by the user that a jail is of.
fn tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::write(folder.path().join("sub/file"), "text\n").unwrap();
    if let Some(user) = ligase_sandbox::outside_user() {
        std::os::unix::fs::chown(folder.path(), Some(user), Some(user)).unwrap();
    }
    folder
}

fn in_jail(limits: JailLimits, script: &str) -> Option<Ran> {
    in_tree(tree().path(), limits, script)
}

fn in_tree(tree: &Path, limits: JailLimits, script: &str) -> Option<Ran> {
    let command = ["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned()];
    let jail: Jail = jail()?;
    let job = Job { tree, folder: "sub", command: &command, reports: "report", limits };
    Some(jail.run(&job, &|| false).unwrap())
}

fn jail() -> Option<Jail> {
    let probed = probe();
    if probed.jail().is_none() {
        assert!(probed.refused.is_some(), "no jail without a reason");
        assert!(std::env::var_os("LIGASE_REQUIRE_JAIL").is_none(), "{probed:#?}");
        eprintln!("NOT TRIED: {probed:?}");
    }
    probed.jail().cloned()
}

fn usual() -> JailLimits {
    JailLimits::within(Duration::from_secs(30))
}

fn text(ran: &Ran) -> String {
    String::from_utf8_lossy(&ran.output).into_owned()
}

#[test]
fn every_wall_is_measured_and_named() {
    let probed = probe();
    if probed.program.is_some() && probed.refused.is_none() {
        assert!(probed.layers.len() >= 8 && probed.layers.iter().all(|l| l.active), "{:#?}", probed.layers);
        assert!(probed.jail().is_some());
    } else {
        assert!(probed.jail().is_none() && probed.refused.is_some(), "{probed:?}");
    }
}

#[test]
fn a_command_runs_in_its_folder_and_both_streams_and_its_code_come_out() {
    let Some(ran) = in_jail(usual(), "pwd; cat file; echo wrong >&2; exit 3") else { return };
    assert_eq!(ran.ended, Ended::Exited(3));
    assert_eq!(text(&ran), "/tree/sub\ntext\nwrong\n");
}

#[test]
fn reports_that_the_command_wrote_come_out_and_those_that_were_there_do_not() {
    let folder = tree();
    std::fs::write(folder.path().join("sub/report-old.xml"), "<old/>").unwrap();
    let script = "sleep 0.1; echo '<new/>' > report-new.xml; echo '<x/>' > other.xml; ln -s /etc/passwd report-l.xml";
    let Some(ran) = in_tree(folder.path(), usual(), script) else { return };
    assert_eq!(String::from_utf8_lossy(&ran.reports).trim(), "<new/>");
}

#[test]
fn a_command_that_is_not_there_says_so_by_its_code() {
    let Some(jail) = jail() else { return };
    let folder = tree();
    let command = ["no-such-program".to_owned()];
    let job = Job { tree: folder.path(), folder: "", command: &command, reports: "", limits: usual() };
    assert_eq!(jail.run(&job, &|| false).unwrap().ended, Ended::Exited(127));
    let missing = Job { folder: "nowhere", ..job };
    assert_eq!(jail.run(&missing, &|| false).unwrap().ended, Ended::NotStarted);
}

#[test]
fn it_reaches_no_network_not_even_this_machine() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let port = server.local_addr().unwrap().port();
    let script = format!(
        "/usr/bin/python3 -c 'import socket\nfor to in ((\"127.0.0.1\", {port}), (\"1.1.1.1\", 53)):\n  try:\n    \
         socket.create_connection(to, 2)\n    print(\"connected\")\n  except OSError as e:\n    print(\"refused\")\ntry:\n  \
         socket.getaddrinfo(\"example.org\", 80)\n  print(\"resolved\")\nexcept OSError:\n  print(\"refused\")'"
    );
    let Some(ran) = in_jail(usual(), &script) else { return };
    assert_eq!(text(&ran), "refused\nrefused\nrefused\n");
    assert!(server.accept().is_err(), "nobody came");
}

#[test]
fn it_sees_and_changes_no_other_file_and_no_variable_of_ours() {
    let (secret, folder) = (tempfile::tempdir().unwrap(), tree());
    let file = secret.path().join("secret");
    std::fs::write(&file, "a secret").unwrap();
    let script = format!(
        "cat {0}; echo x > {0}; ls /root /home /etc/shadow /etc/passwd /var/lib; env | sort; echo x > /source/sub/file; \
         touch /usr/bin/x /etc/x /x; echo new > file; mkdir -p ../more && echo more > ../more/file; cat file",
        file.display()
    );
    let Some(ran) = in_tree(folder.path(), usual(), &script) else { return };
    let said = text(&ran);
    assert!(!said.contains("a secret") && !said.contains("CARGO") && !said.contains("LIGASE"), "{said}");
    assert!(said.ends_with("new\n"), "its own tree is its own: {said}");
    for refused in
        ["cannot access '/etc/shadow'", "cannot access '/root'", "cannot touch '/usr/bin/x'", "/source/sub/file"]
    {
        assert!(said.contains(refused), "{refused}: {said}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "a secret");
    assert_eq!(
        std::fs::read_to_string(folder.path().join("sub/file")).unwrap(),
        "text\n",
        "what it was given is not written"
    );
    assert!(!folder.path().join("more").exists());
}

#[test]
fn nothing_outlives_it_however_it_hides() {
    let (folder, mark) = (tree(), format!("{}.5", 40_000 + std::process::id() % 10_000));
    let script = format!(
        "for n in 1 2 3; do (setsid env -i /bin/sh -c 'trap \"\" HUP TERM INT; exec sleep {mark}' >/dev/null 2>&1 &) ; done; \
         sleep 0.2; echo done"
    );
    let Some(ran) = in_tree(folder.path(), usual(), &script) else { return };
    assert_eq!(text(&ran), "done\n");
    assert_eq!(sleepers(&mark), 0);
    let forever = format!("{script}; while :; do setsid sleep {mark} & sleep 0.05; done");
    let start = Instant::now();
    let ran = in_tree(folder.path(), JailLimits::within(Duration::from_millis(1500)), &forever).unwrap();
    assert_eq!(ran.ended, Ended::TooSlow);
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(sleepers(&mark), 0);
}

/// Living processes of this machine that were started with this argument.
fn sleepers(mark: &str) -> usize {
    let ids = std::fs::read_dir("/proc").unwrap().filter_map(|e| e.ok()?.file_name().into_string().ok());
    let line = |id: &String| std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    ids.filter(|id| line(id).starts_with(b"sleep\0") && line(id)[6..].starts_with(mark.as_bytes())).count()
}

#[test]
fn it_fills_no_disk() {
    let limits = JailLimits { tree_bytes: 8 << 20, temporary_bytes: 4 << 20, ..usual() };
    let script = "for at in . /tmp /home /dev/shm /dev /source /var/tmp /run; do \
                  head -c 50000000 /dev/zero > $at/f 2>/dev/null && echo filled $at; done; \
                  du -sk /tree /tmp /home /dev/shm 2>/dev/null | awk '{ n += $1 } END { print (n < 25000) ? \"small\" : n }'";
    let Some(ran) = in_jail(limits, script) else { return };
    let said = text(&ran);
    assert!(said.ends_with("small\n") && !said.contains("filled"), "{said}");
}

#[test]
fn a_tree_that_is_too_large_for_its_place_is_not_started() {
    let folder = tree();
    std::fs::write(folder.path().join("large"), vec![7; 3 << 20]).unwrap();
    let limits = JailLimits { tree_bytes: 1 << 20, ..usual() };
    let Some(ran) = in_tree(folder.path(), limits, "echo began") else { return };
    assert_eq!(ran.ended, Ended::NotStarted);
}

#[test]
fn a_fork_bomb_ends_with_its_processes() {
    let limits = JailLimits { processes: 40, ..JailLimits::within(Duration::from_secs(3)) };
    let start = Instant::now();
    let Some(ran) = in_jail(limits, "bomb() { bomb | bomb & }; bomb; sleep 30") else { return };
    assert!(matches!(ran.ended, Ended::TooSlow | Ended::Exited(_)), "{ran:?}");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[test]
fn memory_is_bounded_for_each_process_and_for_all() {
    let limits = JailLimits { memory_bytes: 200 << 20, ..usual() };
    let one = "/usr/bin/python3 -c 'b = bytearray(400 << 20)' 2>&1 | tail -1";
    let Some(ran) = in_jail(limits.clone(), one) else { return };
    assert!(ran.ended == Ended::TooMuchMemory || text(&ran).contains("MemoryError"), "{ran:?}");
    let many = "for n in 1 2 3 4 5; do /usr/bin/python3 -c 'import time; b = bytearray(90 << 20); time.sleep(20)' & done; wait";
    assert_eq!(in_jail(limits, many).unwrap().ended, Ended::TooMuchMemory);
}

#[test]
fn a_flood_of_words_ends_it() {
    let limits = JailLimits { output_bytes: 100_000, ..usual() };
    let Some(ran) = in_jail(limits, "while :; do echo flood; done") else { return };
    assert_eq!(ran.ended, Ended::TooMuchOutput);
}

#[test]
fn its_caller_can_stop_it() {
    let Some(jail) = jail() else { return };
    let folder = tree();
    let command = ["sleep".to_owned(), "30".to_owned()];
    let job = Job { tree: folder.path(), folder: "", command: &command, reports: "", limits: usual() };
    let start = Instant::now();
    assert!(jail.run(&job, &|| start.elapsed() > Duration::from_millis(300)).is_err());
    assert!(start.elapsed() < Duration::from_secs(5));
}
