//! The gRPC services over sockets with TLS on both sides: what a coordinator listens with and others connect with.
//!
//! There is no way to listen on a socket without TLS and client certificates: what a peer may do hangs on who it is.
//! Connections are accepted in `accept.rs`.

use crate::principal::Principal;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server};
use x509_parser::pem::parse_x509_pem;

/// Frames in flight on one connection before the sender waits: what bounds the bytes that a coordinator holds of a peer.
const CONNECTION_WINDOW: u32 = 4 << 20;
/// The same for one call.
const STREAM_WINDOW: u32 = 1 << 20;
/// Calls at once on one connection.
const STREAMS_MAX: u32 = 256;
/// How long a peer may be silent before it is asked whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// How long a call may take; uploads of large results over slow links are the longest.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// How long connecting and the handshake may take.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one of several hosts may take to accept.
const HOST_TIMEOUT: Duration = Duration::from_secs(2);
/// The port of a coordinator whose address names none.
pub const DEFAULT_PORT: u16 = 7443;
/// A connection is closed after this long, so that new coordinators and certificates come into use.
const CONNECTION_AGE: Duration = Duration::from_secs(3600);

/// Where a role's certificate, its key, and the authority that it trusts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// PEM: its certificate, followed by intermediate ones.
    pub certificate: PathBuf,
    /// PEM: its private key.
    pub key: PathBuf,
    /// PEM: the authorities whose certificates it accepts.
    pub authority: PathBuf,
}

/// Why a connection or a listener cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// A file of the credentials.
    #[error("E-TLS-FILE: {0}: {1}")]
    File(PathBuf, std::io::Error),
    /// The address of a coordinator.
    #[error("E-TLS-ADDRESS: {0:?} is no address such as https://ligase.example:7443")]
    Address(String),
    /// What the files say cannot be used.
    #[error("E-TLS-UNUSABLE: {0}")]
    Unusable(String),
    /// The address to listen on.
    #[error("E-LISTEN: {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
}

struct Pem {
    identity: Identity,
    authority: Certificate,
}

impl Credentials {
    /// Whom the certificate names: this process.
    pub fn principal(&self) -> Result<Principal, SocketError> {
        let pem = std::fs::read(&self.certificate).map_err(|e| SocketError::File(self.certificate.clone(), e))?;
        let unusable = |what: String| SocketError::Unusable(format!("{}: {what}", self.certificate.display()));
        let (_, first) = parse_x509_pem(&pem).map_err(|e| unusable(format!("no PEM certificate: {e}")))?;
        Principal::of_certificate(&first.contents.into()).map_err(|e| unusable(e.to_string()))
    }

    fn read(&self) -> Result<Pem, SocketError> {
        let read = |path: &Path| std::fs::read(path).map_err(|e| SocketError::File(path.to_path_buf(), e));
        Ok(Pem {
            identity: Identity::from_pem(read(&self.certificate)?, read(&self.key)?),
            authority: Certificate::from_pem(read(&self.authority)?),
        })
    }
}

/// When the first certificate of a PEM file ends, in UTC milliseconds since 1970.
pub fn certificate_ends_ms(path: &Path) -> Result<i64, SocketError> {
    let pem = std::fs::read(path).map_err(|e| SocketError::File(path.to_path_buf(), e))?;
    let unusable = |what: String| SocketError::Unusable(format!("{}: {what}", path.display()));
    let (_, first) = parse_x509_pem(&pem).map_err(|e| unusable(format!("no PEM certificate: {e}")))?;
    let read = first.parse_x509().map_err(|e| unusable(format!("no certificate: {e}")))?;
    Ok(read.validity().not_after.timestamp().saturating_mul(1000))
}

/// Everything of a transport's error: it names the cause only in its sources.
fn unusable(error: &dyn std::error::Error) -> SocketError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    SocketError::Unusable(text)
}

/// A server with the house's limits, for connections of [`crate::accept::Incoming`].
pub fn server() -> Server {
    limits(Server::builder())
}

/// The limits of every server of the house, whatever carries its bytes.
fn limits(server: Server) -> Server {
    server
        .initial_connection_window_size(CONNECTION_WINDOW)
        .initial_stream_window_size(STREAM_WINDOW)
        .max_concurrent_streams(STREAMS_MAX)
        .concurrency_limit_per_connection(STREAMS_MAX as usize)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .http2_max_pending_accept_reset_streams(Some(64))
        .http2_max_header_list_size(16 << 10)
        .max_connection_age(CONNECTION_AGE)
        .tcp_nodelay(true)
}

/// The coordinators that one may speak to, in the order of preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// `host:port` of each.
    hosts: Vec<String>,
    /// The name that their certificates must have.
    server_name: String,
}

impl Addresses {
    /// Reads `https://host:port` addresses. Their certificates must be for `server_name`, or for the first one's host.
    pub fn read(addresses: &[String], server_name: Option<&str>) -> Result<Self, SocketError> {
        let mut hosts = Vec::with_capacity(addresses.len());
        let mut first = None;
        for address in addresses {
            let wrong = || SocketError::Address(address.clone());
            let uri: tonic::transport::Uri = address.parse().map_err(|_| wrong())?;
            let host = uri.host().filter(|h| !h.is_empty()).ok_or_else(wrong)?;
            if uri.scheme_str() != Some("https") || !matches!(uri.path(), "" | "/") {
                return Err(wrong());
            }
            first.get_or_insert_with(|| host.trim_matches(['[', ']']).to_owned());
            hosts.push(format!("{host}:{}", uri.port_u16().unwrap_or(DEFAULT_PORT)));
        }
        let named = server_name.map(str::to_owned).or(first);
        Ok(Self { hosts, server_name: named.ok_or_else(|| SocketError::Address(String::new()))? })
    }
}

/// A channel to the coordinator that leads. It connects on first use and again after a loss, each time to the next address:
/// one that is gone refuses, and a standby closes the connection after it has said who leads. Every call has a deadline.
pub fn channel(addresses: &Addresses, credentials: &Credentials) -> Result<Channel, SocketError> {
    let Pem { identity, authority } = credentials.read()?;
    let tls = ClientTlsConfig::new().identity(identity).ca_certificate(authority);
    let tls = tls.domain_name(addresses.server_name.clone());
    // The address in it is never looked up: the connector below knows the hosts.
    let endpoint = Endpoint::from_static("https://coordinator").tls_config(tls).map_err(|e| unusable(&e))?;
    let (hosts, turn) = (Arc::new(addresses.hosts.clone()), Arc::new(AtomicUsize::new(0)));
    let connector = tower::service_fn(move |_| {
        let (hosts, turn) = (Arc::clone(&hosts), Arc::clone(&turn));
        async move { connect(&hosts, turn.fetch_add(1, Ordering::Relaxed)).await.map(TokioIo::new) }
    });
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .initial_stream_window_size(STREAM_WINDOW)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .connect_with_connector_lazy(connector))
}

/// The first host that accepts, beginning with the one whose turn it is.
async fn connect(hosts: &[String], turn: usize) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "no coordinator is named");
    for i in 0..hosts.len() {
        let host = &hosts[(turn + i) % hosts.len()];
        match tokio::time::timeout(HOST_TIMEOUT, TcpStream::connect(host)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = std::io::Error::new(error.kind(), format!("{host}: {error}")),
            Err(_) => last = std::io::Error::new(std::io::ErrorKind::TimedOut, format!("{host}: no answer")),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_https_and_hosts_alone() {
        let read = |a: &str| Addresses::read(&[a.to_owned()], None);
        let plain = read("https://ligase.example").unwrap();
        assert_eq!((plain.hosts[0].as_str(), plain.server_name.as_str()), ("ligase.example:7443", "ligase.example"));
        assert_eq!(read("https://[::1]:9").unwrap().server_name, "::1");
        for wrong in ["http://ligase.example", "ligase.example:7443", "https://", "https://a/b", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_host_that_refuses_is_passed_over() {
        let there = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hosts = [gone.local_addr().unwrap().to_string(), there.local_addr().unwrap().to_string()];
        drop(gone);
        let stream = connect(&hosts, 0).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), there.local_addr().unwrap());
    }
}
