//! Leases in a world of many nodes that stand still at any moment and whose clocks drift. One
//! thread, one seed; time is a number.

use std::collections::BTreeMap;
use std::time::Duration;

use base::Instant;
use machine::Random;
use store::lease::{self, Hold, Lease};
use store::{Ledger, StoreError, Tx};

const NODES: usize = 7;
const LEASES: usize = 3;
const STEP: Duration = Duration::from_millis(50);
const STEPS: u64 = 24_000;

/// A node: alive or standing still, with a clock of its own pace.
struct Node {
    name: String,
    held: BTreeMap<usize, Held>,
    /// It does nothing before this instant; what it had decided is carried out then.
    stands_until: Instant,
    /// Its clock's pace in parts of a thousand: 990 to 1010.
    pace: u64,
    looks_at: Instant,
}

struct Held {
    lease: Lease,
    renewed: Instant,
}

struct World {
    ledger: Ledger,
    random: Random,
    now: Instant,
    nodes: Vec<Node>,
    /// By lease and epoch: whose writes were let through.
    writers: BTreeMap<(usize, i64), String>,
    /// By lease: when its owner was last known to renew.
    renewed: [Instant; LEASES],
    refused: u64,
    written: u64,
    passed_on: u64,
    trace: u64,
}

fn name(lease: usize) -> String {
    format!("queue/{lease}")
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::from_seed(seed);
        let start = Instant::from_secs(1_000_000);
        let node = |number| Node {
            name: format!("node-{number}"),
            held: BTreeMap::new(),
            stands_until: start,
            pace: 990 + random.below(21),
            looks_at: start,
        };
        let nodes = (0..NODES).map(node).collect();
        let ledger = Ledger::in_memory(seed, &[]).unwrap();
        let (writers, renewed) = (BTreeMap::new(), [start; LEASES]);
        let (refused, written, passed_on, trace) = (0, 0, 0, 0);
        Self {
            ledger,
            random,
            now: start,
            nodes,
            writers,
            renewed,
            refused,
            written,
            passed_on,
            trace,
        }
    }

    fn run(&mut self) {
        for _ in 0..STEPS {
            self.now = self.now + STEP;
            for node in 0..NODES {
                if self.random.chance(3) {
                    let pause = Duration::from_millis(self.random.below(20_000));
                    self.nodes[node].stands_until = self.now + pause;
                }
                if self.nodes[node].stands_until <= self.now {
                    self.step(node);
                }
            }
        }
    }

    /// One turn of a node. It may come to stand between its decision and its write.
    fn step(&mut self, node: usize) {
        for lease in 0..LEASES {
            let Some(held) = self.nodes[node].held.get(&lease) else { continue };
            let age =
                self.now.since(held.renewed).as_micros() as u64 * self.nodes[node].pace / 1000;
            match lease::hold(Duration::from_micros(age)) {
                Hold::Use => {
                    let sleepy = self.random.chance(20);
                    if sleepy {
                        let pause = Duration::from_millis(self.random.below(15_000));
                        self.nodes[node].stands_until = self.now + pause;
                    }
                    self.write(node, lease);
                }
                Hold::Renew | Hold::Stop => self.renew(node, lease),
            }
        }
        if self.nodes[node].looks_at <= self.now {
            self.nodes[node].looks_at = self.now + lease::LOOK_EVERY;
            (0..LEASES).for_each(|lease| self.take(node, lease));
        }
    }

    fn take(&mut self, node: usize, lease: usize) {
        if self.nodes[node].held.contains_key(&lease) {
            return;
        }
        let (now, owner) = (self.now, self.nodes[node].name.clone());
        let work = |tx: &mut Tx<'_>| lease::acquire(tx, &name(lease), &owner, now);
        if let Some(taken) = self.ledger.run::<_, StoreError>(now, work).unwrap() {
            if taken.epoch > 1 {
                self.passed_on += 1;
                let gap = now.since(self.renewed[lease]);
                assert!(gap >= lease::LEASE_TIME, "taken from a living owner after {gap:?}");
            }
            self.renewed[lease] = now;
            self.nodes[node].held.insert(lease, Held { lease: taken, renewed: now });
        }
    }

    fn renew(&mut self, node: usize, lease: usize) {
        let (now, held) = (self.now, self.nodes[node].held[&lease].lease.clone());
        let work = |tx: &mut Tx<'_>| lease::renew(tx, &held, now);
        match self.ledger.run::<_, StoreError>(now, work) {
            Ok(()) => {
                self.renewed[lease] = now;
                self.nodes[node].held.insert(lease, Held { lease: held, renewed: now });
            }
            Err(StoreError::LeaseLost) => self.lose(node, lease),
            Err(error) => panic!("{error}"),
        }
    }

    /// Nodes write whatever they hold, however stale: a node that comes to life does not know.
    fn write(&mut self, node: usize, lease: usize) {
        let (now, held) = (self.now, self.nodes[node].held[&lease].lease.clone());
        let work = |tx: &mut Tx<'_>| lease::assert_held(tx, &held);
        let newest = self.writers.keys().filter(|key| key.0 == lease).map(|key| key.1).max();
        match self.ledger.run::<_, StoreError>(now, work) {
            Ok(()) => {
                assert!(newest.is_none_or(|newest| held.epoch >= newest), "a stale write");
                let owner = &self.nodes[node].name;
                let writer = self.writers.entry((lease, held.epoch)).or_insert(owner.clone());
                assert_eq!(writer, owner, "two writers under one epoch");
                self.written += 1;
            }
            Err(StoreError::LeaseLost) => self.lose(node, lease),
            Err(error) => panic!("{error}"),
        }
        self.trace = self.trace.wrapping_mul(31) ^ (held.epoch as u64) ^ (node as u64) << 32;
    }

    fn lose(&mut self, node: usize, lease: usize) {
        self.refused += 1;
        self.nodes[node].held.remove(&lease);
    }
}

#[test]
fn an_epoch_has_one_writer_whatever_stands_still() {
    for seed in 1..=8 {
        let mut world = World::new(seed);
        world.run();
        let seen = (world.written, world.refused, world.passed_on);
        assert!(seen.0 > 5_000 && seen.1 > 10 && seen.2 > 10, "too little happened: {seen:?}");
    }
}

#[test]
fn the_same_seed_runs_the_same_way() {
    let trace = |seed| {
        let mut world = World::new(seed);
        world.run();
        (world.trace, world.written, world.refused)
    };
    assert_eq!(trace(5), trace(5));
    assert_ne!(trace(5), trace(6));
}

#[test]
fn the_leases_of_a_dead_node_pass_on_within_ten_seconds() {
    for seed in 1..=50 {
        let mut world = World::new(seed);
        let far = world.now + Duration::from_secs(100_000);
        // Only the first node is there, and it renews until it dies at some moment.
        world.nodes[1..].iter_mut().for_each(|node| node.stands_until = far);
        let death = world.now + Duration::from_millis(5_000 + world.random.below(10_000));
        while world.now < death {
            world.now = world.now + STEP;
            world.nodes[0].stands_until = world.now;
            world.step(0);
        }
        let mut taken = 0;
        while taken < LEASES {
            world.now = world.now + STEP;
            assert!(world.now.since(death) <= Duration::from_secs(10), "seed {seed}");
            (1..NODES).for_each(|node| world.step(node));
            taken = world.nodes[1..].iter().map(|node| node.held.len()).sum();
        }
    }
}
