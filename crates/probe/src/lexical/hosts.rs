//! Where configuration sends data: hosts of clouds whose names say their region, and settings that name one. A host that names
//! no region, takes no data of a service or is only downloaded from says nothing here. Next: `format.rs`.

use super::around::headers;
use super::format::{Host, Outbound, Rules};
use super::{Lines, commented, language};
use crate::resource::knowledge::CloudRegions;
use crate::snippet::snippet;
use ligase_domain::{PathClass, Seen, Value};
use regex::Regex;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What one file says of places; more say nothing new.
const MAX_PLACES: usize = 60;
/// Bytes before a host in which a word can say that it is no address.
const BESIDE: usize = 160;
/// Lines in which keys of a table are looked for.
const MAX_ROWS: usize = 4_000;
/// Characters of a host that are told.
const MAX_HOST: usize = 120;

/// A part of a host that something else fills in.
static HOLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\$\{[^}\s]{1,80}\}|\{\{[^}\n]{1,80}\}\}|\{[A-Za-z_.]{1,40}\}|<[A-Za-z_-]{1,40}>|\$[A-Za-z_]{1,40}")
        .ok()
});
/// The type of a record of the names of hosts.
static RECORD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)\btype["']?\s*[:=]\s*["']?(A|AAAA|ALIAS|CNAME|NS|PTR|SRV)\b"#).ok());
/// Stands for a hole that is called after a region, and for any other.
const REGION_HOLE: &str = "\u{1}";
const OTHER_HOLE: &str = "\u{2}";

/// What a name says of a region.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Spot {
    region: String,
    jurisdiction: String,
    resolved: bool,
}

/// What one file shows of places.
pub(super) fn look(rules: &Rules, class: &PathClass, text: &str, lines: &Lines) -> Vec<Seen> {
    let Some(outbound) = rules.outbound.as_ref().filter(|o| o.dialects.contains(&class.dialect)) else {
        return Vec::new();
    };
    let mut found: BTreeMap<usize, Seen> = BTreeMap::new();
    let mut put = |what: &str, cloud: &str, target: &str, at: regex::Match<'_>, spot: &Spot| {
        if commented(lines.before(text, at.start())) {
            return;
        }
        let span = lines.span(at.start(), at.end());
        found.entry(at.start()).or_insert(Seen {
            kind: "outbound".to_owned(),
            attributes: BTreeMap::from([
                ("language".to_owned(), Value::from(language(class))),
                ("stack".to_owned(), Value::from("text")),
                ("what".to_owned(), Value::from(what)),
                ("provider".to_owned(), Value::from(cloud)),
                ("target".to_owned(), Value::Text(target.chars().take(MAX_HOST).collect())),
                ("region".to_owned(), Value::from(spot.region.as_str())),
                ("jurisdiction".to_owned(), Value::from(spot.jurisdiction.as_str())),
                ("resolved".to_owned(), Value::Bool(spot.resolved)),
            ]),
            span,
            anchors: BTreeMap::from([("target".to_owned(), span)]),
            snippet: snippet(text.as_bytes(), at.start(), at.end()),
            probe: outbound.probe.clone(),
        });
    };
    for host in outbound.hosts.iter().filter(|h| text.contains(h.word.as_str())) {
        for captures in host.regex.captures_iter(text) {
            let Some(name) = captures.name("host") else { continue };
            if is_meant(outbound, text, name)
                && host.not.as_ref().is_none_or(|n| !n.is_match(name.as_str()))
                && let Some(spot) = spot_of(rules, host, name.as_str())
            {
                let what = what_of(rules, host, text, lines, name, &spot);
                put(what, &host.cloud, name.as_str(), name, &spot);
            }
        }
    }
    if outbound.setting_dialects.contains(&class.dialect)
        && outbound.words.iter().any(|w| text.contains(w.as_str()))
        && !outbound.not_in_files_with.is_match(text)
    {
        for captures in outbound.settings.iter().flat_map(|s| s.captures_iter(text)) {
            let (Some(name), Some(value)) = (captures.name("name"), captures.name("value")) else { continue };
            let written = value.as_str().to_ascii_lowercase();
            let known = outbound.forms.iter().filter(|(_, form)| form.is_match(&written)).find_map(|(cloud, _)| {
                let (region, jurisdiction) = rules.clouds.get(cloud)?.of_region(&written)?;
                Some((cloud, Spot { region: region.into(), jurisdiction: jurisdiction.into(), resolved: true }))
            });
            if let Some((cloud, spot)) = known {
                let what = if keeps_a_record(text, lines, value.start()) { "deployment" } else { "region" };
                put(what, cloud, name.as_str(), value, &spot);
            }
        }
    }
    found.into_values().take(MAX_PLACES).collect()
}

/// What a host is there for: data is sent to it, or a name of one's own points to it, or it is one of a table that holds
/// another for each region.
fn what_of(rules: &Rules, host: &Host, text: &str, lines: &Lines, name: regex::Match<'_>, spot: &Spot) -> &'static str {
    let around = headers(text, lines, name.start());
    let keys: Vec<String> = around.iter().take(3).map(|l| l.trim().to_ascii_lowercase()).collect();
    let alias = |k: &String| {
        k.starts_with("alias {")
            || k.trim_matches(['"', ' ', '{', ':']) == "aliastarget"
            || ["\"aws_route53_record\"", "\"google_dns_record_set\"", "\"azurerm_dns_", "\"azurerm_private_dns_"]
                .iter()
                .any(|r| k.starts_with("resource ") && k.contains(r))
    };
    if keys.iter().any(alias) {
        return "alias";
    }
    let own = lines.before(text, name.start()).trim_start();
    // A record of names in a table of them: `{ name = "www", type = "CNAME", records = ["…"] }`.
    if RECORD.as_ref().is_some_and(|r| r.is_match(own)) {
        return "alias";
    }
    let key = |line: &str| line.trim_start().trim_start_matches(['"', '\'']).to_ascii_lowercase();
    let of =
        |line: &str, region: &str| key(line).strip_prefix(region).is_some_and(|r| r.starts_with([':', '"', '\'', ' ']));
    let table = around.first().is_some_and(|l| of(l, &spot.region)) || of(own, &spot.region);
    let several = |clouds: &CloudRegions| {
        let mut found: Vec<String> = Vec::new();
        for line in text.lines().take(MAX_ROWS) {
            let key: String = key(line).chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            if !found.contains(&key) && clouds.of_region(&key).is_some() {
                found.push(key);
            }
            if found.len() > 1 {
                return true;
            }
        }
        false
    };
    if table && !spot.region.is_empty() && rules.clouds.get(&host.cloud).is_some_and(several) {
        "table"
    } else {
        "host"
    }
}

/// Whether a place is where the record of a deployment is kept, whatever it deploys and wherever that is put.
fn keeps_a_record(text: &str, lines: &Lines, at: usize) -> bool {
    let around = headers(text, lines, at);
    around.first().is_some_and(|l| l.trim().trim_matches(['"', ' ', '{', ':']) == "deployment")
}

/// Whether a host stands where data goes: not in a condition of a policy, not in the address of a file to be fetched.
fn is_meant(outbound: &Outbound, text: &str, host: regex::Match<'_>) -> bool {
    let mut from = host.start().saturating_sub(BESIDE);
    while !text.is_char_boundary(from) {
        from -= 1;
    }
    !outbound.not_beside.is_match(&text[from..host.start()]) && !outbound.not_followed.is_match(&text[host.end()..])
}

/// The region that a host names: the rightmost label that is one, or begins with one.
fn spot_of(rules: &Rules, host: &Host, name: &str) -> Option<Spot> {
    let clouds = rules.clouds.get(&host.cloud)?;
    let masked = HOLE.as_ref()?.replace_all(name, |hole: &regex::Captures<'_>| {
        let called = hole[0].to_ascii_lowercase();
        if called.contains("region") || called.contains("location") { REGION_HOLE } else { OTHER_HOLE }
    });
    let (mut alike, mut open) = (None, false);
    for label in masked.rsplit('.') {
        let label = label.to_ascii_lowercase();
        let bare = label.strip_prefix(host.prefix.as_str()).filter(|_| !host.prefix.is_empty()).unwrap_or(&label);
        open |= label.contains(REGION_HOLE);
        let begins = || bare.match_indices('-').rev().find_map(|(at, _)| clouds.of_region(&bare[..at]));
        let of_label = clouds.of_region(bare).or_else(|| begins().filter(|_| host.prefix.is_empty()));
        if let Some((region, jurisdiction)) = of_label {
            return Some(Spot { region: region.into(), jurisdiction: jurisdiction.into(), resolved: true });
        }
        if alike.is_none() && host.like.as_ref().is_some_and(|l| l.is_match(bare)) {
            alike = Some(bare.to_owned());
        }
    }
    match alike {
        Some(region) => Some(Spot { region, jurisdiction: String::new(), resolved: true }),
        None => open.then(|| Spot { region: String::new(), jurisdiction: String::new(), resolved: false }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligase_domain::Origin;

    fn places(dialect: &str, text: &str) -> Vec<String> {
        let rules = Rules::load(&ligase_catalog::shipped()).unwrap();
        let class = PathClass { dialect: dialect.to_owned(), origin: Origin::Source };
        let of = |s: &Seen, n: &str| s.attributes[n].as_text().unwrap_or_default().to_owned();
        let all = look(&rules, &class, text, &Lines::new(text));
        all.iter().map(|s| format!("{} {}", of(s, "region"), of(s, "jurisdiction"))).collect()
    }

    #[test]
    fn what_a_host_is_there_for_is_told() {
        for (dialect, text, want) in [
            ("terraform", "alias {\n  name = \"shop.elb.eu-west-2.amazonaws.com\"\n}\n", "alias"),
            (
                "terraform",
                "names = [\n  { name = \"www\", type = \"CNAME\", records = [\"shop-1.eu-west-2.elb.amazonaws.com\"] },\n]\n",
                "alias",
            ),
            ("terraform", "settings = {\n  db = \"shop.c9x.eu-west-2.rds.amazonaws.com\"\n}\n", "host"),
            (
                "yaml",
                "Mappings:\n  Buckets:\n    us-east-1:\n      Url: https://s3-us-east-1.amazonaws.com/a\n    eu-west-1:\n      Url: b\n",
                "table",
            ),
            ("yaml", "buckets:\n  letters:\n    url: https://s3-us-west-2.amazonaws.com/a\n", "host"),
            ("json", "{\n  \"deployment\": {\n    \"location\": \"eastus\"\n  }\n}\n", "deployment"),
            ("json", "{\n  \"storage\": {\n    \"location\": \"eastus\"\n  }\n}\n", "region"),
        ] {
            let rules = Rules::load(&ligase_catalog::shipped()).unwrap();
            let class = PathClass { dialect: dialect.to_owned(), origin: Origin::Source };
            let all = look(&rules, &class, text, &Lines::new(text));
            assert_eq!(all[0].attributes["what"].as_text(), Some(want), "{text}");
        }
    }

    #[test]
    fn hosts_say_their_region_where_data_goes() {
        for (dialect, text, want) in [
            ("dotenv", "DB_HOST=shop.c9x.eu-west-1.rds.amazonaws.com\n", vec!["eu-west-1 eu"]),
            ("yaml", "bucket: https://scans-eu-west-1.s3.us-east-1.amazonaws.com/in\n", vec!["us-east-1 us"]),
            ("yaml", "bucket: https://s3-us-west-2.amazonaws.com/scans\n", vec!["us-west-2 us"]),
            ("yaml", "bucket: https://my-region-1.s3.amazonaws.com/scans\n", vec![]),
            ("dotenv", "# DB_HOST=shop.c9x.eu-west-1.rds.amazonaws.com\n", vec![]),
            ("properties", "q=https://sqs.${aws.region}.amazonaws.com/1/orders\n", vec![" "]),
            ("properties", "q=https://sqs.mars-north-1.amazonaws.com/1/orders\n", vec![]),
            ("properties", "q=https://sqs.cz-north-7.amazonaws.com/1/orders\n", vec!["cz-north-7 "]),
            ("yaml", "image: 1234.dkr.ecr.us-east-1.amazonaws.com/shop:1\n", vec![]),
            ("dockerfile", "ADD https://tools.s3.us-east-1.amazonaws.com/cli.tar.gz /\n", vec![]),
            ("toml", "ai = \"https://us-central1-aiplatform.googleapis.com\"\n", vec!["us-central1 us"]),
            ("yaml", "ocr: https://westeurope.api.cognitive.microsoft.com/\n", vec!["westeurope eu"]),
            ("dotenv", "AWS_REGION=us-east-1\n", vec!["us-east-1 us"]),
            ("dotenv", "AWS_REGION=us-east-1\nS3_ENDPOINT=http://minio:9000\n", vec![]),
            ("yaml", "sales:\n  region: north\n  location: us\n", vec![]),
        ] {
            assert_eq!(places(dialect, text), want, "{text}");
        }
    }
}
