//! One leg: an INVITE and the dialog that comes of it, from the first request to the final event.

mod callee;
mod caller;
mod refer;
mod reliable;
mod reoffer;
mod session;
mod within;

pub(crate) use caller::{dismiss_late, own_leg};
pub(crate) use refer::refer_replaces;
pub(crate) use session::is_too_short;
pub use within::dtmf_relay;

use base::Instant;

use crate::command::Invite;
use crate::dialog::{Dest, Dialog};
use crate::digest::{Challenge, Credentials};
use crate::event::{By, Event, GatewayId, LegId};
use crate::io::{Hop, Output};
use crate::message::{Headers, Method, Request, Response, name};
use crate::sdp::{self, Session};
use crate::wire::{Owner, TxId, Wire};

/// What we understand (RFC 3261 §20.5).
pub(crate) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, REGISTER";

/// Extensions that we know (§20.37).
pub(crate) const SUPPORTED: &str = "100rel, timer, replaces";

/// Early dialogs of one INVITE at most.
const FORKS_MAX: usize = 16;

/// How often a request is tried again with other credentials or a longer session.
const TRIES_MAX: u8 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Our INVITE waits for its final response.
    Calling,
    /// Their INVITE waits for ours.
    Offered,
    /// Answered; the ACK is missing: theirs, or ours where the user must answer an offer.
    Answered,
    /// Acknowledged.
    Up,
    /// The final event is told.
    Over,
}

/// A dialog of our INVITE that is not confirmed.
struct Early {
    dialog: Dialog,
    /// The last reliable provisional response that was heard (RFC 3262 §4).
    rseq: Option<u32>,
}

/// What the other end said that it understands.
#[derive(Debug, Default)]
struct Peer {
    update: bool,
    reliable: bool,
    reliable_required: bool,
}

/// A call of ours that came to nothing: told, unless another gateway is to be tried.
pub(crate) struct Failed {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) headers: Headers,
}

pub(crate) struct Leg {
    pub(crate) id: LegId,
    pub(crate) state: State,
    caller: bool,
    pub(crate) call_id: String,
    pub(crate) local_tag: String,
    /// Number of our last request outside a dialog.
    seq: u32,
    /// The transaction of the first INVITE.
    invite: TxId,
    /// Our BYE, until it is answered.
    bye: Option<TxId>,
    pub(crate) draft: Option<Box<Invite>>,
    pub(crate) gateway: Option<GatewayId>,
    pub(crate) tried: Vec<GatewayId>,
    credentials: Option<Credentials>,
    tries: u8,
    cancelled: bool,
    pub(crate) dialog: Option<Dialog>,
    early: Vec<Early>,
    local_sdp: Option<Session>,
    sdp_version: u64,
    remote_sdp: Vec<u8>,
    success: Option<callee::Success>,
    reliable: reliable::Reliable,
    exchange: reoffer::Exchange,
    again: Option<reoffer::Again>,
    session: session::Timer,
    transfers: refer::Transfers,
    peer: Peer,
    /// The leg that this one takes the place of.
    pub(crate) replaces: Option<LegId>,
    pub(crate) failed: Option<Failed>,
}

impl Leg {
    fn new(id: LegId, caller: bool, call_id: String, local_tag: String, invite: TxId) -> Self {
        Self {
            id,
            state: if caller { State::Calling } else { State::Offered },
            caller,
            call_id,
            local_tag,
            seq: 0,
            invite,
            bye: None,
            draft: None,
            gateway: None,
            tried: Vec::new(),
            credentials: None,
            tries: 0,
            cancelled: false,
            dialog: None,
            early: Vec::new(),
            local_sdp: None,
            sdp_version: 0,
            remote_sdp: Vec::new(),
            success: None,
            reliable: reliable::Reliable::default(),
            exchange: reoffer::Exchange::default(),
            again: None,
            session: session::Timer::default(),
            transfers: refer::Transfers::default(),
            peer: Peer::default(),
            replaces: None,
            failed: None,
        }
    }

    pub(crate) fn tell(&self, wire: &mut Wire, event: Event) {
        if self.state != State::Over {
            wire.outputs.push_back(Output::Event(Box::new(event)));
        }
    }

    /// Tells the final event, once.
    fn finish(&mut self, wire: &mut Wire, event: Event) {
        self.tell(wire, event);
        self.state = State::Over;
        self.success = None;
        self.reliable = reliable::Reliable::default();
        self.session = session::Timer::default();
        self.transfers.end();
        self.again = None;
        if let reoffer::Exchange::Theirs { tx, .. } = std::mem::take(&mut self.exchange) {
            wire.answer(tx, 487);
        }
    }

    fn ended(&mut self, wire: &mut Wire, by: By, status: u16, headers: Headers) {
        let reason = headers.get(name::REASON).map(str::to_owned);
        let leg = self.id;
        self.finish(wire, Event::Ended { leg, by, status, reason, headers });
    }

    /// Whether the leg can be forgotten.
    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Over && self.bye.is_none()
    }

    /// Whether the user has not been told the end.
    pub(crate) fn is_live(&self) -> bool {
        self.state != State::Over
    }

    fn owner(&self) -> Owner {
        Owner::Leg(self.id.0)
    }

    /// Sends a request in the dialog.
    fn send(
        &mut self,
        wire: &mut Wire,
        method: Method,
        fill: impl FnOnce(&mut Request),
    ) -> Option<TxId> {
        let owner = self.owner();
        let dialog = match self.dialog.as_mut() {
            Some(dialog) => dialog,
            None => &mut self.early.last_mut()?.dialog,
        };
        let (mut request, dest) = dialog.request(method, None);
        fill(&mut request);
        Some(wire.request(request, dest, owner))
    }

    /// Our description with origin and version (RFC 8866 §5.2, RFC 3264 §8): the version grows
    /// when something else is said.
    fn stamp(&mut self, mut session: Session) -> Session {
        if let Some(last) = &self.local_sdp {
            let mut same = session.clone();
            same.origin.clone_from(&last.origin);
            if same != *last {
                self.sdp_version += 1;
            }
        }
        session.origin.sess_id = (self.id.0 & 0x7fff_ffff_ffff_ffff).to_string();
        session.origin.sess_version = self.sdp_version + 1;
        self.local_sdp = Some(session.clone());
        session
    }

    fn put_sdp(&mut self, headers: &mut Headers, session: Session) -> Vec<u8> {
        headers.set(name::CONTENT_TYPE, sdp::CONTENT_TYPE);
        sdp::write(&self.stamp(session))
    }

    /// Tries a request again as its challenge asks (RFC 3261 §22.2). `None` when that is of no
    /// use.
    fn authenticate(&mut self, wire: &mut Wire, tx: TxId, response: &Response) -> Option<TxId> {
        let credentials = self.credentials.clone().filter(|_| self.tries < TRIES_MAX)?;
        let mut request = wire.request_of(tx)?.clone();
        answer_challenge(wire, &mut request, response, &credentials)?;
        self.tries += 1;
        self.again(wire, tx, request)
    }

    /// Sends a changed request again, with the next number, to the same place.
    fn again(&mut self, wire: &mut Wire, tx: TxId, mut request: Request) -> Option<TxId> {
        let hop = wire.hop_of(tx)?;
        let initial = tx == self.invite && self.state == State::Calling;
        let seq = match self.dialog.as_mut() {
            Some(dialog) if !initial => {
                dialog.local_seq += 1;
                dialog.local_seq
            }
            _ => {
                self.seq += 1;
                self.seq
            }
        };
        request.headers.set(name::CSEQ, &format!("{seq} {}", request.method));
        Some(wire.request(request, Dest::Hop(hop), self.owner()))
    }

    /// What is due.
    pub(crate) fn tick(&mut self, wire: &mut Wire) {
        self.success_due(wire);
        self.reliable_due(wire);
        self.reoffer_due(wire);
        self.session_due(wire);
    }

    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let success = self.success.as_ref().map(callee::Success::wake_at);
        let times = [
            success,
            self.reliable.wake_at(),
            self.again.as_ref().map(|again| again.at),
            self.session.wake_at(),
        ];
        times.into_iter().flatten().min()
    }
}

/// Puts the answer to a challenge into a request. `None` when there is none that could help: no
/// challenge that we know, or the same one again with a password that was wrong.
pub(crate) fn answer_challenge(
    wire: &mut Wire,
    request: &mut Request,
    response: &Response,
    credentials: &Credentials,
) -> Option<Challenge> {
    let (ask, put) = if response.status == 407 {
        (name::PROXY_AUTHENTICATE, name::PROXY_AUTHORIZATION)
    } else {
        (name::WWW_AUTHENTICATE, name::AUTHORIZATION)
    };
    let challenge = Challenge::best(&response.headers.all(ask))?;
    if request.headers.get(put).is_some() && !challenge.stale {
        return None;
    }
    let cnonce = wire.token();
    let (method, uri) = (request.method.as_str().to_owned(), request.uri.to_string());
    let answer = challenge.answer(credentials, &method, &uri, &cnonce, 1);
    request.headers.set(put, &answer);
    Some(challenge)
}

/// Fields that the protocol writes itself: a user's are passed over.
const OWN: [&str; 17] = [
    name::VIA,
    name::FROM,
    name::TO,
    name::CALL_ID,
    name::CSEQ,
    name::CONTACT,
    name::CONTENT_LENGTH,
    name::CONTENT_TYPE,
    name::MAX_FORWARDS,
    name::ROUTE,
    name::RECORD_ROUTE,
    name::AUTHORIZATION,
    name::PROXY_AUTHORIZATION,
    name::REQUIRE,
    name::SUPPORTED,
    name::SESSION_EXPIRES,
    name::RSEQ,
];

/// Adds a user's header fields.
pub(crate) fn add(headers: &mut Headers, fields: &[(String, String)]) {
    for (name, value) in fields {
        let token = !name.is_empty() && name.bytes().all(crate::message::is_token);
        if token && !OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            headers.push(name, value);
        }
    }
}

/// The description in a body, alone or as a part of `multipart` (RFC 5621). The outer `None`
/// means none, the inner error one that can't be read.
pub(crate) fn description(headers: &Headers, body: &[u8]) -> Option<Result<Session, ()>> {
    let kind = headers.get(name::CONTENT_TYPE).unwrap_or(sdp::CONTENT_TYPE);
    let kind = kind.to_ascii_lowercase();
    if body.is_empty() {
        return None;
    }
    if kind.starts_with(sdp::CONTENT_TYPE) {
        return Some(sdp::read(body).map_err(drop));
    }
    if !kind.starts_with("multipart/") {
        return None;
    }
    let text = String::from_utf8_lossy(body);
    let at = text.to_ascii_lowercase().find(sdp::CONTENT_TYPE)?;
    let begin = text[at..].find("v=0")? + at;
    let end = text[begin..].find("\n--").map_or(text.len(), |end| begin + end + 1);
    Some(sdp::read(text[begin..end].as_bytes()).map_err(drop))
}

/// What a message says about its sender.
fn peer_of(headers: &Headers) -> Peer {
    Peer {
        update: headers.lists(name::ALLOW, "UPDATE"),
        reliable: headers.lists(name::SUPPORTED, "100rel"),
        reliable_required: headers.lists(name::REQUIRE, "100rel"),
    }
}

/// What a response of ours within or before a dialog needs.
fn dress(wire: &Wire, response: &mut Response, user: Option<&str>, hop: &Hop) {
    response.headers.push(name::CONTACT, &wire.contact(user, hop));
    response.headers.push(name::ALLOW, ALLOW);
    response.headers.push(name::SUPPORTED, SUPPORTED);
}
