//! The client's side of the blob protocol: which are missing, stream those, fetch by digest. Hashed on both sides.

use crate::convert::{digest, digest_bytes};
use crate::patience::{PATIENCE, patiently};
use crate::v1::{self, fleet_client::FleetClient};
use ligase_domain::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// Bytes of an object in one message; far below the 4 MiB that a gRPC message may have by default.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// The largest object that is sent or taken, in bytes.
pub const OBJECT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Digests in one query; 32 bytes each, so that the message stays below 1 MiB.
pub const DIGESTS_MAX: usize = 16 * 1024;

/// Bytes of objects that one upload may carry.
pub const UPLOAD_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bytes of objects that a report carries at most, so that it stays below the 4 MiB that a message may have.
pub const ALONG_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes after which a client begins another upload: with the largest object on top it is still below the limit.
const UPLOAD_BYTES: usize = 64 * 1024 * 1024;

/// Objects by digest over a connection to the coordinator.
#[derive(Clone)]
pub struct Objects {
    fleet: FleetClient<Channel>,
    beat: Arc<dyn Fn() + Send + Sync>,
}

impl Objects {
    /// Over a connected client.
    pub fn new(client: FleetClient<Channel>) -> Self {
        Self { fleet: client, beat: Arc::new(|| ()) }
    }

    /// The same, and `beat` is called before each further try.
    #[must_use]
    pub fn beating(self, beat: impl Fn() + Send + Sync + 'static) -> Self {
        Self { beat: Arc::new(beat), ..self }
    }

    /// What of these objects goes with the report that names them: what the store lacks, where that is little; where it is
    /// much, the store has it on return, and nothing goes along. Which it lacks is only asked when it may have some.
    pub async fn along(&mut self, objects: Vec<Vec<u8>>, may_have: bool) -> Result<Vec<Vec<u8>>, Status> {
        let bytes = |objects: &[Vec<u8>]| objects.iter().map(Vec::len).sum::<usize>();
        if bytes(&objects) > 8 * ALONG_BYTES_MAX || objects.len() > DIGESTS_MAX {
            return self.put(objects).await.map(|_| Vec::new());
        }
        let lacking = if may_have { self.lacking(objects).await? } else { objects };
        if bytes(&lacking) > ALONG_BYTES_MAX {
            return self.put(lacking).await.map(|_| Vec::new());
        }
        Ok(lacking)
    }

    /// Of at most [`DIGESTS_MAX`] objects those that the store lacks, in their order.
    async fn lacking(&self, objects: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Status> {
        let digests: Vec<Digest> = objects.iter().map(|o| Digest::of(o)).collect();
        let missing = self.missing(&digests).await?;
        Ok(objects.into_iter().zip(digests).filter(|(_, digest)| missing.contains(digest)).map(|(o, _)| o).collect())
    }

    /// Which of at most [`DIGESTS_MAX`] digests the store lacks.
    async fn missing(&self, digests: &[Digest]) -> Result<BTreeSet<Digest>, Status> {
        let asked = v1::Digests { digests: digests.iter().map(digest_bytes).collect() };
        let ask = || {
            let (mut fleet, asked) = (self.fleet.clone(), asked.clone());
            async move { fleet.find_missing(asked).await }
        };
        let missing = patiently(PATIENCE, || (self.beat)(), ask).await?.into_inner().digests;
        missing.iter().map(|d| digest("missing", d).map_err(|e| Status::internal(e.to_string()))).collect()
    }

    /// Makes sure that the store has these objects: asks which are missing and streams those. Durable on return. The loss of a
    /// coordinator is waited out, and so is a disk that is full.
    pub async fn put(&mut self, objects: Vec<Vec<u8>>) -> Result<Vec<Digest>, Status> {
        let named: Vec<(Digest, Vec<u8>)> = objects.into_iter().map(|o| (Digest::of(&o), o)).collect();
        let order: Vec<Digest> = named.iter().map(|(d, _)| *d).collect();
        let mut unique: BTreeMap<Digest, Vec<u8>> = named.into_iter().collect();
        let keys: Vec<Digest> = unique.keys().copied().collect();
        for batch in keys.chunks(DIGESTS_MAX) {
            let missing = self.missing(batch).await?;
            let (mut send, mut sending) = (Vec::with_capacity(missing.len()), 0);
            for wanted in missing {
                let Some(object) = unique.remove(&wanted) else { continue };
                sending += object.len();
                send.push((wanted, object));
                if sending >= UPLOAD_BYTES {
                    self.upload(std::mem::take(&mut send)).await?;
                    sending = 0;
                }
            }
            if !send.is_empty() {
                self.upload(send).await?;
            }
        }
        Ok(order)
    }

    async fn upload(&self, objects: Vec<(Digest, Vec<u8>)>) -> Result<(), Status> {
        let objects = Arc::new(objects);
        let send = || {
            let (mut fleet, objects) = (self.fleet.clone(), Arc::clone(&objects));
            async move { fleet.upload(tokio_stream::iter(chunks_of(objects))).await }
        };
        patiently(PATIENCE, || (self.beat)(), send).await.map(drop)
    }

    /// Objects by digest, in the order asked, each re-hashed.
    pub async fn fetch(&mut self, digests: &[Digest]) -> Result<Vec<Vec<u8>>, Status> {
        let mut out = Vec::with_capacity(digests.len());
        for batch in digests.chunks(DIGESTS_MAX) {
            let asked = v1::Digests { digests: batch.iter().map(digest_bytes).collect() };
            let mut stream = self.fleet.fetch(asked).await?.into_inner();
            // What one asks for is one's own: only each object is bounded.
            let mut assembly = Assembly::of_at_most(usize::MAX);
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
    chunks_of(Arc::new(objects))
}

fn chunks_of(objects: Arc<Vec<(Digest, Vec<u8>)>>) -> impl Iterator<Item = v1::ObjectChunk> {
    let pieces = |bytes: usize| bytes.div_ceil(CHUNK_BYTES).max(1);
    let places: Vec<(usize, usize)> =
        objects.iter().enumerate().flat_map(|(n, (_, bytes))| (0..pieces(bytes.len())).map(move |i| (n, i))).collect();
    places.into_iter().map(move |(n, i)| {
        let (digest, bytes) = &objects[n];
        let end = bytes.len().min((i + 1) * CHUNK_BYTES);
        v1::ObjectChunk {
            digest: if i == 0 { digest_bytes(digest) } else { Vec::new() },
            bytes: bytes[i * CHUNK_BYTES..end].to_vec(),
            last: i + 1 == pieces(bytes.len()),
        }
    })
}

/// Puts chunks together again, bounded, and checks each object against its digest.
#[derive(Debug)]
pub struct Assembly {
    open: Option<(Digest, Vec<u8>)>,
    objects: usize,
    bytes: usize,
    most: usize,
}

impl Assembly {
    /// Of a call that may carry so many bytes.
    pub fn of_at_most(most: usize) -> Self {
        Self { open: None, objects: 0, bytes: 0, most }
    }

    /// Takes the next chunk; gives the object that it completes. A stream that goes on and on is refused by count.
    pub fn take(&mut self, chunk: v1::ObjectChunk) -> Result<Option<(Digest, Vec<u8>)>, Status> {
        let refuse = |what: &str| Status::new(Code::InvalidArgument, format!("E-WIRE-CHUNK: {what}"));
        self.objects += usize::from(!chunk.digest.is_empty());
        self.bytes += chunk.bytes.len();
        if self.objects > DIGESTS_MAX || self.bytes > self.most {
            return Err(refuse("more objects or bytes than one call may carry"));
        }
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
        let mut assembly = Assembly::of_at_most(UPLOAD_BYTES_MAX);
        let back: Vec<_> = chunks(named.clone()).filter_map(|c| assembly.take(c).unwrap()).collect();
        assert_eq!(back, named);

        let mut wrong: Vec<_> = chunks(named).collect();
        wrong[1].bytes[0] ^= 1;
        let mut assembly = Assembly::of_at_most(UPLOAD_BYTES_MAX);
        assert!(wrong.into_iter().any(|c| assembly.take(c).is_err()));
    }

    #[test]
    fn an_object_without_a_beginning_is_refused() {
        let chunk = v1::ObjectChunk { digest: vec![], bytes: vec![1], last: true };
        assert!(Assembly::of_at_most(1).take(chunk).is_err());
    }

    #[test]
    fn a_stream_that_goes_on_is_refused_by_count() {
        let object = vec![3; CHUNK_BYTES];
        let named = (Digest::of(&object), object);
        let mut assembly = Assembly::of_at_most(4 * CHUNK_BYTES);
        let taken = chunks(vec![named; 8]).take_while(|c| assembly.take(c.clone()).is_ok()).count();
        assert_eq!(taken, 4);
        let mut assembly = Assembly::of_at_most(UPLOAD_BYTES_MAX);
        let empty = (Digest::of(b""), Vec::new());
        let taken = chunks(vec![empty; DIGESTS_MAX + 9]).take_while(|c| assembly.take(c.clone()).is_ok()).count();
        assert_eq!(taken, DIGESTS_MAX);
        let endless = |first| v1::ObjectChunk {
            digest: if first { digest_bytes(&Digest::of(b"x")) } else { Vec::new() },
            bytes: vec![0; CHUNK_BYTES],
            last: false,
        };
        let mut assembly = Assembly::of_at_most(usize::MAX);
        let taken = (0..2_000).take_while(|n| assembly.take(endless(*n == 0)).is_ok()).count();
        assert_eq!(taken, OBJECT_BYTES_MAX / CHUNK_BYTES);
    }
}
