//! What the roles share: settings from flags, environment and file; connections; start and stop; hello and drain.

pub mod hello;
pub mod link;
pub mod settings;
pub mod start;
pub mod turnstile;
