//! What a coordinator answers while another one leads: who that is, and nothing else.

use axum::Router;
use ligase_queue::Leader;
use tokio::sync::watch;
use tonic::Status;
use tonic::service::Routes;

/// The answer to every call.
pub fn routes(leader: watch::Receiver<Option<Leader>>) -> Routes {
    let answer = move || {
        let status = status(leader.borrow().as_ref());
        async move { status.into_http::<axum::body::Body>() }
    };
    Routes::from(Router::new().fallback(answer))
}

fn status(leader: Option<&Leader>) -> Status {
    match leader {
        Some(leader) => {
            let mut status = Status::unavailable(format!(
                "E-NOT-LEADING: this coordinator stands by; {} leads at {} || ask there, or name both addresses",
                leader.name, leader.address
            ));
            if let Ok(address) = leader.address.parse() {
                status.metadata_mut().insert("ligase-leader", address);
            }
            status
        }
        None => Status::unavailable(
            "E-NOT-LEADING: this coordinator stands by and nobody leads yet || ask again in a few seconds",
        ),
    }
}
