//! A sample for people who read findings: as many of each clause as the rest allows, drawn by a seed, so that somebody else
//! draws the same ones and nobody chooses.

use ligase_domain::{Digest, FieldHasher};
use std::collections::BTreeMap;

/// Draws at most `count` of `all`: clause by clause in turn, of each clause service by service in turn, and within these in
/// the order of a hash of the seed and the finding's id.
pub fn draw<T>(all: Vec<T>, count: usize, seed: u64, of: impl Fn(&T) -> [&str; 3]) -> Vec<T> {
    let mut strata: BTreeMap<String, BTreeMap<String, Vec<(Digest, T)>>> = BTreeMap::new();
    for one in all {
        let [clause, service, id] = of(&one).map(str::to_owned);
        let order = FieldHasher::new("ligase.sample.v1").number(seed).field(&id).finish();
        strata.entry(clause).or_default().entry(service).or_default().push((order, one));
    }
    let mut queues: Vec<std::vec::IntoIter<T>> =
        strata.into_values().map(|services| turns(services, seed).into_iter()).collect();
    let mut out = Vec::new();
    loop {
        let before = out.len();
        for queue in &mut queues {
            if out.len() < count {
                out.extend(queue.next());
            }
        }
        if out.len() == before {
            return out;
        }
    }
}

/// The findings of one clause, one of each service in turn; which service comes first is the seed's.
fn turns<T>(services: BTreeMap<String, Vec<(Digest, T)>>, seed: u64) -> Vec<T> {
    let first = |name: &String| FieldHasher::new("ligase.sample.v1").number(seed).field(name).finish();
    let mut ordered: Vec<(Digest, Vec<(Digest, T)>)> =
        services.into_iter().map(|(name, all)| (first(&name), all)).collect();
    ordered.sort_by_key(|(order, _)| *order);
    let mut queues: Vec<std::vec::IntoIter<(Digest, T)>> = Vec::new();
    for (_, mut all) in ordered {
        all.sort_by_key(|(order, _)| *order);
        queues.push(all.into_iter());
    }
    let mut out = Vec::new();
    loop {
        let before = out.len();
        queues.iter_mut().for_each(|q| out.extend(q.next().map(|(_, one)| one)));
        if out.len() == before {
            return out;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(seed: u64, count: usize) -> Vec<String> {
        let mut all: Vec<[String; 3]> = Vec::new();
        for n in 0..50 {
            all.push(["many".to_owned(), format!("service {}", n % 5), format!("m{n}")]);
        }
        all.push(["few".to_owned(), "service 0".to_owned(), "f0".to_owned()]);
        let drawn = draw(all, count, seed, |one| [one[0].as_str(), one[1].as_str(), one[2].as_str()]);
        drawn.into_iter().map(|one| format!("{} {} {}", one[0], one[1], one[2])).collect()
    }

    #[test]
    fn each_clause_and_service_has_its_turn_and_the_seed_decides() {
        let drawn = names(7, 6);
        assert_eq!(drawn.len(), 6);
        assert_eq!(drawn.iter().filter(|n| n.starts_with("few")).count(), 1);
        for service in 0..5 {
            assert_eq!(
                drawn.iter().filter(|n| n.starts_with(&format!("many service {service}"))).count(),
                1,
                "{drawn:?}"
            );
        }
        assert_eq!(drawn, names(7, 6));
        assert_ne!(drawn, names(8, 6));
        assert_eq!(names(7, 1_000).len(), 51);
    }
}
