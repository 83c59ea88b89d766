//! The delivery queue: which callback is sent next. A machine: no table, no socket.
//!
//! - Callbacks of one object go out in the order of its events: a later one waits until the
//!   earlier one succeeded or was given up. Those of different objects never wait for each other.
//! - Endpoints (scheme, host and port) take turns, and each has its own limit in flight, so that
//!   one that hangs holds back nobody else. After [`TRIP_AFTER`] outages in a row an endpoint's
//!   limit falls to [`TRIPPED_LIMIT`] until it answers again: its callbacks go on by their own
//!   policy, but slowly.
//! - Memory is bounded: what does not fit stays in the table. From then on only loads bring
//!   deliveries (whole objects at a time, so that order holds) until one brings all there is.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use base::{AnySid, Instant};
use machine::Machine;

use crate::webhooks::overrides::Overrides;
use crate::webhooks::policy::{self, Next, Outcome, Policy};

/// Outages in a row after which an endpoint is held back.
pub const TRIP_AFTER: u32 = 5;

/// Requests in flight at an endpoint that is held back.
pub const TRIPPED_LIMIT: usize = 4;

/// Which delivery: an object and the number of its event.
pub type Key = (AnySid, i64);

/// Bounds of the queue.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Requests in flight in all.
    pub in_flight_max: usize,
    /// Requests in flight at one endpoint.
    pub endpoint_max: usize,
    /// Deliveries kept in memory.
    pub memory_max: usize,
    /// When to try again.
    pub policy: Policy,
}

impl Default for Config {
    fn default() -> Self {
        let policy = Policy::Twilio;
        Self { in_flight_max: 1_024, endpoint_max: 128, memory_max: 50_000, policy }
    }
}

/// A delivery as the queue knows it.
#[derive(Clone, Debug)]
pub struct Item {
    /// Which one.
    pub key: Key,
    /// Scheme, host and port.
    pub endpoint: Arc<str>,
    /// Not before.
    pub due_at: Instant,
    /// Tries so far.
    pub attempts: u32,
    /// How it is made and repeated.
    pub overrides: Overrides,
}

/// What the queue is told.
#[derive(Debug)]
pub enum Input {
    /// A delivery that was just committed.
    Enqueue(Item),
    /// What a `Load` brought: whole objects, each in the order of its events. `complete` when the
    /// table had no more.
    Loaded {
        /// The deliveries.
        items: Vec<Item>,
        /// Whether that was all.
        complete: bool,
    },
    /// A `Record` is on disk.
    Recorded(Key),
    /// A try ended.
    Finished {
        /// Which delivery.
        key: Key,
        /// How.
        outcome: Outcome,
        /// What the answer asked for.
        retry_after: Option<Duration>,
        /// Spreads retries.
        entropy: u64,
    },
}

/// What the queue wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send it now; this is try number so-and-so, from 1.
    Attempt(Key, u32),
    /// Write down how a try ended and what follows.
    Record(Key, Verdict),
    /// Read so many waiting deliveries, and with each the others of its object.
    Load(u32),
}

/// What follows from a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Delivered.
    Delivered,
    /// Again at this instant.
    RetryAt(Instant),
    /// Given up.
    Exhausted,
}

struct Entry {
    item: Item,
    first_at: Option<Instant>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Behind an earlier one of its object, or not due yet.
    Waiting,
    /// In its endpoint's line.
    Ready,
    /// Being sent.
    InFlight,
}

#[derive(Default)]
struct Endpoint {
    ready: VecDeque<Key>,
    in_flight: usize,
    outages: u32,
    in_turn: bool,
}

/// How an endpoint stands, for people to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointState {
    /// Scheme, host and port.
    pub endpoint: Arc<str>,
    /// Deliveries in its line.
    pub ready: usize,
    /// Requests in flight.
    pub in_flight: usize,
    /// Outages in a row; from [`TRIP_AFTER`] on it is held back.
    pub outages: u32,
}

/// The queue.
pub struct DeliveryQueue {
    config: Config,
    now: Instant,
    entries: HashMap<Key, Entry>,
    objects: HashMap<AnySid, BTreeSet<i64>>,
    endpoints: BTreeMap<Arc<str>, Endpoint>,
    turn: VecDeque<Arc<str>>,
    later: BTreeSet<(Instant, Key)>,
    in_flight: usize,
    /// The table holds waiting deliveries that are not in memory.
    behind: bool,
    /// A committed delivery was left to the table while a load was under way.
    missed: bool,
    loading: bool,
    /// Ended, but a load that is under way may still show them as waiting; `true` once the end
    /// is on disk.
    settling: HashMap<Key, bool>,
    outputs: VecDeque<Output>,
}

impl DeliveryQueue {
    /// A queue that begins by loading what the table holds.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            now: Instant::default(),
            entries: HashMap::new(),
            objects: HashMap::new(),
            endpoints: BTreeMap::new(),
            turn: VecDeque::new(),
            later: BTreeSet::new(),
            in_flight: 0,
            behind: true,
            missed: false,
            loading: false,
            settling: HashMap::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Whether a delivery is in memory.
    pub fn knows(&self, key: Key) -> bool {
        self.entries.contains_key(&key)
    }

    /// Deliveries in memory.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Endpoints with deliveries in memory, or held back, in order.
    pub fn endpoints(&self) -> Vec<EndpointState> {
        let state = |(name, endpoint): (&Arc<str>, &Endpoint)| EndpointState {
            endpoint: Arc::clone(name),
            ready: endpoint.ready.len(),
            in_flight: endpoint.in_flight,
            outages: endpoint.outages,
        };
        self.endpoints.iter().map(state).collect()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn load(&mut self) {
        let room = self.config.memory_max - self.entries.len().min(self.config.memory_max);
        if self.behind && !self.loading && room >= self.config.memory_max / 2 {
            self.loading = true;
            self.missed = false;
            // What is in memory is in the table too, so only this many bring something new.
            let rows = u32::try_from(self.config.memory_max).unwrap_or(u32::MAX);
            self.outputs.push_back(Output::Load(rows));
        }
    }

    fn loaded(&mut self, items: Vec<Item>, complete: bool) {
        self.loading = false;
        self.behind = !complete || self.missed;
        for item in items {
            if !self.settling.contains_key(&item.key) {
                self.admit(item);
            }
        }
        self.settling.retain(|_, recorded| !*recorded);
    }

    fn recorded(&mut self, key: Key) {
        if self.loading {
            self.settling.entry(key).and_modify(|recorded| *recorded = true);
        } else {
            self.settling.remove(&key);
        }
    }

    fn enqueue(&mut self, item: Item) {
        if self.behind {
            self.missed = true;
        } else {
            self.admit(item);
        }
    }

    fn admit(&mut self, item: Item) {
        if self.entries.contains_key(&item.key) {
            return;
        }
        if self.entries.len() >= self.config.memory_max {
            self.behind = true;
            return;
        }
        let key = item.key;
        self.objects.entry(key.0).or_default().insert(key.1);
        self.entries.insert(key, Entry { item, first_at: None, stage: Stage::Waiting });
        self.advance(key.0);
    }

    /// Lets the first delivery of an object go on, if it is due; and those after one that waits
    /// for a retry, where the policy releases them.
    fn advance(&mut self, object: AnySid) {
        let Some(sequence) = self.objects.get(&object) else { return };
        let release = self.config.policy == Policy::Patient { release_later: true };
        let keys: Vec<Key> = sequence
            .iter()
            .take(if release { usize::MAX } else { 1 })
            .map(|seq| (object, *seq))
            .collect();
        for key in keys {
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            let retrying = entry.item.attempts > 0;
            if entry.stage == Stage::Waiting {
                if entry.item.due_at > self.now {
                    self.later.insert((entry.item.due_at, key));
                } else {
                    entry.stage = Stage::Ready;
                    let name = Arc::clone(&entry.item.endpoint);
                    let endpoint = self.endpoints.entry(Arc::clone(&name)).or_default();
                    endpoint.ready.push_back(key);
                    if !endpoint.in_turn {
                        endpoint.in_turn = true;
                        self.turn.push_back(name);
                    }
                }
            }
            if !retrying {
                return;
            }
        }
    }

    /// Starts what the limits allow, one endpoint after the other.
    fn fill(&mut self) {
        let mut idle_turns = 0;
        while self.in_flight < self.config.in_flight_max && idle_turns < self.turn.len() {
            let Some(name) = self.turn.pop_front() else { return };
            let Some(endpoint) = self.endpoints.get_mut(&name) else { continue };
            let tripped = endpoint.outages >= TRIP_AFTER;
            let limit = if tripped { TRIPPED_LIMIT } else { self.config.endpoint_max };
            if endpoint.in_flight >= limit {
                idle_turns += 1;
                self.turn.push_back(name);
                continue;
            }
            idle_turns = 0;
            if let Some(key) = endpoint.ready.pop_front() {
                endpoint.in_flight += 1;
                self.in_flight += 1;
                if let Some(entry) = self.entries.get_mut(&key) {
                    entry.stage = Stage::InFlight;
                    entry.first_at.get_or_insert(self.now);
                    self.outputs.push_back(Output::Attempt(key, entry.item.attempts + 1));
                }
            }
            if endpoint.ready.is_empty() {
                endpoint.in_turn = false;
            } else {
                self.turn.push_back(name);
            }
        }
    }

    fn finished(
        &mut self,
        key: Key,
        outcome: Outcome,
        retry_after: Option<Duration>,
        entropy: u64,
    ) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        if entry.stage != Stage::InFlight {
            return;
        }
        self.in_flight -= 1;
        if let Some(endpoint) = self.endpoints.get_mut(&entry.item.endpoint) {
            endpoint.in_flight -= 1;
            endpoint.outages = if outcome.is_outage() { endpoint.outages + 1 } else { 0 };
            if endpoint.outages == 0 && endpoint.in_flight == 0 && endpoint.ready.is_empty() {
                self.endpoints.remove(&entry.item.endpoint);
            }
        }
        entry.item.attempts += 1;
        entry.stage = Stage::Waiting;
        let elapsed = self.now.since(entry.first_at.unwrap_or(self.now));
        let item = &entry.item;
        let next = policy::next(
            self.config.policy,
            &item.overrides,
            item.attempts,
            outcome,
            elapsed,
            retry_after,
            entropy,
        );
        let verdict = match next {
            Next::Delivered => Verdict::Delivered,
            Next::Exhausted => Verdict::Exhausted,
            Next::Retry(pause) => {
                entry.item.due_at = self.now + pause;
                Verdict::RetryAt(entry.item.due_at)
            }
        };
        self.outputs.push_back(Output::Record(key, verdict));
        if !matches!(verdict, Verdict::RetryAt(_)) {
            self.forget(key);
        }
        self.advance(key.0);
    }

    fn forget(&mut self, key: Key) {
        self.settling.insert(key, false);
        self.entries.remove(&key);
        if let Some(sequence) = self.objects.get_mut(&key.0) {
            sequence.remove(&key.1);
            if sequence.is_empty() {
                self.objects.remove(&key.0);
            }
        }
    }
}

impl Machine for DeliveryQueue {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Instant, input: Input) {
        self.now = now;
        match input {
            Input::Enqueue(item) => self.enqueue(item),
            Input::Loaded { items, complete } => self.loaded(items, complete),
            Input::Recorded(key) => self.recorded(key),
            Input::Finished { key, outcome, retry_after, entropy } => {
                self.finished(key, outcome, retry_after, entropy);
            }
        }
        self.tick(now);
    }

    fn tick(&mut self, now: Instant) {
        self.now = now;
        while let Some(&(at, key)) = self.later.first() {
            if at > now {
                break;
            }
            self.later.pop_first();
            self.advance(key.0);
        }
        self.fill();
        self.load();
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn wake_at(&self) -> Option<Instant> {
        self.later.first().map(|(at, _)| *at)
    }
}
