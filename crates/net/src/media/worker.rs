//! One media thread: ticks, packets and orders, one after the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime};

use base::Instant;
use machine::Random;
use media::{
    Command, Datagram, Engine, Event, Key, Leg, LegConfig, LegId, MixerId, Owner, Port, Sink,
};
use mio::{Poll, Token, Waker};

use super::path::{self, Path, Round, Sockets};
use super::{Events, Mailbox};

/// What a thread is told.
pub(super) enum Order {
    Open {
        leg: LegId,
        config: LegConfig,
        sockets: Sockets,
        events: Events,
    },
    OpenMixer {
        mixer: MixerId,
        events: Events,
    },
    Command(Command),
    /// A leg is about to come from another thread: what follows waits for it.
    Expect(LegId),
    /// Hand a leg to another thread.
    Move {
        leg: LegId,
        to: usize,
    },
    /// A leg that was expected; nothing, if it was closed.
    Arrive(LegId, Option<Box<Arrival>>),
    Stop,
}

/// A leg on its way between threads.
pub(super) struct Arrival {
    leg: Box<Leg>,
    sockets: Sockets,
    events: Events,
}

const WAKE: Token = Token(usize::MAX);
/// Ready sockets that are looked at together.
const READY: usize = 1_024;
/// Packets of a socket that are read one after the other at most.
const PACKETS_MAX: usize = 32;
/// With so many legs there is always something to do: ticks and packets of 2 ms are done
/// together then, for to wake costs as much as several packets.
const BUSY_LEGS: usize = 24;
const BUSY_WAIT: Duration = Duration::from_millis(2);
/// Octets of a datagram.
const DATAGRAM: usize = 2_048;

pub(super) struct Worker {
    poll: Poll,
    ready: mio::Events,
    orders: mpsc::Receiver<Order>,
    woken: Arc<AtomicBool>,
    others: Vec<Mailbox>,
    engine: Engine,
    outlet: Outlet,
    clock: Clock,
    /// Legs to be read now.
    due: Vec<Key>,
    /// The leg that is about to come, and the orders that wait for it.
    expected: Option<LegId>,
    held: VecDeque<Order>,
    /// Legs that came before those that are waited for: legs come from several threads.
    early: BTreeSet<LegId>,
    stopped: bool,
}

/// What the engine puts out: packets to the sockets, events to their channels.
struct Outlet {
    path: Path,
    events: BTreeMap<Owner, Events>,
}

impl Sink for Outlet {
    fn send(&mut self, leg: Key, port: Port, to: SocketAddr, packet: &[u8]) {
        self.path.send(leg, port, to, packet);
    }

    fn peer(&mut self, leg: Key, peer: Option<SocketAddr>) {
        self.path.peer(leg, peer);
    }

    fn event(&mut self, owner: Owner, event: Event) {
        // Whoever does not listen any longer has dropped the channel.
        if let Some(events) = self.events.get(&owner) {
            let _ = events.send((owner, event));
        }
    }
}

/// Real time that never goes back: the system's time at the start, and what passed since.
struct Clock {
    started: std::time::Instant,
    origin: Instant,
}

impl Clock {
    fn new() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let origin = Instant::default() + since;
        Self { started: std::time::Instant::now(), origin }
    }

    fn now(&self) -> Instant {
        self.origin + self.started.elapsed()
    }
}

impl Worker {
    pub(super) fn new() -> io::Result<(Self, Mailbox)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (sender, orders) = mpsc::channel();
        let woken = Arc::new(AtomicBool::new(false));
        let mailbox = Mailbox { orders: sender, waker, woken: woken.clone() };
        let mut seed = [0; 32];
        rustls::crypto::ring::default_provider()
            .secure_random
            .fill(&mut seed)
            .map_err(|_| io::Error::other("the system gives no randomness"))?;
        let worker = Self {
            poll,
            ready: mio::Events::with_capacity(READY),
            orders,
            woken,
            others: Vec::new(),
            engine: Engine::new(Random::from_seed_bytes(seed)),
            outlet: Outlet { path: Path::new(), events: BTreeMap::new() },
            clock: Clock::new(),
            due: Vec::new(),
            expected: None,
            held: VecDeque::new(),
            early: BTreeSet::new(),
            stopped: false,
        };
        Ok((worker, mailbox))
    }

    /// Gives it the mailboxes of all threads.
    pub(super) fn meet(&mut self, others: Vec<Mailbox>) {
        self.others = others;
    }

    /// Runs until it is stopped.
    pub(super) fn run(&mut self) {
        let mut buffer = [0; DATAGRAM];
        while !self.stopped {
            let now = self.clock.now();
            self.read(now, &mut buffer);
            self.engine.tick(now, &mut self.outlet);
            let wait = self.engine.wake_at().map(|at| at.since(self.clock.now()));
            if let Err(error) = self.wait(wait)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "a media thread can't wait for its sockets");
                return;
            }
            let now = self.clock.now();
            self.reports(now, &mut buffer);
            self.woken.store(false, Ordering::Release);
            while let Ok(order) = self.orders.try_recv() {
                self.take(now, order);
            }
        }
    }

    fn wait(&mut self, wait: Option<Duration>) -> io::Result<()> {
        if self.engine.legs() < BUSY_LEGS {
            return self.poll.poll(&mut self.ready, wait);
        }
        let behind = wait.is_some_and(|wait| wait.is_zero());
        if !behind {
            std::thread::sleep(BUSY_WAIT);
        }
        self.poll.poll(&mut self.ready, Some(Duration::ZERO))
    }

    /// Reads the media of the legs that are due.
    fn read(&mut self, now: Instant, buffer: &mut [u8; DATAGRAM]) {
        self.due.clear();
        self.engine.reads(now, |key| self.due.push(key));
        let round = Round { now, wall: SystemTime::now() };
        for key in &self.due {
            if !self.outlet.path.is_due(*key, now) {
                continue;
            }
            for _ in 0..PACKETS_MAX {
                let Some(packet) = self.outlet.path.receive(*key, round, buffer) else { break };
                let waited = packet.waited.as_micros() as i64;
                let arrived_at = Instant::from_micros(now.micros() - waited);
                let data = &buffer[..packet.len];
                let datagram = Datagram { from: packet.from, arrived_at, data };
                self.engine.receive(now, *key, Port::Rtp, datagram, &mut self.outlet);
                if !packet.more {
                    break;
                }
            }
        }
    }

    /// Reads the reports of the legs that have some.
    fn reports(&mut self, now: Instant, buffer: &mut [u8; DATAGRAM]) {
        for event in &self.ready {
            if event.token() == WAKE {
                continue;
            }
            let key = path::reporter(event.token());
            while let Some((from, len)) = self.outlet.path.report(key, buffer) {
                let datagram = Datagram { from, arrived_at: now, data: &buffer[..len] };
                self.engine.receive(now, key, Port::Rtcp, datagram, &mut self.outlet);
            }
        }
    }

    /// Takes an order, or holds it while a leg is on its way.
    fn take(&mut self, now: Instant, order: Order) {
        match order {
            Order::Arrive(leg, arrival) => {
                self.arrive(now, arrival);
                if self.expected == Some(leg) {
                    self.expected = None;
                } else {
                    self.early.insert(leg);
                }
                while self.expected.is_none()
                    && let Some(order) = self.held.pop_front()
                {
                    self.carry_out(now, order);
                }
            }
            Order::Stop => self.stopped = true,
            order if self.expected.is_some() => self.held.push_back(order),
            order => self.carry_out(now, order),
        }
    }

    fn carry_out(&mut self, now: Instant, order: Order) {
        match order {
            Order::Open { leg, config, sockets, events } => {
                self.outlet.events.insert(Owner::Leg(leg), events);
                let key = self.engine.open(now, leg, config);
                self.seat(now, leg, key, sockets);
            }
            Order::OpenMixer { mixer, events } => {
                self.outlet.events.insert(Owner::Mixer(mixer), events);
                self.engine.handle(now, Command::OpenMixer(mixer), &mut self.outlet);
            }
            Order::Command(command) => self.command(now, command),
            Order::Expect(leg) => self.expected = (!self.early.remove(&leg)).then_some(leg),
            Order::Move { leg, to } => {
                let arrival = self.depart(leg).map(Box::new);
                self.others[to].send(Order::Arrive(leg, arrival));
            }
            Order::Arrive(..) | Order::Stop => self.take(now, order),
        }
    }

    fn command(&mut self, now: Instant, command: Command) {
        let ends = match &command {
            Command::Close(leg) => Some((Owner::Leg(*leg), self.engine.key(*leg))),
            Command::CloseMixer(mixer) => Some((Owner::Mixer(*mixer), None)),
            _ => None,
        };
        self.engine.handle(now, command, &mut self.outlet);
        if let Some((owner, key)) = ends {
            self.outlet.events.remove(&owner);
            if let Some(key) = key {
                self.outlet.path.remove(self.poll.registry(), key);
            }
        }
    }

    fn depart(&mut self, leg: LegId) -> Option<Arrival> {
        let key = self.engine.key(leg)?;
        let leg = self.engine.remove(leg)?;
        let sockets = self.outlet.path.remove(self.poll.registry(), key)?;
        let events = self.outlet.events.remove(&Owner::Leg(leg.id()))?;
        Some(Arrival { leg, sockets, events })
    }

    fn arrive(&mut self, now: Instant, arrival: Option<Box<Arrival>>) {
        let Some(arrival) = arrival else { return };
        let Arrival { leg, sockets, events } = *arrival;
        let id = leg.id();
        self.outlet.events.insert(Owner::Leg(id), events);
        let key = self.engine.insert(now, leg);
        self.seat(now, id, key, sockets);
    }

    /// A leg whose sockets can't be watched is closed.
    fn seat(&mut self, now: Instant, leg: LegId, key: Key, sockets: Sockets) {
        if let Err(error) = self.outlet.path.add(self.poll.registry(), key, sockets) {
            tracing::error!(%error, "a media socket can't be watched");
            self.command(now, Command::Close(leg));
        }
    }
}

#[cfg(test)]
mod tests {
    use media::Place;

    use super::*;

    #[test]
    fn orders_wait_for_the_leg_that_they_are_about_whoever_comes_first() {
        let (mut worker, _mailbox) = Worker::new().expect("a worker");
        let (now, mixer) = (Instant::default(), MixerId(9));
        for leg in [LegId(1), LegId(2)] {
            worker.take(now, Order::Expect(leg));
            worker.take(now, Order::Command(Command::Join(leg, mixer, Place::default())));
        }
        worker.take(now, Order::Arrive(LegId(2), None));
        assert_eq!((worker.expected, worker.held.len()), (Some(LegId(1)), 3), "not its turn");
        worker.take(now, Order::Arrive(LegId(1), None));
        assert_eq!((worker.expected, worker.held.len()), (None, 0));
        assert!(worker.early.is_empty());
    }
}
