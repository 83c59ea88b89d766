//! What the agent is told, and what it wants: hops, flows, inputs and outputs.

use core::net::{IpAddr, SocketAddr};

use crate::command::Command;
use crate::event::Event;

/// How octets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream within TLS.
    Tls,
}

impl Transport {
    /// As Via writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// Reads the name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        let known = [Self::Udp, Self::Tcp, Self::Tls];
        known.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(name))
    }

    /// Whether what is sent arrives or fails: nothing is repeated.
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }

    /// 5060, or 5061 for TLS.
    pub fn port(self) -> u16 {
        if self == Self::Tls { 5061 } else { 5060 }
    }
}

/// A connection, or a socket for datagrams; numbers are the edge's and never come twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId(pub u64);

/// The next station of a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hop {
    /// How.
    pub transport: Transport,
    /// Where.
    pub remote: SocketAddr,
    /// Over this flow, if it is still open; else over another to the same place.
    pub flow: Option<FlowId>,
    /// The name whose certificate is wanted (TLS).
    pub name: String,
}

impl Hop {
    /// Whether both lead to the same place.
    pub fn is_same_place(&self, other: &Self) -> bool {
        self.transport == other.transport && self.remote == other.remote
    }
}

/// Where we listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// How.
    pub transport: Transport,
    /// The bound address.
    pub bound: SocketAddr,
    /// What others are told to call, where that is another.
    pub advertised: Option<SocketAddr>,
}

impl Listener {
    /// Whether datagrams of ours come from there.
    pub fn is_at(&self, place: SocketAddr) -> bool {
        let bound = self.bound;
        let loopback = bound.ip().is_unspecified() && place.ip().is_loopback();
        place == bound || loopback && place.port() == bound.port()
    }
}

/// Asks where a host is (RFC 3263).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Its number.
    pub id: u64,
    /// The name.
    pub host: String,
    /// The port, where one is given: then SRV records don't count.
    pub port: Option<u16>,
    /// The transport that the address says, or UDP.
    pub transport: Transport,
    /// Whether the address says it: else records may name another.
    pub given: bool,
}

/// What the agent is told.
#[derive(Debug)]
pub enum Input {
    /// A datagram, or one whole message of a stream (`frame::Framer`).
    Received {
        /// Over which flow.
        flow: FlowId,
        /// How.
        transport: Transport,
        /// From where.
        remote: SocketAddr,
        /// What.
        octets: Vec<u8>,
    },
    /// A connection is closed.
    FlowClosed(FlowId),
    /// Nothing can be sent there.
    SendFailed(Hop),
    /// The answer to a query, best first; empty when there is none.
    Resolved(u64, Vec<(Transport, SocketAddr)>),
    /// What the user wants.
    Command(Box<Command>),
}

/// What the agent wants, and tells.
#[derive(Debug)]
pub enum Output {
    /// Send these octets.
    Send(Hop, Vec<u8>),
    /// Resolve a name.
    Resolve(Query),
    /// News.
    Event(Box<Event>),
}

/// What the other end of a hop should call us by: the address of the listener of its kind.
pub fn local_for(listeners: &[Listener], hop: &Hop) -> SocketAddr {
    let family = |at: &SocketAddr| at.is_ipv4() == hop.remote.is_ipv4();
    let mut fitting = listeners.iter().filter(|known| known.transport == hop.transport);
    let fitting = fitting.find(|known| family(&known.bound));
    let any = fitting.or_else(|| listeners.iter().find(|known| family(&known.bound)));
    let Some(listener) = any.or(listeners.first()) else {
        return SocketAddr::new(hop.remote.ip(), hop.transport.port());
    };
    let loopback = hop.remote.ip().is_loopback() && listener.bound.ip().is_unspecified();
    match listener.advertised {
        Some(advertised) if !loopback => advertised,
        _ if loopback => {
            let home = match hop.remote.ip() {
                IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
                IpAddr::V6(_) => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16]),
            };
            SocketAddr::new(home, listener.bound.port())
        }
        _ => listener.bound,
    }
}
