//! Services judged in a second: 300 observations × 100 clauses, as the decisions name it. Clauses run on their kind alone,
//! so most of the hundred see a quarter of the observations.
#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ligase_catalog::{CatalogFile, shipped};
use ligase_policy::{Approvals, Catalog, Dna, JudgeEnv, judge, resolve};
use std::hint::black_box;

#[path = "../tests/support/mod.rs"]
mod support;

/// The four shipped constraints, and 23 copies of each under other names: about a hundred clauses with rules.
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

fn bench(criterion: &mut Criterion) {
    let (catalog, names) = catalog();
    let case = observations();
    let env = JudgeEnv::new(&catalog);
    let mut group = criterion.benchmark_group("judge");
    group.throughput(Throughput::Elements(1));
    group.sample_size(20);
    for (name, only) in [
        ("300 observations x 100 clauses", ""),
        ("75 endpoints x 24 clauses", "authn-endpoints"),
        ("75 log calls x 24 clauses", "no-sensitive-in-logs"),
        ("75 stores x 24 clauses", "enc-at-rest"),
        ("75 placements x 24 clauses", "data-residency"),
    ] {
        let chosen: Vec<&str> = names.lines().filter(|l| l.contains(only)).collect();
        let text = format!(
            "apiVersion: ligase.dev/v1\nkind: Service\nmetadata: {{ name: a }}\nspec:\n  residency: [eu]\n  constraints:\n{}\n",
            chosen.join("\n")
        );
        let dna = Dna::read("dna.yaml", text.as_bytes(), &catalog).unwrap_or_else(|e| panic!("{}", support::words(&e)));
        let desired = resolve(&catalog, None, Some(&dna), &Approvals::default(), support::NOW);
        group.bench_function(name, |b| {
            b.iter(|| judge(black_box(&env), black_box(&desired), &case.input()));
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
