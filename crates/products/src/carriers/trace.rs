//! PDUs of the newest messages, in readable form: in memory, of a bounded number, and without
//! texts, so that a redaction leaves nothing of a text here. Nothing of it is on the hot path of
//! an installation that does not trace.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use base::Instant;
use serde_json::{Map, Value};

/// PDUs that are kept.
const KEPT_MAX: usize = 20_000;

/// One PDU.
#[derive(Clone, Debug, PartialEq)]
pub struct Traced {
    /// When it was handed over, or came.
    pub at: Instant,
    /// `submit_sm`, `submit_sm_resp`, `deliver_sm`.
    pub name: &'static str,
    /// Its fields, by the names of SMPP 3.4.
    pub fields: Map<String, Value>,
}

/// The message that a PDU is about.
type Key = [u8; 32];

#[derive(Default)]
struct Kept {
    pdus: VecDeque<(Key, Traced)>,
    /// Which message has a reference.
    references: HashMap<String, Key>,
    named: VecDeque<String>,
}

/// A handle of the trace; without a memory it keeps nothing.
#[derive(Clone, Default)]
pub struct Trace(Option<Arc<Mutex<Kept>>>);

impl Trace {
    /// A trace that keeps PDUs, or one that does not.
    pub fn new(on: bool) -> Self {
        Self(on.then(Arc::default))
    }

    /// Whether PDUs are kept.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Keeps a PDU about a message.
    pub fn keep(&self, key: Key, pdu: impl FnOnce() -> Traced) {
        self.with(|kept| kept.push(key, pdu()));
    }

    /// From now on the carrier calls the message so.
    pub fn name(&self, key: Key, reference: &str) {
        self.with(|kept| {
            if kept.named.len() == KEPT_MAX {
                kept.named.pop_front().map(|oldest| kept.references.remove(&oldest));
            }
            if kept.references.insert(reference.to_owned(), key).is_none() {
                kept.named.push_back(reference.to_owned());
            }
        });
    }

    /// Keeps a PDU about the message that the carrier calls so.
    pub fn keep_named(&self, reference: &str, pdu: impl FnOnce() -> Traced) {
        self.with(|kept| {
            if let Some(key) = kept.references.get(reference).copied() {
                kept.push(key, pdu());
            }
        });
    }

    /// The PDUs of a message that are still here, in order.
    pub fn of(&self, key: Key) -> Vec<Traced> {
        let mut found = Vec::new();
        self.with(|kept| {
            let own = kept.pdus.iter().filter(|(other, _)| *other == key);
            found.extend(own.map(|(_, pdu)| pdu.clone()));
        });
        found
    }

    fn with(&self, what: impl FnOnce(&mut Kept)) {
        if let Some(kept) = &self.0 {
            what(&mut kept.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

impl Kept {
    fn push(&mut self, key: Key, pdu: Traced) {
        if self.pdus.len() == KEPT_MAX {
            self.pdus.pop_front();
        }
        self.pdus.push_back((key, pdu));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pdu(name: &'static str) -> Traced {
        Traced { at: Instant::default(), name, fields: Map::new() }
    }

    #[test]
    fn a_receipt_is_found_by_the_name_that_the_response_gave() {
        let trace = Trace::new(true);
        trace.keep([1; 32], || pdu("submit_sm"));
        trace.name([1; 32], "0:77");
        trace.keep_named("0:77", || pdu("deliver_sm"));
        trace.keep_named("0:78", || pdu("deliver_sm"));
        let names: Vec<&str> = trace.of([1; 32]).iter().map(|pdu| pdu.name).collect();
        assert_eq!(names, ["submit_sm", "deliver_sm"]);
        assert!(trace.of([2; 32]).is_empty());
    }

    #[test]
    fn memory_has_an_end_and_off_is_off() {
        let trace = Trace::new(true);
        for number in 0..KEPT_MAX + 5 {
            trace.keep([u8::try_from(number % 5).unwrap_or_default(); 32], || pdu("submit_sm"));
            trace.name([0; 32], &number.to_string());
        }
        let kept: usize = (0..5).map(|number| trace.of([number; 32]).len()).sum();
        assert_eq!(kept, KEPT_MAX);
        trace.keep_named("0", || pdu("deliver_sm"));
        assert!(!trace.of([0; 32]).iter().any(|pdu| pdu.name == "deliver_sm"), "forgotten");
        let off = Trace::new(false);
        off.keep([1; 32], || panic!("nothing is made for nobody"));
        assert!(!off.is_on() && off.of([1; 32]).is_empty());
    }
}
