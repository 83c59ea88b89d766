//! What is known of a leg's quality: loss and jitter of what it receives (RFC 3550 A.1, A.3,
//! A.8), what the peer reports, and the mean opinion score that follows (ITU-T G.107).

use base::Instant;

use crate::rtp::Packet;

/// The numbers of a leg.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Packets that came from the peer.
    pub received: u64,
    /// Octets of payload in them.
    pub received_octets: u64,
    /// Packets that were expected and did not come.
    pub lost: u64,
    /// Packets that came after their time, or twice.
    pub discarded: u64,
    /// Packets from strangers, and such as could not be read.
    pub dropped: u64,
    /// Packets sent.
    pub sent: u64,
    /// Jitter between arrivals, now.
    pub jitter_ms: f32,
    /// The largest jitter so far.
    pub jitter_max_ms: f32,
    /// From reports of the peer.
    pub round_trip_ms: Option<f32>,
    /// What the peer says it lost of ours: packets.
    pub remote_lost: u64,
    /// Jitter that the peer sees.
    pub remote_jitter_ms: f32,
    /// 1 to 4.5, for what we receive.
    pub score: f32,
}

/// The mean opinion score of G.711 with concealment, from loss (0 to 1) and the way's delay from
/// mouth to ear: ITU-T G.107 with its defaults (Ie 0, Bpl 25.1 for concealed G.711, G.113 App. I).
pub fn mean_opinion_score(loss: f32, delay_ms: f32) -> f32 {
    let impaired = 95.0 * loss * 100.0 / (loss * 100.0 + 25.1);
    let late = if delay_ms > 177.3 { 0.11 * (delay_ms - 177.3) } else { 0.0 };
    let r = (93.2 - 0.024 * delay_ms - late - impaired).clamp(0.0, 100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

/// Counts of one incoming stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reception {
    ssrc: Option<u32>,
    first: u32,
    /// With the count of wraps above.
    highest: u32,
    /// Of this stream.
    packets: u32,
    transit: Option<i32>,
    /// In samples, times 16.
    jitter: u32,
    jitter_max: u32,
    reported_expected: u32,
    reported_received: u32,
    /// Of earlier streams.
    lost_before: u64,
    pub received: u64,
    pub octets: u64,
    pub late: u64,
    pub dropped: u64,
}

/// What goes into a report block (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    pub ssrc: u32,
    pub fraction: u8,
    pub lost: u32,
    pub highest: u32,
    pub jitter: u32,
}

impl Reception {
    /// Counts a packet of the peer; true when a new stream begins with it.
    pub(crate) fn count(&mut self, now: Instant, packet: &Packet<'_>, timed: bool) -> bool {
        self.received += 1;
        self.octets += packet.payload.len() as u64;
        let step = packet.sequence.wrapping_sub(self.highest as u16) as i16;
        let fresh = self.ssrc != Some(packet.ssrc) || step.unsigned_abs() > 3_000;
        if fresh {
            self.lost_before += u64::from(self.lost());
            self.ssrc = Some(packet.ssrc);
            self.first = u32::from(packet.sequence) + 0x1_0000;
            self.highest = self.first;
            self.packets = 0;
            self.transit = None;
            self.reported_expected = 0;
            self.reported_received = 0;
        } else if step > 0 {
            self.highest = self.highest.wrapping_add(step as u32);
        }
        self.packets += 1;
        if timed {
            self.time(now, packet.timestamp);
        }
        fresh
    }

    fn time(&mut self, now: Instant, timestamp: u32) {
        let arrived = (now.micros() / 125) as u32;
        let transit = arrived.wrapping_sub(timestamp) as i32;
        if let Some(before) = self.transit {
            // A leap is a new beginning of the sender's clock, no jitter.
            let change = transit.wrapping_sub(before).unsigned_abs();
            if change < crate::RATE {
                self.jitter = self.jitter + change - ((self.jitter + 8) >> 4);
                self.jitter_max = self.jitter_max.max(self.jitter);
            }
        }
        self.transit = Some(transit);
    }

    fn expected(&self) -> u32 {
        if self.ssrc.is_some() { self.highest.wrapping_sub(self.first).wrapping_add(1) } else { 0 }
    }

    fn lost(&self) -> u32 {
        self.expected().saturating_sub(self.packets)
    }

    /// The losses since the last report; `None` before anything came.
    pub(crate) fn report(&mut self) -> Option<Losses> {
        let ssrc = self.ssrc?;
        let expected = self.expected();
        let lately = expected.wrapping_sub(self.reported_expected);
        let lost = lately.saturating_sub(self.packets.wrapping_sub(self.reported_received));
        self.reported_expected = expected;
        self.reported_received = self.packets;
        let fraction = (lost * 256).checked_div(lately).unwrap_or(0).min(255) as u8;
        let jitter = self.jitter >> 4;
        let total = self.lost().min(0x7f_ffff);
        Some(Losses { ssrc, fraction, lost: total, highest: self.highest - 0x1_0000, jitter })
    }

    /// The numbers, with the delay of our buffer in milliseconds.
    pub(crate) fn statistics(&self, buffer_ms: f32, round_trip_ms: Option<f32>) -> Statistics {
        let lost = self.lost_before + u64::from(self.lost());
        let whole = (self.received + lost).max(1) as f32;
        let loss = (lost + self.late) as f32 / whole;
        // Packing takes 20 ms; half of the round trip is the way.
        let delay = 20.0 + buffer_ms + round_trip_ms.unwrap_or_default() / 2.0;
        Statistics {
            received: self.received,
            received_octets: self.octets,
            lost,
            discarded: self.late,
            dropped: self.dropped,
            jitter_ms: self.jitter as f32 / 128.0,
            jitter_max_ms: self.jitter_max as f32 / 128.0,
            round_trip_ms,
            score: mean_opinion_score(loss.min(1.0), delay),
            ..Statistics::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, timestamp: u32) -> Packet<'static> {
        Packet { payload_type: 0, marker: false, sequence, timestamp, ssrc: 5, payload: &[0; 160] }
    }

    #[test]
    fn losses_are_counted_over_the_wrap() {
        let mut reception = Reception::default();
        for at in 0..100u32 {
            if at % 10 == 3 {
                continue;
            }
            let now = Instant::from_micros(i64::from(at) * 20_000);
            reception.count(now, &packet(65_500u16.wrapping_add(at as u16), at * 160), true);
        }
        let report = reception.report().expect("a stream");
        assert_eq!((report.lost, report.fraction, report.jitter), (10, 25, 0));
        assert_eq!(report.highest, 65_500 + 99);
        assert_eq!(reception.statistics(40.0, None).lost, 10);
        assert_eq!(reception.report().map(|report| report.fraction), Some(0), "since then");
    }

    #[test]
    fn jitter_is_the_rfc_s() {
        let mut reception = Reception::default();
        for at in 0..400i64 {
            let late = if at % 2 == 0 { 0 } else { 10_000 };
            let now = Instant::from_micros(at * 20_000 + late);
            reception.count(now, &packet(at as u16, at as u32 * 160), true);
        }
        let jitter = reception.statistics(0.0, None).jitter_ms;
        assert!((9.0..=10.5).contains(&jitter), "{jitter}");
    }

    #[test]
    fn scores_fall_with_loss_and_delay() {
        assert!(mean_opinion_score(0.0, 60.0) > 4.3);
        let lossy = mean_opinion_score(0.05, 60.0);
        assert!((3.3..4.0).contains(&lossy), "{lossy}");
        assert!(mean_opinion_score(0.2, 60.0) < 2.8);
        assert!(mean_opinion_score(0.0, 500.0) < 3.5);
        assert!(mean_opinion_score(1.0, 2_000.0) >= 1.0);
    }
}
