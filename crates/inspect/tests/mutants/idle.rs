//! What may be taken away and leaves the code no worse. Such a mutant is equivalent: whoever sees nothing in it is right. Decided
//! by the text and the other files alone, never by what was judged. Each reason stands in the table beside its count. What else
//! may stand before a handler: `beside.rs`.

use crate::beside;
use crate::sites::{Kind, Site};
use regex::Regex;
use std::sync::LazyLock;

/// Lets everybody pass, whoever calls.
pub static LETS_PASS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)optional|maybe|anonymous|soft|try_?auth|_or_public").unwrap());
/// Hung up as guards are, and none.
static NO_GUARD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)limiter|ratelimit|throttl|passport\.use").unwrap());
/// Routes that callers use before they are known, or to be known no longer: they are open by their role.
static BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)["'`][/\w]*(?:log-?in|log-?out|sign-?in|sign-?out|refresh|callback|oidc|oauth|saml)[/\w:]*["'`]"#)
        .unwrap()
});
/// A route is declared just above.
static ROUTE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)^[ \t]*@[\w.]+\.(?:get|post|put|patch|delete|head|options|route|api_route|websocket)\(").unwrap()
});
static MATCHER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(?:requestMatchers|antMatchers)\([^"]*"(?P<path>/[\w/-]*)"#).unwrap());
/// Says that something is encrypted, and not with which key.
static SWITCH: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?m)\b(?:storage_encrypted|encrypted|at_rest_encryption_enabled|encryption_at_rest_enabled|StorageEncrypted|Encrypted|AtRestEncryptionEnabled|SSEEnabled|enable_key_rotation)"?\s*[=:]\s*"?true\b|encryption_type\s*=\s*"(?:KMS|kms)"|(?:encrypt_at_rest|encryption_at_rest_options)\s*\{[^}]*\benabled\s*=\s*"?true|sse_algorithm|sse_type|SSEAlgorithm|KmsMasterKeyID"#,
    )
    .unwrap()
});
static KEY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^"?(?:kms_key_id|kms_key_arn|kms_master_key_id|kms_key_self_link|kms_key_name|KmsKeyId|KmsMasterKeyId|KMSMasterKeyID|KMSKeyId|encryption_type)\b"#)
        .unwrap()
});
/// What Azure and Google keep is encrypted with keys of theirs whatever is written.
static OF_PROVIDER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"^(?:resource|data)\s+"(?:(?:azurerm|azapi|google)_|aws_(?:cloudwatch_log_group|s3_bucket|dynamodb_table|sqs_queue|secretsmanager_secret|ssm_parameter|backup_vault|lambda_function|fsx_\w+|glue_\w+)\b)|Type"?:\s*["']?AWS::(?:Logs::LogGroup|SQS::Queue|SecretsManager::Secret|S3::Bucket|DynamoDB::Table|SSM::Parameter|Lambda::Function|FSx::FileSystem)\b|EngineMode:\s*['"]?serverless"#,
    )
    .unwrap()
});
/// What a replica copies.
static REPLICA: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"replicate_source_db\s*=\s*(aws_db_instance)\.(\w+)").unwrap());
/// Asks for a right, and so for a caller.
static ASKS_RIGHT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:is_?allowed|has_?role|has_?permission|authori[sz]e|require_?(?:role|permission|admin)|check_?(?:role|permission)s?|permit|can|roles?|is_?admin)\(").unwrap()
});
static MIXIN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(?:LoginRequiredMixin|\w*PermissionRequiredMixin|UserPassesTestMixin)\b").unwrap());
static MAPPED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"Mapping\([^)"]*"(/?[\w/-]*)"#).unwrap());

/// Why the code without `site` asks, encrypts, masks and lies as before; none where it does not.
pub fn reason(site: &Site, path: &str, text: &str, others: &[(&str, &str)]) -> Option<&'static str> {
    match site.kind {
        Kind::Guard => of_guard(site, text, others).or_else(|| beside::guarded(site, path, text, others)),
        Kind::Encryption => of_encryption(site, text),
        Kind::Region => {
            let pulled = text[site.at + site.text.len()..].starts_with("-docker.pkg.dev");
            pulled.then_some("an address that an image is pulled from; nothing stands there")
        }
        Kind::Redaction => None,
    }
}

fn of_guard(site: &Site, text: &str, others: &[(&str, &str)]) -> Option<&'static str> {
    if LETS_PASS.is_match(&site.text) {
        return Some("it lets callers pass whom nobody knows");
    }
    if NO_GUARD.is_match(&site.text) {
        return Some("it limits or registers, and asks nobody");
    }
    if BEFORE.is_match(&text[lines_around(text, site.at)]) {
        return Some("a route of those who log in, renew or leave");
    }
    if site.text.ends_with("Mixin,") && !class_line(text, site.at).starts_with("class ") {
        return Some("an import, not a guard");
    }
    if site.stack == "fastapi" && !site.text.contains("dependencies") && !is_of_route(text, site.at) {
        return Some("a parameter of no route: the guard without what it reads refuses everybody");
    }
    // What stands right of it, to the end of what it is a part of.
    let rest = &text[site.at..];
    if site.stack == "django" && MIXIN.find_iter(class_line(text, site.at)).count() > 1 {
        return Some("another guard stands beside it");
    }
    if matches!(site.stack, "express" | "go") && ASKS_RIGHT.is_match(&rest[..rest.find('\n').unwrap_or(rest.len())]) {
        return Some("another guard stands beside it");
    }
    if site.stack == "spring" && site.text.starts_with('.') {
        let line = &text[text[..site.at].rfind(['\n', ';']).map_or(0, |at| at + 1)..site.at];
        let path = MATCHER.captures(line)?.name("path")?.as_str().trim_end_matches('/').to_owned();
        let handles =
            |t: &str| MAPPED.captures_iter(t).any(|c| format!("/{}", c[1].trim_start_matches('/')).starts_with(&path));
        if path.len() > 1 && !others.iter().any(|(name, t)| is_main(name) && handles(t)) {
            return Some("a rule for a path that no handler has");
        }
    }
    None
}

/// The lines around a place in which a route's path stands.
fn lines_around(text: &str, at: usize) -> std::ops::Range<usize> {
    let begin = text[..at].rmatch_indices('\n').nth(2).map_or(0, |(n, _)| n);
    let end = text[at..].match_indices('\n').nth(2).map_or(text.len(), |(n, _)| at + n);
    begin..end
}

/// The bases of a class, from its name to the colon; from the last line that begins at the margin.
pub fn class_line(text: &str, at: usize) -> &str {
    let margin = |n: &usize| text[*n + 1..].starts_with(|c: char| c.is_alphabetic());
    let begin = text[..at].rmatch_indices('\n').map(|(n, _)| n).find(margin).map_or(0, |n| n + 1);
    let end = text[at..].find(':').map_or(text.len(), |end| at + end);
    &text[begin..end]
}

pub fn is_main(path: &str) -> bool {
    path.ends_with(".java") && !path.contains("/test/")
}

/// Whether the `def` around a place follows the declaration of a route.
fn is_of_route(text: &str, at: usize) -> bool {
    let Some(def) = text[..at].rfind("def ") else { return false };
    let above = &text[..def];
    let begin = above.rfind("\n\n").map_or(0, |at| at + 1);
    ROUTE.is_match(&above[begin..])
}

fn of_encryption(site: &Site, text: &str) -> Option<&'static str> {
    let depth = if site.stack == "cloudformation" { 2 } else { 0 };
    let block = block(text, site.at, depth);
    if let Some(source) = REPLICA.captures(block)
        && let Some(at) = text.find(&format!("resource \"{}\" \"{}\"", &source[1], &source[2]))
        && SWITCH.is_match(self::block(text, at, 0))
    {
        return Some("a replica is encrypted as what it copies");
    }
    if OF_PROVIDER.is_match(block) {
        return Some("the provider encrypts with keys of its own whatever is written");
    }
    if KEY.is_match(&site.text) && SWITCH.is_match(block) {
        return Some("a key of one's own goes, the switch that encrypts stays");
    }
    if site.stack == "rails" && site.text.contains("has_encrypted") {
        return Some("the column is named for its ciphertext: without the attribute nothing is written in the clear");
    }
    None
}

/// The resource around a place: from the last line that begins at the margin (or at the depth of resources of a template)
/// to the next one.
fn block(text: &str, place: usize, depth: usize) -> &str {
    let begins = |line: &str| {
        let own = line.len() - line.trim_start().len();
        own <= depth && line.trim_start().starts_with(|c: char| c.is_alphanumeric() || c == '"')
    };
    let (mut from, mut to, mut at) = (0, text.len(), 0);
    for line in text.split_inclusive('\n') {
        if begins(line) {
            if at <= place {
                from = at;
            } else {
                to = at;
                break;
            }
        }
        at += line.len();
    }
    &text[from..to]
}
