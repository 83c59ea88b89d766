//! The packet path: a socket for each leg (and one for its RTCP), connected to the peer once it
//! is latched. Nothing but this file knows how packets come and go.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use base::Instant;
use media::{Key, Port};
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

use super::OpenError;
use super::ports::{Pair, Ports};

/// The sockets of one leg.
pub(super) struct Sockets {
    rtp: UdpSocket,
    rtcp: Option<UdpSocket>,
    peer: Option<SocketAddr>,
    pace: Pace,
    pair: Pair,
}

/// When packets came to an RTP socket: readiness is told once for each arrival, so as long as they
/// come one by one, asking whether there is another is a system call for nothing.
#[derive(Clone, Copy, Default)]
struct Pace {
    at: Instant,
    len: usize,
    alone: u8,
}

/// After a longer pause than this there may be more than one: 30 ms.
const PAUSE_US: i64 = 30_000;
/// So often it is asked all the same, so that what was overlooked waits no longer than this.
const ALONE_MAX: u8 = 16;

impl Pace {
    /// Whether a packet that was read may have others behind it.
    fn may_have_more(&mut self, now: Instant, len: usize) -> bool {
        let paused = now.micros() - self.at.micros() > PAUSE_US;
        let more = paused || len != self.len || self.alone >= ALONE_MAX;
        *self = Self { at: now, len, alone: if more { 0 } else { self.alone + 1 } };
        more
    }
}

impl Sockets {
    /// Binds a pair of ports, or an even one alone.
    pub(super) fn bind(
        address: IpAddr,
        ports: &Arc<Mutex<Ports>>,
        shared: bool,
    ) -> Result<Self, OpenError> {
        let (tries, range) = {
            let ports = ports.lock().unwrap_or_else(PoisonError::into_inner);
            (ports.count(), ports.range())
        };
        // Held until the end, so that a pair that somebody else has is not tried again.
        let mut others = Vec::new();
        for _ in 0..tries {
            let Some(pair) = Ports::take(ports) else { break };
            let bind = |port| UdpSocket::bind(SocketAddr::new(address, port));
            let both = bind(pair.even).and_then(|rtp| {
                let rtcp = if shared { None } else { Some(bind(pair.even + 1)?) };
                Ok((rtp, rtcp))
            });
            match both {
                Ok((rtp, rtcp)) => {
                    return Ok(Self { rtp, rtcp, peer: None, pace: Pace::default(), pair });
                }
                Err(error) if error.kind() == ErrorKind::AddrInUse => others.push(pair),
                Err(error) => return Err(error.into()),
            }
        }
        Err(OpenError::NoPort(range.0, range.1))
    }

    /// The RTP port.
    pub(super) fn port(&self) -> u16 {
        self.pair.even
    }
}

/// All sockets of a thread, by the keys of their legs.
#[derive(Default)]
pub(super) struct Path {
    legs: Vec<Option<Sockets>>,
}

/// The port that a token is for.
pub(super) fn place(token: Token) -> (Key, Port) {
    (Key(token.0 / 2), if token.0.is_multiple_of(2) { Port::Rtp } else { Port::Rtcp })
}

impl Path {
    pub(super) fn add(
        &mut self,
        registry: &Registry,
        key: Key,
        mut sockets: Sockets,
    ) -> io::Result<()> {
        registry.register(&mut sockets.rtp, Token(key.0 * 2), Interest::READABLE)?;
        if let Some(rtcp) = sockets.rtcp.as_mut() {
            registry.register(rtcp, Token(key.0 * 2 + 1), Interest::READABLE)?;
        }
        if self.legs.len() <= key.0 {
            self.legs.resize_with(key.0 + 1, || None);
        }
        self.legs[key.0] = Some(sockets);
        Ok(())
    }

    pub(super) fn remove(&mut self, registry: &Registry, key: Key) -> Option<Sockets> {
        let mut sockets = self.legs.get_mut(key.0)?.take()?;
        // What fails here is not registered, which is what is wanted.
        let _ = registry.deregister(&mut sockets.rtp);
        if let Some(rtcp) = sockets.rtcp.as_mut() {
            let _ = registry.deregister(rtcp);
        }
        Some(sockets)
    }

    /// Whether it is worth asking a ready socket for more, after a datagram of this length.
    #[inline]
    pub(super) fn may_have_more(&mut self, now: Instant, key: Key, port: Port, len: usize) -> bool {
        match self.legs.get_mut(key.0) {
            Some(Some(sockets)) if port == Port::Rtp => sockets.pace.may_have_more(now, len),
            _ => true,
        }
    }

    /// The next datagram of a socket; `None` when there is none left.
    #[inline]
    pub(super) fn receive(
        &mut self,
        key: Key,
        port: Port,
        buffer: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        let sockets = self.legs.get(key.0)?.as_ref()?;
        loop {
            let received = match (port, sockets.peer) {
                (Port::Rtp, Some(peer)) => sockets.rtp.recv(buffer).map(|len| (len, peer)),
                (Port::Rtp, None) => sockets.rtp.recv_from(buffer),
                (Port::Rtcp, _) => sockets.rtcp.as_ref()?.recv_from(buffer),
            };
            match received {
                Ok((len, from)) => return Some((from, len)),
                // A peer's host said that nobody listens there: that is not for us to judge.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }

    /// Sends a datagram. One that can't be sent is lost, as on any network.
    #[inline]
    pub(super) fn send(&self, key: Key, port: Port, to: SocketAddr, packet: &[u8]) {
        let Some(Some(sockets)) = self.legs.get(key.0) else { return };
        let _ = match (port, &sockets.rtcp) {
            (Port::Rtcp, Some(rtcp)) => rtcp.send_to(packet, to),
            _ if sockets.peer == Some(to) => sockets.rtp.send(packet),
            _ => sockets.rtp.send_to(packet, to),
        };
    }

    /// Connects the socket to the peer, or opens it to all again.
    pub(super) fn peer(&mut self, key: Key, peer: Option<SocketAddr>) {
        let Some(Some(sockets)) = self.legs.get_mut(key.0) else { return };
        if sockets.peer == peer {
            return;
        }
        sockets.peer = match peer {
            Some(address) => sockets.rtp.connect(address).is_ok().then_some(address),
            None => {
                if let Err(error) = rustix::net::connect_unspec(&sockets.rtp) {
                    tracing::warn!(%error, "a media socket stays connected");
                }
                None
            }
        };
    }
}
