//! What commits say, compared with what the git command says of the same repository.

#![allow(clippy::unwrap_used)]

mod fixture;

use fixture::{Fixture, git};
use ligase_vcs::Repository;
use proptest::prelude::*;

#[test]
fn people_times_and_trailers_of_a_commit() {
    let fixture = Fixture::with(&[("a", "b")]);
    let parent = fixture.head();
    let head = fixture.commit(&[("a", "c")], "subject\n\nbody\n\nLigase-Intent: abc\nligase-patch: def");
    let commit = Repository::open(&fixture.work()).unwrap().commit(&head).unwrap();
    assert_eq!((commit.id, commit.parents.as_slice()), (head, [parent].as_slice()));
    assert_eq!((commit.author.name.as_str(), commit.author.email.as_str()), ("Ann", "ann@example.org"));
    assert_eq!((commit.authored.0, commit.committed.0), (1_700_000_000_000, 1_700_000_000_000));
    assert_eq!(commit.trailer("ligase-intent").collect::<Vec<_>>(), ["abc"]);
    assert_eq!(commit.trailer("Ligase-Patch").collect::<Vec<_>>(), ["def"]);
}

#[test]
fn bytes_are_traced_to_the_commit_that_brought_them_in() {
    let fixture = Fixture::with(&[("dna.yaml", "one"), ("x", "1")]);
    let repository = Repository::open(&fixture.work()).unwrap();
    let blob = |commit| repository.entry_at(&commit, &"dna.yaml".into()).unwrap().unwrap().oid;
    let first = fixture.head();
    let other = fixture.commit(&[("x", "2")], "other");
    git(&fixture.work(), &["checkout", "-q", "-b", "side"]);
    let changed = fixture.commit(&[("dna.yaml", "two")], "waiver");
    git(&fixture.work(), &["checkout", "-q", "main"]);
    fixture.commit(&[("x", "3")], "meanwhile");
    git(&fixture.work(), &["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    let tip = fixture.commit(&[("x", "4")], "later");
    let by = |tip, blob| repository.introduced_by(&tip, &"dna.yaml".into(), &blob).unwrap();
    assert_eq!(by(tip, blob(tip)), Some(changed));
    assert_eq!(by(other, blob(other)), Some(first));
    assert_eq!(by(tip, blob(first)), None);
    assert!(repository.is_ancestor(&changed, &tip).unwrap() && repository.is_ancestor(&tip, &tip).unwrap());
    assert!(!repository.is_ancestor(&tip, &changed).unwrap());
    // The same bytes, taken out and put back by somebody else, are that commit's.
    fixture.commit(&[("dna.yaml", "three")], "out");
    let back = fixture.commit(&[("dna.yaml", "two")], "back");
    assert_eq!(by(back, blob(back)), Some(back));
}

#[test]
fn a_file_that_becomes_a_folder_is_two_changes() {
    let fixture = Fixture::with(&[("p", "file"), ("same/x", "x")]);
    let before = fixture.head();
    std::fs::remove_file(fixture.work().join("p")).unwrap();
    let after = fixture.commit(&[("p/q", "inner")], "folder");
    let changed = Repository::open(&fixture.work()).unwrap().changed_paths(&before, &after).unwrap();
    let shown: Vec<_> = changed.iter().map(|c| (c.path.to_string(), c.before.is_some(), c.after.is_some())).collect();
    assert_eq!(shown, [("p".to_owned(), true, false), ("p/q".to_owned(), false, true)]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn changed_paths_are_those_that_git_lists(
        one in proptest::collection::btree_map("[ab]{1,2}(/[cd]{1,2}){0,2}", "[xy]", 0..8),
        two in proptest::collection::btree_map("[ab]{1,2}(/[cd]{1,2}){0,2}", "[xy]", 0..8),
    ) {
        let fixture = Fixture::new();
        let mut commits = Vec::new();
        for files in [&one, &two] {
            for entry in std::fs::read_dir(fixture.work()).unwrap().flatten().filter(|e| e.file_name() != ".git") {
                let path = entry.path();
                if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
            }
            for (path, text) in files {
                let path = fixture.work().join(path);
                // A name cannot be a file and a folder; the first one stands.
                if std::fs::create_dir_all(path.parent().unwrap()).is_ok() && !path.is_dir() {
                    std::fs::write(path, text).unwrap();
                }
            }
            commits.push(fixture.commit(&[], "x"));
        }
        let repository = Repository::open(&fixture.work()).unwrap();
        let ours: Vec<String> =
            repository.changed_paths(&commits[0], &commits[1]).unwrap().iter().map(|c| c.path.to_string()).collect();
        let theirs = git(&fixture.work(), &["diff", "--name-only", "--no-renames", &commits[0].to_string(), &commits[1].to_string()]);
        let mut theirs: Vec<&str> = theirs.lines().collect();
        theirs.sort_unstable();
        prop_assert_eq!(ours, theirs);
    }
}
