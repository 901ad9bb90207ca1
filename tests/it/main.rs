//! End-to-end tests: the house's floors, the wire's freshness, and the built binary on real git repositories.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod afterwards;
mod agents;
mod check;
mod crash;
mod demo;
mod determinism;
mod faults;
mod hands;
mod hostile;
mod house;
mod ops;
mod overview;
mod runbooks;
mod suppression;
mod trace;
mod unseen;
mod waivers;
mod wire;
