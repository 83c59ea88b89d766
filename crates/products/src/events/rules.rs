//! What is decided about streams: who wants which event, and when a sink is tried again.

use std::collections::BTreeSet;
use std::time::Duration;

use ::store::Event;
use base::{AccountSid, Instant};

use crate::events::types;

/// How long an event waits for its sink at most.
pub(super) const KEPT: Duration = Duration::from_secs(4 * 60 * 60);

/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(5 * 60);

/// A type of events that a subscription wants.
#[derive(Clone, Debug)]
pub(super) struct Subscribed {
    pub(super) account: AccountSid,
    pub(super) subscription: [u8; 16],
    pub(super) sink: [u8; 16],
    pub(super) name: String,
    pub(super) version: i64,
    pub(super) created_at: Instant,
}

/// An event that waits for a sink; event 0 is a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) account: AccountSid,
    pub(super) sink: [u8; 16],
    pub(super) event: i64,
    pub(super) version: i64,
}

/// What waits for whom after these events: each for a sink once, and none from before it was
/// subscribed to.
pub(super) fn wanted(events: &[Event], subscribed: &[Subscribed]) -> Vec<Waiting> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for event in events {
        let Some(known) = types::of_kind(&event.kind) else { continue };
        for by in subscribed {
            let wants =
                by.account == event.account && by.name == known.name && by.created_at <= event.at;
            if wants && seen.insert((by.sink, event.id)) {
                let (account, sink, version) = (by.account, by.sink, by.version);
                found.push(Waiting { account, sink, event: event.id, version });
            }
        }
    }
    found
}

/// The pause after so many tries that failed: a second, doubled each time.
pub(super) fn pause(attempts: i64) -> Duration {
    let doubled = attempts.clamp(1, 20) - 1;
    Duration::from_secs(1 << doubled).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use base::{AnySid, Sid};

    use super::*;

    fn at(second: i64) -> Instant {
        Instant::from_micros(second * 1_000_000)
    }

    fn event(id: i64, account: u8, second: i64) -> Event {
        Event {
            id,
            account: AccountSid::from_bytes([account; 16]),
            object: AnySid { prefix: *b"SM", bytes: [2; 16] },
            object_seq: 1,
            previous: 0,
            kind: "messaging.message.sent".to_owned(),
            at: at(second),
            facts: "{}".to_owned(),
        }
    }

    fn by(subscription: u8, sink: u8) -> Subscribed {
        Subscribed {
            account: AccountSid::from_bytes([1; 16]),
            subscription: [subscription; 16],
            sink: [sink; 16],
            name: "com.twilio.messaging.message.sent".to_owned(),
            version: 1,
            created_at: at(10),
        }
    }

    #[test]
    fn a_sink_gets_an_event_once_and_only_its_accounts_and_only_news() {
        let events = [event(1, 1, 9), event(2, 1, 10), event(3, 2, 11), event(4, 1, 12)];
        let found = wanted(&events, &[by(1, 7), by(2, 7), by(3, 8)]);
        let pairs: Vec<(i64, u8)> = found.iter().map(|one| (one.event, one.sink[0])).collect();
        assert_eq!(pairs, [(2, 7), (2, 8), (4, 7), (4, 8)]);
    }

    #[test]
    fn pauses_grow_to_five_minutes() {
        let seconds: Vec<u64> = (1..12).map(|attempts| pause(attempts).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(pause(i64::MAX), PAUSE_MAX);
    }
}
