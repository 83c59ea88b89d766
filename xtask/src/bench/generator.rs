//! The load: keep-alive connections, each with one request at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::sink::{content_length, find};
use crate::Outcome;

/// What is to be sent.
pub struct Load<'a> {
    /// The number of the first one.
    pub first: usize,
    /// How many messages.
    pub messages: usize,
    /// Over how many connections.
    pub connections: usize,
    /// Messages a second; as fast as answers come when absent.
    pub rate: Option<f64>,
    /// Where statuses are told.
    pub callback: &'a str,
    /// A connection that breaks ends its sender, not the run: the server is about to be killed.
    pub fragile: bool,
}

/// Takes texts over HTTP.
pub trait Target {
    /// Where it listens.
    fn address(&self) -> &str;

    /// The request that sends the text with this number.
    fn request(&self, number: usize, callback: &str) -> Vec<u8>;

    /// How the answer of an accept begins.
    fn accepts(&self) -> &'static [u8];
}

/// The text with this number: each is another one, so that copies are seen.
pub fn text(number: usize) -> String {
    format!("Your code is {number:06}. It expires soon.")
}

/// Sends, and answers how long each accept took. At a given rate the time counts from the instant
/// at which the message was due, so that a stalled server can't hide its stall.
pub async fn run(
    target: &Arc<impl Target + Send + Sync + 'static>,
    load: Load<'_>,
) -> Outcome<Vec<Duration>> {
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let mut senders = Vec::new();
    for _ in 0..load.connections {
        let stream = TcpStream::connect(target.address()).await?;
        stream.set_nodelay(true)?;
        let sender = Sender {
            stream,
            target: Arc::clone(target),
            callback: load.callback.to_owned(),
            answer: Vec::with_capacity(4 << 10),
            fragile: load.fragile,
        };
        let (next, first, messages, rate) =
            (Arc::clone(&next), load.first, load.messages, load.rate);
        senders.push(tokio::spawn(sender.run(next, first, messages, rate, started)));
    }
    let mut latencies = Vec::with_capacity(load.messages);
    for sender in senders {
        latencies.extend(sender.await??);
    }
    latencies.sort_unstable();
    Ok(latencies)
}

struct Sender<T> {
    stream: TcpStream,
    target: Arc<T>,
    callback: String,
    answer: Vec<u8>,
    fragile: bool,
}

impl<T: Target> Sender<T> {
    async fn run(
        mut self,
        next: Arc<AtomicUsize>,
        first: usize,
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
            match self.exchange(first + number).await {
                Err(_) if self.fragile => return Ok(latencies),
                exchanged => exchanged?,
            }
            latencies.push(due.elapsed());
        }
    }

    async fn exchange(&mut self, number: usize) -> std::io::Result<()> {
        let request = self.target.request(number, &self.callback);
        self.stream.write_all(&request).await?;
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
        if !self.answer.starts_with(self.target.accepts()) {
            let text = String::from_utf8_lossy(&self.answer).into_owned();
            return Err(std::io::Error::other(text));
        }
        Ok(())
    }
}
