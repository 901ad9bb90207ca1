//! A member that lies: it has a certificate of the authority, and sends what is not so. Each lie is refused with its code,
//! logged with who told it, and counted; what it says of the queue is mended by whoever has the manifest.

use super::{is_clean, small, work_on};
use ligase_domain::Digest;
use ligase_proto::client::{CHUNK_BYTES, OBJECT_BYTES_MAX, chunks};
use ligase_proto::socket::{Addresses, Credentials, channel};
use ligase_proto::v1::fleet_client::FleetClient;
use ligase_proto::v1::{self, ObjectChunk};
use ligase_record::pack;
use ligase_tests::{Fleet, Tap, wait_for};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::Runtime;
use tonic::transport::Channel;
use tonic::{Code, Status};

const ROUNDS: usize = 5;

/// A client of the coordinator with somebody's certificate, and nothing of the program's manners.
pub(super) struct Liar {
    client: FleetClient<Channel>,
    runtime: Runtime,
}

impl Liar {
    pub(super) fn with(fleet: &Fleet, stem: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let file = |end: &str| fleet.path().join(format!("certs/{stem}.{end}"));
        let credentials =
            Credentials { certificate: file("pem"), key: file("key"), authority: fleet.path().join("certs/ca.pem") };
        let addresses = Addresses::read(&[format!("https://{}", fleet.address("c1"))], None).unwrap();
        let client = runtime.block_on(async { channel(&addresses, &credentials).unwrap() });
        Self { client: FleetClient::new(client), runtime }
    }

    fn tell<T, F>(&self, lie: impl FnOnce(FleetClient<Channel>) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        self.runtime.block_on(lie(self.client.clone())).map(tonic::Response::into_inner)
    }

    pub(super) fn upload(&self, chunks: Vec<ObjectChunk>) -> Result<v1::UploadAnswer, Status> {
        self.tell(|mut c| async move { c.upload(tokio_stream::iter(chunks)).await })
    }

    fn report(&self, key: &[u8], root: &Digest, observations: &Digest) -> Result<v1::ReportAnswer, Status> {
        let report = v1::ProbeReport {
            attempt: Some(attempt(key)),
            root: root.as_bytes().to_vec(),
            observations: observations.as_bytes().to_vec(),
            ..Default::default()
        };
        self.tell(|mut c| async move { c.report_probe(report).await })
    }

    /// A report that carries these objects, packed or not, and names the last of them.
    fn report_with(&self, key: &[u8], objects: Vec<Vec<u8>>, named: &Digest) -> Result<v1::ReportAnswer, Status> {
        let named = named.as_bytes().to_vec();
        let report = v1::ProbeReport {
            attempt: Some(attempt(key)),
            root: named.clone(),
            observations: named,
            objects,
            ..Default::default()
        };
        self.tell(|mut c| async move { c.report_probe(report).await })
    }
}

fn attempt(key: &[u8]) -> v1::Attempt {
    v1::Attempt { key: key.to_vec(), sweep: vec![0; 32], publication: 1, number: 1 }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// The key of the last probe task that was published.
fn last_key(tap: &Tap, known: usize) -> Vec<u8> {
    let heard = wait_for("a task is published", || tap.heard().get(known..).and_then(|h| h.last()).cloned());
    bytes_of(heard.subject.rsplit('.').next().unwrap())
}

/// What was refused, with which code, and by how much the counter has moved for that code and role.
#[track_caller]
fn refused<T: std::fmt::Debug>(
    fleet: &Fleet,
    code: &str,
    role: &str,
    lie: impl FnOnce() -> Result<T, Status>,
) -> Status {
    let labels = [format!("code=\"{code}\""), format!("role=\"{role}\"")];
    let labels = [labels[0].as_str(), labels[1].as_str()];
    let counted = || fleet.counted_with("c1", "ligase_rpc_refused_total", &labels);
    let before = counted();
    let status = lie().expect_err(code);
    assert!(status.message().starts_with(code), "{code}: {status:?}");
    assert!(counted() > before, "{code} of a {role} is counted");
    status
}

/// A line of the coordinator's log that says who was refused what.
fn is_logged(fleet: &Fleet, code: &str, who: &str) -> usize {
    let says = |line: &&str| {
        line.contains("\"WARN\"") && line.contains(&format!("\"{code}\"")) && line.contains(&format!("\"{who}\""))
    };
    fleet.said("c1").lines().filter(says).count()
}

#[test]
fn what_a_liar_reports_is_refused_logged_and_counted_and_the_sweep_goes_on() {
    let mut fleet = Fleet::new(small(2));
    fleet.start_all(&["c1", "r1"]);
    fleet.wait_led();
    let tap = Tap::on(&fleet.nats.urls()[0], "ligase.v1.probe.>");
    let (worker, runner) = (Liar::with(&fleet, "worker-w2"), Liar::with(&fleet, "agent-runner-r2"));
    let person = Liar::with(&fleet, "person-bob");
    for round in 1..=ROUNDS {
        work_on(&fleet.organisation, round);
        let known = tap.heard().len();
        fleet.start("w1", &[("LIGASE_STOP_AT", "fetched")]);
        let sweep = fleet.begin(&["sweep"]);
        fleet.wait_stopped("w1");
        let key = last_key(&tap, known);

        let honest = format!("round {round}").into_bytes();
        let mut forged: Vec<_> = chunks(vec![(Digest::of(&honest), honest.clone())]).collect();
        forged[0].bytes[0] ^= 1;
        refused(&fleet, "E-WIRE-CHUNK", "worker", || worker.upload(forged));
        let (nowhere, made_up) = (Digest::of(b"nowhere"), Digest::of(&honest));
        refused(&fleet, "E-RPC-NO-OBJECT", "worker", || worker.report(&key, &nowhere, &nowhere));
        assert_eq!(worker.upload(chunks(vec![(made_up, honest)]).collect()).unwrap().objects, 1);
        refused(&fleet, "E-RPC-UNREADABLE", "worker", || worker.report(&key, &made_up, &made_up));
        // What comes along with a report: no packed bytes, far more of them than they look, and no record. None of it stays.
        let (along, bomb) = (format!("along {round}").into_bytes(), pack(&vec![0; 64 << 20]));
        let named = Digest::of(&along);
        for objects in [vec![along.clone()], vec![bomb.clone()], vec![pack(&[0; 1 << 20]); 3]] {
            refused(&fleet, "E-WIRE-MALFORMED", "worker", || worker.report_with(&key, objects, &named));
        }
        refused(&fleet, "E-RPC-UNREADABLE", "worker", || worker.report_with(&key, vec![pack(&along)], &named));
        let asked = v1::Digests { digests: vec![named.as_bytes().to_vec()] };
        let missing = worker.tell(|mut c| async move { c.find_missing(asked).await }).unwrap();
        assert_eq!(missing.digests, [named.as_bytes().to_vec()], "what was refused is not kept");
        refused(&fleet, "E-RPC-UNPLANNED", "worker", || worker.report(&[7; 32], &made_up, &made_up));
        refused(&fleet, "E-RPC-KIND", "worker", || {
            let report = v1::VerificationReport { attempt: Some(attempt(&key)), ..Default::default() };
            worker.tell(|mut c| async move { c.report_verification(report).await })
        });
        for (liar, role) in [(&runner, "agent-runner"), (&person, "person")] {
            refused(&fleet, "E-RPC-ROLE", role, || liar.report(&key, &made_up, &made_up));
        }
        refused(&fleet, "E-RPC-ROLE", "person", || person.upload(Vec::new()));
        let large = v1::Digests { digests: vec![vec![0; 1 << 20]; 6] };
        let status = refused(&fleet, "E-RPC-TOO-LARGE", "worker", || {
            worker.tell(|mut c| async move { c.find_missing(large).await })
        });
        assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
        // What nobody asked for leaves no trace: the history below would have it as begun and never ended.
        let asked = v1::RecordedRequest { kind: "probe".to_owned(), key: vec![9; 32], attempt: 1 };
        let answer = worker.tell(|mut c| async move { c.recorded(asked).await }).unwrap();
        assert!(!answer.recorded && !answer.planned);

        fleet.resume("w1");
        let ended = sweep.wait();
        assert!(matches!(ended.code, 0 | 1), "{} {}", ended.out, ended.err);
        // The first result stands; another one is told.
        let before = fleet.counted("c1", "ligase_results_differ_total");
        let answer = worker.report(&key, &made_up, &made_up).unwrap();
        assert_eq!(answer.detail, "recorded-already");
        assert!(fleet.counted("c1", "ligase_results_differ_total") > before);
        fleet.kill("w1");
    }
    let codes = ["E-WIRE-CHUNK", "E-RPC-NO-OBJECT", "E-RPC-UNPLANNED", "E-RPC-KIND", "E-RPC-TOO-LARGE"];
    for code in codes {
        assert_eq!(is_logged(&fleet, code, "worker/w2"), ROUNDS, "{code} is logged with who");
    }
    assert_eq!(is_logged(&fleet, "E-RPC-UNREADABLE", "worker/w2"), 2 * ROUNDS);
    assert_eq!(is_logged(&fleet, "E-WIRE-MALFORMED", "worker/w2"), 3 * ROUNDS);
    assert_eq!(is_logged(&fleet, "E-RPC-ROLE", "agent-runner/r2"), ROUNDS);
    assert_eq!(is_logged(&fleet, "E-RPC-ROLE", "person/bob"), 2 * ROUNDS);
    assert_eq!(is_logged(&fleet, "E-RPC-DIFFERS", "worker/w2"), ROUNDS);
    let hits = [
        ("an upload whose bytes are not its digest", ROUNDS),
        ("a result that names what the store lacks", ROUNDS),
        ("a result that is none", ROUNDS),
        ("a result that carries what is none", 4 * ROUNDS),
        ("a result that nobody asked for", ROUNDS),
        ("a result of another kind", ROUNDS),
        ("a result from another role", ROUNDS),
        ("a message over the limit", ROUNDS),
        ("a second, different result", ROUNDS),
    ];
    is_clean(&mut fleet, &hits);
}

/// Chunks of one object that never ends, counted as they are taken.
fn endless(taken: &Arc<AtomicUsize>) -> impl Iterator<Item = ObjectChunk> + Send + use<> {
    let taken = Arc::clone(taken);
    let digest = Digest::of(b"five gigabytes").as_bytes().to_vec();
    (0..5 * (1 << 30) / CHUNK_BYTES).map(move |n| {
        taken.fetch_add(1, Ordering::Relaxed);
        let digest = if n == 0 { digest.clone() } else { Vec::new() };
        ObjectChunk { digest, bytes: vec![0; CHUNK_BYTES], last: false }
    })
}

#[test]
fn an_upload_of_five_gigabytes_is_refused_by_count_and_costs_no_more_memory_each_time() {
    let mut fleet = Fleet::new(small(2));
    fleet.start_all(&["c1", "w1", "r1"]);
    fleet.wait_led();
    fleet.sweep();
    let liar = Liar::with(&fleet, "worker-w2");
    let mut held = Vec::new();
    for _ in 0..ROUNDS {
        let taken = Arc::new(AtomicUsize::new(0));
        let sent = endless(&taken);
        refused(&fleet, "E-WIRE-CHUNK", "worker", || {
            liar.tell(|mut c| async move { c.upload(tokio_stream::iter(sent)).await })
        });
        let sent = taken.load(Ordering::Relaxed) * CHUNK_BYTES;
        // What is on the way when it is refused, the connection's windows bound.
        assert!(sent < OBJECT_BYTES_MAX + (16 << 20), "{sent} bytes went out before it was refused");
        held.push(fleet.peak_memory("c1"));
    }
    assert!(held[ROUNDS - 1] < held[0] * 3 / 2, "memory does not grow with what is refused: {held:?} bytes");
    for _ in 0..ROUNDS {
        let many = (0..20_000).map(|_| ObjectChunk {
            digest: Digest::of(b"").as_bytes().to_vec(),
            bytes: Vec::new(),
            last: true,
        });
        refused(&fleet, "E-WIRE-CHUNK", "worker", || {
            liar.tell(|mut c| async move { c.upload(tokio_stream::iter(many)).await })
        });
    }
    assert_eq!(is_logged(&fleet, "E-WIRE-CHUNK", "worker/w2"), 2 * ROUNDS);
    work_on(&fleet.organisation, 1);
    fleet.sweep();
    let hits = [("an upload of 5 GB", ROUNDS), ("an upload of more objects than one may carry", ROUNDS)];
    is_clean(&mut fleet, &hits);
}

#[test]
fn a_task_that_somebody_else_settled_without_a_record_is_offered_again() {
    let mut fleet = Fleet::new(small(2));
    fleet.start_all(&["c1", "r1"]);
    fleet.wait_led();
    let mut tap = Tap::on(&fleet.nats.urls()[0], "_INBOX.>");
    for round in 1..=ROUNDS {
        work_on(&fleet.organisation, round);
        let (known, lost) = (tap.heard().len(), fleet.counted("c1", "ligase_republished_total"));
        fleet.start("w1", &[("LIGASE_STOP_AT", "fetched")]);
        let sweep = fleet.begin(&["sweep"]);
        fleet.wait_stopped("w1");
        let held = wait_for("the delivery is heard", || {
            let heard = tap.heard();
            heard[known..].iter().rev().find(|h| h.reply.starts_with("$JS.ACK.LIGASE_PROBE.")).cloned()
        });
        tap.say(&held.reply, if round % 2 == 1 { "+ACK" } else { "+TERM it is done" });
        // Whoever held it dies: nobody will report it.
        fleet.kill("w1");
        fleet.start("w2", &[]);
        let ended = sweep.wait();
        assert!(matches!(ended.code, 0 | 1), "{} {}", ended.out, ended.err);
        assert!(fleet.counted("c1", "ligase_republished_total") > lost, "the reconciler has seen it");
        fleet.kill("w2");
    }
    is_clean(&mut fleet, &[("another's task acked or ended without a record", ROUNDS)]);
}
