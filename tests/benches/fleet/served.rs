//! Packed repositories over smart HTTP, from this process and with counts. Each has one branch with one commit, so that
//! every answer is known beforehand: an advertisement, and the one pack. It costs next to nothing beside what is measured.

use crate::packs::{Id, hex};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A client that sends nothing for so long has gone.
const READ_WAIT: Duration = Duration::from_secs(60);
/// Bytes of one request's body; a request for one commit has some hundred.
const BODY_MAX: u64 = 1 << 20;
/// Bytes of a pack in one packet of the side band.
const BAND: usize = 65_000;

/// What was asked so far.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Advertisements of refs.
    pub advertised: u64,
    /// Requests to `git-upload-pack`.
    pub upload_pack: u64,
    /// Of these, those that were answered with a pack: clones and fetches.
    pub packs: u64,
}

impl Counts {
    /// What has been asked since an earlier count.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            advertised: self.advertised - earlier.advertised,
            upload_pack: self.upload_pack - earlier.upload_pack,
            packs: self.packs - earlier.packs,
        }
    }
}

#[derive(Default)]
struct Counting {
    advertised: AtomicU64,
    upload_pack: AtomicU64,
    packs: AtomicU64,
}

struct Shared {
    folder: PathBuf,
    heads: Vec<Id>,
    counts: Counting,
    ends: AtomicBool,
}

/// A running server; it ends when it is dropped.
pub struct Served {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// The file of a repository's pack.
pub fn pack_file(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("{number:06}.pack"))
}

impl Served {
    /// Serves the packs of a folder, whose repositories stand at these commits.
    pub fn start(folder: &Path, heads: Vec<Id>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (counts, ends) = (Counting::default(), AtomicBool::new(false));
        let shared = Arc::new(Shared { folder: folder.to_owned(), heads, counts, ends });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.ends.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&serving);
                // A client that hangs up early is its own business.
                std::thread::spawn(move || drop(converse(&stream, &shared)));
            }
        });
        Ok(Self { address, shared })
    }

    /// The address of a repository.
    pub fn url(&self, number: usize) -> String {
        format!("http://{}/service-{number:06}.git", self.address)
    }

    /// What was asked so far.
    pub fn counts(&self) -> Counts {
        let counts = &self.shared.counts;
        let read = |count: &AtomicU64| count.load(Ordering::SeqCst);
        Counts {
            advertised: read(&counts.advertised),
            upload_pack: read(&counts.upload_pack),
            packs: read(&counts.packs),
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        // Wakes the acceptor.
        drop(TcpStream::connect(self.address));
    }
}

struct Request {
    target: String,
    body: Vec<u8>,
}

/// Answers requests of one connection until the client closes it.
fn converse(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(READ_WAIT))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader)? {
        let (kind, body) = answer(shared, &request)?;
        let status = if kind.is_empty() { "404 Not Found" } else { "200 OK" };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nCache-Control: no-cache\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut writer: &TcpStream = stream;
        writer.write_all(&[head.as_bytes(), &body].concat())?;
    }
    Ok(())
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.take(16 << 10).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn read(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let first = line(reader)?;
    let Some(target) = first.split_whitespace().nth(1) else { return Ok(None) };
    let (mut length, mut chunked, mut gzip) = (0, false, false);
    loop {
        let header = line(reader)?.to_ascii_lowercase();
        let Some((name, value)) = header.split_once(':') else { break };
        match (name, value.trim()) {
            ("content-length", value) => length = value.parse::<u64>().map_err(io::Error::other)?,
            ("transfer-encoding", value) => chunked = value == "chunked",
            ("content-encoding", value) => gzip = value.contains("gzip"),
            _ => {}
        }
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            let size = u64::from_str_radix(&line(reader)?, 16).map_err(io::Error::other)?.min(BODY_MAX);
            reader.take(size).read_to_end(&mut body)?;
            line(reader)?;
            if size == 0 {
                break;
            }
        }
    } else {
        reader.take(length.min(BODY_MAX)).read_to_end(&mut body)?;
    }
    if gzip {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(body.as_slice()).take(BODY_MAX).read_to_end(&mut plain)?;
        body = plain;
    }
    Ok(Some(Request { target: target.to_owned(), body }))
}

fn packet(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(format!("{:04x}", bytes.len() + 4).as_bytes());
    out.extend_from_slice(bytes);
}

fn answer(shared: &Shared, request: &Request) -> io::Result<(&'static str, Vec<u8>)> {
    let number = request.target.strip_prefix("/service-").and_then(|rest| rest.get(..6)?.parse::<usize>().ok());
    let Some((number, head)) = number.and_then(|n| Some((n, shared.heads.get(n)?))) else {
        return Ok(("", Vec::new()));
    };
    let (id, mut out) = (hex(head), Vec::new());
    if request.target.contains("/info/refs?service=git-upload-pack") {
        shared.counts.advertised.fetch_add(1, Ordering::SeqCst);
        packet(&mut out, b"# service=git-upload-pack\n");
        out.extend_from_slice(b"0000");
        let able = "multi_ack multi_ack_detailed side-band-64k ofs-delta shallow no-progress symref=HEAD:refs/heads/main agent=bench";
        packet(&mut out, format!("{id} HEAD\0{able}\n").as_bytes());
        packet(&mut out, format!("{id} refs/heads/main\n").as_bytes());
        out.extend_from_slice(b"0000");
        return Ok(("application/x-git-upload-pack-advertisement", out));
    }
    if !request.target.ends_with("/git-upload-pack") {
        return Ok(("", Vec::new()));
    }
    shared.counts.upload_pack.fetch_add(1, Ordering::SeqCst);
    let asks = |what: &[u8]| request.body.windows(what.len()).any(|w| w == what);
    if asks(b"deepen ") {
        packet(&mut out, format!("shallow {id}").as_bytes());
        out.extend_from_slice(b"0000");
    }
    if asks(b"0009done") {
        shared.counts.packs.fetch_add(1, Ordering::SeqCst);
        packet(&mut out, b"NAK\n");
        for part in fs::read(pack_file(&shared.folder, number))?.chunks(BAND) {
            packet(&mut out, &[&[1], part].concat());
        }
        out.extend_from_slice(b"0000");
    }
    Ok(("application/x-git-upload-pack-result", out))
}
