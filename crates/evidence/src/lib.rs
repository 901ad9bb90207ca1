//! The memory: evidence keyed by content, durable before it is acknowledged, and verified whenever it is read.
//!
//! Small objects lie in append-only segments, large ones are files named by their digest, and an ordered journal says
//! which came when; its entries are, byte for byte, the leaves of the Merkle log. Everything else, sled above all, is
//! rebuilt from those. Refuses to know what the bytes mean: that is the business of `record`.
//! Read `store.rs` first, then `commit.rs` and `recover.rs`.

mod blobs;
mod commit;
mod error;
mod frame;
mod head;
mod index;
mod index_gathered;
mod index_sled;
mod index_thread;
mod journal;
mod lookup;
mod recover;
mod series;
mod store;

pub use error::{StoreError, codes};
pub use index::{Index, IndexEntry, IndexError, Location, MemoryIndex, Space, Tallies, Tally};
pub use index_sled::SledIndex;
pub use index_thread::IndexChoice;
pub use journal::{Entries, Leaf};
pub use lookup::MAX_OBJECT_BYTES;
pub use recover::Damage;
pub use series::FileId;
pub use store::{
    Batch, Committed, Hashed, JournalEntry, LookConflict, SEGMENT_OBJECT_BYTES, Stats, Store, StoreOptions, reindex,
};
