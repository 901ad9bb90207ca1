//! The one door through which the coordinator remembers: objects first, then the journal's entry, then the projection.
//!
//! Nothing is in the state that is not in the journal, so a coordinator that dies at any line has lost nothing that it
//! acknowledged. Calls block on the disk; async callers go through `spawn_blocking`.

use crate::fact::Fact;
use crate::fields::{FieldError, Fields};
use crate::standing::Standing;
use crate::state::{Changed, ServiceState, State};
use crate::together::Together;
use ligase_domain::{Assessment, Clock, Digest, Finding, FindingId, GateReport, Patch, Timestamp};
use ligase_evidence::{Batch, Hashed, JournalEntry, Store, StoreError, codes};
use ligase_record::{
    EncodedAssessment, Event, ObservationSet, RecordError, decode_assessment, decode_event, decode_gate_report,
    decode_observation_set, decode_patch, encode_assessment, encode_event,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// The kind of the journal's entries that name an assessment's statement.
const ASSESSMENT: &str = "assessment";

/// Why something could not be remembered or read back.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store lacks an object that a record names.
    #[error(
        "E-LEDGER-MISSING: the store lacks {0} || restore it from a backup: run `ligase evidence stats` to see what is damaged"
    )]
    Missing(Digest),
    /// A stored record does not read.
    #[error(
        "E-LEDGER-RECORD: {0} || run `ligase evidence stats` to see what is damaged, and restore that from a backup"
    )]
    Record(#[from] RecordError),
    /// A stored fact does not read.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A result is not one of the task that it is said to be of.
    #[error("E-RPC-FORGED: {0}")]
    Forged(String),
}

/// An assessment, and what is held of it once it is recorded.
pub type Assessed = (Arc<Assessment>, Arc<Standing>);

/// Facts that somebody waits to have durable.
struct Waiting {
    facts: Vec<Fact>,
    /// The facts' events, in their order.
    events: Vec<Hashed>,
    /// What the facts name.
    named: Vec<Hashed>,
    looks: Vec<(Digest, Digest)>,
    /// When it was said, where it is written later.
    said: Option<Timestamp>,
}

impl Waiting {
    fn of(facts: Vec<Fact>, named: Vec<Hashed>, looks: Vec<(Digest, Digest)>) -> Result<Self, RecordError> {
        let mut events = Vec::with_capacity(facts.len());
        for fact in &facts {
            let event = Event { kind: fact.kind().to_owned(), fields: fact.fields().0 };
            events.push(Hashed::of(encode_event(&event)?));
        }
        Ok(Self { facts, events, named, looks, said: None })
    }
}

/// The store, the projection, and the clock that dates both.
pub struct Ledger {
    store: Arc<Store>,
    state: RwLock<State>,
    /// Held from before an append to after its projection, so that the projection's order is the journal's.
    writing: Mutex<()>,
    /// What came while somebody wrote: the next writer takes all of it in one commit.
    together: Together<Waiting, StoreError>,
    clock: Arc<dyn Clock>,
    /// Whether a sweep that finds the disk full waits for room.
    waits: AtomicBool,
}

/// How long it is waited for room before it is looked again.
const LOOK_FOR_ROOM: Duration = Duration::from_secs(1);
/// So many facts are left to be written with others; one more, and they are written at once.
const LEFT_MAX: usize = 1_000;
/// A wait is told again after so many looks.
const TOLD_EVERY: u32 = 60;

impl Ledger {
    /// Replays the journal of an open store.
    pub fn open(store: Arc<Store>, clock: Arc<dyn Clock>) -> Result<Self, LedgerError> {
        let mut state = State::default();
        for leaf in store.journal(0) {
            let entry = leaf?.entry;
            if entry.kind == ASSESSMENT {
                let assessment = read_assessment(&store, &entry.digest)?;
                state.assess(entry.at, &assessment, Arc::new(Standing::of(&assessment)), entry.digest);
            } else {
                let event = decode_event(&object(&store, &entry.digest)?)?;
                if let Some(fact) = Fact::read(&event.kind, &Fields(event.fields))? {
                    state.apply(entry.at, &fact);
                }
            }
        }
        let (writing, together) = (Mutex::new(()), Together::default());
        let waits = AtomicBool::new(false);
        Ok(Self { store, state: RwLock::new(state), writing, together, clock, waits })
    }

    /// The store behind it.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The present moment, by the ledger's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Reads the state. The lock is held while `read` runs, so it takes what it needs and returns.
    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on what a sweep writes waits for room on a full disk, or does not any more: a coordinator that serves holds
    /// its sweep until somebody has made room; a person who sweeps without one is told at once.
    pub fn wait_for_room(&self, waits: bool) {
        self.waits.store(waits, Ordering::Release);
    }

    fn with_room<T>(&self, mut write: impl FnMut() -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let mut looks = 0_u32;
        loop {
            match write() {
                Err(LedgerError::Store(error))
                    if error.code == codes::NO_SPACE && self.waits.load(Ordering::Acquire) =>
                {
                    if looks.is_multiple_of(TOLD_EVERY) {
                        tracing::warn!(code = error.code, %error, "the sweep waits for room");
                    }
                    looks = looks.wrapping_add(1);
                    std::thread::sleep(LOOK_FOR_ROOM);
                }
                ended => return ended,
            }
        }
    }

    /// Remembers facts, and waits for room where that was asked for.
    pub fn record(&self, facts: Vec<Fact>) -> Result<(), LedgerError> {
        self.with_room(|| self.record_now(facts.clone()))
    }

    /// Remembers facts: durable, then visible. In order, and all or none of them visible when it fails. Callers that wait
    /// at the same time share one commit.
    pub fn record_now(&self, facts: Vec<Fact>) -> Result<(), LedgerError> {
        if facts.is_empty() { Ok(()) } else { self.record_seen(facts, Vec::new(), Vec::new()) }
    }

    /// The same of facts, of objects that they name, and of the look keys that the files of their result stand under from
    /// now on.
    pub fn record_seen(
        &self,
        facts: Vec<Fact>,
        named: Vec<Hashed>,
        looks: Vec<(Digest, Digest)>,
    ) -> Result<(), LedgerError> {
        Ok(self.together.write(Waiting::of(facts, named, looks)?, |group| self.commit(group))?)
    }

    /// Remembers facts a moment later: with the next that somebody waits for, or when [`Self::settle`] is called. A
    /// coordinator that is killed meanwhile has not heard of them, so nothing that anybody relies on may be said so. True
    /// when so much is left that somebody has to call it now.
    pub fn record_soon(&self, facts: Vec<Fact>) -> Result<bool, LedgerError> {
        let waiting = Waiting { said: Some(self.clock.now()), ..Waiting::of(facts, Vec::new(), Vec::new())? };
        Ok(self.together.leave(waiting) >= LEFT_MAX)
    }

    /// Whether nothing is left to be remembered.
    pub fn is_settled(&self) -> bool {
        self.together.is_empty()
    }

    /// Makes durable what was to be remembered soon; whether nothing of it is left.
    pub fn settle(&self) -> bool {
        self.together.settle(|group| self.commit(group))
    }

    /// Writes a group in one commit and shows it.
    fn commit(&self, group: &[&Waiting]) -> Result<(), StoreError> {
        let _writing = lock(&self.writing);
        let at = self.clock.now();
        let (mut objects, mut looks, mut entries) = (Vec::new(), Vec::new(), Vec::new());
        for one in group {
            looks.extend_from_slice(&one.looks);
            objects.extend(one.named.iter().chain(&one.events).cloned());
            for (fact, event) in one.facts.iter().zip(&one.events) {
                let at = one.said.unwrap_or(at);
                entries.push(JournalEntry { kind: fact.kind().to_owned(), digest: event.digest(), at });
            }
        }
        self.store.commit(Batch { objects, looks, entries })?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for one in group {
            one.facts.iter().for_each(|fact| state.apply(one.said.unwrap_or(at), fact));
        }
        Ok(())
    }

    /// Remembers assessments that differ from their services' last, and says what changed. Waits for room as `record` does.
    pub fn assess(&self, assessments: &[Assessed]) -> Result<Vec<Changed>, LedgerError> {
        self.with_room(|| self.assess_now(assessments))
    }

    fn assess_now(&self, assessments: &[Assessed]) -> Result<Vec<Changed>, LedgerError> {
        let encoded = encode_all(assessments)?.into_iter().zip(assessments);
        let _writing = lock(&self.writing);
        let at = self.clock.now();
        let (mut objects, mut entries, mut news) = (Vec::new(), Vec::new(), Vec::new());
        for (bytes, assessed) in encoded {
            let said = Hashed::of(bytes.statement);
            let statement = said.digest();
            if self.read(|s| s.services.get(&assessed.0.service).is_some_and(|s| s.statement == statement)) {
                continue;
            }
            objects.extend(bytes.objects.into_iter().map(Hashed::of));
            objects.push(said);
            entries.push(JournalEntry { kind: ASSESSMENT.to_owned(), digest: statement, at });
            news.push((assessed, statement));
        }
        if !entries.is_empty() {
            self.store.commit(Batch { objects, looks: Vec::new(), entries })?;
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let changed = |((assessment, standing), statement): (&Assessed, Digest)| {
            state.assess(at, assessment, Arc::clone(standing), statement)
        };
        Ok(news.into_iter().map(changed).collect())
    }

    /// The last assessment of a service, whole, from the store.
    pub fn assessment(&self, known: &ServiceState) -> Result<Assessment, LedgerError> {
        read_assessment(&self.store, &known.statement)
    }

    /// The finding of that id in its service's last assessment, if it is in one.
    pub fn finding(&self, id: &FindingId) -> Result<Option<(ServiceState, Finding)>, LedgerError> {
        let known: Vec<ServiceState> =
            self.read(|s| s.services.values().filter(|k| k.standing.has(id)).cloned().collect());
        for known in known {
            let found = match known.standing.unsettled(id) {
                Some(finding) => Some(finding.clone()),
                None => self.assessment(&known)?.findings.into_iter().find(|f| f.id == *id),
            };
            if let Some(finding) = found {
                return Ok(Some((known, finding)));
            }
        }
        Ok(None)
    }

    /// An object that a record names.
    pub fn object(&self, digest: &Digest) -> Result<Vec<u8>, LedgerError> {
        object(&self.store, digest)
    }

    /// The stored patch of a digest, with its files' bytes.
    pub fn patch(&self, digest: &Digest) -> Result<Patch, LedgerError> {
        Ok(decode_patch(&self.object(digest)?, &mut |d| self.object(d).ok())?)
    }

    /// The stored gate report of a digest.
    pub fn gate_report(&self, digest: &Digest) -> Result<GateReport, LedgerError> {
        Ok(decode_gate_report(&self.object(digest)?)?)
    }

    /// The stored observation set of a root.
    pub fn observation_set(&self, root: &Digest) -> Result<ObservationSet, LedgerError> {
        Ok(decode_observation_set(&self.object(root)?, &mut |d| self.object(d).ok())?)
    }

    /// Keeps one object, and waits for room where that was asked for.
    pub fn keep(&self, bytes: Vec<u8>) -> Result<Digest, LedgerError> {
        self.with_room(|| self.keep_now(bytes.clone()))
    }

    /// Keeps objects.
    pub fn keep_all(&self, objects: Vec<Hashed>) -> Result<(), LedgerError> {
        self.store.commit(Batch { objects, ..Batch::default() })?;
        Ok(())
    }

    /// Keeps one object.
    pub fn keep_now(&self, bytes: Vec<u8>) -> Result<Digest, LedgerError> {
        let digest = Digest::of(&bytes);
        self.store.put_batch(vec![bytes])?;
        Ok(digest)
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.settle();
    }
}

/// The bytes of assessments, on as many threads as there are cores: after adopting a framework this is most of the work.
fn encode_all(assessments: &[Assessed]) -> Result<Vec<EncodedAssessment>, LedgerError> {
    let encode = |part: &[Assessed]| part.iter().map(|(a, _)| encode_assessment(a)).collect::<Result<Vec<_>, _>>();
    if assessments.len() < 2 {
        return Ok(encode(assessments)?);
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let parts: Vec<_> = std::thread::scope(|scope| {
        let parts = assessments.chunks(assessments.len().div_ceil(threads));
        let encoding: Vec<_> = parts.map(|part| scope.spawn(move || encode(part))).collect();
        encoding.into_iter().map(|e| e.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    Ok(parts.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// No code panics while it holds a lock; a poisoned projection would be rebuilt by the next start.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn object(store: &Store, digest: &Digest) -> Result<Vec<u8>, LedgerError> {
    store.get(digest)?.ok_or(LedgerError::Missing(*digest))
}

fn read_assessment(store: &Store, statement: &Digest) -> Result<Assessment, LedgerError> {
    Ok(decode_assessment(&object(store, statement)?, &mut |digest| object(store, digest).ok())?)
}
