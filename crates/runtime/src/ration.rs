//! So many lines of a kind in a while, and no more: what a stranger can cause, a stranger could fill the log with.
//!
//! What is kept back is counted, and told with the next line. Metrics count all of it; only the log is rationed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Kinds that are told apart; further ones share a ration.
const KINDS_MAX: usize = 256;

struct Book {
    since: Instant,
    told: u32,
    kept_back: u64,
}

/// Rations of log lines, one for each kind.
pub struct Ration {
    most: u32,
    while_: Duration,
    books: Mutex<HashMap<String, Book>>,
}

impl Ration {
    /// At most so many of a kind in so long.
    pub fn new(most: u32, while_: Duration) -> Self {
        Self { most, while_, books: Mutex::new(HashMap::new()) }
    }

    /// Whether this one may be told: then how many of its kind were kept back since the last that was.
    pub fn may_tell(&self, kind: &str) -> Option<u64> {
        self.at(kind, Instant::now())
    }

    fn at(&self, kind: &str, now: Instant) -> Option<u64> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = if books.len() < KINDS_MAX || books.contains_key(kind) { kind } else { "" };
        let book = books.entry(kind.to_owned()).or_insert(Book { since: now, told: 0, kept_back: 0 });
        if now.duration_since(book.since) >= self.while_ {
            (book.since, book.told) = (now, 0);
        }
        if book.told >= self.most {
            book.kept_back += 1;
            return None;
        }
        book.told += 1;
        Some(std::mem::take(&mut book.kept_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_kept_back_and_told_of_later() {
        let (ration, begin) = (Ration::new(2, Duration::from_secs(60)), Instant::now());
        let told: Vec<_> = (0..5).map(|_| ration.at("a", begin)).collect();
        assert_eq!(told, [Some(0), Some(0), None, None, None]);
        assert_eq!(ration.at("b", begin), Some(0), "another kind has a ration of its own");
        assert_eq!(ration.at("a", begin + Duration::from_secs(61)), Some(3));
    }

    #[test]
    fn kinds_are_bounded() {
        let (ration, begin) = (Ration::new(1, Duration::from_secs(60)), Instant::now());
        let told = (0..KINDS_MAX * 2).filter(|n| ration.at(&n.to_string(), begin).is_some()).count();
        assert_eq!(told, KINDS_MAX + 1);
    }
}
