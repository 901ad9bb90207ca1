//! How segments and journals lie on the disk: a header, then frames, each with a marker, a digest and a checksum.
//!
//! Every file has a random marker of its own that begins each frame. It is never shown, so that hostile content cannot
//! hold a frame, and a walk can find the next frame behind damaged bytes. A frame also says how much of the file was
//! durable when it was written: damage before that place is damage, and not the torn end of a write.
//! Refuses to decide what damage means; that is the business of `recover.rs`.

use ligase_domain::Digest;
use std::borrow::Cow;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::unix::fs::FileExt;

/// Two copies of the file's header, because every frame hangs on its marker.
pub const FILE_HEADER: u64 = 64;
/// Marker, digest, durable length, payload's length, kind, checksum.
pub const FRAME_HEADER: usize = 60;
/// No frame is longer: objects above 256 KiB are files of their own, look pairs come at most 4,096 to a frame.
pub const MAX_PAYLOAD: u32 = 1 << 20;
const MAGIC: &[u8; 8] = b"LIGASE\x00\x01";

/// What a frame holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An object's own bytes.
    Object,
    /// Pairs of (look key's digest, object's digest), 64 bytes each.
    Looks,
    /// A journal entry's canonical bytes.
    Entry,
    /// An object's bytes, packed; the frame's digest is that of the bytes themselves.
    Packed,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Object, Self::Looks, Self::Entry, Self::Packed];

    const fn number(self) -> u32 {
        match self {
            Self::Object => 1,
            Self::Looks => 2,
            Self::Entry => 3,
            Self::Packed => 4,
        }
    }

    /// Whether it holds an object.
    pub fn is_object(self) -> bool {
        matches!(self, Self::Object | Self::Packed)
    }
}

/// A file's marker.
pub type Marker = [u8; 8];

/// A marker that nobody can foresee: the standard library seeds its hashers from the operating system.
pub fn new_marker() -> Marker {
    std::collections::hash_map::RandomState::new().build_hasher().finish().to_le_bytes()
}

/// The bytes that begin a file: its marker, and the length at which the file before it ended.
pub fn file_header(marker: Marker, previous: u64) -> [u8; FILE_HEADER as usize] {
    let mut copy = [0; 32];
    copy[..8].copy_from_slice(MAGIC);
    copy[8..16].copy_from_slice(&marker);
    copy[16..24].copy_from_slice(&previous.to_le_bytes());
    let sum = crc32fast::hash(&copy[..28]);
    copy[28..].copy_from_slice(&sum.to_le_bytes());
    let mut out = [0; FILE_HEADER as usize];
    out[..32].copy_from_slice(&copy);
    out[32..].copy_from_slice(&copy);
    out
}

/// The marker and the previous file's length in a file's header, from whichever copy is whole.
pub fn read_file_header(header: &[u8]) -> Option<(Marker, u64)> {
    header.chunks_exact(32).find_map(|copy| {
        let whole = copy[..8] == *MAGIC && crc32fast::hash(&copy[..28]).to_le_bytes() == copy[28..];
        let eight = |at: usize| <[u8; 8]>::try_from(&copy[at..at + 8]).expect("eight bytes");
        whole.then(|| (eight(8), u64::from_le_bytes(eight(16))))
    })
}

/// A frame, without its payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Where its header begins.
    pub offset: u64,
    /// The digest of its payload, or of what is packed in it.
    pub digest: Digest,
    /// How much of the file was durable when it was written.
    pub synced: u64,
    /// The payload's length.
    pub length: u32,
    /// What it holds.
    pub kind: Kind,
}

impl Frame {
    /// What its payload holds, if that is what its digest names.
    pub fn open<'p>(&self, payload: &'p [u8]) -> Option<Cow<'p, [u8]>> {
        let held = match self.kind {
            Kind::Packed => Cow::Owned(ligase_record::unpack(payload, MAX_PAYLOAD as usize).ok()?),
            Kind::Object | Kind::Looks | Kind::Entry => Cow::Borrowed(payload),
        };
        (Digest::of(&held) == self.digest).then_some(held)
    }

    /// Where the next frame begins.
    pub fn end(&self) -> u64 {
        self.offset + FRAME_HEADER as u64 + u64::from(self.length)
    }
}

/// Appends a frame to a buffer.
pub fn write_frame(out: &mut Vec<u8>, marker: Marker, kind: Kind, digest: &Digest, synced: u64, payload: &[u8]) {
    let start = out.len();
    let length = u32::try_from(payload.len()).expect("callers bound payloads by MAX_PAYLOAD");
    out.extend_from_slice(&marker);
    out.extend_from_slice(digest.as_bytes());
    out.extend_from_slice(&synced.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&kind.number().to_le_bytes());
    let sum = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&sum.to_le_bytes());
    out.extend_from_slice(payload);
}

/// The frame whose header these bytes are, if they are one.
pub fn read_frame(header: &[u8], marker: Marker, offset: u64) -> Option<Frame> {
    let header: &[u8; FRAME_HEADER] = header.get(..FRAME_HEADER)?.try_into().ok()?;
    let four = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
    if header[..8] != marker || crc32fast::hash(&header[..56]) != four(56) {
        return None;
    }
    let kind = Kind::ALL.into_iter().find(|kind| kind.number() == four(52))?;
    let length = Some(four(48)).filter(|length| *length <= MAX_PAYLOAD)?;
    let digest = Digest::from_bytes(header[8..40].try_into().expect("32 bytes"));
    let synced = u64::from_le_bytes(header[40..48].try_into().expect("eight bytes"));
    Some(Frame { offset, digest, synced, length, kind })
}

/// What a walk over a file saw.
#[derive(Debug, Default)]
pub struct Walked {
    /// The frames in order.
    pub frames: Vec<Frame>,
    /// Ranges that hold no frame, in order. A frame whose payload was verified and is not its digest's is one, too.
    pub bad: Vec<(u64, u64)>,
}

/// A file that is read in order through a window.
struct Window<'a> {
    file: &'a File,
    len: u64,
    start: u64,
    bytes: Vec<u8>,
}

/// How much is read at once.
const WINDOW_BYTES: usize = 1 << 20;

impl Window<'_> {
    /// The bytes from `at`, at least `want` of them unless the file ends before.
    fn from(&mut self, at: u64, want: usize) -> io::Result<&[u8]> {
        let held = self.start <= at && at + want as u64 <= self.start + self.bytes.len() as u64;
        if !held {
            let room = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
            self.bytes.resize(room.min(want.max(WINDOW_BYTES)), 0);
            self.file.read_exact_at(&mut self.bytes, at)?;
            self.start = at;
        }
        let skip = usize::try_from(at - self.start).expect("a window is small");
        Ok(&self.bytes[skip..])
    }
}

/// Walks over the first `len` bytes of a file. Payloads of look pairs and entries are always verified and given to
/// `visit`; payloads of objects only from `verify_from` on. Never fails for what the bytes are, only for reading them.
pub fn walk(
    file: &File,
    len: u64,
    marker: Marker,
    verify_from: u64,
    visit: &mut dyn FnMut(&Frame, &[u8]),
) -> io::Result<Walked> {
    let mut window = Window { file, len, start: 0, bytes: Vec::new() };
    let (mut walked, mut at) = (Walked::default(), FILE_HEADER);
    while at < len {
        let frame = read_frame(window.from(at, FRAME_HEADER)?, marker, at).filter(|frame| frame.end() <= len);
        let Some(frame) = frame else {
            let next = next_frame(&mut window, at + 1, marker)?;
            walked.bad.push((at, next));
            at = next;
            continue;
        };
        let verify = !frame.kind.is_object() || frame.offset >= verify_from;
        if verify {
            let payload = window.from(at + FRAME_HEADER as u64, frame.length as usize)?;
            let payload = &payload[..frame.length as usize];
            if frame.open(payload).is_none() {
                walked.bad.push((at, frame.end()));
                at = frame.end();
                continue;
            }
            visit(&frame, payload);
        }
        walked.frames.push(frame);
        at = frame.end();
    }
    Ok(walked)
}

/// Where the next whole frame header stands, or the file's end.
fn next_frame(window: &mut Window<'_>, mut at: u64, marker: Marker) -> io::Result<u64> {
    let len = window.len;
    while at + FRAME_HEADER as u64 <= len {
        let bytes = window.from(at, FRAME_HEADER)?;
        let last = bytes.len() - FRAME_HEADER;
        let found = (0..=last).find(|i| {
            bytes[*i..].starts_with(&marker)
                && read_frame(&bytes[*i..], marker, at + *i as u64).is_some_and(|frame| frame.end() <= len)
        });
        match found {
            Some(i) => return Ok(at + i as u64),
            None => at += last as u64 + 1,
        }
    }
    Ok(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn file_of(payloads: &[Vec<u8>], marker: Marker) -> (Vec<u8>, Vec<u64>) {
        let (mut bytes, mut offsets) = (file_header(marker, 0).to_vec(), vec![]);
        for payload in payloads {
            offsets.push(bytes.len() as u64);
            let synced = bytes.len() as u64;
            write_frame(&mut bytes, marker, Kind::Object, &Digest::of(payload), synced, payload);
        }
        (bytes, offsets)
    }

    fn walked(bytes: &[u8], marker: Marker) -> Walked {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        walk(&file, bytes.len() as u64, marker, 0, &mut |_, _| ()).unwrap()
    }

    proptest! {
        #[test]
        fn one_flipped_bit_costs_at_most_the_frame_that_it_hits(
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..12),
            place in any::<proptest::sample::Index>(),
            bit in 0..8u8,
        ) {
            let marker = new_marker();
            let (mut bytes, offsets) = file_of(&payloads, marker);
            let at = FILE_HEADER as usize + place.index(bytes.len() - FILE_HEADER as usize);
            bytes[at] ^= 1 << bit;
            let hit = offsets.iter().rposition(|o| *o <= at as u64).unwrap();
            let seen: Vec<u64> = walked(&bytes, marker).frames.iter().map(|f| f.offset).collect();
            let expected: Vec<u64> = offsets.iter().enumerate().filter(|(i, _)| *i != hit).map(|(_, o)| *o).collect();
            prop_assert_eq!(seen, expected);
        }

        #[test]
        fn arbitrary_bytes_are_walked_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
            let walked = walked(&bytes, [7; 8]);
            prop_assert!(walked.frames.is_empty());
        }
    }

    #[test]
    fn either_copy_of_the_file_header_is_enough() {
        let marker = new_marker();
        for at in 0..FILE_HEADER as usize {
            let mut header = file_header(marker, 7);
            header[at] ^= 0x10;
            assert_eq!(read_file_header(&header), Some((marker, 7)));
        }
        assert_eq!(read_file_header(&[0; 64]), None);
    }

    #[test]
    fn a_frame_inside_an_object_of_another_file_is_not_a_frame() {
        let (inner, _) = file_of(&[b"forged".to_vec()], [1; 8]);
        let (mut bytes, offsets) = file_of(&[inner, b"after".to_vec()], [2; 8]);
        bytes[offsets[0] as usize] ^= 1;
        let frames = walked(&bytes, [2; 8]).frames;
        assert_eq!(frames.iter().map(|f| f.digest).collect::<Vec<_>>(), [Digest::of(b"after")]);
    }
}
