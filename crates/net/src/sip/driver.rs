//! The one task that owns the agent.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base::Instant;
use machine::Machine;
use rustls::pki_types::ServerName;
use sip::Agent;
use sip::command::Command;
use sip::config::Config;
use sip::io::{FlowId, Hop, Input, Output, Query, Transport};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{mpsc, watch};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::listen::Sockets;
use super::resolve::Names;
use super::stream::{WRITES_MAX, carry};
use super::{Seen, Tell, Watch};

/// What arrived and waits for the agent at most; beyond it sockets are not read.
const ARRIVED_MAX: usize = 4_096;

/// Connections at once.
const CONNECTIONS_MAX: usize = 16_384;

/// Connections are made, and TLS is agreed on, within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Octets of a datagram at most.
const DATAGRAM_MAX: usize = 65_535;

/// What reaches the driver.
pub(super) enum Arrived {
    Datagram(FlowId, SocketAddr, Vec<u8>),
    Message(FlowId, Vec<u8>),
    Closed(FlowId),
    /// Somebody connected.
    Accepted(Accepted),
    /// A connection of ours stands, or can't be made.
    Stands(FlowId, bool),
    Resolved(u64, Vec<(Transport, SocketAddr)>),
}

/// A connection that somebody made, after TLS.
pub(super) struct Accepted {
    flow: FlowId,
    transport: Transport,
    remote: SocketAddr,
    writer: mpsc::Sender<Vec<u8>>,
}

struct Connection {
    hop: Hop,
    writer: mpsc::Sender<Vec<u8>>,
    stands: bool,
}

/// Time that never goes back, though the system's may.
#[derive(Clone, Copy)]
struct Time {
    began_at: Instant,
    began: tokio::time::Instant,
}

impl Time {
    fn begin() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX / 4);
        Self { began_at: Instant::from_micros(micros), began: tokio::time::Instant::now() }
    }

    fn now(self) -> Instant {
        self.began_at + self.began.elapsed()
    }

    async fn sleep_until(self, at: Option<Instant>) {
        match at {
            Some(at) => tokio::time::sleep(at.since(self.now())).await,
            None => std::future::pending().await,
        }
    }
}

struct Driver {
    time: Time,
    tls: TlsConnector,
    names: Names,
    tell: Tell,
    watch: Option<Watch>,
    arrived: mpsc::Sender<Arrived>,
    datagrams: Vec<(FlowId, Arc<UdpSocket>)>,
    connections: HashMap<FlowId, Connection>,
    by_place: HashMap<(Transport, SocketAddr), FlowId>,
    flows: Arc<std::sync::atomic::AtomicU64>,
}

/// Starts the agent on its sockets. `alive` is dropped when it has stopped.
pub(super) fn start(
    config: Config,
    sockets: Sockets,
    (tls, names): (TlsConnector, Names),
    (tell, watch): (Tell, Option<Watch>),
    commands: mpsc::UnboundedReceiver<Command>,
    alive: watch::Sender<()>,
) {
    let (arrived, events) = mpsc::channel(ARRIVED_MAX);
    let flows = Arc::new(std::sync::atomic::AtomicU64::new(1));
    let mut readers = tokio::task::JoinSet::new();
    let mut datagrams = Vec::new();
    for socket in sockets.datagrams {
        let flow = next(&flows);
        readers.spawn(read_datagrams(socket.clone(), flow, arrived.clone()));
        datagrams.push((flow, socket));
    }
    for (listener, acceptor) in sockets.streams {
        readers.spawn(accept(listener, acceptor, flows.clone(), arrived.clone()));
    }
    let time = Time::begin();
    let agent = Agent::new(config, time.now());
    let driver = Driver {
        time,
        tls,
        names,
        tell,
        watch,
        arrived,
        datagrams,
        connections: HashMap::new(),
        by_place: HashMap::new(),
        flows,
    };
    tokio::spawn(async move {
        driver.run(agent, commands, events).await;
        drop((readers, alive));
    });
}

fn next(flows: &std::sync::atomic::AtomicU64) -> FlowId {
    FlowId(flows.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
}

impl Driver {
    async fn run(
        mut self,
        mut agent: Agent,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut events: mpsc::Receiver<Arrived>,
    ) {
        let mut orphaned = false;
        loop {
            agent.tick(self.time.now());
            self.drain(&mut agent);
            if agent.is_closed() {
                return;
            }
            tokio::select! {
                command = commands.recv(), if !orphaned => {
                    orphaned = command.is_none();
                    let command = command.unwrap_or(Command::Stop);
                    agent.handle(self.time.now(), Input::Command(Box::new(command)));
                }
                Some(event) = events.recv() => self.take(&mut agent, event),
                () = self.time.sleep_until(agent.wake_at()) => {}
            }
            // What else is there already shares one round of sends.
            while let Ok(command) = commands.try_recv() {
                agent.handle(self.time.now(), Input::Command(Box::new(command)));
            }
            for _ in 0..ARRIVED_MAX {
                let Ok(event) = events.try_recv() else { break };
                self.take(&mut agent, event);
            }
        }
    }

    fn take(&mut self, agent: &mut Agent, event: Arrived) {
        let now = self.time.now();
        match event {
            Arrived::Datagram(flow, remote, octets) => {
                let transport = Transport::Udp;
                self.seen(false, transport, remote, &octets);
                agent.handle(now, Input::Received { flow, transport, remote, octets });
            }
            Arrived::Message(flow, octets) => {
                let Some(connection) = self.connections.get(&flow) else { return };
                let Hop { transport, remote, .. } = connection.hop;
                self.seen(false, transport, remote, &octets);
                agent.handle(now, Input::Received { flow, transport, remote, octets });
            }
            Arrived::Accepted(accepted) => self.accepted(accepted),
            Arrived::Closed(flow) => self.closed(agent, flow, false),
            Arrived::Stands(flow, true) => {
                if let Some(connection) = self.connections.get_mut(&flow) {
                    connection.stands = true;
                }
            }
            Arrived::Stands(flow, false) => self.closed(agent, flow, true),
            Arrived::Resolved(query, found) => agent.handle(now, Input::Resolved(query, found)),
        }
    }

    fn accepted(&mut self, accepted: Accepted) {
        if self.connections.len() >= CONNECTIONS_MAX {
            tracing::warn!(remote = %accepted.remote, "too many SIP connections");
            return;
        }
        let Accepted { flow, transport, remote, writer } = accepted;
        let name = remote.ip().to_string();
        let hop = Hop { transport, remote, flow: Some(flow), name };
        self.by_place.insert((transport, remote), flow);
        self.connections.insert(flow, Connection { hop, writer, stands: true });
    }

    fn closed(&mut self, agent: &mut Agent, flow: FlowId, failed: bool) {
        let Some(connection) = self.connections.remove(&flow) else { return };
        let place = (connection.hop.transport, connection.hop.remote);
        if self.by_place.get(&place) == Some(&flow) {
            self.by_place.remove(&place);
        }
        let now = self.time.now();
        agent.handle(now, Input::FlowClosed(flow));
        if failed || !connection.stands {
            agent.handle(now, Input::SendFailed(connection.hop));
        }
    }

    fn drain(&mut self, agent: &mut Agent) {
        let mut told = Vec::new();
        let mut failed = Vec::new();
        loop {
            while let Some(output) = agent.poll() {
                match output {
                    Output::Send(hop, octets) => {
                        self.seen(true, hop.transport, hop.remote, &octets);
                        if !self.send(&hop, octets) {
                            failed.push(hop);
                        }
                    }
                    Output::Resolve(query) => self.resolve(query),
                    Output::Event(event) => told.push(*event),
                }
            }
            let Some(hop) = failed.pop() else { break };
            agent.handle(self.time.now(), Input::SendFailed(hop));
        }
        if !told.is_empty() {
            (self.tell)(told);
        }
    }

    fn seen(&self, sent: bool, transport: Transport, remote: SocketAddr, octets: &[u8]) {
        if let Some(Watch(watch)) = &self.watch {
            watch(Seen { sent, transport, remote, octets });
        }
    }

    /// Sends, or begins to; false when nothing can be sent there.
    fn send(&mut self, hop: &Hop, octets: Vec<u8>) -> bool {
        if hop.transport == Transport::Udp {
            return self.send_datagram(hop, &octets);
        }
        let place = (hop.transport, hop.remote);
        let open = |flow: &FlowId| {
            self.connections.get(flow).is_some_and(|known| known.hop.is_same_place(hop))
        };
        let known = hop.flow.filter(open);
        let known = known.or_else(|| self.by_place.get(&place).copied());
        let flow = match known {
            Some(flow) => flow,
            None if self.connections.len() < CONNECTIONS_MAX => self.connect(hop),
            None => return false,
        };
        let Some(connection) = self.connections.get(&flow) else { return false };
        if connection.writer.try_send(octets).is_ok() {
            return true;
        }
        // It does not read, or is gone: dropping its writer closes it.
        self.connections.remove(&flow);
        self.by_place.remove(&place);
        false
    }

    fn send_datagram(&self, hop: &Hop, octets: &[u8]) -> bool {
        let by_flow = self.datagrams.iter().find(|(flow, _)| Some(*flow) == hop.flow);
        let fits = |socket: &UdpSocket| {
            socket.local_addr().is_ok_and(|local| local.is_ipv4() == hop.remote.is_ipv4())
        };
        let socket = by_flow.or_else(|| self.datagrams.iter().find(|(_, socket)| fits(socket)));
        let Some((_, socket)) = socket else { return false };
        match socket.try_send_to(octets, hop.remote) {
            Ok(_) => true,
            // A full buffer is a lost datagram: it will be repeated.
            Err(error) => {
                let full = error.kind() == std::io::ErrorKind::WouldBlock;
                if !full {
                    tracing::debug!(remote = %hop.remote, %error, "a datagram could not be sent");
                }
                full
            }
        }
    }

    fn connect(&mut self, hop: &Hop) -> FlowId {
        let flow = next(&self.flows);
        let (writer, outgoing) = mpsc::channel(WRITES_MAX);
        let answers = writer.downgrade();
        let hop = Hop { flow: Some(flow), ..hop.clone() };
        self.by_place.insert((hop.transport, hop.remote), flow);
        self.connections.insert(flow, Connection { hop: hop.clone(), writer, stands: false });
        let (tls, arrived) = (self.tls.clone(), self.arrived.clone());
        tokio::spawn(async move {
            let made = tokio::time::timeout(CONNECT_TIMEOUT, stand(&hop, &tls)).await;
            let made = made.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
            // Without a driver there is nobody to tell.
            let _ = arrived.send(Arrived::Stands(flow, made.is_ok())).await;
            match made {
                Ok(Stream::Plain(stream)) => carry(stream, flow, outgoing, answers, arrived),
                Ok(Stream::Tls(stream)) => carry(stream, flow, outgoing, answers, arrived),
                Err(error) => {
                    tracing::info!(remote = %hop.remote, %error, "a SIP peer can't be reached");
                }
            }
        });
        flow
    }

    fn resolve(&self, query: Query) {
        let (arrived, names) = (self.arrived.clone(), self.names.clone());
        tokio::spawn(async move {
            let found = names.resolve(&query).await;
            // Without a driver there is nobody to tell.
            let _ = arrived.send(Arrived::Resolved(query.id, found)).await;
        });
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

async fn stand(hop: &Hop, tls: &TlsConnector) -> Result<Stream, std::io::Error> {
    let stream = TcpStream::connect(hop.remote).await?;
    stream.set_nodelay(true)?;
    if hop.transport != Transport::Tls {
        return Ok(Stream::Plain(stream));
    }
    let name = ServerName::try_from(hop.name.clone()).map_err(std::io::Error::other)?;
    Ok(Stream::Tls(Box::new(tls.connect(name, stream).await?)))
}

async fn read_datagrams(socket: Arc<UdpSocket>, flow: FlowId, arrived: mpsc::Sender<Arrived>) {
    let mut buffer = vec![0; DATAGRAM_MAX];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((count, remote)) => {
                let event = Arrived::Datagram(flow, remote, buffer[..count].to_vec());
                if arrived.send(event).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "a datagram could not be read");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    flows: Arc<std::sync::atomic::AtomicU64>,
    arrived: mpsc::Sender<Arrived>,
) {
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a SIP connection could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        // A connection that can't be set up is slower, not broken.
        let _ = stream.set_nodelay(true);
        let (acceptor, flow, arrived) = (acceptor.clone(), next(&flows), arrived.clone());
        tokio::spawn(async move {
            let (writer, outgoing) = mpsc::channel(WRITES_MAX);
            let answers = writer.downgrade();
            let transport = if acceptor.is_some() { Transport::Tls } else { Transport::Tcp };
            let accepted = Arrived::Accepted(Accepted { flow, transport, remote, writer });
            let Some(acceptor) = acceptor else {
                if arrived.send(accepted).await.is_ok() {
                    carry(stream, flow, outgoing, answers, arrived);
                }
                return;
            };
            let agreed = tokio::time::timeout(CONNECT_TIMEOUT, acceptor.accept(stream)).await;
            if let Ok(Ok(stream)) = agreed
                && arrived.send(accepted).await.is_ok()
            {
                carry(stream, flow, outgoing, answers, arrived);
            }
        });
    }
}
