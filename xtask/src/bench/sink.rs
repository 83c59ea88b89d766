//! The application's side: answers callbacks as fast as it can and counts them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Outcome;

/// A running sink.
pub struct Sink {
    url: String,
    finals: Arc<AtomicU64>,
}

impl Sink {
    /// Listens on a free port of loopback.
    pub async fn start() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/status", listener.local_addr()?);
        let finals = Arc::new(AtomicU64::new(0));
        let counting = Arc::clone(&finals);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let finals = Arc::clone(&counting);
                tokio::spawn(async move {
                    // A connection that breaks shows as callbacks that are missing.
                    let _ = answer(stream, &finals).await;
                });
            }
        });
        Ok(Self { url, finals })
    }

    /// Where callbacks go.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many `delivered` came.
    pub fn finals(&self) -> u64 {
        self.finals.load(Ordering::Relaxed)
    }
}

async fn answer(mut stream: TcpStream, finals: &AtomicU64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(16 << 10);
    loop {
        while let Some(length) = complete(&buffer) {
            let body = &buffer[..length];
            if find(body, b"MessageStatus=delivered").is_some() {
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
