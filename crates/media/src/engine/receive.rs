//! A packet comes in: judged, counted, passed on at once where it is for another leg, and laid
//! into the jitter buffer where the tick wants it.

use core::net::SocketAddr;
use std::sync::Arc;

use base::Instant;

use crate::dtmf::Told;
use crate::engine::{DATAGRAM, Datagram, Engine, Event, Key, Owner, Port, Sink};
use crate::g711::Law;
use crate::jitter::Pushed;
use crate::latch::Verdict;
use crate::leg::{Kind, Leg, Route};
use crate::playlist::{Item, Source};
use crate::rtp::{self, HEADER, Head, Packet};

impl Engine {
    /// Takes a datagram that came to one of the leg's ports.
    pub fn receive(
        &mut self,
        now: Instant,
        key: Key,
        port: Port,
        datagram: Datagram<'_>,
        sink: &mut impl Sink,
    ) {
        let Datagram { from, arrived_at, data } = datagram;
        let Some(leg) = self.legs.get_mut(key.0).and_then(Option::as_deref_mut) else { return };
        if port == Port::Rtcp || rtp::is_rtcp(data) {
            super::report::receive(leg, now, from, data, sink);
            return;
        }
        let known =
            rtp::parse(data).and_then(|packet| Some((leg.kind_of(packet.payload_type)?, packet)));
        let Some((kind, packet)) = known else {
            leg.reception.dropped += 1;
            return;
        };
        if !leg.admit(now, key, from, &packet, sink) {
            leg.reception.dropped += 1;
            return;
        }
        let fresh = leg.reception.count(arrived_at, &packet, matches!(kind, Kind::Audio(_)));
        leg.heard_at = now;
        if std::mem::take(&mut leg.timed_out) {
            sink.event(Owner::Leg(leg.id), Event::Resumed);
        }
        if !leg.config.direction.receives() {
            return;
        }
        match kind {
            Kind::Audio(law) => {
                leg.buffer(&packet, law, fresh);
                self.relay(now, key, &packet, Some(law), sink);
            }
            Kind::Digit => self.digit(now, key, &packet, sink),
            Kind::Noise => {}
        }
    }

    /// Passes a packet on to whom the leg is bridged with; `law` of audio, none of a digit.
    fn relay(
        &mut self,
        now: Instant,
        key: Key,
        packet: &Packet<'_>,
        law: Option<Law>,
        sink: &mut impl Sink,
    ) {
        let to = match self.legs[key.0].as_deref().map(|leg| leg.route) {
            Some(Route::Echo) => key,
            Some(Route::Bridge { peer, .. }) => peer,
            _ => return,
        };
        let Some(peer) = self.legs.get_mut(to.0).and_then(Option::as_deref_mut) else { return };
        let payload_type = match (law, peer.config.telephone_event) {
            (Some(_), _) => peer.config.law.payload_type(),
            (None, Some(event)) => event,
            (None, None) => return,
        };
        let Some(target) = peer.latch.target() else { return };
        if !peer.playlist.is_empty() || !peer.config.direction.sends() {
            return;
        }
        let head = peer.sender.relay(now, packet, payload_type);
        let len = packet.payload.len().min(DATAGRAM - HEADER);
        let out = &mut self.datagram[..HEADER + len];
        head.write(out);
        out[HEADER..].copy_from_slice(&packet.payload[..len]);
        if let Some(law) = law.filter(|law| *law != peer.config.law) {
            law.transcode(&mut out[HEADER..]);
        }
        peer.sender.count(len);
        sink.send(to, Port::Rtp, target, out);
    }

    fn digit(&mut self, now: Instant, key: Key, packet: &Packet<'_>, sink: &mut impl Sink) {
        let Some(leg) = self.leg(key) else { return };
        let owner = Owner::Leg(leg.id);
        let mut began = None;
        leg.digits.receive(now, packet, |told| {
            if let Told::Began(digit) = told {
                began = Some(digit);
            }
            sink.event(owner, Leg::told(told));
        });
        let passed = match leg.route {
            Route::Echo => Some((key, true)),
            Route::Bridge { peer, pass_digits } => Some((peer, pass_digits)),
            _ => None,
        };
        let Some((to, passes)) = passed else { return };
        let Some(peer) = self.leg(to) else { return };
        if !passes {
            peer.sender.swallow(packet);
        } else if peer.config.telephone_event.is_some() {
            self.relay(now, key, packet, None, sink);
        } else if let Some(digit) = began {
            // No events there: it hears the tones, in place of the audio.
            let source = Source::Digits(Arc::from(&*digit.encode_utf8(&mut [0; 4])));
            let _ = peer.playlist.push(Item { id: 0, source });
        }
    }
}

impl Leg {
    /// Whether the packet is the peer's.
    fn admit(
        &mut self,
        now: Instant,
        key: Key,
        from: SocketAddr,
        packet: &Packet<'_>,
        sink: &mut impl Sink,
    ) -> bool {
        match self.latch.judge(now, from, packet.ssrc) {
            Verdict::Drop => return false,
            Verdict::Accept if !self.loose => {}
            Verdict::Accept => {
                self.loose = false;
                sink.peer(key, Some(from));
            }
            Verdict::Latched => {
                self.loose = false;
                sink.peer(key, Some(from));
                sink.event(Owner::Leg(self.id), Event::Latched { from });
            }
        }
        true
    }

    fn buffer(&mut self, packet: &Packet<'_>, law: Law, fresh: bool) {
        let Some(jitter) = self.jitter.as_mut() else { return };
        if fresh {
            jitter.reset();
        }
        match jitter.push(packet.timestamp, law, packet.payload) {
            Pushed::Late | Pushed::Duplicate => self.reception.late += 1,
            Pushed::Placed | Pushed::Restarted => {}
        }
    }

    /// Sends this tick's payload under a header.
    pub(super) fn send_payload(
        &mut self,
        key: Key,
        head: Head,
        datagram: &mut [u8; DATAGRAM],
        payload: &[u8],
        sink: &mut impl Sink,
    ) {
        let Some(target) = self.latch.target() else { return };
        let out = &mut datagram[..HEADER + payload.len()];
        head.write(out);
        out[HEADER..].copy_from_slice(payload);
        self.sender.count(payload.len());
        sink.send(key, Port::Rtp, target, out);
    }
}
