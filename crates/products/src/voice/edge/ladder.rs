//! SIP messages of the newest calls, for their timelines: in memory, of a bounded number, without
//! bodies and without what proves who somebody is.

use core::ops::Range;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base::{CallSid, Instant};
use net::sip::Seen;
use serde_json::{Value, json};

/// Messages that are kept.
const KEPT_MAX: usize = 20_000;

/// Octets of a message's head that are looked at.
const HEAD_MAX: usize = 4_096;

/// Header fields whose values are not kept: proofs, and what only we may say.
const SECRET: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "www-authenticate",
    "proxy-authenticate",
    "x-trunkline-knock",
];

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When it was sent, or came.
    pub at: Instant,
    sent: bool,
    transport: &'static str,
    peer: SocketAddr,
    /// The first line and a line a field, of which those that prove something say nothing: one
    /// text, since thousands of them are kept.
    head: Box<str>,
    /// Where the Call-ID is in it.
    dialog: Range<usize>,
    body_octets: usize,
}

impl Step {
    /// As a step of its call's story.
    pub fn view(&self) -> Value {
        let mut lines = self.head.split("\r\n");
        let first_line = lines.next().unwrap_or_default();
        let fields = lines.filter_map(|line| line.split_once(": "));
        let fields = fields.map(|(name, value)| json!([name, value]));
        json!({
            "at": self.at.to_iso8601_micros(),
            "kind": "sip",
            "name": name(first_line),
            "direction": if self.sent { "sent" } else { "received" },
            "transport": self.transport,
            "peer": self.peer.to_string(),
            "first_line": first_line,
            "headers": fields.collect::<Vec<_>>(),
            "body_octets": self.body_octets,
            "facts": {},
        })
    }
}

/// `INVITE`, or `180`.
fn name(first_line: &str) -> &str {
    let mut words = first_line.split(' ');
    match words.next() {
        Some(version) if version.starts_with("SIP/") => words.next().unwrap_or_default(),
        Some(method) => method,
        None => "",
    }
}

#[derive(Default)]
struct Kept {
    steps: VecDeque<Step>,
    dialogs: HashMap<CallSid, String>,
    named: VecDeque<CallSid>,
}

/// The messages; off, it keeps nothing.
pub struct Ladder(Option<Mutex<Kept>>);

impl Ladder {
    /// A ladder that keeps messages, or one that does not.
    pub fn new(on: bool) -> Self {
        Self(on.then(Mutex::default))
    }

    fn lock(&self) -> Option<MutexGuard<'_, Kept>> {
        Some(self.0.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A call's messages have this Call-ID.
    pub(super) fn name(&self, call: CallSid, dialog: &str) {
        let Some(mut kept) = self.lock() else { return };
        if kept.named.len() == KEPT_MAX {
            kept.named.pop_front().map(|oldest| kept.dialogs.remove(&oldest));
        }
        if kept.dialogs.insert(call, dialog.to_owned()).is_none() {
            kept.named.push_back(call);
        }
    }

    /// Keeps a message.
    pub(super) fn keep(&self, at: Instant, seen: &Seen<'_>) {
        let Some(mut kept) = self.lock() else { return };
        let Some(step) = read(at, seen) else { return };
        if kept.steps.len() == KEPT_MAX {
            kept.steps.pop_front();
        }
        kept.steps.push_back(step);
    }

    /// The messages of a call that are still here, in order.
    pub fn of(&self, call: CallSid) -> Vec<Step> {
        let Some(kept) = self.lock() else { return Vec::new() };
        let Some(dialog) = kept.dialogs.get(&call) else { return Vec::new() };
        let own = kept.steps.iter().filter(|step| &step.head[step.dialog.clone()] == dialog);
        own.cloned().collect()
    }
}

/// A message by its head; nothing of what is none, as of a keep-alive.
fn read(at: Instant, seen: &Seen<'_>) -> Option<Step> {
    let end = seen.octets.windows(4).position(|four| four == b"\r\n\r\n");
    let head = end.map_or(seen.octets, |end| &seen.octets[..end]);
    let text = String::from_utf8_lossy(&head[..head.len().min(HEAD_MAX)]);
    let mut lines = text.split("\r\n");
    let mut kept = String::with_capacity(text.len());
    kept.push_str(lines.next().filter(|line| line.contains("SIP/2.0"))?);
    let mut dialog = None;
    for line in lines {
        // A line that goes on belongs to the field before it.
        let Some((name, value)) = line.split_once(':').filter(|_| !line.starts_with([' ', '\t']))
        else {
            continue;
        };
        let (name, value) = (name.trim(), value.trim());
        let secret = SECRET.iter().any(|secret| secret.eq_ignore_ascii_case(name));
        let value = if secret { "[redacted]" } else { value };
        for part in ["\r\n", name, ": ", value] {
            kept.push_str(part);
        }
        let names = name.eq_ignore_ascii_case("Call-ID") || name.eq_ignore_ascii_case("i");
        if names && dialog.is_none() {
            dialog = Some(kept.len() - value.len()..kept.len());
        }
    }
    Some(Step {
        at,
        sent: seen.sent,
        transport: seen.transport.as_str(),
        peer: seen.remote,
        head: kept.into_boxed_str(),
        dialog: dialog?,
        body_octets: end.map_or(0, |end| seen.octets.len() - end - 4),
    })
}

#[cfg(test)]
mod tests {
    use base::Sid as _;

    use super::*;

    fn seen(octets: &[u8], sent: bool) -> Seen<'_> {
        let remote = "192.0.2.1:5060".parse().expect("an address");
        Seen { sent, transport: sip::io::Transport::Udp, remote, octets }
    }

    #[test]
    fn messages_are_found_by_their_call_without_body_and_proof() {
        let (ladder, call) = (Ladder::new(true), CallSid::from_bytes([1; 16]));
        let invite = b"INVITE sip:a@b SIP/2.0\r\nCall-ID: one\r\nAuthorization: Digest x\r\n\
            Subject: a\r\n longer\r\n\r\nv=0\r\n";
        ladder.keep(Instant::from_secs(1), &seen(invite, false));
        ladder.keep(Instant::from_secs(1), &seen(b"\r\n\r\n", false));
        ladder.keep(Instant::from_secs(2), &seen(b"SIP/2.0 200 OK\r\ni: one\r\n\r\n", true));
        ladder.keep(Instant::from_secs(3), &seen(b"SIP/2.0 200 OK\r\ni: other\r\n\r\n", true));
        assert!(ladder.of(call).is_empty(), "nobody said whose it is");
        ladder.name(call, "one");
        let steps: Vec<Value> = ladder.of(call).iter().map(Step::view).collect();
        assert_eq!(steps.len(), 2);
        assert_eq!(
            (&steps[0]["name"], &steps[0]["direction"]),
            (&json!("INVITE"), &json!("received"))
        );
        assert_eq!(steps[0]["body_octets"], 5);
        assert_eq!(steps[0]["headers"][1], json!(["Authorization", "[redacted]"]));
        assert_eq!(
            (&steps[1]["name"], &steps[1]["peer"]),
            (&json!("200"), &json!("192.0.2.1:5060"))
        );
        assert!(Ladder::new(false).of(call).is_empty());
    }
}
