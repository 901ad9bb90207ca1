//! What `ligase doctor` asks of a fleet: certificates from their files, the coordinator's answer, the NATS servers. It only
//! looks: what it asks changes nothing there.

use super::{Line, State, coded, line};
use crate::args::Doctor;
use crate::embedded::Api;
use crate::failure::Failure;
use crate::fleet::{link, start};
use ligase_proto::socket::{Credentials, certificate_ends_ms};
use ligase_proto::v1::api_client::ApiClient;
use ligase_proto::v1::fleet_client::FleetClient;
use ligase_proto::v1::{FleetAnswer, FleetRequest, RecordedRequest};
use ligase_queue::{JetStreamQueue, TaskQueue as _};
use ligase_runtime::{SystemClock, rfc3339};
use std::path::Path;
use std::time::Duration;

const DAY_MS: i64 = 86_400_000;
/// A certificate that ends sooner is a warning.
const ENDS_SOON_MS: i64 = 14 * DAY_MS;
/// Clocks of the fleet may differ by this much: more, and times of attempts cannot be compared.
const CLOCK_OFF_MS: i64 = 5_000;
/// How long a coordinator or a NATS server may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// The lines of what was named; none where nothing of a fleet is.
pub fn lines(args: &Doctor) -> Result<Vec<Line>, Failure> {
    let remote = &args.remote;
    let mut lines = Vec::new();
    let mut role = None;
    if let Some(certificate) = &remote.cert {
        let files = Credentials {
            certificate: certificate.clone(),
            key: remote.key.clone().unwrap_or_default(),
            authority: remote.ca.clone().unwrap_or_default(),
        };
        match files.principal() {
            Ok(who) => {
                lines.push(line("certificate", State::Ok, format!("is {who}'s"), ""));
                role = Some(who.role);
            }
            Err(error) => lines.push(failed("certificate", &link::failure(&error))),
        }
    }
    let files = [("certificate's end", &remote.cert), ("authority's end", &remote.ca)];
    lines.extend(files.into_iter().filter_map(|(what, path)| Some(ends(what, path.as_deref()?))));
    if remote.coordinator.is_empty() && args.nats.nats.is_empty() {
        return Ok(lines);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::look("E-RUNTIME", e, "free some threads"))?;
    if !remote.coordinator.is_empty() {
        lines.extend(runtime.block_on(coordinator(args, role.as_deref())));
    }
    if !args.nats.nats.is_empty() {
        lines.extend(runtime.block_on(nats(args)));
    }
    Ok(lines)
}

fn failed(what: &str, failure: &Failure) -> Line {
    let (code, message, remedy) = failure.parts();
    coded(code, what, State::Fail, message, remedy)
}

/// When a certificate ends.
fn ends(what: &str, path: &Path) -> Line {
    let ends = match certificate_ends_ms(path) {
        Ok(ends) => ends,
        Err(error) => return failed(what, &link::failure(&error)),
    };
    let left = ends - SystemClock.now_ms();
    let says = format!("{} ({} days from now)", rfc3339(ends), left.div_euclid(DAY_MS));
    let remedy = "make or order another, put it in the old one's place, and restart the process that uses it";
    match left {
        n if n <= 0 => coded("E-TLS-EXPIRED", what, State::Fail, says, remedy),
        n if n < ENDS_SOON_MS => coded("E-TLS-EXPIRES", what, State::Warn, says, remedy),
        _ => line(what, State::Ok, says, ""),
    }
}

/// What the coordinator that leads says to who asks.
async fn coordinator(args: &Doctor, role: Option<&str>) -> Vec<Line> {
    let channel = match link::person(&args.remote, &args.remote.coordinator) {
        Ok(channel) => channel,
        Err(failure) => return vec![failed("coordinator", &failure)],
    };
    let asked = async {
        if let Some(kind) =
            role.and_then(|r| [("worker", "probe"), ("agent-runner", "remedy")].iter().find(|k| k.0 == r))
        {
            // A question that a member may ask and that leaves no trace; a hello would be taken for the member's own.
            let which = RecordedRequest { kind: kind.1.to_owned(), key: vec![0; 32], attempt: 0 };
            FleetClient::new(channel).recorded(which).await?;
            return Ok(vec![line("coordinator", State::Ok, "answers, and knows this certificate's role", "")]);
        }
        let mut api: Api = ApiClient::new(channel);
        Ok::<_, tonic::Status>(members(&api.fleet(FleetRequest {}).await?.into_inner()))
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(lines)) => lines,
        Ok(Err(status)) => vec![failed("coordinator", &Failure::from(status))],
        Err(_) => {
            let says = format!("no answer within {} s", PATIENCE.as_secs());
            let remedy = "see that one of them runs and leads, and that its port can be reached from here";
            vec![coded("E-RPC", "coordinator", State::Fail, says, remedy)]
        }
    }
}

fn members(answer: &FleetAnswer) -> Vec<Line> {
    let mut lines = Vec::new();
    let says = format!("{} leads, in term {}, version {}", answer.leader, answer.fence, answer.version);
    lines.push(if answer.version == env!("CARGO_PKG_VERSION") {
        line("coordinator", State::Ok, says, "")
    } else {
        let remedy = "let coordinators, workers and this program be of one version";
        coded("E-FLEET-VERSION", "coordinator", State::Warn, says, remedy)
    });
    if !answer.members.iter().any(|m| m.role == "worker") {
        let remedy = "start a worker: without one nothing is looked at";
        lines.push(coded("E-FLEET-EMPTY", "workers", State::Warn, "none was heard of lately", remedy));
    }
    for member in &answer.members {
        let what = format!("{}/{}", member.role, member.name);
        if member.version != answer.version {
            let says = format!("is of version {}, the coordinator of {}", member.version, answer.version);
            lines.push(coded("E-FLEET-VERSION", &what, State::Warn, says, "bring it to the coordinator's version"));
        }
        if member.clock_off_ms.abs() > CLOCK_OFF_MS {
            let says = format!("its clock differs from the coordinator's by {} ms", member.clock_off_ms);
            lines.push(coded("E-FLEET-CLOCK", &what, State::Warn, says, "let both follow a time server"));
        }
    }
    lines.push(match answer.dead_letters {
        0 => line("dead letters", State::Ok, "none", ""),
        n => {
            let remedy = "`ligase deadletter list` names them, `show` tells each attempt, `replay` tries again";
            coded("E-FLEET-DEAD-LETTERS", "dead letters", State::Warn, format!("{n} tasks were set aside"), remedy)
        }
    });
    lines
}

/// Whether the NATS servers are as they have to be.
async fn nats(args: &Doctor) -> Vec<Line> {
    let what = "NATS servers";
    let mut options = match start::queue_options(&args.nats, &args.nats.nats, "ligase-doctor", &args.zones) {
        Ok(options) => options,
        Err(failure) => return vec![failed(what, &failure)],
    };
    options.replicas = args.replicas;
    options.monitoring.clone_from(&args.nats_monitoring);
    let asked = async {
        let queue = JetStreamQueue::connect(&options).await?;
        let problems = queue.verify().await;
        queue.close().await;
        problems
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(problems)) if problems.is_empty() => {
            let says = "version, JetStream, copies, syncing, streams and consumers are as they have to be";
            vec![line(what, State::Ok, says, "")]
        }
        Ok(Ok(problems)) => problems
            .into_iter()
            .map(|p| coded(p.code, what, if p.refuses { State::Fail } else { State::Warn }, p.text, p.remedy))
            .collect(),
        Ok(Err(error)) => {
            let remedy =
                "see that they run, that their port can be reached from here, and that user and password are theirs";
            let text = error.to_string();
            let says = text.split_once(": ").map_or(text.as_str(), |(_, rest)| rest);
            vec![coded("E-QUEUE-UNREACHABLE", what, State::Fail, says, remedy)]
        }
        Err(_) => {
            let says = format!("no answer within {} s", PATIENCE.as_secs());
            vec![coded(
                "E-QUEUE-UNREACHABLE",
                what,
                State::Fail,
                says,
                "see that they run, and can be reached from here",
            )]
        }
    }
}
