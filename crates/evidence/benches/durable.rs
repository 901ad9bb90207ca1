//! Durable records a second: one by one, and by 256 in one commit. Refuses to measure anything that is not synced.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ligase_evidence::{IndexChoice, Store, StoreOptions};
use std::hint::black_box;

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

fn durable(c: &mut Criterion) {
    for (name, index) in [("sled", IndexChoice::Sled), ("memory", IndexChoice::Memory)] {
        let dir = tempfile::tempdir().expect("a folder for the bench");
        let store =
            Store::open(dir.path(), StoreOptions { index, ..StoreOptions::default() }).expect("an empty store opens");
        let mut number = 0;
        let mut group = c.benchmark_group(format!("durable-{name}"));
        group.sample_size(10);
        for count in [1_u64, 256] {
            group.throughput(Throughput::Elements(count));
            group.bench_function(format!("{count}-per-commit"), |b| {
                b.iter_batched(
                    || {
                        number += count;
                        (number - count..number).map(record).collect::<Vec<_>>()
                    },
                    |records| black_box(store.put_batch(records).expect("a commit")),
                    BatchSize::PerIteration,
                );
            });
        }
    }
}

criterion_group!(benches, durable);
criterion_main!(benches);
