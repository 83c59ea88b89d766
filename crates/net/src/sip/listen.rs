//! The sockets that we listen on.

use std::net::{IpAddr, SocketAddr, UdpSocket as StdUdpSocket};
use std::str::FromStr;
use std::sync::Arc;

use sip::io::{Listener, Transport};
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;

use super::Setup;

/// One place to listen: `udp:0.0.0.0:5060`, `tcp:[::]:5060`, `tls:127.0.0.1:0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// How.
    pub transport: Transport,
    /// Where; port 0 takes a free one.
    pub address: SocketAddr,
}

/// Text that is no place to listen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no place to listen for SIP: write udp:0.0.0.0:5060, tcp:… or tls:…")]
pub struct InvalidListen(String);

impl FromStr for Listen {
    type Err = InvalidListen;

    fn from_str(text: &str) -> Result<Self, InvalidListen> {
        let invalid = || InvalidListen(text.to_owned());
        let (transport, address) = text.trim().split_once(':').ok_or_else(invalid)?;
        let transport = Transport::parse(transport).ok_or_else(invalid)?;
        Ok(Self { transport, address: address.parse().map_err(|_| invalid())? })
    }
}

/// What is open.
pub(super) struct Sockets {
    pub(super) datagrams: Vec<Arc<UdpSocket>>,
    pub(super) streams: Vec<(TcpListener, Option<TlsAcceptor>)>,
    listeners: Vec<Listener>,
}

impl Sockets {
    pub(super) fn listeners(&self) -> Vec<Listener> {
        self.listeners.clone()
    }
}

/// Opens all sockets, or none.
pub(super) async fn open(setup: &Setup) -> Result<Sockets, std::io::Error> {
    let mut sockets = Sockets { datagrams: Vec::new(), streams: Vec::new(), listeners: Vec::new() };
    for Listen { transport, address } in &setup.listen {
        let place = |error| {
            let name = transport.as_str();
            std::io::Error::other(format!("SIP can't listen on {name} {address}: {error}"))
        };
        let bound = match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind(address).await.map_err(place)?;
                let bound = socket.local_addr()?;
                sockets.datagrams.push(Arc::new(socket));
                bound
            }
            Transport::Tcp | Transport::Tls => {
                let listener = TcpListener::bind(address).await.map_err(place)?;
                let bound = listener.local_addr()?;
                let acceptor = match (transport, &setup.acceptor) {
                    (Transport::Tls, Some(acceptor)) => Some(acceptor.clone()),
                    (Transport::Tls, None) => {
                        return Err(std::io::Error::other("SIP over TLS needs a certificate"));
                    }
                    _ => None,
                };
                sockets.streams.push((listener, acceptor));
                bound
            }
        };
        let advertised = setup.public.or_else(|| home(bound.ip()));
        let advertised = advertised.map(|ip| SocketAddr::new(ip, bound.port()));
        sockets.listeners.push(Listener { transport: *transport, bound, advertised });
    }
    Ok(sockets)
}

/// Of an unspecified address: the one that the way out has. Nothing is sent for it.
fn home(bound: IpAddr) -> Option<IpAddr> {
    if !bound.is_unspecified() {
        return None;
    }
    let (any, there) = match bound {
        IpAddr::V4(_) => ("0.0.0.0:0", "192.0.2.1:9"),
        IpAddr::V6(_) => ("[::]:0", "[2001:db8::1]:9"),
    };
    let socket = StdUdpSocket::bind(any).ok()?;
    socket.connect(there).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
}
