//! What looks: packs, one for each family of dialects, behind one trait. A pack reads the files of its dialects one by one
//! and then links what the files of a revision say of each other. Several packs may read one dialect. To add a language or a
//! document format, write a pack and name it in `set.rs`. Next: `set.rs`, then a pack (`python/mod.rs`, `terraform/mod.rs`).

use ligase_domain::{LookedFile, Observation, PathClass, Seen};

/// A family of dialects, and what is known of it.
pub(crate) trait Pack: Send + Sync {
    /// The dialects that it reads, as `class.rs` names them.
    fn dialects(&self) -> &'static [&'static str];

    /// What of the loaded catalog or of the engine shapes results, beyond the catalog's files themselves.
    fn digest_parts(&self) -> Vec<u8> {
        Vec::new()
    }

    /// What one file shows; the error is the stable reason for skipping the file. Pure: equal bytes of an equal class show
    /// equal things, wherever the file lies.
    fn look(&self, class: &PathClass, text: &str) -> Result<Vec<Seen>, &'static str>;

    /// What the files of a revision show together. They come sorted by path and are all of this pack's dialects; facts of
    /// other packs among them are left alone.
    fn link(&self, files: &[&LookedFile]) -> Vec<Observation>;
}
