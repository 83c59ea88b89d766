//! The lower half of the agent: hops, transactions, resolution. Requests and responses go in and
//! out here; what they mean is decided above.

mod client;
mod incoming;

use core::net::SocketAddr;
use std::collections::{HashMap, VecDeque};

use base::Instant;
use machine::Random;

use crate::config::Config;
use crate::io::{FlowId, Hop, Output, Query, Transport};
use crate::message::{Message, Method, Request, Response, Uri, Via, name};
use crate::timers::Timers;
use crate::transaction;

pub(crate) use client::{CONTACT_USER, Owner};

/// A transaction's number, within this agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TxId(pub(crate) u64);

/// What reaches the upper half.
#[derive(Debug)]
pub(crate) enum Up {
    /// A request that opened a server transaction.
    Request(TxId, Box<Request>, Hop),
    /// An ACK for a success, or for nothing that we know.
    Ack(Box<Request>, Hop),
    /// A CANCEL for an INVITE whose final response is open; it is answered already.
    Cancelled(TxId, Box<Request>),
    /// The response to a request of ours, from the network.
    Response(TxId, Owner, Method, Box<Response>, Hop),
    /// No response will come: 408 after silence, 503 when nothing could be sent.
    Failed(TxId, Owner, Method, u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Wake {
    Client(TxId),
    Server(TxId),
}

struct ServerTx {
    machine: transaction::Server,
    key: String,
    merge: Option<String>,
    /// Without its body: what responses copy.
    request: Request,
    last: Option<Vec<u8>>,
    back: Hop,
    tag: String,
}

pub(crate) struct Wire {
    pub(crate) config: Config,
    pub(crate) now: Instant,
    pub(crate) random: Random,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) ups: VecDeque<Up>,
    next: u64,
    clients: HashMap<TxId, client::ClientTx>,
    /// Branch and method of each client.
    branches: HashMap<String, TxId>,
    servers: HashMap<TxId, ServerTx>,
    keys: HashMap<String, TxId>,
    merges: HashMap<String, TxId>,
    lookups: HashMap<u64, client::Waiting>,
    timers: Timers<Wake>,
}

impl Wire {
    pub(crate) fn new(config: Config, now: Instant) -> Self {
        Self {
            random: Random::from_seed_bytes(config.seed),
            config,
            now,
            outputs: VecDeque::new(),
            ups: VecDeque::new(),
            next: 0,
            clients: HashMap::new(),
            branches: HashMap::new(),
            servers: HashMap::new(),
            keys: HashMap::new(),
            merges: HashMap::new(),
            lookups: HashMap::new(),
            timers: Timers::default(),
        }
    }

    /// A number that no other thing of this agent has.
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// 64 random bits: a tag, a branch, a part of a Call-ID.
    pub(crate) fn token(&mut self) -> String {
        format!("{:016x}", self.random.u64())
    }

    pub(crate) fn wake_at(&self) -> Option<Instant> {
        self.timers.wake_at()
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.lookups.is_empty()
            && self.clients.values().all(|client| !client.machine.is_open())
            && self.servers.values().all(|server| !server.machine.is_open())
    }

    /// Transactions of either side.
    pub(crate) fn transactions(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    pub(crate) fn send(&mut self, hop: &Hop, octets: Vec<u8>) {
        self.outputs.push_back(Output::Send(hop.clone(), octets));
    }

    /// What the other end of a hop should call us by.
    pub(crate) fn local_for(&self, hop: &Hop) -> SocketAddr {
        crate::io::local_for(&self.config.listeners, hop)
    }

    /// Our Contact for a hop.
    pub(crate) fn contact(&self, user: Option<&str>, hop: &Hop) -> String {
        let at = self.local_for(hop);
        let mut uri = Uri::sip(user, &at.ip().to_string(), Some(at.port()));
        if hop.transport != Transport::Udp {
            uri.params.set("transport", &hop.transport.as_str().to_ascii_lowercase());
        }
        format!("<{uri}>")
    }

    pub(crate) fn is_known(&self, server: TxId) -> bool {
        self.servers.get(&server).is_some_and(|server| server.machine.is_open())
    }

    /// A response to a server transaction with what it copies; the user fills in the rest.
    pub(crate) fn response(&self, server: TxId, status: u16) -> Option<Response> {
        let server = self.servers.get(&server)?;
        let mut response = server.request.respond(status, &server.tag);
        response.headers.push(name::SERVER, &self.config.user_agent);
        Some(response)
    }

    /// The tag that a server transaction's responses carry.
    pub(crate) fn tag(&self, server: TxId) -> Option<&str> {
        Some(self.servers.get(&server)?.tag.as_str())
    }

    /// Where a server transaction's responses go.
    pub(crate) fn back_of(&self, server: TxId) -> Option<Hop> {
        Some(self.servers.get(&server)?.back.clone())
    }

    /// Sends a response; false when the transaction has had its final one.
    pub(crate) fn respond(&mut self, id: TxId, response: &Response) -> bool {
        let now = self.now;
        let Some(server) = self.servers.get_mut(&id) else { return false };
        if !server.machine.answered(now, response.status) {
            return false;
        }
        let octets = response.to_octets();
        let hop = server.back.clone();
        server.last = Some(octets.clone());
        let wake = server.machine.wake_at();
        self.timers.set(Wake::Server(id), wake);
        self.send(&hop, octets);
        true
    }

    /// Answers a server transaction with a bare response.
    pub(crate) fn answer(&mut self, id: TxId, status: u16) -> bool {
        let Some(response) = self.response(id, status) else { return false };
        self.respond(id, &response)
    }

    /// Sends the success of an INVITE again: the user's own repetition (RFC 3261 §13.3.1.4).
    pub(crate) fn repeat(&mut self, id: TxId) {
        if let Some((hop, octets)) = self
            .servers
            .get(&id)
            .and_then(|server| Some((server.back.clone(), server.last.clone()?)))
        {
            self.send(&hop, octets);
        }
    }

    pub(crate) fn tick(&mut self) {
        while let Some(wake) = self.timers.pop_due(self.now) {
            match wake {
                Wake::Client(id) => self.client_due(id),
                Wake::Server(id) => self.server_due(id),
            }
        }
    }

    fn server_due(&mut self, id: TxId) {
        let now = self.now;
        let Some(server) = self.servers.get_mut(&id) else { return };
        match server.machine.due(now) {
            Some(transaction::ServerDue::Repeat) => self.repeat(id),
            // A refusal that was never acknowledged is one that nobody waits for.
            Some(transaction::ServerDue::Unacknowledged | transaction::ServerDue::Over) => {
                return self.forget_server(id);
            }
            None => {}
        }
        let wake = self.servers.get(&id).and_then(|server| server.machine.wake_at());
        self.timers.set(Wake::Server(id), wake);
    }

    fn forget_server(&mut self, id: TxId) {
        self.timers.set(Wake::Server(id), None);
        let Some(server) = self.servers.remove(&id) else { return };
        self.keys.remove(&server.key);
        if let Some(merge) = server.merge {
            self.merges.remove(&merge);
        }
    }

    /// A connection is gone: responses find another way, requests to come too.
    pub(crate) fn flow_closed(&mut self, flow: FlowId) {
        for server in self.servers.values_mut().filter(|server| server.back.flow == Some(flow)) {
            // RFC 3261 §18.2.2: then to the address in `received`, on the port of Via.
            let via = server.request.headers.all(name::VIA).first().and_then(|via| Via::parse(via));
            server.back.flow = None;
            let port = via.and_then(|via| via.port).unwrap_or(server.back.transport.port());
            server.back.remote.set_port(port);
        }
    }

    fn ask(&mut self, uri: &Uri) -> Query {
        let id = self.number();
        let transport = transport_of(uri);
        let given = transport == Transport::Tls || uri.params.get("transport").is_some();
        Query { id, host: uri.host.clone(), port: uri.port, transport, given }
    }
}

/// How a URI wants to be reached (RFC 3263 §4.1, without NAPTR).
pub(crate) fn transport_of(uri: &Uri) -> Transport {
    let said = uri.params.get("transport").and_then(Transport::parse);
    match said {
        _ if uri.scheme == "sips" => Transport::Tls,
        Some(said) => said,
        None if uri.port == Some(5061) => Transport::Tls,
        None => Transport::Udp,
    }
}

/// The hop of a URI that names an address.
pub(crate) fn literal(uri: &Uri) -> Option<Hop> {
    let transport = transport_of(uri);
    let at = uri.params.get("maddr").and_then(|maddr| maddr.parse().ok()).or(uri.ip())?;
    let port = uri.port.unwrap_or(transport.port());
    let remote = SocketAddr::new(at, port);
    Some(Hop { transport, remote, flow: None, name: uri.host.clone() })
}

/// What must be in each request of ours.
pub(crate) fn complete(request: &mut Request, user_agent: &str) {
    if request.headers.get(name::MAX_FORWARDS).is_none() {
        request.headers.push(name::MAX_FORWARDS, "70");
    }
    if request.method != Method::Ack {
        request.headers.set(name::USER_AGENT, user_agent);
    }
}

/// Whether a message is too large or broken to be looked at any further.
pub(crate) fn is_keep_alive(octets: &[u8]) -> bool {
    octets.iter().all(|octet| b"\r\n\0 ".contains(octet))
}

pub(crate) fn message_of(octets: &[u8]) -> Option<(Message, Option<crate::message::Fault>)> {
    let read = crate::message::read(octets).ok()?;
    Some((read.message, read.fault))
}
