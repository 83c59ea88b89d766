//! Whose turn it is: accounts one after the other, and within each its senders. An account with
//! a thousand senders gets no more than one with a single sender.

use std::collections::{HashMap, VecDeque};

use base::AccountSid;

/// A sender of an account.
pub type LaneKey = (AccountSid, String);

/// Senders with something to send: those with something urgent go before the others.
#[derive(Default)]
pub struct Turns {
    urgent: Round,
    others: Round,
}

impl Turns {
    /// Lines a sender up, behind the others of its account and its kind.
    pub fn push(&mut self, lane: LaneKey, urgent: bool) {
        if urgent {
            self.urgent.push(lane);
        } else {
            self.others.push(lane);
        }
    }

    /// Takes the next one, and whether it stood among the urgent ones.
    pub fn take(&mut self) -> Option<(LaneKey, bool)> {
        let urgent = self.urgent.take().map(|lane| (lane, true));
        urgent.or_else(|| self.others.take().map(|lane| (lane, false)))
    }

    /// Whether nobody has anything to send.
    pub fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.others.is_empty()
    }

    /// Drops those that have nothing to send any more.
    pub fn retain(&mut self, keep: impl Fn(&LaneKey) -> bool) {
        self.urgent.retain(&keep);
        self.others.retain(&keep);
    }
}

/// Accounts one after the other.
#[derive(Default)]
struct Round {
    accounts: VecDeque<AccountSid>,
    senders: HashMap<AccountSid, VecDeque<String>>,
}

impl Round {
    fn push(&mut self, (account, sender): LaneKey) {
        let senders = self.senders.entry(account).or_default();
        if senders.is_empty() {
            self.accounts.push_back(account);
        }
        senders.push_back(sender);
    }

    fn take(&mut self) -> Option<LaneKey> {
        let account = self.accounts.pop_front()?;
        let senders = self.senders.get_mut(&account)?;
        let sender = senders.pop_front()?;
        if senders.is_empty() {
            self.senders.remove(&account);
        } else {
            self.accounts.push_back(account);
        }
        Some((account, sender))
    }

    fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    fn retain(&mut self, keep: impl Fn(&LaneKey) -> bool) {
        for (account, senders) in &mut self.senders {
            senders.retain(|sender| keep(&(*account, sender.clone())));
        }
        self.senders.retain(|_, senders| !senders.is_empty());
        self.accounts.retain(|account| self.senders.contains_key(account));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Sid;

    fn lane(account: u8, sender: &str) -> LaneKey {
        (AccountSid::from_bytes([account; 16]), sender.to_owned())
    }

    #[test]
    fn accounts_share_evenly_whatever_their_senders() {
        let mut turns = Turns::default();
        (0..10).for_each(|sender| turns.push(lane(1, &sender.to_string()), false));
        turns.push(lane(2, "only"), false);
        let mut seen = [0, 0];
        for _ in 0..20 {
            let ((account, sender), _) = turns.take().expect("there is always one");
            seen[usize::from(account.bytes()[0]) - 1] += 1;
            turns.push((account, sender), false);
        }
        assert_eq!(seen, [10, 10]);
    }

    #[test]
    fn what_has_nothing_to_send_is_dropped() {
        let mut turns = Turns::default();
        [lane(1, "a"), lane(1, "b"), lane(2, "c")]
            .into_iter()
            .for_each(|lane| turns.push(lane, false));
        turns.retain(|(_, sender)| sender == "b");
        assert_eq!((turns.take(), turns.take()), (Some((lane(1, "b"), false)), None));
    }

    #[test]
    fn what_is_urgent_goes_first() {
        let mut turns = Turns::default();
        turns.push(lane(1, "bulk"), false);
        turns.push(lane(2, "codes"), true);
        turns.push(lane(1, "codes"), true);
        let taken: Vec<_> = std::iter::from_fn(|| turns.take()).collect();
        let wanted = [(lane(2, "codes"), true), (lane(1, "codes"), true), (lane(1, "bulk"), false)];
        assert_eq!(taken, wanted);
        assert!(turns.is_empty());
    }
}
