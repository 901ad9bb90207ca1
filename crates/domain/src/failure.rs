//! The closed taxonomy of why something was not done. Each reason is a metric label, a runbook's name and a person's word.

/// Whether trying again can help.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// Another attempt may succeed.
    Later,
    /// It will be the same until an input changes.
    Never,
}

macro_rules! failure_reasons {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal, $retry:ident;)*) => {
        /// Why something was not done.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum FailureReason { $($(#[doc = $doc])* $variant,)* }

        impl FailureReason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name: label, code and runbook.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Whether trying again can help.
            pub const fn retry(self) -> Retry {
                match self { $(Self::$variant => Retry::$retry,)* }
            }

            /// The reason of that name.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|r| r.name() == name)
            }
        }
    };
}

failure_reasons! {
    /// The repository has no commit.
    EmptyRepository = "empty-repository", Never;
    /// The source or the revision does not exist or may not be read.
    NotFound = "not-found", Never;
    /// An object of the repository is missing or does not match its id.
    CorruptObject = "corrupt-object", Never;
    /// The repository uses an object format that is not read yet.
    ObjectFormat = "object-format", Never;
    /// A budget in bytes, objects or paths was exceeded.
    OverBudget = "over-budget", Never;
    /// The clock ended the attempt.
    TooSlow = "too-slow", Later;
    /// The server did not answer, or the connection broke.
    Unreachable = "unreachable", Later;
    /// The ref no longer contains the revision; it is planned again.
    Superseded = "superseded", Never;
    /// The process that did it died.
    Crashed = "crashed", Later;
    /// No space, no permission, no memory: the machine's fault, never the repository's.
    Machine = "machine", Later;
    /// A message that does not parse or does not match its digest.
    Malformed = "malformed", Never;
}

impl std::fmt::Display for FailureReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
