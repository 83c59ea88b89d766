//! The application's side: answers callbacks as fast as it can and counts them.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Outcome;

/// A running sink.
pub struct Sink {
    url: String,
    finals: Arc<AtomicU64>,
    known: Arc<Mutex<HashSet<Vec<u8>>>>,
}

impl Sink {
    /// Listens on a free port of loopback.
    pub async fn start() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/status", listener.local_addr()?);
        let finals = Arc::new(AtomicU64::new(0));
        let known: Arc<Mutex<HashSet<Vec<u8>>>> = Arc::default();
        let (counting, naming) = (Arc::clone(&finals), Arc::clone(&known));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (finals, known) = (Arc::clone(&counting), Arc::clone(&naming));
                tokio::spawn(async move {
                    // A connection that breaks shows as callbacks that are missing.
                    let _ = answer(stream, &finals, &known).await;
                });
            }
        });
        Ok(Self { url, finals, known })
    }

    /// Where callbacks go.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Forgets everything.
    pub fn reset(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.finals.store(0, Ordering::Relaxed);
    }

    /// Of how many messages the final callback came.
    pub fn finals(&self) -> u64 {
        self.finals.load(Ordering::Relaxed)
    }
}

async fn answer(
    mut stream: TcpStream,
    finals: &AtomicU64,
    known: &Mutex<HashSet<Vec<u8>>>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(16 << 10);
    loop {
        while let Some(length) = complete(&buffer) {
            let body = &buffer[..length];
            if let Some(name) = delivered(body)
                && known.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_vec())
            {
                finals.fetch_add(1, Ordering::Relaxed);
            }
            buffer.drain(..length);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await?;
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

/// The message that a final callback is about: Trunkline's form, or the address that Kannel was
/// given.
fn delivered(request: &[u8]) -> Option<&[u8]> {
    let (mark, end) = match find(request, b"MessageStatus=delivered") {
        Some(_) => (&b"MessageSid="[..], b'&'),
        None => (&b"type=1&number="[..], b' '),
    };
    let rest = &request[find(request, mark)? + mark.len()..];
    rest.split(|byte| *byte == end).next()
}

/// The length of the first request in `buffer`, when it is there as a whole.
fn complete(buffer: &[u8]) -> Option<usize> {
    let head = find(buffer, b"\r\n\r\n")? + 4;
    let length = content_length(&buffer[..head])?;
    (buffer.len() >= head + length).then_some(head + length)
}

/// The `Content-Length` of a head; 0 when it has none.
pub fn content_length(head: &[u8]) -> Option<usize> {
    let lower = head.to_ascii_lowercase();
    let Some(at) = find(&lower, b"\r\ncontent-length:") else { return Some(0) };
    let rest = &lower[at + 17..];
    let end = find(rest, b"\r\n")?;
    std::str::from_utf8(&rest[..end]).ok()?.trim().parse().ok()
}

/// Where `needle` begins.
pub fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}
