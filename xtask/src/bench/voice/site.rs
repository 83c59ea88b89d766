//! The application: answers what each number does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use media::{Law, tones};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{CALLEE, Number};
use crate::Outcome;
use crate::bench::sink::{content_length, find};

/// The peer's prompt lasts so long.
const PROMPT_MS: u32 = 10_000;

/// What the product says; about as long.
const MENU: &str = "Thank you for calling. For sales, press one. For support, press two. For our \
    opening hours, press three. To hear all of this once more, stay on the line.";

/// A running application.
pub struct Site {
    url: String,
    digits: Arc<AtomicU64>,
}

/// The prompt as a peer's sound file: µ-law without a head.
pub fn prompt() -> Vec<u8> {
    let mut samples = Vec::new();
    tones::mix(&[(440.0, 0.2), (620.0, 0.1)], PROMPT_MS, &mut samples);
    samples.iter().map(|sample| Law::Mu.encode(*sample)).collect()
}

impl Site {
    /// Listens on a free port of loopback.
    pub async fn start() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let digits = Arc::new(AtomicU64::new(0));
        let (counting, own) = (Arc::clone(&digits), url.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (digits, own) = (Arc::clone(&counting), own.clone());
                tokio::spawn(async move {
                    // A connection that breaks shows as calls that fail.
                    let _ = serve(stream, &digits, &own).await;
                });
            }
        });
        Ok(Self { url, digits })
    }

    /// What to do with a call is asked here.
    pub fn url(&self) -> String {
        format!("{}/voice", self.url)
    }

    /// Digits that were told since this was asked last.
    pub fn digits(&self) -> u64 {
        self.digits.swap(0, Ordering::Relaxed)
    }
}

async fn serve(mut stream: TcpStream, digits: &AtomicU64, own: &str) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(16 << 10);
    loop {
        while let Some(head) = find(&buffer, b"\r\n\r\n").map(|at| at + 4) {
            let length = head + content_length(&buffer[..head]).unwrap_or(0);
            if buffer.len() < length {
                break;
            }
            let body = answer(&buffer[..length], digits, own);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml";
            let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            buffer.drain(..length);
            stream.write_all(answer.as_bytes()).await?;
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

fn answer(request: &[u8], digits: &AtomicU64, own: &str) -> String {
    let says = |word: &str| find(request, word.as_bytes()).is_some();
    if says("&Digits=") || says("\nDigits=") {
        digits.fetch_add(1, Ordering::Relaxed);
    }
    let to = |number: Number| says(&format!("To=%2B{}", number.digits()));
    let verbs = if to(Number::Relay) {
        format!("<Dial><Number>+{CALLEE}</Number></Dial>")
    } else if to(Number::Menu) {
        format!(
            "<Gather numDigits=\"1\" timeout=\"60\" action=\"{own}/voice\">\
             <Say loop=\"0\">{MENU}</Say></Gather>"
        )
    } else {
        // A pause would not answer the call.
        "<Gather timeout=\"60\"/>".to_owned()
    };
    format!("<Response>{verbs}</Response>")
}
