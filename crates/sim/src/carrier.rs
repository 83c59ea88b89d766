//! A carrier as bad as carriers get: it throttles, refuses, answers late, cuts the connection
//! before its answer, loses, delays, repeats and reorders receipts. It outlives every kill of the
//! node.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::Random;
use products::carriers::{Part, Receipt, ReceiptStatus, Submission, SubmitOutcome};

/// How bad it is, in thousandths.
#[derive(Clone, Copy, Debug)]
pub struct Temper {
    throttles: u64,
    unreachable: u64,
    refuses: u64,
    cuts: u64,
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
    /// How often it took each segment.
    pub taken: BTreeMap<([u8; 32], u8), u32>,
    /// Messages whose receipt it will never send.
    pub silent: BTreeMap<[u8; 32], ()>,
}

/// What a submission leads to.
pub struct Reaction {
    /// The answers to its segments, and after how long they come; the last one is last.
    pub answers: Vec<(Duration, Part, SubmitOutcome)>,
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
            cuts: per_mille(100),
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
            cuts: 0,
            undelivered: 0,
            loses_receipts: 0,
            repeats_receipts: 0,
            echoes_key,
        };
    }

    /// Takes, or does not take, a submission.
    pub fn submit(&mut self, submission: &Submission, random: &mut Random) -> Reaction {
        let temper = self.temper;
        let whole = |random: &mut Random, outcome| Reaction {
            answers: vec![(millis(random, 400), Part::WHOLE, outcome)],
            receipts: Vec::new(),
        };
        if random.chance(temper.throttles) {
            return whole(random, SubmitOutcome::Throttled);
        }
        if random.chance(temper.unreachable) {
            return whole(random, SubmitOutcome::Unreachable);
        }
        let texts = split(&submission.body);
        let of = texts.len() as u8;
        let mut reaction = Reaction { answers: Vec::new(), receipts: Vec::new() };
        let open = (0..of).zip(&texts).filter(|(index, _)| !submission.done.contains(index));
        for (index, text) in open {
            self.segment(submission, Part { index, of }, text, random, &mut reaction);
        }
        reaction.answers.sort_by_key(|(delay, ..)| *delay);
        reaction
    }

    fn segment(
        &mut self,
        submission: &Submission,
        part: Part,
        text: &str,
        random: &mut Random,
        reaction: &mut Reaction,
    ) {
        let (soon, temper) = (millis(random, 400), self.temper);
        let cut = random.chance(temper.cuts);
        if cut && random.chance(500) {
            // It never arrived.
            return reaction.answers.push((soon, part, SubmitOutcome::Uncertain));
        }
        if random.chance(temper.refuses) {
            return reaction.answers.push((soon, part, SubmitOutcome::Refused { code: 21612 }));
        }
        *self.taken.entry((submission.key, part.index)).or_default() += 1;
        let reference = format!("R{}", self.next_reference);
        self.next_reference += 1;
        let outcome = match cut {
            true => SubmitOutcome::Uncertain,
            false => SubmitOutcome::Taken { reference: reference.clone() },
        };
        reaction.answers.push((soon, part, outcome));
        let status = match random.chance(temper.undelivered) {
            true => ReceiptStatus::Undelivered(30003),
            false => ReceiptStatus::Delivered,
        };
        let receipt = Receipt {
            reference,
            key: (temper.echoes_key && part.of == 1).then_some(submission.key),
            sender: submission.from.clone(),
            recipient: submission.to.clone(),
            excerpt: text.chars().take(20).collect(),
            status,
            done_at: base::Instant::default(),
        };
        if random.chance(temper.loses_receipts) {
            self.silent.insert(submission.key, ());
            return;
        }
        // Sometimes before the answer, sometimes much later.
        reaction.receipts.push((millis(random, 20_000), receipt.clone()));
        if random.chance(temper.repeats_receipts) {
            reaction.receipts.push((millis(random, 30_000), receipt));
        }
    }
}

/// The texts of the segments of a text.
pub fn split(text: &str) -> Vec<String> {
    smpp::text::split(text, false)
}

fn millis(random: &mut Random, most: u64) -> Duration {
    Duration::from_millis(random.below(most))
}
