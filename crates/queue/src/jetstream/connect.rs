//! The connection: how it is made, and the one way in which this room asks the server something. Every request has a
//! deadline; what the server says of JetStream's own is read here and nowhere else.

use crate::options::{JWT, Login, QueueOptions};
use crate::port::QueueError;
use async_nats::client::RequestErrorKind;
use async_nats::connection::State;
use async_nats::jetstream::{self, stream::Stream};
use async_nats::{Client, ConnectOptions, Event, HeaderMap, Message, Request};
use bytes::Bytes;
use ligase_runtime::Ration;
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// How often the server is asked whether it is there; two that stay unanswered end the connection.
const PING: Duration = Duration::from_secs(10);
/// Longest pause between two tries to connect.
const RECONNECT_MAX: Duration = Duration::from_secs(4);
/// How long a server may take to accept, where it is asked why there is no connection.
const KNOCK: Duration = Duration::from_secs(1);
/// Servers that are asked.
const KNOCKS: usize = 5;
/// A try to connect that fails as the one before is told so often.
const TOLD_AGAIN: Duration = Duration::from_secs(30);

/// Counts connections, so that whoever relies on what was heard over one knows when it is another.
#[derive(Default)]
pub(crate) struct Sessions {
    count: AtomicU64,
    pub(crate) changed: Notify,
    /// What the last try to connect failed with.
    failure: Mutex<String>,
}

impl Sessions {
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    fn failed(&self, why: String) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Why there is no connection, as far as it is known.
    pub(crate) fn absent(&self) -> Refusal {
        let why = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Refusal::Other(match why.as_str() {
            "" => "there is no connection at present".to_owned(),
            why => format!("there is no connection at present ({why})"),
        })
    }
}

/// Why a request had no good end.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Nobody listens: there is no such stream or consumer, or it has no leader at present.
    Nobody,
    /// No answer in time. What was asked may have been done.
    Late,
    /// The server's own code and words.
    Server(u64, String),
    /// The connection.
    Other(String),
}

impl Refusal {
    /// The error for a caller, who was doing `what`.
    pub(crate) fn into_error(self, what: &str) -> QueueError {
        QueueError::Unreachable(match self {
            Self::Nobody => format!(
                "{what}: nobody answers for it at the server; its stream or consumer is not there (a coordinator makes them), or has no leader now"
            ),
            Self::Late => format!("{what}: no answer in time; it may have been done"),
            Self::Server(code, text) => format!("{what}: the server refused: {text} ({code})"),
            Self::Other(text) => format!("{what}: {text}"),
        })
    }

    /// Whether asking again in a moment may go better.
    pub(crate) fn is_passing(&self) -> bool {
        // 10008: JetStream is not available for now; 10009: no quorum yet.
        matches!(self, Self::Nobody | Self::Late | Self::Server(10008 | 10009, _))
    }

    /// Whether it may be because a cluster's servers have not all found each other yet.
    pub(crate) fn is_forming(&self) -> bool {
        // 10005: no suitable peers for placement. A server without a cluster says 10074 and is not waited for.
        matches!(self, Self::Server(10005 | 10008 | 10009, _))
    }
}

/// A connection, and how long one request over it may take.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) client: Client,
    pub(crate) deadline: Duration,
    pub(crate) sessions: Arc<Sessions>,
    servers: Vec<String>,
    context: jetstream::Context,
}

impl Link {
    /// Begins to connect and returns at once: a server that is not there yet is tried again and again.
    pub(crate) async fn open(options: &QueueOptions) -> Result<Self, QueueError> {
        let sessions = Arc::new(Sessions::default());
        let seen = Arc::clone(&sessions);
        let mut connect = ConnectOptions::new()
            .name(&options.name)
            .ping_interval(PING)
            .connection_timeout(options.deadline)
            .request_timeout(Some(options.deadline))
            .retry_on_initial_connect()
            .reconnect_delay_callback(|tries| {
                Duration::from_millis(100).saturating_mul(u32::try_from(tries).unwrap_or(u32::MAX)).min(RECONNECT_MAX)
            })
            .event_callback(move |event| {
                let seen = Arc::clone(&seen);
                async move { note(&event, &seen) }
            });
        // Inboxes of its own: a server's permissions can then keep a user from reading others' answers.
        let own = match &options.login {
            Login::None => None,
            Login::Password { user, password } => {
                connect = connect.user_and_password(user.clone(), password.clone());
                Some(user)
            }
            Login::Signed { credentials, inboxes } => {
                connect = if credentials.contains(JWT) {
                    connect.credentials(credentials).map_err(|e| QueueError::Unreachable(e.to_string()))?
                } else {
                    connect.nkey(credentials.clone())
                };
                inboxes.as_ref()
            }
        };
        if let Some(user) = own {
            connect = connect.custom_inbox_prefix(inboxes(user));
        }
        if let Some(tls) = &options.tls {
            connect = connect.require_tls(true);
            if let Some(authorities) = &tls.authorities {
                connect = connect.add_root_certificates(authorities.clone());
            }
            if let Some((certificate, key)) = &tls.identity {
                connect = connect.add_client_certificate(certificate.clone(), key.clone());
            }
        }
        let client = connect.connect(options.servers.clone()).await.map_err(|error| {
            QueueError::Unreachable(format!("cannot connect to {}: {error}", options.servers.join(", ")))
        })?;
        let mut context = jetstream::new(client.clone());
        context.set_timeout(options.deadline);
        Ok(Self { client, deadline: options.deadline, sessions, servers: options.servers.clone(), context })
    }

    /// Why no server has this connection: what the last try failed with, and whether each server's port accepts at all.
    /// `None` where there is a connection.
    pub(crate) async fn away(&self) -> Option<Refusal> {
        if self.client.connection_state() == State::Connected {
            return None;
        }
        let mut why = Vec::new();
        for server in self.servers.iter().take(KNOCKS) {
            let host = server.split_once("://").map_or(server.as_str(), |(_, rest)| rest).trim_end_matches('/');
            let knocked = tokio::time::timeout(KNOCK, TcpStream::connect(host)).await;
            why.push(match knocked {
                Ok(Ok(_)) => format!("{host} accepts connections"),
                Ok(Err(error)) => format!("{host}: {error}"),
                Err(_) => format!("{host}: no answer within {KNOCK:?}"),
            });
        }
        let Refusal::Other(last) = self.sessions.absent() else { return None };
        Some(Refusal::Other(format!("{last}; {}", why.join("; "))))
    }

    /// A request and its answer, within the deadline.
    pub(crate) async fn request(
        &self,
        subject: String,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Result<Message, Refusal> {
        let mut request = Request::new().payload(payload).timeout(Some(self.deadline));
        if let Some(headers) = headers {
            request = request.headers(headers);
        }
        // The client's own deadline begins when the request is on its way; a full queue of commands has to be bounded too.
        let asked = tokio::time::timeout(self.deadline, self.client.send_request(subject, request));
        match asked.await {
            Err(_) => Err(Refusal::Late),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(match error.kind() {
                RequestErrorKind::TimedOut => Refusal::Late,
                RequestErrorKind::NoResponders => Refusal::Nobody,
                _ => Refusal::Other(error.to_string()),
            }),
        }
    }

    /// A request whose answer is JetStream's JSON.
    pub(crate) async fn ask(
        &self,
        subject: String,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Result<Value, Refusal> {
        let answer = self.request(subject, headers, payload).await?;
        let value: Value = serde_json::from_slice(&answer.payload)
            .map_err(|error| Refusal::Other(format!("an answer that is not JSON: {error}")))?;
        match value.get("error") {
            None => Ok(value),
            Some(error) => {
                let code = error.get("err_code").and_then(Value::as_u64).unwrap_or_default();
                let text = error.get("description").and_then(Value::as_str).unwrap_or("no reason given");
                Err(Refusal::Server(code, text.to_owned()))
            }
        }
    }

    /// JetStream's API.
    pub(crate) async fn api(&self, what: &str, request: &Value) -> Result<Value, Refusal> {
        let payload = if request.is_null() { Bytes::new() } else { Bytes::from(request.to_string()) };
        self.ask(format!("$JS.API.{what}"), None, payload).await
    }

    /// A stream by name, without asking whether it is there.
    pub(crate) async fn stream(&self, name: &str) -> Result<Stream<()>, QueueError> {
        let stream = self.context.get_stream_no_info(name).await;
        stream.map_err(|error| QueueError::Unreachable(format!("stream {name}: {error}")))
    }
}

/// Where a user's answers go: `_INBOX_` and its name, in which only what is plain in a subject stays.
fn inboxes(user: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    format!("_INBOX_{}", user.chars().map(plain).collect::<String>())
}

fn note(event: &Event, sessions: &Sessions) {
    match event {
        Event::Connected => {
            sessions.failed(String::new());
            sessions.count.fetch_add(1, Ordering::AcqRel);
            sessions.changed.notify_waiters();
            tracing::info!("connected to the queue's server");
        }
        Event::ClientError(error) => {
            let error = error.to_string();
            let why = error.trim_start_matches("nats: ");
            sessions.failed(why.to_owned());
            // Tried again and again: the same end is told now and then.
            static RATION: OnceLock<Ration> = OnceLock::new();
            if RATION.get_or_init(|| Ration::new(1, TOLD_AGAIN)).may_tell(why).is_some() {
                tracing::warn!(why, "cannot connect to the queue's server; tries again");
            }
        }
        Event::ServerError(error) => {
            sessions.failed(error.to_string());
            tracing::warn!(%event, "the queue's connection");
        }
        Event::SlowConsumer(_) | Event::Disconnected => tracing::warn!(%event, "the queue's connection"),
        _ => tracing::info!(%event, "the queue's connection"),
    }
}
