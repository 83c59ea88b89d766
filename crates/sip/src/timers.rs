//! One clock for many sleepers.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use base::Instant;

/// When who wants to be woken. Ties are woken in the order of their keys.
#[derive(Debug)]
pub(crate) struct Timers<K> {
    queue: BTreeSet<(Instant, K)>,
    at: HashMap<K, Instant>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { queue: BTreeSet::new(), at: HashMap::new() }
    }
}

impl<K: Copy + Eq + Hash + Ord> Timers<K> {
    /// Sets, moves or ends the sleep of one.
    pub(crate) fn set(&mut self, who: K, at: Option<Instant>) {
        let before = match at {
            Some(at) => self.at.insert(who, at),
            None => self.at.remove(&who),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.queue.remove(&(before, who));
        }
        if let Some(at) = at {
            self.queue.insert((at, who));
        }
    }

    /// The next one that is to be woken at `now`; its sleep ends.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<K> {
        let (at, who) = *self.queue.first()?;
        if at > now {
            return None;
        }
        self.set(who, None);
        Some(who)
    }

    /// When the next one is to be woken.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }
}
