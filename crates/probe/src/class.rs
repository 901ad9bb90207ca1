//! What a path alone says of a file: which dialect reads it, and where it comes from. It is part of the cache key, so it
//! never looks at content; markers inside a file are the business of `look.rs`. Next: `look.rs`.

use ligase_domain::{Origin, PathClass, RepoPath};

/// Folders of other people's code.
const VENDORED: &[&str] = &[
    "node_modules",
    "vendor",
    "vendored",
    "_vendor",
    "third_party",
    "third-party",
    "site-packages",
    ".venv",
    "venv",
    "virtualenv",
    ".tox",
    ".nox",
    ".eggs",
    ".terraform",
    "bower_components",
];
/// Folders that a generator writes.
const GENERATED: &[&str] = &[
    "generated",
    "__generated__",
    "_generated",
    "autogen",
    "__pycache__",
    "generated-sources",
    "dist",
    ".next",
    ".nuxt",
];
/// Ends of names that a generator gives.
const GENERATED_ENDS: &[&str] = &[
    ".d.ts",
    ".d.mts",
    ".d.cts",
    ".pb.go",
    ".pb.gw.go",
    "_grpc.pb.go",
    "_gen.go",
    "_generated.go",
    "_pb.js",
    "_pb.ts",
    "_grpc_pb.js",
    ".gen.ts",
    ".gen.go",
    ".bundle.js",
    ".chunk.js",
];
/// Ends of names that tests have.
const TEST_ENDS: &[&str] = &["test.java", "tests.java", "testcase.java", "_test.go", "test.kt", "tests.kt"];
/// Parts of names between dots that tests and stories have: `users.spec.ts`.
const TEST_PARTS: &[&str] =
    &["spec", "test", "e2e-spec", "e2e", "stories", "story", "mock", "mocks", "cy", "fixture", "int-spec"];
/// Folders of tests and fixtures.
const TEST: &[&str] = &[
    "test",
    "tests",
    "testing",
    "__tests__",
    "fixtures",
    "testdata",
    "e2e",
    "integration_tests",
    "unit_tests",
    "testutils",
    "testutil",
    "test-utils",
    "test_utils",
    "testhelpers",
    "test-helpers",
    "test_helpers",
    "spec",
    "specs",
    "__mocks__",
    "__fixtures__",
    "__snapshots__",
    "cypress",
    "playwright",
    "mocks",
    ".storybook",
    "stories",
    "testfixtures",
    "e2e-tests",
    "integration-tests",
    "integrationtest",
    "load-testing",
    "load-tests",
    "load_tests",
    "loadtest",
    "loadtests",
    "performance-tests",
    "test-plugins",
    "test-values",
    "test_values",
    "test-data",
    "test_data",
    "test_resources",
    "test-resources",
];
/// Folders of examples and documentation.
const EXAMPLE: &[&str] = &[
    "example",
    "examples",
    "sample",
    "samples",
    "demo",
    "demos",
    "doc",
    "docs",
    "docs_src",
    "tutorial",
    "tutorials",
    "notebooks",
    // What was deployed once and is kept to be looked at.
    "_archive",
    "_archived",
    "archived",
];
/// Projects beside others of a repository that only its own developers run; inside a project they are parts of it.
const BESIDE: &[&str] = &["playground", "playgrounds", "dev-server", "devserver"];
/// Folders of database migrations.
const MIGRATION: &[&str] = &["migrations", "alembic"];

/// The dialect by the file's name, the origin by its folders and its name.
pub fn class_of(path: &RepoPath) -> PathClass {
    let lower = path.as_bytes().to_ascii_lowercase();
    let text = String::from_utf8_lossy(&lower);
    let (folders, name) = text.rsplit_once('/').unwrap_or(("", &text));
    PathClass { dialect: dialect_of(folders, name).to_owned(), origin: origin_of(folders, name) }
}

/// What tools write and nobody reads: versions and digests of dependencies.
const LOCKS: &[&str] = &[
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "composer.lock",
    "packages.lock.json",
    "conda-lock.yml",
];

fn dialect_of(folders: &str, name: &str) -> &'static str {
    match name {
        _ if name.ends_with(".py") => "python",
        _ if name.ends_with(".tf") || name.ends_with(".tf.json") || name.ends_with(".tfvars") => "terraform",
        // A declaration is read by the judgement; a changed one makes nobody look at anything again.
        "dna.yaml" => "none",
        _ if LOCKS.contains(&name) => "none",
        _ if dockerfile(name) => "dockerfile",
        _ if name.ends_with(".yaml") || name.ends_with(".yml") => yaml_dialect(folders, name),
        _ if name.starts_with(".env") || name.ends_with(".env") => "dotenv",
        _ if name.ends_with(".template") => "yaml",
        _ => unread_language(name),
    }
}

/// Ends of a file that was replaced and is kept beside its successor.
const KEPT: &[&str] = &[".original", ".orig", ".old", ".bak", ".backup"];

/// `Dockerfile`, `Dockerfile.web`, `web.Dockerfile` and the same of `Containerfile`; not what tells a build what to ignore,
/// and not what another one has replaced.
fn dockerfile(name: &str) -> bool {
    let builds = |rest: &str| rest.starts_with('.') && !rest.contains("ignore") && !KEPT.contains(&rest);
    let named = |word: &str| {
        name == word
            || name.strip_prefix(word).is_some_and(builds)
            || name.strip_suffix(word).is_some_and(|rest| rest.ends_with('.'))
    };
    named("dockerfile") || named("containerfile")
}

/// YAML of which the path says what it is; Kubernetes and CloudFormation are told by content.
fn yaml_dialect(folders: &str, name: &str) -> &'static str {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let composed =
        |word: &str| stem == word || stem.strip_prefix(word).is_some_and(|rest| rest.starts_with(['.', '-', '_']));
    if folders.ends_with(".github/workflows") || stem == "action" {
        "github-actions"
    } else if stem == ".gitlab-ci" {
        "gitlab-ci"
    } else if composed("docker-compose") || composed("compose") {
        "compose"
    } else if composed("values") || stem.ends_with("-values") || stem.ends_with(".values") {
        "helm-values"
    } else {
        "yaml"
    }
}

/// Languages that services are written in and that no pack reads yet. They are named so that they are counted: what stands
/// in them may hold what a clause asks for, and silence about them would not be honest.
fn unread_language(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "c" | "cc" | "cpp" | "cxx" => "cpp",
        "clj" | "cljs" => "clojure",
        "cs" => "csharp",
        "dart" => "dart",
        "ex" | "exs" => "elixir",
        "go" => "go",
        "groovy" => "groovy",
        "java" => "java",
        "js" | "cjs" | "mjs" | "jsx" => "javascript",
        "kt" | "kts" => "kotlin",
        "php" => "php",
        "prisma" => "prisma",
        "rb" => "ruby",
        "rs" => "rust",
        "scala" => "scala",
        "sql" => "sql",
        "swift" => "swift",
        "ts" | "mts" | "cts" | "tsx" => "typescript",
        // What holds settings or runs beside programs; packs read in it what they know.
        "json" => "json",
        "properties" => "properties",
        "toml" => "toml",
        "ini" | "cfg" | "conf" | "cnf" => "ini",
        "xml" => "xml",
        "sh" | "bash" | "zsh" => "shell",
        "ps1" => "powershell",
        "pem" | "key" => "pem",
        _ => "none",
    }
}

fn origin_of(folders: &str, name: &str) -> Origin {
    // A package of Java is no folder that says where code comes from: `com/example/demo` is how many names begin.
    let placed = folders.find("src/main/").map_or(folders, |at| &folders[..at]);
    let within = |set: &[&str]| {
        let named = if set == EXAMPLE || set == TEST { placed } else { folders };
        let says = |part: &str| {
            set.contains(&part)
                || (set == TEST
                    && [
                        "_tests",
                        "-tests",
                        "_fixtures",
                        "-fixtures",
                        "_testdata",
                        "-testdata",
                        "-test-utils",
                        "_test_utils",
                        "-test-helpers",
                        "_test_helpers",
                    ]
                    .iter()
                    .any(|e| part.ends_with(e)))
        };
        named.split('/').any(says)
    };
    let stem = name.split('.').next().unwrap_or(name);
    let ends = |set: &[&str]| set.iter().any(|e| name.ends_with(e));
    let parts = |set: &[&str]| name.split('.').skip(1).any(|part| set.contains(&part));
    if within(VENDORED) {
        Origin::Vendored
    } else if within(GENERATED)
        || ends(GENERATED_ENDS)
        || stem.ends_with("_pb2")
        || stem.ends_with("_pb2_grpc")
        || name.contains(".generated.")
    {
        Origin::Generated
    } else if name.contains(".min.") {
        Origin::Minified
    } else if within(TEST)
        || ends(TEST_ENDS)
        || parts(TEST_PARTS)
        || stem.starts_with("test_")
        || stem.ends_with("_test")
        || (name.ends_with(".sql") && (stem.contains("test_db") || stem.contains("testdb")))
        || name == "conftest.py"
    {
        Origin::Test
    } else if within(EXAMPLE) || placed.split('/').take(2).take_while(|p| *p != "src").any(|p| BESIDE.contains(&p)) {
        Origin::Example
    } else if within(MIGRATION) && !name.ends_with(".sql") {
        // The tables of SQL stand in migrations and nowhere else.
        Origin::Migration
    } else {
        Origin::Source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_dialect_and_origin() {
        let cases = [
            ("app/main.py", "python/source"),
            ("src/main/java/com/example/demo/spec/Users.java", "java/source"),
            ("examples/shop/src/main/java/com/acme/Users.java", "java/example"),
            ("tests/test_main.py", "python/test"),
            ("app/conftest.py", "python/test"),
            ("app/login_test.py", "python/test"),
            ("app/contest.py", "python/source"),
            ("e2e_tests/helpers.py", "python/test"),
            ("app/functional_tests_fixtures/seed.py", "python/test"),
            ("app/latest.py", "python/source"),
            ("tools/load-testing/run.js", "javascript/test"),
            ("packages/dev-server/index.ts", "typescript/example"),
            ("packages/server/dev.ts", "typescript/source"),
            ("apps/web/src/playground/page.ts", "typescript/source"),
            ("examples/app.py", "python/example"),
            ("app/thing_pb2.py", "python/generated"),
            ("src/main/java/org/shop/samples/User.java", "java/source"),
            ("samples/shop/src/main/java/org/shop/User.java", "java/example"),
            ("db/migrations/001_users.sql", "sql/source"),
            ("infra/_archive/main.tf", "terraform/example"),
            ("archived/api/app.py", "python/example"),
            ("src/archive/app.py", "python/source"),
            ("plugin/sdl_testdata/schema.sql", "sql/test"),
            ("db/initial_test_db.sql", "sql/test"),
            ("db/lab_test_results.sql", "sql/source"),
            ("pkg/testhelpers/server.go", "go/test"),
            ("packages/shop-test-utils/src/db.ts", "typescript/test"),
            ("packages/test-results/src/db.ts", "typescript/source"),
            ("charts/shop/test-values/secrets.yaml", "yaml/test"),
            ("api/Dockerfile.original", "none/source"),
            ("venv/lib/python3/site-packages/x.py", "python/vendored"),
            ("vendor/tests/x.py", "python/vendored"),
            ("alembic/versions/1_init.py", "python/migration"),
            ("infra/main.tf", "terraform/source"),
            ("infra/prod.auto.tfvars", "terraform/source"),
            ("infra/main.tf.json", "terraform/source"),
            (".terraform/modules/x/main.tf", "terraform/vendored"),
            ("web/app.min.js", "javascript/minified"),
            ("src/users/users.service.ts", "typescript/source"),
            ("src/users/users.service.spec.ts", "typescript/test"),
            ("src/__mocks__/mailer.ts", "typescript/test"),
            ("src/Button.stories.tsx", "typescript/test"),
            ("src/contest.ts", "typescript/source"),
            ("types/index.d.ts", "typescript/generated"),
            ("dist/main.js", "javascript/generated"),
            ("src/main/java/com/acme/UserService.java", "java/source"),
            ("src/main/java/com/acme/LatestVisit.java", "java/source"),
            ("src/test/java/com/acme/UserServiceTest.java", "java/test"),
            ("internal/users/store_test.go", "go/test"),
            ("internal/users/latest.go", "go/source"),
            ("api/users.pb.go", "go/generated"),
            ("cmd/server/main.go", "go/source"),
            ("deploy/stack.yml", "yaml/source"),
            ("cfn/network.template", "yaml/source"),
            ("README.md", "none/source"),
            ("services/intake/dna.yaml", "none/source"),
            (".github/workflows/ci.yml", "github-actions/source"),
            ("actions/setup/action.yaml", "github-actions/source"),
            ("deploy/docker-compose.prod.yml", "compose/source"),
            ("compose.yaml", "compose/source"),
            ("composer.yaml", "yaml/source"),
            ("chart/values.yaml", "helm-values/source"),
            ("k8s/deployment.yml", "yaml/source"),
            ("api/Dockerfile", "dockerfile/source"),
            ("api/Dockerfile.dev", "dockerfile/source"),
            ("web.dockerfile", "dockerfile/source"),
            ("Dockerfile.dockerignore", "none/source"),
            (".env.production", "dotenv/source"),
            ("src/main/resources/application.properties", "properties/source"),
            ("package-lock.json", "none/source"),
            ("infra/stack.json", "json/source"),
        ];
        for (path, class) in cases {
            assert_eq!(class_of(&path.into()).to_string(), class, "{path}");
        }
    }
}
