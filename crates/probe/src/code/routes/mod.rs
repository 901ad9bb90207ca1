//! Routes and what stands before them, for every language of the shared model. A framework is data (`spec.rs`); one file
//! says what it hangs (`emit.rs`, `summary.rs`), and linking runs what puts routes together (`world.rs`, `eval.rs`,
//! `register.rs`), reads annotations (`annotated.rs`, `spring.rs`), decides what guards (`guards.rs`) and writes endpoints
//! (`flatten.rs`, `out.rs`). Next: `spec.rs`, `emit.rs`.

mod annotated;
mod emit;
mod calls;
mod encode;
mod eval;
mod flatten;
mod guards;
mod names;
mod nest;
mod out;
mod register;
pub(crate) mod spec;
mod spring;
mod summary;
mod world;

use crate::vocabulary::Vocabulary;
pub(crate) use emit::emit;
use eval::Machine;
use guards::Guards;
use ligase_domain::{LookedFile, Observation};
use out::Sink;
use spec::Spec;
use world::World;

/// Endpoints of a revision.
pub(crate) fn link(vocabulary: &Vocabulary, specs: &[Spec], looked: &[&LookedFile]) -> Vec<Observation> {
    let world = World::new(looked);
    let mut machine = Machine::new(&world, specs);
    machine.run();
    let guards = Guards { vocabulary };
    let mut sink = Sink::new(&world, vocabulary);
    flatten::emit(&mut machine, &guards, &mut sink);
    annotated::emit(&mut machine, &guards, &mut sink);
    sink.out
}
