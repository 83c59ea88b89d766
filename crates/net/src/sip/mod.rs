//! Drives SIP's agent: datagrams, connections, TLS, names and timers, on real time.

mod driver;
mod listen;
mod resolve;
mod stream;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sip::command::Command;
use sip::config::Config;
use sip::event::{Event, LegId};
use sip::io::{Hop, Listener, Transport};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;

pub use listen::{InvalidListen, Listen};

use crate::tls;
use resolve::Names;

/// How the sockets are set up.
#[derive(Clone, Default)]
pub struct Setup {
    /// Where to listen; port 0 takes a free one.
    pub listen: Vec<Listen>,
    /// What others are told to call, where that is not the bound address.
    pub public: Option<core::net::IpAddr>,
    /// Our certificate, for `tls:`.
    pub acceptor: Option<TlsAcceptor>,
    /// Authorities to be trusted instead of the public ones: a PEM file.
    pub authorities: Option<PathBuf>,
    /// The server of names, where it is not the system's.
    pub names: Option<core::net::SocketAddr>,
    /// Sees every message.
    pub watch: Option<Watch>,
}

/// A message that was sent, or came.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Whether it is ours.
    pub sent: bool,
    /// How it went.
    pub transport: Transport,
    /// The other end.
    pub remote: SocketAddr,
    /// The message.
    pub octets: &'a [u8],
}

/// Looks at messages on the agent's own task: it must be quick.
#[derive(Clone)]
pub struct Watch(pub Arc<dyn Fn(Seen<'_>) + Send + Sync>);

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

/// Takes what the agent tells, in order.
pub type Tell = Box<dyn FnMut(Vec<Event>) + Send>;

/// The way to a running agent. Cheap to clone; the agent stops when the last one is dropped.
#[derive(Clone)]
pub struct SipHandle {
    commands: mpsc::UnboundedSender<Command>,
    listeners: Arc<[Listener]>,
    next_leg: Arc<AtomicU64>,
    running: watch::Receiver<()>,
}

impl SipHandle {
    /// Opens the sockets and starts the agent. `adjust` may change the usual setup.
    pub async fn start(
        setup: Setup,
        seed: [u8; 32],
        adjust: impl FnOnce(&mut Config),
        tell: Tell,
    ) -> Result<Self, std::io::Error> {
        let tls = match &setup.authorities {
            Some(file) => tls::trusting(file)?,
            None => tls::public(),
        };
        let [a, b, c, d, e, f, g, h, ..] = seed;
        let names = Names::new(setup.names, u64::from_le_bytes([a, b, c, d, e, f, g, h]));
        let sockets = listen::open(&setup).await?;
        let listeners: Arc<[Listener]> = sockets.listeners().into();
        let mut config = Config::new(listeners.to_vec(), seed);
        adjust(&mut config);
        let (commands, mailbox) = mpsc::unbounded_channel();
        let (alive, running) = watch::channel(());
        driver::start(config, sockets, (tls, names), (tell, setup.watch), mailbox, alive);
        Ok(Self { commands, listeners, next_leg: Arc::new(AtomicU64::new(1)), running })
    }

    /// Tells the agent something; lost when it has stopped.
    pub fn send(&self, command: Command) {
        // An agent that has stopped has ended every leg already.
        let _ = self.commands.send(command);
    }

    /// A number for a call of ours.
    pub fn next_leg(&self) -> LegId {
        LegId(self.next_leg.fetch_add(1, Ordering::Relaxed))
    }

    /// Where it listens, with the ports that were free.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// The address of ours that the other end of a hop can reach.
    pub fn local_for(&self, hop: &Hop) -> core::net::IpAddr {
        sip::io::local_for(&self.listeners, hop).ip()
    }

    /// Ends every leg and registration, and waits until that is done, or for `patience`.
    pub async fn stop(&self, patience: Duration) {
        self.send(Command::Stop);
        let mut running = self.running.clone();
        let ended = async { while running.changed().await.is_ok() {} };
        // Whoever did not answer in time is left alone.
        let _ = tokio::time::timeout(patience, ended).await;
    }
}
