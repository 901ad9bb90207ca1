//! What a name says of the data behind it. Names are split into words; the longest term that occurs in them counts, unless
//! a word beside it takes the meaning away, and an ambiguous term needs its owner: the name alone is never enough.
//! It knows no language. Next: `../python/logs.rs`, which asks it.

use super::document::DataClassesSpec;
use std::collections::{BTreeMap, BTreeSet};

/// What a name was found to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) class: String,
    /// Per mille.
    pub(crate) confidence: i64,
    /// The type prints as asterisks.
    pub(crate) masked: bool,
    /// The value does lasting harm by itself.
    pub(crate) strict: bool,
}

struct Entry {
    words: Vec<String>,
    class: String,
    confidence: i64,
    needs: Option<String>,
    not_of: Option<String>,
    strict: bool,
}

/// The compiled vocabulary of data classes.
pub(crate) struct Classifier {
    by_first: BTreeMap<String, Vec<Entry>>,
    owners: BTreeMap<String, BTreeSet<String>>,
    types: BTreeMap<String, Hit>,
    last: BTreeSet<String>,
    first: BTreeSet<String>,
    phrases: Vec<Vec<String>>,
    plain: BTreeSet<String>,
}

/// An owner that is only part of the same name says a little less than an object of that name.
const OWNER_IN_NAME: i64 = 50;

impl Classifier {
    pub(crate) fn new(spec: DataClassesSpec) -> Self {
        let mut by_first: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for term in spec.terms {
            for text in &term.words {
                let words = words(text);
                let Some(first) = words.first().cloned() else { continue };
                by_first.entry(first).or_default().push(Entry {
                    words,
                    class: term.class.clone(),
                    confidence: term.confidence,
                    needs: term.needs.clone(),
                    not_of: term.not_of.clone(),
                    strict: term.strict,
                });
            }
        }
        let types = spec.types.iter().flat_map(|t| {
            let hit = Hit { class: t.class.clone(), confidence: t.confidence, masked: t.masked, strict: t.strict };
            t.names.iter().map(move |n| (n.clone(), hit.clone()))
        });
        let single = |list: &[String]| list.iter().map(|w| words(w).join(" ")).collect();
        Self {
            by_first,
            owners: spec
                .owners
                .iter()
                .map(|(o, list)| (o.clone(), list.iter().map(|w| words(w).join(" ")).collect()))
                .collect(),
            types: types.collect(),
            last: single(&spec.exclude.last),
            first: single(&spec.exclude.first),
            phrases: spec.exclude.phrases.iter().map(|p| words(p)).collect(),
            plain: spec.plain_types.into_iter().collect(),
        }
    }

    /// What a type says, whatever the name is.
    pub(crate) fn of_type(&self, annotation: &str) -> Option<&Hit> {
        annotation.split(|c: char| !(c.is_alphanumeric() || c == '_')).find_map(|part| self.types.get(part))
    }

    /// Whether a type's text holds none of its attributes.
    pub(crate) fn is_plain_type(&self, name: &str) -> bool {
        self.plain.contains(name)
    }

    /// Whether a name speaks of an owner of that sort.
    pub(crate) fn is_owner(&self, name: &str, sort: &str) -> bool {
        self.owners.get(sort).is_some_and(|set| words(name).iter().any(|w| set.contains(w)))
    }

    /// Whether the last word of a name says that it tells something of a thing and is not the thing: `key_id`, `attempts_count`.
    pub(crate) fn tells_of(&self, name: &str) -> bool {
        words(name).last().is_some_and(|w| self.last.contains(w))
    }

    /// What a name says, given the object or class that it belongs to ("" where there is none).
    pub(crate) fn classify(&self, name: &str, owner: &str) -> Option<Hit> {
        let parts = words(name);
        if parts.is_empty() || parts.len() > 12 {
            return None;
        }
        let (at, entry, in_name) = self.best(&parts, owner)?;
        if self.excluded(&parts, at, entry) {
            return None;
        }
        let confidence = entry.confidence - if in_name { OWNER_IN_NAME } else { 0 };
        Some(Hit { class: entry.class.clone(), confidence, masked: false, strict: entry.strict })
    }

    /// The longest term, then the most certain, then the last in the name.
    fn best(&self, parts: &[String], owner: &str) -> Option<(usize, &Entry, bool)> {
        let mut best: Option<(usize, &Entry, bool)> = None;
        for at in 0..parts.len() {
            for entry in self.by_first.get(&parts[at]).into_iter().flatten() {
                if !parts[at..].starts_with(&entry.words) {
                    continue;
                }
                let Some(in_name) = self.owned(entry, parts, at, owner) else { continue };
                let rank = |(at, e, _): (usize, &Entry, bool)| (e.words.len(), e.confidence, at);
                if best.is_none_or(|b| rank((at, entry, in_name)) > rank(b)) {
                    best = Some((at, entry, in_name));
                }
            }
        }
        best
    }

    /// `None` when the term needs an owner and has none; whether the owner was only found in the name itself.
    fn owned(&self, entry: &Entry, parts: &[String], at: usize, owner: &str) -> Option<bool> {
        // `userGroup.name`, and what may be a user or a group: the name is not that of one person.
        // Nor is `userEvent.name`: the last word says what it is.
        let many =
            |w: &String| ["collective", "happening"].iter().any(|s| self.owners.get(*s).is_some_and(|m| m.contains(w)));
        let of_many =
            owner.split(|c: char| c.is_whitespace() || c == '|').any(|name| words(name).last().is_some_and(many));
        let owner = whose(owner);
        if let Some(set) = entry.not_of.as_ref().and_then(|sort| self.owners.get(sort)) {
            let before = if at > 0 { Some(&parts[at - 1]) } else { owner.last() };
            if before.is_some_and(|w| set.contains(w)) {
                return None;
            }
        }
        let Some(sort) = &entry.needs else { return Some(false) };
        let set = self.owners.get(sort)?;
        if owner.iter().any(|w| set.contains(w)) && !(of_many && sort == "person") {
            // `user.file_name` is the file's: what stands right before the term owns it first.
            return (at == 0 || set.contains(&parts[at - 1])).then_some(false);
        }
        (at > 0 && set.contains(&parts[at - 1])).then_some(true)
    }

    fn excluded(&self, parts: &[String], at: usize, entry: &Entry) -> bool {
        let end = at + entry.words.len();
        let after = parts.last().is_some_and(|w| end < parts.len() && self.last.contains(w));
        let before = at > 0 && (self.first.contains(&parts[0]) || self.first.contains(&parts[at - 1]));
        let phrase = self.phrases.iter().any(|p| {
            p.len() > entry.words.len()
                && parts.windows(p.len()).enumerate().any(|(n, w)| n < end && at < n + p.len() && w == p.as_slice())
        });
        after || before || phrase
    }
}

/// Words that say by what something was found, or for whom: `services_by_user` are services.
const RELATIONS: &[&str] = &["by", "for", "from", "with", "via", "of"];

/// The words that say whose it is: of each name, those before a word that begins to speak of something else.
fn whose(owner: &str) -> Vec<String> {
    let mut out = Vec::new();
    // The members of an enumeration of Python are nobody.
    for name in owner.split_whitespace().filter(|n| !n.contains("__members__")) {
        let parts = words(name);
        let end = parts.iter().skip(1).position(|w| RELATIONS.contains(&w.as_str())).map_or(parts.len(), |n| n + 1);
        out.extend(parts.into_iter().take(end));
    }
    out
}

/// A name's words in lower case: `patientEmail_address2` is patient, email, address, 2 … with plurals folded.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut word = String::new();
    let chars: Vec<char> = name.chars().take(200).collect();
    for (i, c) in chars.iter().enumerate() {
        if !c.is_alphanumeric() {
            push(&mut word, &mut out);
            continue;
        }
        let previous = i.checked_sub(1).map(|p| chars[p]);
        let next_lower = chars.get(i + 1).is_some_and(|n| n.is_lowercase());
        let boundary =
            c.is_uppercase() && previous.is_some_and(|p| p.is_lowercase() || (p.is_uppercase() && next_lower));
        if boundary {
            push(&mut word, &mut out);
        }
        word.extend(c.to_lowercase());
    }
    push(&mut word, &mut out);
    out
}

fn push(word: &mut String, out: &mut Vec<String>) {
    if word.is_empty() {
        return;
    }
    let full = std::mem::take(word);
    out.push(singular(full));
}

fn singular(word: String) -> String {
    let keeps = ["ss", "us", "is", "as", "os", "ws"].iter().any(|e| word.ends_with(e));
    if word.len() > 4 && word.ends_with("ies") {
        return format!("{}y", &word[..word.len() - 3]);
    }
    if word.len() > 4 && ["sses", "xes", "ches", "shes"].iter().any(|e| word.ends_with(e)) {
        return word[..word.len() - 2].to_owned();
    }
    if word.len() > 3 && word.ends_with('s') && !keeps { word[..word.len() - 1].to_owned() } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::Vocabulary;

    fn class(name: &str, owner: &str) -> Option<String> {
        let vocabulary = Vocabulary::load(&ligase_catalog::shipped()).unwrap_or_else(|e| panic!("{e:?}"));
        vocabulary.classes.classify(name, owner).map(|h| h.class)
    }

    #[test]
    fn names_split_into_words_with_plurals_folded() {
        assert_eq!(words("patientEmail_addresses"), ["patient", "email", "address"]);
        assert_eq!(words("HTTPServerSSN"), ["http", "server", "ssn"]);
        assert_eq!(words("allergies"), ["allergy"]);
    }

    #[test]
    fn a_name_means_what_its_words_and_owner_say() {
        let vocabulary = Vocabulary::load(&ligase_catalog::shipped()).unwrap_or_else(|e| panic!("{e:?}"));
        let cases = [
            ("ssn", "", Some("pii")),
            ("patient_ssn", "", Some("pii")),
            ("email", "", Some("pii")),
            ("emailAddress", "", Some("pii")),
            ("email_template", "", None),
            ("date_of_birth", "", Some("pii")),
            ("name", "", None),
            ("name", "Patient", Some("pii")),
            ("full_name", "patient", Some("pii")),
            ("full_name", "", Some("pii")),
            ("full_name", "language", None),
            ("fullName", "gitRepository", None),
            ("language_full_name", "", None),
            ("email", "notifications_group", None),
            ("email", "user", Some("pii")),
            ("name", "service fetch_all_services_by_user", None),
            ("name", "x fetch_user", Some("pii")),
            ("AUTH_COULD_NOT_VALIDATE_CREDENTIALS", "strings", None),
            ("patient_name", "", Some("pii")),
            ("file_name", "User", None),
            ("hostname", "User", None),
            ("address", "", None),
            ("address", "customer", Some("pii")),
            ("ip_address", "", Some("pii")),
            ("diagnosis", "", Some("phi")),
            ("diagnoses", "", Some("phi")),
            ("medical_record_number", "", Some("phi")),
            ("notes", "", None),
            ("notes", "Patient", Some("phi")),
            ("password", "", Some("credential")),
            ("hashed_password", "User", Some("credential")),
            ("has_password", "", None),
            ("is_password_valid", "", None),
            ("password_reset_url", "", None),
            ("password_changed_at", "", None),
            ("token", "", None),
            ("token_count", "", None),
            ("token_type", "auth", None),
            ("next_token", "", None),
            ("csrf_token", "request", None),
            ("access_token", "", Some("credential")),
            ("accessToken", "", Some("credential")),
            ("access_token_expire_minutes", "settings", None),
            ("secret_name", "", None),
            ("client_secret", "", Some("credential")),
            ("code", "", None),
            ("status_code", "request", None),
            ("card_number", "", Some("cardholder-data")),
            ("cvv", "", Some("cardholder-data")),
            ("authorization", "headers", Some("credential")),
            ("user_id", "", None),
            ("patient_id", "", None),
            ("username", "user", None),
            ("api_key_id", "", None),
            ("primary_key", "", None),
        ];
        for (name, owner, want) in cases {
            let got = vocabulary.classes.classify(name, owner).map(|h| h.class);
            assert_eq!(got.as_deref(), want, "{name} of {owner:?}");
        }
        assert_eq!(class("", ""), None);
    }

    #[test]
    fn a_type_says_it_whatever_the_name_is() {
        let vocabulary = Vocabulary::load(&ligase_catalog::shipped()).unwrap_or_else(|e| panic!("{e:?}"));
        assert_eq!(vocabulary.classes.of_type("EmailStr | None").map(|h| h.class.as_str()), Some("pii"));
        assert!(vocabulary.classes.of_type("SecretStr").is_some_and(|h| h.masked));
        assert!(vocabulary.classes.of_type("str").is_none());
    }
}
