//! What is measured inside this process, through the libraries themselves: durable records, and judging. Each stands beside
//! something that any program would have to do for the same: plain synced appends, and reading the observations back.

use ligase_catalog::{CatalogFile, shipped};
use ligase_evidence::{Store, StoreOptions};
use ligase_policy::{Approvals, Catalog, Dna, JudgeEnv, judge, resolve};
use ligase_record::{decode_observations, encode_observations};
use std::hint::black_box;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// The observations that `crates/policy/benches/judge.rs` judges, from the same source, so that the two cannot drift apart.
#[path = "../../../crates/policy/tests/support/mod.rs"]
mod support;

/// Records that are made durable one by one in a round.
const ONE_BY_ONE: u64 = 200;
/// Records of one commit, and commits of a round.
const BY: u64 = 256;
const COMMITS: u64 = 20;
/// How long a round of judging is at least.
const JUDGING: Duration = Duration::from_millis(700);

/// Rounds of a measurement, each a rate in a second.
pub type Rates = Vec<f64>;

/// What making records durable was measured to be.
pub struct Records {
    /// One commit for each record.
    pub one_by_one: Rates,
    /// One commit for many.
    pub by_256: Rates,
    /// Appending the same bytes to a plain file and syncing it, for each record.
    pub plain_one_by_one: Rates,
    /// The same for many records together.
    pub plain_by_256: Rates,
}

/// A record of the size of a small file's observations; each one differs.
fn record(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..188).flat_map(|_| next()).collect()
}

/// Makes records durable in a folder. Store and plain file take turns commit by commit: how long a sync takes changes from
/// second to second on a disk that others use too.
pub fn records(folder: &Path, rounds: usize) -> io::Result<Records> {
    let store = Store::open(&folder.join("store"), StoreOptions::default()).map_err(io::Error::other)?;
    let mut plain = std::fs::File::create(folder.join("plain"))?;
    let mut put = |records: Vec<Vec<u8>>| store.put_batch(records).map(drop).map_err(io::Error::other);
    let mut append = |records: Vec<Vec<u8>>| {
        records.iter().try_for_each(|r| plain.write_all(r))?;
        plain.sync_data()
    };
    let mut number = 0;
    let mut all = Records { one_by_one: vec![], by_256: vec![], plain_one_by_one: vec![], plain_by_256: vec![] };
    for _ in 0..rounds {
        for (batch, commits, ours, theirs) in [
            (1, ONE_BY_ONE, &mut all.one_by_one, &mut all.plain_one_by_one),
            (BY, COMMITS, &mut all.by_256, &mut all.plain_by_256),
        ] {
            let (mut put_took, mut append_took) = (Duration::ZERO, Duration::ZERO);
            for _ in 0..commits {
                let records: Vec<_> = (number..number + batch).map(record).collect();
                number += batch;
                put_took += timed(&mut put, records.clone())?;
                append_took += timed(&mut append, records)?;
            }
            let rate = |took: Duration| (batch * commits) as f64 / took.as_secs_f64();
            ours.push(rate(put_took));
            theirs.push(rate(append_took));
        }
    }
    Ok(all)
}

fn timed(commit: &mut dyn FnMut(Vec<Vec<u8>>) -> io::Result<()>, records: Vec<Vec<u8>>) -> io::Result<Duration> {
    let began = Instant::now();
    commit(records)?;
    Ok(began.elapsed())
}

/// What judging was measured to be.
pub struct Judging {
    /// Services in a second, on one thread: 300 observations × about 100 clauses each.
    pub judged: Rates,
    /// The same observations read back from their record, in a second, on one thread.
    pub decoded: Rates,
}

/// Judges one service again and again.
pub fn judging(rounds: usize) -> io::Result<Judging> {
    let (catalog, names) = catalog();
    let case = observations();
    let text = format!(
        "apiVersion: ligase.dev/v1\nkind: Service\nmetadata: {{ name: a }}\nspec:\n  residency: [eu]\n  constraints:\n{names}"
    );
    let dna = Dna::read("dna.yaml", text.as_bytes(), &catalog).map_err(|e| io::Error::other(support::words(&e)))?;
    let desired = resolve(&catalog, None, Some(&dna), &Approvals::default(), support::NOW);
    let (env, stored) = (JudgeEnv::new(&catalog), encode_observations(&case.observations).map_err(io::Error::other)?);
    let mut all = Judging { judged: vec![], decoded: vec![] };
    for _ in 0..rounds {
        all.judged.push(again(|| drop(black_box(judge(black_box(&env), black_box(&desired), &case.input())))));
        all.decoded.push(again(|| drop(black_box(decode_observations(black_box(&stored))))));
    }
    Ok(all)
}

fn again(once: impl Fn()) -> f64 {
    once();
    let (began, mut times) = (Instant::now(), 0_u32);
    while began.elapsed() < JUDGING {
        once();
        times += 1;
    }
    f64::from(times) / began.elapsed().as_secs_f64()
}

/// The four shipped constraints, and 24 copies of each under other names: about a hundred clauses with rules.
fn catalog() -> (Catalog, String) {
    let mut files = shipped();
    let mut names = String::new();
    for n in 0..24 {
        for id in ["authn-endpoints", "no-sensitive-in-logs", "enc-at-rest", "data-residency"] {
            let path = format!("constraints/{id}.yaml");
            let text = shipped().into_iter().find(|f| f.path == path).expect("it ships").bytes;
            let text = String::from_utf8_lossy(&text).replace(&format!("id: {id},"), &format!("id: {id}-{n},"));
            let path = format!("constraints/{id}-{n}.yaml");
            files.push(CatalogFile { path: path.into(), bytes: text.into_bytes().into() });
            names.push_str(&format!("    - id: {id}-{n}\n"));
        }
    }
    (Catalog::load(&files).unwrap_or_else(|e| panic!("{}", support::words(&e))), names)
}

fn observations() -> support::Case {
    let mut all = Vec::new();
    for n in 0..75_u32 {
        let guards =
            vec![support::guard("other", "app.db", false), support::guard("authentication", "app.user", n % 3 == 0)];
        all.push(support::endpoint(&format!("app/{n}.py"), n, "none", "resolved", guards));
        let values = vec![support::logged("email", "pii", 900, "app.mask", n % 2 == 0)];
        all.push(support::log_call(&format!("app/{n}.py"), n, values, vec![]));
        all.push(support::storage(&format!("aws_db_instance.a{n}"), if n % 2 == 0 { "yes" } else { "no" }));
        all.push(support::placement(&format!("aws_db_instance.a{n}"), "eu-west-1", "eu", true, false));
    }
    support::Case::new(all)
}
