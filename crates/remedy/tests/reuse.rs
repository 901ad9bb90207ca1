//! Redactors that a repository has in TypeScript, Java and Go are used, imported as its other files import them; where none fits,
//! the value goes.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;

const TS_REDACT: &str =
    "export function maskEmail(value: string): string {\n  return value.replace(/^[^@]+/, '***');\n}\n";
const TS_USER: &str = "import { logger } from '../logger';\nimport { maskEmail } from '../util/redact';\n\nexport function invite(user: User) {\n  logger.info(`invited ${maskEmail(user.email)}`);\n}\n";
const TS_LOGGER: &str = "import pino from 'pino';\n\nexport const logger = pino();\n";

fn typescript(orders: &str) -> Repo {
    Repo::new([
        ("package.json", "{\"name\":\"shop\",\"dependencies\":{\"pino\":\"9\"}}\n"),
        ("src/logger.ts", TS_LOGGER),
        ("src/util/redact.ts", TS_REDACT),
        ("src/users/invite.ts", TS_USER),
        ("src/orders/mail/confirm.ts", orders),
    ])
}

fn check(repo: &Repo, path: &str, to: &str) {
    let open = repo.open(LOG_CALL);
    let proposal = repo.propose(LOG_CALL, &open);
    let patch = proposal.patch.as_ref().unwrap_or_else(|| panic!("{:#?}", proposal.answers));
    let change = patch.changes.iter().find(|c| c.path == path.into()).unwrap();
    let text = String::from_utf8(change.bytes.clone()).unwrap();
    assert_eq!(text, to);
    assert_accepted(&repo.gated(&proposal));
}

#[test]
fn typescript_imports_the_redactor_from_where_the_file_stands() {
    for line_end in ["\n", "\r\n"] {
        let before = "import { send } from \"./send\";\nimport { logger } from \"../../logger\";\n\nexport async function confirm(order: Order) {\n  await send(order);\n  logger.info({ email: order.customer.email }, \"confirmed\");\n}\n"
            .replace('\n', line_end);
        let after = before
            .replace(
                "\"../../logger\";",
                &format!("\"../../logger\";{line_end}import {{ maskEmail }} from \"../../util/redact\";"),
            )
            .replace("order.customer.email", "maskEmail(order.customer.email)");
        check(&typescript(&before), "src/orders/mail/confirm.ts", &after);
    }
}

#[test]
fn a_redactor_of_other_values_is_not_used() {
    let before = "import { logger } from '../../logger';\n\nexport function call(customer: Customer) {\n  logger.info('calling %s', customer.phoneNumber);\n}\n";
    let after = before.replace("'calling %s', customer.phoneNumber", "'calling [redacted]'");
    check(&typescript(before), "src/orders/mail/confirm.ts", &after);
}

#[test]
fn a_name_that_is_taken_leaves_the_value_out_of_reach() {
    let before = "import { logger } from '../../logger';\n\nconst maskEmail = 3;\n\nexport function call(customer: Customer) {\n  logger.info('calling %s', customer.email);\n}\n";
    let repo = typescript(before);
    let open = repo.open(LOG_CALL);
    assert_eq!(open.len(), 1);
    assert_eq!(repo.abstention(LOG_CALL, "call: logger.info"), "name-taken");
}

#[test]
fn java_imports_the_class_or_uses_it_in_its_package() {
    let redact = "package org.clinic.util;\n\npublic final class Redact {\n    public static String mask(String value) {\n        return \"***\";\n    }\n}\n";
    let user = "package org.clinic.intake;\n\nimport org.clinic.util.Redact;\nimport org.slf4j.Logger;\nimport org.slf4j.LoggerFactory;\n\nclass Intake {\n    private static final Logger log = LoggerFactory.getLogger(Intake.class);\n\n    void admit(Patient patient) {\n        log.info(\"admitted {}\", Redact.mask(patient.getEmail()));\n    }\n}\n";
    let before = "package org.clinic.ward;\n\nimport java.util.List;\n\nimport org.slf4j.Logger;\nimport org.slf4j.LoggerFactory;\n\nclass Ward {\n    private static final Logger log = LoggerFactory.getLogger(Ward.class);\n\n    void move(Patient patient) {\n        log.info(\"moved {} to {}\", patient.getEmail(), patient.getBed());\n    }\n}\n";
    let after = before
        .replace("import org.slf4j.Logger;", "import org.clinic.util.Redact;\nimport org.slf4j.Logger;")
        .replace("patient.getEmail(),", "Redact.mask(patient.getEmail()),");
    let repo = Repo::new([
        ("pom.xml", "<project/>\n"),
        ("src/main/java/org/clinic/util/Redact.java", redact),
        ("src/main/java/org/clinic/intake/Intake.java", user),
        ("src/main/java/org/clinic/ward/Ward.java", before),
    ]);
    check(&repo, "src/main/java/org/clinic/ward/Ward.java", &after);
}

#[test]
fn go_imports_a_package_that_its_package_knows_and_no_other() {
    let redact = "package privacy\n\nfunc Mask(value string) string {\n\treturn \"***\"\n}\n";
    let user = "package claims\n\nimport (\n\t\"log/slog\"\n\n\t\"example.org/insure/privacy\"\n)\n\nfunc accept(c Claim) {\n\tslog.Info(\"accepted\", \"email\", privacy.Mask(c.Holder.Email))\n}\n";
    let before = "package claims\n\nimport (\n\t\"fmt\"\n\t\"log/slog\"\n\n\t\"example.org/insure/store\"\n)\n\nfunc reject(c Claim) {\n\tfmt.Println(store.Count())\n\tslog.Warn(\"rejected\", \"email\", c.Holder.Email)\n}\n";
    let after = before
        .replace("\t\"example.org/insure/store\"", "\t\"example.org/insure/privacy\"\n\t\"example.org/insure/store\"")
        .replace("\"email\", c.Holder.Email", "\"email\", privacy.Mask(c.Holder.Email)");
    let files = |user_path: &'static str| {
        [
            ("go.mod", "module example.org/insure\n"),
            ("privacy/mask.go", redact),
            (user_path, user),
            ("claims/reject.go", before),
        ]
    };
    check(&Repo::new(files("claims/accept.go")), "claims/reject.go", &after);
    let elsewhere = Repo::new(files("other/accept.go"));
    // Whether that package comes back to this one is not known: the value goes.
    let without = before.replace("\"rejected\", \"email\", c.Holder.Email", "\"rejected\"");
    check(&elsewhere, "claims/reject.go", &without);
}
