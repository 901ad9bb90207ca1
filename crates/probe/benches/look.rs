//! Looking against parsing alone: the same files, one through the raw parser, one through everything that looks.
//! Parsing dominates by design; what looking adds is what this measures.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ligase_domain::{MapTree, NoCache};
use ligase_probe::{NoProgress, ProbeSet, link, look};
use std::hint::black_box;

/// One file as services have them: models, routes, logs.
fn source(number: usize) -> String {
    let mut text = String::from(
        "import logging\nfrom typing import Annotated\nfrom fastapi import APIRouter, Depends, HTTPException\n\
         from sqlalchemy.orm import Session\nfrom app.security import current_user, User\n\nlogger = logging.getLogger(__name__)\nrouter = APIRouter(prefix='/patients')\n",
    );
    for i in 0..20 {
        text.push_str(&format!(
            "\n\nclass Patient{number}x{i}:\n    name: str\n    ssn: str\n    diagnosis: str | None = None\n\n\n\
             @router.get('/{{patient_id}}/{i}')\nasync def read_{i}(patient_id: int, user: Annotated[User, Depends(current_user)], db: Session = Depends(get_db)):\n\
             \x20   patient = db.get(Patient{number}x{i}, patient_id)\n    if patient is None:\n        raise HTTPException(status_code=404, detail='no such patient')\n\
             \x20   summary = f'{{patient.id}} {{patient.name}}'\n    logger.info('read %s by %s', summary, user.id)\n    rows = [r.value * 2 + 1 for r in patient.rows if r.value is not None]\n    return {{'patient': patient, 'rows': rows}}\n"
        ));
    }
    text
}

fn compare(criterion: &mut Criterion) {
    let files: Vec<(String, String)> = (0..50).map(|n| (format!("app/m{n}.py"), source(n))).collect();
    let bytes: u64 = files.iter().map(|f| f.1.len() as u64).sum();
    let tree = MapTree::new(files.iter().map(|(p, t)| (p.as_str(), t.as_str())));
    let set = ProbeSet::load(&ligase_catalog::shipped()).expect("the shipped catalog loads");
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool of one thread");
    let mut group = criterion.benchmark_group("python");
    group.throughput(Throughput::Bytes(bytes)).sample_size(20);
    group.bench_function("parse alone, one thread", |b| {
        let mut parser = tree_sitter::Parser::new();
        parser.set_language(&tree_sitter_python::LANGUAGE.into()).expect("the grammar fits");
        b.iter(|| {
            for (_, text) in &files {
                black_box(parser.parse(text, None));
            }
        });
    });
    group.bench_function("look, one thread", |b| {
        b.iter(|| one.install(|| black_box(look(&set, &tree, &NoCache, &NoProgress).files.len())));
    });
    group.bench_function("look, all threads", |b| {
        b.iter(|| black_box(look(&set, &tree, &NoCache, &NoProgress).files.len()))
    });
    group.bench_function("link", |b| {
        let looked = look(&set, &tree, &NoCache, &NoProgress).files;
        b.iter_batched(|| looked.clone(), |files| black_box(link(&set, &files).len()), BatchSize::LargeInput);
    });
    group.finish();
}

criterion_group!(benches, compare);
criterion_main!(benches);
