//! Paths inside a repository (bytes, as git has them) and what class a path is of.

use std::fmt;

/// A path inside a repository: bytes with `/` between parts. Git promises nothing about its encoding.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoPath(Vec<u8>);

impl RepoPath {
    /// From bytes as git has them.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, when it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The last part.
    pub fn file_name(&self) -> &[u8] {
        self.0.rsplit(|b| *b == b'/').next().unwrap_or(&self.0)
    }

    /// Whether the path lies in `folder` ("" holds everything).
    pub fn is_in(&self, folder: &str) -> bool {
        folder.is_empty() || self.0.strip_prefix(folder.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'/'))
    }

    /// The inverse of `Display`: `\xNN` and `\\` are read back.
    pub fn from_escaped(text: &str) -> Self {
        let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
        while let Some((&b, tail)) = rest.split_first() {
            let hex = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
            match (b, tail) {
                (b'\\', [b'\\', tail @ ..]) => {
                    out.push(b'\\');
                    rest = tail;
                }
                (b'\\', [b'x', h, l, tail @ ..]) if hex(*h).is_some() && hex(*l).is_some() => {
                    out.extend(hex(*h).zip(hex(*l)).map(|(h, l)| h << 4 | l));
                    rest = tail;
                }
                _ => {
                    out.push(b);
                    rest = tail;
                }
            }
        }
        Self(out)
    }
}

impl fmt::Display for RepoPath {
    /// UTF-8 as it is, except that control characters, `\` and bytes that are not UTF-8 are escaped (`\xNN`, `\\`), so
    /// that a file name cannot paint on a terminal and every path has exactly one text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                let bidi = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' | '\u{feff}');
                if c == '\\' {
                    f.write_str("\\\\")?;
                } else if c.is_control() || bidi {
                    c.encode_utf8(&mut [0; 4]).bytes().try_for_each(|b| write!(f, "\\x{b:02x}"))?;
                } else {
                    write!(f, "{c}")?;
                }
            }
            chunk.invalid().iter().try_for_each(|b| write!(f, "\\x{b:02x}"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<&str> for RepoPath {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

/// Where a file comes from, as its path says. Decided by the path alone, so that it can be part of a cache key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Origin {
    /// Written by the service's people, and running in production.
    Source,
    /// Tests and fixtures.
    Test,
    /// Examples and documentation.
    Example,
    /// Generated from something else.
    Generated,
    /// Somebody else's code, kept here.
    Vendored,
    /// Database migrations.
    Migration,
    /// Minified bundles.
    Minified,
}

impl Origin {
    /// Every origin.
    pub const ALL: [Self; 7] =
        [Self::Source, Self::Test, Self::Example, Self::Generated, Self::Vendored, Self::Migration, Self::Minified];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Test => "test",
            Self::Example => "example",
            Self::Generated => "generated",
            Self::Vendored => "vendored",
            Self::Migration => "migration",
            Self::Minified => "minified",
        }
    }
}

/// What a path alone says of a file; part of the key of its observations, since the same bytes at two classes differ.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PathClass {
    /// The dialect to read it in: `python`, `terraform`, or `none` when no pack reads it.
    pub dialect: String,
    /// Where it comes from.
    pub origin: Origin,
}

impl PathClass {
    /// The class that is written `dialect/origin`.
    pub fn parse(text: &str) -> Option<Self> {
        let (dialect, origin) = text.rsplit_once('/')?;
        let origin = Origin::ALL.into_iter().find(|o| o.name() == origin)?;
        Some(Self { dialect: dialect.to_owned(), origin })
    }
}

impl fmt::Display for PathClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.dialect, self.origin.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_byte_string_has_one_text_and_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let path = RepoPath::new(bytes);
            prop_assert_eq!(RepoPath::from_escaped(&path.to_string()), path.clone());
            prop_assert!(!path.to_string().chars().any(char::is_control));
        }
    }

    #[test]
    fn a_folder_holds_its_files_and_not_its_namesakes() {
        assert!(RepoPath::from("a/b.py").is_in("a"));
        assert!(!RepoPath::from("ab/b.py").is_in("a"));
        assert!(RepoPath::from("b.py").is_in(""));
    }
}
