//! `make soak`: random kills over a running fleet, and at the end what the history checker says of it. Not a part of the
//! tests: it takes minutes. The same seed kills in the same order; the moments are the machine's.

#![expect(clippy::print_stdout, reason = "a program whose answer is what it prints")]

use ligase_tests::{Fleet, Organisation, Started, judge, pull_refs};
use std::process::ExitCode;
use std::time::Duration;

const NAMES: [&str; 6] = ["c1", "c2", "w1", "w2", "r1", "r2"];

/// Small numbers in an order that the seed decides (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).expect("a small number")
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Whoever is not there is started, as whoever runs a fleet does.
fn revive(fleet: &mut Fleet) {
    for name in NAMES {
        if !fleet.runs(name) {
            fleet.start(name, &[]);
        }
    }
}

fn strike(fleet: &mut Fleet, dice: &mut Dice) {
    match dice.below(NAMES.len() + 1) {
        n if n < NAMES.len() => fleet.kill(NAMES[n]),
        _ => {
            fleet.nats.kill(0);
            fleet.nats.restart(0);
        }
    }
}

fn main() -> ExitCode {
    let (kills, seed) = (number("KILLS", 100), number("SEED", 1));
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut fleet = Fleet::new(Organisation::of_services(5));
    let (mut round, mut sweep): (usize, Option<Started>) = (0, None);
    for kill in 1..=kills {
        revive(&mut fleet);
        if !sweep.as_mut().is_some_and(Started::runs) {
            round += 1;
            let names = fleet.organisation.names();
            let name = &names[dice.below(names.len())];
            fleet.organisation.work_on(name, round);
            sweep = Some(fleet.begin(&["sweep"]));
        }
        std::thread::sleep(Duration::from_millis(100 + dice.below(2_400) as u64));
        strike(&mut fleet, &mut dice);
        if kill % 10 == 0 {
            println!("{kill} kills, {round} sweeps asked for");
        }
    }
    if let Some(sweep) = sweep {
        sweep.kill();
    }
    revive(&mut fleet);
    fleet.sweep();
    let pulls = pull_refs(&fleet.organisation);
    let verdict = judge(&fleet.journal(), &pulls);
    println!("{} sweeps ended, {} tasks, {} pull requests", verdict.sweeps, verdict.tasks, pulls.len());
    for row in verdict.lost.iter().chain(&verdict.duplicated).chain(&verdict.stuck) {
        println!("{row}");
    }
    let [lost, duplicated, stuck] = [&verdict.lost, &verdict.duplicated, &verdict.stuck].map(Vec::len);
    println!("soak: kills={kills} lost={lost} duplicated={duplicated} stuck={stuck}");
    if verdict.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
