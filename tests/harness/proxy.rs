//! A TCP proxy between two processes that a test disturbs while they speak: it delays, throttles, holds back and cuts.
//!
//! What it is told holds for connections that stand and for those to come. It reads none of what passes.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Bytes that are passed on at once, so that delays and rates are fine enough.
const PIECE: usize = 16 * 1024;
/// How long a read waits before it looks whether something has changed.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Default)]
struct Manner {
    /// Pause before each piece, in milliseconds.
    delay_ms: AtomicU64,
    /// Bytes a second; 0 is as fast as it goes.
    rate: AtomicU64,
    /// Nothing passes, and nobody is told.
    holds: AtomicBool,
    /// New connections are refused at once.
    refuses: AtomicBool,
    ended: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

/// A proxy to one address.
pub struct Proxy {
    address: SocketAddr,
    manner: Arc<Manner>,
}

impl Proxy {
    /// Listens on a free port and passes everything on to an address.
    pub fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let manner = Arc::new(Manner::default());
        let (theirs, target) = (Arc::clone(&manner), target.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if theirs.ended.load(Ordering::Acquire) {
                    return;
                }
                if !theirs.refuses.load(Ordering::Acquire) {
                    theirs.join(client, &target);
                }
            }
        });
        Self { address, manner }
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Pauses before each piece.
    pub fn delay(&self, pause: Duration) {
        let ms = u64::try_from(pause.as_millis()).expect("a short pause");
        self.manner.delay_ms.store(ms, Ordering::Release);
    }

    /// Passes so many bytes a second; 0 lets everything pass.
    pub fn throttle(&self, rate: u64) {
        self.manner.rate.store(rate, Ordering::Release);
    }

    /// Holds everything back without a word, as a partition does; or lets it go on.
    pub fn hold(&self, holds: bool) {
        self.manner.holds.store(holds, Ordering::Release);
    }

    /// Cuts every connection, and refuses new ones until it is told otherwise.
    pub fn cut(&self) {
        self.manner.refuses.store(true, Ordering::Release);
        self.reset();
    }

    /// Takes connections again.
    pub fn mend(&self) {
        self.manner.refuses.store(false, Ordering::Release);
    }

    /// Cuts every connection that stands; new ones are taken.
    pub fn reset(&self) {
        let open = std::mem::take(&mut *self.manner.open.lock().unwrap_or_else(PoisonError::into_inner));
        for stream in open {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.manner.ended.store(true, Ordering::Release);
        self.reset();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Manner {
    fn join(self: &Arc<Self>, client: TcpStream, target: &str) {
        let Ok(server) = TcpStream::connect(target) else { return };
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (Ok(from), Ok(to), Ok(kept)) = (from.try_clone(), to.try_clone(), from.try_clone()) else { return };
            let _ = from.set_read_timeout(Some(LOOK));
            let _ = to.set_nodelay(true);
            self.open.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
            let manner = Arc::clone(self);
            std::thread::spawn(move || manner.pass(from, to));
        }
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut piece = vec![0; PIECE];
        while !self.ended.load(Ordering::Acquire) {
            if self.holds.load(Ordering::Acquire) {
                std::thread::sleep(LOOK);
                continue;
            }
            let rate = self.rate.load(Ordering::Acquire);
            let most = if rate == 0 { PIECE } else { PIECE.min(usize::try_from(rate / 20).unwrap_or(PIECE).max(64)) };
            let count = match from.read(&mut piece[..most]) {
                Ok(0) => break,
                Ok(count) => count,
                Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => continue,
                Err(_) => break,
            };
            let delay = self.delay_ms.load(Ordering::Acquire);
            let slow = (count as u64 * 1000).checked_div(rate).unwrap_or(0);
            std::thread::sleep(Duration::from_millis(delay + slow));
            while self.holds.load(Ordering::Acquire) && !self.ended.load(Ordering::Acquire) {
                std::thread::sleep(LOOK);
            }
            if to.write_all(&piece[..count]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}
