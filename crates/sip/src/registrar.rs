//! The registrar (RFC 3261 §10.3): who is reached where, and by which flow.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::Instant;

use crate::config::Config;
use crate::event::{Binding, Event};
use crate::io::{FlowId, Hop, Transport};
use crate::message::{Address, Request, Uri, name};

/// Contacts of one address at most.
const CONTACTS_MAX: usize = 16;

/// Why a REGISTER is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 400 and others.
    Status(u16),
    /// 423, with the shortest time in seconds.
    TooBrief(u64),
}

#[derive(Default)]
pub(crate) struct Registrar {
    bindings: BTreeMap<String, Vec<Binding>>,
    by_end: BTreeSet<(Instant, String)>,
    by_ping: BTreeSet<(Instant, String)>,
    /// Who has an entry there: each has one.
    pinged: BTreeSet<String>,
    count: usize,
}

/// The address of record: scheme, user and host alone (§10.3).
pub(crate) fn aor_of(uri: &Uri) -> String {
    Uri::sip(uri.user().as_deref(), &uri.host, None).to_string()
}

/// What one REGISTER changes.
enum Change {
    Set(Binding),
    Remove(Uri),
}

impl Registrar {
    /// Takes one REGISTER, all of it or nothing.
    pub(crate) fn register(
        &mut self,
        now: Instant,
        config: &Config,
        request: &Request,
        from: &Hop,
    ) -> Result<Vec<Event>, Refusal> {
        let to = request.headers.get(name::TO).and_then(Address::parse);
        let aor = aor_of(&to.ok_or(Refusal::Status(400))?.uri);
        let contacts = request.headers.all(name::CONTACT);
        let expires = request.headers.number(name::EXPIRES);
        if contacts.contains(&"*") {
            if contacts.len() > 1 || expires != Some(0) {
                return Err(Refusal::Status(400));
            }
            let known = self.bindings.get(&aor).into_iter().flatten();
            let all: Vec<Uri> = known.map(|binding| binding.contact.clone()).collect();
            return Ok(all.into_iter().flat_map(|contact| self.remove(&aor, &contact)).collect());
        }
        let mut changes = Vec::new();
        for contact in contacts {
            changes.push(self.change(now, config, request, from, (&aor, contact, expires))?);
        }
        let sets = changes.iter().filter(|change| matches!(change, Change::Set(_))).count();
        let room = self.count + sets <= config.bindings_max;
        let own = self.bindings.get(&aor).map_or(0, Vec::len);
        if sets > 0 && (!room || own + sets > CONTACTS_MAX * 2) {
            return Err(Refusal::Status(503));
        }
        let events = changes.into_iter().flat_map(|change| match change {
            Change::Set(binding) => {
                let event = Event::Bound(Box::new(binding.clone()));
                let gone = self.put(binding, now, config.keep_alive).map(Box::new);
                let gone = gone.map(|binding| Event::Unbound { binding, expired: false });
                gone.into_iter().chain([event]).collect()
            }
            Change::Remove(contact) => Vec::from_iter(self.remove(&aor, &contact)),
        });
        Ok(events.collect())
    }

    fn change(
        &self,
        now: Instant,
        config: &Config,
        request: &Request,
        from: &Hop,
        (aor, contact, expires): (&str, &str, Option<u32>),
    ) -> Result<Change, Refusal> {
        let contact = Address::parse(contact).ok_or(Refusal::Status(400))?;
        let call_id = request.headers.get(name::CALL_ID).unwrap_or_default().to_owned();
        let seq = request.headers.cseq().map_or(0, |(seq, _)| seq);
        let known = self.bindings.get(aor).into_iter().flatten();
        let mut known = known.filter(|binding| is_same(&binding.contact, &contact.uri));
        let (min, usual, max) = config.binding_life;
        let own = contact.params.get("expires").and_then(|expires| expires.parse().ok());
        let seconds = own.or(expires);
        if known.next().is_some_and(|b| b.call_id == call_id && b.seq >= seq) {
            // §10.3 step 7: an older request, out of order.
            return Err(Refusal::Status(500));
        }
        if seconds == Some(0) {
            return Ok(Change::Remove(contact.uri));
        }
        let life = seconds.map_or(usual, |seconds| Duration::from_secs(u64::from(seconds)));
        if life < min {
            return Err(Refusal::TooBrief(min.as_secs()));
        }
        let q = contact.params.get("q").and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
        Ok(Change::Set(Binding {
            aor: aor.to_owned(),
            contact: contact.uri,
            hop: from.clone(),
            expires_at: now + life.min(max),
            q: (q.clamp(0.0, 1.0) * 1_000.0) as u16,
            call_id,
            seq,
            user_agent: request.headers.get(name::USER_AGENT).unwrap_or_default().to_owned(),
        }))
    }

    /// Puts a binding in the place of the one with the same contact; the oldest of too many gives
    /// way.
    pub(crate) fn put(
        &mut self,
        binding: Binding,
        now: Instant,
        keep_alive: Duration,
    ) -> Option<Binding> {
        self.remove(&binding.aor, &binding.contact);
        self.by_end.insert((binding.expires_at, binding.aor.clone()));
        let hidden = is_behind_nat(&binding) && !keep_alive.is_zero();
        if hidden && self.pinged.insert(binding.aor.clone()) {
            self.by_ping.insert((now + keep_alive, binding.aor.clone()));
        }
        let list = self.bindings.entry(binding.aor.clone()).or_default();
        let gone = (list.len() >= CONTACTS_MAX).then(|| list.remove(0));
        list.push(binding);
        self.count += usize::from(gone.is_none());
        gone
    }

    fn remove(&mut self, aor: &str, contact: &Uri) -> Option<Event> {
        let list = self.bindings.get_mut(aor)?;
        let at = list.iter().position(|binding| is_same(&binding.contact, contact))?;
        let binding = list.remove(at);
        if list.is_empty() {
            self.bindings.remove(aor);
        }
        self.count -= 1;
        Some(Event::Unbound { binding: Box::new(binding), expired: false })
    }

    /// The bindings of one address, for the 200.
    pub(crate) fn of(&self, aor: &str) -> &[Binding] {
        self.bindings.get(aor).map_or(&[], Vec::as_slice)
    }

    /// Whom to ping now, so that their NAT keeps the way open.
    pub(crate) fn pings(&mut self, now: Instant, every: Duration) -> Vec<Hop> {
        let mut hops = Vec::new();
        while let Some((at, aor)) = self.by_ping.first().cloned().filter(|(at, _)| *at <= now) {
            self.by_ping.remove(&(at, aor.clone()));
            let bound = self.bindings.get(&aor).into_iter().flatten();
            let hidden: Vec<Hop> =
                bound.filter(|b| is_behind_nat(b)).map(|b| b.hop.clone()).collect();
            if hidden.is_empty() {
                self.pinged.remove(&aor);
            } else {
                self.by_ping.insert((now + every, aor));
            }
            hops.extend(hidden);
        }
        hops
    }

    /// A connection is gone, and with it the bindings that lead over it.
    pub(crate) fn flow_closed(&mut self, flow: FlowId) -> Vec<Event> {
        let over = |binding: &&Binding| {
            binding.hop.transport != Transport::Udp && binding.hop.flow == Some(flow)
        };
        let all = self.bindings.values().flatten().filter(over);
        let gone: Vec<(String, Uri)> = all.map(|b| (b.aor.clone(), b.contact.clone())).collect();
        let removed = gone.iter().filter_map(|(aor, contact)| self.remove(aor, contact));
        removed.collect()
    }

    /// What is over at `now`.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some((at, aor)) = self.by_end.first().cloned().filter(|(at, _)| *at <= now) {
            self.by_end.remove(&(at, aor.clone()));
            let Some(list) = self.bindings.get_mut(&aor) else { continue };
            let (over, kept): (Vec<_>, Vec<_>) =
                std::mem::take(list).into_iter().partition(|binding| binding.expires_at <= now);
            *list = kept;
            self.count -= over.len();
            if list.is_empty() {
                self.bindings.remove(&aor);
            }
            let told = over.into_iter().map(Box::new);
            events.extend(told.map(|binding| Event::Unbound { binding, expired: true }));
        }
        events
    }

    pub(crate) fn wake_at(&self) -> Option<Instant> {
        [self.by_end.first(), self.by_ping.first()].into_iter().flatten().map(|(at, _)| *at).min()
    }
}

/// The same contact (§19.1.4, as far as phones differ): user, host, port and transport.
fn is_same(a: &Uri, b: &Uri) -> bool {
    let transport = |uri: &Uri| uri.params.get("transport").unwrap_or("udp").to_ascii_lowercase();
    (&a.scheme, &a.user, &a.host, a.port) == (&b.scheme, &b.user, &b.host, b.port)
        && transport(a) == transport(b)
}

/// Whether datagrams to a binding go another way than its contact says.
fn is_behind_nat(binding: &Binding) -> bool {
    binding.hop.transport == Transport::Udp && binding.contact.ip() != Some(binding.hop.remote.ip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Method;

    #[test]
    fn the_oldest_of_too_many_contacts_is_told_to_be_gone() {
        let config = Config::new(Vec::new(), [1; 32]);
        let mut registrar = Registrar::default();
        let mut bound = BTreeSet::new();
        for last in 1..=40 {
            let uri = Uri::sip(None, "h.example", None);
            let mut request = crate::message::Request::new(Method::Register, uri);
            request.headers.push(name::TO, "<sip:alice@h.example>");
            request.headers.push(name::CONTACT, &format!("<sip:alice@192.0.2.{last}>"));
            request.headers.push(name::CALL_ID, "c");
            request.headers.push(name::CSEQ, &format!("{last} REGISTER"));
            let (transport, remote) = (Transport::Udp, ([192, 0, 2, last], 5060).into());
            let hop = Hop { transport, remote, flow: None, name: String::new() };
            let now = Instant::from_secs(1_000 + i64::from(last));
            for event in registrar.register(now, &config, &request, &hop).expect("taken") {
                match event {
                    Event::Bound(binding) => assert!(bound.insert(binding.contact.to_string())),
                    Event::Unbound { binding, .. } => {
                        assert!(bound.remove(&binding.contact.to_string()));
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(bound.len(), registrar.count);
        }
        let known = registrar.of("sip:alice@h.example");
        let known: BTreeSet<String> = known.iter().map(|b| b.contact.to_string()).collect();
        assert_eq!((known.len(), known), (CONTACTS_MAX, bound));
    }
}
