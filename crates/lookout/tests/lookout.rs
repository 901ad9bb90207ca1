//! What the lookout promises, with real children. The child is this test binary, whose eyes abort, overflow their stack, hang,
//! eat memory or panic on a word; the shipped ones look at everything else.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

use ligase_domain::{FileObservations, LookCache, LookKey, LookedFile, MapTree, NoCache, PathClass, RepoPath};
use ligase_lookout::{Lookout, Watchman, child};
use ligase_probe::{Blind, Look, NoProgress, ProbeSet, Sight, link, look, look_with};
use ligase_sandbox::Patience;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

const CHILD: &str = "LIGASE_TEST_CHILD";

/// Eyes that do what a broken grammar would do where a file says so.
struct Fragile(ProbeSet);

impl Sight for Fragile {
    fn see(&self, class: &PathClass, bytes: &[u8]) -> Result<FileObservations, Blind> {
        let text = String::from_utf8_lossy(bytes);
        let says = |word: &str| text.contains(&format!("# {word}"));
        if says("abort") {
            std::process::abort();
        }
        if says("exit") {
            std::process::exit(0);
        }
        if says("overflow") {
            eprintln!("{}", deep(1));
        }
        if says("hang") {
            let mut n = 0u64;
            loop {
                n = std::hint::black_box(n + 1);
            }
        }
        if says("sleep") {
            std::thread::sleep(Duration::from_secs(3600));
        }
        if says("eat") {
            let mut all = Vec::new();
            loop {
                all.push(vec![1u8; 16 << 20]);
                std::hint::black_box(&all);
            }
        }
        if says("chatter") {
            println!("a library prints");
        }
        if says("panic") {
            panic!("on {text}");
        }
        self.0.see(class, bytes)
    }
}

#[allow(unconditional_recursion)]
fn deep(n: u64) -> u64 {
    let here = std::hint::black_box([n; 64]);
    deep(n + 1) + here[(n % 64) as usize]
}

/// Not tests of their own: what the children do when this binary is started again.
#[test]
fn child_process() {
    match std::env::var(CHILD).as_deref() {
        Ok("fragile") => child::serve(std::io::stdin(), std::io::stdout(), Fragile).unwrap(),
        Ok("shipped") => child::main(std::io::stdin(), std::io::stdout()).unwrap(),
        _ => {}
    }
}

static SET: LazyLock<ProbeSet> = LazyLock::new(|| ProbeSet::load(&ligase_catalog::shipped()).unwrap());

fn lookout(kind: &str) -> Lookout {
    let program = std::env::current_exe().unwrap();
    let mut watchman = Watchman::new(program, ["--exact", "child_process", "--nocapture"]);
    watchman.environment.push((CHILD.into(), kind.into()));
    // Room for tests that are not optimised on a machine that does many things.
    watchman.patience = Patience { processor: Duration::from_secs(2), wall: Duration::from_secs(60) };
    watchman.address_space_bytes = 1 << 30;
    Lookout::new(watchman, &ligase_catalog::shipped(), &SET)
}

const GOOD: &str =
    "from fastapi import FastAPI\napp = FastAPI()\n\n\n@app.get('/patients')\ndef patients():\n    return []\n";

fn tree(words: &[&str]) -> MapTree {
    let good = (0..6).map(|n| (format!("good{n}.py"), format!("{GOOD}# {n}\n")));
    let bad = words.iter().map(|word| (format!("{word}.py"), format!("{GOOD}# {word}\n")));
    MapTree(good.chain(bad).map(|(path, text)| (RepoPath::from(path.as_str()), text.into_bytes())).collect())
}

fn skipped(look: &Look) -> Vec<(String, &str)> {
    look.population.skipped.iter().map(|s| (s.path.to_string(), s.reason.as_str())).collect()
}

#[test]
fn what_a_child_sees_is_what_this_process_sees() {
    let mut files = tree(&["plain"]);
    files.0.insert("main.tf".into(), b"resource \"aws_s3_bucket\" \"b\" {\n  bucket = \"x\"\n}\n".to_vec());
    files.0.insert("nested.py".into(), "(".repeat(9_000).into_bytes());
    files.0.insert("bytes.py".into(), vec![b'x', 0xff]);
    let here = look(&SET, &files, &NoCache, &NoProgress);
    let lookout = lookout("shipped");
    let apart = look_with(&SET, &lookout, &files, &NoCache, &NoProgress);
    assert_eq!(link(&SET, &here.files), link(&SET, &apart.files));
    assert_eq!(here.population, apart.population);
    let seen = |look: &Look| look.files.iter().map(|f| f.observations.clone()).collect::<Vec<_>>();
    assert_eq!(seen(&here), seen(&apart));
    assert!(!link(&SET, &apart.files).is_empty() && apart.blind.is_none());
    // Children are kept: no more of them than threads that ask.
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    assert!(lookout.started() <= threads, "{}", lookout.started());
}

#[test]
fn what_ends_a_child_costs_one_file_and_the_others_are_seen() {
    for (word, reason) in [
        ("abort", "probe-crashed"),
        ("exit", "probe-crashed"),
        ("overflow", "probe-crashed"),
        ("eat", "probe-crashed"),
        ("chatter", "probe-crashed"),
        ("panic", "probe-crashed"),
        ("hang", "too-slow"),
    ] {
        let look = look_with(&SET, &lookout("fragile"), &tree(&[word]), &NoCache, &NoProgress);
        assert_eq!(skipped(&look), [(format!("{word}.py"), reason)], "{word}");
        let seen = look.files.iter().filter(|f| !f.observations.seen.is_empty()).count();
        assert_eq!((look.files.len(), seen, look.blind), (7, 6, None), "{word}");
    }
}

#[test]
fn a_child_that_sleeps_is_ended_by_the_wall() {
    let mut lookout = lookout("fragile");
    lookout.limit(Patience { processor: Duration::from_secs(60), wall: Duration::from_secs(2) });
    let started = Instant::now();
    let class = PathClass::parse("python/source").unwrap();
    assert_eq!(lookout.see(&class, b"# sleep"), Err(Blind::TooSlow));
    assert!(started.elapsed() < Duration::from_secs(30));
    assert!(lookout.see(&class, GOOD.as_bytes()).is_ok_and(|seen| !seen.seen.is_empty()));
}

/// A cache that keeps all that it is given.
#[derive(Default)]
struct Keeps(Mutex<HashMap<LookKey, Arc<FileObservations>>>);

impl LookCache for Keeps {
    fn get_many(&self, keys: &[LookKey]) -> Vec<Option<Arc<FileObservations>>> {
        let known = self.0.lock().unwrap();
        keys.iter().map(|k| known.get(k).cloned()).collect()
    }

    fn put_many(&self, files: &[LookedFile]) {
        self.0.lock().unwrap().extend(files.iter().map(|f| (f.key.clone(), f.observations.clone())));
    }
}

#[test]
fn a_crash_and_a_clock_are_not_remembered_and_the_next_look_sees() {
    let (cache, files) = (Keeps::default(), tree(&["abort", "hang"]));
    let first = look_with(&SET, &lookout("fragile"), &files, &cache, &NoProgress);
    assert_eq!(skipped(&first).len(), 2);
    let second = look_with(&SET, &lookout("shipped"), &files, &cache, &NoProgress);
    assert_eq!((skipped(&second), second.looked_at, second.from_cache), (vec![], 2, 6));
    let encoded = ligase_record::encode_look(&first.files, &first.population, SET.digest(), &SET.packs()).unwrap();
    assert_eq!((encoded.set.entries.len(), encoded.looks.len()), (8, 6));
}

#[test]
fn a_panic_says_where_and_never_quotes_the_file() {
    let class = PathClass::parse("python/source").unwrap();
    let seen = lookout("fragile").see(&class, b"# panic hunter2");
    let Err(Blind::Crashed(how)) = seen else { panic!("{seen:?}") };
    assert!(!how.contains("hunter2"), "{how}");
}

#[test]
fn a_child_that_cannot_be_had_blinds_the_look_and_skips_nothing_for_good() {
    let files = tree(&[]);
    let absent = Lookout::new(Watchman::new("/nonexistent/ligase", ["__lookout"]), &ligase_catalog::shipped(), &SET);
    let deaf = Lookout::new(Watchman::new("/bin/true", [""; 0]), &ligase_catalog::shipped(), &SET);
    let mut other = ligase_catalog::shipped();
    other.iter_mut().filter(|f| f.path == "vocabulary/guards.yaml").for_each(|f| {
        f.bytes.to_mut().extend_from_slice(b"\n# another word\n");
    });
    let program = std::env::current_exe().unwrap();
    let mut watchman = Watchman::new(program, ["--exact", "child_process", "--nocapture"]);
    watchman.environment.push((CHILD.into(), "shipped".into()));
    let another = Lookout::new(watchman, &other, &SET);
    for lookout in [absent, deaf, another] {
        let cache = Keeps::default();
        let look = look_with(&SET, &lookout, &files, &cache, &NoProgress);
        assert!(look.blind.is_some(), "{lookout:?}");
        assert!(cache.0.lock().unwrap().is_empty());
    }
}

#[test]
fn a_child_that_was_killed_while_it_waited_is_replaced_in_silence() {
    let lookout = lookout("fragile");
    let class = PathClass::parse("python/source").unwrap();
    let first = lookout.see(&class, GOOD.as_bytes()).unwrap();
    for pid in children() {
        std::process::Command::new("kill").args(["-9", &pid]).status().unwrap();
    }
    assert_eq!(lookout.see(&class, GOOD.as_bytes()).unwrap(), first);
    assert_eq!(lookout.started(), 2);
}

/// Living children of this process; with nextest each test has a process to itself.
fn children() -> Vec<String> {
    let own = std::process::id().to_string();
    let ids = std::fs::read_dir("/proc").unwrap().filter_map(|e| e.unwrap().file_name().into_string().ok());
    ids.filter(|id| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.split_whitespace().nth(1) == Some(own.as_str()))
    })
    .collect()
}
