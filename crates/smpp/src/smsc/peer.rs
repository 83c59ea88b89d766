//! One client's connection to the test carrier.

use std::collections::BTreeMap;

use crate::pdu::Mode;
use crate::session::Session;
use crate::smsc::Due;

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) session: Session,
    /// As whom, and for what.
    pub(super) bound: Option<(String, Mode)>,
    /// Delivered and not acknowledged.
    pub(super) open: BTreeMap<u64, Due>,
    second: i64,
    taken: u32,
}

impl Peer {
    pub(super) fn new(session: Session) -> Self {
        Self { session, bound: None, open: BTreeMap::new(), second: 0, taken: 0 }
    }

    /// Whether one more fits into this second.
    pub(super) fn count(&mut self, second: i64, throughput: u32) -> bool {
        if second != self.second {
            (self.second, self.taken) = (second, 0);
        }
        self.taken += 1;
        self.taken <= throughput
    }

    pub(super) fn receives_for(&self, wanted: &str) -> bool {
        self.bound.as_ref().is_some_and(|(id, mode)| id == wanted && mode.receives())
    }
}
