//! One file a verb. Each uses the public API or a library's public function; there is no privileged path.

pub mod assess;
pub mod catalog;
pub mod certs;
pub mod changesets;
pub mod check;
pub mod completions;
pub mod deadletter;
pub mod demo;
pub mod doctor;
pub mod evidence;
pub mod explain;
pub mod findings;
pub mod fix;
pub mod fleet;
pub mod init;
pub mod mcp;
pub mod member;
pub mod render;
pub mod report;
pub mod schema;
pub mod serve;
pub mod status;
pub mod sweep;
