//! What the files of a revision say of each other: each observation gets its file; patches of Kustomize fill what their
//! workload leaves unset; a container that leaves its user to its image gets the user of the Dockerfile that the repository
//! builds it from, where that is one and known. Pure, bounded by what was seen. Next: `overlays.rs`, `extends.rs`, `walk.rs`.

use super::extends;
use super::overlays;
use super::walk::ATTACH;
use ligase_domain::{Digest, LookedFile, Observation, Place, Seen, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Observations of all documents, joined.
pub(super) fn link(files: &[&LookedFile], own: &BTreeSet<&str>) -> Vec<Observation> {
    let (mut all, mut attached): (Vec<Observation>, Vec<(&LookedFile, &Seen)>) = (Vec::new(), Vec::new());
    for file in files {
        for seen in file.observations.seen.iter().filter(|s| own.contains(s.probe.id.as_str())) {
            if seen.kind == ATTACH {
                attached.push((file, seen));
            } else {
                all.push(observation(file, seen));
            }
        }
    }
    attach(&mut all, &attached);
    overlays::lay(&mut all, files);
    extends::begin(&mut all);
    built_here(&mut all);
    images(&mut all);
    callers(&mut all);
    all
}

/// What the callers of a workflow that nothing else starts say of the token that they hand on.
fn callers(all: &mut [Observation]) {
    let mut given: BTreeMap<String, (bool, Vec<Digest>)> = BTreeMap::new();
    for job in all.iter().filter(|o| o.kind == "workflow-job" && o.text("calls") == Some("local")) {
        let target = job.text("target").unwrap_or_default().trim_start_matches("./").to_owned();
        let (restricted, sources) = given.entry(target).or_insert((true, Vec::new()));
        *restricted &= job.text("permissions") == Some("restricted");
        sources.extend(job.sources.iter().copied());
    }
    for job in all.iter_mut().filter(|o| o.kind == "workflow-job") {
        let triggers = job.attributes.get("triggers").and_then(Value::as_list).unwrap_or_default();
        if triggers.len() != 1 || triggers[0].as_text() != Some("workflow_call") {
            continue;
        }
        let said = given.get(job.text("file").unwrap_or_default());
        let word = match said {
            Some((true, _)) => "restricted",
            Some((false, _)) => "unset",
            None => "nobody",
        };
        job.attributes.insert("called_by".to_owned(), Value::from(word));
        job.sources.extend(said.iter().flat_map(|(_, s)| s.iter().copied()));
        job.sources.sort();
        job.sources.dedup();
    }
}

fn observation(file: &LookedFile, seen: &Seen) -> Observation {
    let mut attributes = seen.attributes.clone();
    let path = file.path.to_string();
    let name = if seen.kind == "unmodelled" { "where" } else { "file" };
    attributes.insert(name.to_owned(), Value::Text(path.chars().take(300).collect()));
    Observation {
        kind: seen.kind.clone(),
        attributes,
        place: Place { path: file.path.clone(), blob: file.key.blob, span: seen.span },
        class: file.key.class.clone(),
        anchors: seen.anchors.clone(),
        snippet: seen.snippet.clone(),
        probe: seen.probe.clone(),
        sources: vec![file.key.digest()],
    }
}

/// What stands for "nothing is said".
pub(super) fn is_unset(value: Option<&Value>) -> bool {
    match value {
        None => true,
        Some(Value::Text(text)) => text == "unset",
        Some(Value::List(list)) => list.is_empty(),
        Some(_) => false,
    }
}

/// Fills what is unset from facts that name the same thing.
fn attach(all: &mut [Observation], attached: &[(&LookedFile, &Seen)]) {
    let mut by_key: BTreeMap<Vec<String>, Vec<usize>> = BTreeMap::new();
    let mut names: BTreeSet<(String, Vec<String>)> = BTreeSet::new();
    let by_of = |seen: &Seen| -> Vec<String> {
        let list = seen.attributes.get("by").and_then(Value::as_list).unwrap_or_default();
        list.iter().filter_map(Value::as_text).map(str::to_owned).collect()
    };
    for (_, seen) in attached {
        let to = seen.attributes.get("to").and_then(Value::as_text).unwrap_or_default();
        names.insert((to.to_owned(), by_of(seen)));
    }
    for (kind, by) in &names {
        for (at, observation) in all.iter().enumerate().filter(|(_, o)| o.kind == *kind) {
            by_key.entry(key(kind, by, &observation.attributes)).or_default().push(at);
        }
    }
    for (file, seen) in attached {
        let Some(values) = seen.attributes.get("values").and_then(Value::as_map) else { continue };
        let to = seen.attributes.get("to").and_then(Value::as_text).unwrap_or_default();
        for at in by_key.get(&key(to, &by_of(seen), values)).into_iter().flatten() {
            fill(&mut all[*at], values, &[file.key.digest()]);
        }
    }
}

/// Fills what an observation leaves unset.
pub(super) fn fill(observation: &mut Observation, values: &BTreeMap<String, Value>, sources: &[Digest]) {
    let mut used = false;
    for (name, value) in values {
        let own = observation.attributes.get(name);
        let shares = extends::SHARED.contains(&name.as_str())
            && value.as_text() == Some("yes")
            && own.and_then(Value::as_text) == Some("no");
        if shares || is_unset(own) && !is_unset(Some(value)) {
            observation.attributes.insert(name.clone(), value.clone());
            used = true;
        }
    }
    if used {
        observation.sources.extend(sources.iter().copied());
    }
}

fn key(kind: &str, by: &[String], attributes: &BTreeMap<String, Value>) -> Vec<String> {
    let of = |name: &String| attributes.get(name).and_then(Value::as_text).unwrap_or_default().to_owned();
    std::iter::once(kind.to_owned()).chain(by.iter().map(of)).collect()
}

/// The last part of an image's name, without registry, tag and digest.
fn short_name(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split(':').next().unwrap_or(last)
}

/// The name of an image that names no version but the last.
fn unversioned(image: &str) -> &str {
    image.strip_suffix(":latest").unwrap_or(image)
}

/// The name of an image without a registry, an owner and a version.
fn bare_name(image: &str) -> Option<&str> {
    let name = unversioned(image);
    (!name.is_empty() && !name.contains(['/', ':', '@', '$', '{'])).then_some(name)
}

/// Images under a bare name that a service of Compose or a step of a workflow makes, or under the name that a Dockerfile says it
/// is built under: what they hold is decided where they are made. A service that builds on an image of its own name takes that
/// one from elsewhere.
fn built_here(all: &mut [Observation]) {
    let mut bases: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for base in all.iter().filter(|o| o.kind == "base-image") {
        let name = base.text("image").and_then(bare_name);
        bases.entry(name.unwrap_or_default()).or_default().extend(base.text("file"));
    }
    let mut made: BTreeMap<String, Vec<Digest>> = BTreeMap::new();
    for observation in all.iter() {
        let build = observation.text("build").filter(|b| observation.kind == "container" && !b.is_empty());
        let names: Vec<&str> = match build {
            Some(build) => {
                let folder = join(observation.text("file").unwrap_or_default(), build);
                let name = observation.text("image").and_then(bare_name);
                let inside = |f: &&str| f.rsplit_once('/').map_or("", |(folder, _)| folder) == folder;
                let on_itself = |n: &&str| bases.get(n).is_some_and(|files| files.iter().any(inside));
                name.filter(|n| !on_itself(n)).into_iter().collect()
            }
            None if observation.kind == "workflow-step" => {
                let list = observation.attributes.get("builds").and_then(Value::as_list).unwrap_or_default();
                list.iter().filter_map(Value::as_text).filter_map(bare_name).collect()
            }
            None if observation.kind == "image" => {
                let base = observation.text("base").map(unversioned);
                observation.text("called").map(unversioned).filter(|n| base != Some(*n)).into_iter().collect()
            }
            None => continue,
        };
        for name in names {
            made.entry(name.to_owned()).or_default().extend(observation.sources.iter().copied());
        }
    }
    for base in all.iter_mut().filter(|o| o.kind == "base-image") {
        let called = base.text("image").map(unversioned).filter(|n| n.contains('/'));
        let name = called.or_else(|| base.text("image").and_then(bare_name));
        let sources = name.and_then(|n| made.get(n)).cloned();
        if let Some(sources) = sources {
            base.attributes.insert("built_here".to_owned(), Value::Bool(true));
            base.sources.extend(sources);
        }
    }
}

/// Containers that leave the user to their image, and the Dockerfiles that make images of that name.
fn images(all: &mut [Observation]) {
    let mut built: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (at, observation) in all.iter().enumerate().filter(|(_, o)| o.kind == "image") {
        let file = observation.text("file").unwrap_or_default();
        // The folder says what the image is: `src/cart/Dockerfile` makes `cart`.
        let mut parts = file.rsplit('/').skip(1).filter(|p| !matches!(*p, "src" | "docker" | "build" | "." | ""));
        built.entry(parts.next().unwrap_or_default().to_lowercase()).or_default().insert(at);
    }
    // What Compose says: a service's folder of build, and the image's name.
    let mut named: BTreeMap<String, String> = BTreeMap::new();
    for observation in all.iter().filter(|o| o.kind == "container" && o.text("build").is_some_and(|b| !b.is_empty())) {
        let folder = join(observation.text("file").unwrap_or_default(), observation.text("build").unwrap_or_default());
        let image = short_name(observation.text("image").unwrap_or_default());
        if !image.is_empty() {
            named.insert(image.to_lowercase(), folder);
        }
    }
    let dockerfile_in = |folder: &str| {
        let path = if folder.is_empty() { "Dockerfile".to_owned() } else { format!("{folder}/Dockerfile") };
        all.iter().position(|o| o.kind == "image" && o.text("file") == Some(path.as_str()))
    };
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (at, container) in all.iter().enumerate().filter(|(_, o)| o.kind == "container") {
        let short = short_name(container.text("image").unwrap_or_default()).to_lowercase();
        let own = container.text("build").filter(|b| !b.is_empty());
        let image = match own {
            Some(build) => dockerfile_in(&join(container.text("file").unwrap_or_default(), build)),
            None => named.get(&short).and_then(|folder| dockerfile_in(folder)).or_else(|| {
                let same = built.get(&short).filter(|s| s.len() == 1 && !short.is_empty())?;
                same.first().copied()
            }),
        };
        found.extend(image.map(|image| (at, image)));
    }
    let kept = |at: &usize| {
        all[*at].text("run_as_non_root") == Some("yes") || all[*at].text("run_as_user") == Some("non-root")
    };
    let mut users: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    // Compose runs an image on a developer's machine beside whatever runs it elsewhere.
    found
        .iter()
        .filter(|(at, _)| all[*at].text("stack") == Some("kubernetes"))
        .for_each(|(at, image)| users.entry(*image).or_default().push(*at));
    users.retain(|_, containers| containers.iter().all(kept));
    for (image, containers) in users {
        let sources: Vec<_> = containers.iter().flat_map(|c| all[*c].sources.clone()).collect();
        all[image].attributes.insert("runs_as".to_owned(), Value::from("non-root"));
        all[image].sources.extend(sources);
    }
    for (at, image) in found {
        let user = all[image].text("user").unwrap_or("unknown").to_owned();
        let sources = all[image].sources.clone();
        all[at].attributes.insert("image_user".to_owned(), Value::Text(user));
        all[at].sources.extend(sources);
    }
    for observation in all.iter_mut() {
        observation.sources.sort();
        observation.sources.dedup();
    }
}

/// A folder as a document names it, from the folder that the document lies in; above the root it is nowhere.
pub(super) fn join(file: &str, folder: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in folder.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return "?".to_owned();
                }
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images_and_folders_are_read() {
        assert_eq!(short_name("registry.example:5000/shop/cart:v1@sha256:00"), "cart");
        assert_eq!(short_name("cart"), "cart");
        assert_eq!(bare_name("cart:latest"), Some("cart"));
        assert_eq!(bare_name("shop/cart"), None);
        assert_eq!(bare_name("cart:1.2"), None);
        assert_eq!(join("deploy/compose.yaml", "../cart"), "cart");
        assert_eq!(join("compose.yaml", "."), "");
        assert_eq!(join("compose.yaml", "../x"), "?");
    }
}
