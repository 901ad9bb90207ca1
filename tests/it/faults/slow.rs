//! F17: a store that takes what it is given slowly. The worker waits with its results, takes no more tasks than it has slots,
//! and holds no more memory than over a fast line.

use super::is_clean;
use ligase_tests::{Fleet, Organisation, Proxy, dna};
use std::fmt::Write as _;

const REPOSITORIES: usize = 6;
const SLOTS: u64 = 2;
/// Bytes a second: what one repository shows takes a second or two.
const SLOW: u64 = 100_000;
/// How much more memory a slow line may cost, in hundredths: what is held is what the slots hold, and not what waits.
const MEMORY_RATIO_MAX: u64 = 150;

/// A module with enough in it that what was seen of it weighs something.
fn module(repository: usize, number: usize) -> String {
    let mut text = String::from("import logging\n\nlogger = logging.getLogger(__name__)\n");
    for n in 0..12 {
        let _ = write!(
            text,
            "\n\ndef step_{repository}_{number}_{n}(email: str, total: int) -> int:\n    \
             logger.info(\"step {n} of %s\", email)\n    return total + {n}\n"
        );
    }
    text
}

fn organisation() -> Organisation {
    let organisation = Organisation::empty();
    for repository in 0..REPOSITORIES {
        let name = format!("service-{repository}");
        let mut files = vec![("dna.yaml".to_owned(), dna(&name, "").into_bytes())];
        files.extend((0..30).map(|n| (format!("steps/step_{n}.py"), module(repository, n).into_bytes())));
        let files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        organisation.repository(&name, &files);
    }
    organisation
}

/// Sweeps with a worker behind a line of this rate: the fleet, the worker's peak memory, the most looks that were leased.
fn over_a_line_of(rate: u64) -> (Fleet, u64, u64) {
    let mut fleet = Fleet::new(organisation());
    let line = Proxy::to(&fleet.address("c1"));
    fleet.coordinators_through.insert("w1".to_owned(), format!("https://{}", line.address()));
    fleet.start("c1", &[]);
    fleet.wait_led();
    line.throttle(rate);
    fleet.start("w1", &[("LIGASE_SLOTS", "2")]);
    let mut sweep = fleet.begin(&["sweep", "--plan"]);
    let (mut leased, mut peak) = (0, 0);
    while sweep.runs() {
        peak = peak.max(fleet.peak_memory("w1"));
        let status = fleet.status().unwrap_or_default();
        let rows = status["backlog"].as_array().cloned().unwrap_or_default();
        let looks = rows.iter().filter(|r| r["kind"] == "probe");
        leased = leased.max(looks.filter_map(|r| r["leased"].as_u64()).sum());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let ended = sweep.wait();
    assert!(matches!(ended.code, 0 | 1), "{} {}", ended.out, ended.err);
    assert_eq!(ended.json()["services"], REPOSITORIES, "{}", ended.out);
    (fleet, peak, leased)
}

#[test]
fn a_slow_store_holds_the_worker_back_and_costs_no_memory() {
    let (mut fast, plain, _) = over_a_line_of(0);
    drop(fast.journal());
    drop(fast);
    let (mut fleet, slow, leased) = over_a_line_of(SLOW);
    println!("peak memory over a fast line {plain}, over {SLOW} bytes a second {slow}; at most {leased} leased");
    assert!(slow * 100 <= plain * MEMORY_RATIO_MAX, "{slow} against {plain}");
    assert!((1..=SLOTS).contains(&leased), "no more leases than slots: {leased}");
    is_clean(&mut fleet, &[("F17 store slow over a whole sweep", REPOSITORIES)]);
}
