//! The sockets of a carrier's binds.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use machine::Machine;
use rustls::pki_types::ServerName;
use smpp::client::{Client, Config, Input, LinkId, Output};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;

use super::{now, pipe, sleep_until};
use crate::tls;

/// Where a carrier is.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Name or address.
    pub host: String,
    /// 2775 is usual.
    pub port: u16,
    /// `smpps`.
    pub tls: bool,
    /// Where the carrier calls us (`outbind`), from its own address.
    pub called_at: Option<SocketAddr>,
    /// Authorities to be trusted instead of the public ones: a PEM file.
    pub authorities: Option<PathBuf>,
}

/// Takes what the client tells, in order.
pub type Tell = Box<dyn FnMut(Vec<Output>) + Send>;

/// Connections are made within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads that wait for the machine at most; beyond it the socket is not read.
const READS_MAX: usize = 64;

enum Event {
    Stands(LinkId, mpsc::UnboundedSender<Vec<u8>>),
    Received(LinkId, Option<Vec<u8>>),
}

/// The way to a running client. Cheap to clone; the client stops when the last one is dropped.
#[derive(Clone)]
pub struct SmppClient(mpsc::UnboundedSender<Input>);

impl SmppClient {
    /// Starts the client. It connects, and stays connected, until it is told to stop.
    pub fn start(config: Config, endpoint: Endpoint, tell: Tell) -> Result<Self, std::io::Error> {
        let tls = match (&endpoint.authorities, endpoint.tls) {
            (_, false) => None,
            (Some(file), true) => Some(tls::trusting(file)?),
            (None, true) => Some(tls::public()),
        };
        let (sender, inputs) = mpsc::unbounded_channel();
        let (arrived, events) = mpsc::channel(READS_MAX);
        let called = endpoint.called_at.map(listen).transpose()?;
        let driver = Driver { endpoint, tls, tell, arrived, called, writers: HashMap::new() };
        tokio::spawn(driver.run(Client::new(config, now()), inputs, events));
        Ok(Self(sender))
    }

    /// Unbinds, and waits until every connection is closed.
    pub async fn stop(&self) {
        self.send(Input::Stop);
        self.0.closed().await;
    }

    /// Tells the client something; lost when it has stopped.
    pub fn send(&self, input: Input) {
        // A client that has stopped has given everything back already.
        let _ = self.0.send(input);
    }
}

struct Driver {
    endpoint: Endpoint,
    tls: Option<TlsConnector>,
    tell: Tell,
    arrived: mpsc::Sender<Event>,
    called: Option<TcpListener>,
    writers: HashMap<LinkId, mpsc::UnboundedSender<Vec<u8>>>,
}

impl Driver {
    async fn run(
        mut self,
        mut client: Client,
        mut inputs: mpsc::UnboundedReceiver<Input>,
        mut events: mpsc::Receiver<Event>,
    ) {
        loop {
            client.tick(now());
            self.drain(&mut client);
            if client.is_closed() {
                return;
            }
            tokio::select! {
                input = inputs.recv() => client.handle(now(), input.unwrap_or(Input::Stop)),
                Some(event) = events.recv() => self.take(&mut client, event),
                stream = call(self.called.as_ref()) => self.answer(&mut client, stream).await,
                () = sleep_until(client.wake_at()) => {}
            }
            // What else is there already shares one round of writes.
            while let Ok(input) = inputs.try_recv() {
                client.handle(now(), input);
            }
            while let Ok(event) = events.try_recv() {
                self.take(&mut client, event);
            }
        }
    }

    /// Somebody called: the carrier, if it comes from the carrier's address.
    async fn answer(&mut self, client: &mut Client, stream: TcpStream) {
        let peer = stream.peer_addr().ok().map(|peer| peer.ip());
        let host = (self.endpoint.host.as_str(), self.endpoint.port);
        let known = tokio::net::lookup_host(host).await;
        let known = known.is_ok_and(|mut known| known.any(|at| Some(at.ip()) == peer));
        if !known {
            tracing::warn!(host = host.0, ?peer, "a call that is not from the carrier's address");
            return;
        }
        let Some(id) = client.called(now()) else { return };
        // A connection that can't be set up is slower, not broken.
        let _ = stream.set_nodelay(true);
        let arrived = self.arrived.clone();
        let writer = pipe::open(stream, move |octets| {
            let arrived = arrived.clone();
            // Without a driver there is nobody to tell.
            async move { drop(arrived.send(Event::Received(id, octets)).await) }
        });
        self.writers.insert(id, writer);
    }

    fn take(&mut self, client: &mut Client, event: Event) {
        let input = match event {
            Event::Stands(id, writer) => {
                self.writers.insert(id, writer);
                Input::Connected(id)
            }
            Event::Received(id, Some(octets)) => Input::Received(id, octets),
            Event::Received(id, None) => {
                self.writers.remove(&id);
                Input::Lost(id)
            }
        };
        client.handle(now(), input);
    }

    fn drain(&mut self, client: &mut Client) {
        let mut told = Vec::new();
        while let Some(output) = client.poll() {
            match output {
                Output::Connect(id) => self.connect(id),
                Output::Write(id, octets) => {
                    if let Some(writer) = self.writers.get(&id) {
                        // A closed connection is told by its reader.
                        let _ = writer.send(octets);
                    }
                }
                Output::Close(id) => drop(self.writers.remove(&id)),
                output => told.push(output),
            }
        }
        if !told.is_empty() {
            (self.tell)(told);
        }
    }

    fn connect(&self, id: LinkId) {
        let (endpoint, tls, arrived) =
            (self.endpoint.clone(), self.tls.clone(), self.arrived.clone());
        tokio::spawn(async move {
            let standing = stand(&endpoint, tls.as_ref(), id, arrived.clone());
            let stands = tokio::time::timeout(CONNECT_TIMEOUT, standing).await;
            let stands = stands.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
            let event = match stands {
                Ok(writer) => Event::Stands(id, writer),
                Err(error) => {
                    tracing::warn!(host = endpoint.host, port = endpoint.port, %error, "a carrier can't be reached");
                    Event::Received(id, None)
                }
            };
            // Without a driver there is nobody to tell.
            let _ = arrived.send(event).await;
        });
    }
}

/// A listener for the carrier's calls.
fn listen(at: SocketAddr) -> Result<TcpListener, std::io::Error> {
    let listener = std::net::TcpListener::bind(at)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// The next call; never, where none is expected.
async fn call(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "a carrier's call could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn stand(
    endpoint: &Endpoint,
    tls: Option<&TlsConnector>,
    id: LinkId,
    arrived: mpsc::Sender<Event>,
) -> Result<mpsc::UnboundedSender<Vec<u8>>, std::io::Error> {
    let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await?;
    stream.set_nodelay(true)?;
    let received = move |octets| {
        let arrived = arrived.clone();
        async move {
            // Without a driver there is nobody to tell.
            let _ = arrived.send(Event::Received(id, octets)).await;
        }
    };
    let Some(tls) = tls else { return Ok(pipe::open(stream, received)) };
    let name = ServerName::try_from(endpoint.host.clone()).map_err(std::io::Error::other)?;
    Ok(pipe::open(tls.connect(name, stream).await?, received))
}
