//! Metrics: counted here, exported where `telemetry.rs` was told to. Without an exporter an instrument costs a hash lookup.
//!
//! Names are Prometheus's: `ligase_…`, counters end in `_total`, durations in `_seconds`. Every name that is used stands in
//! [`NAMES`], so that dashboards and alerts can be checked against it.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Every metric: its name, and what it says.
pub const NAMES: &[(&str, &str)] = &[
    ("ligase_attempts_total", "Attempts at tasks that ended, by outcome"),
    ("ligase_attempts_stuck_total", "Attempts that made no progress and were ended, by kind"),
    ("ligase_attempts_left_behind", "Attempts that were ended and whose threads still run"),
    ("ligase_stage_seconds", "How long a stage of an attempt took, by kind and stage"),
    ("ligase_tasks_published_total", "Publications, by kind and what became of them"),
    ("ligase_tasks_leased_total", "Deliveries taken, by kind and whether they were delivered before"),
    ("ligase_queue_waiting", "Tasks that nobody holds, by kind and lane"),
    ("ligase_queue_leased", "Tasks that are held, by kind and lane"),
    ("ligase_queue_oldest_seconds", "Age of the oldest task that is not settled, by kind and lane"),
    ("ligase_queue_wait_seconds", "How long a task waited from its publication to its delivery, by kind"),
    ("ligase_dead_letters_total", "Tasks set aside after their last attempt, by kind"),
    ("ligase_republished_total", "Tasks that the queue had lost and the reconciler published again, by kind"),
    ("ligase_results_total", "Results that the coordinator accepted or refused, by kind and outcome"),
    ("ligase_rpc_refused_total", "Calls refused for what the caller is or sent, by code and the caller's role"),
    ("ligase_tls_refused_total", "Connections that did not come about, by reason"),
    ("ligase_results_differ_total", "Second results of a recorded task that differ from the recorded one, by kind"),
    ("ligase_upload_bytes_total", "Bytes of objects that came in"),
    ("ligase_look_files_total", "Files by where what was seen of them came from: looked or cache"),
    ("ligase_clones_total", "Repositories fetched from a server"),
    ("ligase_budget_refusals_total", "Attempts that ended at a budget, by reason"),
    ("ligase_sweeps_total", "Sweeps that ended, by outcome"),
    ("ligase_sweep_planned", "Tasks of the running sweep that have not ended"),
    ("ligase_leading", "1 on the coordinator that leads, 0 on a standby"),
    ("ligase_members", "Workers and agent-runners heard of lately, by role"),
    ("ligase_slots", "Attempts that a member runs at once, by role"),
];

struct Instruments {
    counters: HashMap<&'static str, Counter<u64>>,
    gauges: HashMap<&'static str, Gauge<f64>>,
    histograms: HashMap<&'static str, Histogram<f64>>,
}

fn instruments() -> MutexGuard<'static, Instruments> {
    static ALL: OnceLock<Mutex<Instruments>> = OnceLock::new();
    let empty = || Instruments { counters: HashMap::new(), gauges: HashMap::new(), histograms: HashMap::new() };
    ALL.get_or_init(|| Mutex::new(empty())).lock().unwrap_or_else(PoisonError::into_inner)
}

fn described(name: &'static str) -> &'static str {
    NAMES.iter().find(|(known, _)| *known == name).map_or("", |(_, said)| said)
}

fn labels(with: &[(&'static str, &str)]) -> Vec<KeyValue> {
    with.iter().map(|(name, value)| KeyValue::new(*name, (*value).to_owned())).collect()
}

/// Adds to a counter.
pub fn count(name: &'static str, with: &[(&'static str, &str)], by: u64) {
    let make = || opentelemetry::global::meter("ligase").u64_counter(name).with_description(described(name)).build();
    let counter = instruments().counters.entry(name).or_insert_with(make).clone();
    counter.add(by, &labels(with));
}

/// Sets a gauge.
pub fn gauge(name: &'static str, with: &[(&'static str, &str)], value: f64) {
    let make = || opentelemetry::global::meter("ligase").f64_gauge(name).with_description(described(name)).build();
    let gauge = instruments().gauges.entry(name).or_insert_with(make).clone();
    gauge.record(value, &labels(with));
}

/// Records a duration.
pub fn took(name: &'static str, with: &[(&'static str, &str)], duration: Duration) {
    let make = || opentelemetry::global::meter("ligase").f64_histogram(name).with_description(described(name)).build();
    let histogram = instruments().histograms.entry(name).or_insert_with(make).clone();
    histogram.record(duration.as_secs_f64(), &labels(with));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_prometheus_expects_and_stand_once() {
        for (name, said) in NAMES {
            assert!(name.starts_with("ligase_") && !said.is_empty(), "{name}");
            assert_eq!(NAMES.iter().filter(|(other, _)| other == name).count(), 1, "{name}");
        }
    }
}
