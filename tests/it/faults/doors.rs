//! Who does not even get in: no certificate, one of another authority, one whose time is over, no TLS at all. Each is refused
//! at the door, logged with its reason and from where, and counted; and nobody fills the log by knocking.

use super::{is_clean, small, work_on};
use ligase_tests::{Fleet, ligase_in, wait_for};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

const ROUNDS: usize = 5;
/// More than the log takes of one kind in a minute, also where the minute turns in between.
const KNOCKS: usize = 50;

fn counted(fleet: &Fleet, reason: &str) -> f64 {
    fleet.counted_with("c1", "ligase_tls_refused_total", &[&format!("reason=\"{reason}\"")])
}

fn logged(fleet: &Fleet, reason: &str) -> usize {
    let of = |line: &&str| line.contains("\"E-TLS-REFUSED\"") && line.contains(&format!("\"reason\":\"{reason}\""));
    fleet.said("c1").lines().filter(of).count()
}

/// Speaks HTTP where TLS is spoken.
fn plaintext(address: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: ligase\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.windows(4).any(|w| w == b"HTTP"), "nothing is said in plain text");
}

/// Trusts the coordinator and shows nothing.
fn without_certificate(fleet: &Fleet) {
    let authority = std::fs::read(fleet.path().join("certs/ca.pem")).unwrap();
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority)).domain_name("127.0.0.1");
    let endpoint = Endpoint::from_shared(format!("https://{}", fleet.address("c1"))).unwrap().tls_config(tls).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let asked = runtime.block_on(async {
        let channel = endpoint.connect().await.map_err(|e| tonic::Status::unavailable(e.to_string()))?;
        let mut client = ligase_proto::v1::api_client::ApiClient::new(channel);
        client.status(ligase_proto::v1::StatusRequest {}).await
    });
    assert!(asked.is_err(), "nobody is told anything");
}

#[test]
fn whoever_shows_no_certificate_of_ours_is_refused_at_the_door_logged_and_counted() {
    let mut fleet = Fleet::new(small(2));
    let folder = fleet.path().to_owned();
    ligase_in(&folder, &["certs", "--dir", "strangers", "worker/w2"]).code(0);
    // Its time is over with the second in which it is made: before anybody leads.
    ligase_in(&folder, &["certs", "--dir", "certs", "--days", "0", "person/carl"]).code(0);
    fleet.start_all(&["c1", "w1", "r1"]);
    fleet.wait_led();
    let url = format!("https://{}", fleet.address("c1"));
    let ask = |stem: &str| {
        let (cert, key) = (format!("{stem}.pem"), format!("{stem}.key"));
        let asks = ["fleet", "status", "--json", "--coordinator", &url, "--ca", "certs/ca.pem", "--cert", &cert];
        let run = ligase_in(&folder, &[asks.as_slice(), &["--key", &key]].concat());
        assert!(!matches!(run.code, 0 | 1), "{stem}: {}", run.out);
    };
    for round in 1..=ROUNDS {
        work_on(&fleet.organisation, round);
        let doors: [(&str, &dyn Fn()); 4] = [
            ("unknown-authority", &|| ask("strangers/worker-w2")),
            ("expired", &|| ask("certs/person-carl")),
            ("no-certificate", &|| without_certificate(&fleet)),
            ("not-tls", &|| plaintext(&fleet.address("c1"))),
        ];
        for (reason, knock) in doors {
            let before = counted(&fleet, reason);
            knock();
            wait_for(&format!("{reason} is counted"), || (counted(&fleet, reason) > before).then_some(()));
        }
        fleet.sweep();
    }
    for reason in ["unknown-authority", "expired", "no-certificate", "not-tls"] {
        assert!(logged(&fleet, reason) >= ROUNDS, "{reason} is logged");
    }
    let (before, lines) = (counted(&fleet, "not-tls"), logged(&fleet, "not-tls"));
    (0..KNOCKS).for_each(|_| plaintext(&fleet.address("c1")));
    wait_for("each is counted", || (counted(&fleet, "not-tls") >= before + KNOCKS as f64).then_some(()));
    assert!(logged(&fleet, "not-tls") - lines < KNOCKS, "the log has not all of them");
    work_on(&fleet.organisation, ROUNDS + 1);
    fleet.sweep();
    let hits = [
        ("a stranger's certificate at the door", ROUNDS),
        ("an expired certificate at the door", ROUNDS),
        ("no certificate", ROUNDS),
        ("plain text where TLS is spoken", ROUNDS),
    ];
    is_clean(&mut fleet, &hits);
}
