//! What the server alone does: publish, pull and double ack over its client, on the streams and consumers that
//! `topology.rs` makes, with nothing of ours around it. Benchmarks stand the belt beside this; nothing else uses it.

use crate::port::QueueError;
use async_nats::jetstream::{self, consumer::PullConsumer, message::PublishMessage};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use ligase_domain::Digest;
use std::time::{Duration, Instant};

/// How much is done, and how much of it at once.
#[derive(Clone, Debug)]
pub struct Load {
    /// Messages.
    pub messages: usize,
    /// Bytes of each.
    pub bytes: usize,
    /// Publications that wait for their answer at once.
    pub publishing: usize,
    /// Messages that are pulled at once, and acknowledged at once.
    pub held: usize,
}

/// Publishes so many messages to the probe stream of a server whose streams were made, then pulls and double-acks them all.
/// How long each of the two took. The stream must be empty.
pub async fn publish_pull_ack(servers: &[String], load: &Load) -> Result<(Duration, Duration), QueueError> {
    let failed = |e: &dyn std::fmt::Display| QueueError::Unreachable(e.to_string());
    let client = async_nats::connect(servers.to_vec()).await.map_err(|e| failed(&e))?;
    let (context, payload) = (&jetstream::new(client), Bytes::from(vec![b'x'; load.bytes]));
    // A second run within the server's window for duplicates must not repeat an id.
    let run = Digest::of(format!("{:?}{:?}", std::process::id(), Instant::now()).as_bytes()).to_string();
    let began = Instant::now();
    stream::iter(0..load.messages)
        .map(|n| {
            let key = Digest::of(format!("{run}/{n}").as_bytes()).to_string();
            let message = PublishMessage::build().payload(payload.clone()).message_id(&key[..32]);
            async move {
                let subject = format!("ligase.v1.probe.any.sweep.0.{}.{}.{key}", &key[..16], &key[16..32]);
                let told = context.send_publish(subject, message).await.map_err(|e| failed(&e))?;
                told.await.map_err(|e| failed(&e)).map(drop)
            }
        })
        .buffer_unordered(load.publishing)
        .try_collect::<()>()
        .await?;
    let published = began.elapsed();
    let consumer: PullConsumer =
        context.get_consumer_from_stream("any-sweep-0", "LIGASE_PROBE").await.map_err(|e| failed(&e))?;
    let mut done = 0;
    while done < load.messages {
        let batch = consumer.fetch().max_messages(load.held).messages().await.map_err(|e| failed(&e))?;
        let acked = batch.map(|message| async move {
            let message = message.map_err(|e| failed(&e))?;
            message.double_ack().await.map_err(|e| failed(&e))
        });
        done += acked.buffer_unordered(load.held).try_fold(0, |n, ()| async move { Ok(n + 1) }).await?;
    }
    Ok((published, began.elapsed() - published))
}
