//! Is what is at the server what we rely on? Servers that are too old ignore settings silently, and an acknowledged
//! publication is on disk only where every write is synced: so it is asked, not assumed.

use super::JetStreamQueue;
use super::connect::Refusal;
use super::topology::{KINDS, stream_of};
use crate::port::QueueError;
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The oldest server whose work-queue streams keep what was delivered for the last time.
const FLOOR: [u64; 3] = [2, 12, 5];
/// From here on replicated streams that sync every write are fast.
const RECOMMENDED: [u64; 3] = [2, 15, 0];
/// Copies that survive the loss of a node.
const REPLICAS: usize = 3;
/// Largest answer of the monitoring address that is read.
const MONITORING_MAX: u64 = 1024 * 1024;

/// Something that is not as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The stable code; its runbook stands in `ops/runbooks`.
    pub code: &'static str,
    /// What was seen.
    pub text: String,
    /// What to do.
    pub remedy: &'static str,
    /// Whether acknowledged work could be lost, or the queue not work at all: then a coordinator should not begin.
    pub refuses: bool,
}

impl Problem {
    fn new(code: &'static str, refuses: bool, text: impl Into<String>, remedy: &'static str) -> Self {
        Self { code, text: text.into(), remedy, refuses }
    }
}

impl JetStreamQueue {
    /// What a server lacks without which nothing can be made there: JetStream, or a version that heeds what it is told. To
    /// be asked before streams are made. An error means that no server could be asked, and says why.
    pub async fn preflight(&self) -> Result<Vec<Problem>, QueueError> {
        let without = |text: String| {
            let remedy = "enable JetStream in the server's configuration (`jetstream {}`, or -js), and for the account";
            Problem::new("E-QUEUE-NO-JETSTREAM", true, text, remedy)
        };
        let asked = self.link.api("INFO", &Value::Null).await;
        let server = self.link.client.server_info();
        match asked {
            Ok(_) => Ok(version(&server.version).into_iter().collect()),
            Err(Refusal::Server(10039 | 10076, text)) => {
                Ok(vec![without(format!("JetStream is not enabled for this account: {text}"))])
            }
            // One of a cluster that has JetStream, and no leader for it now, is not one without.
            Err(Refusal::Nobody) if !(server.jetstream && server.cluster.is_some()) => {
                Ok(vec![without(format!("nobody answers for JetStream at {}:{}", server.host, server.port))])
            }
            Err(refusal) => {
                Err(self.link.away().await.unwrap_or(refusal).into_error("asking the NATS server what it is"))
            }
        }
    }

    /// Everything that is not as it has to be at the server that this connection has. Changes nothing. An error means that
    /// nothing could be seen.
    pub async fn verify(&self) -> Result<Vec<Problem>, QueueError> {
        let mut problems = self.preflight().await?;
        if problems.iter().any(|p| p.code == "E-QUEUE-NO-JETSTREAM") {
            return Ok(problems);
        }
        if self.topology.replicas() < REPLICAS {
            let copies = self.topology.replicas();
            let plural = if copies == 1 { "copy" } else { "copies" };
            problems.push(Problem::new(
                "E-QUEUE-REPLICAS",
                false,
                format!("{copies} {plural} of each stream; the loss of a node may lose tasks"),
                "run three nodes, and set the replicas to 3",
            ));
        }
        problems.extend(self.verify_sync().await);
        problems.extend(self.verify_streams().await?);
        problems.extend(self.verify_consumers().await?);
        Ok(problems)
    }

    /// Only the monitoring address says whether writes are synced.
    async fn verify_sync(&self) -> Option<Problem> {
        let unknown = |why: String| {
            Problem::new(
                "E-QUEUE-SYNC-UNKNOWN",
                false,
                format!("whether the server syncs every write is not known: {why}"),
                "name the server's monitoring address (`host:port`)",
            )
        };
        let Some(address) = &self.monitoring else {
            return Some(unknown("no monitoring address was given".to_owned()));
        };
        let asked = tokio::time::timeout(self.link.deadline, get(address, "/varz")).await;
        let answer = match asked {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Some(unknown(format!("{address}: {error}"))),
            Err(_) => return Some(unknown(format!("{address}: no answer within {:?}", self.link.deadline))),
        };
        if answer.pointer("/jetstream/config/sync_always").and_then(Value::as_bool) == Some(true) {
            return None;
        }
        let every = answer.pointer("/jetstream/config/sync_interval").and_then(Value::as_u64);
        let every =
            every.map_or_else(|| "at times of its own".to_owned(), |n| format!("every {:?}", Duration::from_nanos(n)));
        Some(Problem::new(
            "E-QUEUE-SYNC",
            false,
            format!("the server syncs {every}: what it acknowledged may be lost with the machine's power"),
            "set `sync_interval: always` in the server's `jetstream` block",
        ))
    }

    async fn verify_streams(&self) -> Result<Vec<Problem>, QueueError> {
        let mut problems = Vec::new();
        for wanted in self.topology.streams() {
            let name = wanted["name"].as_str().unwrap_or_default();
            match self.link.api(&format!("STREAM.INFO.{name}"), &Value::Null).await {
                Ok(info) => {
                    let differences = differences(&wanted, &info["config"]);
                    if !differences.is_empty() {
                        problems.push(Problem::new(
                            "E-QUEUE-STREAM-DIFFERS",
                            true,
                            format!("stream {name}: {}", differences.join("; ")),
                            "let a coordinator of this version bring it to its shape, and let nobody else change it",
                        ));
                    }
                }
                Err(Refusal::Server(10059, _)) => problems.push(Problem::new(
                    "E-QUEUE-STREAM-ABSENT",
                    true,
                    format!("stream {name} is not there"),
                    "start a coordinator: it makes the streams",
                )),
                Err(refusal) => return Err(refusal.into_error(&format!("asking about stream {name}"))),
            }
        }
        Ok(problems)
    }

    async fn verify_consumers(&self) -> Result<Vec<Problem>, QueueError> {
        let mut problems = Vec::new();
        for seat in KINDS.into_iter().flat_map(|kind| self.topology.seats(kind)) {
            let (stream, name) = (stream_of(seat.kind), seat.consumer());
            let differences = match self.link.api(&format!("CONSUMER.INFO.{stream}.{name}"), &Value::Null).await {
                Ok(info) => differences(&self.topology.consumer(&seat), &info["config"]),
                Err(Refusal::Server(10014 | 10059, _)) => vec!["it is not there".to_owned()],
                Err(refusal) => return Err(refusal.into_error(&format!("asking about consumer {name}"))),
            };
            if !differences.is_empty() {
                problems.push(Problem::new(
                    "E-QUEUE-CONSUMER-DIFFERS",
                    true,
                    format!("consumer {name} of {stream}: {}", differences.join("; ")),
                    "start a coordinator with the same shards, zones and ack wait: it makes the consumers",
                ));
            }
        }
        Ok(problems)
    }
}

/// The problem that a server's version is, if it is one. What does not read as a version is one.
fn version(text: &str) -> Option<Problem> {
    let numbers: Vec<u64> = text.split(['.', '-']).map_while(|part| part.parse().ok()).take(3).collect();
    let Ok(found) = <[u64; 3]>::try_from(numbers) else {
        return Some(Problem::new(
            "E-QUEUE-SERVER-OLD",
            true,
            format!("the server's version `{text}` does not read"),
            "run nats-server 2.15 or newer",
        ));
    };
    if found < FLOOR {
        let said =
            format!("nats-server {text} is too old: it ignores settings that we rely on, or drops exhausted tasks");
        return Some(Problem::new(
            "E-QUEUE-SERVER-OLD",
            true,
            said,
            "run nats-server 2.15 or newer; 2.12.5 is the floor",
        ));
    }
    (found < RECOMMENDED).then(|| {
        let said = format!("nats-server {text} works, and is slow where three nodes sync every write");
        Problem::new("E-QUEUE-SERVER-SLOW", false, said, "run nats-server 2.15 or newer")
    })
}

/// Where what is there differs from what is wanted. What the server leaves out is its type's empty value.
fn differences(wanted: &Value, found: &Value) -> Vec<String> {
    let Some(wanted) = wanted.as_object() else { return Vec::new() };
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_i64() == Some(0),
        _ => false,
    };
    let differ = wanted.iter().filter(|(name, value)| match found.get(name.as_str()) {
        Some(there) => there != *value && !(is_empty(there) && is_empty(value)),
        None => !is_empty(value),
    });
    differ
        .map(|(name, value)| format!("{name} is {}, expected {value}", found.get(name).unwrap_or(&Value::Null)))
        .collect()
}

/// One answer of the monitoring address.
async fn get(address: &str, path: &str) -> Result<Value, String> {
    let said = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(address).await.map_err(said)?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nAccept: application/json\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(said)?;
    let mut answer = Vec::new();
    stream.take(MONITORING_MAX).read_to_end(&mut answer).await.map_err(said)?;
    let body = answer.windows(4).position(|w| w == b"\r\n\r\n").map(|at| &answer[at + 4..]).unwrap_or_default();
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn versions_are_judged_by_their_numbers() {
        let code = |text: &str| version(text).map(|p| (p.code, p.refuses));
        assert_eq!(code("2.9.10"), Some(("E-QUEUE-SERVER-OLD", true)));
        assert_eq!(code("2.12.4"), Some(("E-QUEUE-SERVER-OLD", true)));
        assert_eq!(code("2.12.5"), Some(("E-QUEUE-SERVER-SLOW", false)));
        assert_eq!(code("2.14.6-RC.1"), Some(("E-QUEUE-SERVER-SLOW", false)));
        assert_eq!(code("2.15.1"), None);
        assert_eq!(code("3.0.0"), None);
        assert_eq!(code("two"), Some(("E-QUEUE-SERVER-OLD", true)));
    }

    #[test]
    fn only_what_we_ask_for_is_compared() {
        let wanted = json!({ "retention": "workqueue", "max_age": 0, "max_msgs": -1, "discard_new_per_subject": true });
        let same =
            json!({ "retention": "workqueue", "max_msgs": -1, "discard_new_per_subject": true, "sealed": false });
        assert!(differences(&wanted, &same).is_empty());
        let old = json!({ "retention": "workqueue", "max_msgs": -1, "max_age": 5 });
        assert_eq!(differences(&wanted, &old).len(), 2);
    }
}
