//! Who is at the other end of a connection, as the transport knows; never taken from a message.
//!
//! In this process the embedding code says who it is (`memory.rs`); over TLS the client's certificate does, in its subject
//! alternative name `spiffe://<trust domain>/ligase/<role>/<name>` (the form of SPIFFE IDs: spiffe.io, "SPIFFE-ID", 2.1).

use std::fmt;
use tonic::transport::CertificateDer;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tonic::{Extensions, Request, Status};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The roles that a certificate may name.
pub const ROLES: [&str; 4] = ["coordinator", "worker", "agent-runner", "person"];
/// Bytes of a name within a role.
const NAME_BYTES_MAX: usize = 128;

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// One of [`ROLES`].
    pub role: String,
    /// The name within the role.
    pub name: String,
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.role, self.name)
    }
}

/// Why a connection's identity is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrincipalError {
    /// There is no certificate, and no embedding process that vouches.
    #[error("E-RPC-PRINCIPAL: this connection carries no identity")]
    None,
    /// The certificate names nobody.
    #[error("E-RPC-PRINCIPAL: the client's certificate carries no spiffe://…/ligase/<role>/<name>: {0}")]
    Unnamed(String),
}

impl Principal {
    /// Who sent a request.
    pub fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        Self::of_extensions(request.extensions()).map_err(|e| Status::unauthenticated(e.to_string()))
    }

    /// Who sent a request, by what its connection left in it.
    pub fn of_extensions(extensions: &Extensions) -> Result<Self, PrincipalError> {
        if let Some(known) = extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let info = extensions.get::<TlsConnectInfo<TcpConnectInfo>>();
        let certificates = info.and_then(TlsConnectInfo::peer_certs).ok_or(PrincipalError::None)?;
        Self::of_certificate(certificates.first().ok_or(PrincipalError::None)?)
    }

    /// Whom a certificate names. It was verified by the transport; here it is only read.
    pub fn of_certificate(certificate: &CertificateDer<'_>) -> Result<Self, PrincipalError> {
        let unnamed = |what: &str| PrincipalError::Unnamed(what.to_owned());
        let (_, read) = X509Certificate::from_der(certificate).map_err(|_| unnamed("it does not read"))?;
        let names = read.subject_alternative_name().map_err(|_| unnamed("it has two lists of names"))?;
        let names = names.map(|n| n.value.general_names.as_slice()).unwrap_or_default();
        let mut found = names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Self::of_uri(uri),
            _ => None,
        });
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(unnamed("no such name")),
            (Some(_), Some(_)) => Err(unnamed("more than one such name")),
        }
    }

    /// The identity in a SPIFFE ID, if it is one of Ligase's.
    pub fn of_uri(uri: &str) -> Option<Self> {
        let (domain, path) = uri.strip_prefix("spiffe://")?.split_once('/')?;
        let (role, name) = path.strip_prefix("ligase/")?.split_once('/')?;
        let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b'@');
        let named = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(plain);
        (!domain.is_empty() && ROLES.contains(&role) && named)
            .then(|| Self { role: role.to_owned(), name: name.to_owned() })
    }

    /// Its SPIFFE ID in a trust domain.
    pub fn uri(&self, domain: &str) -> String {
        format!("spiffe://{domain}/ligase/{}/{}", self.role, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_ids_of_known_roles_are_read() {
        let worker = Principal { role: "worker".to_owned(), name: "eu-1".to_owned() };
        assert_eq!(Principal::of_uri("spiffe://acme.example/ligase/worker/eu-1"), Some(worker.clone()));
        assert_eq!(Principal::of_uri(&worker.uri("acme.example")), Some(worker));
        for wrong in [
            "spiffe:///ligase/worker/eu-1",
            "spiffe://acme.example/ligase/root/eu-1",
            "spiffe://acme.example/ligase/worker/",
            "spiffe://acme.example/ligase/worker/a/b",
            "spiffe://acme.example/other/worker/a",
            "https://acme.example/ligase/worker/a",
            "spiffe://acme.example/ligase/worker/a b",
        ] {
            assert_eq!(Principal::of_uri(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_certificate_names_nobody() {
        let wrong = CertificateDer::from(vec![0x30, 0x03, 0x02, 0x01, 0x01]);
        assert!(matches!(Principal::of_certificate(&wrong), Err(PrincipalError::Unnamed(_))));
    }
}
