//! Leadership: which coordinator may write and deliver. The port, and the one that the embedded mode uses; the fleet's is
//! `jetstream/lead.rs`.
//!
//! A term is not mutual exclusion: a leader that was stopped finds out late. So it stops acting when its own monotonic clock
//! says that the term is over, and every term has a fence that rises, by which what is written later refuses what was
//! written under an older one.

use crate::port::QueueError;
use async_trait::async_trait;
use std::time::Duration;
use tokio::time::Instant;

/// Who would lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name, the same for all its terms.
    pub name: String,
    /// Where the others find it.
    pub address: String,
}

/// Who leads, as last read. A hint for finding it: nothing may be decided by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// Its name.
    pub name: String,
    /// Where it is found.
    pub address: String,
    /// The fence of its term.
    pub fence: u64,
}

/// A time in which one candidate leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Rises with every term, and stays through renewals.
    pub fence: u64,
    /// Until then nobody else can lead, by this process's monotonic clock.
    pub until: Instant,
    /// Who leads.
    pub leader: Candidate,
    /// What the next renewal has to find.
    pub(crate) revision: u64,
}

impl Term {
    /// Whether its holder may still act.
    pub fn holds(&self) -> bool {
        Instant::now() < self.until
    }
}

/// How a campaign ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The candidate leads.
    Leads(Term),
    /// Somebody else does.
    Follows(Leader),
}

/// Decides who leads.
#[async_trait]
pub trait Leadership: Send + Sync {
    /// Tries to lead. A candidate that led and lost its term campaigns again, and gets a higher fence.
    async fn campaign(&self, me: &Candidate) -> Result<Standing, QueueError>;

    /// Extends a term, well before it ends. [`QueueError::TermLost`] where it is over: whoever gets that must not act. After
    /// any other error the old term still holds until its own end.
    async fn renew(&self, term: &Term) -> Result<Term, QueueError>;

    /// Ends a term early, so that another candidate need not wait. A term that is over already ends nobody else's.
    async fn resign(&self, term: &Term) -> Result<(), QueueError>;
}

/// The leadership of a process that has its store to itself: it always leads, under the fence that it was given.
#[derive(Clone, Copy, Debug)]
pub struct AloneLeadership {
    fence: u64,
}

impl AloneLeadership {
    /// A term without end.
    const UNTIL: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

    /// Leads under this fence, which has to be higher than that of the store's last term.
    pub const fn new(fence: u64) -> Self {
        Self { fence }
    }
}

#[async_trait]
impl Leadership for AloneLeadership {
    async fn campaign(&self, me: &Candidate) -> Result<Standing, QueueError> {
        let until = Instant::now() + Self::UNTIL;
        Ok(Standing::Leads(Term { fence: self.fence, until, leader: me.clone(), revision: self.fence }))
    }

    async fn renew(&self, term: &Term) -> Result<Term, QueueError> {
        Ok(Term { until: Instant::now() + Self::UNTIL, ..term.clone() })
    }

    async fn resign(&self, _: &Term) -> Result<(), QueueError> {
        Ok(())
    }
}
