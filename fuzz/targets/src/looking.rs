//! Looking and linking, for each dialect: whatever the bytes, nobody panics, what is seen lies within the file, takes no more
//! than its bound, comes back from its stored form as it was, and is the same a second time.

use crate::NEXT_FILE;
use ligase_catalog::shipped;
use ligase_domain::{FileObservations, LookKey, LookedFile, Oid, RepoPath, Span};
use ligase_probe::{MAX_FILE_OBSERVATIONS, ProbeSet, Sight as _, link, syntax_errors};
use ligase_record::{decode_file_observations, encode_file_observations, encode_observations};
use std::sync::{Arc, LazyLock};

static SET: LazyLock<ProbeSet> = LazyLock::new(|| match ProbeSet::load(&shipped()) {
    Ok(set) => set,
    Err(errors) => panic!("the catalog that ships loads: {errors:?}"),
});

/// Files of one input that are looked at; more only make it slow.
const FILES_MAX: usize = 4;
/// A snippet's bytes of the source, and the mark that says that it was cut.
const SNIPPET_BYTES_MAX: usize = 200 + '…'.len_utf8();

/// The set that all targets look with.
pub(crate) fn set() -> &'static ProbeSet {
    &SET
}

/// Looks at up to [`FILES_MAX`] files with these names, the first name once and the last for all that follow.
fn look(data: &[u8], names: &[&str]) {
    let mut files = Vec::new();
    for (n, bytes) in split(data).take(FILES_MAX).enumerate() {
        let name = names[n.min(names.len() - 1)];
        let path = RepoPath::from(if n < names.len() { name.to_owned() } else { format!("more{n}/{name}") }.as_str());
        let class = SET.class_of(&path);
        let Some(pack) = SET.packs().get(&class.dialect).copied() else { panic!("no pack reads {}", class.dialect) };
        let seen = match SET.see(&class, bytes) {
            Ok(seen) => seen,
            Err(blind) => panic!("{path}: {blind:?}"),
        };
        hold(&seen, bytes, &path);
        let again = SET.see(&class, bytes);
        assert!(again.as_ref() == Ok(&seen), "{path}: another look sees another thing");
        let _ = syntax_errors(&SET, &class, bytes);
        let key = LookKey { blob: Oid::Sha1([n as u8; 20]), class, pack };
        files.push(LookedFile { path, key, observations: Arc::new(seen) });
    }
    let linked = link(&SET, &files);
    files.reverse();
    assert!(linked == link(&SET, &files), "the order of files shapes what is linked");
    for observation in &linked {
        assert!(files.iter().any(|f| f.path == observation.place.path), "{:?} stands nowhere", observation.place);
    }
    assert!(encode_observations(&linked).is_ok());
}

/// The files of an input.
pub(crate) fn split(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let all = rest?;
        match all.windows(NEXT_FILE.len()).position(|w| w == NEXT_FILE) {
            Some(at) => {
                rest = Some(&all[at + NEXT_FILE.len()..]);
                Some(&all[..at])
            }
            None => {
                rest = None;
                Some(all)
            }
        }
    })
}

fn hold(seen: &FileObservations, bytes: &[u8], path: &RepoPath) {
    assert!(seen.seen.len() <= MAX_FILE_OBSERVATIONS && (seen.skipped.is_none() || seen.seen.is_empty()));
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let lines = text.bytes().filter(|b| *b == b'\n').count() as u32 + 1;
    let within = |span: &Span, what: &str| {
        // What is said of a file as a whole stands nowhere in it.
        if *span == Span::default() {
            return;
        }
        let (start, end) = (span.start as usize, span.end as usize);
        let placed = start <= end && text.get(start..end).is_some();
        assert!(
            placed && span.line >= 1 && span.end_line <= lines,
            "{path}: {what} at {span:?} of {} bytes",
            text.len()
        );
    };
    for one in &seen.seen {
        within(&one.span, &one.kind);
        one.anchors.iter().for_each(|(name, span)| within(span, name));
        assert!(one.snippet.len() <= SNIPPET_BYTES_MAX, "{path}: a snippet of {} bytes", one.snippet.len());
    }
    match encode_file_observations(seen).map(|stored| decode_file_observations(&stored)) {
        Ok(Ok(read)) => assert!(read == *seen, "{path}: the stored form is another"),
        Ok(Err(error)) => panic!("{path}: the stored form does not read: {error}"),
        Err(error) => panic!("{path}: no stored form: {error}"),
    }
}

macro_rules! dialects {
    ($($name:ident: [$($file:literal),+];)*) => {
        $(pub(crate) fn $name(data: &[u8]) {
            look(data, &[$($file),+]);
        })*
    };
}

dialects! {
    cloudformation: ["stack.template", "stack.json"];
    compose: ["compose.yaml"];
    dockerfile: ["Dockerfile"];
    github_actions: [".github/workflows/ci.yaml"];
    gitlab_ci: [".gitlab-ci.yml"];
    go: ["main.go", "api/routes.go"];
    helm_values: ["chart/values.yaml"];
    java: ["src/main/java/app/Api.java", "src/main/java/app/Security.java"];
    javascript: ["app.js", "routes.js"];
    prisma: ["prisma/schema.prisma"];
    python: ["main.py", "app/routes.py"];
    ruby: ["db/schema.rb", "app/models/user.rb"];
    settings: ["app.properties", "deploy/.env", "my.ini", "settings.toml", "web.xml"];
    sql: ["db/schema.sql"];
    terraform: ["main.tf", "modules/db/main.tf", "prod.tfvars"];
    typescript: ["app.ts", "routes.tsx"];
    yaml: ["deploy.yaml", "openapi.yml"];
}
