//! Routes and what stands before them, for every language of the shared model. A framework is data (`spec.rs`); one file
//! says what it hangs (`emit.rs`, `summary.rs`), and linking runs what puts routes together (`world.rs`, `eval.rs`,
//! `register.rs`), reads annotations (`annotated.rs`, `spring.rs`), decides what guards (`guards.rs`) and writes endpoints
//! (`flatten.rs`, `out.rs`). Next: `spec.rs`, `emit.rs`.

mod annotated;
mod calls;
mod emit;
mod encode;
mod eval;
mod flatten;
mod guards;
mod names;
mod nest;
mod onward;
mod out;
mod rates;
mod register;
mod shiro;
mod shows;
pub(crate) mod spec;
mod spring;
mod summary;
mod value;
mod world;

use crate::vocabulary::Vocabulary;
pub(crate) use emit::emit;
use eval::Machine;
use guards::Guards;
use ligase_domain::{LookedFile, Observation, Span};
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
    residue(&world, &mut sink);
    sink.out
}

/// Files of frameworks that nothing here models: what they answer is counted, never passed over.
fn residue(world: &World<'_>, sink: &mut Sink<'_, '_>) {
    for (at, file) in world.files.iter().enumerate().filter(|(_, f)| f.is_source()) {
        let unmodelled = sink.vocabulary.stacks.iter().filter(|s| !s.modelled && s.language == file.language);
        let uses = |modules: &[String]| {
            let named = |m: &str, module: &str| {
                module == m || module.strip_prefix(m).is_some_and(|r| r.starts_with(['/', '.']))
            };
            file.imports.iter().any(|(_, module, _)| modules.iter().any(|m| named(m, module)))
        };
        let found: Vec<String> = unmodelled.filter(|s| uses(&s.applications)).map(|s| s.name.clone()).collect();
        for stack in found {
            let start = Span { start: 0, end: 0, line: 1, end_line: 1 };
            sink.unmodelled(at, start, "", &stack, &format!("{stack} route"), &file.path);
        }
    }
}
