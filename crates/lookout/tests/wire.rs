//! What comes over the pipes is read as hostile bytes are, and what we write is read as it was meant.

#![allow(clippy::unwrap_used)]

use ligase_catalog::CatalogFile;
use ligase_domain::{Digest, FileObservations, Origin, PathClass};
use ligase_lookout::wire::{
    read_answer, read_opening, read_question, read_ready, write_answer, write_opening, write_question, write_ready,
};
use ligase_probe::Blind;
use proptest::collection::vec;
use proptest::prelude::*;

fn file(path: String, bytes: Vec<u8>) -> CatalogFile {
    CatalogFile { path: path.into(), bytes: bytes.into() }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        let _ = (read_opening(&bytes), read_ready(&bytes), read_question(&bytes), read_answer(&bytes));
    }

    #[test]
    fn an_opening_comes_back(files in vec((".{0,20}", vec(any::<u8>(), 0..50)), 0..6)) {
        let files: Vec<CatalogFile> = files.into_iter().map(|(path, bytes)| file(path, bytes)).collect();
        let written = write_opening(&files);
        let read = read_opening(&written).unwrap();
        let pairs = |files: &[CatalogFile]| files.iter().map(|f| (f.path.to_string(), f.bytes.to_vec())).collect::<Vec<_>>();
        prop_assert_eq!(pairs(&read), pairs(&files));
        for cut in 1..written.len().min(40) {
            // A shorter one is refused, or has fewer files where it ends between two.
            prop_assert!(read_opening(&written[..written.len() - cut]).map_or(true, |read| read.len() < files.len()));
        }
    }

    #[test]
    fn a_question_comes_back(dialect in "[a-z-]{1,12}", origin in 0..Origin::ALL.len(), bytes in vec(any::<u8>(), 0..200)) {
        let class = PathClass { dialect, origin: Origin::ALL[origin] };
        let written = write_question(&class, &bytes);
        let (read, rest) = read_question(&written).unwrap();
        prop_assert_eq!((read, rest), (class, bytes.as_slice()));
    }

    #[test]
    fn a_crash_comes_back_cut_at_a_character(how in ".{0,400}") {
        let Ok(Err(Blind::Crashed(read))) = read_answer(&write_answer(&Err(Blind::Crashed(how.clone())))) else {
            return Err(TestCaseError::fail("not a crash"));
        };
        prop_assert!(how.starts_with(&read) && (read.len() == how.len() || read.len() > 296));
    }
}

#[test]
fn what_was_seen_and_the_set_come_back() {
    let seen = FileObservations { seen: Vec::new(), skipped: Some("too-nested".to_owned()) };
    assert_eq!(read_answer(&write_answer(&Ok(seen.clone()))).unwrap().unwrap(), seen);
    let digest = Digest::of(b"set");
    assert_eq!(read_ready(&write_ready(Some(digest))).unwrap(), Some(digest));
    assert_eq!(read_ready(&write_ready(None)).unwrap(), None);
    assert!(read_ready(b"").is_err() && read_ready(&[2, 1]).is_err() && read_answer(&[7]).is_err());
}
