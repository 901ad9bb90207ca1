//! F26: the store's index is deleted or damaged before a restart. A full disk is in `room.rs`.

use super::{is_clean, small, work_on};
use ligase_tests::{Fleet, ligase_in};
use std::fs;
use std::path::{Path, PathBuf};

const ROUNDS: usize = 5;

fn files_below(folder: &Path, into: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).expect("a folder").flatten().map(|e| e.path()) {
        if path.is_dir() { files_below(&path, into) } else { into.push(path) }
    }
}

/// Flips a bit in the middle of every file of the index that has one.
fn flip(index: &Path) -> usize {
    let mut files = Vec::new();
    files_below(index, &mut files);
    let mut flipped = 0;
    for file in files {
        let mut bytes = fs::read(&file).expect("a file");
        if let Some(middle) = bytes.len().checked_div(2).filter(|m| *m > 0) {
            bytes[middle] ^= 0x10;
            fs::write(&file, bytes).expect("a file of ours");
            flipped += 1;
        }
    }
    flipped
}

#[test]
fn an_index_that_is_deleted_or_damaged_is_made_again_from_what_is_truth() {
    let mut fleet = Fleet::new(small(4));
    fleet.start_all(&["c1", "w1", "r1"]);
    fleet.wait_led();
    fleet.sweep();
    for round in 1..=ROUNDS * 2 {
        work_on(&fleet.organisation, round);
        fleet.kill("c1");
        let index = fleet.organisation.state().join("index");
        if round % 2 == 0 {
            fs::remove_dir_all(&index).expect("an index");
        } else {
            assert!(flip(&index) > 0, "there is something to flip");
        }
        fleet.start("c1", &[]);
        fleet.wait_led();
        fleet.sweep();
    }
    // And without any coordinator, by whoever has the folder alone.
    fleet.kill("c1");
    let said = ligase_in(fleet.path(), &["status", "--state", "state", "--json"]);
    assert!(matches!(said.code, 0 | 1), "{} {}", said.out, said.err);
    assert_eq!(said.json()["services"].as_array().map(Vec::len), Some(4));
    is_clean(&mut fleet, &[("F26 store's index bit-flipped", ROUNDS), ("F26 store's index deleted", ROUNDS)]);
}
