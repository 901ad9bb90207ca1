//! What there is at the server: streams, consumers, subjects. Names are made here and nowhere else, and no name of an
//! organisation, a repository or a zone gets into one: only hashes do.
//!
//! The coordinator makes all of it ([`Topology::ensure`]); workers and runners only bind to what is there.

use super::connect::{Link, Refusal};
use crate::options::QueueOptions;
use crate::port::{MAX_DELIVER, QueueError};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use ligase_domain::{Digest, FieldHasher, Lane, TaskKey, TaskKind};
use ligase_proto::v1;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// Largest task, in bytes. A task names things, it does not carry them.
pub(crate) const TASK_BYTES_MAX: usize = 64 * 1024;
/// How long the server remembers the ids of publications: longer than a publisher's retries and a change of leader.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(600);
/// How long captured advisories are kept.
const ADVISORIES_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long dead letters are kept.
const LETTERS_KEPT: Duration = Duration::from_secs(90 * 24 * 3600);
/// Tasks of one consumer that may be leased at once, over the whole fleet.
const ACK_PENDING_MAX: u32 = 10_000;
/// Pulls of one consumer that may wait at the server; ours never wait there.
const WAITING_MAX: u32 = 512;
/// How long the servers of a cluster may take to find each other before it is an error.
const FORMING: Duration = Duration::from_secs(10);
/// Requests of one `ensure` in flight.
const MAKING: usize = 16;

/// Advisories of the task streams, captured, since the server tells them only once.
pub(crate) const ADVISORIES: &str = "LIGASE_ADVISORIES";
/// Tasks that were set aside.
pub(crate) const LETTERS: &str = "LIGASE_DEAD";
/// The consumer by which the leader reads advisories.
pub(crate) const TENDER: &str = "tend";

pub(crate) const KINDS: [TaskKind; 3] = [TaskKind::Probe, TaskKind::Remedy, TaskKind::Verification];
/// Most urgent first.
pub(crate) const LANES: [Lane; 3] = [Lane::Hot, Lane::Cascade, Lane::Sweep];

/// The stream of a kind's tasks.
pub(crate) const fn stream_of(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Probe => "LIGASE_PROBE",
        TaskKind::Remedy => "LIGASE_REMEDY",
        TaskKind::Verification => "LIGASE_VERIFICATION",
    }
}

fn token(label: &str, parts: &[&str]) -> String {
    let hasher = parts.iter().fold(FieldHasher::new(label), |hasher, part| hasher.field(part));
    hasher.finish().to_string()[..16].to_owned()
}

/// A zone's token: `any`, or a hash of its name.
pub(crate) fn zone_token(zone: &str) -> String {
    if zone.is_empty() { "any".to_owned() } else { token("ligase.queue.zone.v1", &[zone]) }
}

fn repository(task: &v1::Task) -> Option<&v1::Repository> {
    use v1::task::Work;
    match task.work.as_ref()? {
        Work::Probe(probe) => probe.repository.as_ref(),
        Work::Remedy(remedy) => remedy.service.as_ref()?.repository.as_ref(),
        Work::Verification(verification) => verification.service.as_ref()?.repository.as_ref(),
    }
}

/// One consumer of tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) kind: TaskKind,
    pub(crate) zone: String,
    pub(crate) lane: Lane,
    pub(crate) shard: u32,
}

impl Seat {
    /// The durable consumer's name.
    pub(crate) fn consumer(&self) -> String {
        format!("{}-{}-{}", self.zone, self.lane.name(), self.shard)
    }

    pub(crate) fn filter(&self) -> String {
        format!("ligase.v1.{}.{}.{}.{}.>", self.kind.name(), self.zone, self.lane.name(), self.shard)
    }

    /// Where a publication for this consumer is told to those who wait.
    pub(crate) fn wake(&self) -> String {
        format!("ligase.wake.v1.{}.{}.{}.{}", self.kind.name(), self.zone, self.lane.name(), self.shard)
    }
}

/// All wake-ups of a kind.
pub(crate) fn wakes(kind: TaskKind) -> String {
    format!("ligase.wake.v1.{}.*.*.*", kind.name())
}

/// Where a task stands on the belt.
pub(crate) struct Place {
    pub(crate) seat: Seat,
    pub(crate) subject: String,
    /// The same key in whatever lane.
    pub(crate) any_lane: String,
}

/// The shape of the belt: how many shards, which zones, how many copies.
#[derive(Clone, Debug)]
pub struct Topology {
    replicas: usize,
    shards: u32,
    zones: Vec<String>,
    pub(crate) ack_wait: Duration,
}

impl Topology {
    /// The shape that these options ask for.
    pub fn new(options: &QueueOptions) -> Self {
        let mut zones: Vec<String> = options.zones.iter().map(|zone| zone_token(zone)).collect();
        zones.push(zone_token(""));
        zones.sort();
        zones.dedup();
        Self { replicas: options.replicas.max(1), shards: options.shards.max(1), zones, ack_wait: options.ack_wait }
    }

    pub(crate) fn replicas(&self) -> usize {
        self.replicas
    }

    /// The consumers of a kind.
    pub(crate) fn seats(&self, kind: TaskKind) -> Vec<Seat> {
        let mut seats = Vec::new();
        for lane in LANES {
            for shard in 0..self.shards {
                seats.extend(self.zones.iter().map(|zone| Seat { kind, zone: zone.clone(), lane, shard }));
            }
        }
        seats
    }

    /// Where a task belongs, or the zone that nobody would serve.
    pub(crate) fn place(&self, task: &v1::Task, key: TaskKey, lane: Lane) -> Result<Place, QueueError> {
        let zone = zone_token(&task.zone);
        if !self.zones.contains(&zone) {
            let zone = &task.zone;
            return Err(QueueError::Unreachable(format!(
                "zone `{zone}` has no consumers: name it among the coordinator's zones"
            )));
        }
        let first =
            Digest::of(task.organisation.as_bytes()).as_bytes()[..4].iter().fold(0_u32, |n, b| n << 8 | u32::from(*b));
        let seat = Seat { kind: key.kind, zone, lane, shard: first % self.shards };
        let organisation = token("ligase.queue.organisation.v1", &[&task.organisation]);
        let repository = repository(task)
            .map_or_else(|| "none".to_owned(), |r| token("ligase.queue.repository.v1", &[&r.forge, &r.stable]));
        let tail = format!("{}.{organisation}.{repository}.{}", seat.shard, key.digest);
        let head = format!("ligase.v1.{}.{}", key.kind.name(), seat.zone);
        let subject = format!("{head}.{}.{tail}", lane.name());
        Ok(Place { seat, subject, any_lane: format!("{head}.*.{tail}") })
    }

    /// Every stream with its configuration, as the server's API takes it.
    pub(crate) fn streams(&self) -> Vec<Value> {
        let tasks = KINDS.map(|kind| {
            json!({
                "name": stream_of(kind),
                "subjects": [format!("ligase.v1.{}.>", kind.name())],
                "retention": "workqueue", "discard": "new", "discard_new_per_subject": true,
                "max_msgs_per_subject": 1, "max_msgs": -1, "max_bytes": -1, "max_age": 0,
                "max_msg_size": TASK_BYTES_MAX, "duplicate_window": nanos(DUPLICATE_WINDOW),
                "storage": "file", "num_replicas": self.replicas,
            })
        });
        let told: Vec<String> = ["MAX_DELIVERIES", "MSG_TERMINATED"]
            .iter()
            .flat_map(|what| KINDS.map(|kind| format!("$JS.EVENT.ADVISORY.CONSUMER.{what}.{}.*", stream_of(kind))))
            .collect();
        let advisories = json!({
            "name": ADVISORIES, "subjects": told, "retention": "limits", "discard": "old",
            "max_msgs": 1_000_000, "max_bytes": -1, "max_age": nanos(ADVISORIES_KEPT), "max_msgs_per_subject": -1,
            "storage": "file", "num_replicas": self.replicas,
        });
        let letters = json!({
            "name": LETTERS, "subjects": ["ligase.dead.v1.>"], "retention": "limits",
            "discard": "new", "discard_new_per_subject": true, "max_msgs_per_subject": 1,
            "max_msgs": -1, "max_bytes": -1, "max_age": nanos(LETTERS_KEPT),
            "max_msg_size": TASK_BYTES_MAX + 8 * 1024, "storage": "file", "num_replicas": self.replicas,
        });
        tasks.into_iter().chain([advisories, letters, super::lead::bucket(self.replicas)]).collect()
    }

    /// A consumer's configuration. `backoff` is left out: it would override the ack wait, and a nak ignores it.
    pub(crate) fn consumer(&self, seat: &Seat) -> Value {
        json!({
            "durable_name": seat.consumer(), "name": seat.consumer(), "filter_subject": seat.filter(),
            "deliver_policy": "all", "ack_policy": "explicit", "replay_policy": "instant",
            "ack_wait": nanos(self.ack_wait), "max_deliver": MAX_DELIVER,
            "max_ack_pending": ACK_PENDING_MAX, "max_waiting": WAITING_MAX,
        })
    }

    fn tender(&self) -> Value {
        json!({
            "durable_name": TENDER, "name": TENDER, "deliver_policy": "all", "ack_policy": "explicit",
            "replay_policy": "instant", "ack_wait": nanos(Duration::from_secs(60)), "max_deliver": -1,
        })
    }

    /// Makes what is not there, and brings what is there to this shape. Only a coordinator may do so. Doing it twice
    /// changes nothing.
    pub(crate) async fn ensure(&self, link: &Link) -> Result<(), QueueError> {
        for config in self.streams() {
            let name = config["name"].as_str().unwrap_or_default().to_owned();
            match once_formed(link, &format!("STREAM.CREATE.{name}"), &config).await {
                Ok(_) => {}
                // 10058: there is one of this name with another configuration.
                Err(Refusal::Server(10058, _)) => {
                    let updated = link.api(&format!("STREAM.UPDATE.{name}"), &config).await;
                    updated.map_err(|refusal| refusal.into_error(&format!("updating stream {name}")))?;
                }
                Err(refusal) => return Err(refusal.into_error(&format!("making stream {name}"))),
            }
        }
        let mut makings = vec![make(link, ADVISORIES, TENDER.to_owned(), self.tender())];
        for seat in KINDS.into_iter().flat_map(|kind| self.seats(kind)) {
            let named = format!("{}.{}", seat.consumer(), seat.filter());
            makings.push(make(link, stream_of(seat.kind), named, self.consumer(&seat)));
        }
        stream::iter(makings).buffer_unordered(MAKING).try_collect::<()>().await
    }
}

/// Makes one consumer; `named` is its name and, where it has one, its filter.
async fn make(link: &Link, stream: &'static str, named: String, config: Value) -> Result<(), QueueError> {
    let request = json!({ "stream_name": stream, "config": config });
    let made = once_formed(link, &format!("CONSUMER.CREATE.{stream}.{named}"), &request).await;
    made.map(drop).map_err(|refusal| refusal.into_error(&format!("making consumer {named} of {stream}")))
}

/// Asks again while a cluster's servers have not all found each other: they start together, and so does who asks.
async fn once_formed(link: &Link, what: &str, request: &Value) -> Result<Value, Refusal> {
    let until = Instant::now() + FORMING;
    loop {
        match link.api(what, request).await {
            Err(refusal) if refusal.is_forming() && Instant::now() < until => tokio::time::sleep(FORMING / 40).await,
            ended => return ended,
        }
    }
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
