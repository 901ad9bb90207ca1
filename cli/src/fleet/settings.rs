//! The settings of a role: flags before environment before file before defaults, and where each came from.
//!
//! A file's lines become flags that were not given otherwise, so that there is one parser and one set of errors.

use crate::args::{Cli, Command};
use crate::failure::Failure;
use crate::output;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};
use serde_json::json;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The subcommands that read a file.
const ROLES: [&str; 3] = ["serve", "worker", "agent-runner"];
/// A larger file is not one that a person wrote.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// One setting: its name, its value, and where it came from.
pub type Setting = (String, String, String);

/// Parses the command line. With `--dump-config` the settings come back, to be printed.
pub fn parse(arguments: Vec<OsString>) -> Result<(Cli, Option<Vec<Setting>>), Failure> {
    let (arguments, from_file) = with_file(arguments)?;
    let matches = Cli::command().get_matches_from(arguments);
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
    names: BTreeSet<String>,
}

/// Adds the lines of the file that `--config` or `LIGASE_CONFIG` names, where neither flag nor environment say otherwise.
fn with_file(mut arguments: Vec<OsString>) -> Result<(Vec<OsString>, Option<FromFile>), Failure> {
    let given = |arguments: &[OsString], name: &str| {
        let (flag, with_value) = (format!("--{name}"), format!("--{name}="));
        arguments.iter().any(|a| a == OsStr::new(&flag) || a.to_string_lossy().starts_with(&with_value))
    };
    let Some(role) = arguments.iter().skip(1).filter_map(|a| a.to_str()).find(|a| ROLES.contains(a)) else {
        return Ok((arguments, None));
    };
    let role = role.to_owned();
    let Some(path) = file_of(&arguments) else { return Ok((arguments, None)) };
    let table = read(&path)?;
    let command = Cli::command();
    let command = command.find_subcommand(&role).expect("a role is a subcommand");
    let known: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
    let mut names = BTreeSet::new();
    for (name, value) in table {
        let arg = command.get_arguments().find(|a| a.get_long() == Some(name.as_str()));
        let Some(arg) = arg.filter(|_| name != "config" && name != "dump-config") else {
            return Err(Failure::input(
                "E-CONFIG-KEY",
                format!("{}: {name:?} is no setting of `ligase {role}`", path.display()),
                format!("known are: {}", known.join(", ")),
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
            (value, true) => arguments.push(format!("--{name}={}", text(&path, &name, &value)?).into()),
            (_, false) => {
                let what = format!("{}: {name} is true or false", path.display());
                return Err(Failure::input("E-CONFIG-VALUE", what, "write true or false"));
            }
        }
        names.insert(name);
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

fn read(path: &Path) -> Result<toml::Table, Failure> {
    let unreadable = |e: &dyn std::fmt::Display| {
        Failure::input("E-CONFIG-READ", format!("{}: {e}", path.display()), "mend the file that --config names")
    };
    let size = std::fs::metadata(path).map_err(|e| unreadable(&e))?.len();
    if size > FILE_BYTES_MAX {
        return Err(unreadable(&"larger than 1 MiB"));
    }
    let text = std::fs::read_to_string(path).map_err(|e| unreadable(&e))?;
    text.parse().map_err(|e: toml::de::Error| unreadable(&e))
}

fn text(path: &Path, name: &str, value: &toml::Value) -> Result<String, Failure> {
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
        let what = format!("{}: {name} is a text, a number or a list of texts", path.display());
        Failure::input("E-CONFIG-VALUE", what, "write it as the flag would be written")
    })
}

fn settings(role: &str, matches: &ArgMatches, from_file: &Option<FromFile>) -> Vec<Setting> {
    let command = Cli::command();
    let Some(command) = command.find_subcommand(role) else { return Vec::new() };
    let own = command.get_arguments().filter(|a| !matches!(a.get_id().as_str(), "help" | "version" | "dump_config"));
    own.map(|arg| {
        let (id, name) = (arg.get_id().as_str(), arg.get_long().unwrap_or_default().to_owned());
        let values = matches.get_raw(id).map(|all| all.map(|v| v.to_string_lossy()).collect::<Vec<_>>().join(","));
        let in_file = from_file.as_ref().filter(|f| f.names.contains(&name));
        let source = match (matches.value_source(id), in_file) {
            (Some(ValueSource::CommandLine), Some(file)) => format!("file {}", file.path.display()),
            (Some(ValueSource::CommandLine), None) => "flag".to_owned(),
            (Some(ValueSource::EnvVariable), _) => {
                format!("environment {}", arg.get_env().unwrap_or_default().to_string_lossy())
            }
            _ => "default".to_owned(),
        };
        (name, values.unwrap_or_default(), source)
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
