//! Who works for this coordinator: workers and agent-runners that said hello lately. In memory: whoever works says it again.

use ligase_proto::principal::Principal;
use ligase_proto::v1;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Who has not been heard of for this long is gone.
const GONE: Duration = Duration::from_secs(60);
/// Members that are remembered; a certificate is needed to become one.
const MEMBERS_MAX: usize = 10_000;

/// Characters of a version or a zone that are remembered.
const WORD_MAX: usize = 64;

struct Member {
    heard: Instant,
    hello: v1::HelloRequest,
    clock_off_ms: i64,
}

#[derive(Default)]
struct Book {
    members: BTreeMap<(String, String), Member>,
    /// Names that were told to drain, and are told again until they are told to go on.
    draining: BTreeSet<String>,
}

/// The members, and who of them is to drain.
#[derive(Default)]
pub struct Members(Mutex<Book>);

impl Members {
    /// Somebody said hello; says whether it is to drain.
    pub fn heard(&self, who: &Principal, mut hello: v1::HelloRequest, now_ms: i64) -> bool {
        // People read these in a terminal.
        for word in [&mut hello.version, &mut hello.zone] {
            *word = word.chars().filter(char::is_ascii_graphic).take(WORD_MAX).collect();
        }
        hello.probe_set.truncate(WORD_MAX);
        let (mut book, now) = (self.book(), Instant::now());
        book.members.retain(|_, m| now.duration_since(m.heard) < GONE);
        let clock_off_ms = hello.clock.saturating_sub(now_ms);
        let key = (who.role.clone(), who.name.clone());
        if book.members.len() < MEMBERS_MAX || book.members.contains_key(&key) {
            book.members.insert(key, Member { heard: now, hello, clock_off_ms });
        }
        book.draining.contains(&who.name)
    }

    /// Tells members of a name, or `all`, to drain or to go on. Returns whom it concerns.
    pub fn drain(&self, name: &str, resume: bool) -> Vec<String> {
        let mut book = self.book();
        let named: Vec<String> =
            book.members.keys().map(|(_, n)| n.clone()).filter(|n| name == "all" || n == name).collect();
        for name in &named {
            if resume {
                book.draining.remove(name);
            } else {
                book.draining.insert(name.clone());
            }
        }
        named
    }

    /// Everybody who was heard of lately.
    pub fn rows(&self) -> Vec<v1::MemberRow> {
        let (book, now) = (self.book(), Instant::now());
        let lately = book.members.iter().filter(|(_, m)| now.duration_since(m.heard) < GONE);
        let row = |((role, name), m): (&(String, String), &Member)| v1::MemberRow {
            role: role.clone(),
            name: name.clone(),
            version: m.hello.version.clone(),
            slots: m.hello.slots,
            held: m.hello.held,
            zone: m.hello.zone.clone(),
            silent_ms: u64::try_from(now.duration_since(m.heard).as_millis()).unwrap_or(u64::MAX),
            draining: m.hello.draining || book.draining.contains(name),
            clock_off_ms: m.clock_off_ms,
            probe_set: m.hello.probe_set.iter().take(6).map(|b| format!("{b:02x}")).collect(),
        };
        lately.map(row).collect()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(name: &str) -> Principal {
        Principal { role: "worker".to_owned(), name: name.to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_silent_is_gone_and_who_drains_is_told_until_resumed() {
        let members = Members::default();
        let hello = || v1::HelloRequest { clock: 1_500, ..Default::default() };
        assert!(!members.heard(&who("a"), hello(), 1_000));
        assert!(!members.heard(&who("b"), hello(), 1_000));
        assert_eq!(members.drain("a", false), ["a"]);
        assert!(members.heard(&who("a"), hello(), 1_000));
        assert_eq!(members.rows()[0].clock_off_ms, 500);
        members.drain("all", true);
        assert!(!members.heard(&who("a"), hello(), 1_000));
        tokio::time::advance(GONE / 2).await;
        members.heard(&who("b"), hello(), 1_000);
        tokio::time::advance(GONE / 2).await;
        assert_eq!(members.rows().iter().map(|r| r.name.clone()).collect::<Vec<_>>(), ["b"]);
    }
}
