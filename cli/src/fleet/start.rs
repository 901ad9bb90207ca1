//! How a role starts and stops: its runtime, its log and exports, and the two signals.

use crate::args::Cli;
use crate::args::fleet::{Nats, Telemetry};
use crate::failure::Failure;
use ligase_queue::{Login, QueueOptions, Tls};
use ligase_runtime::{Shutdown, TelemetryOptions};
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// A started role.
pub struct Started {
    /// Its runtime.
    pub runtime: Runtime,
    /// Its stop signal: the first SIGTERM or SIGINT gives it, the second ends the process at once.
    pub shutdown: Shutdown,
    exports: Option<ligase_runtime::Telemetry>,
}

impl Started {
    /// Ends what is exported, so that the last spans and counts leave the process.
    pub fn finish(self) {
        if let Some(exports) = self.exports {
            self.runtime.block_on(exports.finish());
        }
        self.runtime.shutdown_timeout(Duration::from_secs(2));
    }
}

/// Starts a role.
pub fn start(cli: &Cli, role: &'static str, telemetry: &Telemetry) -> Result<Started, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::look("E-RUNTIME", e, "free some threads"))?;
    let options = TelemetryOptions {
        role,
        version: env!("CARGO_PKG_VERSION"),
        otlp: telemetry.otlp.clone(),
        metrics: telemetry.metrics,
    };
    let exports = runtime.block_on(ligase_runtime::init_telemetry(crate::log_format(cli), cli.verbose.max(1), options));
    let exports = exports.map_err(|e| {
        Failure::input("E-TELEMETRY", e, "look at --otlp and --metrics: an address that is free, a URL that reads")
    })?;
    let shutdown = Shutdown::new();
    let stop = shutdown.clone();
    let signals = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    };
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        return Err(Failure::look("E-SIGNALS", "signals cannot be waited for", "run it as an ordinary process"));
    };
    runtime.spawn(async move {
        for count in 0_u8.. {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if count > 0 {
                std::process::exit(130);
            }
            tracing::info!("stops: takes nothing more and finishes what it holds; a second signal ends it at once");
            stop.request();
        }
    });
    Ok(Started { runtime, shutdown, exports: Some(exports) })
}

/// The queue's options from the command line.
pub fn queue_options(nats: &Nats, servers: &[String], name: &str, zones: &[String]) -> Result<QueueOptions, Failure> {
    let mut options = QueueOptions::new(servers.iter().cloned());
    name.clone_into(&mut options.name);
    options.shards = nats.shards.max(1);
    options.ack_wait = Duration::from_secs(nats.lease.max(1));
    options.zones = zones.to_vec();
    if let Some(user) = &nats.nats_user {
        let password = nats.nats_password_file.as_deref().map(first_line).transpose()?.unwrap_or_default();
        options.login = Login::Password { user: user.clone(), password };
    }
    if nats.nats_ca.is_some() || servers.iter().any(|s| s.starts_with("tls://")) {
        options.tls = Some(Tls { authorities: nats.nats_ca.clone(), identity: None });
    }
    Ok(options)
}

fn first_line(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Failure::input("E-NATS-PASSWORD", format!("{}: {e}", path.display()), "name a readable file"))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
