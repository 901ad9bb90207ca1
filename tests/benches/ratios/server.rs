//! Repositories over smart HTTP on this machine: a small server in front of `git http-backend`, which counts what it is
//! asked. It serves a folder of bare repositories to whoever asks, so it listens on the loopback address alone.

use crate::git;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Connections that are answered at once; more wait to be accepted. Twice what any client here opens.
const CONNECTIONS_MAX: usize = 32;
/// Bytes of one header line, header lines of one request, bytes of one request's body. What git sends is far below.
const LINE_BYTES_MAX: u64 = 16 << 10;
const HEADERS_MAX: usize = 100;
const BODY_BYTES_MAX: u64 = 16 << 20;
/// A client that sends nothing for so long has gone.
const READ_WAIT: Duration = Duration::from_secs(60);
/// What a pack begins with, whatever it is wrapped in: its name and its version.
const PACK: &[u8] = b"PACK\0\0\0\x02";

/// What was asked so far.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counts {
    /// `GET …/info/refs`.
    pub info_refs: u64,
    /// `POST …/git-upload-pack`.
    pub upload_pack: u64,
    /// Answers that held a pack: clones and fetches.
    pub packs: u64,
    /// Bytes of all answers.
    pub bytes: u64,
}

impl Counts {
    /// What has been asked since an earlier count.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            info_refs: self.info_refs - earlier.info_refs,
            upload_pack: self.upload_pack - earlier.upload_pack,
            packs: self.packs - earlier.packs,
            bytes: self.bytes - earlier.bytes,
        }
    }
}

/// A running server; dropped, it answers what it has accepted and ends.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    root: PathBuf,
    counts: Mutex<Counts>,
    /// Connections that are being answered.
    open: Mutex<usize>,
    closed: Condvar,
    ends: AtomicBool,
}

impl Server {
    /// Serves the bare repositories below a folder.
    pub fn start(root: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            counts: Mutex::default(),
            open: Mutex::default(),
            closed: Condvar::new(),
            ends: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || accept(&listener, &accepting));
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// The address of a repository.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    /// What was asked so far.
    pub fn counts(&self) -> Counts {
        *self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        // Wakes the acceptor; if even that fails, it ends with the process.
        if TcpStream::connect(self.address).is_ok() {
            self.acceptor.take().map(JoinHandle::join);
            drop(self.shared.wait_below(1));
        }
    }
}

impl Shared {
    /// Waits until fewer than `limit` connections are open.
    fn wait_below(&self, limit: usize) -> std::sync::MutexGuard<'_, usize> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        self.closed.wait_while(open, |open| *open >= limit).unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        if shared.ends.load(Ordering::SeqCst) {
            return;
        }
        *shared.wait_below(CONNECTIONS_MAX) += 1;
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // A client that hangs up early is its own business; what it wanted to know it tells by its exit code.
            let _ = answer(&stream, &shared);
            *shared.open.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
            shared.closed.notify_all();
        });
    }
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }
}

fn answer(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(READ_WAIT))?;
    stream.set_nodelay(true)?;
    let request = read_request(stream)?;
    let reply = backend(&shared.root, &request)?;
    let mut counts = shared.counts.lock().unwrap_or_else(PoisonError::into_inner);
    counts.info_refs += u64::from(request.path.ends_with("/info/refs"));
    counts.upload_pack += u64::from(request.path.ends_with("/git-upload-pack"));
    counts.packs += u64::from(reply.windows(PACK.len()).any(|w| w == PACK));
    counts.bytes += reply.len() as u64;
    drop(counts);
    (&*stream).write_all(&reply)
}

fn read_request(stream: &TcpStream) -> io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let line = read_line(&mut reader)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
    let mut request = Request { method, path, query, headers: Vec::new(), body: Vec::new() };
    loop {
        let line = read_line(&mut reader)?;
        let Some((name, value)) = line.split_once(':') else { break };
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        if request.headers.len() > HEADERS_MAX {
            return Err(io::Error::other("too many headers"));
        }
    }
    if request.header("transfer-encoding").eq_ignore_ascii_case("chunked") {
        loop {
            let size = u64::from_str_radix(&read_line(&mut reader)?, 16).map_err(io::Error::other)?;
            read_body(&mut reader, size, &mut request.body)?;
            read_line(&mut reader)?;
            if size == 0 {
                break;
            }
        }
    } else {
        let length = request.header("content-length").parse().unwrap_or(0);
        read_body(&mut reader, length, &mut request.body)?;
    }
    Ok(request)
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.take(LINE_BYTES_MAX).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn read_body(reader: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    if body.len() as u64 + length > BODY_BYTES_MAX {
        return Err(io::Error::other("a body that is too large"));
    }
    match reader.take(length).read_to_end(body)? as u64 {
        read if read == length => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Has git answer, and makes an HTTP answer of what it says.
fn backend(root: &Path, request: &Request) -> io::Result<Vec<u8>> {
    let mut child = git::command(root, &["http-backend"])
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", &request.path)
        .env("QUERY_STRING", &request.query)
        .env("REQUEST_METHOD", &request.method)
        .env("CONTENT_TYPE", request.header("content-type"))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", request.header("content-encoding"))
        .env("GIT_PROTOCOL", request.header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdin = child.stdin.take().expect("piped above");
    let output = std::thread::scope(|threads| {
        threads.spawn(move || {
            // A backend that wants no body closes its end.
            let _ = stdin.write_all(&request.body);
        });
        child.wait_with_output()
    })?;
    let output = output.stdout;
    let split = output.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(0);
    let head = String::from_utf8_lossy(&output[..split]);
    let body = output.get(split + 4..).unwrap_or_default();
    let status = head.lines().find_map(|l| l.strip_prefix("Status: ")).unwrap_or("200 OK");
    let kept: String = head.lines().filter(|l| !l.starts_with("Status:")).map(|l| format!("{l}\r\n")).collect();
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{kept}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    let mut reply = head.into_bytes();
    reply.extend_from_slice(body);
    Ok(reply)
}
