//! `ligase evidence`: counts the store, or rebuilds its index from what is truth: segments and journal.

use crate::args::{Evidence, EvidenceVerb};
use crate::embedded::store_failure;
use crate::failure::{Exit, Failure};
use crate::output::{self, table};
use ligase_evidence::{Stats, Store, StoreOptions, reindex};
use serde_json::json;

/// Runs it.
pub fn run(args: &Evidence, as_json: bool) -> Result<Exit, Failure> {
    if !args.state.is_dir() {
        let what = format!("there is no state in {}", args.state.display());
        return Err(Failure::input("E-STATE-ABSENT", what, "name the folder with --state"));
    }
    let stats = match args.verb {
        EvidenceVerb::Stats => Store::open(&args.state, StoreOptions::default()).and_then(|s| s.stats()),
        EvidenceVerb::Reindex => reindex(&args.state, StoreOptions::default()),
    };
    let stats = stats.map_err(|e| store_failure(&e))?;
    print(&stats, as_json);
    Ok(Exit::Holds)
}

fn print(stats: &Stats, as_json: bool) {
    let rows = rows(stats);
    if as_json {
        output::json(
            &rows
                .iter()
                .map(|(name, count)| ((*name).to_owned(), json!(count)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        );
    } else {
        table(&["", ""], rows.iter().map(|(name, count)| vec![(*name).replace('_', " "), count.to_string()]).collect());
    }
}

fn rows(stats: &Stats) -> Vec<(&'static str, u64)> {
    vec![
        ("objects", stats.objects),
        ("bytes", stats.bytes),
        ("segments", stats.segments),
        ("large_objects", stats.large_objects),
        ("journal_entries", stats.journal_entries),
        ("index_entries", stats.index_entries),
        ("index_rebuilds", stats.index_rebuilds),
        ("damaged", stats.damaged),
    ]
}
