//! The log: to standard error, as text or JSON, filtered by `LIGASE_LOG`. No payloads are ever logged.

use std::io::IsTerminal as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For a person.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts the log once; a second call changes nothing. `verbosity` 0 is warnings, 1 info, 2 debug, 3 trace.
pub fn init_log(format: LogFormat, verbosity: u8) {
    // An embedding process may have a subscriber already; then its choice stands.
    let _ = tracing_subscriber::registry().with(filter(verbosity)).with(fmt_layer(format)).try_init();
}

/// Ligase's own lines at this verbosity, those of libraries at one less; `LIGASE_LOG` overrides both.
pub(crate) fn filter(verbosity: u8) -> EnvFilter {
    let level = |verbosity: u8| ["warn", "info", "debug", "trace"][usize::from(verbosity.min(3))];
    let usual = match verbosity {
        0 => "warn".to_owned(),
        _ => format!("{},ligase={own}", level(verbosity - 1), own = level(verbosity)) + &own_rooms(level(verbosity)),
    };
    // The queue tells of each connection that does not come about; its library would say it again at every try.
    let usual = usual + ",async_nats::connector=off";
    EnvFilter::try_from_env("LIGASE_LOG").unwrap_or_else(|_| EnvFilter::new(usual))
}

/// The rooms of the house that log.
fn own_rooms(level: &str) -> String {
    let rooms = ["coordinator", "worker", "agent_runner", "queue", "proto", "runtime", "vcs", "forge", "evidence"];
    rooms.iter().map(|room| format!(",ligase_{room}={level}")).collect()
}

/// Lines in a format, to standard error.
pub(crate) fn fmt_layer<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    // Colours are for a terminal; in a file or a journal they are noise.
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    }
}
