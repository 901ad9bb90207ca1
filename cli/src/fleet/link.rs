//! Connections to a coordinator, with the identity that files hold.

use crate::args::fleet::{Remote, Tls};
use crate::failure::Failure;
use ligase_proto::socket::{Addresses, Credentials, SocketError, channel};
use tonic::transport::Channel;

/// A person's connection to these coordinators.
pub fn person(remote: &Remote, addresses: &[String]) -> Result<Channel, Failure> {
    let (Some(cert), Some(key), Some(ca)) = (&remote.cert, &remote.key, &remote.ca) else {
        return Err(Failure::input(
            "E-TLS-ABSENT",
            "a coordinator is named, and no identity",
            "name your certificate, its key and the authority with --cert, --key and --ca",
        ));
    };
    let credentials = Credentials { certificate: cert.clone(), key: key.clone(), authority: ca.clone() };
    open(addresses, remote.coordinator_name.as_deref(), &credentials)
}

/// A worker's or an agent-runner's connection.
pub fn open(addresses: &[String], name: Option<&str>, credentials: &Credentials) -> Result<Channel, Failure> {
    let addresses = Addresses::read(addresses, name).map_err(|e| failure(&e))?;
    channel(&addresses, credentials).map_err(|e| failure(&e))
}

/// The files of a role.
pub fn credentials(tls: &Tls) -> Credentials {
    Credentials { certificate: tls.cert.clone(), key: tls.key.clone(), authority: tls.ca.clone() }
}

/// Why there is no connection.
pub fn failure(error: &SocketError) -> Failure {
    let text = error.to_string();
    let (code, rest) = text.split_once(": ").unwrap_or(("E-TLS", &text));
    let remedy = match error {
        SocketError::File(..) => "name a readable PEM file; `ligase certs` makes some for development",
        SocketError::Address(_) => "write https://host:port, with commas between several",
        SocketError::Unusable(_) => "see that certificate, key and authority are PEM and belong together",
        SocketError::Listen(..) => "take a free address with --listen",
    };
    Failure::input(code, rest, remedy)
}
