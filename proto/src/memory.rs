//! The gRPC services over an in-memory connection: what the embedded mode uses instead of a socket.
//!
//! It is the same HTTP/2 with the same limits; only the bytes stay in the process. Each connection carries the
//! [`Principal`] that the embedding process gave it, as a TLS connection carries the one of its certificate.

use crate::principal::Principal;
use hyper_util::rt::TokioIo;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;
use tonic::transport::{Channel, Endpoint};

/// Bytes that one direction of a connection may hold; four HTTP/2 frames of the default size.
const PIPE_BYTES: usize = 64 * 1024;
/// Connections that may wait to be accepted.
const BACKLOG: usize = 16;

/// One end of an in-memory connection.
#[derive(Debug)]
pub struct MemoryStream {
    io: DuplexStream,
    principal: Principal,
}

impl Connected for MemoryStream {
    type ConnectInfo = Principal;

    fn connect_info(&self) -> Principal {
        self.principal.clone()
    }
}

impl AsyncRead for MemoryStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Opens connections to the listener that it was made with.
#[derive(Clone, Debug)]
pub struct Connector(mpsc::Sender<MemoryStream>);

/// The listener's side: a stream of accepted connections for `serve_with_incoming`.
pub type Incoming =
    tokio_stream::adapters::Map<ReceiverStream<MemoryStream>, fn(MemoryStream) -> std::io::Result<MemoryStream>>;

/// A connector and the listener that it connects to.
pub fn listener() -> (Connector, Incoming) {
    use tokio_stream::StreamExt as _;
    let (sender, receiver) = mpsc::channel(BACKLOG);
    (Connector(sender), ReceiverStream::new(receiver).map(Ok as fn(_) -> _))
}

impl Connector {
    /// A channel on which every connection is this principal's. Connects on first use.
    pub fn channel(&self, principal: Principal) -> Channel {
        let sender = self.0.clone();
        // The address is never looked up: the connector below ignores it.
        Endpoint::from_static("http://in-memory").connect_with_connector_lazy(tower::service_fn(move |_| {
            let (sender, principal) = (sender.clone(), principal.clone());
            async move {
                let (near, far) = tokio::io::duplex(PIPE_BYTES);
                let gone = |_| std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "the listener has ended");
                sender.send(MemoryStream { io: far, principal }).await.map_err(gone)?;
                Ok::<_, std::io::Error>(TokioIo::new(near))
            }
        }))
    }
}
