//! Which threads give way: what answers others goes before what only has to be done some time.

/// How much less urgent what gives way is. A step is about a quarter of the processor's share (`sched(7)`).
#[cfg(target_os = "linux")]
const STEPS: i32 = 10;

/// From now on this thread gives way to the others of the machine where processors are short. Threads that it starts do too,
/// and it cannot be taken back: for a thread that ends with its work.
pub fn give_way() {
    // Only Linux counts it for each thread (`sched(7)`, "The nice value and threads"); elsewhere the whole process would.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(STEPS) {
        tracing::debug!(%error, "a thread keeps its priority");
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::process::getpriority_process;

    #[test]
    fn a_thread_gives_way_and_its_process_does_not() {
        let before = getpriority_process(None).unwrap();
        let within = std::thread::spawn(|| {
            give_way();
            getpriority_process(None).unwrap()
        });
        assert_eq!(within.join().unwrap(), (before + STEPS).min(19));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }
}
