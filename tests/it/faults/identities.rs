//! Who may not: a worker of a stranger's authority, one whose certificate is over, a worker that acts as a person. They get
//! nothing, change nothing, and what reaches the service is counted.

use super::{is_clean, small, work_on};
use ligase_tests::{Fleet, ligase_in};

const ROUNDS: usize = 5;

#[test]
fn strangers_the_expired_and_those_of_another_role_are_refused() {
    let mut fleet = Fleet::new(small(3));
    let folder = fleet.path().to_owned();
    let run = |arguments: &[&str]| ligase_in(&folder, arguments);
    run(&["certs", "--dir", "strangers", "person/ada", "worker/w2"]).code(0);
    // Its time is over with the second in which it is made: before anybody leads.
    run(&["certs", "--dir", "certs", "--days", "0", "person/bob"]).code(0);
    fleet.start_all(&["c1", "w1", "r1"]);
    fleet.wait_led();
    let url = format!("https://{}", fleet.address("c1"));
    let ask = |stem: &str| {
        let (cert, key) = (format!("{stem}.pem"), format!("{stem}.key"));
        let who = ["--cert", &cert, "--key", &key, "--ca", "certs/ca.pem", "--coordinator", &url];
        run(&[&["sweep", "--json"], who.as_slice()].concat())
    };
    for round in 1..=ROUNDS {
        work_on(&fleet.organisation, round);
        for stem in ["strangers/person-ada", "certs/person-bob", "certs/worker-w1"] {
            let before = fleet.counted("c1", "ligase_rpc_refused_total");
            let refused = ask(stem);
            assert!(!matches!(refused.code, 0 | 1), "{stem} swept: {}", refused.out);
            if stem == "certs/worker-w1" {
                assert!(refused.out.contains("E-RPC-ROLE") || refused.err.contains("E-RPC-ROLE"), "{}", refused.out);
                assert!(fleet.counted("c1", "ligase_rpc_refused_total") > before, "it is counted");
            }
        }
        fleet.sweep();
    }
    let said = fleet.said("c1");
    assert!(said.matches("E-RPC-ROLE").count() >= ROUNDS, "it is logged");
    let hits = [
        ("a stranger's certificate", ROUNDS),
        ("an expired certificate", ROUNDS),
        ("a worker's certificate for a person's call", ROUNDS),
    ];
    is_clean(&mut fleet, &hits);
}
