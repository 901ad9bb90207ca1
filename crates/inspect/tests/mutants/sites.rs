//! Where something stands that could be taken away, found by regular expressions over lines, and the text without it. They
//! know what people write to guard, to encrypt, to redact and to place; not what the probes know. Some of it holds nothing
//! up, and the code without it is no worse: `idle.rs` says why.

use regex::Regex;
use std::sync::LazyLock;

/// What is taken away.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// One that asks who calls.
    Guard,
    /// A setting, type or converter that encrypts.
    Encryption,
    /// A call that masks a value that is logged.
    Redaction,
    /// Where a resource stands: the same, elsewhere.
    Region,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Guard, Self::Encryption, Self::Redaction, Self::Region];

    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guard => "guard",
            Self::Encryption => "encryption",
            Self::Redaction => "redaction",
            Self::Region => "region",
        }
    }

    /// The constraint that is to notice.
    pub const fn constraint(self) -> &'static str {
        match self {
            Self::Guard => "authn-endpoints",
            Self::Encryption => "enc-at-rest",
            Self::Redaction => "no-sensitive-in-logs",
            Self::Region => "data-residency",
        }
    }
}

/// One place, and the text without it.
pub struct Site {
    pub kind: Kind,
    pub stack: &'static str,
    pub line: usize,
    /// Where it began.
    pub at: usize,
    /// What stood there, cut.
    pub text: String,
    pub mutated: String,
}

struct Rule {
    kind: Kind,
    stack: &'static str,
    ends: &'static [&'static str],
    /// The first group is replaced; without one the whole match is.
    find: Regex,
    by: &'static str,
    /// Only on lines that match.
    on: Option<Regex>,
}

const PYTHON: &[&str] = &[".py"];
const SCRIPT: &[&str] = &[".ts", ".js", ".mjs", ".tsx"];
const JAVA: &[&str] = &[".java"];
const GO: &[&str] = &[".go"];
const TERRAFORM: &[&str] = &[".tf"];
const TEMPLATE: &[&str] = &[".yaml", ".yml", ".template", ".json"];

/// Names of what asks who calls.
const AUTH: &str = r"(?:auth|login|jwt|token|guard|current_?user|currentuser|principal|permission|protect|signed_?in|verify|sessionauth|session_?user|require_?session)";
const LOGGED: &str = r"(?i)\b(?:log|logger|logging|console|slog|zap|zerolog|sentry\w*|span|capture\w*|print\w*)\b";
const MASK: &str = r"(?i)mask|redact|scrub|sanitiz|obfuscat|anonymi|hash|fingerprint|digest|hmac|tokeniz|pseudonym";

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let mut all = Vec::new();
    let mut rule = |kind, stack, ends, find: &str, by, on: Option<&str>| {
        let find = Regex::new(find).unwrap();
        all.push(Rule { kind, stack, ends, find, by, on: on.map(|on| Regex::new(on).unwrap()) });
    };
    let g = Kind::Guard;
    rule(
        g,
        "fastapi",
        PYTHON,
        &format!(
            r"(?i),?\s*\w+\s*:\s*[\w\[\], .|]+=\s*(?:Depends|Security)\(\s*[\w.]*{AUTH}[\w.]*(?:\([^()]*\))?[^()]*\)"
        ),
        "",
        None,
    );
    rule(
        g,
        "fastapi",
        PYTHON,
        &format!(r"(?i),?\s*dependencies\s*=\s*\[\s*(?:Depends|Security)\(\s*[\w.]*{AUTH}(?:[^\[\]]|\[[^\[\]]*\])*\]"),
        "",
        None,
    );
    rule(
        g,
        "fastapi",
        PYTHON,
        &format!(
            r"(?i)(,?\s*\b\w+\s*:\s*(?:\w*(?:current|auth|token|session)_?user\w*|\w*(?:user|auth|token|principal)\w*dep|Annotated\[[^\]]*Depends\([^)]*{AUTH}[^)]*\)\]))\s*[,)]"
        ),
        "",
        Some(r"def "),
    );
    rule(
        g,
        "python",
        PYTHON,
        &format!(
            r"(?im)^[ \t]*@(?:[\w.]*\.)?(?:login_required|permission_required|user_passes_test|staff_member_required|jwt_required|roles_required|auth_required|token_required|requires_auth|\w*{AUTH}\w*_required|require_\w*(?:auth|login|user|token|session)\w*)\b.*\n"
        ),
        "",
        None,
    );
    rule(g, "django", PYTHON, r"\b(?:LoginRequiredMixin|PermissionRequiredMixin|UserPassesTestMixin)\s*,\s*", "", None);
    rule(
        g,
        "django",
        PYTHON,
        r"(?m)^[ \t]+permission_classes\s*=\s*[\[(][^\])]*(?:IsAuthenticated|IsAdminUser|Permission)[^\])]*[\])]\n",
        "    permission_classes = []\n",
        None,
    );
    rule(
        g,
        "express",
        SCRIPT,
        &format!(
            r#"(?i)\.(?:get|post|put|patch|delete|all)\(\s*['"`][^'"`]*['"`]\s*(,\s*(?:\w+\.)*\w*{AUTH}\w*(?:\([^()]*\))?)\s*,"#
        ),
        "",
        None,
    );
    rule(
        g,
        "express",
        SCRIPT,
        &format!(
            r#"(?im)^[ \t]*\w+\.use\(\s*(?:['"`][^'"`]*['"`]\s*,\s*)?(?:\w+\.)*\w*{AUTH}\w*(?:\([^()]*\))?\s*\);?[ \t]*\n"#
        ),
        "",
        None,
    );
    rule(
        g,
        "nestjs",
        SCRIPT,
        r"(?im)^[ \t]*@(?:UseGuards\([^\n]*(?:auth|jwt|session|roles?|permission|polic|login|user|token|api_?key|access|owner|admin)[^\n]*\)|Auth\([^)\n]*\))[ \t]*\n",
        "",
        None,
    );
    rule(g, "spring", JAVA, r"(?m)^[ \t]*@(?:PreAuthorize|Secured|RolesAllowed)\(.*\)[ \t]*\n", "", None);
    rule(
        g,
        "spring",
        JAVA,
        r"\.(?:anyRequest\(\)|requestMatchers\([^)]*\)|antMatchers\([^)]*\))\s*(\.(?:authenticated\(\)|hasRole\([^)]*\)|hasAnyRole\([^)]*\)|hasAuthority\([^)]*\)))",
        ".permitAll()",
        None,
    );
    rule(g, "go", GO, &format!(r"(?im)^[ \t]*\w+\.Use\((?:\w+\.)*\w*{AUTH}\w*(?:\([^()]*\))?\)[ \t]*\n"), "", None);
    rule(
        g,
        "go",
        GO,
        &format!(
            r#"(?i)\.(?:GET|POST|PUT|PATCH|DELETE)\(\s*"[^"]*"\s*(,\s*(?:\w+\.)*\w*{AUTH}\w*(?:\([^()]*\))?)\s*,"#
        ),
        "",
        None,
    );
    let e = Kind::Encryption;
    rule(
        e,
        "terraform",
        TERRAFORM,
        r#"(?m)^[ \t]*(?:storage_encrypted|encrypted|at_rest_encryption_enabled|encryption_at_rest_enabled|encrypt_at_rest|server_side_encryption_enabled|sqs_managed_sse_enabled|kms_key_id|kms_key_arn|kms_master_key_id|kms_key_self_link|kms_key_name|disk_encryption_set_id|infrastructure_encryption_enabled|encryption_type|encryption_at_host_enabled)[ \t]*=[ \t]*[^{\n]*\n"#,
        "",
        None,
    );
    rule(
        e,
        "terraform",
        TERRAFORM,
        r#"(?m)^[ \t]*(?:server_side_encryption|encryption_at_rest_options|encrypt_at_rest|disk_encryption_key|encryption_config|encryption_configuration|encryption)[ \t]*\{[^{}]*\}[ \t]*\n"#,
        "",
        None,
    );
    rule(
        e,
        "cloudformation",
        TEMPLATE,
        r#"(?m)^[ \t]*"?(?:StorageEncrypted|Encrypted|AtRestEncryptionEnabled|SSEEnabled|SqsManagedSseEnabled|KmsKeyId|KmsMasterKeyId|KMSMasterKeyID|KMSKeyId)"?:[ \t]*(?:[^\s{!]|![^I\n]|!If \[)[^\n]*\n"#,
        "",
        None,
    );
    rule(
        e,
        "sqlalchemy",
        PYTHON,
        r"\b((?:\w*Encrypted\w*)\([^()]*(?:\([^()]*\))?[^()]*\))",
        "String(200)",
        Some(r"Column\(|mapped_column\("),
    );
    rule(
        e,
        "django",
        PYTHON,
        r"\b((?:\w+\.)?[Ee]ncrypt(?:ed)?(?:_?\w*Field\w*)?)\(",
        "models.CharField",
        Some(r"^\s+\w+\s*(?::[^=]+)?=\s*(?:\w+\.)?[Ee]ncrypt\w*\("),
    );
    rule(
        e,
        "jpa",
        JAVA,
        r"(?m)^[ \t]*@(?:Convert|ColumnTransformer|Encrypted|Type)\([^\n]*(?i:crypt)[^\n]*\)[ \t]*\n",
        "",
        None,
    );
    rule(
        e,
        "rails",
        &[".rb"],
        r"(?m)^[ \t]*(?:encrypts|attr_encrypted|has_encrypted|lockbox_encrypts)[ \t]+:\w+[^\n]*\n",
        "",
        None,
    );
    rule(e, "typeorm", SCRIPT, r"(,?\s*transformer\s*:\s*[\w.]*(?i:crypt|cipher)[\w.]*(?:\([^()]*\))?)", "", None);
    rule(e, "gorm", GO, r";?serializer:\w*(?i:crypt|cipher|aes|sealed)\w*", "", None);
    let r = Kind::Redaction;
    for (stack, ends) in [("python", PYTHON), ("typescript", SCRIPT), ("java", JAVA), ("go", GO)] {
        rule(r, stack, ends, r"\b(?:[\w.]+\.)?(\w+)\((\w[\w.]*(?:\[[^\]]*\])?)\)", "$2", Some(LOGGED));
    }
    let p = Kind::Region;
    let eu = r#"["'=: ](eu-(?:west|central|north|south)-\d|europe-(?:west|north|central|southwest)\d+|westeurope|northeurope|germanywestcentral|francecentral|swedencentral)\b"#;
    rule(p, "terraform", TERRAFORM, eu, "", None);
    rule(p, "cloudformation", TEMPLATE, eu, "", Some(r"(?i)region|location"));
    all
});

/// The same kind of place beyond the sea.
fn elsewhere(region: &str) -> &'static str {
    if region.starts_with("eu-") {
        "us-east-1"
    } else if region.starts_with("europe-") {
        "us-central1"
    } else {
        "eastus"
    }
}

/// Every place of a kind in a file.
pub fn sites(kind: Kind, path: &str, text: &str) -> Vec<Site> {
    static MASKS: LazyLock<Regex> = LazyLock::new(|| Regex::new(MASK).unwrap());
    let mut all = Vec::new();
    let lower = path.to_lowercase();
    for rule in RULES.iter().filter(|r| r.kind == kind && r.ends.iter().any(|end| lower.ends_with(end))) {
        for found in rule.find.captures_iter(text) {
            let whole = found.get(0).unwrap();
            let line = text[..whole.start()].matches('\n').count();
            let start = text[..whole.start()].rfind('\n').map_or(0, |at| at + 1);
            let end = text[whole.end()..].find('\n').map_or(text.len(), |at| whole.end() + at);
            let line_text = &text[start..end];
            let comment = ["#", "//", "*", "--"].iter().any(|mark| line_text.trim_start().starts_with(mark));
            if comment || rule.on.as_ref().is_some_and(|on| !on.is_match(line_text)) {
                continue;
            }
            let (at, by) = match kind {
                // Only a call that masks; what it masks is left.
                Kind::Redaction if !MASKS.is_match(&found[1]) => continue,
                Kind::Redaction => (whole.range(), found[2].to_owned()),
                Kind::Region => (found.get(1).unwrap().range(), elsewhere(&found[1]).to_owned()),
                _ => (found.get(1).unwrap_or(whole).range(), rule.by.to_owned()),
            };
            let (mut mutated, start_at) = (text.to_owned(), at.start);
            mutated.replace_range(at.clone(), &by);
            let shown: String = text[at].split_whitespace().collect::<Vec<_>>().join(" ").chars().take(90).collect();
            all.push(Site { kind, stack: rule.stack, line: line + 1, at: start_at, text: shown, mutated });
        }
    }
    all
}
