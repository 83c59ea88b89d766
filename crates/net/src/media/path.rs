//! The packet path: a socket for each leg (and one for its RTCP), connected to the peer once it
//! is latched. Nothing but this file knows how packets come and go.
//!
//! Media is read at the leg's tick, not when the system tells of it: to be told of each packet
//! costs a third of what it costs to receive it. When a packet came is the system's own word, so
//! jitter is measured as if it had been read at once.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use base::Instant;
use media::{Key, Port};
use mio::{Interest, Registry, Token};
use nix::errno::Errno;
use nix::sys::socket::sockopt::ReceiveTimestamp;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrLike, SockaddrStorage, recvmsg, setsockopt,
};
use nix::sys::time::TimeVal;

use super::OpenError;
use super::ports::{Pair, Ports};

/// The sockets of one leg.
pub(super) struct Sockets {
    rtp: UdpSocket,
    rtcp: Option<mio::net::UdpSocket>,
    peer: Option<SocketAddr>,
    /// All that waited when the socket was connected has been read: what comes now is the peer's.
    settled: bool,
    /// When a packet was read last.
    read_at: Instant,
    pair: Pair,
}

/// The instant of a round of reading, by our clock and by the system's.
#[derive(Clone, Copy)]
pub(super) struct Round {
    pub now: Instant,
    pub wall: SystemTime,
}

/// What was read.
pub(super) struct Received {
    pub from: SocketAddr,
    pub len: usize,
    /// How long it waited to be read.
    pub waited: Duration,
    /// It is worth asking for another one.
    pub more: bool,
}

/// A packet that waited longer than this may have another one behind it. What is left behind is
/// found by the next tick.
const ALONE: Duration = Duration::from_millis(15);
/// After a packet the next one is not looked for earlier than this: they are a frame apart, and
/// to look in vain costs half as much as to receive.
const PAUSE_US: i64 = 15_000;
/// Longer than this nothing waits: somebody has set the clock.
const WAIT_MAX: Duration = Duration::from_secs(1);

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
            let both = bind(address, pair.even).and_then(|rtp| {
                setsockopt(&rtp, ReceiveTimestamp, &true)?;
                let rtcp = if shared { None } else { Some(bind(address, pair.even + 1)?) };
                Ok((rtp, rtcp.map(mio::net::UdpSocket::from_std)))
            });
            match both {
                Ok((rtp, rtcp)) => {
                    let read_at = Instant::default();
                    return Ok(Self { rtp, rtcp, peer: None, settled: false, read_at, pair });
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

fn bind(address: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(SocketAddr::new(address, port))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// All sockets of a thread, by the keys of their legs.
pub(super) struct Path {
    legs: Vec<Option<Sockets>>,
    /// Room for the time of arrival.
    control: Vec<u8>,
}

/// The leg whose reports a token is for.
pub(super) fn reporter(token: Token) -> Key {
    Key(token.0)
}

impl Path {
    pub(super) fn new() -> Self {
        Self { legs: Vec::new(), control: nix::cmsg_space!(TimeVal) }
    }

    pub(super) fn add(
        &mut self,
        registry: &Registry,
        key: Key,
        mut sockets: Sockets,
    ) -> io::Result<()> {
        if let Some(rtcp) = sockets.rtcp.as_mut() {
            registry.register(rtcp, Token(key.0), Interest::READABLE)?;
        }
        if self.legs.len() <= key.0 {
            self.legs.resize_with(key.0 + 1, || None);
        }
        self.legs[key.0] = Some(sockets);
        Ok(())
    }

    pub(super) fn remove(&mut self, registry: &Registry, key: Key) -> Option<Sockets> {
        let mut sockets = self.legs.get_mut(key.0)?.take()?;
        if let Some(rtcp) = sockets.rtcp.as_mut() {
            // What fails here is not registered, which is what is wanted.
            let _ = registry.deregister(rtcp);
        }
        Some(sockets)
    }

    /// Whether it is time to look for packets of a leg.
    #[inline]
    pub(super) fn is_due(&self, key: Key, now: Instant) -> bool {
        let sockets = self.legs.get(key.0).and_then(Option::as_ref);
        sockets.is_some_and(|sockets| now.micros() - sockets.read_at.micros() >= PAUSE_US)
    }

    /// The next packet of media; `None` when there is none left.
    #[inline]
    pub(super) fn receive(
        &mut self,
        key: Key,
        round: Round,
        buffer: &mut [u8],
    ) -> Option<Received> {
        let sockets = self.legs.get_mut(key.0)?.as_mut()?;
        let peer = sockets.peer.filter(|_| sockets.settled);
        loop {
            let read = match peer {
                Some(peer) => read::<()>(&sockets.rtp, &mut self.control, buffer)
                    .map(|(len, _, at)| (Some(peer), len, at)),
                None => read::<SockaddrStorage>(&sockets.rtp, &mut self.control, buffer)
                    .map(|(len, from, at)| (from.as_ref().and_then(address), len, at)),
            };
            match read {
                Ok((Some(from), len, arrived)) => {
                    let waited = round.wall.duration_since(arrived).unwrap_or_default();
                    let waited = waited.min(WAIT_MAX);
                    let more = waited >= ALONE || peer.is_none();
                    sockets.read_at = round.now;
                    return Some(Received { from, len, waited, more });
                }
                // A peer's host said that nobody listens there: that is not for us to judge.
                Ok((None, ..)) | Err(Errno::ECONNREFUSED | Errno::EINTR) => {}
                Err(_) => {
                    sockets.settled = sockets.peer.is_some();
                    return None;
                }
            }
        }
    }

    /// The next report; `None` when there is none left.
    pub(super) fn report(&self, key: Key, buffer: &mut [u8]) -> Option<(SocketAddr, usize)> {
        let rtcp = self.legs.get(key.0)?.as_ref()?.rtcp.as_ref()?;
        loop {
            match rtcp.recv_from(buffer) {
                Ok((len, from)) => return Some((from, len)),
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
        sockets.settled = false;
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

/// Reads a datagram: its length, source (unless it is known), and when it came.
#[inline]
fn read<A: SockaddrLike>(
    socket: &UdpSocket,
    control: &mut [u8],
    buffer: &mut [u8],
) -> Result<(usize, Option<A>, SystemTime), Errno> {
    let mut parts = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::empty();
    let message = recvmsg::<A>(socket.as_raw_fd(), &mut parts, Some(control), flags)?;
    let stamp = message.cmsgs()?.find_map(|part| match part {
        ControlMessageOwned::ScmTimestamp(at) => Some(at),
        _ => None,
    });
    let since = stamp.map(|at| Duration::new(at.tv_sec() as u64, at.tv_usec() as u32 * 1_000));
    // Without a stamp it did not wait.
    let arrived = since.map_or_else(SystemTime::now, |since| SystemTime::UNIX_EPOCH + since);
    Ok((message.bytes, message.address, arrived))
}

fn address(from: &SockaddrStorage) -> Option<SocketAddr> {
    let four = from.as_sockaddr_in().map(|from| SocketAddr::V4((*from).into()));
    four.or_else(|| from.as_sockaddr_in6().map(|from| SocketAddr::V6((*from).into())))
}
