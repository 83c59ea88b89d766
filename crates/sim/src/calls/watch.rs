//! Watches what the node sends and hears: the times of RFC 3261, and one final answer to a call.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::Instant;

/// Times A and E give no more than so many in 32 s (§17.1.1.2, §17.1.2.2).
const INVITES_MAX: u32 = 7;
const OTHERS_MAX: u32 = 11;

/// 64 times T1: Timers B, F and H, and a success's own (§13.3.1.4).
const PATIENCE: Duration = Duration::from_secs(32);

/// A message as far as it matters here.
struct Seen {
    /// Of a response.
    status: Option<u16>,
    method: String,
    branch: String,
    call: String,
    seq: String,
}

#[derive(Default)]
struct Sent {
    first_at: Option<Instant>,
    times: u32,
}

/// What is known of one life of the node.
#[derive(Default)]
pub(super) struct Watch {
    /// Requests of the node by branch and method.
    requests: BTreeMap<(String, String), Sent>,
    /// Those that may not be repeated any more.
    answered: BTreeSet<(String, String)>,
    /// Final answers of the node to INVITEs, by call and number.
    finals: BTreeMap<(String, String), (u16, Sent)>,
    acknowledged: BTreeSet<(String, String)>,
    /// What was wrong first.
    pub(super) broken: Option<String>,
}

impl Watch {
    fn wrong(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }

    /// The node has a datagram.
    pub(super) fn heard(&mut self, octets: &[u8]) {
        let Some(seen) = read(octets) else { return };
        match seen.status {
            Some(status) => {
                let ends = status >= 200 || seen.method == "INVITE";
                if ends {
                    self.answered.insert((seen.branch, seen.method));
                }
            }
            None if seen.method == "ACK" => {
                self.acknowledged.insert((seen.call, seen.seq));
            }
            None => {}
        }
    }

    /// The node sends a datagram.
    pub(super) fn sent(&mut self, now: Instant, octets: &[u8]) {
        let Some(seen) = read(octets) else { return };
        match seen.status {
            None if seen.method == "ACK" => {}
            None => self.request(now, seen),
            Some(200..) if seen.method == "INVITE" => self.answer(now, seen),
            Some(_) => {}
        }
    }

    fn request(&mut self, now: Instant, seen: Seen) {
        let key = (seen.branch, seen.method);
        if self.answered.contains(&key) {
            return self.wrong(format!("{} {} is repeated after its answer", key.1, key.0));
        }
        let most = if key.1 == "INVITE" { INVITES_MAX } else { OTHERS_MAX };
        let sent = self.requests.entry(key.clone()).or_default();
        sent.times += 1;
        let first_at = *sent.first_at.get_or_insert(now);
        if sent.times > most || now.since(first_at) > PATIENCE {
            let (times, after) = (sent.times, now.since(first_at));
            self.wrong(format!("{} {} was sent {times} times in {after:?}", key.1, key.0));
        }
    }

    fn answer(&mut self, now: Instant, seen: Seen) {
        let key = (seen.call, seen.seq);
        let status = seen.status.unwrap_or_default();
        if self.acknowledged.contains(&key) {
            return self.wrong(format!("{status} to {} is repeated after its ACK", key.0));
        }
        let (known, sent) = self.finals.entry(key.clone()).or_insert((status, Sent::default()));
        let known = *known;
        sent.times += 1;
        let first_at = *sent.first_at.get_or_insert(now);
        let late = now.since(first_at) > PATIENCE;
        if known != status {
            self.wrong(format!("{} was answered {known} and then {status}", key.0));
        } else if late {
            self.wrong(format!("{status} to {} was sent after {:?}", key.0, now.since(first_at)));
        }
    }
}

fn read(octets: &[u8]) -> Option<Seen> {
    let text = std::str::from_utf8(octets).ok()?;
    let (first, rest) = text.split_once("\r\n")?;
    let field = |name: &str| {
        let mut lines = rest.lines().take_while(|line| !line.is_empty());
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    let (seq, method) = field("CSeq")?.split_once(' ')?;
    let branch = field("Via")?.split("branch=").nth(1)?.split(';').next()?;
    let status = first.strip_prefix("SIP/2.0 ").and_then(|line| line.get(..3)?.parse().ok());
    Some(Seen {
        status,
        method: method.to_owned(),
        branch: branch.to_owned(),
        call: field("Call-ID")?.to_owned(),
        seq: seq.to_owned(),
    })
}
