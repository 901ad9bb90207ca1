//! Edits of TypeScript, JavaScript, Java and Go that keep every byte that they do not mean to change. One scanner reads them
//! all, as far as brackets, texts and comments go; it reads the part of a file that an anchor names, or all of it where
//! imports and scopes matter. Next: `scan.rs`, `logged.rs`, `imports.rs`, `arguments.rs`.

mod arguments;
mod hung;
mod imports;
mod logged;
mod scan;
mod statements;
mod visible;

pub use arguments::{before_handler, chained_call};
pub use hung::{decorators, guards_between, hung};
pub use imports::{Import, Imports, Taken, joined};
pub use logged::drop_values;
pub use scan::Scan;
pub use statements::Style;
pub use visible::is_visible;
