//! The gRPC services: one file each. They check what arrives, ask the application, and answer; they decide nothing.

pub mod api;
pub mod fleet;
mod operate;
pub mod standby;

use ligase_proto::convert::WireError;
use ligase_proto::principal::Principal;
use tonic::{Request, Status};

/// Who is at the other end, as the transport knows. A connection without a principal is refused, and counted.
fn principal<T>(request: &Request<T>) -> Result<Principal, Status> {
    Principal::of(request).inspect_err(|status| refused(status, "nobody"))
}

/// A person may ask and act; workers and agent-runners have a service of their own.
fn person<T>(request: &Request<T>) -> Result<Principal, Status> {
    role(request, &["person", "coordinator"])
}

/// What a peer was refused is logged: it is a mistake in a deployment, or somebody who tries.
fn refused(status: &Status, who: &str) {
    tracing::warn!(who, code = ?status.code(), message = status.message(), "refused");
    ligase_runtime::count("ligase_rpc_refused_total", &[("code", code(status))], 1);
}

/// The stable code that a refusal's text begins with.
fn code(status: &Status) -> &str {
    status.message().split(':').next().filter(|c| c.starts_with("E-")).unwrap_or("other")
}

/// Refuses principals of other roles.
fn role<T>(request: &Request<T>, allowed: &[&str]) -> Result<Principal, Status> {
    let principal = principal(request)?;
    if allowed.contains(&principal.role.as_str()) {
        Ok(principal)
    } else {
        let status = Status::permission_denied(format!("E-RPC-ROLE: {} may not call this", principal.role));
        refused(&status, &principal.to_string());
        Err(status)
    }
}

fn malformed(error: WireError) -> Status {
    Status::invalid_argument(error.to_string())
}

/// Blocking work goes through here; a panic in it is an internal error of that one call.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Status> + Send + 'static) -> Result<T, Status> {
    tokio::task::spawn_blocking(work).await.map_err(|panic| Status::internal(format!("E-RPC-PANIC: {panic}")))?
}
