//! The ways to prove to a real nats-server who one is: credentials of an operator's account over TLS with certificates on both
//! sides, and a key alone. Who has neither is told why there is no connection.

#![allow(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

mod common;

use common::task;
use ligase_queue::testing::{NatsServer, NodePlan};
use ligase_queue::{JetStreamQueue, Login, Published, QueueOptions, TaskQueue as _, Tls};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

/// An operator, an account with JetStream and the system's account, as `nsc` would sign them; they never expire.
const OPERATOR: &str = "eyJ0eXAiOiAiSldUIiwgImFsZyI6ICJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiAiN0hGREpZQlFTVk5ZVlJNUFJHT1pUTDc3QzNNVTJSRlpCUkpUVFZOU0xSQzI3QlYzRENZQSIsICJpYXQiOiAxNzk1NDIwNDQwLCAiaXNzIjogIk9BQ1JMM1BZMlFJWDNJNkQzVVZXS1NOWUQyTjRON0ZaSFNXS1I0TEVOWUpMV0ZXUEtMQU1BWkJVIiwgIm5hbWUiOiAib3AiLCAic3ViIjogIk9BQ1JMM1BZMlFJWDNJNkQzVVZXS1NOWUQyTjRON0ZaSFNXS1I0TEVOWUpMV0ZXUEtMQU1BWkJVIiwgIm5hdHMiOiB7InR5cGUiOiAib3BlcmF0b3IiLCAidmVyc2lvbiI6IDIsICJzeXN0ZW1fYWNjb3VudCI6ICJBREk3R1lGQUw0RlRTSVZOUVRUQ1FFVldHVUpCNUFLNlJIUElCQ08yQUlVVEhITDVCQ0s1RE9UWSJ9fQ.ngZ62-SQEI4ox1PHosP8gDdBPMniGi4xddrFcCbmc0zwHrIeg0hCh7kPFOiM2ynig76b-2Qwh9pPHsjp8Y9HAQ";
const ACCOUNT: &str = "eyJ0eXAiOiAiSldUIiwgImFsZyI6ICJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiAiV01HWUJKR0dEVVVFTkdGQ0dPR1VFTENRS1o1VklLM1JGVk81UFBES1NKS0tQSkNFWktVUSIsICJpYXQiOiAxNzk1NDIwNDQwLCAiaXNzIjogIk9BQ1JMM1BZMlFJWDNJNkQzVVZXS1NOWUQyTjRON0ZaSFNXS1I0TEVOWUpMV0ZXUEtMQU1BWkJVIiwgIm5hbWUiOiAiYWNtZSIsICJzdWIiOiAiQUI3VFNSNEtPTzdSTzM0NlA0VFdNM1hVNkFXNzczTERKM0xXT1JLWFBGVkRQSkpBSDdWVFFWREQiLCAibmF0cyI6IHsidHlwZSI6ICJhY2NvdW50IiwgInZlcnNpb24iOiAyLCAibGltaXRzIjogeyJzdWJzIjogLTEsICJkYXRhIjogLTEsICJwYXlsb2FkIjogLTEsICJpbXBvcnRzIjogLTEsICJleHBvcnRzIjogLTEsICJ3aWxkY2FyZHMiOiB0cnVlLCAiY29ubiI6IC0xLCAibGVhZiI6IC0xLCAibWVtX3N0b3JhZ2UiOiAtMSwgImRpc2tfc3RvcmFnZSI6IC0xLCAic3RyZWFtcyI6IC0xLCAiY29uc3VtZXIiOiAtMX0sICJkZWZhdWx0X3Blcm1pc3Npb25zIjogeyJwdWIiOiB7fSwgInN1YiI6IHt9fX19.G6RKXPtPFR5XZThcZsLYbqztANd7_IyZQSNq5Nr_XJ-u4o6C5HDee-lEUeBpK2j3__R-vgFLfcM-BZdDpZmQDQ";
const SYSTEM: &str = "eyJ0eXAiOiAiSldUIiwgImFsZyI6ICJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiAiNDJKRk9NMjVHRllSRktNRVhKSEhHWkQ2NEdRVkg1VkdPNURKRERLQVY2WlVZR09CR1JOUSIsICJpYXQiOiAxNzk1NDIwNDQwLCAiaXNzIjogIk9BQ1JMM1BZMlFJWDNJNkQzVVZXS1NOWUQyTjRON0ZaSFNXS1I0TEVOWUpMV0ZXUEtMQU1BWkJVIiwgIm5hbWUiOiAiU1lTIiwgInN1YiI6ICJBREk3R1lGQUw0RlRTSVZOUVRUQ1FFVldHVUpCNUFLNlJIUElCQ08yQUlVVEhITDVCQ0s1RE9UWSIsICJuYXRzIjogeyJ0eXBlIjogImFjY291bnQiLCAidmVyc2lvbiI6IDIsICJsaW1pdHMiOiB7InN1YnMiOiAtMSwgImRhdGEiOiAtMSwgInBheWxvYWQiOiAtMSwgImltcG9ydHMiOiAtMSwgImV4cG9ydHMiOiAtMSwgIndpbGRjYXJkcyI6IHRydWUsICJjb25uIjogLTEsICJsZWFmIjogLTEsICJtZW1fc3RvcmFnZSI6IDAsICJkaXNrX3N0b3JhZ2UiOiAwLCAic3RyZWFtcyI6IDAsICJjb25zdW1lciI6IDB9fX0.mL3j9ebDSqVq8Nw1WFapKf2etSj0WJixsylfTwEBSrUrbMFvr2DXmH6tPsDSli2JeS8vEXwX8Lm5lW5_KjHCAw";
const ACCOUNT_KEY: &str = "AB7TSR4KOO7RO346P4TWM3XU6AW773LDJ3LWORKXPFVDPJJAH7VTQVDD";
const SYSTEM_KEY: &str = "ADI7GYFAL4FTSIVNQTTCQEVWGUJB5AK6RHPIBCO2AIUTHHL5BCK5DOTY";
/// A user of the account.
const USER: &str = "eyJ0eXAiOiAiSldUIiwgImFsZyI6ICJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiAiUVRSVUFKNDU1T0tFTENXNVhaM0VQVjVRWlNZVUZUNTJIQ1BDQUtVSVJYMjJIR0hENENVQSIsICJpYXQiOiAxNzk1NDIwNDQwLCAiaXNzIjogIkFCN1RTUjRLT083Uk8zNDZQNFRXTTNYVTZBVzc3M0xESjNMV09SS1hQRlZEUEpKQUg3VlRRVkREIiwgIm5hbWUiOiAibGlnYXNlIiwgInN1YiI6ICJVQzVCNzdXV1RXV0hBVDVEQk9GUVkyR1A2Wk9EQUtJTExaWEdQTTdYTzdQNkdKT1NHTzVWRUdKWCIsICJuYXRzIjogeyJ0eXBlIjogInVzZXIiLCAidmVyc2lvbiI6IDIsICJwdWIiOiB7fSwgInN1YiI6IHt9LCAic3VicyI6IC0xLCAiZGF0YSI6IC0xLCAicGF5bG9hZCI6IC0xfX0.ZwWHpRNIIFvDFdoLtWjHnOWJ3uNt2yyFom5LkvjWUfnC_SV09NR1RdHsDba9FKGSfnZQLAyDSbDDy5GEudgdDw";
const USER_SEED: &str = "SUAFT2JDC42MM6D4PWIV4BNIDK7GOCHTANIWOD6NAPYRYHOPURYEVVITH4";
/// A user who is known by a key alone.
const KEY: &str = "UC3Q2MX4G6AAGYKWSZAPKIUTALWGE4YUYUDO5SJ7YJSYIM2U6YQDQQ73";
const KEY_SEED: &str = "SUAP4NPQ4WLIDGMZKCHGYFYTL7MOHHI3WK3LN3KZMRKRUYNHFV7XURUE4E";

/// An authority and two certificates of it, for the server and for a client, as PEM files of a folder.
fn certificates(folder: &Path) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    std::fs::write(folder.join("ca.pem"), authority.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, key);
    for name in ["server", "client"] {
        let mut params = CertificateParams::default();
        params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let key = KeyPair::generate().unwrap();
        std::fs::write(folder.join(format!("{name}.pem")), params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

fn config(plan: &NodePlan, rest: &str) -> String {
    let NodePlan { client, monitor, store, .. } = plan;
    let store = store.display();
    format!(
        "listen: \"127.0.0.1:{client}\"\nhttp: \"127.0.0.1:{monitor}\"\njetstream {{ store_dir: \"{store}\" }}\n{rest}"
    )
}

fn signed(text: &str) -> Login {
    Login::signed(text, Some("worker")).unwrap()
}

/// Makes the streams and publishes: what only a user of the account may do.
async fn works(options: &QueueOptions) {
    let queue = JetStreamQueue::connect(options).await.unwrap();
    queue.reach().await.unwrap();
    assert_eq!(queue.preflight().await.unwrap(), []);
    queue.ensure().await.unwrap();
    assert_eq!(queue.publish(task("acme", "a")).await.unwrap(), Published::Stored);
    queue.close().await;
}

/// Why there is no connection.
async fn is_refused(options: &QueueOptions) -> String {
    let options = QueueOptions { deadline: Duration::from_millis(500), ..options.clone() };
    let queue = JetStreamQueue::connect(&options).await.unwrap();
    let told = queue.reach().await.unwrap_err().to_string();
    queue.close().await;
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_of_an_account_and_certificates_on_both_sides() {
    let server = NatsServer::configured(1, |plan| {
        certificates(&plan.folder);
        let file = |name: &str| plan.folder.join(name).display().to_string();
        let (cert, key, ca) = (file("server.pem"), file("server.key"), file("ca.pem"));
        let tls = format!("tls {{ cert_file: \"{cert}\", key_file: \"{key}\", ca_file: \"{ca}\", verify: true }}");
        let accounts = format!("{{ {ACCOUNT_KEY}: \"{ACCOUNT}\", {SYSTEM_KEY}: \"{SYSTEM}\" }}");
        let jwt = format!("operator: \"{OPERATOR}\"\nsystem_account: {SYSTEM_KEY}\nresolver: MEMORY\n");
        config(plan, &format!("{tls}\n{jwt}resolver_preload: {accounts}\n"))
    });
    let file = |name: &str| server.folder().join(name);
    let credentials = format!(
        "-----BEGIN NATS USER JWT-----\n{USER}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{USER_SEED}\n------END USER NKEY SEED------\n"
    );
    let tls = Tls { authorities: Some(file("ca.pem")), identity: Some((file("client.pem"), file("client.key"))) };
    let options =
        QueueOptions { login: signed(&credentials), tls: Some(tls.clone()), ..QueueOptions::new(server.urls()) };
    works(&options).await;

    let nameless = QueueOptions { tls: Some(Tls { identity: None, ..tls }), ..options.clone() };
    assert!(is_refused(&nameless).await.contains("accepts connections"), "a certificate is asked for");
    let told = is_refused(&QueueOptions { login: Login::None, ..options }).await;
    assert!(told.contains("authorization violation"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_alone_is_enough_and_another_key_is_not() {
    let users = format!("authorization {{ users: [ {{ nkey: {KEY} }} ] }}\n");
    let mut server = NatsServer::configured(1, |plan| config(plan, &users));
    let options = QueueOptions { login: signed(KEY_SEED), ..QueueOptions::new(server.urls()) };
    works(&options).await;
    let told = is_refused(&QueueOptions { login: signed(USER_SEED), ..options.clone() }).await;
    assert!(told.contains("authorization violation"), "{told}");
    server.kill(0);
    assert!(is_refused(&options).await.contains("refused"), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_jetstream_is_told_before_anything_is_made() {
    let listens = |plan: &NodePlan| {
        let NodePlan { client, monitor, .. } = plan;
        format!("listen: \"127.0.0.1:{client}\"\nhttp: \"127.0.0.1:{monitor}\"\n")
    };
    let server = NatsServer::configured(1, listens);
    let queue = JetStreamQueue::connect(&QueueOptions::new(server.urls())).await.unwrap();
    let codes = |problems: Vec<ligase_queue::Problem>| problems.into_iter().map(|p| p.code).collect::<Vec<_>>();
    assert_eq!(codes(queue.preflight().await.unwrap()), ["E-QUEUE-NO-JETSTREAM"]);
    assert_eq!(codes(queue.verify().await.unwrap()), ["E-QUEUE-NO-JETSTREAM"], "and nothing else is asked");
}
