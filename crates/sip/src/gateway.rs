//! Gateways: the carriers' ends of our calls. Which one takes a call is a pure function of what is
//! known of them; their health comes of OPTIONS and of the calls themselves.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::time::Duration;

use base::Instant;

use crate::digest::Credentials;
use crate::event::GatewayId;
use crate::message::Uri;
use crate::numbers::Format;
use crate::wire::TxId;

/// One gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Its number: the user's.
    pub id: GatewayId,
    /// Host, port and parameters of its calls; `transport` among them.
    pub uri: Uri,
    /// Lower ones are asked first.
    pub priority: u16,
    /// Share among those of one priority; 0 counts as 1.
    pub weight: u16,
    /// Calls begun a second; 0 means no limit.
    pub calls_per_second: u32,
    /// Calls at once; 0 means no limit.
    pub calls_max: u32,
    /// Pause between OPTIONS; zero asks never, and the gateway counts as up.
    pub ping_every: Duration,
    /// Answers in a row that bring it up.
    pub up_after: u8,
    /// Failures in a row that bring it down.
    pub down_after: u8,
    /// Networks that its calls to us come from: address and prefix length.
    pub sources: Vec<(IpAddr, u8)>,
    /// Who we are to it.
    pub credentials: Option<Credentials>,
    /// How numbers are written in calls to it.
    pub format: Format,
}

impl Gateway {
    /// A gateway without limits, asked every 30 s.
    pub fn new(id: GatewayId, uri: Uri) -> Self {
        Self {
            id,
            uri,
            priority: 0,
            weight: 1,
            calls_per_second: 0,
            calls_max: 0,
            ping_every: Duration::from_secs(30),
            up_after: 2,
            down_after: 3,
            sources: Vec::new(),
            credentials: None,
            format: Format::default(),
        }
    }

    fn is_source(&self, address: IpAddr) -> bool {
        self.uri.ip() == Some(address)
            || self.sources.iter().any(|network| is_within(*network, address))
    }
}

/// Whether a network, of an address and a prefix length, holds an address.
pub fn is_within((network, prefix): (IpAddr, u8), address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix).min(32)).unwrap_or(0);
            a.to_bits() & mask == b.to_bits() & mask
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix).min(128)).unwrap_or(0);
            a.to_bits() & mask == b.to_bits() & mask
        }
        _ => false,
    }
}

/// What is known of a gateway when a call is to be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub id: GatewayId,
    /// Lower ones are asked first.
    pub priority: u16,
    /// Share among those of one priority.
    pub weight: u16,
    /// It answers.
    pub up: bool,
    /// Its limits allow one more call.
    pub free: bool,
}

/// Chooses the gateway of a call: of those that are up and free the first priority, and within it
/// by weight. `draw` is random.
pub fn choose(candidates: &[Candidate], draw: u64) -> Option<GatewayId> {
    let usable = || candidates.iter().filter(|candidate| candidate.up && candidate.free);
    let first = usable().map(|candidate| candidate.priority).min()?;
    let level = || usable().filter(|candidate| candidate.priority == first);
    let total: u64 = level().map(|candidate| u64::from(candidate.weight.max(1))).sum();
    let mut left = draw % total;
    for candidate in level() {
        let weight = u64::from(candidate.weight.max(1));
        if left < weight {
            return Some(candidate.id);
        }
        left -= weight;
    }
    None
}

struct Known {
    gateway: Gateway,
    up: bool,
    /// Answers or failures in a row against the present state.
    streak: u8,
    ping_at: Option<Instant>,
    probe: Option<TxId>,
    calls: u32,
    tokens: f64,
    filled_at: Instant,
}

impl Known {
    fn fill(&mut self, now: Instant) -> bool {
        let rate = f64::from(self.gateway.calls_per_second);
        if rate == 0.0 {
            return true;
        }
        let passed = now.since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min(rate);
        self.filled_at = now;
        self.tokens >= 1.0
    }
}

/// A change of a gateway's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Up,
    Down,
}

/// All gateways of an agent.
#[derive(Default)]
pub(crate) struct Gateways {
    known: BTreeMap<GatewayId, Known>,
}

impl Gateways {
    /// Sets the list; what is known of those that stay is kept.
    pub(crate) fn set(&mut self, now: Instant, list: Vec<Gateway>) {
        let mut before = std::mem::take(&mut self.known);
        for gateway in list {
            let id = gateway.id;
            let pings = !gateway.ping_every.is_zero();
            let known = match before.remove(&id) {
                Some(known) if known.gateway.uri == gateway.uri => Known { gateway, ..known },
                _ => Known {
                    tokens: f64::from(gateway.calls_per_second),
                    filled_at: now,
                    gateway,
                    up: true,
                    streak: 0,
                    ping_at: pings.then_some(now),
                    probe: None,
                    calls: 0,
                },
            };
            self.known.insert(id, known);
        }
    }

    pub(crate) fn get(&self, id: GatewayId) -> Option<&Gateway> {
        Some(&self.known.get(&id)?.gateway)
    }

    /// The gateway that calls come from by this address.
    pub(crate) fn of_source(&self, address: IpAddr) -> Option<GatewayId> {
        self.known.values().find(|known| known.gateway.is_source(address)).map(|k| k.gateway.id)
    }

    /// What is known of some of them.
    pub(crate) fn candidates(
        &mut self,
        now: Instant,
        wanted: &[GatewayId],
        tried: &[GatewayId],
    ) -> Vec<Candidate> {
        let mut found = Vec::new();
        for id in wanted.iter().filter(|id| !tried.contains(id)) {
            let Some(known) = self.known.get_mut(id) else { continue };
            let paced = known.fill(now);
            let gateway = &known.gateway;
            found.push(Candidate {
                id: *id,
                priority: gateway.priority,
                weight: gateway.weight,
                up: known.up,
                free: paced && (gateway.calls_max == 0 || known.calls < gateway.calls_max),
            });
        }
        found
    }

    /// A call begins.
    pub(crate) fn take(&mut self, id: GatewayId) {
        if let Some(known) = self.known.get_mut(&id) {
            known.calls += 1;
            known.tokens -= 1.0;
        }
    }

    /// A call is over.
    pub(crate) fn release(&mut self, id: GatewayId) {
        if let Some(known) = self.known.get_mut(&id) {
            known.calls = known.calls.saturating_sub(1);
        }
    }

    /// An answer, or its absence, by OPTIONS or by a call.
    pub(crate) fn heard(&mut self, id: GatewayId, alive: bool) -> Option<Health> {
        let known = self.known.get_mut(&id)?;
        if alive == known.up {
            known.streak = 0;
            return None;
        }
        known.streak = known.streak.saturating_add(1);
        let needed = if alive { known.gateway.up_after } else { known.gateway.down_after };
        if known.gateway.ping_every.is_zero() || known.streak < needed.max(1) {
            return None;
        }
        (known.up, known.streak) = (alive, 0);
        Some(if alive { Health::Up } else { Health::Down })
    }

    /// The next one that is to be asked now.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<GatewayId> {
        let mut due = self.known.values_mut().filter(|k| k.ping_at.is_some_and(|at| at <= now));
        let known = due.next()?;
        // One that is down, or about to change, is asked more often.
        let every = known.gateway.ping_every;
        let hurry = !known.up || known.streak > 0;
        known.ping_at = Some(now + if hurry { every.min(Duration::from_secs(10)) } else { every });
        Some(known.gateway.id)
    }

    /// Notes the probe of a gateway; false when the one before is not answered yet.
    pub(crate) fn probing(&mut self, id: GatewayId, tx: Option<TxId>) {
        if let Some(known) = self.known.get_mut(&id) {
            known.probe = tx;
        }
    }

    pub(crate) fn is_probing(&self, id: GatewayId) -> bool {
        self.known.get(&id).is_some_and(|known| known.probe.is_some())
    }

    pub(crate) fn wake_at(&self) -> Option<Instant> {
        self.known.values().filter_map(|known| known.ping_at).min()
    }

    /// Asks nobody any more.
    pub(crate) fn stop(&mut self) {
        self.known.values_mut().for_each(|known| known.ping_at = None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: u64, priority: u16, weight: u16) -> Candidate {
        Candidate { id: GatewayId(id), priority, weight, up: true, free: true }
    }

    #[test]
    fn priority_comes_first_and_weight_shares() {
        let mut list = [candidate(1, 0, 3), candidate(2, 0, 1), candidate(3, 1, 100)];
        let chosen = |list: &[Candidate], id| {
            (0..400).filter(|draw| choose(list, *draw) == Some(GatewayId(id))).count()
        };
        assert_eq!((chosen(&list, 1), chosen(&list, 2), chosen(&list, 3)), (300, 100, 0));
        list[0].up = false;
        list[1].free = false;
        assert_eq!(chosen(&list, 3), 400);
        list[2].up = false;
        assert_eq!(choose(&list, 7), None);
    }

    #[test]
    fn health_changes_after_a_row_of_the_same() {
        let now = Instant::from_secs(1_000);
        let id = GatewayId(1);
        let mut gateways = Gateways::default();
        gateways.set(now, vec![Gateway::new(id, Uri::sip(None, "192.0.2.1", None))]);
        let fates = [false, false, true, false, false, false, true, false, true, true];
        let changes: Vec<_> = fates.iter().map(|alive| gateways.heard(id, *alive)).collect();
        assert_eq!(changes.iter().position(|c| *c == Some(Health::Down)), Some(5));
        assert_eq!(changes.iter().rposition(|c| *c == Some(Health::Up)), Some(9));
        assert_eq!(changes.iter().flatten().count(), 2);
    }

    #[test]
    fn limits_hold() {
        let now = Instant::from_secs(1_000);
        let id = GatewayId(1);
        let mut gateways = Gateways::default();
        let uri = Uri::sip(None, "192.0.2.1", None);
        let gateway = Gateway { calls_per_second: 2, calls_max: 3, ..Gateway::new(id, uri) };
        gateways.set(now, vec![gateway]);
        let mut begun = 0;
        for half in 0..4 {
            let at = now + Duration::from_millis(500 * half);
            while gateways.candidates(at, &[id], &[])[0].free && begun < 10 {
                gateways.take(id);
                begun += 1;
            }
        }
        assert_eq!(begun, 3, "two at once, one more later, never a fourth");
        gateways.release(id);
        assert!(gateways.candidates(now + Duration::from_secs(9), &[id], &[])[0].free);
        assert!(gateways.candidates(now, &[id], &[id]).is_empty(), "tried already");
    }

    #[test]
    fn sources_are_networks() {
        let mut gateway = Gateway::new(GatewayId(1), Uri::sip(None, "192.0.2.1", None));
        gateway.sources = vec![(IpAddr::from([198, 51, 100, 0]), 24)];
        for (address, known) in
            [("192.0.2.1", true), ("198.51.100.77", true), ("198.51.101.1", false), ("::1", false)]
        {
            assert_eq!(gateway.is_source(address.parse().expect("an address")), known);
        }
    }
}
