//! The client against the test carrier, over a simulated TCP that splits anywhere and is cut.

use std::collections::BTreeMap;

use super::*;
use crate::pdu::Address;
use crate::smsc::{self, Smsc};
use crate::text::octets::{self, Alphabet};

/// Both ends and the wire between them.
struct World {
    now: Instant,
    client: Client,
    smsc: Smsc,
    random: Random,
    /// Octets on their way, by connection and direction.
    wires: BTreeMap<(LinkId, bool), Vec<u8>>,
    /// What the carrier took, by text.
    carried: BTreeMap<String, u32>,
    answers: BTreeMap<(Key, u8), Vec<Outcome>>,
    lasts: BTreeMap<Key, u32>,
    receipts: u32,
    acknowledge: bool,
    up: bool,
}

fn bind(mode: Mode) -> Bind {
    Bind {
        mode,
        system_id: "trunk".to_owned(),
        password: "secret".to_owned(),
        system_type: String::new(),
        version: 0x34,
        range: Address::default(),
    }
}

fn config(modes: &[Mode]) -> Config {
    Config {
        binds: modes.iter().map(|mode| bind(*mode)).collect(),
        window: 10,
        throughput: 0,
        timing: Timing::default(),
        patience: Duration::from_secs(5),
        outbind: None,
        seed: 1,
    }
}

fn number(id: LinkId) -> u64 {
    (id.index as u64) << 32 | u64::from(id.connection)
}

fn key(index: u32) -> Key {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&index.to_be_bytes());
    key
}

impl World {
    fn new(config: Config, smsc: smsc::Config, seed: u64) -> Self {
        let now = Instant::from_secs(1_000);
        Self {
            now,
            client: Client::new(config, now),
            smsc: Smsc::new(smsc, now),
            random: Random::from_seed(seed),
            wires: BTreeMap::new(),
            carried: BTreeMap::new(),
            answers: BTreeMap::new(),
            lasts: BTreeMap::new(),
            receipts: 0,
            acknowledge: true,
            up: true,
        }
    }

    fn submit(&mut self, index: u32, parts: u8) {
        let segments = (0..parts).map(|part| {
            let (octets, _) = octets::encode(&format!("{index}/{part}"), Alphabet::Gsm, 0);
            let message = ShortMessage { octets, registered_delivery: 1, ..Default::default() };
            (part, message)
        });
        let segments = segments.collect();
        let input = Input::Submit { key: key(index), parts, expires_at: None, segments };
        self.client.handle(self.now, input);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(output) = self.client.poll() {
            match output {
                Output::Connect(id) if self.up => {
                    self.wires.insert((id, true), Vec::new());
                    self.wires.insert((id, false), Vec::new());
                    self.smsc.handle(self.now, smsc::Input::Connected(number(id)));
                    self.client.handle(self.now, Input::Connected(id));
                }
                Output::Connect(id) => self.client.handle(self.now, Input::Lost(id)),
                Output::Write(id, octets) => {
                    if let Some(wire) = self.wires.get_mut(&(id, true)) {
                        wire.extend(octets);
                    }
                }
                Output::Close(id) => self.cut(id, false),
                Output::Answered { key, part, outcome, last, .. } => {
                    self.answers.entry((key, part)).or_default().push(outcome);
                    *self.lasts.entry(key).or_default() += u32::from(last);
                }
                Output::Delivered(handle, _) => {
                    self.receipts += 1;
                    if self.acknowledge {
                        self.client.handle(self.now, Input::Respond(handle, status::OK));
                    }
                }
                _ => {}
            }
        }
        while let Some(output) = self.smsc.poll() {
            match output {
                smsc::Output::Write(connection, octets) => {
                    let wire = self
                        .wires
                        .iter_mut()
                        .find(|((id, out), _)| number(*id) == connection && !out);
                    if let Some((_, wire)) = wire {
                        wire.extend(octets);
                    }
                }
                smsc::Output::Taken { message, .. } => {
                    let text = octets::decode(&message.octets, 0, Alphabet::Gsm, 0);
                    *self.carried.entry(text).or_default() += 1;
                }
                smsc::Output::Close(_) => {}
            }
        }
    }

    fn cut(&mut self, id: LinkId, tell: bool) {
        self.wires.retain(|(wire, _), _| *wire != id);
        self.smsc.handle(self.now, smsc::Input::Lost(number(id)));
        if tell {
            self.client.handle(self.now, Input::Lost(id));
        }
    }

    /// Moves some octets of one wire.
    fn step(&mut self) {
        let busy: Vec<_> =
            self.wires.iter().filter(|(_, octets)| !octets.is_empty()).map(|(id, _)| *id).collect();
        if busy.is_empty() || self.random.chance(50) {
            let wakes = [self.client.wake_at(), self.smsc.wake_at()].into_iter().flatten().min();
            let soon = self.now + Duration::from_millis(50);
            self.now =
                wakes.map_or(soon, |at| at.max(self.now + Duration::from_millis(1)).min(soon));
            self.client.tick(self.now);
            self.smsc.tick(self.now);
        } else {
            let wire = busy[self.random.below(busy.len() as u64) as usize];
            let octets = self.wires.get_mut(&wire).expect("it is busy");
            let count = 1 + self.random.below(octets.len() as u64) as usize;
            let moved: Vec<u8> = octets.drain(..count).collect();
            self.now = self.now + Duration::from_micros(200);
            match wire {
                (id, true) => self.smsc.handle(self.now, smsc::Input::Received(number(id), moved)),
                (id, false) => self.client.handle(self.now, Input::Received(id, moved)),
            }
        }
        self.settle();
    }

    fn run_until(&mut self, done: impl Fn(&Self) -> bool) {
        self.settle();
        for _ in 0..200_000 {
            if done(self) {
                return;
            }
            self.step();
        }
        panic!("it never ends: {:?}", self.client);
    }

    fn settled(&self, messages: u32) -> bool {
        self.lasts.values().sum::<u32>() == messages
    }
}

#[test]
fn texts_go_out_and_receipts_come_back() {
    for modes in [&[Mode::Transceiver][..], &[Mode::Transmitter, Mode::Receiver]] {
        let mut world = World::new(config(modes), smsc::Config::default(), 1);
        (0..50).for_each(|index| world.submit(index, 1 + (index % 3) as u8));
        world.run_until(|world| world.settled(50) && world.smsc.owed() == 0);
        assert!(world.answers.values().all(|told| matches!(told[..], [Outcome::Taken(_)])));
        assert!(world.carried.values().all(|times| *times == 1));
        assert_eq!(world.receipts as usize, world.answers.len());
    }
}

/// Cuts at any octet: every segment is answered once, what is certain is true, and what was
/// uncertain reached the carrier at most once.
#[test]
fn cuts_lose_nothing_and_repeat_nothing() {
    for seed in 0..60 {
        let faults = smsc::Faults {
            response_late: 200,
            receipt_first: 200,
            receipt_twice: 100,
            ..Default::default()
        };
        let smsc = smsc::Config { faults, seed, ..Default::default() };
        let modes = [Mode::Transceiver, Mode::Transceiver];
        let mut world = World::new(config(&modes), smsc, seed);
        for index in 0..100 {
            world.submit(index, 1 + (index % 3) as u8);
            (0..world.random.below(20)).for_each(|_| world.step());
            if world.random.chance(60) {
                let ids: Vec<LinkId> = world.wires.keys().map(|(id, _)| *id).collect();
                if let Some(id) = ids.first() {
                    world.cut(*id, true);
                    world.settle();
                }
            }
        }
        world.run_until(|world| world.settled(100) && world.smsc.owed() == 0);
        for ((key, part), told) in &world.answers {
            let [outcome] = &told[..] else { panic!("seed {seed}: {told:?}") };
            let index = u32::from_be_bytes([key[0], key[1], key[2], key[3]]);
            let carried = world.carried.get(&format!("{index}/{part}")).copied().unwrap_or(0);
            match outcome {
                Outcome::Taken(_) => assert_eq!(carried, 1, "seed {seed}"),
                Outcome::Uncertain => assert!(carried <= 1, "seed {seed}"),
                Outcome::Unreachable => assert_eq!(carried, 0, "seed {seed}"),
                other => panic!("seed {seed}: {other:?}"),
            }
        }
        assert!(world.lasts.values().all(|times| *times == 1), "seed {seed}");
    }
}

#[test]
fn a_throttling_carrier_gets_everything() {
    let smsc = smsc::Config { throughput: 50, ..Default::default() };
    let mut world = World::new(config(&[Mode::Transceiver]), smsc, 3);
    (0..300).for_each(|index| world.submit(index, 1));
    world.run_until(|world| world.settled(300));
    assert!(world.answers.values().all(|told| matches!(told[..], [Outcome::Taken(_)])));
    let took = world.now.since(Instant::from_secs(1_000));
    assert!(took < Duration::from_secs(8), "300 at 50 a second took {took:?}");
}

#[test]
fn without_a_carrier_messages_come_back_and_a_wrong_password_is_told() {
    let mut world = World::new(config(&[Mode::Transceiver]), smsc::Config::default(), 4);
    world.up = false;
    world.submit(1, 2);
    world.run_until(|world| world.settled(1));
    let whole = &world.answers[&(key(1), 0)];
    assert_eq!(whole[..], [Outcome::Unreachable], "as a whole");
    assert!(world.now >= Instant::from_secs(1_005));
    world.up = true;
    world.run_until(|world| world.client.is_up());
    world.submit(2, 1);
    world.run_until(|world| world.settled(2));

    let smsc = smsc::Config { password: Some("other".to_owned()), ..Default::default() };
    let mut world = World::new(config(&[Mode::Transceiver]), smsc, 5);
    for _ in 0..200 {
        world.step();
    }
    assert!(!world.client.is_up());
}

#[test]
fn stopping_unbinds() {
    let mut world = World::new(config(&[Mode::Transceiver]), smsc::Config::default(), 6);
    world.run_until(|world| world.client.is_up());
    world.client.handle(world.now, Input::Stop);
    world.run_until(|world| world.client.is_closed());
    assert!(world.smsc.bound().is_empty());
}

#[test]
fn what_is_not_acknowledged_comes_again() {
    let mut world = World::new(config(&[Mode::Transceiver]), smsc::Config::default(), 7);
    world.acknowledge = false;
    world.submit(1, 1);
    world.run_until(|world| world.receipts == 1);
    world.acknowledge = true;
    let id = world.wires.keys().next().expect("it is connected").0;
    world.cut(id, true);
    world.run_until(|world| world.smsc.owed() == 0);
    assert_eq!(world.receipts, 2);
}

#[test]
fn a_caller_that_proves_itself_is_bound_to_and_others_are_sent_away() {
    let outbind =
        |password: &str| Outbind { system_id: "smsc".to_owned(), password: password.to_owned() };
    let config = Config { outbind: Some(outbind("right")), ..config(&[Mode::Transceiver]) };
    let mut world = World::new(config, smsc::Config::default(), 1);
    world.settle();
    assert!(world.client.wake_at().is_none(), "it rests until somebody calls");
    for (password, bound) in [("wrong", false), ("right", true)] {
        let id = world.client.called(world.now).expect("a bind that waits");
        world.wires.insert((id, true), Vec::new());
        world.wires.insert((id, false), Vec::new());
        let Outbind { system_id, password } = outbind(password);
        let call = smsc::Input::Called { connection: number(id), system_id, password };
        world.smsc.handle(world.now, call);
        world.run_until(|world| match bound {
            true => world.client.is_up(),
            false => !world.wires.contains_key(&(id, true)),
        });
        assert_eq!(world.client.is_up(), bound);
    }
    assert!(world.client.called(world.now).is_none(), "every bind has its connection");
    // Whoever calls and says nothing is sent away.
    world.now = world.now + Duration::from_secs(60);
    world.client.handle(world.now, Input::Lost(LinkId { index: 0, connection: 2 }));
    let silent = world.client.called(world.now).expect("it waits again");
    world.now = world.now + outbind::CALLED_MAX;
    world.client.tick(world.now);
    let outputs: Vec<Output> = std::iter::from_fn(|| world.client.poll()).collect();
    assert!(outputs.contains(&Output::Close(silent)), "{outputs:?}");
}
