//! F25: the disk of the store is full. Writes are refused with their code, nothing is damaged, members hold what they have, the
//! sweep waits; when there is room again all of it goes on by itself.
//!
//! The coordinator gets a small disk of its own: a tmpfs in a mount namespace of its own, which needs no rights where users
//! may have namespaces. The test fills it and makes room through the process's own root.

use super::liars::Liar;
use super::{is_clean, small, work_on};
use ligase_domain::Digest;
use ligase_proto::client::chunks;
use ligase_tests::{Fleet, wait_for};
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use tonic::Code;

const ROUNDS: usize = 5;
/// Mounts a small disk over the state folder, and becomes what follows.
const ON_SMALL_DISK: [&str; 5] =
    ["unshare", "-Urm", "sh", "-c", "mkdir -p state && mount -t tmpfs -o size=48m tmpfs state && exec \"$0\" \"$@\""];

/// The state folder as the coordinator sees it.
fn state(fleet: &Fleet) -> PathBuf {
    let own = fleet.path().strip_prefix("/").unwrap();
    Path::new(&format!("/proc/{}/root", fleet.process_id("c1"))).join(own).join("state")
}

/// Writes until nothing more fits.
fn fill(state: &Path) -> PathBuf {
    let ballast = state.join("ballast");
    let mut file = fs::File::create(&ballast).expect("a file on the small disk");
    for size in [64 * 1024, 4096, 1] {
        let piece = vec![0; size];
        loop {
            match file.write(&piece) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
    ballast
}

/// A file that stands has room to the end of its last page: small objects go into it until none fits.
fn fill_the_last_page(fleet: &Fleet) {
    let member = Liar::with(fleet, "worker-w2");
    let refused = (0..1_000).find_map(|n| {
        let object = format!("{n:064}").into_bytes();
        member.upload(chunks(vec![(Digest::of(&object), object)]).collect()).err()
    });
    let status = refused.expect("the page ends");
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(status.message().starts_with("E-STORE-NO-SPACE"), "{status:?}");
}

/// Takes the store to where the checker looks, before the small disk goes with its process.
fn save(fleet: &Fleet) {
    // The folder that is mounted over stays: to remove it would take the small disk away.
    let into = fleet.organisation.state();
    let copied = std::process::Command::new("cp").arg("-a").arg(state(fleet).join(".")).arg(&into).status().unwrap();
    assert!(copied.success());
}

/// Whether a small disk can be mounted here. Some machines keep namespaces from their users; with `LIGASE_REQUIRE_JAIL` set,
/// which says that this one must not, such a machine fails.
fn can_mount() -> bool {
    let tried = ["-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"];
    let mounted = std::process::Command::new("unshare").args(tried).output().is_ok_and(|ran| ran.status.success());
    assert!(mounted || std::env::var_os("LIGASE_REQUIRE_JAIL").is_none(), "a small disk cannot be mounted here");
    mounted
}

#[test]
fn a_full_disk_is_waited_out_and_costs_nothing() {
    if !can_mount() {
        eprintln!("F25 was not tried: a small disk cannot be mounted on this machine");
        return;
    }
    let mut fleet = Fleet::new(small(2));
    fleet.through.insert("c1".to_owned(), ON_SMALL_DISK.map(str::to_owned).to_vec());
    fleet.start_all(&["c1", "r1"]);
    fleet.wait_led();
    let refusals = |fleet: &Fleet| fleet.counted_with("c1", "ligase_rpc_refused_total", &["code=\"E-STORE-NO-SPACE\""]);
    for round in 1..=ROUNDS {
        work_on(&fleet.organisation, round);
        // With what it saw in its hands.
        fleet.start("w1", &[("LIGASE_STOP_AT", "looked")]);
        let mut sweep = fleet.begin(&["sweep"]);
        fleet.wait_stopped("w1");
        let (before, ballast) = (refusals(&fleet), fill(&state(&fleet)));
        fleet.resume("w1");
        wait_for("what does not fit is refused and counted, more than once", || {
            (refusals(&fleet) >= before + 2.0).then_some(())
        });
        assert!(sweep.runs(), "the sweep waits");
        let answers = fleet.ask(&["status"]);
        assert!(matches!(answers.code, 0 | 1), "what is there is still told: {} {}", answers.out, answers.err);
        fs::remove_file(&ballast).unwrap();
        let ended = sweep.wait();
        assert!(matches!(ended.code, 0 | 1), "{} {}", ended.out, ended.err);
        fleet.kill("w1");
    }
    // A sweep that cannot even write its manifest waits too.
    work_on(&fleet.organisation, ROUNDS + 1);
    fleet.start("w1", &[]);
    let ballast = fill(&state(&fleet));
    fill_the_last_page(&fleet);
    let sweep = fleet.begin(&["sweep"]);
    wait_for("the sweep says that it waits", || fleet.said("c1").contains("the sweep waits for room").then_some(()));
    fs::remove_file(&ballast).unwrap();
    let ended = sweep.wait();
    assert!(matches!(ended.code, 0 | 1), "{} {}", ended.out, ended.err);
    assert!(fleet.said("c1").contains("E-STORE-NO-SPACE"), "it is logged");
    fleet.pause("c1");
    save(&fleet);
    is_clean(&mut fleet, &[("F25 store's disk full", ROUNDS)]);
}
