//! Alerts about whom SIP domains turn away. Who tries again and again is told of once in a while.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::store::Tx;
use base::{AnySid, Instant};

use crate::resource::Document;
use crate::voice::edge::Shared;
use crate::webhooks::alerts::{self, NewAlert};

/// Between two alerts of one code about one address at one domain.
const EVERY: Duration = Duration::from_secs(600);
/// Addresses that are remembered: beyond that the alerts of new ones are left out, so that a
/// flood of addresses is none of alerts.
const KNOWN_MAX: usize = 1_000;

/// Of whom was told, and when.
#[derive(Default)]
pub struct Warned(Mutex<BTreeMap<(AnySid, u32, IpAddr), Instant>>);

impl Warned {
    /// Whether it is time to tell.
    fn is_due(&self, now: Instant, domain: AnySid, code: u32, source: IpAddr) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (domain, code, source);
        if !known.contains_key(&key) && known.len() >= KNOWN_MAX {
            known.retain(|_, at| now.since(*at) < EVERY);
        }
        match known.get(&key) {
            Some(at) if now.since(*at) < EVERY => false,
            None if known.len() >= KNOWN_MAX => false,
            _ => {
                known.insert(key, now);
                true
            }
        }
    }
}

impl Shared {
    /// Raises an alert of a domain's account about somebody who was turned away.
    pub(super) fn warn(&self, domain: &Document, source: IpAddr, code: u32, why: &str) {
        if !self.warned.is_due(self.clock.now(), domain.sid, code, source) {
            return;
        }
        let alert = NewAlert {
            account: domain.account,
            resource: domain.sid,
            code,
            warning: false,
            method: "POST",
            url: String::new(),
            message: format!("{why}: {source} at {}", domain.text("DomainName")),
        };
        self.raise(alert);
    }

    /// Raises an alert; nobody waits for it.
    pub(super) fn raise(&self, alert: NewAlert) {
        let store = self.store.clone();
        tokio::spawn(async move {
            let raised = store.write(move |tx: &mut Tx<'_>| alerts::raise(tx, &[alert])).await;
            if let Err(error) = raised {
                tracing::warn!(%error, "an alert could not be raised");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_tries_again_is_told_of_once_in_a_while_and_a_flood_is_not() {
        let warned = Warned::default();
        let domain = "SD00000000000000000000000000000001".parse().expect("a SID");
        let address = |at: usize| IpAddr::from([10, 0, (at >> 8) as u8, at as u8]);
        let due = |s: i64, at| {
            warned.is_due(Instant::from_micros(s * 1_000_000), domain, 32202, address(at))
        };
        assert!(due(0, 0));
        assert!(!due(599, 0));
        assert!(due(600, 0));
        let told = (1..5_000).filter(|at| due(601, *at)).count();
        assert_eq!(told, KNOWN_MAX - 1);
        assert!(due(1_300, 6_000), "those before are forgotten");
    }
}
