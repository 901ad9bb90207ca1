//! Start-up, supervision, shutdown, telemetry and the clock. It knows nothing of compliance.
//!
//! A role is a library function `run(config, shutdown)`; this room gives it the stop signal, the one door for spawning
//! tasks, the log and the time. Read `supervisor.rs` next.

mod clock;
mod log;
mod metrics;
mod ration;
mod shutdown;
mod stage;
mod supervisor;
mod telemetry;

pub use clock::{SystemClock, rfc3339, unix_day};
pub use log::{LogFormat, init_log};
pub use metrics::{NAMES, count, gauge, took};
pub use ration::Ration;
pub use shutdown::Shutdown;
pub use stage::reached;
pub use supervisor::{Supervisor, TaskEnd};
pub use telemetry::{
    Telemetry, TelemetryOptions, attempt_span, blocking_stage, follow, init_telemetry, stage, traceparent,
};
