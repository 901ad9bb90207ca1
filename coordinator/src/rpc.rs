//! The gRPC services: one file each. They check what arrives, ask the application, and answer; they decide nothing.

pub mod api;
pub mod fleet;

use ligase_proto::convert::WireError;
use ligase_proto::memory::Principal;
use tonic::{Request, Status};

/// Who is at the other end, as the transport knows. A connection without a principal is refused.
fn principal<T>(request: &Request<T>) -> Result<Principal, Status> {
    let known = request.extensions().get::<Principal>().cloned();
    known.ok_or_else(|| Status::unauthenticated("E-RPC-PRINCIPAL: this connection carries no identity"))
}

/// Refuses principals of other roles.
fn role<T>(request: &Request<T>, allowed: &[&str]) -> Result<Principal, Status> {
    let principal = principal(request)?;
    if allowed.contains(&principal.role.as_str()) {
        Ok(principal)
    } else {
        Err(Status::permission_denied(format!("E-RPC-ROLE: {} may not call this", principal.role)))
    }
}

fn malformed(error: WireError) -> Status {
    Status::invalid_argument(error.to_string())
}

/// Blocking work goes through here; a panic in it is an internal error of that one call.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Status> + Send + 'static) -> Result<T, Status> {
    tokio::task::spawn_blocking(work).await.map_err(|panic| Status::internal(format!("E-RPC-PANIC: {panic}")))?
}
