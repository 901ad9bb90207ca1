//! Named stages at which tests stop a process, to kill it there or to let it sleep past its lease.
//!
//! Only builds with debug assertions know them: in what ships, [`reached`] is empty and no environment variable is read.

/// This process has come to a stage. `LIGASE_STOP_AT=STAGE:N` stops it (SIGSTOP) when it comes there the N-th time.
#[inline]
pub fn reached(stage: &str) {
    #[cfg(debug_assertions)]
    debug::reached(stage);
    #[cfg(not(debug_assertions))]
    let _ = stage;
}

#[cfg(debug_assertions)]
mod debug {
    use rustix::process::{Signal, getpid, kill_process};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    /// The kernel may hand a stop to another thread first, and this one would go on until that thread's turn comes.
    const UNTIL_STOPPED: Duration = Duration::from_secs(1);

    /// Where to stop, and how often it is passed before.
    fn wanted() -> Option<&'static (String, u64)> {
        static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
        let read = || {
            let text = std::env::var("LIGASE_STOP_AT").ok()?;
            let (stage, number) = text.split_once(':').unwrap_or((&text, "1"));
            Some((stage.to_owned(), number.parse().unwrap_or(1)))
        };
        WANTED.get_or_init(read).as_ref()
    }

    pub(super) fn reached(stage: &str) {
        static SEEN: AtomicU64 = AtomicU64::new(0);
        let Some((at, number)) = wanted() else { return };
        if at == stage && SEEN.fetch_add(1, Ordering::AcqRel) + 1 == *number {
            tracing::warn!(stage, number, "stops itself, as it was told");
            let _ = kill_process(getpid(), Signal::STOP);
            // So that it stops here, and not some lines further on.
            std::thread::sleep(UNTIL_STOPPED);
        }
    }
}
