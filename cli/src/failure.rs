//! How a command ends: one exit code for each kind of end, and what a person reads when it fails.

use crate::output::{style, styled};
use anstream::eprintln;
use ligase_document::DocumentError;
use serde_json::json;
use std::fmt::Display;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything holds.
    Holds = 0,
    /// There are findings.
    Findings = 1,
    /// Usage or bad input.
    BadInput = 2,
    /// It could not look.
    CouldNotLook = 3,
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    code: String,
    message: String,
    remedy: String,
    documents: Vec<DocumentError>,
}

impl Failure {
    /// Something the user gave is wrong.
    pub fn input(code: &str, message: impl Display, remedy: impl Display) -> Self {
        Self::new(Exit::BadInput, code, message, remedy)
    }

    /// Something could not be looked at.
    pub fn look(code: &str, message: impl Display, remedy: impl Display) -> Self {
        Self::new(Exit::CouldNotLook, code, message, remedy)
    }

    fn new(exit: Exit, code: &str, message: impl Display, remedy: impl Display) -> Self {
        let (message, remedy) = (message.to_string(), remedy.to_string());
        Self { exit, code: code.to_owned(), message, remedy, documents: Vec::new() }
    }

    /// Documents that do not read, each with its place.
    pub fn documents(documents: Vec<DocumentError>) -> Self {
        let mut failure = Self::input("E-DOCUMENTS", "", "");
        failure.documents = documents;
        failure
    }

    /// An answer of the API that is an error.
    pub fn status(status: &tonic::Status) -> Self {
        use tonic::Code;
        let text = status.message();
        let (code, rest) = match text.split_once(": ") {
            Some((code, rest)) if code.starts_with("E-") => (code, rest),
            _ if lost(status.code()) => return Self::unreachable(status),
            _ => ("E-API", text),
        };
        let (message, remedy) = rest.split_once(" || ").unwrap_or((rest, ""));
        match status.code() {
            Code::InvalidArgument
            | Code::NotFound
            | Code::FailedPrecondition
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::Unauthenticated => Self::input(code, message, remedy),
            _ => Self::look(code, message, remedy),
        }
    }

    /// A call that nobody answered: by what the connection broke on, which a transport tells only in its sources.
    fn unreachable(status: &tonic::Status) -> Self {
        let mut text = status.message().to_owned();
        let mut source = std::error::Error::source(status);
        while let Some(cause) = source {
            let said = cause.to_string();
            // The transport's own word for everything; what it broke on stands beside it.
            if !text.contains(&said) && said != "transport error" {
                text = format!("{text}: {said}");
            }
            source = cause.source();
        }
        let has = |words: &[&str]| words.iter().any(|w| text.contains(w));
        if has(&["invalid peer certificate"]) {
            let remedy = match () {
                () if has(&["not valid for name", "NotValidForName"]) => {
                    "name the coordinator by a host of its certificate, or that host with --coordinator-name"
                }
                () if has(&["Expired", "expired", "NotValidYet", "not valid yet"]) => {
                    "renew the coordinator's certificate and start it again; look at both clocks"
                }
                () => "name the authority that signed the coordinator's certificate with --ca",
            };
            return Self::input("E-TLS-PEER", format!("the coordinator's certificate is not accepted: {text}"), remedy);
        }
        if has(&["corrupt message"]) {
            let remedy = "name the port that the coordinator listens on (--listen, 7443 if not told otherwise)";
            return Self::input("E-TLS-PEER", format!("what answers there speaks no TLS: {text}"), remedy);
        }
        if has(&["received fatal alert", "AlertReceived"]) {
            let remedy = "name a certificate of the authority that the coordinator trusts, whose time is not over; \
                          `ligase doctor` shows yours, the coordinator's log why (E-TLS-REFUSED)";
            return Self::input("E-TLS-REFUSED", format!("the coordinator refused the certificate: {text}"), remedy);
        }
        let what = format!("no coordinator answers, or the connection was lost: {text}");
        let remedy = "see that one runs, and that --coordinator names its address; where there are several, name all. \
                      What was begun goes on without whoever watches it";
        Self::look("E-API-UNREACHABLE", what, remedy)
    }

    /// Code, message and remedy, for who shows them in a way of its own.
    pub fn parts(&self) -> (&str, &str, &str) {
        (&self.code, &self.message, &self.remedy)
    }

    /// Prints it, and says with which code the process ends.
    pub fn report(&self, as_json: bool) -> Exit {
        if as_json {
            let documents: Vec<_> = self.documents.iter().map(document_json).collect();
            let error = if documents.is_empty() {
                json!({ "code": self.code, "message": self.message, "remedy": self.remedy })
            } else {
                json!({ "code": self.code, "documents": documents })
            };
            crate::output::json(&json!({ "error": error }));
            return self.exit;
        }
        for document in &self.documents {
            eprintln!("{}", document_text(document));
        }
        if self.documents.is_empty() {
            eprintln!("{}[{}]: {}", styled(style::RED, "error"), self.code, self.message);
            if !self.remedy.is_empty() {
                eprintln!("  {} {}", styled(style::BOLD, "do:"), self.remedy);
            }
        }
        self.exit
    }
}

/// Whether a call that ended so may never have been answered.
fn lost(code: tonic::Code) -> bool {
    use tonic::Code;
    matches!(code, Code::Unavailable | Code::Unknown | Code::Cancelled | Code::DeadlineExceeded)
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// A document's error for a person: what, where, what was expected, what to do.
pub fn document_text(error: &DocumentError) -> String {
    let parts = [&error.code, &error.problem, &error.expected, &error.nearest, &error.remedy];
    problem_text(&format!("{}:{}:{}", error.file, error.line, error.column), parts.map(String::as_str))
}

/// The same from its parts: code, problem, expected, nearest, remedy.
pub fn problem_text(place: &str, [code, problem, expected, nearest, remedy]: [&str; 5]) -> String {
    let mut text =
        format!("{}[{code}]: {problem}\n  {} {place}", styled(style::RED, "error"), styled(style::BOLD, "at:"));
    for (name, part) in [("expected:", expected), ("did you mean:", nearest), ("do:", remedy)] {
        if !part.is_empty() {
            text.push_str(&format!("\n  {} {part}", styled(style::BOLD, name)));
        }
    }
    text
}

/// A document's error as JSON.
pub fn document_json(error: &DocumentError) -> serde_json::Value {
    json!({
        "code": error.code, "file": error.file, "line": error.line, "column": error.column, "problem": error.problem,
        "expected": error.expected, "nearest": error.nearest, "remedy": error.remedy,
    })
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        Self::status(&status)
    }
}
