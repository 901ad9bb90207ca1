//! What worker and agent-runner say of an attempt beside its result: that it begins, and that it is given back.

use crate::patience::{PATIENCE, patiently};
use crate::v1::{self, fleet_client::FleetClient};
use std::time::Duration;
use tonic::transport::Channel;
use tonic::{Request, Status};

/// How long the word that an attempt is given back may take: the next attempt does not wait for it.
const GIVE_BACK: Duration = Duration::from_secs(3);

/// What the coordinator says when an attempt begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Go on.
    Wanted,
    /// The task has its terminal record.
    Recorded,
    /// Nobody plans it: nobody wants it any more, or a coordinator has just taken over and does not know yet.
    Unplanned,
}

/// One attempt, as the coordinator is told of it.
#[derive(Clone, Debug)]
pub struct Attempt {
    fleet: FleetClient<Channel>,
    kind: String,
    key: Vec<u8>,
    number: u32,
}

/// The header in which a call's place in its trace travels (w3.org/TR/trace-context).
pub const TRACEPARENT: &str = "traceparent";

/// A call that carries its place in a trace.
pub fn traced<T>(message: T, traceparent: Option<&str>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(value) = traceparent.and_then(|t| t.parse().ok()) {
        request.metadata_mut().insert(TRACEPARENT, value);
    }
    request
}

/// The place in a trace that a call carries. Hostile input, like the rest of it.
pub fn carried<T>(request: &Request<T>) -> Option<String> {
    request.metadata().get(TRACEPARENT)?.to_str().ok().map(str::to_owned)
}

impl Attempt {
    /// The attempt of that number at a task.
    pub fn new(fleet: FleetClient<Channel>, task: &v1::Task, number: u32) -> Self {
        Self { fleet, kind: task.kind.clone(), key: task.key.clone(), number }
    }

    /// Asked before anything is fetched. It waits a while for a coordinator; `beat` is called while it does.
    pub async fn begin(&self, beat: impl Fn()) -> Result<Begun, Status> {
        let ask = || {
            let (mut fleet, asked) = (self.fleet.clone(), self.asked());
            async move { fleet.recorded(asked).await }
        };
        let answer = patiently(PATIENCE, beat, ask).await?.into_inner();
        Ok(match (answer.recorded, answer.planned) {
            (true, _) => Begun::Recorded,
            (false, true) => Begun::Wanted,
            (false, false) => Begun::Unplanned,
        })
    }

    fn asked(&self) -> v1::RecordedRequest {
        v1::RecordedRequest { kind: self.kind.clone(), key: self.key.clone(), attempt: self.number }
    }

    /// Says why the attempt is given back. Nothing hangs on it but what people read.
    pub async fn give_back(&self, reason: &str, detail: &str) {
        let failure = v1::Failure { reason: reason.to_owned(), detail: detail.to_owned() };
        let given = v1::GivenBack {
            kind: self.kind.clone(),
            key: self.key.clone(),
            attempt: self.number,
            failure: Some(failure),
        };
        let mut fleet = self.fleet.clone();
        if !matches!(tokio::time::timeout(GIVE_BACK, fleet.give_back(given)).await, Ok(Ok(_))) {
            tracing::debug!("the coordinator was not told that an attempt is given back");
        }
    }
}
