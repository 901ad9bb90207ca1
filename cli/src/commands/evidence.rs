//! `ligase evidence`: counts the store, rebuilds its index from what is truth, segments and journal, or exports the journal.

use crate::args::{Evidence, EvidenceVerb};
use crate::embedded::store_failure;
use crate::failure::{Exit, Failure};
use crate::output::{self, table};
use ligase_evidence::{Stats, Store, StoreError, StoreOptions, reindex};
use serde_json::json;

/// Runs it.
pub fn run(args: &Evidence, as_json: bool) -> Result<Exit, Failure> {
    if !args.state.is_dir() {
        let what = format!("there is no state in {}", args.state.display());
        return Err(Failure::input("E-STATE-ABSENT", what, "name the folder with --state"));
    }
    let stats = match args.verb {
        EvidenceVerb::Journal => return export(args).map_err(|e| store_failure(&e)),
        EvidenceVerb::Stats => options(args).and_then(|o| Store::open(&args.state, o)).and_then(|s| s.stats()),
        EvidenceVerb::Reindex => options(args).and_then(|o| reindex(&args.state, o)),
    };
    let stats = stats.map_err(|e| store_failure(&e))?;
    print(&stats, as_json);
    Ok(Exit::Holds)
}

/// Goes on in the last term: nobody else writes while the folder is locked.
fn options(args: &Evidence) -> Result<StoreOptions, StoreError> {
    Ok(StoreOptions { fence: Store::last_term(&args.state)?, ..StoreOptions::default() })
}

/// Writes the journal out. An object that is no JSON, or that the store has lost, is null.
fn export(args: &Evidence) -> Result<Exit, StoreError> {
    let store = Store::open(&args.state, options(args)?)?;
    for leaf in store.journal(0) {
        let entry = leaf?.entry;
        let bytes = store.get(&entry.digest)?;
        let object: serde_json::Value = bytes.and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
        let (at, digest) = (ligase_runtime::rfc3339(entry.at.0), entry.digest.to_string());
        let row = json!({
            "sequence": entry.sequence, "kind": entry.kind, "at": at, "at_ms": entry.at.0, "digest": digest, "object": object,
        });
        anstream::println!("{row}");
    }
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
