//! What a connection to the queue's server needs to know. Nothing here connects; `jetstream/connect.rs` does.

use crate::port::ACK_WAIT;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Gives the trace context (W3C `traceparent`) of whoever publishes now, if there is one.
pub type TraceHook = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// How a role proves to the server who it is, beside its client certificate.
#[derive(Clone, Default)]
pub enum Login {
    /// It does not: the certificate is enough, or the server asks for nothing.
    #[default]
    None,
    /// A user and a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// A signature over the server's challenge: the key never leaves this process.
    Signed {
        /// A credentials file's text (a JWT and the seed of its key), or the seed of a key alone. [`Login::signed`] reads it.
        credentials: String,
        /// Whose inboxes answers go to, `_INBOX_<user>`; the usual ones where this is none.
        inboxes: Option<String>,
    },
}

/// What a credentials file's first block begins with.
pub(crate) const JWT: &str = "-----BEGIN NATS USER JWT-----";
/// Characters of a seed: base32 of a prefix, 32 bytes and a checksum.
const SEED_CHARS: usize = 58;

impl Login {
    /// Reads a credentials file: what `nsc` writes, or the seed of a user's key alone. The error never has the text in it.
    pub fn signed(text: &str, inboxes: Option<&str>) -> Result<Self, String> {
        let credentials = if text.contains(JWT) {
            async_nats::ConnectOptions::new().credentials(text).map_err(|e| e.to_string())?;
            text.to_owned()
        } else {
            let seed = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(['#', '-']));
            let seed = seed.filter(|s| s.starts_with("SU") && s.len() == SEED_CHARS);
            seed.filter(|s| s.bytes().all(|c| matches!(c, b'A'..=b'Z' | b'2'..=b'7')))
                .ok_or("neither a user's JWT with its key nor the seed of a user's key (SU…)")?
                .to_owned()
        };
        Ok(Self::Signed { credentials, inboxes: inboxes.map(str::to_owned) })
    }
}

/// Never shows a password or a key.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Password { user, .. } => write!(f, "Password {{ user: {user:?} }}"),
            Self::Signed { inboxes, .. } => write!(f, "Signed {{ inboxes: {inboxes:?} }}"),
        }
    }
}

/// Encryption of the connection.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// PEM file of the authorities that the server's certificate must come from; the system's where there is none.
    pub authorities: Option<PathBuf>,
    /// PEM files of our own certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// How to reach the queue's server, and the shape of what is there. Coordinators, workers and runners of one organisation
/// must agree on `shards` and `zones`.
#[derive(Clone)]
pub struct QueueOptions {
    /// `nats://host:port` or `tls://host:port`; any of them is enough to begin with.
    pub servers: Vec<String>,
    /// What the connection is called at the server, for operators.
    pub name: String,
    /// The login.
    pub login: Login,
    /// Encryption; none where this is none and no server says `tls://`.
    pub tls: Option<Tls>,
    /// Copies that the server keeps of every stream: 3 in production, 1 for development.
    pub replicas: usize,
    /// How long a lease lasts without renewal.
    pub ack_wait: Duration,
    /// Into how many shards organisations fall. A power of two is not needed; changing it strands what is outstanding in
    /// shards that are gone.
    pub shards: u32,
    /// Zones beside *anywhere*, which is always there. The coordinator names all that there are, a worker those it serves.
    pub zones: Vec<String>,
    /// How long one request to the server may take.
    pub deadline: Duration,
    /// Where the trace context of publications comes from.
    pub trace: Option<TraceHook>,
    /// The server's monitoring address (`host:port`), from which alone can be known whether it syncs every write.
    pub monitoring: Option<String>,
}

impl QueueOptions {
    /// The options for these servers, all else by default.
    pub fn new(servers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            servers: servers.into_iter().map(Into::into).collect(),
            name: "ligase".to_owned(),
            login: Login::None,
            tls: None,
            replicas: 1,
            ack_wait: ACK_WAIT,
            shards: 8,
            zones: Vec::new(),
            deadline: Duration::from_secs(5),
            trace: None,
            monitoring: None,
        }
    }
}

impl fmt::Debug for QueueOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueOptions")
            .field("servers", &self.servers)
            .field("name", &self.name)
            .field("login", &self.login)
            .field("tls", &self.tls)
            .field("replicas", &self.replicas)
            .field("ack_wait", &self.ack_wait)
            .field("shards", &self.shards)
            .field("zones", &self.zones)
            .field("deadline", &self.deadline)
            .field("traced", &self.trace.is_some())
            .field("monitoring", &self.monitoring)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_found_among_remarks_and_nothing_else_is_taken_for_one() {
        let seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
        for text in [seed.to_owned(), format!("# of worker w1\n\n  {seed}  \n")] {
            let login = Login::signed(&text, Some("worker")).unwrap();
            assert!(matches!(&login, Login::Signed { credentials, .. } if credentials == seed));
            assert!(!format!("{login:?}").contains(seed), "a key is never shown");
        }
        let account = seed.replacen("SU", "SA", 1);
        for wrong in ["", "password", &seed[1..], &account, "-----BEGIN NATS USER JWT-----\nx"] {
            let refused = Login::signed(wrong, None).unwrap_err();
            assert!(wrong.is_empty() || !refused.contains(wrong), "{refused}");
        }
    }
}
