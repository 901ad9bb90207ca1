//! What stands in the segments and the journal when a store is opened, and what of it counts.
//!
//! The rule: bytes that were acknowledged are kept or their damage is reported; the torn end of a write that nobody was
//! promised is cut off. A damaged place is behind the acknowledged end, or before a frame that was written when that
//! place was durable already. Refuses to repair: objects are put again, a journal is restored by a person.

use crate::StoreError;
use crate::error::{At, codes};
use crate::frame::{FILE_HEADER, Frame, Kind, Marker, Walked, read_frame, walk};
use crate::head::Reached;
use crate::index::{IndexEntry, Location, Space, Tallies};
use crate::journal::JournalState;
use crate::series::{FileId, Series, Tail, open_read};
use ligase_domain::Digest;
use std::path::{Path, PathBuf};

/// A range of a segment that holds nothing any more. Objects that lay in it have to be put again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// The first damaged byte.
    pub from: u64,
    /// One past the last.
    pub to: u64,
    /// What was seen.
    pub problem: String,
}

/// A file as it counts.
struct Whole {
    marker: Option<Marker>,
    /// The length at which the file before it ended.
    previous: u64,
    /// How much of it counts.
    len: u64,
    frames: Vec<Frame>,
    /// Real damage within it.
    bad: Vec<(u64, u64)>,
}

/// Reads a file. `last` is the acknowledged length when the file is the last of its series: only that one has a torn end.
fn read_whole(path: &Path, last: Option<u64>, visit: &mut dyn FnMut(&Frame, &[u8])) -> Result<Whole, StoreError> {
    let (file, header, len) = open_read(path)?;
    let Some((marker, previous)) = header else {
        let torn = last.is_some_and(|acknowledged| acknowledged <= FILE_HEADER) && len <= FILE_HEADER;
        let (len, bad) = if torn { (0, vec![]) } else { (len, vec![(0, len)]) };
        return Ok(Whole { marker: None, previous: 0, len, frames: vec![], bad });
    };
    let verify_from = last.unwrap_or(u64::MAX);
    let Walked { mut frames, mut bad } = walk(&file, len, marker, verify_from, visit).at(path, "read")?;
    let mut len = len;
    if let Some(acknowledged) = last {
        let promised = |from: u64, to: u64| {
            from < acknowledged || frames.iter().any(|frame| frame.offset >= to && frame.synced > from)
        };
        if let Some(torn) = bad.iter().position(|(from, to)| !promised(*from, *to)) {
            len = bad[torn].0;
            bad.truncate(torn);
            frames.retain(|frame| frame.offset < len);
        }
        if len < acknowledged {
            bad.push((len, acknowledged));
        }
    }
    Ok(Whole { marker: Some(marker), previous, len, frames, bad })
}

/// The entries that a frame gives to the index.
fn entries_of_frame(id: FileId, frame: &Frame, payload: &[u8], out: &mut Vec<IndexEntry>) {
    let at = |slot: u16| Location { file: id, offset: frame.offset, slot };
    let entry = |space, key, slot, object| IndexEntry { space, key, at: at(slot), length: frame.length, object };
    match frame.kind {
        Kind::Object | Kind::Packed => out.push(entry(Space::Object, frame.digest, 0, frame.digest)),
        Kind::Looks => {
            let digest = |bytes: &[u8]| Digest::from_bytes(bytes.try_into().expect("32 of 64 bytes"));
            out.extend(
                payload
                    .chunks_exact(64)
                    .zip(0u16..)
                    .map(|(pair, slot)| entry(Space::Look, digest(&pair[..32]), slot, digest(&pair[32..]))),
            );
        }
        Kind::Entry => {}
    }
}

/// What a frame gives to the index, from what was written.
pub fn written_entries(id: FileId, frame: &Frame, payload: &[u8]) -> Vec<IndexEntry> {
    let mut out = Vec::new();
    entries_of_frame(id, frame, payload, &mut out);
    out
}

/// All index entries of a segment, in order; what is damaged has none.
pub fn segment_entries(series: &Series, id: FileId) -> Result<Vec<IndexEntry>, StoreError> {
    whole_segment(series, id, None).map(|(_, entries)| entries)
}

fn whole_segment(series: &Series, id: FileId, last: Option<u64>) -> Result<(Whole, Vec<IndexEntry>), StoreError> {
    let mut looks = Vec::new();
    let whole = read_whole(&series.path(id), last, &mut |frame, payload| {
        if frame.kind == Kind::Looks {
            looks.push((*frame, payload.to_vec()));
        }
    })?;
    let mut entries = Vec::with_capacity(whole.frames.len());
    for frame in whole.frames.iter().filter(|frame| frame.kind.is_object()) {
        entries_of_frame(id, frame, &[], &mut entries);
    }
    for (frame, payload) in looks.iter().filter(|(frame, _)| frame.offset < whole.len) {
        entries_of_frame(id, frame, payload, &mut entries);
    }
    Ok((whole, entries))
}

/// The segments of a store.
#[derive(Default)]
pub struct Segments {
    /// What each of them holds.
    pub tallies: Tallies,
    /// The one that may grow, if the last is of this term.
    pub tail: Option<Tail>,
    /// The last, of whatever term, and the length at which it ends.
    pub last: Option<(FileId, u64)>,
    /// What is lost.
    pub damage: Vec<Damage>,
}

/// Reads all segments, gives their entries to `visit`, cuts off a torn end, and opens the one that may grow.
pub fn segments(
    series: &Series,
    reached: Reached,
    fence: u64,
    visit: &mut dyn FnMut(&IndexEntry),
) -> Result<Segments, StoreError> {
    let ids = series.list()?;
    refuse_newer_term(series, ids.last(), fence)?;
    let mut found = Segments::default();
    if let Some((id, len)) = reached.filter(|(id, _)| !ids.contains(id)) {
        let problem = "the segment is gone".to_owned();
        found.damage.push(Damage { path: series.path(id), from: 0, to: len, problem });
    }
    for (place, id) in ids.iter().copied().enumerate() {
        let last = (place + 1 == ids.len()).then(|| reached.filter(|(of, _)| *of == id).map_or(0, |(_, len)| len));
        let path = series.path(id);
        let before = found.last.map_or(0, |(_, len)| len);
        let (whole, entries) = whole_segment(series, id, last)?;
        if let Some(problem) = gap(series, found.last, &whole) {
            let before = found.last.map_or_else(|| series.dir.clone(), |(id, _)| series.path(id));
            found.damage.push(Damage { path: before, from: 0, to: whole.previous, problem });
        }
        for (from, to) in &whole.bad {
            let problem = "the bytes are not what was written".to_owned();
            found.damage.push(Damage { path: path.clone(), from: *from, to: *to, problem });
        }
        found.last = Some((id, whole.len));
        for entry in &entries {
            found.tallies.entry(id).or_default().add(entry);
            visit(entry);
        }
        if last.is_some() {
            found.tail = resume(series, id, before, &whole)?.filter(|tail| tail.id.fence == fence);
        }
    }
    Ok(found)
}

/// Cuts off what does not count, and makes what counts durable. A file whose header is torn is begun again.
fn resume(series: &Series, id: FileId, before: u64, whole: &Whole) -> Result<Option<Tail>, StoreError> {
    match whole.marker {
        Some(marker) => Tail::resume(series, id, marker, whole.len).map(Some),
        None if whole.bad.is_empty() => Tail::create(series, id, before).map(Some),
        None => Ok(None),
    }
}

/// What is wrong between a file and the one before it, if the one before was cut short or is gone.
fn gap(series: &Series, before: Option<(FileId, u64)>, whole: &Whole) -> Option<String> {
    let len = before.map_or(0, |(_, len)| len);
    if whole.marker.is_none() || whole.previous == len {
        return None;
    }
    let name = before.map_or_else(|| "no file".to_owned(), |(id, _)| series.name(id));
    Some(format!("{name} has {len} bytes before a file that follows one of {} bytes", whole.previous))
}

fn refuse_newer_term(series: &Series, last: Option<&FileId>, fence: u64) -> Result<(), StoreError> {
    match last.filter(|last| last.fence > fence) {
        None => Ok(()),
        Some(last) => Err(StoreError::new(
            codes::FENCED,
            &series.path(*last),
            format!("written in term {} of leadership, this is term {fence}", last.fence),
            "Leave the store to the present leader",
        )),
    }
}

/// The journal of a store.
pub struct Journal {
    /// What it holds.
    pub state: JournalState,
    /// The file that may grow, if the last is of this term.
    pub tail: Option<Tail>,
    /// The last, of whatever term, and the length at which it ends.
    pub last: Option<(FileId, u64)>,
}

/// Reads the journal, verifies every entry, gives each to `visit`, and cuts off a torn end. Any other damage is an error.
pub fn journal(
    series: &Series,
    reached: Reached,
    fence: u64,
    visit: &mut dyn FnMut(&ligase_record::JournalRecord),
) -> Result<Journal, StoreError> {
    let ids = series.list()?;
    refuse_newer_term(series, ids.last(), fence)?;
    if let Some((id, _)) = reached.filter(|(id, _)| !ids.contains(id)) {
        return Err(journal_corrupt(&series.path(id), 0, "the file is gone"));
    }
    let mut found = Journal { state: JournalState::default(), tail: None, last: None };
    for (place, id) in ids.iter().copied().enumerate() {
        let last = (place + 1 == ids.len()).then(|| reached.filter(|(of, _)| *of == id).map_or(0, |(_, len)| len));
        let path = series.path(id);
        let before = found.last.map_or(0, |(_, len)| len);
        let mut entries = Vec::new();
        let whole = read_whole(&path, last, &mut |frame, payload| {
            entries.push((frame.offset, ligase_record::decode_journal_entry(payload)));
        })?;
        if let Some((from, to)) = whole.bad.first() {
            let seen = format!("bytes {from} to {to} were acknowledged, and are not what was written or are gone");
            return Err(journal_corrupt(&path, *from, &seen));
        }
        if let Some(seen) = gap(series, found.last, &whole) {
            return Err(journal_corrupt(&path, 0, &seen));
        }
        found.last = Some((id, whole.len));
        found.state.begin(id, path.clone());
        for (offset, entry) in entries.into_iter().filter(|(offset, _)| *offset < whole.len) {
            let entry = entry.map_err(|error| journal_corrupt(&path, offset, &error.to_string()))?;
            if entry.sequence != found.state.next() {
                let seen = format!("entry {} where {} should stand", entry.sequence, found.state.next());
                return Err(journal_corrupt(&path, offset, &seen));
            }
            visit(&entry);
            found.state.push(offset);
        }
        if last.is_some() {
            found.tail = resume(series, id, before, &whole)?.filter(|tail| tail.id.fence == fence);
        }
    }
    Ok(found)
}

pub(crate) fn journal_corrupt(path: &Path, offset: u64, seen: &str) -> StoreError {
    StoreError::new(
        codes::JOURNAL_CORRUPT,
        path,
        format!("byte {offset}: {seen}"),
        "Restore the journal's files from a backup; to go on without entries that are lost at the end of the last file, \
         delete the file HEAD of the store",
    )
}

/// The frame whose header these bytes are, if it is the one that an index entry names.
pub fn named_frame(header: &[u8], entry: &IndexEntry) -> Option<Frame> {
    let marker = header.first_chunk()?;
    let named = |frame: &Frame| frame.digest == entry.key && frame.length == entry.length && frame.kind.is_object();
    read_frame(header, *marker, entry.at.offset).filter(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{file_header, write_frame};

    /// A segment of three frames; the second is zeros, as a page that was never written. Returns where each begins.
    fn segment(dir: &Path, synced: [u64; 3]) -> (Series, FileId, [u64; 3]) {
        let series = Series::segments(dir);
        std::fs::create_dir_all(&series.dir).expect("a folder");
        let id = FileId { fence: 0, number: 0 };
        let (mut bytes, mut begins) = (file_header([9; 8], 0).to_vec(), [0; 3]);
        for (i, payload) in [b"one".as_slice(), b"two", b"three"].into_iter().enumerate() {
            begins[i] = bytes.len() as u64;
            write_frame(&mut bytes, [9; 8], Kind::Object, &Digest::of(payload), synced[i], payload);
        }
        bytes[begins[1] as usize..begins[2] as usize].fill(0);
        std::fs::write(series.path(id), bytes).expect("a file");
        (series, id, begins)
    }

    fn recovered(series: &Series, reached: Reached) -> (Vec<Digest>, Vec<(u64, u64)>, u64) {
        let mut keys = vec![];
        let found =
            segments(series, reached, 0, &mut |entry| keys.push(entry.key)).expect("segments never fail to open");
        let damage = found.damage.iter().map(|damage| (damage.from, damage.to)).collect();
        (keys, damage, found.tail.expect("of this term").durable)
    }

    #[test]
    fn a_hole_in_what_was_never_acknowledged_is_cut_off_with_all_behind_it() {
        let dir = tempfile::tempdir().expect("a folder");
        // The second and the third came in one group, after the first was durable: 64 + 60 + 3.
        let (series, id, begins) = segment(dir.path(), [64, 127, 127]);
        let expected = (vec![Digest::of(b"one")], vec![], begins[1]);
        assert_eq!(recovered(&series, Some((id, begins[1]))), expected);
        assert_eq!(series.path(id).metadata().expect("a file").len(), begins[1]);
        let (series, _, begins) = segment(dir.path(), [64, 127, 127]);
        assert_eq!(recovered(&series, None), (vec![Digest::of(b"one")], vec![], begins[1]));
    }

    #[test]
    fn a_hole_before_what_was_written_after_it_was_durable_is_damage() {
        let dir = tempfile::tempdir().expect("a folder");
        let (series, id, begins) = segment(dir.path(), [64, 127, 190]);
        let kept = (vec![Digest::of(b"one"), Digest::of(b"three")], vec![(begins[1], begins[2])], begins[2] + 65);
        assert_eq!(recovered(&series, None), kept);
        assert_eq!(recovered(&series, Some((id, begins[1]))), kept);
    }

    #[test]
    fn a_hole_in_what_was_acknowledged_is_damage() {
        let dir = tempfile::tempdir().expect("a folder");
        let (series, id, begins) = segment(dir.path(), [64, 127, 127]);
        let (keys, damage, _) = recovered(&series, Some((id, begins[2] + 65)));
        assert_eq!((keys.len(), damage), (2, vec![(begins[1], begins[2])]));
    }

    #[test]
    fn a_file_that_died_before_its_header_was_whole_is_begun_again() {
        for len in [0, 1, 40] {
            let dir = tempfile::tempdir().expect("a folder");
            let (series, id, _) = segment(dir.path(), [64, 127, 127]);
            std::fs::write(series.path(id), vec![0; len]).expect("a file");
            assert_eq!(recovered(&series, None), (vec![], vec![], FILE_HEADER));
        }
    }
}
