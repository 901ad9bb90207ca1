//! Callers that wait at the same time share one commit: the first of them writes for all who came meanwhile, and hands over
//! to the next. What nobody waits for is left in the line and goes with the next commit. Knows nothing of what is written;
//! `ledger.rs` uses it.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Those who wait for a commit.
pub struct Together<T, E>(Mutex<Line<T, E>>);

struct Line<T, E> {
    waiting: VecDeque<Arc<One<T, E>>>,
    /// Whether somebody writes, or was told to.
    led: bool,
}

struct One<T, E> {
    item: T,
    turn: Mutex<Turn<E>>,
    told: Condvar,
    /// Nobody waits for it.
    left: bool,
}

enum Turn<E> {
    Waits,
    Leads,
    Ended(Result<(), E>),
    /// It was told how it ended.
    Over,
}

impl<T, E> Default for Together<T, E> {
    fn default() -> Self {
        Self(Mutex::new(Line { waiting: VecDeque::new(), led: false }))
    }
}

impl<T, E: Debug> Together<T, E> {
    /// Leaves an item to be written with the next that somebody waits for, or by [`Self::settle`]; how many lie there now.
    /// Where it cannot be written, that is logged.
    pub fn leave(&self, item: T) -> usize {
        let mut line = lock(&self.0);
        line.waiting.push_back(Arc::new(One::new(item, true)));
        line.waiting.len()
    }

    /// Writes what was left, unless somebody writes already; whether nothing waits any more.
    pub fn settle(&self, commit: impl Fn(&[&T]) -> Result<(), E>) -> bool {
        let leads = {
            let mut line = lock(&self.0);
            !line.waiting.is_empty() && !mem::replace(&mut line.led, true)
        };
        if leads {
            self.lead(&commit);
        }
        self.is_empty()
    }

    /// Whether nothing waits to be written.
    pub fn is_empty(&self) -> bool {
        lock(&self.0).waiting.is_empty()
    }

    /// Has an item written and returns how that ended. `commit` writes several items in their order, all or none; where it
    /// fails for several, each is tried alone, so that one that cannot be written does not take the others with it.
    pub fn write(&self, item: T, commit: impl Fn(&[&T]) -> Result<(), E>) -> Result<(), E> {
        let mine = Arc::new(One::new(item, false));
        let mut leads = {
            let mut line = lock(&self.0);
            line.waiting.push_back(Arc::clone(&mine));
            !mem::replace(&mut line.led, true)
        };
        loop {
            if leads {
                self.lead(&commit);
            }
            match mine.wait() {
                Some(ended) => return ended,
                None => leads = true,
            }
        }
    }

    /// Writes what waits now.
    fn lead(&self, commit: impl Fn(&[&T]) -> Result<(), E>) {
        let leading = Leading { of: self, group: mem::take(&mut lock(&self.0).waiting).into() };
        let items: Vec<&T> = leading.group.iter().map(|one| &one.item).collect();
        if items.len() > 1 && commit(&items).is_ok() {
            leading.group.iter().for_each(|one| one.tell(Turn::Ended(Ok(()))));
        } else {
            leading.group.iter().for_each(|one| one.tell(Turn::Ended(commit(&[&one.item]))));
        }
    }
}

impl<T, E: Debug> One<T, E> {
    fn new(item: T, left: bool) -> Self {
        Self { item, turn: Mutex::new(Turn::Waits), told: Condvar::new(), left }
    }

    /// How it ended, or nothing when it has to lead.
    fn wait(&self) -> Option<Result<(), E>> {
        let mut turn = lock(&self.turn);
        loop {
            match mem::replace(&mut *turn, Turn::Over) {
                Turn::Ended(ended) => return Some(ended),
                Turn::Leads => {
                    *turn = Turn::Waits;
                    return None;
                }
                Turn::Waits | Turn::Over => *turn = Turn::Waits,
            }
            turn = self.told.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn tell(&self, turn: Turn<E>) {
        if let (true, Turn::Ended(Err(error))) = (self.left, &turn) {
            tracing::warn!(?error, "what nobody waited for could not be written");
        }
        *lock(&self.turn) = turn;
        self.told.notify_one();
    }

    fn waits(&self) -> bool {
        matches!(*lock(&self.turn), Turn::Waits)
    }
}

/// The one who writes, and those for whom.
struct Leading<'a, T, E: Debug> {
    of: &'a Together<T, E>,
    group: Vec<Arc<One<T, E>>>,
}

impl<T, E: Debug> Drop for Leading<'_, T, E> {
    fn drop(&mut self) {
        let mut line = lock(&self.of.0);
        // Only where writing panicked is anybody left: they are written by the next one.
        if std::thread::panicking() {
            let left: Vec<_> = self.group.drain(..).skip(1).filter(|one| one.waits()).collect();
            left.into_iter().rev().for_each(|one| line.waiting.push_front(one));
        }
        match line.waiting.iter().find(|one| !one.left) {
            Some(next) => next.tell(Turn::Leads),
            None => line.led = false,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    const WRITERS: usize = 8;
    const ITEMS: usize = 200;

    /// Every writer writes its items one after the other; what was committed, in order.
    fn written(commit: impl Fn(&[&usize]) -> Result<(), usize> + Sync) -> Vec<Result<(), usize>> {
        let line = Together::default();
        let of = |writer: usize| {
            let (line, commit) = (&line, &commit);
            move || (0..ITEMS).map(|n| line.write(writer * ITEMS + n, commit)).collect::<Vec<_>>()
        };
        thread::scope(|scope| {
            let running: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(of(writer))).collect();
            running.into_iter().flat_map(|r| r.join().expect("no writer panics")).collect()
        })
    }

    #[test]
    fn each_is_written_once_in_its_writers_order_and_never_beside_another() {
        let (log, busy) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
        let answers = written(|group| {
            assert_eq!(busy.fetch_add(1, Ordering::SeqCst), 0, "two write at once");
            thread::yield_now();
            lock(&log).extend(group.iter().map(|n| **n));
            busy.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        });
        assert!(answers.iter().all(Result::is_ok));
        let log = log.into_inner().expect("nobody panicked");
        assert_eq!(log.len(), WRITERS * ITEMS);
        let mut last = BTreeMap::new();
        for n in log {
            let before = last.insert(n / ITEMS, n);
            assert!(before.is_none_or(|before| before < n), "{n} came after {before:?}");
        }
    }

    #[test]
    fn all_who_came_while_one_writes_share_the_next_commit() {
        let (line, groups) = (Together::<usize, ()>::default(), Mutex::new(Vec::new()));
        let commit = |group: &[&usize]| {
            // The first one writes until everybody else waits.
            while lock(&groups).is_empty() && lock(&line.0).waiting.len() < WRITERS {
                thread::yield_now();
            }
            lock(&groups).push(group.len());
            Ok(())
        };
        thread::scope(|scope| {
            scope.spawn(|| line.write(0, commit));
            while !lock(&line.0).led || !lock(&line.0).waiting.is_empty() {
                thread::yield_now();
            }
            for n in 1..=WRITERS {
                let (line, commit) = (&line, &commit);
                scope.spawn(move || line.write(n, commit));
            }
        });
        assert_eq!(groups.into_inner().expect("nobody panicked"), [1, WRITERS]);
    }

    #[test]
    fn one_that_cannot_be_written_takes_no_other_with_it() {
        let log = Mutex::new(Vec::new());
        let answers = written(|group| match group.iter().find(|n| n.is_multiple_of(7)) {
            Some(bad) => Err(**bad),
            None => {
                lock(&log).extend(group.iter().map(|n| **n));
                Ok(())
            }
        });
        for (n, answer) in answers.iter().enumerate() {
            assert_eq!(*answer, if n.is_multiple_of(7) { Err(n) } else { Ok(()) });
        }
        let written = log.into_inner().expect("nobody panicked").len();
        assert_eq!(written, (0..WRITERS * ITEMS).filter(|n| !n.is_multiple_of(7)).count());
    }

    #[test]
    fn what_is_left_goes_before_what_comes_after_it_and_keeps_nobody_waiting() {
        let (line, log) = (Together::<usize, ()>::default(), Mutex::new(Vec::new()));
        let commit = |group: &[&usize]| {
            if lock(&log).is_empty() {
                // While the first is written, one is left and another one waits behind it.
                assert_eq!(line.leave(10), 1);
                while lock(&line.0).waiting.len() < 2 {
                    thread::yield_now();
                }
            }
            lock(&log).push(group.iter().map(|n| **n).collect::<Vec<_>>());
            Ok(())
        };
        thread::scope(|scope| {
            scope.spawn(|| line.write(1, commit));
            while lock(&line.0).waiting.is_empty() {
                thread::yield_now();
            }
            assert_eq!(line.write(2, commit), Ok(()));
        });
        assert_eq!(*lock(&log), [vec![1], vec![10, 2]]);
        assert_eq!(line.leave(11), 1);
        assert!(line.settle(commit) && line.settle(commit));
        assert_eq!(lock(&log).last(), Some(&vec![11]));
        // One that is left behind a commit does not hold up who comes later.
        line.leave(12);
        assert_eq!(line.write(3, commit), Ok(()));
        assert_eq!(lock(&log).last(), Some(&vec![12, 3]));
    }

    #[test]
    fn who_panics_leaves_nobody_waiting() {
        let line = Together::<usize, ()>::default();
        let panicked = AtomicUsize::new(0);
        let write = |n: usize| {
            let commit = |group: &[&usize]| {
                thread::yield_now();
                assert!(!group[0].is_multiple_of(5), "it fails as it writes");
                Ok(())
            };
            if catch_unwind(AssertUnwindSafe(|| line.write(n, commit))).is_err() {
                panicked.fetch_add(1, Ordering::SeqCst);
            }
        };
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let write = &write;
                scope.spawn(move || (0..ITEMS).for_each(|n| write(writer * ITEMS + n)));
            }
        });
        assert!(panicked.into_inner() > 0);
        assert_eq!(line.write(1, |_| Ok(())), Ok(()));
    }
}
