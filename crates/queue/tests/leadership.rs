//! Leadership on a real nats-server: one leads, the other follows, and takes over when the first does not renew.

#![allow(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

use ligase_queue::testing::NatsServer;
use ligase_queue::{
    AloneLeadership, Candidate, JetStreamQueue, Leader, Leadership, QueueError, QueueOptions, Standing, Term,
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const TTL: Duration = Duration::from_secs(2);

fn candidate(name: &str) -> Candidate {
    Candidate { name: name.to_owned(), address: format!("{name}.example:4000") }
}

fn leads(standing: Standing) -> Term {
    match standing {
        Standing::Leads(term) => term,
        Standing::Follows(leader) => panic!("follows {leader:?}"),
    }
}

fn follows(standing: Standing) -> Leader {
    match standing {
        Standing::Follows(leader) => leader,
        Standing::Leads(term) => panic!("leads {term:?}"),
    }
}

async fn leadership(server: &NatsServer) -> impl Leadership + use<> {
    let queue = JetStreamQueue::connect(&QueueOptions { shards: 1, ..QueueOptions::new(server.urls()) }).await.unwrap();
    queue.ensure().await.unwrap();
    queue.leadership(TTL)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_leads_and_another_takes_over_when_it_does_not_renew() {
    let server = NatsServer::one();
    let (a, b) = (leadership(&server).await, leadership(&server).await);
    let first = leads(a.campaign(&candidate("a")).await.unwrap());
    assert!(first.holds() && first.until <= Instant::now() + TTL);
    let seen = follows(b.campaign(&candidate("b")).await.unwrap());
    assert_eq!((seen.name.as_str(), seen.address.as_str(), seen.fence), ("a", "a.example:4000", first.fence));

    // Renewed, it outlives its first time to live, and keeps its fence.
    let mut term = first.clone();
    for _ in 0..4 {
        sleep(TTL / 2).await;
        let renewed = a.renew(&term).await.unwrap();
        assert!(renewed.until > term.until && renewed.fence == first.fence);
        term = renewed;
    }
    assert_eq!(follows(b.campaign(&candidate("b")).await.unwrap()).fence, first.fence);

    // Stopped: it does not renew, and says itself that it is over before anybody else can lead.
    let stopped = Instant::now();
    let second = loop {
        match b.campaign(&candidate("b")).await {
            Ok(Standing::Leads(term)) => break term,
            Ok(Standing::Follows(_)) | Err(QueueError::Unreachable(_)) => sleep(Duration::from_millis(50)).await,
            Err(error) => panic!("{error}"),
        }
        assert!(stopped.elapsed() < TTL * 4, "nobody took over");
    };
    assert!(!term.holds(), "two terms held at once");
    assert!(second.fence > first.fence, "the fence did not rise");
    assert_eq!(a.renew(&term).await, Err(QueueError::TermLost(first.fence)));
    assert_eq!(follows(a.campaign(&candidate("a")).await.unwrap()).name, "b");

    // A resignation of a term that is over ends nobody's; one that holds lets another lead at once.
    a.resign(&term).await.unwrap();
    assert_eq!(follows(a.campaign(&candidate("a")).await.unwrap()).name, "b");
    b.resign(&second).await.unwrap();
    let third = leads(a.campaign(&candidate("a")).await.unwrap());
    assert!(third.fence > second.fence);
    assert!(matches!(b.renew(&second).await, Err(QueueError::TermLost(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_candidates_exactly_one_leads() {
    let server = NatsServer::one();
    let leadership = leadership(&server).await;
    let all = futures_util::future::join_all((0..16).map(|n| {
        let leadership = &leadership;
        async move { leadership.campaign(&candidate(&format!("c{n}"))).await.unwrap() }
    }))
    .await;
    assert_eq!(all.iter().filter(|standing| matches!(standing, Standing::Leads(_))).count(), 1);
}

#[tokio::test]
async fn a_process_alone_leads_under_the_fence_that_it_was_given() {
    let alone = AloneLeadership::new(7);
    let term = leads(alone.campaign(&candidate("a")).await.unwrap());
    assert!(term.holds() && term.fence == 7);
    assert_eq!(alone.renew(&term).await.unwrap().fence, 7);
}
