//! A tick of a slot, in three rounds over its legs: their peers' audio is taken from the jitter
//! buffers, conferences are mixed, and each leg's frame is made, sent and recorded.

use base::Instant;

use crate::FRAME;
use crate::engine::command::{ended, finished};
use crate::engine::{Engine, Event, Key, Owner, Sink};
use crate::jitter::Pulled;
use crate::leg::{Leg, Route};
use crate::playlist::{DigitOut, Filled};
use crate::voice::Heard;
use crate::{Frame, dtmf};

impl Engine {
    pub(super) fn run_slot(&mut self, slot: usize, now: Instant, sink: &mut impl Sink) {
        for at in 0..self.slots[slot].len() {
            let key = Key(self.slots[slot][at].key);
            if let Some(leg) = self.legs[key.0].as_deref_mut() {
                leg.take_in(now, key, sink);
            }
        }
        for at in 0..self.mixers.len() {
            if self.mixers[at].as_ref().is_some_and(|mixer| mixer.slot == slot) {
                self.mix(at, sink);
            }
        }
        for at in 0..self.slots[slot].len() {
            let key = Key(self.slots[slot][at].key);
            if let Some(leg) = self.legs[key.0].as_deref_mut() {
                leg.put_out(now, key, &mut self.datagram, sink);
            }
            self.report(now, key, sink);
        }
        for at in 0..self.slots[slot].len() {
            self.record(Key(self.slots[slot][at].key), sink);
        }
    }

    /// Gives a leg's recordings and taps their frames.
    fn record(&mut self, key: Key, sink: &mut impl Sink) {
        let Some(leg) = self.leg(key) else { return };
        if !leg.is_recorded() {
            return;
        }
        let mut outbound = [0; FRAME];
        if leg.filled {
            leg.config.law.decode_into(&leg.payload, &mut outbound);
        } else {
            match leg.route {
                Route::Echo => outbound = leg.inbound,
                Route::Bridge { peer, .. } => {
                    let peer = self.legs.get(peer.0).and_then(Option::as_deref);
                    outbound = peer.map_or(outbound, |peer| peer.inbound);
                }
                _ => {}
            }
        }
        let Some(leg) = self.leg(key) else { return };
        if leg.record(&outbound, sink) {
            self.refresh_both(key);
        }
    }
}

impl Leg {
    /// The peer's audio of this tick, and what is noticed in it.
    fn take_in(&mut self, now: Instant, key: Key, sink: &mut impl Sink) {
        let owner = Owner::Leg(self.id);
        self.filled = false;
        self.watch(now, key, sink);
        if self.digits.is_open() {
            self.digits.tick(now, |told| sink.event(owner, Leg::told(told)));
        }
        let Some(jitter) = self.jitter.as_mut() else { return };
        self.pulled = jitter.pull(&mut self.inbound);
        let heard = (self.pulled != Pulled::Silence).then_some(&self.inbound);
        if let Some(voice) = self.voice.as_mut() {
            voice.frame(heard, |heard| {
                let event = match heard {
                    Heard::Started => Event::SpeechStarted,
                    Heard::Ended { speech_ms } => Event::SpeechEnded { speech_ms },
                    Heard::Silence { ms } => Event::Silence { ms },
                };
                sink.event(owner, event);
            });
        }
        if let Some(detector) = self.detector.as_mut() {
            detector.frame(&self.inbound, |told| sink.event(owner, Leg::told(told)));
        }
    }

    /// Silence of the peer: another source may come, and a time-out is told.
    fn watch(&mut self, now: Instant, key: Key, sink: &mut impl Sink) {
        if !self.config.direction.receives() {
            self.heard_at = now;
            return;
        }
        if !self.loose && self.latch.may_move(now) {
            self.loose = true;
            sink.peer(key, None);
        }
        let silent_ms = now.since(self.heard_at).as_millis() as u32;
        if self.config.timeout_ms > 0 && !self.timed_out && silent_ms >= self.config.timeout_ms {
            self.timed_out = true;
            sink.event(Owner::Leg(self.id), Event::TimedOut { silent_ms });
        }
    }

    /// Makes and sends the frame of this tick: the playlist's, else the mixer's, else silence.
    fn put_out(
        &mut self,
        now: Instant,
        key: Key,
        datagram: &mut [u8; super::DATAGRAM],
        sink: &mut impl Sink,
    ) {
        let owner = Owner::Leg(self.id);
        let (law, event) = (self.config.law, self.config.telephone_event);
        let mixed = self.filled;
        let mut filled = Filled::Nothing;
        if !self.playlist.is_empty() {
            filled = self.playlist.fill(law, event.is_some(), &mut self.payload, |done| {
                finished(owner, done, sink);
            });
        }
        if filled == Filled::Nothing {
            let idle = self.config.send_silence && matches!(self.route, Route::None);
            if !mixed && !idle {
                return;
            }
            if !mixed {
                self.payload = [law.silence(); FRAME];
            }
        }
        self.filled = true;
        if !self.config.direction.sends() {
            return;
        }
        if let (Filled::Digit(digit), Some(payload_type)) = (filled, event) {
            self.send_digit(now, key, digit, payload_type, datagram, sink);
            return;
        }
        let head = self.sender.tick(now, law.payload_type());
        let payload = self.payload;
        self.send_payload(key, head, datagram, &payload, sink);
    }

    fn send_digit(
        &mut self,
        now: Instant,
        key: Key,
        digit: DigitOut,
        payload_type: u8,
        datagram: &mut [u8; super::DATAGRAM],
        sink: &mut impl Sink,
    ) {
        let head = self.sender.digit(now, payload_type, digit.frame, digit.frame == 0);
        let duration = digit.duration * FRAME as u16;
        let event = dtmf::DigitEvent { code: digit.code, end: digit.end, volume: 10, duration };
        self.send_payload(key, head, datagram, &event.write(), sink);
    }

    /// True when a recording ended.
    fn record(&mut self, outbound: &Frame, sink: &mut impl Sink) -> bool {
        let owner = Owner::Leg(self.id);
        for recorder in &mut self.recorders {
            if let Some(octets) = recorder.frame(&self.inbound, outbound) {
                sink.event(owner, Event::Recorded { recording: recorder.id, octets });
            }
        }
        for tap in &mut self.taps {
            if let Some(samples) = tap.frame(&self.inbound, outbound) {
                sink.event(owner, Event::Tapped { tap: tap.id, samples });
            }
        }
        let before = self.recorders.len();
        while let Some(at) = self.recorders.iter().position(crate::recording::Recorder::is_over) {
            ended(owner, self.recorders.remove(at), sink);
        }
        self.recorders.len() < before
    }
}
