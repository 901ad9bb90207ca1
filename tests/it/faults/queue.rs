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
        fleet.start("c1", &[]);
        fleet.wait_led();
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

#[test]
fn three_servers_outlive_a_kill_a_stop_and_the_loss_of_their_quorum() {
    let mut fleet = begin(NatsServer::three());
    let leader = |fleet: &Fleet| wait_for("the stream has a leader", || fleet.nats.leader_of("LIGASE_PROBE"));
    let mut round = 0;
    for _ in 0..ROUNDS {
        round += 1;
        in_mid_sweep(&mut fleet, round, |fleet| {
            let node = leader(fleet);
            fleet.nats.kill(node);
            wait_for("another node leads", || fleet.nats.leader_of("LIGASE_PROBE").filter(|n| *n != node));
            fleet.nats.restart(node);
        });
        round += 1;
        in_mid_sweep(&mut fleet, round, |fleet| {
            let node = leader(fleet);
            fleet.nats.stop(node);
            std::thread::sleep(Duration::from_secs(3));
            fleet.nats.cont(node);
        });
        round += 1;
        in_mid_sweep(&mut fleet, round, |fleet| {
            let node = leader(fleet);
            let others = [(node + 1) % 3, (node + 2) % 3];
            others.iter().for_each(|n| fleet.nats.stop(*n));
            std::thread::sleep(Duration::from_secs(3));
            others.iter().for_each(|n| fleet.nats.cont(*n));
        });
    }
    let hits = [
        ("F10 stream's leading server of three killed", ROUNDS),
        ("F11 two servers of three stopped", ROUNDS),
        ("F12 stream's leading server of three stopped", ROUNDS),
    ];
    is_clean(&mut fleet, &hits);
}
