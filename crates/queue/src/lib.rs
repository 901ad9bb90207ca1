//! The belt: tasks are published, leased, renewed and settled.
//!
//! The queue is a hint and the store is the truth: a lost message costs a delay until the next resync, a message that is
//! delivered twice costs work, and neither changes a result. The port is [`TaskQueue`] and its conformance suite
//! (`conformance.rs`, feature `testing`); `memory.rs` is the one that the embedded mode uses, `jetstream.rs` the fleet's.

mod jetstream;
mod lead;
mod memory;
mod options;
mod port;
mod pull;

#[cfg(feature = "testing")]
pub mod conformance;
#[cfg(feature = "testing")]
pub mod raw;
#[cfg(feature = "testing")]
pub mod testing;

pub use jetstream::{JetStreamLeadership, JetStreamQueue, Problem, Topology};
pub use lead::{AloneLeadership, Candidate, Leader, Leadership, Standing, Term};
pub use memory::MemoryQueue;
pub use options::{Login, QueueOptions, Tls, TraceHook};
pub use port::{
    ACK_WAIT, Backlog, DeadLetter, Delivery, DeliveryId, MAX_DELIVER, Published, QueueError, Settle, TaskQueue,
    task_key,
};
pub use pull::{Heartbeat, LEFT_BEHIND_MAX, STUCK, backoff, left_behind, pull};
