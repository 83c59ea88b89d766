//! Which queued call is placed when: so many a second, and at once, for each account.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use base::{AccountSid, CallSid, Instant};

use crate::voice::model::{CallRecord, Plan};

/// Calls that wait, by account.
pub struct Pace {
    /// Calls a second for each account; 0 means no limit.
    rate: u32,
    /// Calls at once for each account; 0 means no limit.
    limit: u32,
    waiting: BTreeMap<AccountSid, VecDeque<(CallRecord, Plan)>>,
    next_at: BTreeMap<AccountSid, Instant>,
    live: BTreeMap<AccountSid, BTreeSet<CallSid>>,
    /// Calls that do not wait for their turn yet.
    later: BTreeMap<(Instant, CallSid), (CallRecord, Plan)>,
}

impl Pace {
    /// So many calls a second and at once, for each account; 0 means no limit.
    pub fn new(rate: u32, limit: u32) -> Self {
        let (waiting, next_at, live) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { rate, limit, waiting, next_at, live, later: BTreeMap::new() }
    }

    /// A call waits, after its delay.
    pub fn queue(&mut self, record: CallRecord, plan: Plan) {
        if plan.delay_s > 0 {
            let at = record.created_at + Duration::from_secs(u64::from(plan.delay_s));
            self.later.insert((at, record.key.sid), (record, plan));
            return;
        }
        self.turn(record, plan);
    }

    /// A call waits for its turn.
    fn turn(&mut self, record: CallRecord, plan: Plan) {
        self.waiting.entry(record.key.account).or_default().push_back((record, plan));
    }

    /// A waiting call is called back; it is answered when it was there.
    pub fn remove(&mut self, call: CallSid) -> Option<CallRecord> {
        let late = self.later.keys().copied().find(|(_, sid)| *sid == call);
        if let Some((record, _)) = late.and_then(|key| self.later.remove(&key)) {
            return Some(record);
        }
        self.waiting.values_mut().find_map(|queue| {
            let at = queue.iter().position(|(record, _)| record.key.sid == call)?;
            queue.remove(at).map(|(record, _)| record)
        })
    }

    fn has_room(&self, account: AccountSid) -> bool {
        let live = self.live.get(&account).map_or(0, BTreeSet::len);
        self.limit == 0 || live < self.limit as usize
    }

    /// The next call whose turn it is.
    pub fn next(&mut self, now: Instant) -> Option<(CallRecord, Plan)> {
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= now) {
            let (record, plan) = entry.remove();
            self.turn(record, plan);
        }
        let due = |account: &AccountSid| {
            self.next_at.get(account).is_none_or(|at| *at <= now) && self.has_room(*account)
        };
        let account = self.waiting.keys().copied().find(due)?;
        let queue = self.waiting.get_mut(&account)?;
        let next = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&account);
        }
        let (record, plan) = next?;
        if self.rate > 0 {
            let pause = Duration::from_secs(1) / self.rate;
            self.next_at.insert(account, now + pause);
        }
        self.live.entry(account).or_default().insert(record.key.sid);
        Some((record, plan))
    }

    /// A call is over.
    pub fn gone(&mut self, call: CallSid) {
        self.live.retain(|_, calls| {
            calls.remove(&call);
            !calls.is_empty()
        });
    }

    /// When the next call is due, as far as time alone decides.
    pub fn wake_at(&self) -> Option<Instant> {
        let waiting = self.waiting.keys().filter(|account| self.has_room(**account));
        let turns = waiting.filter_map(|account| self.next_at.get(account).copied());
        turns.chain(self.later.keys().next().map(|(at, _)| *at)).min()
    }
}

#[cfg(test)]
mod tests {
    use base::{AccountSid, CallSid, Instant, Sid};

    use super::*;
    use crate::voice::model::{CallKey, Direction, Status};

    fn call(account: u8, sid: u8) -> CallRecord {
        let key = CallKey {
            account: AccountSid::from_bytes([account; 16]),
            sid: CallSid::from_bytes([sid; 16]),
        };
        CallRecord {
            key,
            parent: None,
            direction: Direction::OutboundApi,
            status: Status::Queued,
            from: String::new(),
            to: String::new(),
            caller_name: None,
            forwarded_from: None,
            number: None,
            price: None,
            created_at: Instant::default(),
            updated_at: Instant::default(),
            started_at: None,
            answered_at: None,
            ended_at: None,
            callback: None,
            callbacks: 0,
            sip_code: 0,
            event: (0, 0),
            salt: [0; 16],
            node: String::new(),
        }
    }

    #[test]
    fn each_account_has_its_pace_and_its_room() {
        let mut pace = Pace::new(2, 2);
        let start = Instant::from_secs(1);
        for sid in 1..=3 {
            pace.queue(call(1, sid), Plan::default());
        }
        pace.queue(call(2, 9), Plan::default());
        let placed = |pace: &mut Pace, at| {
            let next = pace.next(at);
            next.map(|(record, _)| record.key.sid.bytes()[0])
        };
        assert_eq!(placed(&mut pace, start), Some(1));
        assert_eq!(placed(&mut pace, start), Some(9), "another account does not wait");
        assert_eq!(placed(&mut pace, start), None);
        let later = pace.wake_at().expect("an instant");
        assert_eq!(placed(&mut pace, later), Some(2));
        let much_later = later + Duration::from_secs(9);
        assert_eq!(placed(&mut pace, much_later), None, "two at once");
        pace.gone(CallSid::from_bytes([1; 16]));
        assert_eq!(placed(&mut pace, much_later), Some(3));
    }

    #[test]
    fn a_call_with_a_delay_waits_and_can_be_called_back() {
        let mut pace = Pace::new(0, 0);
        let late = |sid| {
            let record = CallRecord { created_at: Instant::from_secs(10), ..call(1, sid) };
            (record, Plan { delay_s: 5, ..Plan::default() })
        };
        for sid in [1, 2] {
            let (record, plan) = late(sid);
            pace.queue(record, plan);
        }
        assert!(pace.next(Instant::from_secs(14)).is_none());
        assert_eq!(pace.wake_at(), Some(Instant::from_secs(15)));
        assert!(pace.remove(CallSid::from_bytes([1; 16])).is_some());
        let placed = pace.next(Instant::from_secs(15)).expect("its delay is over");
        assert_eq!(placed.0.key.sid, CallSid::from_bytes([2; 16]));
        assert!(pace.next(Instant::from_secs(99)).is_none() && pace.wake_at().is_none());
    }
}
