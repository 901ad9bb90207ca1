//! A writing process is killed at random moments. Whatever it had acknowledged is there afterwards and verifies.
//!
//! The writer is this test binary itself, run again with a variable that names the store's folder.
#![allow(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

mod common;

use common::*;
use ligase_domain::Digest;
use ligase_evidence::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

const FOLDER: &str = "LIGASE_EVIDENCE_KILL_FOLDER";
const ROUND: &str = "LIGASE_EVIDENCE_KILL_ROUND";
const ROUNDS: u64 = 24;
const WRITERS: u64 = 4;

/// Not a test of its own: what the killed process does. Without the variable it does nothing.
#[test]
fn writer_that_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let round: u64 = std::env::var(ROUND).unwrap().parse().unwrap();
    let store = Arc::new(Store::open(Path::new(&folder), small()).unwrap());
    let threads: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = Arc::clone(&store);
            std::thread::spawn(move || {
                for step in 0.. {
                    write_and_tell(&store, ((round * WRITERS + writer) << 32) + step * 10);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn write_and_tell(store: &Store, base: u64) {
    let tell = |line: String| {
        // One write for each line, so that a line is there whole or not at all.
        std::io::stdout().lock().write_all(format!("ack {line}\n").as_bytes()).unwrap();
        std::io::stdout().flush().unwrap();
    };
    let count = 1 + base % 7;
    for found in store.put_batch((0..count).map(|n| object(base + n)).collect()).unwrap() {
        tell(format!("object {found}"));
    }
    store.put_looks(&[(look(base), digest(base))]).unwrap();
    tell(format!("look {} {}", look(base), digest(base)));
    let first = store.append((0..count).map(|n| entry(base + n)).collect()).unwrap();
    (0..count).for_each(|n| tell(format!("entry {} {}", first + n, digest(base + n))));
}

#[derive(Default)]
struct Acknowledged {
    objects: BTreeSet<Digest>,
    looks: BTreeMap<Digest, Digest>,
    entries: BTreeMap<u64, Digest>,
}

impl Acknowledged {
    fn take(&mut self, line: &str) {
        // The harness may have written before it on the same line.
        let Some((_, line)) = line.split_once("ack ") else { return };
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["object", digest] => drop(self.objects.insert(digest.parse().unwrap())),
            ["look", look, digest] => drop(self.looks.insert(look.parse().unwrap(), digest.parse().unwrap())),
            ["entry", number, digest] => drop(self.entries.insert(number.parse().unwrap(), digest.parse().unwrap())),
            _ => panic!("{line}"),
        }
    }

    fn assert_kept(&self, folder: &Path, round: u64) {
        let store = Store::open(folder, small()).unwrap();
        assert_eq!(store.damage(), [], "round {round}");
        for digest in &self.objects {
            let bytes = store.get(digest).unwrap().unwrap_or_else(|| panic!("round {round}: {digest} is gone"));
            assert_eq!(Digest::of(&bytes), *digest);
        }
        let looks: Vec<_> = self.looks.keys().copied().collect();
        let objects: Vec<_> = self.looks.values().map(|digest| Some(*digest)).collect();
        assert_eq!(store.get_looks(&looks).unwrap(), objects);
        let journal: Vec<_> = store.journal(0).map(|leaf| leaf.unwrap().entry).collect();
        assert!(journal.iter().zip(0..).all(|(entry, number)| entry.sequence == number), "no gaps");
        for (number, digest) in &self.entries {
            assert_eq!(
                journal.get(*number as usize).map(|entry| entry.digest),
                Some(*digest),
                "round {round}, entry {number}"
            );
        }
        let named: Vec<_> = journal.iter().map(|entry| entry.digest).collect();
        assert_eq!(store.missing(&named).unwrap(), [], "an entry names only what is there");
        let stats = store.stats().unwrap();
        assert_eq!(stats.journal_entries, journal.len() as u64);
    }
}

#[test]
fn a_killed_writer_loses_nothing_that_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    let mut state = 0x1234_5678_9abc_def1_u64;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer_that_is_killed", "--nocapture", "--test-threads=1"])
            .env(FOLDER, dir.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (lines, heard) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            // The last line may be torn by the kill: a line counts only with its end.
            let mut out = out;
            let mut line = String::new();
            while out.read_line(&mut line).is_ok_and(|n| n > 0) && line.ends_with('\n') {
                lines.send(line.trim_end().to_owned()).unwrap();
                line.clear();
            }
        });
        // Some rounds die while the store is opened, the others after their first acknowledgements.
        if round % 6 != 5 {
            while !heard.recv().unwrap().contains("ack ") {}
        }
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_micros((state >> 33) % 120_000));
        child.kill().unwrap();
        child.wait().unwrap();
        reader.join().unwrap();
        heard.try_iter().for_each(|line| acknowledged.take(&line));
        acknowledged.assert_kept(dir.path(), round);
    }
    let counts = (acknowledged.objects.len(), acknowledged.looks.len(), acknowledged.entries.len());
    assert!(counts.0 > 500 && counts.1 > 100 && counts.2 > 500, "too little was written to prove anything: {counts:?}");
}
