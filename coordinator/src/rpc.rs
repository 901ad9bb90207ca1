//! The gRPC services: one file each. They check what arrives, ask the application, and answer; they decide nothing.

pub mod api;
pub mod fleet;
mod listed;
mod operate;
pub mod refusals;
pub mod standby;

use crate::ledger::LedgerError;
use ligase_evidence::{StoreError, codes};
use ligase_proto::convert::WireError;
use ligase_proto::principal::Principal;
use refusals::refused;
use tonic::{Request, Status};

/// Who is at the other end, as the transport knows. A connection without a principal is refused, and counted.
fn principal<T>(request: &Request<T>) -> Result<Principal, Status> {
    Principal::of(request).inspect_err(|status| refused(status, "nobody"))
}

/// A person may ask and act; workers and agent-runners have a service of their own.
fn person<T>(request: &Request<T>) -> Result<Principal, Status> {
    role(request, &["person", "coordinator"])
}

/// Refuses principals of other roles.
fn role<T>(request: &Request<T>, allowed: &[&str]) -> Result<Principal, Status> {
    let principal = principal(request)?;
    if allowed.contains(&principal.role.as_str()) {
        Ok(principal)
    } else {
        let status = Status::permission_denied(format!(
            "E-RPC-ROLE: {principal} may not call this, only {} may || use a certificate whose identity is spiffe://…/ligase/{}/NAME",
            allowed.join(" or "),
            allowed.first().unwrap_or(&"person")
        ));
        refused(&status, &principal.to_string());
        Err(status)
    }
}

/// What the store says, as an answer. A full disk passes, and so does what another coordinator may not have; whoever called
/// holds its result and tries again.
fn store_error(error: &StoreError) -> Status {
    match error.code {
        codes::NO_SPACE => Status::resource_exhausted(error.to_string()),
        _ => Status::unavailable(error.to_string()),
    }
}

/// The same for the ledger: an object that is absent or does not read will not be there at the next try either.
fn ledger_error(error: &LedgerError) -> Status {
    match error {
        LedgerError::Store(error) => store_error(error),
        LedgerError::Missing(_) => Status::failed_precondition(format!("E-RPC-NO-OBJECT: {error}")),
        LedgerError::Record(_) | LedgerError::Field(_) => {
            Status::failed_precondition(format!("E-RPC-UNREADABLE: an object that the result names: {error}"))
        }
        LedgerError::Forged(_) => Status::failed_precondition(error.to_string()),
    }
}

fn malformed(error: WireError) -> Status {
    Status::invalid_argument(error.to_string())
}

/// Blocking work goes through here; a panic in it is an internal error of that one call.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Status> + Send + 'static) -> Result<T, Status> {
    tokio::task::spawn_blocking(work).await.map_err(|panic| Status::internal(format!("E-RPC-PANIC: {panic}")))?
}
