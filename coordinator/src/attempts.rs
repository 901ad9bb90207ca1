//! What became of each task: the attempts at it, with who, when and how they ended. A projection of the journal, bounded.

use crate::fact::Attempt;
use ligase_domain::{Digest, Timestamp};
use std::collections::{BTreeMap, HashSet, VecDeque};

/// Tasks whose attempts are remembered; the journal has those of all.
const TASKS_MAX: usize = 100_000;
/// Attempts of one task that are remembered: far above the deliveries of one publication.
const ATTEMPTS_MAX: usize = 64;

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Which delivery, from 1.
    pub number: u32,
    /// Who.
    pub by: String,
    /// When it began, if it said so.
    pub began: Option<Timestamp>,
    /// When and how it ended, if anybody said so.
    pub ended: Option<(Timestamp, String)>,
}

/// The attempts at one task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// `probe`, `remedy` or `verification`.
    pub kind: String,
    /// In the order in which they were heard of.
    pub tried: Vec<Tried>,
    /// Whether nobody asked for it any more when its sweep ended.
    pub superseded: bool,
}

impl Task {
    /// Whether somebody began it for a sweep that wanted it, and nobody said since how it ended as a whole.
    fn is_open(&self) -> bool {
        let cause = |t: &Tried| t.ended.as_ref().map(|(_, cause)| cause.clone()).unwrap_or_default();
        let whole = |cause: &str| cause.starts_with("recorded") || cause.starts_with(SET_ASIDE);
        let mut causes = self.tried.iter().map(cause);
        !self.superseded && self.tried.iter().any(|t| cause(t) != NOT_PLANNED) && !causes.any(|c| whole(&c))
    }
}

/// How an attempt ends that is told at its beginning that nobody plans its task.
pub const NOT_PLANNED: &str = "not-planned";
/// How the end of a task begins that the queue has set aside.
pub const SET_ASIDE: &str = "set aside";

/// The attempts at all tasks that are remembered.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    tasks: BTreeMap<Digest, Task>,
    order: VecDeque<Digest>,
}

impl Attempts {
    /// Notes a beginning.
    pub fn began(&mut self, at: Timestamp, attempt: &Attempt) {
        let fresh = Tried { number: attempt.number, by: attempt.by.clone(), began: Some(at), ended: None };
        self.task(attempt).tried.push(fresh);
    }

    /// Notes an end.
    pub fn ended(&mut self, at: Timestamp, attempt: &Attempt, cause: &str) {
        let task = self.task(attempt);
        let open = |t: &&mut Tried| t.number == attempt.number && t.by == attempt.by && t.ended.is_none();
        match task.tried.iter_mut().rev().find(open) {
            Some(tried) => tried.ended = Some((at, cause.to_owned())),
            None => task.tried.push(Tried {
                number: attempt.number,
                by: attempt.by.clone(),
                began: None,
                ended: Some((at, cause.to_owned())),
            }),
        }
    }

    /// Whether another attempt at a task would still be remembered beside the earlier ones: nobody writes down more.
    pub fn has_room(&self, key: &Digest) -> bool {
        self.tasks.get(key).is_none_or(|task| task.tried.len() < ATTEMPTS_MAX)
    }

    fn task(&mut self, attempt: &Attempt) -> &mut Task {
        if !self.tasks.contains_key(&attempt.key) {
            self.order.push_back(attempt.key);
            if self.order.len() > TASKS_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.tasks.remove(&oldest);
            }
        }
        let task = self.tasks.entry(attempt.key).or_default();
        task.superseded = false;
        task.kind.clone_from(&attempt.kind);
        if task.tried.len() >= ATTEMPTS_MAX {
            task.tried.remove(0);
        }
        task
    }

    /// The tasks that were heard of last, the latest first.
    pub fn latest(&self) -> impl Iterator<Item = (&Digest, &Task)> {
        self.order.iter().rev().filter_map(|key| Some((key, self.tasks.get(key)?)))
    }

    /// Notes that nobody asks for a task any more.
    pub fn superseded(&mut self, key: &Digest) {
        if let Some(task) = self.tasks.get_mut(key) {
            task.superseded = true;
        }
    }

    /// Tasks that were begun, have none of these records, and did not end otherwise.
    pub fn open(&self, recorded: &HashSet<Digest>) -> Vec<(Digest, String)> {
        let open = self.tasks.iter().filter(|(key, task)| task.is_open() && !recorded.contains(*key));
        open.map(|(key, task)| (*key, task.kind.clone())).collect()
    }

    /// Tasks whose key begins so, in hex.
    pub fn by_prefix(&self, prefix: &str) -> Vec<(Digest, &Task)> {
        self.tasks
            .iter()
            .filter(|(key, _)| key.to_string().starts_with(prefix))
            .map(|(key, task)| (*key, task))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_finds_its_beginning_and_a_killed_attempt_stays_open() {
        let attempt = |number, by: &str| Attempt {
            key: Digest::of(b"k"),
            kind: "probe".to_owned(),
            number,
            by: format!("worker/{by}"),
        };
        let mut all = Attempts::default();
        all.began(Timestamp(1), &attempt(1, "a"));
        all.began(Timestamp(2), &attempt(2, "b"));
        all.ended(Timestamp(3), &attempt(2, "b"), "recorded");
        all.ended(Timestamp(4), &attempt(3, "c"), "recorded-already");
        let found = all.by_prefix(&Digest::of(b"k").to_string()[..8]);
        let tried = &found[0].1.tried;
        assert_eq!(tried.iter().map(|t| t.ended.is_some()).collect::<Vec<_>>(), [false, true, true]);
        assert_eq!((tried[1].began, tried[2].began), (Some(Timestamp(2)), None));
    }

    #[test]
    fn a_task_is_open_from_its_beginning_until_somebody_says_how_it_ended() {
        let attempt = |task: &[u8], number| Attempt {
            key: Digest::of(task),
            kind: "probe".to_owned(),
            number,
            by: "worker/a".to_owned(),
        };
        let mut all = Attempts::default();
        for (task, cause) in [
            (&b"killed"[..], None),
            (b"given-back", Some("given back: unreachable: gone")),
            (b"recorded", Some("recorded")),
            (b"set-aside", Some("set aside after 5 attempts: x")),
            (b"never-wanted", Some(NOT_PLANNED)),
        ] {
            all.began(Timestamp(1), &attempt(task, 1));
            cause.into_iter().for_each(|cause| all.ended(Timestamp(2), &attempt(task, 1), cause));
        }
        let open = |all: &Attempts, recorded: &[&[u8]]| -> Vec<Digest> {
            all.open(&recorded.iter().map(|r| Digest::of(r)).collect()).into_iter().map(|(key, _)| key).collect()
        };
        let mut wanted = vec![Digest::of(b"killed"), Digest::of(b"given-back")];
        wanted.sort();
        assert_eq!(open(&all, &[]), wanted);
        assert_eq!(open(&all, &[b"given-back"]), [Digest::of(b"killed")]);
        all.superseded(&Digest::of(b"killed"));
        assert!(open(&all, &[b"given-back"]).is_empty());
        // Asked for again, it is open again.
        all.began(Timestamp(3), &attempt(b"killed", 2));
        assert_eq!(open(&all, &[b"given-back"]), [Digest::of(b"killed")]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut all = Attempts::default();
        for number in 0..200 {
            let attempt =
                Attempt { key: Digest::of(b"k"), kind: "probe".to_owned(), number, by: "worker/w".to_owned() };
            all.began(Timestamp(0), &attempt);
        }
        assert_eq!(all.by_prefix("")[0].1.tried.len(), ATTEMPTS_MAX);
    }
}
