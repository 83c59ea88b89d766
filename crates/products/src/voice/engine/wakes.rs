//! When which call wants to be looked at again.

use std::collections::{BTreeMap, BTreeSet};

use base::{CallSid, Instant};

/// An instant for each call that has one.
#[derive(Default)]
pub(super) struct Wakes {
    by_call: BTreeMap<CallSid, Instant>,
    by_time: BTreeSet<(Instant, CallSid)>,
}

impl Wakes {
    /// Sets or clears a call's instant.
    pub(super) fn set(&mut self, call: CallSid, at: Option<Instant>) {
        let before = match at {
            Some(at) => self.by_call.insert(call, at),
            None => self.by_call.remove(&call),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.by_time.remove(&(before, call));
        }
        if let Some(at) = at {
            self.by_time.insert((at, call));
        }
    }

    /// Takes out a call whose instant has come.
    pub(super) fn due(&mut self, now: Instant) -> Option<CallSid> {
        let (at, call) = *self.by_time.first().filter(|(at, _)| *at <= now)?;
        self.by_time.remove(&(at, call));
        self.by_call.remove(&call);
        Some(call)
    }

    /// The next instant.
    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }
}
