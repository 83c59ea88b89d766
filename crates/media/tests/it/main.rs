//! The packet path takes nothing from the allocator.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base::Instant;
use machine::Random;
use media::{
    Command, Datagram, Engine, Event, Item, Key, Law, LegConfig, LegId, ListenConfig, MixerId,
    Owner, Place, Port, Prompt, Sink, rtp,
};

/// Counts, and keeps nothing.
#[derive(Default)]
struct Counter {
    packets: usize,
}

impl Sink for Counter {
    fn send(&mut self, _leg: Key, _port: Port, _to: SocketAddr, _packet: &[u8]) {
        self.packets += 1;
    }

    fn peer(&mut self, _leg: Key, _peer: Option<SocketAddr>) {}

    fn event(&mut self, _owner: Owner, _event: Event) {}
}

struct World {
    engine: Engine,
    counter: Counter,
    now: Instant,
    legs: Vec<(Key, SocketAddr)>,
    said: u32,
}

impl World {
    fn new(legs: u64) -> Self {
        let mut engine = Engine::new(Random::from_seed(1));
        let now = Instant::from_secs(1);
        let legs = (1..=legs)
            .map(|number| {
                let address = SocketAddr::from(([192, 0, 2, 1], number as u16));
                let law = if number % 2 == 0 { Law::A } else { Law::Mu };
                let config = LegConfig { remote: Some(address), law, ..LegConfig::default() };
                (engine.open(now, LegId(number), config), address)
            })
            .collect();
        Self { engine, counter: Counter::default(), now, legs, said: 0 }
    }

    fn tell(&mut self, command: Command) {
        self.engine.handle(self.now, command, &mut self.counter);
    }

    fn run(&mut self, frames: u32) {
        for _ in 0..frames {
            self.said += 1;
            for (key, from) in &self.legs {
                let octet = (self.said % 90) as u8;
                let packet = rtp::Packet {
                    payload_type: 0,
                    marker: false,
                    sequence: self.said as u16,
                    timestamp: self.said * 160,
                    ssrc: key.0 as u32,
                    payload: &[octet; 160],
                };
                let mut data = [0; 172];
                rtp::write(&packet, &mut data);
                let datagram = Datagram { from: *from, arrived_at: self.now, data: &data };
                self.engine.receive(self.now, *key, Port::Rtp, datagram, &mut self.counter);
            }
            self.now = self.now + Duration::from_millis(20);
            self.engine.tick(self.now, &mut self.counter);
        }
    }

    /// Allocations of a minute, after a second of getting used to it.
    fn allocations(&mut self) -> u64 {
        self.run(50);
        let before = self.counter.packets;
        let counted = allocation_counter::measure(|| self.run(50 * 60));
        assert!(self.counter.packets - before >= 50 * 60 * self.legs.len() - 10, "it works");
        counted.count_total
    }
}

#[test]
fn prompts_need_no_memory() {
    let mut world = World::new(2);
    let prompt = Arc::new(Prompt::from_samples(&[1_000; 8_001]));
    prompt.octets(Law::A);
    for leg in [LegId(1), LegId(2)] {
        world.tell(Command::Play(leg, vec![Item::forever(1, prompt.clone())]));
        world.tell(Command::Listen(leg, Some(ListenConfig { silence_ms: 1_000 })));
    }
    assert_eq!(world.allocations(), 0);
}

#[test]
fn bridges_need_no_memory() {
    let mut world = World::new(2);
    world.tell(Command::Bridge { a: LegId(1), b: LegId(2), pass_digits: true });
    assert_eq!(world.allocations(), 0);
}

#[test]
fn conferences_need_no_memory() {
    let mut world = World::new(6);
    world.tell(Command::OpenMixer(MixerId(1)));
    for leg in 1..=6 {
        world.tell(Command::Join(LegId(leg), MixerId(1), Place::default()));
    }
    assert_eq!(world.allocations(), 0);
}
