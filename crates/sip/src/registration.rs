//! Registrations of ours with carriers (RFC 3261 §10.2): kept, refreshed, and brought back after
//! failures with pauses that grow (RFC 5626 §4.5).

use std::time::Duration;

use base::Instant;

use crate::command::Fields;
use crate::dialog::Dest;
use crate::digest::Credentials;
use crate::event::{Event, RegistrationId};
use crate::io::{FlowId, Hop, Output};
use crate::leg::{add, answer_challenge};
use crate::message::{Address, Method, Request, Response, Uri, name};
use crate::wire::{CONTACT_USER, Owner, TxId, Wire};

/// A registration to be kept.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Its number: the user's.
    pub id: RegistrationId,
    /// Who is registered.
    pub aor: Address,
    /// Registrars, tried in turn when one fails.
    pub servers: Vec<Uri>,
    /// Who we are to them.
    pub credentials: Option<Credentials>,
    /// For how long at a time.
    pub expires: Duration,
    /// The user part of our Contact.
    pub contact_user: String,
    /// More header fields.
    pub headers: Fields,
}

/// The first pause after a failure, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(1_800));

/// One registration at work.
pub(crate) struct Client {
    registration: Registration,
    call_id: String,
    tag: String,
    seq: u32,
    server: usize,
    tx: Option<TxId>,
    tries: u8,
    failures: u32,
    min_expires: u32,
    at: Option<Instant>,
    ping_at: Option<Instant>,
    hop: Option<Hop>,
    up: bool,
    leaving: bool,
    pub(crate) over: bool,
}

impl Client {
    pub(crate) fn new(wire: &mut Wire, registration: Registration) -> Self {
        let mut client = Self {
            registration,
            call_id: wire.token(),
            tag: wire.token(),
            seq: 0,
            server: 0,
            tx: None,
            tries: 0,
            failures: 0,
            min_expires: 0,
            at: None,
            ping_at: None,
            hop: None,
            up: false,
            leaving: false,
            over: false,
        };
        client.register(wire);
        client
    }

    fn tell(&self, wire: &mut Wire, event: Event) {
        wire.outputs.push_back(Output::Event(Box::new(event)));
    }

    fn register(&mut self, wire: &mut Wire) {
        let registration = &self.registration;
        let Some(server) = registration.servers.get(self.server) else {
            self.over = true;
            let (registration, status) = (registration.id, 503);
            let event = Event::RegistrationFailed { registration, status, retry_at: None };
            return self.tell(wire, event);
        };
        self.seq += 1;
        let mut request = Request::new(Method::Register, server.bare());
        request.uri.user = None;
        let aor = Address { params: Default::default(), ..registration.aor.clone() };
        let usual = u32::try_from(registration.expires.as_secs()).unwrap_or(3_600);
        let expires = if self.leaving { 0 } else { usual.max(self.min_expires) };
        let headers = &mut request.headers;
        headers.push(name::MAX_FORWARDS, "70");
        headers.push(name::FROM, &aor.clone().with_tag(&self.tag).to_string());
        headers.push(name::TO, &aor.to_string());
        headers.push(name::CALL_ID, &self.call_id);
        headers.push(name::CSEQ, &format!("{} REGISTER", self.seq));
        headers.push(name::EXPIRES, &expires.to_string());
        headers.push(CONTACT_USER, &registration.contact_user);
        add(headers, &registration.headers);
        let dest = Dest::Uri(server.clone());
        (self.at, self.tries) = (None, 0);
        self.tx = Some(wire.request(request, dest, Owner::Registration(self.registration.id.0)));
    }

    /// Takes the registration back.
    pub(crate) fn leave(&mut self, wire: &mut Wire) {
        if std::mem::replace(&mut self.leaving, true) {
            return;
        }
        if self.up {
            self.register(wire);
        } else {
            self.left(wire);
        }
    }

    fn left(&mut self, wire: &mut Wire) {
        self.over = true;
        let registration = self.registration.id;
        self.tell(wire, Event::Unregistered { registration });
    }

    pub(crate) fn response(&mut self, wire: &mut Wire, tx: TxId, response: &Response, from: &Hop) {
        if self.tx != Some(tx) || response.is_provisional() {
            return;
        }
        match response.status {
            200..=299 => self.registered(wire, response, from),
            401 | 407 => {
                let again = self.authenticate(wire, tx, response);
                if again.is_none() {
                    return self.failed(wire, tx, response.status);
                }
                self.tx = again;
            }
            423 => {
                let min = response.headers.number(name::MIN_EXPIRES).unwrap_or(0);
                if min <= self.min_expires || min > 86_400 {
                    return self.failed(wire, tx, 423);
                }
                self.min_expires = min;
                self.register(wire);
            }
            status => self.failed(wire, tx, status),
        }
    }

    fn authenticate(&mut self, wire: &mut Wire, tx: TxId, response: &Response) -> Option<TxId> {
        let credentials = self.registration.credentials.clone().filter(|_| self.tries < 3)?;
        let mut request = wire.request_of(tx)?.clone();
        answer_challenge(wire, &mut request, response, &credentials)?;
        self.tries += 1;
        self.seq += 1;
        request.headers.set(name::CSEQ, &format!("{} REGISTER", self.seq));
        let dest = Dest::Hop(wire.hop_of(tx)?);
        Some(wire.request(request, dest, Owner::Registration(self.registration.id.0)))
    }

    fn registered(&mut self, wire: &mut Wire, response: &Response, from: &Hop) {
        self.tx = None;
        if self.leaving {
            return self.left(wire);
        }
        let expires = self.granted(response);
        (self.up, self.failures, self.hop) = (true, 0, Some(from.clone()));
        // Early enough that two tries fit in, and not all of one second's at once.
        let percent = 60 + u32::try_from(wire.random.below(20)).unwrap_or(0);
        let wait = expires * percent / 100;
        self.at = Some(wire.now + wait.max(Duration::from_secs(1)));
        self.ping_at =
            Some(wire.now + wire.config.keep_alive).filter(|_| !wire.config.keep_alive.is_zero());
        let registration = self.registration.id;
        self.tell(wire, Event::Registered { registration, expires });
    }

    /// How long the registrar keeps us: our contact's `expires`, the field, or what we asked for.
    fn granted(&self, response: &Response) -> Duration {
        let contacts = response.headers.all(name::CONTACT);
        let user = &self.registration.contact_user;
        let mut ours = contacts.iter().filter_map(|contact| Address::parse(contact));
        let ours = ours.find(|contact| contact.uri.user().as_deref() == Some(user));
        let said = ours.and_then(|contact| contact.params.get("expires")?.parse().ok());
        let said = said.or(response.headers.number(name::EXPIRES)).filter(|said| *said > 0);
        said.map_or(self.registration.expires, |said| Duration::from_secs(u64::from(said)))
    }

    pub(crate) fn failed(&mut self, wire: &mut Wire, tx: TxId, status: u16) {
        if self.tx != Some(tx) {
            return;
        }
        self.tx = None;
        if self.leaving {
            return self.left(wire);
        }
        self.up = false;
        self.ping_at = None;
        self.server = (self.server + 1) % self.registration.servers.len().max(1);
        // Another server is asked at once; when all have failed there is a pause.
        let whole_round = self.server == 0;
        let wait = if whole_round { self.pause(wire) } else { Duration::from_millis(100) };
        self.at = Some(wire.now + wait);
        let (registration, retry_at) = (self.registration.id, self.at);
        self.tell(wire, Event::RegistrationFailed { registration, status, retry_at });
    }

    /// Its connection is gone: calls can't reach us until we are registered again.
    pub(crate) fn flow_closed(&mut self, wire: &mut Wire, flow: FlowId) {
        let ours = self.hop.as_ref().is_some_and(|hop| hop.flow == Some(flow));
        if ours && self.up && self.tx.is_none() {
            let wait = Duration::from_millis(500 + wire.random.below(2_000));
            self.at = Some(wire.now + wait);
            (self.hop, self.ping_at) = (None, None);
        }
    }

    fn pause(&mut self, wire: &mut Wire) -> Duration {
        let grown = PAUSE.0.saturating_mul(1 << self.failures.min(10)).min(PAUSE.1);
        self.failures += 1;
        // RFC 5626 §4.5: between half and all of it.
        grown / 2 + (grown / 2) * u32::try_from(wire.random.below(1_000)).unwrap_or(0) / 1_000
    }

    pub(crate) fn tick(&mut self, wire: &mut Wire) {
        if self.at.is_some_and(|at| at <= wire.now) {
            self.register(wire);
        }
        if self.ping_at.is_some_and(|at| at <= wire.now) {
            self.ping_at = Some(wire.now + wire.config.keep_alive);
            if let Some(hop) = self.hop.clone() {
                wire.send(&hop, b"\r\n\r\n".to_vec());
            }
        }
    }

    pub(crate) fn wake_at(&self) -> Option<Instant> {
        [self.at, self.ping_at].into_iter().flatten().min()
    }
}
