//! What callers are refused: one place that gives it a code, logs who it was, and counts it.
//!
//! It is a mistake in a deployment, or somebody who tries; both have to be seen, and neither may fill the log. What the
//! transport refuses by itself (a message that is too large, bytes that are no message) gets a code here too.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use ligase_proto::accept::TlsRefused;
use ligase_proto::principal::Principal;
use ligase_runtime::{Ration, count};
use std::sync::OnceLock;
use std::time::Duration;
use tonic::{Code, Status};

/// Lines of one code and caller in a while.
const LINES: u32 = 20;
/// That while.
const WHILE: Duration = Duration::from_secs(60);

fn ration() -> &'static Ration {
    static RATION: OnceLock<Ration> = OnceLock::new();
    RATION.get_or_init(|| Ration::new(LINES, WHILE))
}

/// What a peer was refused is logged and counted. `who` is a principal, or `nobody`.
pub fn refused(status: &Status, who: &str) {
    let (stable, role) = (code(status), who.split_once('/').map_or(who, |(role, _)| role));
    count("ligase_rpc_refused_total", &[("code", stable), ("role", role)], 1);
    if let Some(kept_back) = ration().may_tell(&format!("{stable} {who}")) {
        tracing::warn!(who, code = stable, message = status.message(), kept_back, "refused");
    }
}

/// The stable code that a refusal's text begins with.
fn code(status: &Status) -> &str {
    status.message().split(':').next().filter(|c| c.starts_with("E-")).unwrap_or("other")
}

/// A connection that did not come about is logged and counted. Whoever only knocks (load balancers do) is counted alone.
pub fn tls_refused(refused: &TlsRefused) {
    let TlsRefused { from, reason, detail } = refused;
    count("ligase_tls_refused_total", &[("reason", reason)], 1);
    if *reason == "cut" {
        tracing::debug!(%from, reason, detail, "a connection ended before its handshake");
    } else if let Some(kept_back) = ration().may_tell(reason) {
        tracing::warn!(%from, code = "E-TLS-REFUSED", reason, detail, kept_back, "refused");
    }
}

/// What the transport refused by itself, with a code of ours; `None` for what is no refusal of its own.
fn transport(status: &Status) -> Option<Status> {
    let text = status.message();
    if text.starts_with("E-") {
        return None;
    }
    let (code, why) = match status.code() {
        Code::OutOfRange if text.contains("too large") => (Code::OutOfRange, "E-RPC-TOO-LARGE"),
        Code::Internal if text.contains("decode") => (Code::InvalidArgument, "E-WIRE-MALFORMED"),
        Code::Unimplemented => (Code::Unimplemented, "E-RPC-UNKNOWN-CALL"),
        _ => return None,
    };
    Some(Status::new(code, format!("{why}: {text}")))
}

/// A message of a stream that the transport refused, logged and counted; what only broke off is passed on.
pub fn of_stream(status: Status, who: &str) -> Status {
    let Some(coded) = transport(&status) else { return status };
    refused(&coded, who);
    coded
}

/// Between the connection and the services: what the transport refuses of whole calls.
pub async fn watch(request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let who = Principal::of_extensions(&parts.extensions);
    // Read once: the services ask for it again.
    if let Ok(who) = &who {
        parts.extensions.insert(who.clone());
    }
    let response = next.run(Request::from_parts(parts, body)).await;
    let refusal = Status::from_header_map(response.headers()).as_ref().and_then(transport);
    let Some(status) = refusal else { return response };
    refused(&status, &who.map_or_else(|_| "nobody".to_owned(), |who| who.to_string()));
    status.into_http()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_transport_refuses_gets_a_code_here() {
        let coded = |code, text: &str| transport(&Status::new(code, text)).map(|s| code_of(&s));
        fn code_of(status: &Status) -> String {
            code(status).to_owned()
        }
        let large = "Error, decoded message length too large: found 5 bytes, the limit is: 4 bytes";
        assert_eq!(coded(Code::OutOfRange, large).as_deref(), Some("E-RPC-TOO-LARGE"));
        let torn = "failed to decode Protobuf message: buffer underflow";
        assert_eq!(coded(Code::Internal, torn).as_deref(), Some("E-WIRE-MALFORMED"));
        assert_eq!(coded(Code::Unimplemented, "").as_deref(), Some("E-RPC-UNKNOWN-CALL"));
        assert_eq!(coded(Code::PermissionDenied, "E-RPC-ROLE: no"), None);
        assert_eq!(coded(Code::Cancelled, "gone"), None);
    }
}
