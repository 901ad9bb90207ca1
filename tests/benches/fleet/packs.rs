//! A commit of a tree as a git pack, written without git: making ten thousand repositories with a process each would take
//! longer than sweeping them. What it writes is checked by git itself before anything is measured (`made.rs`).

use flate2::Compression;
use flate2::write::ZlibEncoder;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, digest};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The id of an object.
pub type Id = [u8; 20];

const COMMIT: u8 = 1;
const TREE: u8 = 2;
const BLOB: u8 = 3;

/// An id in hex.
pub fn hex(id: &Id) -> String {
    id.iter().map(|b| format!("{b:02x}")).collect()
}

/// A pack that is being written: each object once.
#[derive(Default)]
struct Pack {
    objects: BTreeMap<Id, (u8, Vec<u8>)>,
}

/// A folder: blobs, and folders below it.
#[derive(Default)]
struct Folder {
    files: BTreeMap<String, Id>,
    folders: BTreeMap<String, Folder>,
}

impl Folder {
    fn insert(&mut self, path: &str, id: Id) {
        match path.split_once('/') {
            Some((folder, rest)) => self.folders.entry(folder.to_owned()).or_default().insert(rest, id),
            None => drop(self.files.insert(path.to_owned(), id)),
        }
    }
}

impl Pack {
    fn add(&mut self, kind: u8, bytes: Vec<u8>) -> Id {
        let name = ["", "commit", "tree", "blob"][usize::from(kind)];
        let mut whole = format!("{name} {}\0", bytes.len()).into_bytes();
        whole.extend_from_slice(&bytes);
        let id: Id = digest(&SHA1_FOR_LEGACY_USE_ONLY, &whole).as_ref().try_into().expect("SHA-1 has 20 bytes");
        self.objects.insert(id, (kind, bytes));
        id
    }

    fn tree(&mut self, folder: &Folder) -> Id {
        // Git sorts a folder as if its name ended with a slash.
        let mut rows: Vec<(String, &str, &str, Id)> = Vec::new();
        for (name, below) in &folder.folders {
            rows.push((format!("{name}/"), "40000", name, self.tree(below)));
        }
        rows.extend(folder.files.iter().map(|(name, id)| (name.clone(), "100644", name.as_str(), *id)));
        rows.sort();
        let mut bytes = Vec::new();
        for (_, mode, name, id) in rows {
            bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            bytes.extend_from_slice(&id);
        }
        self.add(TREE, bytes)
    }

    fn write(self) -> io::Result<Vec<u8>> {
        let mut out = b"PACK\0\0\0\x02".to_vec();
        out.extend_from_slice(&u32::try_from(self.objects.len()).map_err(io::Error::other)?.to_be_bytes());
        for (kind, bytes) in self.objects.into_values() {
            let mut left = bytes.len() >> 4;
            let mut byte = (kind << 4) | (bytes.len() & 15) as u8;
            while left > 0 {
                out.push(byte | 0x80);
                byte = (left & 0x7f) as u8;
                left >>= 7;
            }
            out.push(byte);
            let mut packed = ZlibEncoder::new(out, Compression::fast());
            packed.write_all(&bytes)?;
            out = packed.finish()?;
        }
        let mut sum = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        sum.update(&out);
        out.extend_from_slice(sum.finish().as_ref());
        Ok(out)
    }
}

/// A pack with one commit of these files, and the commit's id.
pub fn commit(files: &[(String, String)], second: usize) -> io::Result<(Id, Vec<u8>)> {
    let (mut pack, mut root) = (Pack::default(), Folder::default());
    for (path, text) in files {
        let id = pack.add(BLOB, text.clone().into_bytes());
        root.insert(path, id);
    }
    let tree = pack.tree(&root);
    let who = format!("Ann <ann@example.org> {second} +0000");
    let text = format!("tree {}\nauthor {who}\ncommitter {who}\n\nAs it stands\n", hex(&tree));
    let id = pack.add(COMMIT, text.into_bytes());
    Ok((id, pack.write()?))
}
