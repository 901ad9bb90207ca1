//! The log: to standard error, as text or JSON, filtered by `LIGASE_LOG`. No payloads are ever logged.

use tracing_subscriber::EnvFilter;

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
    let level = ["warn", "info", "debug", "trace"][usize::from(verbosity.min(3))];
    let filter = EnvFilter::try_from_env("LIGASE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An embedding process may have a subscriber already; then its choice stands.
    let _ = match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}
