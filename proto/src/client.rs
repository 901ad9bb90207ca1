//! The client's side of the blob protocol: which are missing, stream those, fetch by digest. Hashed on both sides.

use crate::convert::{digest, digest_bytes};
use crate::v1::{self, fleet_client::FleetClient};
use ligase_domain::Digest;
use std::collections::BTreeMap;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// Bytes of an object in one message; far below the 4 MiB that a gRPC message may have by default.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// The largest object that is sent or taken, in bytes.
pub const OBJECT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Digests in one query; 32 bytes each, so that the message stays below 1 MiB.
pub const DIGESTS_MAX: usize = 16 * 1024;

/// Objects by digest over a connection to the coordinator.
#[derive(Clone, Debug)]
pub struct Objects(FleetClient<Channel>);

impl Objects {
    /// Over a connected client.
    pub fn new(client: FleetClient<Channel>) -> Self {
        Self(client)
    }

    /// Makes sure that the store has these objects: asks which are missing and streams those. Durable on return.
    pub async fn put(&mut self, objects: Vec<Vec<u8>>) -> Result<Vec<Digest>, Status> {
        let named: Vec<(Digest, Vec<u8>)> = objects.into_iter().map(|o| (Digest::of(&o), o)).collect();
        let order: Vec<Digest> = named.iter().map(|(d, _)| *d).collect();
        let mut unique: BTreeMap<Digest, Vec<u8>> = named.into_iter().collect();
        let keys: Vec<Digest> = unique.keys().copied().collect();
        for batch in keys.chunks(DIGESTS_MAX) {
            let asked = v1::Digests { digests: batch.iter().map(digest_bytes).collect() };
            let missing = self.0.find_missing(asked).await?.into_inner().digests;
            let mut send = Vec::with_capacity(missing.len());
            for bytes in missing {
                let wanted = digest("missing", &bytes).map_err(|e| Status::internal(e.to_string()))?;
                send.extend(unique.remove(&wanted).map(|object| (wanted, object)));
            }
            if !send.is_empty() {
                self.0.upload(tokio_stream::iter(chunks(send))).await?;
            }
        }
        Ok(order)
    }

    /// Objects by digest, in the order asked, each re-hashed.
    pub async fn fetch(&mut self, digests: &[Digest]) -> Result<Vec<Vec<u8>>, Status> {
        let mut out = Vec::with_capacity(digests.len());
        for batch in digests.chunks(DIGESTS_MAX) {
            let asked = v1::Digests { digests: batch.iter().map(digest_bytes).collect() };
            let mut stream = self.0.fetch(asked).await?.into_inner();
            let mut assembly = Assembly::default();
            while let Some(chunk) = stream.message().await? {
                if let Some((_, bytes)) = assembly.take(chunk)? {
                    out.push(bytes);
                }
            }
        }
        if out.len() == digests.len() {
            Ok(out)
        } else {
            Err(Status::data_loss("fewer objects came than were asked for"))
        }
    }

    /// One object by digest.
    pub async fn fetch_one(&mut self, digest: &Digest) -> Result<Vec<u8>, Status> {
        let mut all = self.fetch(std::slice::from_ref(digest)).await?;
        all.pop().ok_or_else(|| Status::data_loss("no object came"))
    }
}

/// The messages that carry these objects.
pub fn chunks(objects: Vec<(Digest, Vec<u8>)>) -> impl Iterator<Item = v1::ObjectChunk> {
    objects.into_iter().flat_map(|(digest, bytes)| {
        let count = bytes.len().div_ceil(CHUNK_BYTES).max(1);
        (0..count).map(move |i| {
            let end = bytes.len().min((i + 1) * CHUNK_BYTES);
            v1::ObjectChunk {
                digest: if i == 0 { digest_bytes(&digest) } else { Vec::new() },
                bytes: bytes[i * CHUNK_BYTES..end].to_vec(),
                last: i + 1 == count,
            }
        })
    })
}

/// Puts chunks together again, bounded, and checks each object against its digest.
#[derive(Debug, Default)]
pub struct Assembly {
    open: Option<(Digest, Vec<u8>)>,
}

impl Assembly {
    /// Takes the next chunk; gives the object that it completes.
    pub fn take(&mut self, chunk: v1::ObjectChunk) -> Result<Option<(Digest, Vec<u8>)>, Status> {
        let refuse = |what: &str| Status::new(Code::InvalidArgument, format!("E-WIRE-CHUNK: {what}"));
        match (&mut self.open, chunk.digest.is_empty()) {
            (None, true) => return Err(refuse("an object began without its digest")),
            (Some(_), false) => return Err(refuse("an object began before the last one ended")),
            (open @ None, false) => {
                let named = digest("digest", &chunk.digest).map_err(|e| refuse(&e.to_string()))?;
                *open = Some((named, Vec::new()));
            }
            (Some(_), true) => {}
        }
        let (named, bytes) = self.open.as_mut().expect("set above");
        if bytes.len() + chunk.bytes.len() > OBJECT_BYTES_MAX {
            return Err(refuse("an object is larger than 64 MiB"));
        }
        bytes.extend_from_slice(&chunk.bytes);
        if !chunk.last {
            return Ok(None);
        }
        if Digest::of(bytes) != *named {
            return Err(refuse("an object's bytes are not those of its digest"));
        }
        Ok(self.open.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_come_together_again_and_a_changed_byte_is_refused() {
        let objects = [vec![], vec![7; CHUNK_BYTES], vec![1; CHUNK_BYTES * 2 + 1]];
        let named: Vec<_> = objects.iter().map(|o| (Digest::of(o), o.clone())).collect();
        let mut assembly = Assembly::default();
        let back: Vec<_> = chunks(named.clone()).filter_map(|c| assembly.take(c).unwrap()).collect();
        assert_eq!(back, named);

        let mut wrong: Vec<_> = chunks(named).collect();
        wrong[1].bytes[0] ^= 1;
        let mut assembly = Assembly::default();
        assert!(wrong.into_iter().any(|c| assembly.take(c).is_err()));
    }

    #[test]
    fn an_object_without_a_beginning_is_refused() {
        let chunk = v1::ObjectChunk { digest: vec![], bytes: vec![1], last: true };
        assert!(Assembly::default().take(chunk).is_err());
    }
}
