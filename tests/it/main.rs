//! End-to-end tests: the house's floors, the wire's freshness, and the built binary on real git repositories.

mod afterwards;
mod demo;
mod determinism;
mod house;
mod suppression;
mod wire;
