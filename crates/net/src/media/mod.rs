//! Media threads: they own the sockets, timers and buffers of their legs, and drive the engine of
//! `crates/media`. Everything here may be called from any thread, and nothing waits for media.
//!
//! | call | does |
//! |---|---|
//! | [`Media::start`] | begins the threads |
//! | [`Media::open`] | a leg on a free pair of ports; its events go to the channel that is given |
//! | [`Media::open_mixer`] | a conference |
//! | [`Media::tell`] | whatever a [`Command`] can say; closing too |
//!
//! A leg's or mixer's events come in order, as `(Owner, Event)`, through the unbounded channel
//! that it was opened with; one channel may serve all legs of a call, and tests or workers read
//! it with `tokio`. `Event::Closed` is a leg's last event. Legs that are bridged or in one mixer
//! run on one thread: give `beside` where it is known, and else the leg is moved when
//! `Command::Bridge` or `Command::Join` asks for it; commands keep their order all the same.

mod directory;
mod path;
mod ports;
mod worker;

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;

use media::{Command, Event, LegConfig, LegId, MixerId, Owner};
use mio::Waker;
use tokio::sync::mpsc::UnboundedSender;

use directory::Directory;
use path::Sockets;
use ports::Ports;
use worker::{Order, Worker};

/// Where events go.
pub type Events = UnboundedSender<(Owner, Event)>;

/// How media runs.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// Media threads; 0 for one per core.
    pub threads: usize,
    /// The address that sockets are bound to.
    pub bind: IpAddr,
    /// Ports of legs: each takes an even one, and the next one for RTCP.
    pub ports: RangeInclusive<u16>,
    /// Legs at once; 0 for as many as there are ports.
    pub legs_max: usize,
}

/// What a leg begins with.
#[derive(Clone, Debug)]
pub struct OpenLeg {
    /// How it speaks with its peer.
    pub config: LegConfig,
    /// A leg that it will be bridged with, so that both share a thread from the start.
    pub beside: Option<LegId>,
    /// Where its events go.
    pub events: Events,
}

/// An open leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its name.
    pub leg: LegId,
    /// Its RTP port, even; RTCP is on the next one unless it shares this one.
    pub rtp_port: u16,
}

/// Why no leg was opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// As many legs as allowed are open.
    #[error("{0} legs are open, and no more are allowed")]
    Full(usize),
    /// All ports are taken.
    #[error("no pair of ports is free between {0} and {1}")]
    NoPort(u16, u16),
    /// The system refused.
    #[error("no socket: {0}")]
    Socket(#[from] io::Error),
}

/// The media threads. Clones are the same; the last one ends them, and all legs with them.
#[derive(Clone)]
pub struct Media(Arc<Inner>);

struct Inner {
    config: MediaConfig,
    threads: Vec<Thread>,
    directory: Mutex<Directory>,
    ports: Arc<Mutex<Ports>>,
}

struct Thread {
    mailbox: Mailbox,
    handle: Option<JoinHandle<()>>,
}

/// The way to one thread. Sending takes no lock, and wakes a thread that is not awake yet.
#[derive(Clone)]
struct Mailbox {
    orders: mpsc::Sender<Order>,
    waker: Arc<Waker>,
    woken: Arc<AtomicBool>,
}

impl Mailbox {
    fn send(&self, order: Order) {
        // A thread that is gone needs no orders.
        if self.orders.send(order).is_ok() && !self.woken.swap(true, Ordering::AcqRel) {
            let _ = self.waker.wake();
        }
    }
}

impl Media {
    /// Begins the threads. Errors are the system's.
    pub fn start(config: MediaConfig) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = if config.threads == 0 { cores } else { config.threads };
        let mut mailboxes = Vec::new();
        let mut workers = VecDeque::new();
        for _ in 0..count {
            let (worker, mailbox) = Worker::new()?;
            mailboxes.push(mailbox);
            workers.push_back(worker);
        }
        let mut threads = Vec::new();
        for (at, (mut worker, mailbox)) in workers.into_iter().zip(mailboxes.clone()).enumerate() {
            worker.meet(mailboxes.clone());
            let name = format!("media-{at}");
            let handle = std::thread::Builder::new().name(name).spawn(move || worker.run())?;
            threads.push(Thread { mailbox, handle: Some(handle) });
        }
        let ports = Arc::new(Mutex::new(Ports::new(config.ports.clone())));
        let directory = Mutex::new(Directory::new(count));
        Ok(Self(Arc::new(Inner { config, threads, directory, ports })))
    }

    /// Opens a leg on a free pair of ports. It costs a few system calls, and does not wait for
    /// its thread.
    pub fn open(&self, open: OpenLeg) -> Result<Opened, OpenError> {
        let limit = self.0.config.legs_max;
        if limit > 0 && self.directory().legs() >= limit {
            return Err(OpenError::Full(limit));
        }
        let sockets = Sockets::bind(self.0.config.bind, &self.0.ports, open.config.rtcp_mux)?;
        let rtp_port = sockets.port();
        let mut directory = self.directory();
        let (leg, thread) = directory.open(open.beside, open.config.law);
        let OpenLeg { config, events, .. } = open;
        self.send(thread, Order::Open { leg, config, sockets, events });
        Ok(Opened { leg, rtp_port })
    }

    /// Opens a mixer, beside a leg that will take part.
    pub fn open_mixer(&self, beside: Option<LegId>, events: Events) -> MixerId {
        let mut directory = self.directory();
        let (mixer, thread) = directory.open_mixer(beside);
        self.send(thread, Order::OpenMixer { mixer, events });
        mixer
    }

    /// Hands a command to the thread that it is for. Commands for what is closed do nothing;
    /// those for one leg are done in the order in which they were told. `Command::OpenMixer` is
    /// [`Media::open_mixer`]'s, and does nothing here.
    pub fn tell(&self, command: Command) {
        let mut directory = self.directory();
        let Some(thread) = directory.route(&command, |order, thread| self.send(thread, order))
        else {
            return;
        };
        self.send(thread, Order::Command(command));
    }

    /// How many legs are open.
    pub fn legs(&self) -> usize {
        self.directory().legs()
    }

    fn directory(&self) -> MutexGuard<'_, Directory> {
        self.0.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, thread: usize, order: Order) {
        self.0.threads[thread].mailbox.send(order);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.threads.iter().for_each(|thread| thread.mailbox.send(Order::Stop));
        for thread in &mut self.threads {
            if let Some(handle) = thread.handle.take()
                && handle.join().is_err()
            {
                tracing::error!("a media thread had panicked");
            }
        }
    }
}
