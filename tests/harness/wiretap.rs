//! A line to the queue's server that knows no queue: it hears every task as it is published, and publishes what it has heard
//! again. So a test makes duplicates and late deliveries that no part of the fleet would make.
//!
//! It speaks the server's own protocol over a socket (docs.nats.io/reference/reference-protocols/nats-protocol).

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long the server may take to answer.
const ANSWER: Duration = Duration::from_secs(20);
/// Where answers to publications arrive.
const INBOX: &str = "_INBOX.wiretap";

/// A task as it was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its subject: `ligase.v1.<kind>.<zone>.<lane>.<shard>.<organisation>.<repository>.<key>`.
    pub subject: String,
    /// The message.
    pub payload: Vec<u8>,
}

impl Heard {
    /// `probe`, `remedy` or `verification`.
    pub fn kind(&self) -> &str {
        self.subject.split('.').nth(2).unwrap_or_default()
    }

    /// The task's key.
    pub fn key(&self) -> &str {
        self.subject.rsplit('.').next().unwrap_or_default()
    }

    /// The same task under a subject of its own, which the server takes beside the first.
    fn beside(&self, number: usize) -> String {
        let mut words: Vec<&str> = self.subject.split('.').collect();
        let (at, again) = (words.len() - 2, format!("again{number}"));
        words[at] = &again;
        words.join(".")
    }
}

/// The line.
pub struct Wiretap {
    stream: Arc<Mutex<TcpStream>>,
    heard: Arc<Mutex<Vec<Heard>>>,
    answers: Receiver<Value>,
    sent: usize,
}

impl Wiretap {
    /// Listens at a server (`nats://host:port`) from now on.
    ///
    /// # Panics
    /// When the server does not answer; so everywhere below.
    pub fn at(url: &str) -> Self {
        let stream = TcpStream::connect(url.trim_start_matches("nats://")).expect("a server");
        let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
        let mut line = String::new();
        reader.read_line(&mut line).expect("a greeting");
        assert!(line.starts_with("INFO "), "{line}");
        let stream = Arc::new(Mutex::new(stream));
        say(&stream, b"CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}\r\n");
        say(&stream, format!("SUB ligase.v1.> 1\r\nSUB {INBOX} 2\r\nPING\r\n").as_bytes());
        line.clear();
        reader.read_line(&mut line).expect("an answer");
        assert!(line.starts_with("PONG"), "{line}");
        let heard = Arc::default();
        let (give, answers) = channel();
        let (theirs, writes) = (Arc::clone(&heard), Arc::clone(&stream));
        std::thread::spawn(move || while hear(&mut reader, &theirs, &writes, &give).is_some() {});
        Self { stream, heard, answers, sent: 0 }
    }

    /// Every task of the fleet's that was heard so far, once.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Publishes a task once more, under an id and a subject of its own; whether the server took it.
    pub fn again(&mut self, task: &Heard) -> bool {
        self.sent += 1;
        let headers = format!("NATS/1.0\r\nNats-Msg-Id: wiretap-{}\r\n\r\n", self.sent);
        let (head, all) = (headers.len(), headers.len() + task.payload.len());
        let mut message = format!("HPUB {} {INBOX} {head} {all}\r\n{headers}", task.beside(self.sent)).into_bytes();
        message.extend_from_slice(&task.payload);
        message.extend_from_slice(b"\r\n");
        say(&self.stream, &message);
        let answer = self.answers.recv_timeout(ANSWER).expect("the server says what became of it");
        answer["seq"].is_u64() && answer["duplicate"] != true
    }
}

fn say(stream: &Mutex<TcpStream>, bytes: &[u8]) {
    stream.lock().unwrap_or_else(PoisonError::into_inner).write_all(bytes).expect("the server listens");
}

/// Takes one message of the server's; `None` when it says no more.
fn hear(
    reader: &mut BufReader<TcpStream>,
    heard: &Mutex<Vec<Heard>>,
    stream: &Mutex<TcpStream>,
    answers: &Sender<Value>,
) -> Option<()> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let (head, all) = match *words.first()? {
        "PING" => {
            stream.lock().unwrap_or_else(PoisonError::into_inner).write_all(b"PONG\r\n").ok()?;
            return Some(());
        }
        "MSG" => (0, words.last()?.parse::<usize>().ok()?),
        "HMSG" => (words[words.len() - 2].parse::<usize>().ok()?, words.last()?.parse::<usize>().ok()?),
        _ => return Some(()),
    };
    let mut body = vec![0; all + 2];
    reader.read_exact(&mut body).ok()?;
    let payload = body[head..all].to_vec();
    if words[1] == INBOX {
        return answers.send(serde_json::from_slice(&payload).unwrap_or_default()).ok();
    }
    let task = Heard { subject: words[1].to_owned(), payload };
    // What wakes workers goes over subjects of the same beginning, and so does what we say ourselves.
    let ours = task.subject.contains(".again");
    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    if !ours && !task.payload.is_empty() && heard.iter().all(|h| h.subject != task.subject) {
        heard.push(task);
    }
    Some(())
}
