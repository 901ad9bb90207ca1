//! F15 to F17: the way between a worker and the queue, or the coordinator, is cut, reset, held back, delayed or throttled.

use super::{is_clean, small, work_on};
use ligase_tests::{Fleet, LEASE, Proxy};
use std::time::Duration;

const ROUNDS: usize = 5;

/// A fleet whose only worker speaks to the queue and to the coordinator through a proxy each.
fn begin() -> (Fleet, Proxy, Proxy) {
    let mut fleet = Fleet::new(small(4));
    let server = fleet.nats.urls()[0].trim_start_matches("nats://").to_owned();
    let (queue, coordinator) = (Proxy::to(&server), Proxy::to(&fleet.address("c1")));
    fleet.nats_through.insert("w1".to_owned(), format!("nats://{}", queue.address()));
    fleet.coordinators_through.insert("w1".to_owned(), format!("https://{}", coordinator.address()));
    fleet.start_all(&["c1", "r1"]);
    fleet.wait_led();
    (fleet, queue, coordinator)
}

/// A worker stops at a stage; the fault comes, the worker goes on into it, and after a while the way is mended.
fn disturbed(fleet: &mut Fleet, round: usize, stage: &str, fault: impl FnOnce(), mend: impl FnOnce()) {
    work_on(&fleet.organisation, round);
    fleet.start("w1", &[("LIGASE_STOP_AT", stage)]);
    let sweep = fleet.begin(&["sweep"]);
    fleet.wait_stopped("w1");
    fault();
    fleet.resume("w1");
    // The fault lasts longer than a lease.
    std::thread::sleep(Duration::from_secs(LEASE) + Duration::from_millis(500));
    mend();
    let ended = sweep.wait();
    assert!(matches!(ended.code, 0 | 1), "{} {}", ended.out, ended.err);
    fleet.kill("w1");
}

#[test]
fn a_worker_that_is_cut_off_from_the_queue_ends_its_work_and_does_it_once() {
    let (mut fleet, queue, _coordinator) = begin();
    let mut round = 0;
    for _ in 0..ROUNDS {
        round += 1;
        disturbed(&mut fleet, round, "looked", || queue.cut(), || queue.mend());
        round += 1;
        disturbed(&mut fleet, round, "reported", || queue.hold(true), || queue.hold(false));
        round += 1;
        disturbed(&mut fleet, round, "reported", || queue.reset(), || ());
    }
    let hits = [
        ("F15 worker cut off from the queue", ROUNDS),
        ("F15 worker's ack held back past its lease", ROUNDS),
        ("F15 worker's queue connection reset", ROUNDS),
    ];
    is_clean(&mut fleet, &hits);
}

#[test]
fn a_worker_that_is_cut_off_from_the_store_tries_again_and_does_it_once() {
    let (mut fleet, _queue, coordinator) = begin();
    let mut round = 0;
    for _ in 0..ROUNDS {
        round += 1;
        disturbed(&mut fleet, round, "looked", || coordinator.cut(), || coordinator.mend());
        round += 1;
        disturbed(&mut fleet, round, "uploaded", || coordinator.hold(true), || coordinator.hold(false));
        round += 1;
        disturbed(&mut fleet, round, "uploaded", || coordinator.reset(), || ());
        round += 1;
        let slow = || coordinator.throttle(100_000);
        disturbed(&mut fleet, round, "looked", slow, || coordinator.throttle(0));
        round += 1;
        let late = || coordinator.delay(Duration::from_millis(100));
        disturbed(&mut fleet, round, "fetched", late, || coordinator.delay(Duration::ZERO));
    }
    let hits = [
        ("F16 worker cut off from the store", ROUNDS),
        ("F16 worker's report held back past its lease", ROUNDS),
        ("F16 worker's store connection reset", ROUNDS),
        ("F17 store at 100 kB a second", ROUNDS),
        ("F17 store 100 ms away", ROUNDS),
    ];
    is_clean(&mut fleet, &hits);
}
