//! The load: keep-alive connections, each with one request at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::Server;
use super::sink::{content_length, find};
use crate::Outcome;

/// What is to be sent.
pub struct Load<'a> {
    /// How many messages.
    pub messages: usize,
    /// Over how many connections.
    pub connections: usize,
    /// Messages a second; as fast as answers come when absent.
    pub rate: Option<f64>,
    /// Where statuses are told.
    pub callback: &'a str,
}

/// Sends, and answers how long each accept took. At a given rate the time counts from the instant
/// at which the message was due, so that a stalled server can't hide its stall.
pub async fn run(server: &Server, load: Load<'_>) -> Outcome<Vec<Duration>> {
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let mut senders = Vec::new();
    for _ in 0..load.connections {
        let stream = TcpStream::connect(server.address()).await?;
        stream.set_nodelay(true)?;
        let sender = Sender {
            stream,
            head: server.request_head(),
            callback: load.callback.replace(':', "%3A").replace('/', "%2F"),
            from: server.number().trim_start_matches('+').to_owned(),
            answer: Vec::with_capacity(4 << 10),
        };
        let (next, messages, rate) = (Arc::clone(&next), load.messages, load.rate);
        senders.push(tokio::spawn(sender.run(next, messages, rate, started)));
    }
    let mut latencies = Vec::with_capacity(load.messages);
    for sender in senders {
        latencies.extend(sender.await??);
    }
    latencies.sort_unstable();
    Ok(latencies)
}

struct Sender {
    stream: TcpStream,
    head: String,
    callback: String,
    from: String,
    answer: Vec<u8>,
}

impl Sender {
    async fn run(
        mut self,
        next: Arc<AtomicUsize>,
        messages: usize,
        rate: Option<f64>,
        started: Instant,
    ) -> std::io::Result<Vec<Duration>> {
        let mut latencies = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= messages {
                return Ok(latencies);
            }
            let due = match rate {
                None => Instant::now(),
                Some(rate) => {
                    let due = started + Duration::from_secs_f64(number as f64 / rate);
                    tokio::time::sleep_until(due.into()).await;
                    due
                }
            };
            self.exchange(number).await?;
            latencies.push(due.elapsed());
        }
    }

    async fn exchange(&mut self, number: usize) -> std::io::Result<()> {
        let body = format!(
            "From=%2B{}&To=%2B1555867{:04}&Body=Your+code+is+{:06}.+It+expires+soon.&StatusCallback={}",
            self.from,
            number % 10_000,
            number % 1_000_000,
            self.callback
        );
        let request = format!("{}Content-Length: {}\r\n\r\n{body}", self.head, body.len());
        self.stream.write_all(request.as_bytes()).await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let Some(head) = find(&self.answer, b"\r\n\r\n") else { continue };
            let length = content_length(&self.answer[..head + 2]).unwrap_or(0);
            if self.answer.len() >= head + 4 + length {
                break;
            }
        }
        if !self.answer.starts_with(b"HTTP/1.1 201") {
            let text = String::from_utf8_lossy(&self.answer).into_owned();
            return Err(std::io::Error::other(text));
        }
        Ok(())
    }
}
