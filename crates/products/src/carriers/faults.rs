//! Faults of the simulated carrier: what it does to a submission, decided without IO.

use std::time::Duration;

use base::{Instant, code};

use crate::carriers::SubmitOutcome;

/// What is done to matching submissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The carrier can't be reached.
    Down,
    /// It takes so many submissions a second and throttles the rest.
    Throttled(u32),
    /// It refuses with this code at once.
    Refused(u32),
    /// It takes the message, and its receipt says undelivered with this code.
    Undelivered(u32),
    /// The message arrives, its receipt never does.
    ReceiptLost,
    /// The receipt comes twice.
    ReceiptTwice,
    /// The receipt comes this much later.
    ReceiptLate(Duration),
}

impl Effect {
    /// As `POST /dev/faults` spells it: its name and its number.
    pub fn name(self) -> (&'static str, Option<u64>) {
        match self {
            Self::Down => ("down", None),
            Self::Throttled(per_second) => ("throttled", Some(per_second.into())),
            Self::Refused(code) => ("refused", Some(code.into())),
            Self::Undelivered(code) => ("undelivered", Some(code.into())),
            Self::ReceiptLost => ("receipt_lost", None),
            Self::ReceiptTwice => ("receipt_twice", None),
            Self::ReceiptLate(by) => ("receipt_late", Some(by.as_secs())),
        }
    }
}

/// A fault: an effect on a range of recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Recipients that begin with this; empty for all.
    pub prefix: String,
    /// What is done.
    pub effect: Effect,
}

/// What becomes of one submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It reaches the handset.
    Deliver {
        /// After how long its receipt comes, and with which code (0: delivered).
        receipt: Option<(Duration, u32)>,
        /// How often the receipt comes.
        copies: u8,
    },
    /// It does not.
    Answer(SubmitOutcome),
}

/// The faults that are set.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    faults: Vec<Fault>,
    second: i64,
    taken: u32,
}

impl FaultPlan {
    /// Sets one more fault.
    pub fn add(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Removes all faults.
    pub fn clear(&mut self) {
        self.faults.clear();
    }

    /// Removes the faults of a range of recipients; those of one effect, where it is named.
    pub fn remove(&mut self, prefix: &str, effect: Option<&str>) {
        self.faults.retain(|fault| {
            fault.prefix != prefix || effect.is_some_and(|name| fault.effect.name().0 != name)
        });
    }

    /// The faults that are set.
    pub fn list(&self) -> &[Fault] {
        &self.faults
    }

    /// Decides about a submission to `to`. Numbers that end in 0003, 0005 and so on follow no
    /// magic here: only what was set is done.
    pub fn decide(&mut self, to: &str, now: Instant) -> Decision {
        let (mut receipt, mut copies) = (Some((Duration::ZERO, 0)), 1);
        let matching = self.faults.iter().filter(|fault| to.starts_with(&fault.prefix));
        for fault in matching {
            match fault.effect {
                Effect::Down => return Decision::Answer(SubmitOutcome::Unreachable),
                Effect::Refused(code) => return Decision::Answer(SubmitOutcome::Refused { code }),
                Effect::Throttled(per_second) => {
                    let second = now.micros() / 1_000_000;
                    if second != self.second {
                        (self.second, self.taken) = (second, 0);
                    }
                    self.taken += 1;
                    if self.taken > per_second {
                        return Decision::Answer(SubmitOutcome::Throttled);
                    }
                }
                Effect::Undelivered(code) => receipt = receipt.map(|(after, _)| (after, code)),
                Effect::ReceiptLost => receipt = None,
                Effect::ReceiptTwice => copies = 2,
                Effect::ReceiptLate(by) => {
                    receipt = receipt.map(|(after, code)| (after + by, code))
                }
            }
        }
        Decision::Deliver { receipt, copies }
    }
}

/// Parses a fault as `POST /dev/faults` sends it.
pub fn parse(effect: &str, prefix: &str, number: Option<u32>) -> Result<Fault, &'static str> {
    let effect = match effect {
        "down" => Effect::Down,
        "throttled" => Effect::Throttled(number.unwrap_or(10)),
        "refused" => Effect::Refused(number.unwrap_or(code::UNREACHABLE_TO)),
        "undelivered" => Effect::Undelivered(number.unwrap_or(code::HANDSET_UNREACHABLE)),
        "receipt_lost" => Effect::ReceiptLost,
        "receipt_twice" => Effect::ReceiptTwice,
        "receipt_late" => Effect::ReceiptLate(Duration::from_secs(u64::from(number.unwrap_or(10)))),
        _ => {
            return Err("'effect' must be one of down, throttled, refused, undelivered, \
                        receipt_lost, receipt_twice, receipt_late");
        }
    };
    Ok(Fault { prefix: prefix.to_owned(), effect })
}
