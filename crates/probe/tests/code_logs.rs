//! Log calls of TypeScript, JavaScript, Java and Go: what is followed, what is not a value, and that nothing hostile makes it
//! hang or panic.
#![allow(clippy::unwrap_used)]

mod common;

use common::{logs, looked, set};
use proptest::prelude::*;

#[test]
fn what_is_done_or_found_by_a_value_is_no_value() {
    let text = "package a\n\nimport \"log\"\n\nfunc f(s Store, email string, sendEmailToOwner int) {\n\tuser, err := s.FindByEmail(email)\n\tlog.Printf(\"%v %v\", err, sendEmailToOwner)\n\tlog.Printf(\"%s\", user.Email)\n}\n";
    assert_eq!(logs(&[("a/a.go", text)]), ["f: log.Printf {}", "f: log.Printf {user.Email=pii/argument}"]);
}

#[test]
fn a_pattern_names_what_it_takes_out_and_a_text_says_that_it_was_built() {
    let text = "import pino from 'pino';\nconst log = pino();\nexport function f(req) {\n  const { email } = req.body;\n  const line = `for ${email}`;\n  log.info({ email });\n  log.info('a', line);\n}\n";
    assert_eq!(
        logs(&[("src/a.ts", text)]),
        ["f: log.info {req.body.email=pii/extra}", "f: log.info {req.body.email=pii/built}"]
    );
}

#[test]
fn the_callee_is_the_same_whatever_a_chain_adds() {
    let text = "package a\n\nimport \"github.com/rs/zerolog/log\"\n\nfunc f(u User) {\n\tlog.Info().Str(\"to\", u.Email).Msg(\"a\")\n\tlog.Info().Int(\"id\", u.ID).Msg(\"b\")\n}\n";
    let lines = logs(&[("a/a.go", text)]);
    assert_eq!(lines, ["f: log.Info().Msg {u.Email=pii/extra}", "f: log.Info().Msg {}"]);
}

#[test]
fn a_module_that_is_no_logger_is_none() {
    let files = [
        (
            "src/audit.ts",
            "export const audit = { info: (what: string) => store(what) };\nfunction store(what: string) {}\n",
        ),
        ("src/a.ts", "import { audit } from './audit';\nexport function f(email: string) {\n  audit.info(email);\n}\n"),
    ];
    assert_eq!(logs(&files), Vec::<String>::new());
}

#[test]
fn metrics_of_another_file_are_known_by_what_made_them_and_other_things_of_their_methods_are_not() {
    let files = [
        ("src/metrics.ts", "import { Counter } from 'prom-client';\nexport const a = new Counter({ name: 'a' });\n"),
        ("src/mail.ts", "export const b = { inc: (x: string) => send(x) };\ndeclare function send(x: string): void;\n"),
        (
            "src/a.ts",
            "import { a } from './metrics';\nimport { b } from './mail';\nexport function f(email: string) {\n  a.inc({ email });\n  b.inc(email);\n}\n",
        ),
    ];
    assert_eq!(logs(&files), ["f: a.inc {email=pii/extra}"]);
}

#[test]
fn what_a_chain_adds_before_its_last_call_counts_too() {
    let text = "import { trace } from '@opentelemetry/api';\nexport function f(email: string) {\n  const s = trace.getActiveSpan();\n  s.setAttribute('to', email).setAttribute('kind', 'mail');\n}\n";
    assert_eq!(logs(&[("src/a.ts", text)]), ["f: s.setAttribute().setAttribute {email=pii/extra}"]);
}

#[test]
fn an_element_of_a_page_is_no_span() {
    let text = "export function f(user: { email: string }) {\n  const span = document.createElement('span');\n  span.setAttribute('title', user.email);\n}\n";
    assert_eq!(logs(&[("src/a.ts", text)]), Vec::<String>::new());
}

#[test]
fn labels_by_name_are_told_from_fields_of_a_logger() {
    let text = "package a\n\nimport (\n\t\"log/slog\"\n\n\t\"github.com/prometheus/client_golang/prometheus\"\n)\n\nfunc f(c *prometheus.CounterVec, logger *slog.Logger, email string) {\n\tc.With(prometheus.Labels{\"to\": email}).Inc()\n\tlogger.With(\"n\", 1).Info(\"a\")\n}\n";
    assert_eq!(logs(&[("a/a.go", text)]), ["f: c.With {email=pii/extra}", "f: logger.Info {}"]);
}

#[test]
fn cycles_and_long_expressions_end() {
    let long = format!("console.log({});\n", vec!["a.email"; 3_000].join(" + "));
    let cycle = "let a = b, b = a;\nfunction f(x) { return g(x) + f(x); }\nfunction g(x) { return f(x); }\nconsole.log(a, b, f(a.email));\n";
    let wide = format!("console.log({{ {} }});\n", vec!["x: y.email"; 5_000].join(", "));
    let deep = format!("console.log({}a.email{});\n", "f(".repeat(80), ")".repeat(80));
    for text in [long.as_str(), cycle, &wide, &deep] {
        for path in ["src/a.ts", "src/a.js"] {
            let look = looked(&[(path, text)]);
            assert!(look.files.len() == 1 && ligase_probe::link(set(), &look.files).len() < 50);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_text_makes_a_reader_panic(parts in proptest::collection::vec(0_usize..24, 1..40)) {
        const PARTS: [&str; 24] = [
            "log.info(", "console.log(", "user.email", ")", "{ ", " }", "`a ${", "}`", "a = b\n", "const { email, ...rest } = user;\n",
            "func f(a string) {\n", "class A {\n", "return this.b(a);\n", "log.Printf(\"%s %+v\", ", ", ", "...", "new User(", "import a from './a';\n",
            "import \"log\"\n", "mask(", "public void a(User u) {\n", "log.info(\"{}\", u.getEmail());\n", "?.", "=> a",
        ];
        let text: String = parts.iter().map(|p| PARTS[*p]).collect();
        for path in ["src/a.ts", "src/a.js", "src/A.java", "a/a.go"] {
            let look = looked(&[(path, &text)]);
            prop_assert!(look.population.skipped.iter().all(|s| s.reason != "probe-crashed"));
            ligase_probe::link(set(), &look.files);
        }
    }
}
