//! One trace from the sweep to the pull request, over real processes: each stage is there, below the one that caused it.

use ligase_tests::collector::{Collector, Span, tree};
use ligase_tests::{Fleet, Organisation, wait_for};

/// A span of that name in the trace of the first sweep.
fn named<'a>(spans: &'a [Span], trace: &str, name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|s| s.ids.0 == trace && s.name == name).collect()
}

/// Whether `upper` stands somewhere above `span`.
fn is_below(spans: &[Span], span: &Span, upper: &str) -> bool {
    let mut at = span.ids.2.clone();
    for _ in 0..32 {
        let Some(parent) = spans.iter().find(|s| s.ids.1 == at) else { return false };
        if parent.name == upper {
            return true;
        }
        at.clone_from(&parent.ids.2);
    }
    false
}

#[test]
fn one_trace_goes_from_the_sweep_to_the_pull_request() {
    let collector = Collector::start();
    let url = collector.url();
    let mut fleet = Fleet::new(Organisation::of_demo());
    for name in ["c1", "w1", "r1"] {
        fleet.start(name, &[("LIGASE_OTLP", url.as_str())]);
    }
    fleet.wait_led();
    let summary = fleet.sweep();
    assert!(summary["opened"].as_u64() > Some(0), "no pull request was opened: {summary}");
    // A role sends what is left when it is told to stop.
    for name in ["w1", "r1", "c1"] {
        fleet.ask_to_end(name);
        fleet.wait_ended(name);
    }
    let (spans, trace) = wait_for("a trace with a delivery", || {
        let spans = collector.spans();
        let trace = spans.iter().find(|s| s.name == "deliver")?.ids.0.clone();
        Some((spans, trace))
    });
    println!("{}", tree(&spans, &trace));
    let below = [
        ("publish", "sweep"),
        ("probe", "publish"),
        ("fetch", "probe"),
        ("look", "probe"),
        ("upload", "probe"),
        ("report", "probe"),
        ("record", "report"),
        ("judge", "sweep"),
        ("remedy", "publish"),
        ("propose-and-gate", "remedy"),
        ("verification", "publish"),
        ("deliver", "sweep"),
    ];
    for (name, upper) in below {
        let all = named(&spans, &trace, name);
        assert!(!all.is_empty(), "no span {name} in the trace:\n{}", tree(&spans, &trace));
        let placed = all.iter().any(|s| is_below(&spans, s, upper));
        assert!(placed, "no {name} stands below {upper}:\n{}", tree(&spans, &trace));
    }
    let services: std::collections::BTreeSet<_> =
        spans.iter().filter(|s| s.ids.0 == trace).map(|s| s.service.as_str()).collect();
    assert_eq!(services.len(), 3, "{services:?}");
}
