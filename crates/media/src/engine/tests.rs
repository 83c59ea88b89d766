//! Engines with phones around them, on virtual time.

mod bridges;
mod conferences;
mod control;

use core::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base::Instant;
use machine::Random;

use super::*;
use crate::dtmf::{DigitEvent, power};
use crate::g711::Law;
use crate::playlist::{Item, Source};
use crate::prompt::Prompt;
use crate::recording::{Channels, RecordConfig, RecordingId, Track};
use crate::{rtp, tones};

/// A packet that a leg sent.
#[derive(Clone, Debug)]
struct Sent {
    at: Instant,
    leg: Key,
    to: SocketAddr,
    data: Vec<u8>,
}

impl Sent {
    fn packet(&self) -> rtp::Packet<'_> {
        rtp::parse(&self.data).expect("what we send can be read")
    }
}

#[derive(Default)]
struct Outlet {
    now: Instant,
    sent: Vec<Sent>,
    reports: Vec<Vec<u8>>,
    peers: Vec<(Key, Option<SocketAddr>)>,
    events: Vec<(Owner, Event)>,
}

impl Sink for Outlet {
    fn send(&mut self, leg: Key, _port: Port, to: SocketAddr, packet: &[u8]) {
        if rtp::is_rtcp(packet) {
            self.reports.push(packet.to_vec());
        } else {
            self.sent.push(Sent { at: self.now, leg, to, data: packet.to_vec() });
        }
    }

    fn peer(&mut self, leg: Key, peer: Option<SocketAddr>) {
        self.peers.push((leg, peer));
    }

    fn event(&mut self, owner: Owner, event: Event) {
        self.events.push((owner, event));
    }
}

/// A phone that says a tone all the time, or nothing.
struct Phone {
    key: Key,
    address: SocketAddr,
    law: Law,
    hertz: f32,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    said: u32,
    speaks: bool,
}

struct World {
    engine: Engine,
    outlet: Outlet,
    now: Instant,
    phones: Vec<Phone>,
}

impl World {
    fn new() -> Self {
        let engine = Engine::new(Random::from_seed(11));
        let now = Instant::from_secs(1_000);
        Self { engine, outlet: Outlet::default(), now, phones: Vec::new() }
    }

    fn phone(&mut self, law: Law, hertz: f32) -> LegId {
        self.phone_with(hertz, LegConfig { law, ..LegConfig::default() })
    }

    fn phone_with(&mut self, hertz: f32, config: LegConfig) -> LegId {
        let number = self.phones.len() as u16;
        let id = LegId(u64::from(number) + 1);
        let address = SocketAddr::from(([192, 0, 2, 1], 4_000 + number * 2));
        let law = config.law;
        let config = LegConfig { remote: Some(address), ..config };
        let key = self.engine.open(self.now, id, config);
        self.phones.push(Phone {
            key,
            address,
            law,
            hertz,
            sequence: 65_500,
            timestamp: u32::MAX - 5_000 - u32::from(number) * 77,
            ssrc: 0xabc0 + u32::from(number),
            said: 0,
            speaks: hertz > 0.0,
        });
        id
    }

    fn tell(&mut self, command: Command) {
        self.engine.handle(self.now, command, &mut self.outlet);
    }

    /// Runs for so many frames; each phone speaks at the beginning of each.
    fn run(&mut self, frames: u32) {
        for _ in 0..frames {
            for at in 0..self.phones.len() {
                self.speak(at);
            }
            for _ in 0..20 {
                self.now = self.now + Duration::from_millis(1);
                self.outlet.now = self.now;
                self.engine.tick(self.now, &mut self.outlet);
            }
        }
    }

    fn speak(&mut self, at: usize) {
        let phone = &mut self.phones[at];
        if !phone.speaks {
            phone.timestamp = phone.timestamp.wrapping_add(160);
            phone.said += 160;
            return;
        }
        let turn = std::f32::consts::TAU * phone.hertz / 8_000.0;
        let payload: [u8; 160] = std::array::from_fn(|sample| {
            let angle = turn * ((phone.said as usize + sample) % 8_000) as f32;
            phone.law.encode((angle.sin() * 8_000.0) as i16)
        });
        let payload_type = phone.law.payload_type();
        phone.said += 160;
        self.send(at, payload_type, &payload);
        let phone = &mut self.phones[at];
        phone.timestamp = phone.timestamp.wrapping_add(160);
    }

    /// A packet of a phone; its timestamp stays.
    fn send(&mut self, at: usize, payload_type: u8, payload: &[u8]) {
        let phone = &mut self.phones[at];
        let packet = rtp::Packet {
            payload_type,
            marker: false,
            sequence: phone.sequence,
            timestamp: phone.timestamp,
            ssrc: phone.ssrc,
            payload,
        };
        phone.sequence = phone.sequence.wrapping_add(1);
        let mut data = [0; 400];
        let len = rtp::write(&packet, &mut data);
        let (key, from) = (phone.key, phone.address);
        self.take(key, Port::Rtp, from, &data[..len]);
    }

    fn take(&mut self, key: Key, port: Port, from: SocketAddr, data: &[u8]) {
        let datagram = Datagram { from, arrived_at: self.now, data };
        self.engine.receive(self.now, key, port, datagram, &mut self.outlet);
    }

    /// A digit of 60 ms in five packets, the audio's clock going on.
    fn press(&mut self, at: usize, digit: char) {
        let code = crate::dtmf::code(digit).expect("a digit");
        for (duration, end) in [(160, false), (320, false), (480, true), (480, true), (480, true)] {
            let event = DigitEvent { code, end, volume: 10, duration };
            self.send(at, 101, &event.write());
        }
        self.phones[at].timestamp = self.phones[at].timestamp.wrapping_add(480);
    }

    fn sent_to(&self, at: usize) -> Vec<Sent> {
        let key = self.phones[at].key;
        self.outlet.sent.iter().filter(|sent| sent.leg == key).cloned().collect()
    }

    /// What a phone hears, in samples.
    fn heard(&self, at: usize) -> Vec<i16> {
        let sent = self.sent_to(at);
        let audio = sent.iter().filter_map(|sent| {
            let packet = sent.packet();
            let law = Law::of_payload_type(packet.payload_type)?;
            Some(packet.payload.iter().map(|octet| law.decode(*octet)).collect::<Vec<_>>())
        });
        audio.flatten().collect()
    }

    /// A phone's stream is one: no gap in the sequence, time never back and never ahead.
    fn check_stream(&self, at: usize) {
        let sent = self.sent_to(at);
        for two in sent.windows(2) {
            let (before, after) = (two[0].packet(), two[1].packet());
            assert_eq!(before.ssrc, after.ssrc);
            assert_eq!(after.sequence, before.sequence.wrapping_add(1));
            let audio = |packet: &rtp::Packet<'_>| packet.payload_type != 101;
            if audio(&before) && audio(&after) {
                let passed = after.timestamp.wrapping_sub(before.timestamp) as i32;
                assert!(passed > 0, "time goes on");
                let real = two[1].at.since(two[0].at).as_millis() as i32 * 8;
                assert!((passed - real).abs() <= 320, "{passed} for {real}");
            }
        }
    }

    fn events(&self, leg: LegId) -> Vec<&Event> {
        let own = self.outlet.events.iter().filter(|(owner, _)| *owner == Owner::Leg(leg));
        own.map(|(_, event)| event).collect()
    }

    /// A recording's samples.
    fn recorded(&self, id: u64) -> Vec<i16> {
        let chunks = self.outlet.events.iter().filter_map(|(_, event)| match event {
            Event::Recorded { recording, octets } if recording.0 == id => Some(octets),
            _ => None,
        });
        let octets: Vec<u8> = chunks.flatten().copied().collect();
        octets.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect()
    }
}

/// How much of the samples is one tone.
fn share(samples: &[i16], hertz: f32) -> f32 {
    let energy: f32 = samples.iter().map(|sample| f32::from(*sample).powi(2)).sum();
    power(samples, hertz) / (energy.max(1.0) * samples.len() as f32 / 2.0)
}

fn tone(hertz: f32, ms: u32) -> Arc<Prompt> {
    let mut samples = Vec::new();
    tones::mix(&[(hertz, 0.25)], ms, &mut samples);
    Arc::new(Prompt::from_samples(&samples))
}

fn channel(samples: &[i16], at: usize) -> Vec<i16> {
    samples.iter().skip(at).step_by(2).copied().collect()
}

const DUAL: RecordConfig = RecordConfig { channels: Channels::Dual, track: Track::Both, max_ms: 0 };
