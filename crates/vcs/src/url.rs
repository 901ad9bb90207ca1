//! Addresses of remote repositories: http and https only, without credentials, in one normal form, because a repository's
//! identity is its address. It refuses every other transport: some of them run commands.

use crate::VcsError;
use ligase_domain::FailureReason;
use std::fmt;

const MAX_URL_BYTES: usize = 2048;

/// The address of a remote repository, in normal form: scheme and host in lower case, no default port, no slash at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceUrl(String);

impl SourceUrl {
    /// Reads and normalises an address.
    pub fn parse(text: &str) -> Result<Self, VcsError> {
        let shown: String = text.split('@').next_back().unwrap_or_default().chars().take(100).collect();
        let refuse = |why: &str| VcsError::new(FailureReason::Malformed, format!("{shown}: {why}"));
        if text.len() > MAX_URL_BYTES {
            return Err(refuse("longer than 2048 bytes"));
        }
        if text.starts_with('-')
            || text.bytes().any(|b| !(0x21..0x7f).contains(&b) || matches!(b, b'\\' | b'"' | b'<' | b'>'))
        {
            return Err(refuse("not an address"));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| refuse("only http:// and https:// are fetched"))?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "http" => ":80",
            "https" => ":443",
            _ => return Err(refuse("only http:// and https:// are fetched")),
        };
        let (authority, path) = rest.split_once('/').ok_or_else(|| refuse("it names no repository"))?;
        if authority.contains('@') {
            return Err(refuse("credentials do not belong into an address"));
        }
        if path.contains(['?', '#']) || path.split('/').any(|part| part == "..") {
            return Err(refuse("its path has a query, a fragment or .."));
        }
        let host = authority.to_ascii_lowercase();
        let host = host.strip_suffix(default_port).unwrap_or(&host);
        let path = path.trim_end_matches('/');
        if !is_host(host) || path.is_empty() {
            return Err(refuse("it names no host or no repository"));
        }
        Ok(Self(format!("{scheme}://{host}/{path}")))
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port: what a credential is for.
    pub fn origin(&self) -> &str {
        let after = self.0.find("://").map_or(0, |i| i + 3);
        let end = self.0[after..].find('/').map_or(self.0.len(), |i| after + i);
        &self.0[..end]
    }

    /// The last part of the path without `.git`: what a person calls the repository.
    pub fn name(&self) -> &str {
        let last = self.0.rsplit('/').next().unwrap_or(&self.0);
        last.strip_suffix(".git").filter(|n| !n.is_empty()).unwrap_or(last)
    }
}

fn is_host(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[') {
        Some(v6) => match v6.split_once(']') {
            Some((host, rest)) if host.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.')) => {
                (host, rest)
            }
            _ => return false,
        },
        None => {
            let at = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority.split_at(at);
            if !host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
                || host.starts_with('-')
            {
                return false;
            }
            (host, port)
        }
    };
    let port_is_fine = port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.parse::<u16>().is_ok());
    !host.is_empty() && port_is_fine
}

impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceUrl({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_repository_has_one_address() {
        let normal = "https://git.example.org/group/payments.git";
        for text in
            [normal, "HTTPS://Git.Example.org/group/payments.git/", "https://git.example.org:443/group/payments.git//"]
        {
            assert_eq!(SourceUrl::parse(text).unwrap().as_str(), normal);
        }
        let url = SourceUrl::parse("http://[::1]:8080/a/b").unwrap();
        assert_eq!((url.as_str(), url.origin(), url.name()), ("http://[::1]:8080/a/b", "http://[::1]:8080", "b"));
    }

    #[test]
    fn what_could_run_something_or_carry_a_secret_is_refused() {
        let refused = [
            "ext::sh -c 'touch x'",
            "ext::sh",
            "--upload-pack=touch x",
            "-u",
            "ssh://git@host/x",
            "git@host:x/y",
            "file:///srv/x",
            "/srv/x",
            "git://host/x",
            "ftp://host/x",
            "https://user:secret@host/x",
            "https://token@host/x",
            "https://host",
            "https://host/",
            "https:///x",
            "https://-host/x",
            "https://host:99999/x",
            "https://host/x?y",
            "https://host/x#y",
            "https://host/../x",
            "https://ho st/x",
            "https://host/x\n",
            "https://host/\u{202e}x",
            "https://host\\@evil/x",
            "http://[::1/x",
            "",
        ];
        for text in refused {
            assert!(SourceUrl::parse(text).is_err(), "{text:?}");
        }
        let error = SourceUrl::parse("https://user:secret@host/x").unwrap_err();
        assert!(!error.to_string().contains("secret"));
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own_normal_form(text in "(?i)https?://[a-z0-9.:@/\\-]{0,30}") {
            if let Ok(url) = SourceUrl::parse(&text) {
                prop_assert_eq!(SourceUrl::parse(url.as_str()), Ok(url.clone()));
                prop_assert!(url.as_str().starts_with(url.origin()));
            }
        }
    }
}
