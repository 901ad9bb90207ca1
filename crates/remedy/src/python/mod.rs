//! Edits of Python that keep every byte that they do not mean to change: arguments, parameters, imports, logged values.

mod blocks;
mod call;
mod decorators;
mod imports;
mod logged;
mod scan;

pub(crate) use blocks::block_without_body;
pub use call::{Position, ensure_argument, ensure_parameter};
pub use decorators::{decorators, is_defined_before};
pub(crate) use imports::resolve_relative;
pub use imports::{Import, Imports};
pub use logged::drop_values;
pub use scan::{Kind, Python};
