//! What carriers answered in the last hour, minute by minute. In memory: it is for looking at.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use base::Instant;

use crate::carriers::{CarrierEvent, ReceiptStatus, SubmitOutcome};

/// Minutes that are kept.
pub const MINUTES: usize = 60;

/// What happened in a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    /// Segments that the carrier took.
    pub taken: u64,
    /// Segments that it refused for good.
    pub refused: u64,
    /// Answers that it is too busy, or could not be reached.
    pub held: u64,
    /// Receipts: delivered.
    pub delivered: u64,
    /// Receipts: not delivered.
    pub undelivered: u64,
    /// Texts that came in.
    pub received: u64,
}

impl Minute {
    fn count(&mut self, event: &CarrierEvent) {
        let counter = match event {
            CarrierEvent::Answered { outcome, .. } => match outcome {
                SubmitOutcome::Taken { .. } => &mut self.taken,
                SubmitOutcome::Refused { .. } => &mut self.refused,
                SubmitOutcome::Throttled | SubmitOutcome::Unreachable => &mut self.held,
                SubmitOutcome::Uncertain => return,
            },
            CarrierEvent::Receipt(receipt, _) => match receipt.status {
                ReceiptStatus::Delivered => &mut self.delivered,
                ReceiptStatus::Undelivered(_) => &mut self.undelivered,
            },
            CarrierEvent::Inbound(..) => &mut self.received,
            CarrierEvent::Receiving => return,
        };
        *counter += 1;
    }
}

#[derive(Default)]
struct Counted {
    /// The number of the newest minute.
    newest: i64,
    /// Newest last.
    minutes: VecDeque<Minute>,
}

impl Counted {
    fn go_on_to(&mut self, at: Instant) {
        let minute = at.micros().div_euclid(60_000_000);
        let ahead = usize::try_from(minute - self.newest).unwrap_or(0).min(MINUTES);
        for _ in 0..ahead {
            if self.minutes.len() == MINUTES {
                self.minutes.pop_front();
            }
            self.minutes.push_back(Minute::default());
        }
        self.newest = self.newest.max(minute);
    }
}

/// One carrier's last hour.
#[derive(Default)]
pub struct Pulse(Mutex<Counted>);

impl Pulse {
    /// Counts what a carrier told.
    pub fn count(&self, events: &[CarrierEvent], at: Instant) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.go_on_to(at);
        if let Some(minute) = counted.minutes.back_mut() {
            events.iter().for_each(|event| minute.count(event));
        }
    }

    /// The last minutes, oldest first, the running one last: as many as [`MINUTES`].
    pub fn minutes(&self, at: Instant) -> Vec<Minute> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.go_on_to(at);
        let missing = MINUTES - counted.minutes.len();
        let before = std::iter::repeat_n(Minute::default(), missing);
        before.chain(counted.minutes.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken() -> CarrierEvent {
        CarrierEvent::answered([0; 32], SubmitOutcome::Taken { reference: "1".to_owned() })
    }

    #[test]
    fn minutes_pass_and_old_ones_are_forgotten() {
        let (pulse, start) = (Pulse::default(), Instant::from_secs(60_000));
        pulse.count(&[taken(), taken(), CarrierEvent::Receiving], start);
        pulse.count(&[taken()], start + std::time::Duration::from_secs(61));
        let minutes = pulse.minutes(start + std::time::Duration::from_secs(120));
        assert_eq!(minutes.len(), MINUTES);
        let last: Vec<u64> = minutes.iter().rev().take(4).map(|minute| minute.taken).collect();
        assert_eq!(last, [0, 1, 2, 0]);
        let later = pulse.minutes(start + std::time::Duration::from_secs(3_600 * 2));
        assert!(later.iter().all(|minute| *minute == Minute::default()));
    }
}
