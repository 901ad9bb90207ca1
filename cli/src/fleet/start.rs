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
    for name in crate::fleet::settings::unknown_names() {
        tracing::warn!(code = "E-CONFIG-NAME", "{name}");
    }
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
    servers.iter().try_for_each(|server| address(server))?;
    options.login = login(nats)?;
    let identity = nats.nats_cert.clone().zip(nats.nats_key.clone());
    let files = nats.nats_ca.iter().chain(&nats.nats_cert).chain(&nats.nats_key);
    files.into_iter().try_for_each(|path| text(path, "E-NATS-TLS").map(drop))?;
    if nats.nats_ca.is_some() || identity.is_some() || servers.iter().any(|s| s.starts_with("tls://")) {
        options.tls = Some(Tls { authorities: nats.nats_ca.clone(), identity });
    }
    Ok(options)
}

/// How this process proves to the NATS servers who it is.
fn login(nats: &Nats) -> Result<Login, Failure> {
    let user = nats.nats_user.as_deref();
    if let Some(path) = &nats.nats_credentials {
        let remedy = "name the file that `nsc generate creds` writes, or one with the seed of a user's key alone";
        return Login::signed(&text(path, "E-NATS-CREDENTIALS")?, user)
            .map_err(|e| Failure::input("E-NATS-CREDENTIALS", format!("{}: {e}", path.display()), remedy));
    }
    let password = nats.nats_password_file.as_deref().map(|path| text(path, "E-NATS-PASSWORD")).transpose()?;
    match (user, password) {
        (Some(user), password) => {
            let password = password.unwrap_or_default().lines().next().unwrap_or_default().to_owned();
            Ok(Login::Password { user: user.to_owned(), password })
        }
        (None, Some(_)) => {
            let what = "a password is given, and not whose it is";
            Err(Failure::input("E-NATS-PASSWORD", what, "name the user with --nats-user"))
        }
        (None, None) => Ok(Login::None),
    }
}

/// One server's address. A password in it would be shown to whoever asks a coordinator where its queue is.
fn address(server: &str) -> Result<(), Failure> {
    let wrong = |what: &str, remedy: &str| {
        let what = format!("{}: {what}", crate::fleet::settings::without_secrets(server));
        Err(Failure::input("E-NATS-ADDRESS", what, remedy))
    };
    let form = "write nats://host:port or tls://host:port, with commas between several";
    let (scheme, host) = server.split_once("://").unwrap_or(("nats", server));
    if host.contains('@') {
        let remedy = "give --nats-user with --nats-password-file, or --nats-credentials";
        return wrong("a user or password in an address would be handed to every worker", remedy);
    }
    if !matches!(scheme, "nats" | "tls") {
        return wrong("is of no kind that a NATS server is reached by", form);
    }
    let host = host.trim_end_matches('/');
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let plain = name.starts_with('[') || !name.contains([':', '/', '?', ' ']);
    if name.is_empty() || !plain || port.is_some_and(|p| p.parse::<u16>().map_or(true, |p| p == 0)) {
        return wrong("is no address", form);
    }
    Ok(())
}

fn text(path: &Path, code: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|e| Failure::input(code, format!("{}: {e}", path.display()), "name a readable file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_nats_name_a_host_and_no_secret() {
        for good in ["nats://a:4222", "tls://nats-1.example:4222", "a:4222", "a", "nats://[::1]:4222", "nats://a:4222/"]
        {
            assert!(address(good).is_ok(), "{good}");
        }
        for wrong in ["", "http://a:4222", "nats://a:99999", "nats://a:0", "nats://a:4222:9", "nats://a b:1", "nats://"]
        {
            assert_eq!(address(wrong).unwrap_err().parts().0, "E-NATS-ADDRESS", "{wrong}");
        }
        let refused = address("nats://ada:hunter2@a:4222").unwrap_err().to_string();
        assert!(refused.starts_with("E-NATS-ADDRESS") && !refused.contains("hunter2"), "{refused}");
    }
}
