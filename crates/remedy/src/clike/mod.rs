//! Edits of TypeScript, JavaScript, Java and Go that keep every byte that they do not mean to change. One scanner reads them
//! all, as far as brackets, texts and comments go; it reads the part of a file that an anchor names and nothing else.
//! Next: `scan.rs`, `logged.rs`.

mod logged;
mod scan;

pub use logged::drop_values;
