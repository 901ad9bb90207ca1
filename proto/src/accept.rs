//! The listener's side of TLS: every client shows a certificate of the authority, or is refused with a reason that is told.
//!
//! The transport of `tonic` would refuse the same clients and keep it to itself. What is told goes to whoever serves: this
//! room neither logs nor counts. Handshakes are bounded in number and in time.

use crate::socket::{CONNECT_TIMEOUT, Credentials, SocketError};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{CertificateError, Error, RootCertStore, ServerConfig, crypto};
use tokio_rustls::server::TlsStream;
use tokio_stream::Stream;

/// Handshakes at once; whoever comes then waits in the kernel's queue.
const HANDSHAKES_MAX: usize = 512;
/// How long nobody is accepted after the kernel could not give a connection: out of descriptors, most likely.
const REST: Duration = Duration::from_millis(100);

/// A connection that did not come about.
#[derive(Clone, Debug)]
pub struct TlsRefused {
    /// From where.
    pub from: SocketAddr,
    /// A stable word: `no-certificate`, `unknown-authority`, `expired`, `not-yet-valid`, `bad-certificate`, `not-tls`,
    /// `incompatible`, `refused-by-client`, `slow`, `cut`, `other`.
    pub reason: &'static str,
    /// In the library's words.
    pub detail: String,
}

/// Who is told of connections that did not come about.
pub type Told = Arc<dyn Fn(&TlsRefused) + Send + Sync>;

/// Connections whose peers have shown a certificate of the authority.
pub struct Incoming {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    shaking: JoinSet<Result<TlsStream<TcpStream>, TlsRefused>>,
    resting: Option<Pin<Box<Sleep>>>,
    told: Told,
}

impl Incoming {
    /// Accepts on a listener, and shows these credentials.
    pub fn new(listener: TcpListener, credentials: &Credentials, told: Told) -> Result<Self, SocketError> {
        let acceptor = TlsAcceptor::from(Arc::new(config(credentials)?));
        Ok(Self { listener, acceptor, shaking: JoinSet::new(), resting: None, told })
    }

    fn begin(&mut self, stream: TcpStream, from: SocketAddr) {
        let acceptor = self.acceptor.clone();
        self.shaking.spawn(async move {
            // It only sends sooner: a connection without it is as good.
            let _ = stream.set_nodelay(true);
            match tokio::time::timeout(CONNECT_TIMEOUT, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => Ok(stream),
                Ok(Err(error)) => Err(TlsRefused { from, reason: reason(&error), detail: error.to_string() }),
                Err(_) => Err(TlsRefused { from, reason: "slow", detail: format!("not within {CONNECT_TIMEOUT:?}") }),
            }
        });
    }

    /// Takes what the kernel has, while there is room and no rest to be kept.
    fn accept(&mut self, cx: &mut Context<'_>) {
        if let Some(resting) = &mut self.resting {
            if resting.as_mut().poll(cx).is_pending() {
                return;
            }
            self.resting = None;
        }
        while self.shaking.len() < HANDSHAKES_MAX {
            match self.listener.poll_accept(cx) {
                Poll::Ready(Ok((stream, from))) => self.begin(stream, from),
                Poll::Ready(Err(error)) => {
                    tracing::warn!(%error, "cannot accept a connection; tries again");
                    let mut resting = Box::pin(tokio::time::sleep(REST));
                    // Polled once, so that its end wakes this task.
                    let _ = resting.as_mut().poll(cx);
                    self.resting = Some(resting);
                    return;
                }
                Poll::Pending => return,
            }
        }
    }
}

impl Stream for Incoming {
    type Item = io::Result<TlsStream<TcpStream>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            this.accept(cx);
            match this.shaking.poll_join_next(cx) {
                Poll::Ready(Some(Ok(Ok(stream)))) => return Poll::Ready(Some(Ok(stream))),
                Poll::Ready(Some(Ok(Err(refused)))) => (this.told)(&refused),
                Poll::Ready(Some(Err(panic))) => tracing::error!(%panic, "a handshake panicked"),
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// What rustls is told: our certificate, and that clients have to show one of the authority's.
fn config(credentials: &Credentials) -> Result<ServerConfig, SocketError> {
    let in_file = |path: &std::path::Path, what: String| SocketError::Unusable(format!("{}: {what}", path.display()));
    let certificates = |path: &std::path::Path| {
        let text = std::fs::read(path).map_err(|e| SocketError::File(path.to_owned(), e))?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let read = read.map_err(|e| in_file(path, e.to_string()))?;
        if read.is_empty() { Err(in_file(path, "no certificate in it".to_owned())) } else { Ok(read) }
    };
    let key_text = std::fs::read(&credentials.key).map_err(|e| SocketError::File(credentials.key.clone(), e))?;
    let key = PrivateKeyDer::from_pem_slice(&key_text).map_err(|e| in_file(&credentials.key, e.to_string()))?;
    let mut roots = RootCertStore::empty();
    for authority in certificates(&credentials.authority)? {
        roots.add(authority).map_err(|e| in_file(&credentials.authority, e.to_string()))?;
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|e| in_file(&credentials.authority, e.to_string()))?;
    let unusable = |e: Error| in_file(&credentials.certificate, e.to_string());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(&credentials.certificate)?, key)
        .map_err(unusable)?;
    config.alpn_protocols.push(b"h2".to_vec());
    Ok(config)
}

/// The stable word for what went wrong.
fn reason(error: &io::Error) -> &'static str {
    let Some(tls) = error.get_ref().and_then(|e| e.downcast_ref::<Error>()) else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "cut",
            _ => "other",
        };
    };
    match tls {
        Error::NoCertificatesPresented => "no-certificate",
        Error::InvalidCertificate(of) => match of {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "expired",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "not-yet-valid",
            // An authority of the same name and with another key is another authority.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => "unknown-authority",
            _ => "bad-certificate",
        },
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => "not-tls",
        Error::PeerIncompatible(_) | Error::PeerMisbehaved(_) | Error::NoApplicationProtocol => "incompatible",
        Error::AlertReceived(_) => "refused-by-client",
        _ => "other",
    }
}
