//! The world: virtual time, a list of what happens next, and the node between carrier and
//! endpoints.

mod drive;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::{AccountSid, Instant, MasterKey, Sid};
use machine::{Machine, Random};
use products::carriers::{CarrierEvent, Receipt, SubmitOutcome};
use products::messaging::model::{Direction, Draft};
use products::messaging::work::Answer;
use products::messaging::{MessageKey, dispatch, rules, work};
use products::webhooks::Delivery;
use products::webhooks::policy::Outcome as HookOutcome;
use products::webhooks::queue::{self, Key};
use products::{messaging, numbers};
use store::{Ledger, StoreError, Tx};

use crate::carrier::Carrier;
use crate::check;
use crate::endpoints::{COUNT, Endpoints};
use crate::line::Line;
use crate::node::{CARRIER, GRACE, Handed, Node, context, key_of};

/// What a run did; equal for equal seeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// A hash of everything that happened, in order.
    pub trace: u64,
    /// Messages that were answered with a SID.
    pub accepted: usize,
    /// Kills of the process.
    pub kills: u64,
    /// Messages that the carrier took twice, all of them marked.
    pub repeated: usize,
    /// Callbacks delivered and given up.
    pub callbacks: (usize, usize),
}

/// How the node reaches its carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By calls and answers: every fault of a carrier's own.
    Direct,
    /// Over SMPP: the product's client, a wire that is cut anywhere, the test carrier.
    Smpp,
}

/// What happens at an instant.
enum Happening {
    Accept(u64),
    Wake,
    /// An answer, and whether it is the last one to its submission.
    Answered(u64, Answer, bool),
    /// The grace period of what was uncertain then is over.
    Explain(u64, Instant),
    Receipt(Receipt),
    Called(u64, Key, HookOutcome),
    /// The line has something to do.
    Line,
    MessagesLoaded(u64, dispatch::Input),
    DeliveriesLoaded(u64, Vec<Delivery>, bool),
    Mood,
    Restart,
    Heal,
}

/// The process was killed in the middle of something.
struct Killed;

pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) carrier: Carrier,
    pub(crate) line: Option<Line>,
    pub(crate) endpoints: Endpoints,
    pub(crate) accepted: BTreeMap<MessageKey, String>,
    pub(crate) kills: u64,
    random: Random,
    now: Instant,
    agenda: BTreeMap<(Instant, u64), Happening>,
    agenda_next: u64,
    node: Option<Node>,
    handed: Arc<Mutex<Handed>>,
    context: work::Context,
    kill_per_mille: u64,
    trace: u64,
    life: u64,
}

/// The accounts that share the installation, and their numbers.
pub(crate) const TENANTS: [(u8, &str); 2] = [(1, "+15550001111"), (2, "+15550002222")];

pub(crate) fn account(number: u8) -> AccountSid {
    AccountSid::from_bytes([number; 16])
}

/// Runs one seed to its end and checks every invariant; the error names the one that broke.
pub fn run(seed: u64, way: Way) -> Result<Outcome, String> {
    let mut world = World::new(seed, way).map_err(|error| error.to_string())?;
    let mut steps = 0_u64;
    while let Some(((at, _), happening)) = world.agenda.pop_first() {
        steps += 1;
        if steps > 2_000_000 {
            return Err("the run does not come to an end".to_owned());
        }
        world.now = world.now.max(at);
        world.happen(happening);
        if world.is_quiet() {
            break;
        }
    }
    let (repeated, callbacks) = check::at_the_end(&mut world)?;
    Ok(Outcome {
        trace: world.trace,
        accepted: world.accepted.len(),
        kills: world.kills,
        repeated,
        callbacks,
    })
}

impl World {
    fn new(seed: u64, way: Way) -> Result<Self, StoreError> {
        let mut random = Random::from_seed(seed);
        let mut ledger = Ledger::in_memory(seed, &products::migrations())?;
        let now = Instant::from_secs(1_800_000_000);
        for (number, e164) in TENANTS {
            let owned = [e164.to_owned()];
            let stocked = ledger.run(now, |tx| {
                numbers::own(tx, account(number), &owned, None).map_err(|refusal| match refusal {
                    products::resource::Refusal::Store(error) => error,
                    products::resource::Refusal::Api(_) => StoreError::Corrupt("a number"),
                })
            });
            stocked?;
        }
        let handed = Arc::new(Mutex::new(Handed::default()));
        let context = context(Arc::new(MasterKey::new([7; 32])), &handed);
        let carrier = Carrier::new(&mut random);
        let line = (way == Way::Smpp).then(|| Line::new(now, &mut random));
        let kill_per_mille = if random.chance(700) { random.below(15) } else { 0 };
        let mut world = Self {
            ledger,
            carrier,
            line,
            endpoints: Endpoints::new(),
            accepted: BTreeMap::new(),
            kills: 0,
            now,
            agenda: BTreeMap::new(),
            agenda_next: 0,
            node: None,
            handed,
            context,
            kill_per_mille,
            trace: 0xcbf2_9ce4_8422_2325,
            life: 0,
            random,
        };
        world.plan();
        Ok(world)
    }

    /// Traffic and trouble for two minutes, then everything is healed.
    fn plan(&mut self) {
        self.after(Duration::ZERO, Happening::Restart);
        let batches = 20 + self.random.below(60);
        for _ in 0..batches {
            let at = Duration::from_millis(self.random.below(120_000));
            let count = 1 + self.random.below(8);
            self.after(at, Happening::Accept(count));
        }
        for _ in 0..20 {
            let at = Duration::from_millis(self.random.below(120_000));
            self.after(at, Happening::Mood);
        }
        self.after(Duration::from_secs(125), Happening::Heal);
    }

    fn after(&mut self, delay: Duration, happening: Happening) {
        self.agenda_next += 1;
        self.agenda.insert((self.now + delay, self.agenda_next), happening);
    }

    fn note(&mut self, words: &[u64]) {
        for word in words {
            self.trace = (self.trace ^ word).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Nothing but the node's own routine is left to happen, and it has nothing to do.
    fn is_quiet(&self) -> bool {
        let only_wakes =
            self.agenda.values().all(|next| matches!(next, Happening::Wake | Happening::Line));
        let still = self.line.as_ref().is_none_or(|line| !line.is_busy());
        let idle = self
            .node
            .as_ref()
            .is_some_and(|node| node.dispatcher.known() == 0 && node.queue.is_empty());
        // A while after the healing, so that what the tables hold has been loaded.
        only_wakes && idle && still && self.now > Instant::from_secs(1_800_000_000 + 200)
    }

    fn happen(&mut self, happening: Happening) {
        self.note(&[self.now.micros() as u64, discriminant(&happening)]);
        let done = match happening {
            Happening::Accept(count) => self.accept(count),
            Happening::Wake => Ok(()),
            Happening::Answered(life, answer, last) => self.answered(life, answer, last),
            Happening::Explain(life, until) => self.explain(life, until),
            Happening::Receipt(receipt) => self.receipt(receipt),
            Happening::Called(life, key, outcome) => self.called(life, key, outcome),
            Happening::MessagesLoaded(life, input) => {
                if let Some(node) = self.node.as_mut().filter(|node| node.life == life) {
                    node.dispatcher.handle(self.now, input);
                }
                Ok(())
            }
            Happening::DeliveriesLoaded(life, deliveries, complete) => {
                if let Some(node) = self.node.as_mut().filter(|node| node.life == life) {
                    node.loaded(self.now, deliveries, complete);
                }
                Ok(())
            }
            Happening::Line => {
                if let Some(line) = &mut self.line {
                    line.step(self.now, &mut self.random);
                }
                Ok(())
            }
            Happening::Mood => {
                self.line.iter_mut().for_each(|line| line.turn(&mut self.random));
                self.endpoints.turn(&mut self.random);
                Ok(())
            }
            Happening::Heal => {
                self.carrier.heal();
                self.line.iter_mut().for_each(Line::heal);
                self.endpoints.heal();
                self.kill_per_mille = 0;
                Ok(())
            }
            Happening::Restart => self.restart(),
        };
        let done = done.and_then(|()| self.pump());
        if let Err(Killed) = done {
            self.kills += 1;
            self.node = None;
            if let Some(line) = &mut self.line {
                line.die(self.now, &mut self.random);
            }
            let delay = Duration::from_millis(self.random.below(20_000));
            self.after(delay, Happening::Restart);
        }
    }

    /// Runs a unit in a commit of its own; the process may be killed right before or after it.
    fn commit<T>(
        &mut self,
        work: impl FnOnce(&mut Tx<'_>, &work::Context) -> Result<T, StoreError>,
    ) -> Result<T, Killed> {
        if self.random.chance(self.kill_per_mille) {
            return Err(Killed);
        }
        let context = &self.context;
        let value = self.ledger.run(self.now, |tx| work(tx, context));
        let value = value.unwrap_or_else(|error| panic!("a unit of work failed: {error}"));
        let mut handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner);
        let deliveries = std::mem::take(&mut handed.deliveries);
        drop(handed);
        if self.random.chance(self.kill_per_mille) {
            return Err(Killed);
        }
        if let Some(node) = &mut self.node {
            deliveries.into_iter().for_each(|delivery| node.enqueue(self.now, delivery));
        }
        Ok(value)
    }

    fn restart(&mut self) -> Result<(), Killed> {
        self.life += 1;
        self.commit(work::mark_open_windows)?;
        match &mut self.line {
            None => self.after(GRACE, Happening::Explain(self.life, self.now)),
            // The grace period begins when a bind is up.
            Some(line) => line.start(self.now, &mut self.random),
        }
        self.node = Some(Node::start(self.now, self.life));
        Ok(())
    }

    fn accept(&mut self, count: u64) -> Result<(), Killed> {
        if self.node.is_none() {
            return Ok(());
        }
        let drafts: Vec<Draft> = (0..count).map(|_| self.draft()).collect();
        let (outcomes, waiting) = self.commit(|tx, context| work::accept(tx, context, drafts))?;
        for accepted in outcomes.into_iter().flatten() {
            self.accepted.insert(accepted.message.key, accepted.body);
        }
        if let Some(node) = &mut self.node {
            node.dispatcher.handle(self.now, dispatch::Input::Offer(waiting));
        }
        Ok(())
    }

    fn draft(&mut self) -> Draft {
        let (number, from) = TENANTS[self.random.below(2) as usize];
        let length = 1 + self.random.below(400) as usize;
        let callback = self.random.chance(800).then(|| {
            let retries = if self.random.chance(500) { "#rc=3&rp=all" } else { "" };
            format!("{}{retries}", Endpoints::address(self.random.below(COUNT)))
        });
        Draft {
            account: account(number),
            direction: Direction::OutboundApi,
            from: from.to_owned(),
            to: format!("+1555867{:04}", self.random.below(200)),
            // Every segment begins with letters of its own: receipts' excerpts tell them apart.
            body: format!("{:016x}", self.random.u64()).repeat(1 + length / 16),
            media: Vec::new(),
            callback,
            price_max: None,
            validity_s: rules::VALIDITY_MAX_S,
            feedback: false,
            smart_encoded: false,
            trial: false,
            to_opted_out: false,
            urgent: self.random.chance(200),
            at_most_once: number == 2,
            idempotency: None,
        }
    }

    fn answered(&mut self, life: u64, answer: Answer, last: bool) -> Result<(), Killed> {
        if self.node.as_ref().is_none_or(|node| node.life != life) {
            return Ok(());
        }
        let answers = [answer];
        self.commit(|tx, context| work::answered(tx, context, &answers))?;
        let [Answer { key, outcome, .. }] = answers;
        if outcome == SubmitOutcome::Uncertain && self.line.is_none() {
            // Another connection brings receipts from now on.
            self.after(GRACE, Happening::Explain(life, self.now));
        }
        if let Some(node) = self.node.as_mut().filter(|_| last) {
            node.dispatcher.handle(self.now, dispatch::Input::Answered(key, outcome));
        }
        Ok(())
    }

    fn explain(&mut self, life: u64, until: Instant) -> Result<(), Killed> {
        if self.node.as_ref().is_none_or(|node| node.life != life) {
            return Ok(());
        }
        self.commit(|tx, context| work::explain(tx, context, CARRIER, until))?;
        if let Some(node) = &mut self.node {
            node.dispatcher.handle(self.now, dispatch::Input::Resume);
        }
        Ok(())
    }

    fn receipt(&mut self, receipt: Receipt) -> Result<(), Killed> {
        // Until it is acknowledged the carrier brings it again.
        let again = receipt.clone();
        let taken = match self.node {
            None => Err(None),
            Some(_) => {
                self.commit(|tx, context| work::receipts(tx, context, &[receipt])).map_err(Some)
            }
        };
        match taken {
            Ok(proven) => {
                self.withdraw(proven);
                Ok(())
            }
            Err(killed) => {
                self.after(Duration::from_secs(5), Happening::Receipt(again));
                killed.map_or(Ok(()), Err)
            }
        }
    }

    /// What the line tells of the carrier.
    fn told(&mut self, event: CarrierEvent) -> Result<(), Killed> {
        let life = self.life;
        match event {
            CarrierEvent::Answered { key, part, outcome, last } => {
                let answer = Answer { carrier: CARRIER, key: key_of(&key), part, outcome };
                self.answered(life, answer, last)
            }
            CarrierEvent::Receiving => {
                self.after(GRACE, Happening::Explain(life, self.now));
                Ok(())
            }
            CarrierEvent::Receipt(receipt, acknowledge) => {
                let proven = self.commit(|tx, context| work::receipts(tx, context, &[receipt]))?;
                acknowledge.done();
                self.withdraw(proven);
                Ok(())
            }
            CarrierEvent::Inbound(..) => Ok(()),
        }
    }

    /// Messages of which a receipt proves that the carrier has them.
    fn withdraw(&mut self, proven: Vec<MessageKey>) {
        if let Some(node) = &mut self.node {
            for key in proven {
                node.dispatcher.handle(self.now, dispatch::Input::Withdrawn(key));
            }
        }
    }

    fn called(&mut self, life: u64, key: Key, outcome: HookOutcome) -> Result<(), Killed> {
        let Some(node) = self.node.as_mut().filter(|node| node.life == life) else {
            return Ok(());
        };
        let entropy = self.random.u64();
        let input = queue::Input::Finished { key, outcome, retry_after: None, entropy };
        node.queue.handle(self.now, input);
        Ok(())
    }
}

fn discriminant(happening: &Happening) -> u64 {
    match happening {
        Happening::Accept(count) => 100 + count,
        Happening::Wake => 1,
        Happening::Answered(..) => 2,
        Happening::Explain(..) => 10,
        Happening::Receipt(_) => 3,
        Happening::Called(..) => 4,
        Happening::Line => 11,
        Happening::MessagesLoaded(..) => 8,
        Happening::DeliveriesLoaded(..) => 9,
        Happening::Mood => 5,
        Happening::Restart => 6,
        Happening::Heal => 7,
    }
}

/// The text of a message, for checks.
pub(crate) fn body_of(world: &World, message: &messaging::Message) -> String {
    work::open_body(&world.context.master, message)
}
