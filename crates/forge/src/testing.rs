//! The conformance suite of the port: what every forge promises, seen only through the port and through a person's hands.
//! A forge that cannot do something has to say so; what it can do, it does like every other.

#![allow(clippy::unwrap_used, reason = "a suite of tests: a failed promise is a panic")]

use crate::{Actor, Forge, ForgeError, Publication, PullState, Verdict};
use ligase_domain::{Digest, IntentId, Oid, RepoPath, RepositoryId, Timestamp};
use ligase_vcs::Signer;
use std::any::Any;

/// What a person does to a repository by other ways than the forge's port: with git, or on the forge's pages.
pub trait Hands {
    /// Commits one file on a branch's tip (of `main`, where there is no such branch) and pushes; the commit.
    fn commit(&self, branch: &str, path: &str, text: &str) -> Oid;
    /// Merges a branch into `main` and pushes; the merge commit.
    fn merge(&self, branch: &str) -> Oid;
    /// Removes a branch.
    fn remove(&self, branch: &str);
    /// A file of a commit.
    fn read(&self, revision: &Oid, path: &str) -> Option<Vec<u8>>;
    /// Where a branch stands.
    fn tip(&self, branch: &str) -> Option<Oid>;
}

/// A forge with one repository whose branch `main` holds `app.py` with `old\n` and nine more lines.
pub struct Bench {
    /// The forge.
    pub forge: Box<dyn Forge>,
    /// The repository.
    pub repository: RepositoryId,
    /// A person.
    pub hands: Box<dyn Hands>,
    /// What has to live as long as the test.
    pub keep: Box<dyn Any>,
}

/// The content of `app.py` in a bench.
pub const APP: &str = "old\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";

/// A promise by name, and how it is tried.
pub type Promise = (&'static str, fn(&Bench));

/// Every promise.
pub const PROMISES: &[Promise] = &[
    ("a_listing_has_the_repository_once", listing_has_the_repository_once),
    ("publishing_twice_is_publishing_once", publishing_twice_is_publishing_once),
    ("a_new_patch_moves_the_branch_of_the_same_pull_request", new_patch_moves_the_branch),
    ("what_a_person_did_to_the_branch_is_left_alone", human_work_is_left_alone),
    ("a_branch_that_a_person_made_is_not_taken", persons_branch_is_not_taken),
    ("a_branch_that_a_person_removed_is_not_made_again", removed_branch_is_not_made_again),
    ("a_merge_lands_exactly_the_head_that_was_looked_at", merge_lands_the_expected_head),
    ("a_merge_keeps_what_others_did_to_the_base", merge_keeps_the_base),
    ("a_draft_is_not_merged", draft_is_not_merged),
    ("a_conflict_changes_nothing", conflict_changes_nothing),
    ("a_merge_by_hand_is_seen", merge_by_hand_is_seen),
    ("a_revert_takes_the_patch_out_and_is_recorded", revert_takes_the_patch_out),
    ("closed_stays_closed_and_a_new_publication_is_a_new_pull_request", closed_stays_closed),
    ("reviews_are_of_a_head", reviews_are_of_a_head),
    ("remarks_are_kept_in_order_and_once", remarks_are_kept),
    ("an_approval_covers_exactly_the_bytes_of_its_commit", approval_covers_bytes),
    ("two_intents_have_two_pull_requests", two_intents_two_pulls),
    ("what_makes_no_sense_is_refused", nonsense_is_refused),
];

/// Keeps every promise that its capabilities cover; a panic names the first that does not.
pub fn conforms(make: &dyn Fn() -> Bench) {
    for (name, promise) in PROMISES {
        let bench = make();
        let can = bench.forge.capabilities();
        let writes = *name != PROMISES[0].0;
        if writes && !(can.publish && can.merge && can.review) {
            assert!(!can.publish && !can.merge && !can.review, "{name}: half of a forge has no suite yet");
            refuses_all_writes(&bench);
            continue;
        }
        let kept = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| promise(&bench)));
        assert!(kept.is_ok(), "the forge {} does not keep: {name}", bench.forge.name());
    }
}

/// A publication that replaces the first line of `app.py`.
pub fn publication(bench: &Bench, intent: &str, text: &str) -> Publication {
    let (base_branch, base_revision) = bench.forge.head(&bench.repository).unwrap();
    let intent_id = IntentId(Digest::of(intent.as_bytes()));
    Publication {
        intent: intent_id,
        branch: format!("ligase/{intent}-{}", intent_id.0.short()),
        base_branch,
        base_revision,
        changes: vec![(RepoPath::from("app.py"), APP.replacen("old", text, 1).into_bytes())],
        message: format!("Do {intent}"),
        title: format!("Do {intent}"),
        body: "Why and how.".to_owned(),
        draft: false,
        expected_head: None,
        signer: Signer::new("Ligase", "ligase@example.org", 1_700_000_000),
        at: AT,
    }
}

const AT: Timestamp = Timestamp(1_700_000_000_000);

fn later(seconds: i64) -> Timestamp {
    Timestamp(AT.0 + seconds * 1000)
}

fn ann() -> Actor {
    Actor::Person("ann".to_owned())
}

fn listing_has_the_repository_once(b: &Bench) {
    let listing = b.forge.listing().unwrap();
    assert!(listing.complete);
    assert_eq!(listing.repositories.iter().filter(|r| r.id == b.repository).count(), 1);
    assert!(listing.repositories.windows(2).all(|w| w[0].id < w[1].id));
    assert!(listing.repositories.iter().all(|r| r.id.forge == b.forge.name()));
    let (branch, head) = b.forge.head(&b.repository).unwrap();
    assert_eq!((branch.as_str(), Some(head)), ("main", b.hands.tip("main")));
    let nowhere = RepositoryId { forge: b.forge.name().to_owned(), stable: "no/such".to_owned() };
    assert!(matches!(b.forge.head(&nowhere), Err(ForgeError::Failed { .. })));
}

fn publishing_twice_is_publishing_once(b: &Bench) {
    let wanted = publication(b, "guard", "new");
    let first = b.forge.publish(&b.repository, &wanted).unwrap();
    assert!(first.created);
    let again = b.forge.publish(&b.repository, &wanted).unwrap();
    assert_eq!((again.number, again.head, again.created), (first.number, first.head, false));
    let known = Publication { expected_head: Some(first.head), ..wanted.clone() };
    assert_eq!(b.forge.publish(&b.repository, &known).unwrap(), again);
    let pulls = b.forge.pulls(&b.repository).unwrap();
    assert_eq!(pulls.len(), 1);
    let pull = &pulls[0];
    assert_eq!((pull.number, pull.pushed_head, pull.branch_head), (first.number, first.head, Some(first.head)));
    assert!(pull.is_open() && !pull.is_human_touched() && !pull.draft && !pull.simulated);
    assert_eq!((&pull.intent, &pull.branch, &pull.base_branch), (&wanted.intent, &wanted.branch, &wanted.base_branch));
    assert!(pull.body.contains(&wanted.intent.to_string()));
    assert_eq!(b.hands.tip(&wanted.branch), Some(first.head));
    assert!(b.hands.read(&first.head, "app.py").unwrap().starts_with(b"new\n"));
    assert_eq!(b.forge.pull(&b.repository, first.number).unwrap(), *pull);
    assert!(b.forge.pull(&b.repository, first.number + 100).is_err());
}

fn new_patch_moves_the_branch(b: &Bench) {
    let wanted = publication(b, "guard", "new");
    let first = b.forge.publish(&b.repository, &wanted).unwrap();
    b.hands.commit("main", "other.py", "x\n");
    let mut next = publication(b, "guard", "newer");
    next.expected_head = Some(first.head);
    next.title = "Another title".to_owned();
    let second = b.forge.publish(&b.repository, &next).unwrap();
    assert_eq!((second.number, second.created), (first.number, false));
    assert_ne!(second.head, first.head);
    let pull = b.forge.pull(&b.repository, first.number).unwrap();
    assert_eq!((pull.pushed_head, pull.branch_head), (second.head, Some(second.head)));
    assert_eq!((pull.base_revision, pull.title.as_str()), (next.base_revision, "Another title"));
}

fn human_work_is_left_alone(b: &Bench) {
    let wanted = publication(b, "guard", "new");
    let first = b.forge.publish(&b.repository, &wanted).unwrap();
    let theirs = b.hands.commit(&wanted.branch, "app.py", "mine\n");
    for expected_head in [None, Some(first.head)] {
        for text in ["new", "newer"] {
            let next = Publication { expected_head, ..publication(b, "guard", text) };
            let refused = b.forge.publish(&b.repository, &next);
            assert_eq!(refused, Err(ForgeError::HumanTouched { found: Some(theirs) }));
        }
    }
    assert_eq!(b.hands.tip(&wanted.branch), Some(theirs));
    assert!(b.forge.pull(&b.repository, first.number).unwrap().is_human_touched());
    // Somebody who looked at it and says so may have it replaced.
    let regenerate = Publication { expected_head: Some(theirs), ..publication(b, "guard", "newer") };
    let replaced = b.forge.publish(&b.repository, &regenerate).unwrap();
    assert_eq!(b.hands.tip(&wanted.branch), Some(replaced.head));
}

fn persons_branch_is_not_taken(b: &Bench) {
    let wanted = publication(b, "guard", "new");
    let theirs = b.hands.commit(&wanted.branch, "notes", "mine\n");
    assert_eq!(b.forge.publish(&b.repository, &wanted), Err(ForgeError::HumanTouched { found: Some(theirs) }));
    assert_eq!(b.forge.pulls(&b.repository).unwrap(), []);
}

fn removed_branch_is_not_made_again(b: &Bench) {
    let wanted = publication(b, "guard", "new");
    let first = b.forge.publish(&b.repository, &wanted).unwrap();
    b.hands.remove(&wanted.branch);
    for expected_head in [None, Some(first.head)] {
        let next = Publication { expected_head, ..publication(b, "guard", "newer") };
        assert_eq!(b.forge.publish(&b.repository, &next), Err(ForgeError::HumanTouched { found: None }));
    }
    assert_eq!(b.hands.tip(&wanted.branch), None);
}

fn merge_lands_the_expected_head(b: &Bench) {
    let wanted = publication(b, "guard", "new");
    let Publication { branch, .. } = &wanted;
    let first = b.forge.publish(&b.repository, &wanted).unwrap();
    let theirs = b.hands.commit(branch, "extra", "x\n");
    let moved = b.forge.merge(&b.repository, first.number, &ann(), &first.head, false, later(1));
    assert_eq!(moved, Err(ForgeError::HeadMoved { found: Some(theirs) }));
    assert_eq!(b.hands.tip("main"), Some(wanted.base_revision));
    let commit = b.forge.merge(&b.repository, first.number, &ann(), &theirs, true, later(2)).unwrap();
    assert_eq!(b.hands.tip("main"), Some(commit));
    assert_eq!(b.hands.read(&commit, "extra").unwrap(), b"x\n");
    let pull = b.forge.pull(&b.repository, first.number).unwrap();
    assert_eq!(pull.state, PullState::Merged { commit, by: ann(), at: later(2) });
    assert!(pull.simulated);
    // Said again after a lost answer, it is the same merge.
    assert_eq!(b.forge.merge(&b.repository, first.number, &ann(), &theirs, true, later(9)), Ok(commit));
    assert_eq!(b.hands.tip("main"), Some(commit));
    assert!(matches!(
        b.forge.close(&b.repository, first.number, &ann(), "no", later(3)),
        Err(ForgeError::NotOpen { .. })
    ));
}

fn merge_keeps_the_base(b: &Bench) {
    let wanted = publication(b, "guard", "new");
    let first = b.forge.publish(&b.repository, &wanted).unwrap();
    let other = b.hands.commit("main", "app.py", &APP.replace("10", "ten"));
    let commit = b.forge.merge(&b.repository, first.number, &ann(), &first.head, false, later(1)).unwrap();
    assert_ne!(commit, other);
    assert_eq!(b.hands.read(&commit, "app.py").unwrap(), APP.replace("10", "ten").replace("old", "new").into_bytes());
}

fn draft_is_not_merged(b: &Bench) {
    let wanted = Publication { draft: true, ..publication(b, "guard", "new") };
    let first = b.forge.publish(&b.repository, &wanted).unwrap();
    assert!(b.forge.pull(&b.repository, first.number).unwrap().draft);
    let refused = b.forge.merge(&b.repository, first.number, &ann(), &first.head, false, later(1));
    assert!(matches!(refused, Err(ForgeError::NotAllowed(_))));
    assert_eq!(b.hands.tip("main"), Some(wanted.base_revision));
}

fn conflict_changes_nothing(b: &Bench) {
    let wanted = publication(b, "guard", "new");
    let first = b.forge.publish(&b.repository, &wanted).unwrap();
    let other = b.hands.commit("main", "app.py", &APP.replace("old", "another"));
    let refused = b.forge.merge(&b.repository, first.number, &ann(), &first.head, false, later(1));
    assert_eq!(refused, Err(ForgeError::Conflict { paths: vec![RepoPath::from("app.py")] }));
    assert_eq!(b.hands.tip("main"), Some(other));
    assert!(b.forge.pull(&b.repository, first.number).unwrap().is_open());
}

fn merge_by_hand_is_seen(b: &Bench) {
    let wanted = publication(b, "guard", "new");
    let first = b.forge.publish(&b.repository, &wanted).unwrap();
    b.hands.commit("main", "before", "x\n");
    assert!(b.forge.pull(&b.repository, first.number).unwrap().is_open());
    let merged = b.hands.merge(&wanted.branch);
    b.hands.commit("main", "after", "x\n");
    let pull = b.forge.pull(&b.repository, first.number).unwrap();
    assert!(
        matches!(&pull.state, PullState::Merged { commit, by: Actor::Person(_), .. } if *commit == merged),
        "{pull:?}"
    );
    assert!(!pull.simulated);
    assert_eq!(b.forge.pulls(&b.repository).unwrap(), [pull]);
}

fn revert_takes_the_patch_out(b: &Bench) {
    let wanted = publication(b, "guard", "new");
    let first = b.forge.publish(&b.repository, &wanted).unwrap();
    assert!(matches!(b.forge.revert(&b.repository, first.number, &ann(), later(1)), Err(ForgeError::NotAllowed(_))));
    b.forge.merge(&b.repository, first.number, &ann(), &first.head, false, later(1)).unwrap();
    b.hands.commit("main", "after", "x\n");
    let commit = b.forge.revert(&b.repository, first.number, &ann(), later(2)).unwrap();
    assert_eq!(b.hands.tip("main"), Some(commit));
    assert_eq!(b.hands.read(&commit, "app.py").unwrap(), APP.as_bytes());
    assert_eq!(b.hands.read(&commit, "after").unwrap(), b"x\n");
    let pull = b.forge.pull(&b.repository, first.number).unwrap();
    assert!(matches!(pull.state, PullState::Merged { .. }));
    assert_eq!(pull.reverted.map(|r| (r.commit, r.by)), Some((commit, ann())));
    assert_eq!(b.forge.revert(&b.repository, first.number, &ann(), later(3)), Ok(commit));
}

fn closed_stays_closed(b: &Bench) {
    let wanted = publication(b, "guard", "new");
    let first = b.forge.publish(&b.repository, &wanted).unwrap();
    b.forge.close(&b.repository, first.number, &ann(), "we do it otherwise", later(1)).unwrap();
    let closed = b.forge.pull(&b.repository, first.number).unwrap();
    let reason = "we do it otherwise".to_owned();
    assert_eq!(closed.state, PullState::Closed { by: ann(), at: later(1), reason });
    assert!(matches!(
        b.forge.close(&b.repository, first.number, &Actor::Ligase, "x", later(2)),
        Err(ForgeError::NotOpen { .. })
    ));
    assert!(matches!(
        b.forge.approve(&b.repository, first.number, "ann", &first.head, later(2)),
        Err(ForgeError::NotOpen { .. })
    ));
    let merge = b.forge.merge(&b.repository, first.number, &ann(), &first.head, false, later(2));
    assert!(matches!(merge, Err(ForgeError::NotOpen { .. })));
    let next = publication(b, "guard", "newer");
    let second = b.forge.publish(&b.repository, &next).unwrap();
    assert!(second.created && second.number > first.number);
    let mut pulls = b.forge.pulls(&b.repository).unwrap();
    assert!(pulls.remove(1).is_open());
    // Closed with the head that was closed, although the branch has another now.
    assert_eq!((&pulls[0].state, pulls[0].pushed_head), (&closed.state, first.head));
}

fn reviews_are_of_a_head(b: &Bench) {
    let wanted = publication(b, "guard", "new");
    let first = b.forge.publish(&b.repository, &wanted).unwrap();
    b.forge.approve(&b.repository, first.number, "bob", &first.head, later(1)).unwrap();
    b.forge.approve(&b.repository, first.number, "ann", &first.head, later(1)).unwrap();
    b.forge.approve(&b.repository, first.number, "ann", &first.head, later(2)).unwrap();
    let pull = b.forge.pull(&b.repository, first.number).unwrap();
    assert_eq!((pull.approved_by(), pull.reviews.len()), (vec!["ann", "bob"], 2));
    b.forge.review(&b.repository, first.number, "bob", &first.head, Verdict::ChangesRequested, later(3)).unwrap();
    assert_eq!(b.forge.pull(&b.repository, first.number).unwrap().approved_by(), ["ann"]);
    let theirs = b.hands.commit(&wanted.branch, "extra", "x\n");
    assert!(b.forge.pull(&b.repository, first.number).unwrap().approved_by().is_empty());
    let stale = b.forge.approve(&b.repository, first.number, "bob", &first.head, later(4));
    assert_eq!(stale, Err(ForgeError::HeadMoved { found: Some(theirs) }));
}

fn remarks_are_kept(b: &Bench) {
    let first = b.forge.publish(&b.repository, &publication(b, "guard", "new")).unwrap();
    let say = |by: &Actor, text: &str, at| b.forge.comment(&b.repository, first.number, by, text, at).unwrap();
    say(&ann(), "why?\nbecause \u{1f600}", later(1));
    say(&Actor::Ligase, "this is why", later(2));
    say(&Actor::Ligase, "this is why", later(2));
    b.forge.update_body(&b.repository, first.number, "A title", "Other words.", later(3)).unwrap();
    let pull = b.forge.pull(&b.repository, first.number).unwrap();
    let texts: Vec<&str> = pull.comments.iter().map(|c| c.text.as_str()).collect();
    assert_eq!(texts, ["why?\nbecause \u{1f600}", "this is why"]);
    assert_eq!((&pull.comments[0].by, pull.comments[0].at), (&ann(), later(1)));
    assert_eq!(pull.title, "A title");
    assert!(pull.body.starts_with("Other words.") && pull.body.contains(&pull.intent.to_string()));
    b.forge.close(&b.repository, first.number, &ann(), "no", later(4)).unwrap();
    say(&ann(), "one more word", later(5));
    assert_eq!(b.forge.pull(&b.repository, first.number).unwrap().comments.len(), 3);
}

fn approval_covers_bytes(b: &Bench) {
    let path = RepoPath::from("dna.yaml");
    let signed = b.hands.commit("main", "dna.yaml", "waiver: one\n");
    let later_commit = b.hands.commit("main", "other", "x\n");
    let changed = b.hands.commit("main", "dna.yaml", "waiver: two\n");
    let entry_of = |commit: &Oid| {
        let approval = crate::Approval { commit: *commit, by: "probe".to_owned(), at: AT };
        move |blob: &Oid| b.forge.approval_covers(&b.repository, &approval, &path.clone(), blob).unwrap()
    };
    assert_eq!(b.forge.approvals(&b.repository).unwrap(), []);
    b.forge.approve_revision(&b.repository, &later_commit, "officer", later(1)).unwrap();
    b.forge.approve_revision(&b.repository, &later_commit, "officer", later(2)).unwrap();
    let approvals = b.forge.approvals(&b.repository).unwrap();
    assert_eq!(approvals, [crate::Approval { commit: later_commit, by: "officer".to_owned(), at: later(1) }]);
    let (one, two) = (ligase_vcs::blob_id(b"waiver: one\n").unwrap(), ligase_vcs::blob_id(b"waiver: two\n").unwrap());
    let at_approved = entry_of(&later_commit);
    assert!(at_approved(&one) && !at_approved(&two));
    let path = RepoPath::from("dna.yaml");
    let by = |tip: &Oid, blob: &Oid| b.forge.introduced(&b.repository, tip, &path, blob).unwrap().map(|i| i.commit);
    assert_eq!((by(&later_commit, &one), by(&changed, &two), by(&changed, &one)), (Some(signed), Some(changed), None));
    assert!(b.forge.approve_revision(&b.repository, &Oid::Sha1([7; 20]), "officer", later(3)).is_err());
    // A review of a pull request is a yes to its head.
    let pull = b.forge.publish(&b.repository, &publication(b, "guard", "new")).unwrap();
    b.forge.approve(&b.repository, pull.number, "bob", &pull.head, later(4)).unwrap();
    assert!(b.forge.approvals(&b.repository).unwrap().iter().any(|a| a.commit == pull.head && a.by == "bob"));
    b.forge.review(&b.repository, pull.number, "bob", &pull.head, Verdict::ChangesRequested, later(5)).unwrap();
    assert!(!b.forge.approvals(&b.repository).unwrap().iter().any(|a| a.by == "bob"));
}

fn two_intents_two_pulls(b: &Bench) {
    let one = b.forge.publish(&b.repository, &publication(b, "guard", "new")).unwrap();
    let mut other = publication(b, "encrypt", "new");
    other.changes = vec![(RepoPath::from("main.tf"), b"x\n".to_vec())];
    let two = b.forge.publish(&b.repository, &other).unwrap();
    assert_ne!(one.number, two.number);
    b.forge.merge(&b.repository, one.number, &ann(), &one.head, false, later(1)).unwrap();
    b.forge.merge(&b.repository, two.number, &ann(), &two.head, false, later(2)).unwrap();
    let pulls = b.forge.pulls(&b.repository).unwrap();
    assert!(pulls.len() == 2 && pulls.iter().all(|p| matches!(p.state, PullState::Merged { .. })));
}

fn nonsense_is_refused(b: &Bench) {
    let good = publication(b, "guard", "new");
    let long = "x".repeat(100_000);
    let bad = [
        Publication { branch: "main".to_owned(), ..good.clone() },
        Publication { branch: "feature/x".to_owned(), ..good.clone() },
        Publication { branch: "ligase/../main".to_owned(), ..good.clone() },
        Publication { branch: "ligase/a b".to_owned(), ..good.clone() },
        Publication { base_branch: "no-such".to_owned(), ..good.clone() },
        Publication { base_revision: Oid::Sha1([9; 20]), ..good.clone() },
        Publication { changes: Vec::new(), ..good.clone() },
        Publication { changes: vec![(RepoPath::from("../x"), Vec::new())], ..good.clone() },
        Publication { title: long.clone(), ..good.clone() },
        Publication { body: long.clone(), ..good.clone() },
    ];
    for publication in bad {
        assert!(b.forge.publish(&b.repository, &publication).is_err(), "{publication:?}");
    }
    assert_eq!(b.forge.pulls(&b.repository).unwrap(), []);
    let first = b.forge.publish(&b.repository, &good).unwrap();
    for login in ["", "a b", "-x", "a\nb", "<x>", long.as_str()] {
        assert!(b.forge.approve(&b.repository, first.number, login, &first.head, AT).is_err(), "{login:?}");
        let person = Actor::Person(login.to_owned());
        assert!(b.forge.merge(&b.repository, first.number, &person, &first.head, false, AT).is_err());
        assert!(b.forge.approve_revision(&b.repository, &first.head, login, AT).is_err());
    }
    assert!(b.forge.comment(&b.repository, first.number, &ann(), &long, AT).is_err());
    assert!(b.forge.comment(&b.repository, first.number + 1, &ann(), "x", AT).is_err());
    assert!(b.forge.pull(&b.repository, first.number).unwrap().is_open());
}

fn refuses_all_writes(b: &Bench) {
    let (repository, head) = (&b.repository, Oid::Sha1([1; 20]));
    let unsupported =
        |error: Option<ForgeError>| assert!(matches!(error, Some(ForgeError::Unsupported { .. })), "{error:?}");
    unsupported(b.forge.publish(repository, &publication(b, "guard", "new")).err());
    unsupported(b.forge.pulls(repository).err());
    unsupported(b.forge.close(repository, 1, &ann(), "", AT).err());
    unsupported(b.forge.comment(repository, 1, &ann(), "", AT).err());
    unsupported(b.forge.approve(repository, 1, "ann", &head, AT).err());
    unsupported(b.forge.merge(repository, 1, &ann(), &head, false, AT).err());
    unsupported(b.forge.revert(repository, 1, &ann(), AT).err());
    unsupported(b.forge.update_body(repository, 1, "", "", AT).err());
    unsupported(b.forge.approvals(repository).err());
    unsupported(b.forge.approve_revision(repository, &head, "ann", AT).err());
}
