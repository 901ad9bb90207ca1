//! Killing all of a run: the child, its process group, its descendants, and whatever carries the run's mark in its
//! environment. On systems without `/proc` the group is all that can be found.
//!
//! Every signal goes through a file descriptor of the process that was looked at, so that an id which was given to
//! somebody else in between is never hit.

use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

const PREFIX: &str = "LIGASE_CELL_";

/// A variable's name that no other run has; every descendant that keeps its environment can be found by it. Marks of
/// cells around this one are passed on, so that an outer cell finds what an inner one started.
pub(crate) struct Mark {
    name: String,
    /// When the leader began, in the kernel's ticks; nothing of the run is older. 0 as long as nobody looked.
    began: AtomicU64,
}

impl Mark {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let salt = RandomState::new().hash_one(count);
        let name = format!("{PREFIX}{}_{count}_{salt:016x}", std::process::id());
        Self { name, began: AtomicU64::new(0) }
    }

    pub(crate) fn variables(&self) -> Vec<(OsString, OsString)> {
        let outer = std::env::vars_os().filter(|(name, _)| is_mark(name));
        outer.chain([(OsString::from(&self.name), OsString::from("1"))]).collect()
    }

    /// Kills the child's group and everything that can be found of its descendants. The child must not have been reaped.
    pub(crate) fn kill_all(&self, leader: Pid) {
        #[cfg(target_os = "linux")]
        self.began.store(linux::kill_until_none(&self.name, Some(leader), 0), Ordering::Relaxed);
        // Not an error: all of the group may be gone.
        let _ = kill_process_group(leader, Signal::KILL);
    }

    /// Kills what carries the mark and was missed because it was being started while the others died.
    pub(crate) fn kill_strays(&self) {
        #[cfg(target_os = "linux")]
        linux::kill_until_none(&self.name, None, self.began.load(Ordering::Relaxed));
    }
}

/// Bytes of memory that a child and its descendants hold together; pages that several share count for each.
pub(crate) fn memory_of(leader: Pid) -> u64 {
    #[cfg(target_os = "linux")]
    return linux::memory_of(leader);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = leader;
        0
    }
}

/// Processor time that a child itself has used, in milliseconds; `None` where the system does not say.
pub(crate) fn processor_ms_of(child: Pid) -> Option<u64> {
    #[cfg(target_os = "linux")]
    return linux::processor_ms_of(child);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = child;
        None
    }
}

fn is_mark(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(PREFIX.as_bytes())
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};
    use std::collections::BTreeMap;
    use std::time::Duration;

    /// A killed process is gone or a zombie within microseconds; one in uninterruptible sleep may take longer, and the
    /// sweep must end all the same.
    const ROUNDS: u32 = 400;
    const PAUSE: Duration = Duration::from_millis(2);

    struct Seen {
        parent: i32,
        group: i32,
        gone: bool,
        start: u64,
        pages: u64,
        ticks: u64,
    }

    pub(super) fn memory_of(leader: Pid) -> u64 {
        let (all, leader) = (processes(), leader.as_raw_nonzero().get());
        let own = all.iter().filter(|(pid, _)| **pid == leader || descends(&all, **pid, leader));
        own.map(|(_, seen)| seen.pages).sum::<u64>().saturating_mul(rustix::param::page_size() as u64)
    }

    pub(super) fn processor_ms_of(child: Pid) -> Option<u64> {
        let ticks = stat(child.as_raw_nonzero().get())?.ticks;
        Some(ticks.saturating_mul(1_000) / rustix::param::clock_ticks_per_second().max(1))
    }

    /// Kills what belongs to a run, of processes that are not older than `from`. When the leader began, if it was seen: it
    /// spares the next call the environments of everything that is older.
    pub(super) fn kill_until_none(mark: &str, leader: Option<Pid>, mut from: u64) -> u64 {
        for _ in 0..ROUNDS {
            let all = processes();
            from = leader.and_then(|l| all.get(&l.as_raw_nonzero().get())).map_or(from, |l| l.start);
            let found = belonging(&all, mark, leader, from);
            if found.is_empty() {
                break;
            }
            if let Some(leader) = leader {
                let _ = kill_process_group(leader, Signal::KILL);
            }
            for pid in found {
                kill(pid, all[&pid].start);
            }
            std::thread::sleep(PAUSE);
        }
        from
    }

    fn kill(pid: i32, start: u64) {
        let Some(pid) = Pid::from_raw(pid) else { return };
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return };
        // The handle names whoever has the id now; its start time says whether that is the one that we saw.
        if stat(pid.as_raw_nonzero().get()).is_some_and(|now| now.start == start) {
            let _ = pidfd_send_signal(handle, Signal::KILL);
        }
    }

    /// Ids of living processes of the run: the leader, its group, its descendants, and the marked.
    fn belonging(all: &BTreeMap<i32, Seen>, mark: &str, leader: Option<Pid>, from: u64) -> Vec<i32> {
        let leader = leader.map(|p| p.as_raw_nonzero().get());
        let own = std::process::id() as i32;
        let candidates = all.iter().filter(|(pid, seen)| **pid != own && !seen.gone && seen.start >= from);
        candidates
            .filter(|(pid, seen)| {
                leader.is_some_and(|l| **pid == l || seen.group == l || descends(all, **pid, l)) || marked(**pid, mark)
            })
            .map(|(pid, _)| *pid)
            .collect()
    }

    fn descends(all: &BTreeMap<i32, Seen>, pid: i32, from: i32) -> bool {
        let mut at = pid;
        // Bounded: parents of a snapshot that was taken while it changed need not form a tree.
        for _ in 0..1024 {
            match all.get(&at) {
                Some(seen) if seen.parent == from => return true,
                Some(seen) if seen.parent > 1 => at = seen.parent,
                _ => return false,
            }
        }
        false
    }

    fn marked(pid: i32, mark: &str) -> bool {
        let Ok(environment) = std::fs::read(format!("/proc/{pid}/environ")) else { return false };
        environment
            .split(|b| *b == 0)
            .any(|v| v.strip_prefix(mark.as_bytes()).is_some_and(|r| r.first() == Some(&b'=')))
    }

    fn processes() -> BTreeMap<i32, Seen> {
        let Ok(folder) = std::fs::read_dir("/proc") else { return BTreeMap::new() };
        let ids = folder.filter_map(|e| e.ok()?.file_name().to_str()?.parse::<i32>().ok());
        ids.filter_map(|pid| stat(pid).map(|seen| (pid, seen))).collect()
    }

    /// Of `/proc/<pid>/stat`: state, parent, group, processor time, start time and resident pages (proc_pid_stat(5)). The name
    /// may hold any character, so fields are counted from the last parenthesis.
    fn stat(pid: i32) -> Option<Seen> {
        let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        let close = text.iter().rposition(|b| *b == b')')?;
        let rest = std::str::from_utf8(text.get(close + 2..)?).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        Some(Seen {
            gone: matches!(*fields.first()?, "Z" | "X"),
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            start: fields.get(19)?.parse().ok()?,
            pages: fields.get(21)?.parse().ok()?,
            ticks: fields.get(11)?.parse::<u64>().ok()?.saturating_add(fields.get(12)?.parse().ok()?),
        })
    }
}
