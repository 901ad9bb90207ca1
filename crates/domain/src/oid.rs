//! Git object ids. An enum from the first day, because SHA-256 repositories exist.

use crate::digest::decode_hex;
use std::fmt;
use std::str::FromStr;

/// A git object id, in the hash function of its repository.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Oid {
    /// 20 bytes, the usual object format.
    Sha1([u8; 20]),
    /// 32 bytes, `extensions.objectFormat = sha256`.
    Sha256([u8; 32]),
}

impl Oid {
    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha1(b) => b,
            Self::Sha256(b) => b,
        }
    }

    /// From raw bytes of 20 or 32; `None` for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().map(Self::Sha1).or_else(|_| bytes.try_into().map(Self::Sha256)).ok()
    }

    /// The first ten hex digits, for people; never an identity.
    pub fn short(&self) -> String {
        self.to_string()[..10].to_owned()
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::digest::write_hex(self.as_bytes(), f)
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oid({self})")
    }
}

/// Why a text is not an object id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 40 or 64 lower-case hex digits, found {0:?}")]
pub struct OidParseError(pub String);

impl FromStr for Oid {
    type Err = OidParseError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (mut short, mut long) = ([0; 20], [0; 32]);
        decode_hex(s, &mut short)
            .map(|()| Self::Sha1(short))
            .or_else(|| decode_hex(s, &mut long).map(|()| Self::Sha256(long)))
            .ok_or_else(|| OidParseError(s.chars().take(80).collect()))
    }
}
