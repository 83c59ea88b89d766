//! RTCP of a leg: reports every five seconds, give or take a half, and what the peer's tell.

use core::net::SocketAddr;
use std::time::Duration;

use base::Instant;

use crate::engine::{Engine, Event, Key, Owner, Port, Sink};
use crate::leg::Leg;
use crate::rtcp::{self, Block, COMPOUND_MAX, Report, SenderInfo};

/// Shortest time between two reports, and how much is added at random at most.
const INTERVAL: Duration = Duration::from_micros(2_500_000);
const INTERVAL_RANDOM_US: u64 = 5_000_000;

/// Takes a compound of the peer. It counts only from the host that sends the media, or from
/// where the SDP said.
pub(super) fn receive(
    leg: &mut Leg,
    now: Instant,
    from: SocketAddr,
    data: &[u8],
    sink: &mut impl Sink,
) {
    let peer = leg.latch.target();
    let named = leg.config.remote_rtcp == Some(from);
    if !named && peer.is_none_or(|peer| peer.ip() != from.ip()) {
        leg.reception.dropped += 1;
        return;
    }
    let (id, ours) = (leg.id, leg.sender.ssrc());
    let control = &mut leg.control;
    let middle = (rtcp::ntp(now) >> 16) as u32;
    let whole = rtcp::parse(data, |report| match report {
        Report::Sender(_, info) => control.last_report = Some(((info.ntp >> 16) as u32, now)),
        Report::Block(block) if block.ssrc == ours => {
            control.remote_lost = block.lost;
            control.remote_jitter = block.jitter;
            let away = middle.wrapping_sub(block.last_report).wrapping_sub(block.delay);
            // Longer than ten seconds, or below zero, is a clock that was set.
            if block.last_report != 0 && away < 10 << 16 {
                control.round_trip_ms = Some(away as f32 * 1_000.0 / 65_536.0);
            }
        }
        Report::Goodbye(_) => sink.event(Owner::Leg(id), Event::Goodbye),
        _ => {}
    });
    if whole {
        control.from = Some(from);
    } else {
        leg.reception.dropped += 1;
    }
}

impl Engine {
    /// Sends the leg's report when it is due.
    pub(super) fn report(&mut self, now: Instant, key: Key, sink: &mut impl Sink) {
        let due = self.leg(key).is_some_and(|leg| now >= leg.control.due_at);
        if !due {
            return;
        }
        let more = Duration::from_micros(self.random.below(INTERVAL_RANDOM_US));
        if let Some(leg) = self.leg(key) {
            leg.control.due_at = now + INTERVAL + more;
            leg.send_report(now, key, false, sink);
        }
    }

    /// Sends the leg's last report.
    pub(super) fn say_goodbye(&mut self, now: Instant, key: Key, sink: &mut impl Sink) {
        if let Some(leg) = self.leg(key) {
            leg.send_report(now, key, true, sink);
        }
    }
}

impl Leg {
    fn send_report(&mut self, now: Instant, key: Key, goodbye: bool, sink: &mut impl Sink) {
        let Some((port, to)) = self.report_target() else { return };
        let (packets, octets) = self.sender.sent();
        let timestamp = self.sender.timestamp_at(now);
        let info = SenderInfo { ntp: rtcp::ntp(now), timestamp, packets, octets };
        let block = self.reception.report().map(|losses| {
            let since = self.control.last_report.map(|(middle, at)| {
                let micros = now.since(at).as_micros() as u64;
                (middle, (micros * 65_536 / 1_000_000).min(u64::from(u32::MAX)) as u32)
            });
            let (last_report, delay) = since.unwrap_or_default();
            Block {
                ssrc: losses.ssrc,
                fraction: losses.fraction,
                lost: losses.lost as i32,
                highest: losses.highest,
                jitter: losses.jitter,
                last_report,
                delay,
            }
        });
        let mut out = [0; COMPOUND_MAX];
        let sent = (packets > 0).then_some(info);
        let name = self.control.name;
        let len = rtcp::write(self.sender.ssrc(), sent, block, &name, goodbye, &mut out);
        sink.send(key, port, to, &out[..len]);
    }

    fn report_target(&self) -> Option<(Port, SocketAddr)> {
        let media = self.latch.target()?;
        if self.config.rtcp_mux {
            return Some((Port::Rtp, media));
        }
        let next = SocketAddr::new(media.ip(), media.port().checked_add(1)?);
        let known = self.control.from.filter(|from| from.ip() == media.ip());
        Some((Port::Rtcp, known.or(self.config.remote_rtcp).unwrap_or(next)))
    }
}
