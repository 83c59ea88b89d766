//! Routes: which carrier takes a message. Pure: who is up is handed in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base::{AccountSid, E164, Instant};

use crate::carriers::pulse::{Minute, Pulse};
use crate::carriers::trace::Trace;
use crate::carriers::{CarrierEvent, CarrierId, Split, Submission};

/// When a carrier takes a message. Empty lists take everything.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// What people call the carrier.
    pub name: String,
    /// Recipients that begin with one of these: `+44`.
    pub prefixes: Vec<String>,
    /// Recipients of one of these countries: `GB`.
    pub countries: Vec<String>,
    /// These senders.
    pub senders: Vec<String>,
    /// These accounts.
    pub accounts: Vec<AccountSid>,
    /// The lowest number is tried first.
    pub priority: u32,
    /// The share among routes of the same priority.
    pub weight: u32,
}

/// What is to be routed.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Whose message.
    pub account: AccountSid,
    /// Its sender.
    pub from: &'a str,
    /// Its recipient.
    pub to: &'a str,
    /// Where among equal weights: any number, the same for the same message.
    pub pick: u64,
    /// The carrier that has just failed, if any.
    pub failed: Option<CarrierId>,
}

/// Why a route does not take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The recipient's number begins otherwise.
    Prefix,
    /// The recipient is in another country.
    Country,
    /// Another sender.
    Sender,
    /// Another account.
    Account,
    /// It has just failed.
    Failed,
    /// None of its binds is up, and another route's are.
    Down,
    /// Another one is tried first.
    Priority,
    /// The weights chose another one.
    Weight,
}

impl Reason {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Prefix => "the recipient begins otherwise",
            Self::Country => "the recipient is in another country",
            Self::Sender => "it is for other senders",
            Self::Account => "it is for other accounts",
            Self::Failed => "it has just failed",
            Self::Down => "none of its binds is up",
            Self::Priority => "another one is tried first",
            Self::Weight => "the weights chose another one for this message",
        }
    }
}

impl Route {
    fn refuses(&self, question: &Question<'_>) -> Option<Reason> {
        let takes = |list: &[String], test: &dyn Fn(&String) -> bool| {
            list.is_empty() || list.iter().any(test)
        };
        if !takes(&self.prefixes, &|prefix| question.to.starts_with(prefix.as_str())) {
            return Some(Reason::Prefix);
        }
        if !self.countries.is_empty() {
            let country = E164::parse(question.to).ok().and_then(|number| number.country());
            if !takes(&self.countries, &|known| country.as_ref() == Some(known)) {
                return Some(Reason::Country);
            }
        }
        if !takes(&self.senders, &|sender| question.from == sender) {
            return Some(Reason::Sender);
        }
        let account = self.accounts.is_empty() || self.accounts.contains(&question.account);
        (!account).then_some(Reason::Account)
    }

    fn takes_everything(&self) -> bool {
        self.prefixes.is_empty()
            && self.countries.is_empty()
            && self.senders.is_empty()
            && self.accounts.is_empty()
    }
}

/// The carriers of an installation, and the routes to them.
pub struct Network {
    members: Vec<Member>,
    pulses: Vec<Pulse>,
    trace: Trace,
}

/// A carrier as routing sees it.
pub struct Member {
    /// When it takes a message.
    pub route: Route,
    /// How it splits texts.
    pub split: Split,
    /// Whether it can submit.
    pub up: Arc<AtomicBool>,
}

impl Network {
    /// A network of these carriers, numbered in their order.
    pub fn new(members: Vec<Member>) -> Self {
        let pulses = members.iter().map(|_| Pulse::default()).collect();
        Self { members, pulses, trace: Trace::default() }
    }

    /// With the trace that the carriers write.
    #[must_use]
    pub fn traced(self, trace: Trace) -> Self {
        Self { trace, ..self }
    }

    /// PDUs of the newest messages, where they are kept.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// A network of one carrier that takes everything and is always up.
    pub fn single(split: Split) -> Self {
        let route = Route { weight: 1, ..Route::default() };
        Self::new(vec![Member { route, split, up: Arc::new(AtomicBool::new(true)) }])
    }

    /// The carriers.
    pub fn carriers(&self) -> impl Iterator<Item = CarrierId> + use<> {
        (0..u16::try_from(self.members.len()).unwrap_or(u16::MAX)).map(CarrierId)
    }

    /// When a carrier takes a message.
    pub fn route(&self, carrier: CarrierId) -> Option<&Route> {
        self.members.get(usize::from(carrier.0)).map(|member| &member.route)
    }

    /// Whether a carrier can submit.
    pub fn is_up(&self, carrier: CarrierId) -> bool {
        let member = self.members.get(usize::from(carrier.0));
        member.is_some_and(|member| member.up.load(Ordering::Relaxed))
    }

    /// Counts what a carrier told.
    pub fn count(&self, carrier: CarrierId, events: &[CarrierEvent], at: Instant) {
        if let Some(pulse) = self.pulses.get(usize::from(carrier.0)) {
            pulse.count(events, at);
        }
    }

    /// A carrier's last hour, minute by minute, oldest first.
    pub fn minutes(&self, carrier: CarrierId, at: Instant) -> Vec<Minute> {
        self.pulses.get(usize::from(carrier.0)).map(|pulse| pulse.minutes(at)).unwrap_or_default()
    }

    /// The texts of a submission's segments at a carrier.
    pub fn split(&self, carrier: CarrierId, submission: &Submission) -> Vec<String> {
        match self.members.get(usize::from(carrier.0)) {
            Some(member) => (member.split)(submission),
            // A carrier that was taken out of the settings.
            None => vec![submission.body.clone()],
        }
    }

    /// The carrier that takes a message.
    pub fn choose(&self, question: &Question<'_>) -> Option<CarrierId> {
        if let [member] = &self.members[..]
            && member.route.takes_everything()
        {
            return question.failed.is_none().then_some(CarrierId(0));
        }
        self.decide(question).0
    }

    /// The carrier that takes a message, and for each of the others why it does not.
    pub fn explain(&self, question: &Question<'_>) -> Vec<(&Route, Option<Reason>)> {
        let (_, reasons) = self.decide(question);
        self.members.iter().map(|member| &member.route).zip(reasons).collect()
    }

    fn decide(&self, question: &Question<'_>) -> (Option<CarrierId>, Vec<Option<Reason>>) {
        let mut reasons: Vec<Option<Reason>> = (0..)
            .zip(&self.members)
            .map(|(index, member)| match member.route.refuses(question) {
                None if question.failed == Some(CarrierId(index)) => Some(Reason::Failed),
                reason => reason,
            })
            .collect();
        let is_up = |index: usize| self.members[index].up.load(Ordering::Relaxed);
        let candidates = |reasons: &[Option<Reason>]| -> Vec<usize> {
            (0..reasons.len()).filter(|index| reasons[*index].is_none()).collect()
        };
        // When nobody is up the message waits at the one that it would go to.
        if candidates(&reasons).into_iter().any(is_up) {
            for index in candidates(&reasons).into_iter().filter(|index| !is_up(*index)) {
                reasons[index] = Some(Reason::Down);
            }
        }
        let route = |index: &usize| &self.members[*index].route;
        let open = candidates(&reasons);
        let Some(first) = open.iter().map(|index| route(index).priority).min() else {
            return (None, reasons);
        };
        let total: u64 =
            open.iter().filter(|i| route(i).priority == first).map(weight(route)).sum();
        let mut at = question.pick % total.max(1);
        let mut chosen = None;
        for index in open {
            let reason = match route(&index) {
                other if other.priority != first => Reason::Priority,
                _ if chosen.is_some() => Reason::Weight,
                member if at < u64::from(member.weight.max(1)) => {
                    chosen = Some(index);
                    continue;
                }
                member => {
                    at -= u64::from(member.weight.max(1));
                    Reason::Weight
                }
            };
            reasons[index] = Some(reason);
        }
        let chosen = chosen.and_then(|index| u16::try_from(index).ok()).map(CarrierId);
        (chosen, reasons)
    }
}

fn weight<'a>(route: impl Fn(&usize) -> &'a Route) -> impl Fn(&usize) -> u64 {
    move |index| u64::from(route(index).weight.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Sid;

    fn route(name: &str) -> Route {
        Route { name: name.to_owned(), weight: 1, ..Route::default() }
    }

    fn network(routes: Vec<Route>) -> Network {
        let member = |route| Member {
            route,
            split: Arc::new(|submission: &Submission| vec![submission.body.clone()]),
            up: Arc::new(AtomicBool::new(true)),
        };
        Network::new(routes.into_iter().map(member).collect())
    }

    fn question() -> Question<'static> {
        Question {
            account: AccountSid::from_bytes([1; 16]),
            from: "+15550001111",
            to: "+447700900123",
            pick: 0,
            failed: None,
        }
    }

    fn chosen(network: &Network, question: Question<'_>) -> Option<u16> {
        network.choose(&question).map(|carrier| carrier.0)
    }

    #[test]
    fn the_first_that_fits_takes_it() {
        let network = network(vec![
            Route { prefixes: vec!["+1".to_owned()], ..route("america") },
            Route { countries: vec!["GB".to_owned()], priority: 1, ..route("britain") },
            Route { senders: vec!["ACME".to_owned()], ..route("acme") },
            Route { accounts: vec![AccountSid::from_bytes([9; 16])], ..route("nine") },
            Route { priority: 9, ..route("rest") },
        ]);
        assert_eq!(chosen(&network, question()), Some(1));
        assert_eq!(chosen(&network, Question { to: "+15558675310", ..question() }), Some(0));
        assert_eq!(chosen(&network, Question { from: "ACME", ..question() }), Some(2));
        let nine = AccountSid::from_bytes([9; 16]);
        assert_eq!(chosen(&network, Question { account: nine, ..question() }), Some(3));
        assert_eq!(chosen(&network, Question { to: "+33612345678", ..question() }), Some(4));
        let failed = Question { failed: Some(CarrierId(1)), ..question() };
        assert_eq!(chosen(&network, failed), Some(4));
        let reasons: Vec<_> =
            network.explain(&question()).into_iter().map(|(_, why)| why).collect();
        use Reason::{Account, Prefix, Priority, Sender};
        assert_eq!(reasons, [Some(Prefix), None, Some(Sender), Some(Account), Some(Priority)]);
    }

    #[test]
    fn weights_share_and_what_is_down_is_passed_over() {
        let network = network(vec![Route { weight: 3, ..route("a") }, route("b")]);
        let to_a = (0..100)
            .filter(|pick| chosen(&network, Question { pick: *pick, ..question() }) == Some(0));
        assert_eq!(to_a.count(), 75);
        network.members[0].up.store(false, Ordering::Relaxed);
        assert_eq!(chosen(&network, question()), Some(1));
        network.members[1].up.store(false, Ordering::Relaxed);
        assert_eq!(chosen(&network, question()), Some(0), "it waits where it would go");
    }

    #[test]
    fn what_no_route_takes_goes_nowhere() {
        let network = network(vec![Route { prefixes: vec!["+1".to_owned()], ..route("america") }]);
        assert_eq!(chosen(&network, question()), None);
    }
}
