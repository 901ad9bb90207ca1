//! What the journal says of a sweep after its coordinator has ended: which tasks there were, how often each was recorded,
//! and when attempts began and ended. It decides nothing that the product decides.

use ligase_domain::Value;
use ligase_evidence::{Store, StoreOptions};
use ligase_record::{Event, decode_event};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// What was read, with the server's times in milliseconds.
#[derive(Default, Debug)]
pub struct Journal {
    /// When the sweep's manifest was written.
    pub sweep_started: i64,
    /// Repositories of the manifest.
    pub manifest: BTreeSet<String>,
    /// Terminal records of probe tasks, by key.
    pub probed: BTreeMap<String, u64>,
    /// Terminal records by key, of every kind.
    pub terminal: BTreeMap<String, u64>,
    /// When the first attempt of each kind began.
    pub first_began: BTreeMap<String, i64>,
    /// When the last recorded attempt of each kind ended.
    pub last_ended: BTreeMap<String, i64>,
    /// Attempts that began, by kind.
    pub attempts: BTreeMap<String, u64>,
}

impl Journal {
    /// Reads what the journal says of one sweep, counted from 1. Nobody else may have the state folder open.
    pub fn read(state: &Path, sweep: usize) -> io::Result<Self> {
        let fence = Store::last_term(state).map_err(io::Error::other)?;
        let store = Store::open(state, StoreOptions { fence, ..StoreOptions::default() }).map_err(io::Error::other)?;
        let (mut journal, mut sweeps) = (Self::default(), 0);
        for leaf in store.journal(0) {
            let entry = leaf.map_err(io::Error::other)?.entry;
            if entry.kind == "assessment" {
                continue;
            }
            let bytes = store.get(&entry.digest).map_err(io::Error::other)?;
            let bytes = bytes.ok_or_else(|| io::Error::other("the journal names an object that is not there"))?;
            sweeps += usize::from(entry.kind == "sweep-started");
            if sweeps == sweep {
                journal.take(entry.at.0, &decode_event(&bytes).map_err(io::Error::other)?);
            }
        }
        Ok(journal)
    }

    fn take(&mut self, at: i64, event: &Event) {
        let kind = text(event, "kind");
        match event.kind.as_str() {
            "sweep-started" => {
                self.sweep_started = at;
                if let Some(Value::List(rows)) = event.fields.get("repositories") {
                    self.manifest.extend(rows.iter().map(|row| format!("{row:?}")));
                }
            }
            "probed" | "remedied" | "verified" => {
                *self.terminal.entry(text(event, "key")).or_default() += 1;
                if event.kind == "probed" {
                    *self.probed.entry(text(event, "key")).or_default() += 1;
                }
            }
            "attempt-began" => {
                *self.attempts.entry(kind.clone()).or_default() += 1;
                self.first_began.entry(kind).or_insert(at);
            }
            "attempt-ended" if text(event, "cause") == "recorded" => {
                self.last_ended.insert(kind, at);
            }
            _ => {}
        }
    }

    /// Repositories without a terminal record, and terminal records beyond a task's first.
    pub fn lost_and_twice(&self) -> (u64, u64) {
        let lost = (self.manifest.len() as u64).saturating_sub(self.probed.len() as u64);
        (lost, self.terminal.values().map(|count| count - 1).sum())
    }
}

fn text(event: &Event, name: &str) -> String {
    event.fields.get(name).and_then(Value::as_text).unwrap_or_default().to_owned()
}
