//! The settings of a role: flags before environment before file before defaults, and where each came from.
//!
//! A file's lines become flags that were not given otherwise, so that there is one parser and one set of errors.

use crate::args::{Cli, Command};
use crate::failure::Failure;
use crate::output;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, CommandFactory as _, FromArgMatches as _};
use ligase_document::nearest;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The subcommands that read a file.
const ROLES: [&str; 3] = ["serve", "worker", "agent-runner"];
/// Names in the environment that no flag has, and somebody reads.
const READ_ELSEWHERE: [&str; 4] = ["LIGASE_LOG", "LIGASE_CACHE", "LIGASE_STOP_AT", "LIGASE_CLOCK_SKEW_MS"];
/// A larger file is not one that a person wrote.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// One setting: its name, its value, and where it came from.
pub type Setting = (String, String, String);

/// Parses the command line. With `--dump-config` the settings come back, to be printed.
pub fn parse(arguments: Vec<OsString>) -> Result<(Cli, Option<Vec<Setting>>), Failure> {
    let (arguments, from_file) = with_file(arguments)?;
    let matches = match Cli::command().try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) => return Err(usage(error, &arguments, &from_file)),
    };
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
    let telemetry = match &cli.command {
        Command::Serve(args) => Some(&args.telemetry),
        Command::Worker(args) | Command::AgentRunner(args) => Some(&args.telemetry),
        _ => None,
    };
    let dump = telemetry.filter(|t| t.dump_config).and_then(|_| matches.subcommand());
    let dump = dump.map(|(name, matches)| settings(name, matches, &from_file));
    Ok((cli, dump))
}

struct FromFile {
    path: PathBuf,
    /// Each setting that was taken from it, with its line.
    names: BTreeMap<String, usize>,
}

/// The subcommand: the first argument that is no flag and no flag's value.
fn verb(arguments: &[OsString]) -> Option<&str> {
    let mut it = arguments.iter().skip(1).filter_map(|a| a.to_str());
    while let Some(argument) = it.next() {
        match argument {
            "--log-format" => drop(it.next()),
            flag if flag.starts_with('-') => {}
            verb => return Some(verb),
        }
    }
    None
}

/// What `name` is a flag of: the subcommand's own, or one of the whole program's.
fn flag<'a>(command: &'a clap::Command, verb: Option<&str>, name: &str) -> Option<&'a Arg> {
    let own = verb.and_then(|verb| command.find_subcommand(verb));
    let all = own.into_iter().flat_map(clap::Command::get_arguments).chain(command.get_arguments());
    all.into_iter().find(|a| a.get_long() == Some(name))
}

/// An error of the command line. A value that came from the file or the environment is told with where it stands; whatever a
/// person typed is told as usual.
fn usage(error: clap::Error, arguments: &[OsString], from_file: &Option<FromFile>) -> Failure {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) || !error.use_stderr() {
        error.exit();
    }
    let rendered = error.to_string();
    let what = rendered.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let named = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(arg)) => arg.split([' ', '=']).next().unwrap_or_default().trim_start_matches('-'),
        _ => "",
    };
    if let Some((file, line)) = from_file.as_ref().and_then(|f| f.names.get(named).map(|line| (&f.path, line))) {
        let remedy = format!("mend the line that begins with `{named} =`");
        return Failure::input("E-CONFIG-VALUE", format!("{}:{line}: {what}", file.display()), remedy);
    }
    let command = Cli::command();
    let variable = flag(&command, verb(arguments), named).and_then(Arg::get_env).and_then(OsStr::to_str);
    if let Some(variable) = variable.filter(|v| !given(arguments, named) && std::env::var_os(v).is_some()) {
        let remedy = format!("mend {variable} in the environment, or give --{named}");
        return Failure::input("E-CONFIG-VALUE", format!("in the environment, {variable}: {what}"), remedy);
    }
    if arguments.iter().any(|a| a == "--json") {
        return Failure::input("E-USAGE", what, "`--help` shows what may be given");
    }
    error.exit()
}

fn given(arguments: &[OsString], name: &str) -> bool {
    let (flag, with_value) = (format!("--{name}"), format!("--{name}="));
    arguments.iter().any(|a| a == OsStr::new(&flag) || a.to_string_lossy().starts_with(&with_value))
}

/// What stands in the environment as if it were a setting, and is none: a sentence for each.
pub fn unknown_names() -> Vec<String> {
    let set = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    unknown(set, &names_of_settings())
}

fn unknown(set: impl Iterator<Item = String>, known: &BTreeSet<String>) -> Vec<String> {
    // What Kubernetes tells each container of services whose names begin so.
    let service = |name: &str| {
        ["_PORT", "_SERVICE_HOST", "_SERVICE_PORT"].iter().any(|end| name.ends_with(end))
            || name.contains("_PORT_")
            || name.contains("_SERVICE_PORT_")
    };
    let strange = set.filter(|name| name.starts_with("LIGASE_") && !known.contains(name) && !service(name));
    let mut all: Vec<String> = strange
        .map(|name| match nearest(&name, known.iter().map(String::as_str)) {
            Some(near) => format!("{name} in the environment is no setting and is not read; did you mean {near}?"),
            None => format!("{name} in the environment is no setting and is not read"),
        })
        .collect();
    all.sort();
    all
}

/// Every name in the environment that something reads.
fn names_of_settings() -> BTreeSet<String> {
    let command = Cli::command();
    let all = command.get_subcommands().flat_map(|sub| sub.get_arguments()).chain(command.get_arguments());
    let of_flags = all.filter_map(|a| a.get_env()?.to_str().map(str::to_owned));
    of_flags.chain(READ_ELSEWHERE.map(str::to_owned)).collect()
}

/// An address without the user and the password in it.
pub fn without_secrets(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for part in value.split_inclusive(',') {
        match part.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
            Some((scheme, host)) => out.push_str(&format!("{scheme}://…@{host}")),
            None => out
                .push_str(part.rsplit_once('@').filter(|(user, _)| user.contains(':')).map_or(part, |(_, host)| host)),
        }
    }
    out
}

/// Adds the lines of the file that `--config` or `LIGASE_CONFIG` names, where neither flag nor environment say otherwise.
fn with_file(mut arguments: Vec<OsString>) -> Result<(Vec<OsString>, Option<FromFile>), Failure> {
    let Some(role) = verb(&arguments).filter(|verb| ROLES.contains(verb)) else { return Ok((arguments, None)) };
    let role = role.to_owned();
    let Some(path) = file_of(&arguments) else { return Ok((arguments, None)) };
    let (lines, table) = read(&path)?;
    let command = Cli::command();
    let own = command.find_subcommand(&role).into_iter().flat_map(clap::Command::get_arguments);
    let not_here = |name: &str| matches!(name, "config" | "dump-config" | "json" | "help" | "version");
    let mut known: Vec<&str> = own.filter_map(Arg::get_long).filter(|name| !not_here(name)).collect();
    known.push("log-format");
    let mut names = BTreeMap::new();
    for (name, value) in table {
        let line = lines.get(&name).copied().unwrap_or(1);
        let place = format!("{}:{line}", path.display());
        let Some(arg) = flag(&command, Some(&role), &name).filter(|_| known.contains(&name.as_str())) else {
            let near = nearest(&name, known.iter().copied()).map(|near| format!("did you mean {near}? "));
            return Err(Failure::input(
                "E-CONFIG-KEY",
                format!("{place}: {name:?} is no setting of `ligase {role}`"),
                format!("{}known are: {}", near.unwrap_or_default(), known.join(", ")),
            ));
        };
        let in_environment = arg.get_env().is_some_and(|name| std::env::var_os(name).is_some());
        if given(&arguments, &name) || in_environment {
            continue;
        }
        let takes_value = arg.get_action().takes_values();
        match (value, takes_value) {
            (toml::Value::Boolean(true), false) => arguments.push(format!("--{name}").into()),
            (toml::Value::Boolean(false), false) => continue,
            (value, true) => arguments.push(format!("--{name}={}", text(&place, &name, &value)?).into()),
            (_, false) => {
                let what = format!("{place}: {name} is true or false");
                return Err(Failure::input("E-CONFIG-VALUE", what, "write true or false"));
            }
        }
        names.insert(name, line);
    }
    Ok((arguments, Some(FromFile { path, names })))
}

fn file_of(arguments: &[OsString]) -> Option<PathBuf> {
    let mut it = arguments.iter();
    while let Some(argument) = it.next() {
        if argument == "--config" {
            return it.next().map(PathBuf::from);
        }
        if let Some(path) = argument.to_str().and_then(|a| a.strip_prefix("--config=")) {
            return Some(PathBuf::from(path));
        }
    }
    std::env::var_os("LIGASE_CONFIG").map(PathBuf::from)
}

/// The settings of a file, and the line on which each begins.
fn read(path: &Path) -> Result<(BTreeMap<String, usize>, toml::Table), Failure> {
    let unreadable = |e: &dyn std::fmt::Display| {
        Failure::input("E-CONFIG-READ", format!("{}: {e}", path.display()), "mend the file that --config names")
    };
    let size = std::fs::metadata(path).map_err(|e| unreadable(&e))?.len();
    if size > FILE_BYTES_MAX {
        return Err(unreadable(&"larger than 1 MiB"));
    }
    let text = std::fs::read_to_string(path).map_err(|e| unreadable(&e))?;
    let key = |line: &str| Some(line.split_once('=')?.0.trim().trim_matches(['"', '\'']).to_owned());
    let mut lines = BTreeMap::new();
    for (n, line) in text.lines().enumerate() {
        key(line).map(|key| lines.entry(key).or_insert(n + 1));
    }
    Ok((lines, text.parse().map_err(|e: toml::de::Error| unreadable(&e))?))
}

fn text(place: &str, name: &str, value: &toml::Value) -> Result<String, Failure> {
    let plain = |value: &toml::Value| match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        _ => None,
    };
    let whole = match value {
        toml::Value::Array(all) => all.iter().map(plain).collect::<Option<Vec<_>>>().map(|all| all.join(",")),
        value => plain(value),
    };
    whole.ok_or_else(|| {
        let what = format!("{place}: {name} is a text, a whole number or a list of texts");
        Failure::input("E-CONFIG-VALUE", what, "write it as the flag would be written")
    })
}

fn settings(role: &str, matches: &ArgMatches, from_file: &Option<FromFile>) -> Vec<Setting> {
    let whole = Cli::command();
    let Some(command) = whole.find_subcommand(role) else { return Vec::new() };
    let own = command.get_arguments().filter(|a| !matches!(a.get_id().as_str(), "help" | "version" | "dump_config"));
    let of_all = whole.get_arguments().filter(|a| a.get_id() == "log_format");
    own.chain(of_all)
        .map(|arg| {
            let (id, name) = (arg.get_id().as_str(), arg.get_long().unwrap_or_default().to_owned());
            let values = matches.get_raw(id).map(|all| all.map(|v| v.to_string_lossy()).collect::<Vec<_>>().join(","));
            let in_file = from_file.as_ref().filter(|f| f.names.contains_key(&name));
            let source = match (matches.value_source(id), in_file) {
                (Some(ValueSource::CommandLine), Some(file)) => format!("file {}", file.path.display()),
                (Some(ValueSource::CommandLine), None) => "flag".to_owned(),
                (Some(ValueSource::EnvVariable), _) => {
                    format!("environment {}", arg.get_env().unwrap_or_default().to_string_lossy())
                }
                _ => "default".to_owned(),
            };
            (name, without_secrets(&values.unwrap_or_default()), source)
        })
        .collect()
}

/// Prints the settings.
pub fn print(settings: &[Setting], as_json: bool) {
    if as_json {
        let rows: Vec<_> = settings.iter().map(|(n, v, s)| json!({"name": n, "value": v, "source": s})).collect();
        output::json(&json!(rows));
    } else {
        let rows = settings.iter().map(|(n, v, s)| vec![n.clone(), v.clone(), s.clone()]).collect();
        output::table(&["setting", "value", "from"], rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verb_is_the_first_word_that_is_no_flag() {
        let verb_of = |text: &str| verb(&text.split(' ').map(OsString::from).collect::<Vec<_>>()).map(str::to_owned);
        assert_eq!(verb_of("ligase --json worker --slots 2").as_deref(), Some("worker"));
        assert_eq!(verb_of("ligase --log-format json serve").as_deref(), Some("serve"));
        assert_eq!(verb_of("ligase fleet drain worker").as_deref(), Some("fleet"));
    }

    #[test]
    fn secrets_in_addresses_are_not_shown() {
        for (value, shown) in [
            ("nats://ada:pw@a:4222,tls://b:4222", "nats://…@a:4222,tls://b:4222"),
            ("ada:pw@a:4222", "a:4222"),
            ("http://token@collector:4317", "http://…@collector:4317"),
            ("certs/ada@example.pem", "certs/ada@example.pem"),
        ] {
            assert_eq!(without_secrets(value), shown);
        }
    }

    #[test]
    fn names_that_nobody_reads_are_told_with_the_nearest_one() {
        let set = [
            "LIGASE_SLOT",
            "LIGASE_SLOTS",
            "LIGASE_LOG",
            "LIGASE_PORT",
            "LIGASE_X_PORT_7443_TCP",
            "HOME",
            "LIGASE_WHATEVER_IT_IS",
        ];
        let told = unknown(set.into_iter().map(str::to_owned), &names_of_settings());
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("LIGASE_SLOT ") && told[0].ends_with("did you mean LIGASE_SLOTS?"), "{told:?}");
    }
}
