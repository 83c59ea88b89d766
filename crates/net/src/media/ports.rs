//! Which pairs of ports are ours.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

/// The range, and what of it is taken. Ports are handed out in turn, so that one that was just
/// given back rests before it serves another call.
pub(super) struct Ports {
    first: u16,
    /// Pairs in the range.
    count: u32,
    turn: u32,
    taken: HashSet<u16>,
}

/// A pair of ports that is given back when it is dropped.
pub(super) struct Pair {
    pub even: u16,
    ports: Arc<Mutex<Ports>>,
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).taken.remove(&self.even);
    }
}

impl Ports {
    pub(super) fn new(range: RangeInclusive<u16>) -> Self {
        let first = u32::from(*range.start()).next_multiple_of(2).max(2);
        let count = (u32::from(*range.end()) + 1).saturating_sub(first) / 2;
        Self { first: first as u16, count, turn: 0, taken: HashSet::new() }
    }

    /// The first and last port.
    pub(super) fn range(&self) -> (u16, u16) {
        let last = u32::from(self.first) + (2 * self.count).saturating_sub(1);
        (self.first, last as u16)
    }

    /// Pairs of the whole range.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The next pair that is not taken by us; another program may have it all the same.
    pub(super) fn take(ports: &Arc<Mutex<Self>>) -> Option<Pair> {
        let mut own = ports.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..own.count {
            let even = own.first + 2 * (own.turn % own.count) as u16;
            own.turn = (own.turn + 1) % own.count;
            if own.taken.insert(even) {
                return Some(Pair { even, ports: ports.clone() });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_even_taken_in_turn_and_given_back() {
        let ports = Arc::new(Mutex::new(Ports::new(10_001..=10_006)));
        let range = ports.lock().map(|ports| ports.range()).ok();
        assert_eq!(range, Some((10_002, 10_005)));
        let one = Ports::take(&ports).expect("free");
        let two = Ports::take(&ports).expect("free");
        assert_eq!((one.even, two.even), (10_002, 10_004));
        assert!(Ports::take(&ports).is_none());
        drop(two);
        assert_eq!(Ports::take(&ports).map(|pair| pair.even), Some(10_004));
    }
}
