//! Messages in memory that wait for their carrier: one lane for each sender, at the sender's rate,
//! accounts in turn, what is urgent before what is not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use base::Instant;

use crate::messaging::MessageKey;
use crate::messaging::dispatch::Waiting;
use crate::messaging::turns::{LaneKey, Turns};

/// All lanes of one carrier.
pub struct Lanes {
    /// Segments a second for each sender; 0 means no limit.
    rate: u32,
    lanes: BTreeMap<LaneKey, Lane>,
    turns: Turns,
    /// Senders that have to wait for their rate, by the instant at which they may go on.
    paced: BTreeSet<(Instant, LaneKey)>,
}

/// Messages of one sender: the urgent ones, then the others, each in the order in which they came.
#[derive(Default)]
struct Lane {
    waiting: VecDeque<Waiting>,
    /// How many of them, at the front, are urgent.
    urgent: usize,
    /// Whether it stands in line among the others, and among the urgent ones.
    lined: [bool; 2],
    /// When the sender may send its next segment.
    free_at: Instant,
}

impl Lane {
    fn push(&mut self, waiting: Waiting) {
        if waiting.urgent {
            self.waiting.insert(self.urgent, waiting);
            self.urgent += 1;
        } else {
            self.waiting.push_back(waiting);
        }
    }

    fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        self.urgent -= usize::from(waiting.urgent);
        Some(waiting)
    }

    fn remove(&mut self, key: MessageKey) {
        self.waiting.retain(|waiting| waiting.key != key);
        self.urgent = self.waiting.iter().filter(|waiting| waiting.urgent).count();
        if self.waiting.is_empty() {
            self.lined = [false; 2];
        }
    }
}

impl Lanes {
    /// No messages, and `rate` segments a second for each sender.
    pub fn new(rate: u32) -> Self {
        Self { rate, lanes: BTreeMap::new(), turns: Turns::default(), paced: BTreeSet::new() }
    }

    /// Puts a message into its sender's lane.
    pub fn push(&mut self, waiting: Waiting, now: Instant) {
        let sender = (waiting.key.account, waiting.submission.from.clone());
        self.lanes.entry(sender.clone()).or_default().push(waiting);
        self.line_up(sender, now);
    }

    /// Lines a sender up that has something to send, once it may. One that has something urgent
    /// stands in line a second time, further in front.
    fn line_up(&mut self, sender: LaneKey, now: Instant) {
        let Some(lane) = self.lanes.get_mut(&sender).filter(|lane| !lane.waiting.is_empty()) else {
            return;
        };
        let urgent = lane.urgent > 0;
        if lane.free_at > now {
            self.paced.insert((lane.free_at, sender));
        } else if !std::mem::replace(&mut lane.lined[usize::from(urgent)], true) {
            self.turns.push(sender, urgent);
        }
    }

    /// Lines up those whose rate lets them go on.
    pub fn wake(&mut self, now: Instant) {
        while self.paced.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, sender)) = self.paced.pop_first() {
                self.line_up(sender, now);
            }
        }
    }

    /// Takes the message whose turn it is.
    pub fn take(&mut self, now: Instant) -> Option<Waiting> {
        loop {
            let (sender, urgent) = self.turns.take()?;
            let Some(lane) = self.lanes.get_mut(&sender) else { continue };
            lane.lined[usize::from(urgent)] = false;
            // Who stood in line twice may have nothing left to send, or may not yet.
            let waiting = if lane.free_at > now { None } else { lane.pop() };
            if let Some(waiting) = &waiting {
                lane.free_at = next_free(lane.free_at, waiting, self.rate, now);
            }
            self.forget_idle(&sender, now);
            self.line_up(sender, now);
            if waiting.is_some() {
                return waiting;
            }
        }
    }

    /// A lane without messages still knows when its sender may go on, and where it stands.
    fn forget_idle(&mut self, sender: &LaneKey, now: Instant) {
        let idle = |lane: &Lane| {
            lane.waiting.is_empty() && lane.free_at <= now && lane.lined == [false; 2]
        };
        if self.lanes.get(sender).is_some_and(idle) {
            self.lanes.remove(sender);
        }
    }

    /// Takes a message out that is not to be sent any more.
    pub fn remove(&mut self, key: MessageKey, now: Instant) {
        self.lanes.values_mut().for_each(|lane| lane.remove(key));
        self.lanes.retain(|_, lane| !lane.waiting.is_empty() || lane.free_at > now);
        let waits =
            |sender: &LaneKey| self.lanes.get(sender).is_some_and(|lane| !lane.waiting.is_empty());
        self.turns.retain(waits);
        self.paced.retain(|(_, sender)| waits(sender));
    }

    /// Whether somebody stands in line.
    pub fn is_ready(&self) -> bool {
        !self.turns.is_empty()
    }

    /// When the next sender may go on.
    pub fn wake_at(&self) -> Option<Instant> {
        self.paced.first().map(|(at, _)| *at)
    }
}

/// When a sender may go on after a message.
fn next_free(free_at: Instant, waiting: &Waiting, rate: u32, now: Instant) -> Instant {
    if rate == 0 {
        return free_at;
    }
    let per_segment = 1_000_000 / u64::from(rate);
    let takes = Duration::from_micros(per_segment * u64::from(waiting.segments.max(1)));
    free_at.max(now) + takes
}

#[cfg(test)]
mod tests {
    use base::{AccountSid, MessageSid, Sid};

    use super::*;
    use crate::carriers::{CarrierId, Submission};

    fn waiting(number: u8, from: &str, urgent: bool) -> Waiting {
        let account = AccountSid::from_bytes([1; 16]);
        let key = MessageKey { account, sid: MessageSid::from_bytes([number; 16]) };
        let submission = Submission {
            key: key.to_bytes(),
            from: from.to_owned(),
            to: String::new(),
            body: String::new(),
            media: Vec::new(),
            expires_at: None,
            done: Vec::new(),
        };
        Waiting {
            key,
            carrier: CarrierId(0),
            submission,
            segments: 1,
            due_at: Instant::default(),
            expires_at: None,
            urgent,
            doomed: None,
        }
    }

    fn taken(lanes: &mut Lanes, now: Instant) -> Vec<u8> {
        std::iter::from_fn(|| lanes.take(now)).map(|waiting| waiting.key.sid.bytes()[0]).collect()
    }

    #[test]
    fn a_code_overtakes_the_bulk_of_its_own_and_of_other_senders() {
        let (mut lanes, now) = (Lanes::new(0), Instant::from_secs(10));
        for number in 1..=3 {
            lanes.push(waiting(number, "bulk", false), now);
        }
        lanes.push(waiting(9, "bulk", true), now);
        lanes.push(waiting(8, "codes", true), now);
        lanes.push(waiting(7, "bulk", true), now);
        assert_eq!(taken(&mut lanes, now), [9, 8, 7, 1, 2, 3]);
        assert!(!lanes.is_ready() && lanes.lanes.is_empty(), "nothing is left behind");
    }

    #[test]
    fn a_code_waits_for_its_senders_rate_like_everything_else() {
        let (mut lanes, now) = (Lanes::new(1), Instant::from_secs(10));
        lanes.push(waiting(1, "a", false), now);
        lanes.push(waiting(2, "a", false), now);
        assert_eq!(taken(&mut lanes, now), [1]);
        lanes.push(waiting(3, "a", true), now);
        assert!(taken(&mut lanes, now).is_empty());
        let next = lanes.wake_at().expect("a second later");
        assert_eq!(next, now + Duration::from_secs(1));
        lanes.wake(next);
        assert_eq!(taken(&mut lanes, next), [3]);
    }

    #[test]
    fn what_was_called_back_is_not_sent() {
        let (mut lanes, now) = (Lanes::new(0), Instant::from_secs(10));
        let (first, second) = (waiting(1, "a", true), waiting(2, "a", false));
        let key = first.key;
        lanes.push(first, now);
        lanes.push(second, now);
        lanes.remove(key, now);
        assert_eq!(taken(&mut lanes, now), [2]);
    }
}
