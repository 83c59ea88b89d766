//! A carrier as bad as carriers get: it throttles, refuses, answers late, loses, delays, repeats
//! and reorders receipts. It outlives every kill of the node.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::Random;
use products::carriers::{Receipt, ReceiptStatus, Submission, SubmitOutcome};

/// How bad it is, in thousandths.
#[derive(Clone, Copy, Debug)]
pub struct Temper {
    throttles: u64,
    unreachable: u64,
    refuses: u64,
    undelivered: u64,
    loses_receipts: u64,
    repeats_receipts: u64,
    /// Whether its receipts echo our key, or only its own reference.
    echoes_key: bool,
}

/// The carrier.
pub struct Carrier {
    temper: Temper,
    next_reference: u64,
    /// How often it took each message.
    pub taken: BTreeMap<[u8; 32], u32>,
    /// Messages whose receipt it will never send.
    pub silent: BTreeMap<[u8; 32], ()>,
}

/// What a submission leads to.
pub struct Reaction {
    /// The answer, and after how long it comes.
    pub answer: (Duration, SubmitOutcome),
    /// Receipts, and after how long they come.
    pub receipts: Vec<(Duration, Receipt)>,
}

impl Carrier {
    /// A carrier with a temper drawn from the seed.
    pub fn new(random: &mut Random) -> Self {
        let mut per_mille = |most| if random.chance(500) { random.below(most) } else { 0 };
        let temper = Temper {
            throttles: per_mille(300),
            unreachable: per_mille(200),
            refuses: per_mille(100),
            undelivered: per_mille(200),
            loses_receipts: per_mille(100),
            repeats_receipts: per_mille(300),
            echoes_key: random.chance(700),
        };
        Self { temper, next_reference: 1, taken: BTreeMap::new(), silent: BTreeMap::new() }
    }

    /// From now on it behaves.
    pub fn heal(&mut self) {
        let echoes_key = self.temper.echoes_key;
        self.temper = Temper {
            throttles: 0,
            unreachable: 0,
            refuses: 0,
            undelivered: 0,
            loses_receipts: 0,
            repeats_receipts: 0,
            echoes_key,
        };
    }

    /// Takes, or does not take, a submission.
    pub fn submit(&mut self, submission: &Submission, random: &mut Random) -> Reaction {
        let soon = millis(random, 400);
        let temper = self.temper;
        let refuse = |outcome| Reaction { answer: (soon, outcome), receipts: Vec::new() };
        if random.chance(temper.throttles) {
            return refuse(SubmitOutcome::Throttled);
        }
        if random.chance(temper.unreachable) {
            return refuse(SubmitOutcome::Unreachable);
        }
        if random.chance(temper.refuses) {
            return refuse(SubmitOutcome::Refused { code: 21612 });
        }
        *self.taken.entry(submission.key).or_default() += 1;
        let reference = format!("R{}", self.next_reference);
        self.next_reference += 1;
        let status = match random.chance(temper.undelivered) {
            true => ReceiptStatus::Undelivered(30003),
            false => ReceiptStatus::Delivered,
        };
        let receipt = Receipt {
            reference: reference.clone(),
            key: temper.echoes_key.then_some(submission.key),
            status,
            done_at: base::Instant::default(),
        };
        let mut receipts = Vec::new();
        if random.chance(temper.loses_receipts) {
            self.silent.insert(submission.key, ());
        } else {
            // Sometimes before the answer, sometimes much later.
            receipts.push((millis(random, 20_000), receipt.clone()));
            if random.chance(temper.repeats_receipts) {
                receipts.push((millis(random, 30_000), receipt));
            }
        }
        Reaction { answer: (soon, SubmitOutcome::Taken { reference }), receipts }
    }
}

fn millis(random: &mut Random, most: u64) -> Duration {
    Duration::from_millis(random.below(most))
}
