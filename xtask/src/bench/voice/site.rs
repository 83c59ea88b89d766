//! The application: answers what each number does, and serves the prompt that is played.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use media::{Law, tones};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{CALLEE, Number};
use crate::Outcome;
use crate::bench::sink::{content_length, find};

/// The prompt's length.
const PROMPT_MS: u32 = 10_000;

/// A running application.
pub struct Site {
    url: String,
    digits: Arc<AtomicU64>,
}

/// The prompt: two tones, at 8 kHz.
pub fn prompt() -> Vec<i16> {
    let mut samples = Vec::new();
    tones::mix(&[(440.0, 0.2), (620.0, 0.1)], PROMPT_MS, &mut samples);
    samples
}

/// The prompt as a peer's sound file: µ-law without a head.
pub fn prompt_mu_law() -> Vec<u8> {
    prompt().iter().map(|sample| Law::Mu.encode(*sample)).collect()
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
            let (kind, body) = answer(&buffer[..length], digits, own);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            buffer.drain(..length);
            stream.write_all(&[head.as_bytes(), &body].concat()).await?;
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

fn answer(request: &[u8], digits: &AtomicU64, own: &str) -> (&'static str, Vec<u8>) {
    let says = |word: &str| find(request, word.as_bytes()).is_some();
    if request.starts_with(b"GET /prompt.wav") {
        return ("audio/wav", wav(&prompt()));
    }
    if says("&Digits=") || says("\nDigits=") {
        digits.fetch_add(1, Ordering::Relaxed);
    }
    let to = |number: Number| says(&format!("To=%2B{}", number.digits()));
    let verbs = if to(Number::Relay) {
        format!("<Dial><Number>+{CALLEE}</Number></Dial>")
    } else if to(Number::Menu) {
        format!(
            "<Gather numDigits=\"1\" timeout=\"60\" action=\"{own}/voice\">\
             <Play loop=\"0\">{own}/prompt.wav</Play></Gather>"
        )
    } else {
        "<Pause length=\"60\"/>".to_owned()
    };
    ("text/xml", format!("<Response>{verbs}</Response>").into_bytes())
}

/// A file of 16-bit samples at 8 kHz.
fn wav(samples: &[i16]) -> Vec<u8> {
    let size = samples.len() as u32 * 2;
    let mut file = Vec::with_capacity(44 + samples.len() * 2);
    file.extend(b"RIFF");
    file.extend((36 + size).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16u32.to_le_bytes());
    file.extend([1, 0, 1, 0]);
    file.extend(8_000u32.to_le_bytes());
    file.extend(16_000u32.to_le_bytes());
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    file.extend(size.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}
