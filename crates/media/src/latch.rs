//! Symmetric RTP: media is taken from one peer only, and goes to where it comes from
//! (RFC 4961; latching as in RFC 7362).

use core::net::SocketAddr;
use std::time::Duration;

use base::Instant;

/// A peer that is not the one of the SDP may be taken over by it for so long.
const PROVISIONAL: Duration = Duration::from_secs(1);
/// A peer that was heard within this time can't be replaced.
const SILENT: Duration = Duration::from_secs(1);

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the peer's.
    Accept,
    /// Its sender is the peer from now on.
    Latched,
    /// It is a stranger's.
    Drop,
}

/// Who the peer is.
#[derive(Clone, Debug, Default)]
pub struct Latch {
    expected: Option<SocketAddr>,
    strict: bool,
    peer: Option<SocketAddr>,
    ssrc: u32,
    latched_at: Instant,
    heard_at: Instant,
    /// A re-INVITE allows another source (and SSRC) once.
    armed: bool,
}

impl Latch {
    /// Expects the address of the SDP; `strict` takes no other.
    pub fn new(expected: Option<SocketAddr>, strict: bool) -> Self {
        Self { expected, strict, ..Self::default() }
    }

    /// A new SDP: the address that it gives is tried at once, and another source may latch.
    pub fn renew(&mut self, expected: Option<SocketAddr>) {
        if expected != self.expected {
            self.expected = expected;
            self.peer = None;
        }
        self.armed = true;
    }

    /// Where to send to: the peer, or the SDP's address while there is none.
    #[inline]
    pub fn target(&self) -> Option<SocketAddr> {
        self.peer.or(self.expected)
    }

    /// The latched peer.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Whether the peer has been silent for so long that another source may take its place.
    pub fn may_move(&self, now: Instant) -> bool {
        self.peer.is_some() && !self.strict && now.since(self.heard_at) >= SILENT
    }

    /// Judges the source of a valid packet.
    pub fn judge(&mut self, now: Instant, from: SocketAddr, ssrc: u32) -> Verdict {
        let Some(peer) = self.peer else {
            if self.strict && self.expected.is_some_and(|expected| expected != from) {
                return Verdict::Drop;
            }
            return self.latch(now, from, ssrc);
        };
        if peer == from {
            self.heard_at = now;
            self.ssrc = ssrc;
            return Verdict::Accept;
        }
        let expected = self.expected == Some(from);
        let young = now.since(self.latched_at) < PROVISIONAL;
        let silent = self.may_move(now);
        if expected && (young || silent) || silent && (ssrc == self.ssrc || self.armed) {
            return self.latch(now, from, ssrc);
        }
        Verdict::Drop
    }

    fn latch(&mut self, now: Instant, from: SocketAddr, ssrc: u32) -> Verdict {
        self.peer = Some(from);
        self.ssrc = ssrc;
        self.latched_at = now;
        self.heard_at = now;
        self.armed = false;
        Verdict::Latched
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Instant {
        Instant::from_micros(ms * 1_000)
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn the_first_valid_packet_latches_and_strangers_are_dropped() {
        let mut latch = Latch::new(Some(address(1)), false);
        assert_eq!(latch.target(), Some(address(1)));
        assert_eq!(latch.judge(at(0), address(2), 7), Verdict::Latched, "behind a NAT");
        assert_eq!(latch.judge(at(20), address(3), 7), Verdict::Drop);
        assert_eq!(latch.judge(at(40), address(2), 7), Verdict::Accept);
        assert_eq!(latch.target(), Some(address(2)));
    }

    #[test]
    fn the_address_of_the_sdp_takes_over_soon_but_not_late() {
        let mut latch = Latch::new(Some(address(1)), false);
        latch.judge(at(0), address(2), 7);
        assert_eq!(latch.judge(at(900), address(1), 8), Verdict::Latched);
        let mut latch = Latch::new(Some(address(1)), false);
        for ms in (0..2_000).step_by(20) {
            latch.judge(at(ms), address(2), 7);
        }
        assert_eq!(latch.judge(at(2_000), address(1), 8), Verdict::Drop);
    }

    #[test]
    fn a_new_binding_is_followed_when_the_old_one_is_silent_and_the_stream_the_same() {
        let mut latch = Latch::new(Some(address(1)), false);
        latch.judge(at(0), address(1), 7);
        assert_eq!(latch.judge(at(500), address(2), 7), Verdict::Drop, "too soon");
        assert_eq!(latch.judge(at(1_500), address(2), 8), Verdict::Drop, "another stream");
        assert_eq!(latch.judge(at(1_500), address(2), 7), Verdict::Latched);
        latch.renew(Some(address(1)));
        assert_eq!(latch.judge(at(3_000), address(4), 9), Verdict::Latched, "armed");
    }

    #[test]
    fn strict_takes_the_sdp_s_address_only() {
        let mut latch = Latch::new(Some(address(1)), true);
        assert_eq!(latch.judge(at(0), address(2), 7), Verdict::Drop);
        assert_eq!(latch.judge(at(0), address(1), 7), Verdict::Latched);
    }
}
