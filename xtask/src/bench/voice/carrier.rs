//! The carrier's signalling: places calls, takes those that come, and hangs up. As little SIP as a
//! benchmark on loopback needs (RFC 3261), written without the product's own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::streams::{EVENTS, Streams};
use crate::Outcome;

/// An answer is waited for so long before a request is sent again; five times.
const PATIENCE: Duration = Duration::from_millis(1_500);
const TRIES: usize = 5;

/// What went wrong with a call.
type Told<T> = Result<T, String>;

/// The carrier's end.
#[derive(Clone)]
pub struct Carrier(Arc<Inner>);

struct Inner {
    socket: UdpSocket,
    own: SocketAddr,
    product: SocketAddr,
    streams: Streams,
    next: AtomicU64,
    /// Who waits for answers, by Call-ID.
    waiting: Mutex<HashMap<String, UnboundedSender<String>>>,
    /// Calls that came: their legs, and what was answered, by Call-ID.
    taken: Mutex<HashMap<String, (u64, String)>>,
    /// Calls that the product has hung up.
    hung_up: AtomicU64,
}

/// A call that was answered.
pub struct Call {
    leg: u64,
    call_id: String,
    from: String,
    to: String,
    target: String,
    answers: UnboundedReceiver<String>,
    /// From the INVITE to its answer.
    pub took: Duration,
}

impl Carrier {
    /// Listens on `port` of loopback for a product at `product`.
    pub async fn start(port: u16, product: SocketAddr) -> Outcome<Self> {
        let own = SocketAddr::from(([127, 0, 0, 1], port));
        let carrier = Self(Arc::new(Inner {
            socket: UdpSocket::bind(own).await?,
            own,
            product,
            streams: Streams::start(),
            next: AtomicU64::new(1),
            waiting: Mutex::default(),
            taken: Mutex::default(),
            hung_up: AtomicU64::new(0),
        }));
        let listening = carrier.clone();
        tokio::spawn(async move {
            let mut buffer = vec![0; 64 << 10];
            // Errors are those of datagrams that were sent before.
            loop {
                if let Ok((len, from)) = listening.0.socket.recv_from(&mut buffer).await
                    && let Ok(text) = std::str::from_utf8(&buffer[..len])
                {
                    listening.take(text, from).await;
                }
            }
        });
        Ok(carrier)
    }

    /// Its media.
    pub fn streams(&self) -> &Streams {
        &self.0.streams
    }

    /// How many calls the product has ended.
    pub fn hung_up(&self) -> u64 {
        self.0.hung_up.load(Ordering::Relaxed)
    }

    /// Places a call to a number and waits for its answer; `presses` digits when it may.
    pub async fn call(&self, number: &str, presses: bool) -> Told<Call> {
        let inner = &self.0;
        let name = inner.next.fetch_add(1, Ordering::Relaxed);
        let call_id = format!("{name}-{}.bench", std::process::id());
        let (sender, answers) = unbounded_channel();
        lock(&inner.waiting).insert(call_id.clone(), sender);
        let port = inner.streams.open(name).map_err(|error| error.to_string())?;
        let from = format!("<sip:+15557{:06}@{}>;tag=c{name}", name % 1_000_000, inner.own);
        let to = format!("<sip:{number}@{}>", inner.product);
        let target = format!("sip:{number}@{}", inner.product);
        let mut call = Call { leg: name, call_id, from, to, target, answers, took: Duration::ZERO };
        let body = inner.session(port);
        let text = inner.request(&call, "INVITE", 1, Some(&body));
        let asked = Instant::now();
        let answer = inner.exchange(&mut call, &text, "INVITE").await;
        call.took = asked.elapsed();
        if let Some(to) = answer.as_deref().ok().and_then(|answer| header(answer, "to")) {
            call.to = to.to_owned();
        }
        let answered = answer.and_then(|answer| {
            let contact = header(&answer, "contact").ok_or("no Contact")?;
            call.target = uri(contact).to_owned();
            media_of(&answer).ok_or_else(|| format!("no media: {answer}"))
        });
        let peer = match answered {
            Ok(peer) => peer,
            Err(error) => {
                inner.forget(&call);
                return Err(error);
            }
        };
        inner.send(&inner.request(&call, "ACK", 1, None), inner.product).await;
        inner.streams.speak(name, peer, presses).map_err(|error| error.to_string())?;
        Ok(call)
    }

    /// Ends a call.
    pub async fn hang_up(&self, mut call: Call) -> Told<()> {
        let text = self.0.request(&call, "BYE", 2, None);
        let ended = self.0.exchange(&mut call, &text, "BYE").await;
        self.0.forget(&call);
        ended.map(drop)
    }

    async fn take(&self, text: &str, from: SocketAddr) {
        let Some(call_id) = header(text, "call-id") else { return };
        if text.starts_with("SIP/2.0 ") {
            if let Some(waiting) = lock(&self.0.waiting).get(call_id) {
                // Who does not wait any longer has dropped it.
                let _ = waiting.send(text.to_owned());
            }
            return;
        }
        let method = text.split(' ').next().unwrap_or_default();
        let answer = match method {
            "ACK" => return,
            "INVITE" => match self.0.answer(text, call_id) {
                Ok(answer) => answer,
                Err(_) => reply(text, "503 Service Unavailable", "", ""),
            },
            "BYE" => {
                self.0.hung_up.fetch_add(1, Ordering::Relaxed);
                let taken = lock(&self.0.taken).remove(call_id);
                if let Some((leg, _)) = taken {
                    let _ = self.0.streams.close(leg);
                }
                reply(text, "200 OK", "", "")
            }
            _ => reply(text, "200 OK", "", ""),
        };
        self.0.send(&answer, from).await;
    }
}

impl Inner {
    async fn send(&self, text: &str, to: SocketAddr) {
        // What can't be sent is sent again when no answer comes.
        let _ = self.socket.send_to(text.as_bytes(), to).await;
    }

    /// Sends until a final answer of this method comes: that answer, when it is a 200.
    async fn exchange(&self, call: &mut Call, text: &str, method: &str) -> Told<String> {
        for _ in 0..TRIES {
            self.send(text, self.product).await;
            let mut ringing = false;
            while let Ok(Some(answer)) = match ringing {
                true => Ok(call.answers.recv().await),
                false => timeout(PATIENCE, call.answers.recv()).await,
            } {
                let of = header(&answer, "cseq").and_then(|cseq| cseq.split(' ').nth(1));
                let status = answer.get(8..11).and_then(|status| status.parse::<u16>().ok());
                match status.filter(|_| of == Some(method)) {
                    Some(200..=299) => return Ok(answer),
                    Some(100..=199) => ringing = true,
                    Some(status) => {
                        if method == "INVITE" {
                            self.send(&refused(text, &answer), self.product).await;
                        }
                        return Err(format!("{method} was answered {status}"));
                    }
                    None => {}
                }
            }
        }
        Err(format!("{method} was not answered"))
    }

    /// Takes a call that comes, once.
    fn answer(&self, invite: &str, call_id: &str) -> Outcome<String> {
        if let Some((_, answer)) = lock(&self.taken).get(call_id) {
            return Ok(answer.clone());
        }
        let name = self.next.fetch_add(1, Ordering::Relaxed);
        let peer = media_of(invite).ok_or("no offer")?;
        let port = self.streams.open(name)?;
        self.streams.speak(name, peer, false)?;
        let more = format!("Contact: <sip:{}>\r\nContent-Type: application/sdp\r\n", self.own);
        let tag = format!(";tag=t{name}");
        let answer = reply(invite, "200 OK", &tag, &more) + &self.session(port);
        let answer = sized(&answer);
        lock(&self.taken).insert(call_id.to_owned(), (name, answer.clone()));
        Ok(answer)
    }

    fn session(&self, port: u16) -> String {
        let ip = self.own.ip();
        format!(
            "v=0\r\no=- {port} 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0 {EVENTS}\r\na=rtpmap:0 PCMU/8000\r\n\
             a=rtpmap:{EVENTS} telephone-event/8000\r\na=fmtp:{EVENTS} 0-15\r\n\
             a=ptime:20\r\na=sendrecv\r\n"
        )
    }

    fn request(&self, call: &Call, method: &str, number: u32, body: Option<&str>) -> String {
        let Call { call_id, from, to, target, .. } = call;
        // An ACK of a 200 is a transaction of its own (RFC 3261 §13.2.2.4).
        let branch = format!("z9hG4bK{method}{number}{call_id}");
        let kind = if body.is_some() { "Content-Type: application/sdp\r\n" } else { "" };
        let body = body.unwrap_or_default();
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch={branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
             CSeq: {number} {method}\r\nContact: <sip:{own}>\r\n{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len(),
            own = self.own,
        )
    }

    fn forget(&self, call: &Call) {
        lock(&self.waiting).remove(&call.call_id);
        // The media thread is there as long as this is.
        let _ = self.streams.close(call.leg);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The ACK of a refusal: of the INVITE's transaction (RFC 3261 §17.1.1.3).
fn refused(invite: &str, answer: &str) -> String {
    let (head, _) = invite.split_once("\r\n\r\n").unwrap_or((invite, ""));
    let lines = head.split("\r\n").filter_map(|line| match line.split(':').next() {
        Some("To") => header(answer, "to").map(|to| format!("To: {to}")),
        Some("CSeq") => Some("CSeq: 1 ACK".to_owned()),
        Some("Content-Type" | "Content-Length" | "Contact") => None,
        _ => Some(line.replacen("INVITE ", "ACK ", 1)),
    });
    let lines: Vec<String> = lines.collect();
    format!("{}\r\nContent-Length: 0\r\n\r\n", lines.join("\r\n"))
}

/// An answer to a request, without a body.
fn reply(request: &str, status: &str, tag: &str, more: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    let (head, _) = request.split_once("\r\n\r\n").unwrap_or((request, ""));
    for line in head.split("\r\n").skip(1) {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let tag = if name == "to" && !line.contains(";tag=") { tag } else { "" };
        if matches!(&*name, "via" | "from" | "to" | "call-id" | "cseq" | "record-route") {
            text.extend([line, tag, "\r\n"]);
        }
    }
    text + more + "Content-Length: 0\r\n\r\n"
}

/// A message with the length that its body has.
fn sized(text: &str) -> String {
    let body = text.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
    text.replacen("Content-Length: 0", &format!("Content-Length: {body}"), 1)
}

/// A header's value; its name in lower case.
fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let mut lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    lines.find(|(own, _)| own.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn uri(contact: &str) -> &str {
    let inside = contact.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or(contact, |(uri, _)| uri)
}

/// Where the media of a description is.
fn media_of(text: &str) -> Option<SocketAddr> {
    let (_, body) = text.split_once("\r\n\r\n")?;
    let line = |start: &str| body.lines().find_map(|line| line.strip_prefix(start));
    let ip = line("c=IN IP4 ")?.trim().parse().ok()?;
    let port = line("m=audio ")?.split(' ').next()?.parse().ok()?;
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\n\
        From: <sip:x@y>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 7\r\nCSeq: 1 INVITE\r\n\
        Contact: <sip:x@y:5>\r\nContent-Length: 4\r\n\r\n\
        v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n";

    #[test]
    fn headers_and_media_are_read() {
        assert_eq!(header(INVITE, "call-id"), Some("7"));
        assert_eq!(header(INVITE, "contact").map(uri), Some("sip:x@y:5"));
        assert_eq!(media_of(INVITE), Some(SocketAddr::from(([192, 0, 2, 1], 4_000))));
    }

    #[test]
    fn answers_repeat_what_they_must() {
        let answer = sized(&(reply(INVITE, "200 OK", ";tag=9", "") + "v=0"));
        assert!(answer.starts_with("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\n"));
        assert!(answer.contains("To: <sip:a@b>;tag=9\r\n") && !answer.contains("Contact"));
        assert!(answer.ends_with("Content-Length: 3\r\n\r\nv=0"));
        let ack = refused(INVITE, &answer);
        assert!(ack.starts_with("ACK sip:a@b SIP/2.0\r\nVia:") && ack.contains("CSeq: 1 ACK"));
        assert!(ack.contains("To: <sip:a@b>;tag=9\r\n"));
    }
}
