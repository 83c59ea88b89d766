//! The world of calls: virtual time, a bad network, far ends, applications, and a node that is
//! killed at any moment.

mod drive;
mod happen;
mod orders;

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use base::{Instant, MasterKey, RecordingSid};
use machine::Random;
use products::numbers;
use products::voice::model::CallKey;
use products::voice::work::Context;
use store::{Ledger, StoreError, Tx};

use crate::calls::check;
use crate::calls::documents::{self, Theme};
use crate::calls::far::{Act, SITES, Site};
use crate::calls::node::{Later, Node, context};
use crate::world::{TENANTS, account};

/// What a run did; equal for equal seeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// A hash of everything that happened, in order.
    pub trace: u64,
    /// Calls in the record.
    pub calls: usize,
    /// Of them, answered ones.
    pub answered: usize,
    /// Kills of the process.
    pub kills: u64,
    /// Recordings in the record.
    pub recordings: usize,
    /// Conferences in the record.
    pub conferences: usize,
    /// Callbacks in the record.
    pub callbacks: usize,
}

/// What happens at an instant.
pub(super) enum Happening {
    Datagram {
        to: SocketAddr,
        from: SocketAddr,
        octets: Vec<u8>,
    },
    Wake,
    FarWake(usize),
    Far(usize, u32, Act),
    Later(u64, Later),
    /// The API makes a call.
    Make,
    /// A far end calls.
    Come,
    /// The API changes something.
    Order,
    /// A far end dies, comes back or moves; a key is pressed; applications' moods change.
    Trouble,
    Reborn(usize),
    Restart,
    /// The node is asked to end.
    Stop,
    Heal,
}

/// The process was killed in the middle of something.
pub(super) struct Killed;

/// When a world begins.
pub(super) const START: Instant = Instant::from_secs(1_800_000_000);

/// Nothing new happens and nothing is broken any more from then on.
const HEALED: Duration = Duration::from_secs(125);

/// Everything is over by then: a peer on hold that died is noticed by the session timer alone.
const END: Duration = Duration::from_secs(2_600);

/// How bad the network is.
#[derive(Clone, Copy)]
struct Network {
    loss: u64,
    twice: u64,
    latency_ms: u64,
}

/// How applications answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Fine,
    Late,
    Hanging,
    Failing,
}

pub(crate) struct World {
    pub(super) ledger: Ledger,
    pub(super) context: Context,
    pub(super) master: Arc<MasterKey>,
    pub(super) sites: Vec<Site>,
    pub(super) node: Option<Node>,
    /// When each life ended, by life.
    pub(super) deaths: BTreeMap<u64, Instant>,
    /// Calls that were made or came, with the life they belong to.
    pub(super) known: BTreeMap<CallKey, u64>,
    /// Parts of recordings on disk.
    pub(super) parts: BTreeMap<RecordingSid, u32>,
    pub(super) kills: u64,
    pub(super) now: Instant,
    random: Random,
    network: Network,
    mood: Mood,
    theme: Theme,
    healed: bool,
    kill_ppm: u64,
    life: u64,
    agenda: BTreeMap<(Instant, u64), Happening>,
    agenda_next: u64,
    /// What in the agenda is not a mere wake.
    pending: usize,
    wakes: BTreeSet<(Instant, Option<usize>)>,
    trace: u64,
}

/// Runs one seed to its end and checks every invariant; the error names the one that broke.
pub fn run(seed: u64) -> Result<Outcome, String> {
    let mut world = World::new(seed).map_err(|error| error.to_string())?;
    let mut steps = 0_u64;
    while let Some(((at, _), happening)) = world.agenda.pop_first() {
        steps += 1;
        if steps > 3_000_000 {
            return Err("the run does not come to an end".to_owned());
        }
        world.now = world.now.max(at);
        world.happen(happening);
        if let Some(broken) = world.node.as_mut().and_then(|node| node.watch.broken.take()) {
            return Err(broken);
        }
        if world.is_quiet() {
            break;
        }
        if world.now > START + END {
            let left = world.node.as_ref().and_then(Node::left);
            return Err(format!("not everything is over: {left:?}"));
        }
    }
    check::at_the_end(&mut world)
}

impl World {
    fn new(seed: u64) -> Result<Self, StoreError> {
        let mut random = Random::from_seed(seed);
        let mut ledger = Ledger::in_memory(seed, &products::migrations())?;
        for (number, e164) in TENANTS {
            let owned = [e164.to_owned()];
            let stocked = ledger.run(START, |tx| {
                numbers::own(tx, account(number), &owned, None).map_err(|refusal| match refusal {
                    products::resource::Refusal::Store(error) => error,
                    products::resource::Refusal::Api(_) => StoreError::Corrupt("a number"),
                })
            });
            stocked?;
        }
        let master = Arc::new(MasterKey::new([7; 32]));
        let bad = random.chance(800);
        let mut draw = |most| if bad { random.below(most) } else { 0 };
        let network = Network { loss: draw(250), twice: draw(200), latency_ms: 1 + draw(800) };
        let kill_ppm = if random.chance(600) { random.below(200) } else { 0 };
        let theme = documents::theme(&mut random);
        let mut world = Self {
            ledger,
            context: context(&master),
            master,
            sites: (0..SITES).map(|site| Site::new(site, START)).collect(),
            node: None,
            deaths: BTreeMap::new(),
            known: BTreeMap::new(),
            parts: BTreeMap::new(),
            kills: 0,
            now: START,
            random,
            network,
            mood: Mood::Fine,
            theme,
            healed: false,
            kill_ppm,
            life: 0,
            agenda: BTreeMap::new(),
            agenda_next: 0,
            pending: 0,
            wakes: BTreeSet::new(),
            trace: 0xcbf2_9ce4_8422_2325,
        };
        world.plan();
        Ok(world)
    }

    /// Traffic and trouble for two minutes, then everything is healed.
    fn plan(&mut self) {
        self.after(Duration::ZERO, Happening::Restart);
        for (most, happening) in [
            (24, (|| Happening::Make) as fn() -> Happening),
            (24, || Happening::Come),
            (30, || Happening::Order),
            (40, || Happening::Trouble),
        ] {
            for _ in 0..2 + self.random.below(most) {
                let at = Duration::from_millis(self.random.below(120_000));
                self.after(at, happening());
            }
        }
        if self.random.chance(300) {
            let at = self.millis(120_000);
            self.after(at, Happening::Stop);
        }
        self.after(HEALED, Happening::Heal);
    }

    pub(super) fn after(&mut self, delay: Duration, happening: Happening) {
        self.agenda_next += 1;
        self.pending += usize::from(!matches!(happening, Happening::Wake | Happening::FarWake(_)));
        self.agenda.insert((self.now + delay, self.agenda_next), happening);
    }

    /// Something slow of the node.
    fn later(&mut self, delay: Duration, later: Later) {
        let life = self.life;
        self.after(delay, Happening::Later(life, later));
    }

    fn millis(&mut self, most: u64) -> Duration {
        Duration::from_millis(1 + self.random.below(most.max(1)))
    }

    fn note(&mut self, words: &[u64]) {
        for word in words {
            self.trace = (self.trace ^ word).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// A hash of the run so far.
    pub(super) fn trace(&self) -> u64 {
        self.trace
    }

    /// Nothing is left to happen.
    fn is_quiet(&self) -> bool {
        self.healed
            && self.pending == 0
            && self.node.as_ref().is_some_and(|node| node.left().is_none())
    }

    /// Wakes the node (`None`) or a far end at an instant, unless it is woken before.
    fn wake(&mut self, who: Option<usize>, at: Option<Instant>) {
        let Some(at) = at.map(|at| at.max(self.now)) else { return };
        let before = self.wakes.iter().any(|(known, of)| *of == who && *known <= at);
        if !before {
            self.wakes.insert((at, who));
            let happening = who.map_or(Happening::Wake, Happening::FarWake);
            self.after(at.since(self.now), happening);
        }
    }

    /// Runs a unit in a commit of its own; the process may be killed right before or after it.
    fn commit<T>(
        &mut self,
        work: impl FnOnce(&mut Tx<'_>, &Context) -> Result<T, StoreError>,
    ) -> Result<T, Killed> {
        self.maybe_kill(40)?;
        let context = &self.context;
        let value = self.ledger.run(self.now, |tx| work(tx, context));
        let value = value.unwrap_or_else(|error| panic!("a unit of work failed: {error}"));
        self.maybe_kill(40)?;
        Ok(value)
    }

    /// The process may be killed here, so many times as likely as anywhere.
    fn maybe_kill(&mut self, times: u64) -> Result<(), Killed> {
        match self.random.below(1_000_000) < self.kill_ppm * times {
            true => Err(Killed),
            false => Ok(()),
        }
    }

    /// Sends a datagram over the bad network.
    fn send(&mut self, from: SocketAddr, to: SocketAddr, octets: Vec<u8>) {
        if self.random.chance(self.network.loss) {
            return;
        }
        let twice = self.random.chance(self.network.twice);
        for _ in 0..=u8::from(twice) {
            let delay = self.millis(self.network.latency_ms);
            self.after(delay, Happening::Datagram { to, from, octets: octets.clone() });
        }
    }
}
