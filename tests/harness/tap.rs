//! A client of the queue's server that is none of the program's: it hears what others are told, and says what it likes.
//!
//! It speaks the server's own text protocol (docs.nats.io, "Client protocol") over a plain socket, so that it can say what
//! no library would.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

/// A message that was heard.
#[derive(Clone, Debug)]
pub struct Overheard {
    /// The subject that it has.
    pub subject: String,
    /// Where an answer to it goes; for a delivery, where it is settled.
    pub reply: String,
}

/// The client.
pub struct Tap {
    stream: TcpStream,
    heard: Arc<Mutex<Vec<Overheard>>>,
}

impl Tap {
    /// Connects to `nats://host:port`, and hears everything under a subject.
    ///
    /// # Panics
    /// When the server is not there; so everywhere below.
    pub fn on(url: &str, subject: &str) -> Self {
        let mut stream = TcpStream::connect(url.trim_start_matches("nats://")).expect("the server answers");
        let hello = "CONNECT {\"verbose\":false,\"headers\":true,\"lang\":\"test\",\"version\":\"0\"}";
        write!(stream, "{hello}\r\nSUB {subject} 1\r\nPING\r\n").expect("the server listens");
        let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut line = String::new();
        while !line.starts_with("PONG") {
            line.clear();
            assert!(reader.read_line(&mut line).expect("the server speaks") > 0, "the server ended the connection");
        }
        let (told, mut answers) = (Arc::clone(&heard), stream.try_clone().expect("a socket"));
        std::thread::spawn(move || {
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|n| n > 0) {
                let words: Vec<&str> = line.split_whitespace().collect();
                match words.as_slice() {
                    ["PING"] => drop(answers.write_all(b"PONG\r\n")),
                    ["MSG" | "HMSG", subject, _, rest @ .., length] => {
                        let mut body = vec![0; length.parse::<usize>().unwrap_or(0) + 2];
                        if reader.read_exact(&mut body).is_err() {
                            return;
                        }
                        // A header's length stands before the whole one.
                        let reply = rest.iter().find(|word| word.parse::<usize>().is_err());
                        let reply = reply.map(|r| (*r).to_owned()).unwrap_or_default();
                        let message = Overheard { subject: (*subject).to_owned(), reply };
                        told.lock().unwrap_or_else(PoisonError::into_inner).push(message);
                    }
                    _ => {}
                }
                line.clear();
            }
        });
        Self { stream, heard }
    }

    /// What was heard so far.
    pub fn heard(&self) -> Vec<Overheard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says something under a subject.
    pub fn say(&mut self, subject: &str, text: &str) {
        write!(self.stream, "PUB {subject} {}\r\n{text}\r\n", text.len()).expect("the server listens");
    }
}
