//! Looking at a tree and sending up what was seen: blobs first, and the names of the objects that say it.

use crate::Worker;
use crate::cache::{AttemptCache, LocalCache};
use ligase_domain::{Digest, Entry, EntryKind, FailureReason, Origin, RepoPath, SourceTree};
use ligase_probe::{Look, ProbeSet, Progress, link, look_with};
use ligase_proto::convert::digest_bytes;
use ligase_proto::v1;
use ligase_queue::{Delivery, Heartbeat};
use ligase_record::{encode_look, encode_observations, pack};
use std::sync::Arc;
use tokio::runtime::Handle;

/// A declaration larger than this is not read: no person writes one.
const DECLARATION_BYTES_MAX: u64 = 64 * 1024;
/// Declarations of one repository that are sent back; a monorepo has hundreds, not thousands.
const DECLARATIONS_MAX: usize = 2_000;
/// Where forges look for owners, in their order.
const CODEOWNERS: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];

/// Why an attempt ended without a result.
pub(crate) type Failed = (FailureReason, String);

/// What was seen, as objects that the coordinator has or gets with the report.
pub(crate) struct Sent {
    pub(crate) root: Digest,
    pub(crate) observations: Digest,
    pub(crate) files_total: u64,
    pub(crate) looked_at: u64,
    pub(crate) from_cache: u64,
    /// What of it the coordinator has not yet, and gets with the report, packed.
    pub(crate) along: Vec<Vec<u8>>,
}

struct Seen {
    objects: Vec<Vec<u8>>,
    root: Digest,
    observations: Digest,
    look: Look,
}

struct Beat(Heartbeat);

impl Progress for Beat {
    fn looked(&self) {
        self.0.beat();
    }
}

/// Looks at a tree on a blocking thread and uploads what it showed.
pub(crate) async fn look_and_send(
    worker: &Worker,
    local: &Arc<LocalCache>,
    tree: Arc<dyn SourceTree>,
    heartbeat: Heartbeat,
) -> Result<Sent, Failed> {
    let cache = AttemptCache { local: Arc::clone(local), fleet: worker.fleet(), runtime: Handle::current() };
    let (probes, eyes) = (Arc::clone(&worker.probes), Arc::clone(&worker.eyes));
    let beat = heartbeat.clone();
    let seen = tokio::task::spawn_blocking(move || {
        // Held to the end: as long as this thread runs, its attempt is not gone.
        let beat = Beat(beat);
        let look = look_with(&probes, eyes.as_ref(), tree.as_ref(), &cache, &beat);
        let observations = encode_observations(&link(&probes, &look.files))?;
        let encoded = encode_look(&look.files, &look.population, probes.digest(), &probes.packs())?;
        let mut objects: Vec<Vec<u8>> = encoded.files.into_iter().map(|(_, bytes)| bytes).collect();
        objects.extend(encoded.encoded.chunks);
        let (root, named) = (Digest::of(&encoded.encoded.root), Digest::of(&observations));
        // The root names the chunks and the chunks name the files' objects, so it goes last.
        objects.extend([observations, encoded.encoded.root]);
        Ok::<_, ligase_record::RecordError>(Seen { objects, root, observations: named, look })
    })
    .await
    .map_err(|panic| (FailureReason::Crashed, panic.to_string()))?
    .map_err(|error| (FailureReason::OverBudget, error.to_string()))?;
    if let Some(why) = &seen.look.blind {
        return Err((FailureReason::Machine, why.clone()));
    }
    if let Some(reason) = &seen.look.population.incomplete {
        // What was not listed is not gone: a revision that cannot be looked at whole shows nothing.
        return Err((FailureReason::CorruptObject, format!("the revision cannot be listed whole: {reason}")));
    }
    heartbeat.beat();
    ligase_runtime::reached("looked");
    let heart = heartbeat.clone();
    let mut objects = worker.objects().beating(move || heart.beat());
    let look = seen.look;
    let upload = objects.along(seen.objects, look.from_cache > 0);
    let along = ligase_runtime::stage("look", "upload", upload).await.map_err(unreachable)?;
    let along = along.iter().map(|object| pack(object)).collect();
    heartbeat.beat();
    Ok(Sent {
        root: seen.root,
        observations: seen.observations,
        files_total: look.population.files_total,
        looked_at: look.looked_at,
        from_cache: look.from_cache,
        along,
    })
}

/// Files named `dna.yaml`, as bytes: the worker knows no policy and parses nothing. CODEOWNERS beside them, if there is one.
/// A `dna.yaml` in tests, examples or other people's code is a fixture and declares nothing here.
pub(crate) fn declarations(probes: &ProbeSet, tree: &dyn SourceTree) -> (Vec<v1::DeclarationFile>, Vec<u8>) {
    let Ok(entries) = tree.entries() else { return (Vec::new(), Vec::new()) };
    let declares = |e: &&Entry| {
        let regular = matches!(e.kind, EntryKind::File | EntryKind::Executable);
        regular && e.path.file_name() == b"dna.yaml" && probes.class_of(&e.path).origin == Origin::Source
    };
    let files = entries
        .iter()
        .filter(declares)
        .take(DECLARATIONS_MAX)
        .map(|entry| {
            let read = tree.read(entry, DECLARATION_BYTES_MAX);
            v1::DeclarationFile {
                path: entry.path.to_string(),
                unreadable: read.as_ref().err().map(ToString::to_string).unwrap_or_default(),
                bytes: read.unwrap_or_default(),
                blob: entry.oid.as_bytes().to_vec(),
            }
        })
        .collect();
    let owners = CODEOWNERS.iter().find_map(|name| {
        let entry = entries.iter().find(|e| e.path == RepoPath::from(*name))?;
        tree.read(entry, DECLARATION_BYTES_MAX).ok()
    });
    (files, owners.unwrap_or_default())
}

/// A coordinator that does not answer is tried again later.
pub(crate) fn unreachable(status: tonic::Status) -> Failed {
    (FailureReason::Unreachable, format!("{:?}: {}", status.code(), status.message()))
}

/// The attempt's part of a report.
pub(crate) fn attempt(delivery: &Delivery) -> v1::Attempt {
    let task = &delivery.task;
    v1::Attempt {
        key: task.key.clone(),
        sweep: task.sweep.clone(),
        publication: task.publication,
        number: delivery.attempt,
    }
}

/// A failure's message.
pub(crate) fn failure((reason, detail): &Failed) -> v1::Failure {
    v1::Failure { reason: reason.name().to_owned(), detail: detail.clone() }
}

/// The bytes of a digest's field.
pub(crate) fn field(digest: &Digest) -> Vec<u8> {
    digest_bytes(digest)
}
