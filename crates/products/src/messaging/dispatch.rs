//! The dispatcher: which waiting message goes to its carrier next. A machine: no table, no socket.
//!
//! Messages are offered from the commit that accepted them (or loaded from the table), wait in one
//! lane for each sender, and leave in turn as the carrier's window and the sender's rate allow.
//! Before a batch is submitted its keys are written down (the *window*), so that after a crash it
//! is known which messages may have been in flight. The table is the truth: memory is bounded,
//! and what does not fit is loaded again later.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use base::{Instant, Sid};
use machine::Machine;

use crate::carriers::{CarrierId, Submission, SubmitOutcome};
use crate::messaging::MessageKey;
use crate::messaging::lanes::Lanes;

/// A message that waits for its carrier.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Which message.
    pub key: MessageKey,
    /// Who delivers it.
    pub carrier: CarrierId,
    /// What is handed to the carrier.
    pub submission: Submission,
    /// SMS parts: what a sender's rate counts.
    pub segments: u32,
    /// Not to be sent before.
    pub due_at: Instant,
    /// Not worth sending after.
    pub expires_at: Option<Instant>,
    /// Goes before what is not, and finds room when memory is full.
    pub urgent: bool,
    /// Accepted, but it can only fail with this code.
    pub doomed: Option<u32>,
}

/// How a dispatcher is set up.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Submissions without an answer at most.
    pub window_max: usize,
    /// Submissions in one batch at most.
    pub batch_max: usize,
    /// Messages kept in memory at most.
    pub memory_max: usize,
    /// Segments a second for each sender; 0 means no limit.
    pub sender_rate: u32,
    /// Messages that waited longer fail with 30001; zero means no limit.
    pub queue_max: Duration,
}

/// What the dispatcher is told.
#[derive(Debug)]
pub enum Input {
    /// Messages that were just accepted.
    Offer(Vec<Waiting>),
    /// What a `Load` brought; `more` when the table has more that is due.
    Loaded {
        /// The messages.
        messages: Vec<Waiting>,
        /// Whether there was more than asked for.
        more: bool,
        /// When the next message that is not due yet will be.
        next_due: Option<Instant>,
    },
    /// The window with this number is on disk.
    WindowStored(u64),
    /// The carrier answered.
    Answered(MessageKey, SubmitOutcome),
    /// A message was called back, removed before it was sent, or moved to another carrier.
    Withdrawn(MessageKey),
    /// The carrier could not be reached for a message, and another one has it now.
    Moved(MessageKey),
    /// The carrier is up again, or messages have become due that were not: look at once.
    Resume,
}

/// What the dispatcher wants.
#[derive(Debug)]
pub enum Output {
    /// Write these keys down before they are submitted, then say `WindowStored`.
    StoreWindow(u64, Vec<MessageKey>),
    /// Hand these to the carrier.
    Submit(Vec<Submission>),
    /// All of a window's messages were answered: its row may go.
    WindowDone(u64),
    /// A message is not to be sent: fail it with this code.
    Fail(MessageKey, u32),
    /// Put a message off: the carrier could not take it.
    PutOff(MessageKey, Instant),
    /// Read up to so many due messages from the table that are not in memory.
    Load(usize),
}

/// A batch whose keys are being written down, or which is in flight.
struct Window {
    waiting: Vec<Waiting>,
}

/// The dispatcher of one carrier's queues.
pub struct Dispatcher {
    config: Config,
    now: Instant,
    lanes: Lanes,
    /// Put off, by the instant at which they may go on.
    later: BTreeSet<(Instant, MessageKey)>,
    put_off: HashMap<MessageKey, Waiting>,
    known: HashMap<MessageKey, Place>,
    windows: BTreeMap<u64, Window>,
    next_window: u64,
    in_flight: usize,
    backoff: Backoff,
    table_has_more: bool,
    loading: bool,
    /// Answered or withdrawn while a load was under way, which may still show them as waiting.
    settled: HashSet<MessageKey>,
    load_at: Option<Instant>,
    outputs: VecDeque<Output>,
}

/// Where a known message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    InLane,
    PutOff,
    InWindow(u64),
}

/// How far the dispatcher holds back from a carrier that can't keep up: additive up, halved down.
struct Backoff {
    allowed: usize,
    resume_at: Instant,
    failures: u32,
}

const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How often the table is looked at even when nothing calls for it.
const RECHECK: Duration = Duration::from_secs(5);

impl Dispatcher {
    /// A dispatcher that begins by loading what the table holds.
    pub fn new(config: Config, now: Instant) -> Self {
        let backoff = Backoff { allowed: config.window_max, resume_at: now, failures: 0 };
        let mut dispatcher = Self {
            config,
            now,
            lanes: Lanes::new(config.sender_rate),
            later: BTreeSet::new(),
            put_off: HashMap::new(),
            known: HashMap::new(),
            windows: BTreeMap::new(),
            next_window: 1,
            in_flight: 0,
            backoff,
            table_has_more: true,
            loading: false,
            settled: HashSet::new(),
            load_at: None,
            outputs: VecDeque::new(),
        };
        dispatcher.load();
        dispatcher
    }

    /// Messages in memory.
    pub fn known(&self) -> usize {
        self.known.len()
    }

    fn take(&mut self, waiting: Waiting) {
        if self.known.contains_key(&waiting.key) {
            return;
        }
        // What is urgent finds room beside what is not, but memory has an end for it as well.
        let shares = if waiting.urgent { 2 } else { 1 };
        if self.known.len() >= self.config.memory_max * shares {
            self.table_has_more = true;
            return;
        }
        if let Some(code) = waiting.doomed {
            self.outputs.push_back(Output::Fail(waiting.key, code));
            return;
        }
        if waiting.due_at > self.now {
            self.keep_for_later(waiting);
        } else {
            self.line_up(waiting);
        }
    }

    fn keep_for_later(&mut self, waiting: Waiting) {
        self.known.insert(waiting.key, Place::PutOff);
        self.later.insert((waiting.due_at, waiting.key));
        self.put_off.insert(waiting.key, waiting);
    }

    fn line_up(&mut self, waiting: Waiting) {
        self.known.insert(waiting.key, Place::InLane);
        self.lanes.push(waiting, self.now);
    }

    /// Moves what has become due back into line.
    fn wake_due(&mut self) {
        while let Some(&(at, key)) = self.later.first() {
            if at > self.now {
                break;
            }
            self.later.pop_first();
            if let Some(waiting) = self.put_off.remove(&key) {
                self.line_up(waiting);
            }
        }
        self.lanes.wake(self.now);
    }

    /// Fills batches as far as the window, the back-off and the senders' rates allow.
    fn fill(&mut self) {
        while self.now >= self.backoff.resume_at && self.in_flight < self.backoff.allowed {
            let room = (self.backoff.allowed - self.in_flight).min(self.config.batch_max);
            let mut batch = Vec::new();
            while batch.len() < room {
                let Some(waiting) = self.lanes.take(self.now) else { break };
                match self.too_late(&waiting) {
                    Some(code) => {
                        self.known.remove(&waiting.key);
                        self.outputs.push_back(Output::Fail(waiting.key, code));
                    }
                    None => batch.push(waiting),
                }
            }
            if batch.is_empty() {
                return;
            }
            self.open_window(batch);
        }
    }

    /// Why a message is not sent any more.
    fn too_late(&self, waiting: &Waiting) -> Option<u32> {
        if waiting.expires_at.is_some_and(|at| at <= self.now) {
            return Some(base::code::VALIDITY_EXPIRED);
        }
        let waited = self.now.since(waiting.key.sid.created_at());
        let over = !self.config.queue_max.is_zero() && waited > self.config.queue_max;
        over.then_some(base::code::QUEUE_OVERFLOW)
    }

    fn open_window(&mut self, batch: Vec<Waiting>) {
        let number = self.next_window;
        self.next_window += 1;
        let keys = batch.iter().map(|waiting| waiting.key).collect::<Vec<_>>();
        for key in &keys {
            self.known.insert(*key, Place::InWindow(number));
        }
        self.in_flight += batch.len();
        self.windows.insert(number, Window { waiting: batch });
        self.outputs.push_back(Output::StoreWindow(number, keys));
    }

    fn window_stored(&mut self, number: u64) {
        if let Some(window) = self.windows.get(&number) {
            let submissions = window.waiting.iter().map(|w| w.submission.clone()).collect();
            self.outputs.push_back(Output::Submit(submissions));
        }
    }

    /// Takes a message out of its window; answers it.
    fn leave(&mut self, key: MessageKey) -> Option<Waiting> {
        let Some(Place::InWindow(number)) = self.known.get(&key).copied() else { return None };
        let window = self.windows.get_mut(&number)?;
        let index = window.waiting.iter().position(|waiting| waiting.key == key)?;
        let waiting = window.waiting.swap_remove(index);
        self.in_flight -= 1;
        self.known.remove(&key);
        if window.waiting.is_empty() {
            self.windows.remove(&number);
            self.outputs.push_back(Output::WindowDone(number));
        }
        Some(waiting)
    }

    fn leave_window(&mut self, key: MessageKey) {
        self.leave(key);
    }

    fn answered(&mut self, key: MessageKey, outcome: &SubmitOutcome) {
        let Some(waiting) = self.leave(key) else { return };
        let retry = matches!(outcome, SubmitOutcome::Throttled | SubmitOutcome::Unreachable);
        let again = retry.then_some(waiting);
        match again {
            Some(mut waiting) => {
                self.hold_back();
                waiting.due_at = self.backoff.resume_at;
                self.outputs.push_back(Output::PutOff(key, waiting.due_at));
                self.keep_for_later(waiting);
            }
            None if *outcome == SubmitOutcome::Uncertain => {}
            None => self.probe_up(),
        }
    }

    fn resume(&mut self) {
        self.backoff.resume_at = self.now;
        self.backoff.failures = 0;
        self.table_has_more = true;
    }

    /// The carrier can't keep up: half the window, and a pause that grows while nothing succeeds.
    fn hold_back(&mut self) {
        if self.backoff.resume_at > self.now {
            return;
        }
        let pause = PAUSE_MIN.saturating_mul(1 << self.backoff.failures.min(10)).min(PAUSE_MAX);
        self.backoff.failures += 1;
        self.backoff.allowed = (self.backoff.allowed / 2).max(1);
        self.backoff.resume_at = self.now + pause;
    }

    fn probe_up(&mut self) {
        self.backoff.failures = 0;
        if self.backoff.allowed < self.config.window_max {
            self.backoff.allowed += 1;
        }
    }

    fn withdrawn(&mut self, key: MessageKey) {
        match self.known.get(&key) {
            Some(Place::InLane) => {
                self.lanes.remove(key, self.now);
                self.known.remove(&key);
            }
            Some(Place::PutOff) => {
                if let Some(waiting) = self.put_off.remove(&key) {
                    self.later.remove(&(waiting.due_at, key));
                }
                self.known.remove(&key);
            }
            Some(Place::InWindow(_)) | None => {}
        }
    }

    fn load(&mut self) {
        let room = self.config.memory_max.saturating_sub(self.known.len());
        if self.loading || !self.table_has_more || room < self.config.memory_max / 2 {
            return;
        }
        self.loading = true;
        self.table_has_more = false;
        self.outputs.push_back(Output::Load(room.min(self.config.memory_max / 2)));
    }

    fn loaded(&mut self, messages: Vec<Waiting>, more: bool, next_due: Option<Instant>) {
        self.loading = false;
        let settled = std::mem::take(&mut self.settled);
        let messages: Vec<Waiting> =
            messages.into_iter().filter(|waiting| !settled.contains(&waiting.key)).collect();
        let brought = messages.iter().any(|waiting| !self.known.contains_key(&waiting.key));
        // A load that brings only what is known already would be asked for again at once.
        self.table_has_more |= more && brought;
        messages.into_iter().for_each(|waiting| self.take(waiting));
        let recheck = self.now + RECHECK;
        self.load_at = Some(next_due.map_or(recheck, |at| at.max(self.now).min(recheck)));
    }
}

impl Machine for Dispatcher {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Instant, input: Input) {
        self.now = now;
        if let Input::Answered(key, _) | Input::Withdrawn(key) | Input::Moved(key) = &input
            && self.loading
        {
            self.settled.insert(*key);
        }
        match input {
            Input::Offer(messages) => messages.into_iter().for_each(|waiting| self.take(waiting)),
            Input::Loaded { messages, more, next_due } => self.loaded(messages, more, next_due),
            Input::WindowStored(number) => self.window_stored(number),
            Input::Answered(key, outcome) => self.answered(key, &outcome),
            Input::Withdrawn(key) => self.withdrawn(key),
            Input::Moved(key) => self.leave_window(key),
            Input::Resume => self.resume(),
        }
        self.wake_due();
        self.fill();
        self.load();
    }

    fn tick(&mut self, now: Instant) {
        self.now = now;
        if self.load_at.is_some_and(|at| at <= now) {
            self.load_at = None;
            self.table_has_more = true;
        }
        self.wake_due();
        self.fill();
        self.load();
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn wake_at(&self) -> Option<Instant> {
        let later = self.later.first().map(|(at, _)| *at);
        let paced = self.lanes.wake_at();
        let held = (self.lanes.is_ready() && self.backoff.resume_at > self.now)
            .then_some(self.backoff.resume_at);
        let load = self.load_at.filter(|_| !self.loading);
        [later, paced, held, load].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use base::{AccountSid, MessageSid};

    use super::*;

    fn waiting(number: u8, urgent: bool) -> Waiting {
        let account = AccountSid::from_bytes([1; 16]);
        let key = MessageKey { account, sid: MessageSid::from_bytes([number; 16]) };
        let submission = Submission {
            key: key.to_bytes(),
            from: "a".to_owned(),
            to: String::new(),
            body: String::new(),
            media: Vec::new(),
            expires_at: None,
            done: Vec::new(),
        };
        let (carrier, due_at) = (CarrierId(0), Instant::default());
        Waiting {
            key,
            carrier,
            submission,
            segments: 1,
            due_at,
            expires_at: None,
            urgent,
            doomed: None,
        }
    }

    #[test]
    fn memory_has_an_end_for_what_is_urgent_as_well() {
        let config = Config {
            window_max: 1,
            batch_max: 1,
            memory_max: 10,
            sender_rate: 0,
            queue_max: Duration::ZERO,
        };
        let now = Instant::from_secs(10);
        let mut dispatcher = Dispatcher::new(config, now);
        dispatcher.handle(now, Input::Offer((0..50).map(|n| waiting(n, false)).collect()));
        assert_eq!(dispatcher.known(), 10);
        dispatcher.handle(now, Input::Offer((50..150).map(|n| waiting(n, true)).collect()));
        assert_eq!(dispatcher.known(), 20);
    }
}
