//! What the lower half brings: requests to their leg or their answer, responses to who waits.

use super::admit::{proves, realm};
use super::{Agent, QUESTION_MAX, Question, Wake};
use crate::digest::{Authorization, Proof, Verdict};
use crate::event::{Event, Incoming, LegId, QuestionId};
use crate::gateway::Health;
use crate::io::Hop;
use crate::leg::{self, ALLOW, Leg, SUPPORTED, State};
use crate::message::{Address, Method, Params, Request, Response, name};
use crate::sdp;
use crate::wire::{Owner, TxId, Up};

impl Agent {
    /// Takes everything that the lower half brings.
    pub(super) fn drain(&mut self) {
        while let Some(up) = self.wire.ups.pop_front() {
            match up {
                Up::Request(tx, request, from) => self.requested(tx, *request, &from),
                Up::Ack(request, from) => {
                    if let Some(id) = self.leg_of(&request) {
                        self.with_leg(id, |leg, wire| leg.acked(wire, &request, &from));
                    }
                }
                Up::Cancelled(tx, request) => self.cancelled(tx, &request),
                Up::Response(tx, owner, method, response, from) => {
                    self.answered(tx, owner, &method, *response, &from);
                }
                Up::Failed(tx, owner, method, status) => self.failed(tx, owner, &method, status),
            }
        }
    }

    /// The leg whose dialog a request names.
    fn leg_of(&self, request: &Request) -> Option<LegId> {
        let to = Address::parse(request.headers.get(name::TO)?)?;
        let id = *self.tags.get(to.tag()?)?;
        let leg = self.legs.get(&id)?;
        (Some(leg.call_id.as_str()) == request.headers.get(name::CALL_ID)).then_some(LegId(id))
    }

    fn requested(&mut self, tx: TxId, request: Request, from: &Hop) {
        let unknown: Vec<&str> = request.headers.all(name::REQUIRE);
        let known =
            |option: &&str| SUPPORTED.split(", ").any(|known| known.eq_ignore_ascii_case(option));
        let unknown: Vec<&str> = unknown.into_iter().filter(|option| !known(option)).collect();
        if !unknown.is_empty() {
            // RFC 3261 §8.2.2.3.
            let list = unknown.join(", ");
            return self.refuse(tx, 420, &[(name::UNSUPPORTED, &list)]);
        }
        let to = request.headers.get(name::TO).and_then(Address::parse);
        if to.as_ref().and_then(Address::tag).is_some() {
            return self.requested_within(tx, &request, from);
        }
        match request.method {
            Method::Invite => self.invited(tx, request, from),
            Method::Register => self.register_came(tx, request, from),
            Method::Options => {
                let accept = "application/sdp, application/dtmf-relay";
                let fields =
                    [(name::ALLOW, ALLOW), (name::SUPPORTED, SUPPORTED), (name::ACCEPT, accept)];
                let status = if self.stopping { 503 } else { 200 };
                self.refuse(tx, status, &fields);
            }
            Method::Bye
            | Method::Info
            | Method::Update
            | Method::Prack
            | Method::Notify
            | Method::Refer => self.refuse(tx, 481, &[]),
            Method::Other(_) => self.refuse(tx, 501, &[(name::ALLOW, ALLOW)]),
            _ => self.refuse(tx, 405, &[(name::ALLOW, ALLOW)]),
        }
    }

    /// Answers with some fields more.
    pub(super) fn refuse(&mut self, tx: TxId, status: u16, fields: &[(&str, &str)]) {
        if let Some(mut response) = self.wire.response(tx, status) {
            fields.iter().for_each(|(field, value)| response.headers.push(field, value));
            self.wire.respond(tx, &response);
        }
    }

    fn requested_within(&mut self, tx: TxId, request: &Request, from: &Hop) {
        let Some(id) = self.leg_of(request) else {
            return self.refuse(tx, 481, &[]);
        };
        let replaces = match request.method {
            Method::Refer => leg::refer_replaces(request).and_then(|value| self.named(&value)),
            _ => None,
        };
        self.with_leg(id, |leg, wire| leg.request(wire, tx, request, from, replaces));
    }

    /// The leg that a Replaces value names: `to-tag` is ours, `from-tag` theirs (RFC 3891 §3).
    fn named(&self, value: &str) -> Option<LegId> {
        let (call, params) = value.split_once(';')?;
        let params = Params::parse(params)?;
        let leg = self.legs.get(self.tags.get(params.get("to-tag")?)?)?;
        let theirs = leg.dialog.as_ref()?.remote.tag().unwrap_or("0");
        let same = leg.call_id == call.trim() && params.get("from-tag") == Some(theirs);
        (same && leg.is_live()).then_some(leg.id)
    }

    fn invited(&mut self, tx: TxId, request: Request, from: &Hop) {
        if self.stopping || self.legs.len() >= self.wire.config.legs_max {
            return self.refuse(tx, 503, &[(name::RETRY_AFTER, "10")]);
        }
        if request.headers.number(name::MAX_FORWARDS) == Some(0) {
            return self.refuse(tx, 483, &[]);
        }
        self.wire.answer(tx, 100);
        let known = self.gateways.of_source(from.remote.ip()).is_some();
        // What a carrier's call proves to others is not ours to judge.
        let ours = || self.answer(&request).is_some_and(|a| self.nonces.is_ours(&a));
        if proves(&request) && (!known || ours()) {
            self.ask(tx, request, from);
        } else {
            self.offered(tx, request, from, None);
        }
    }

    /// What a request proves by: of several answers the one to a challenge of ours.
    fn answer(&self, request: &Request) -> Option<Authorization> {
        let fields = [name::AUTHORIZATION, name::PROXY_AUTHORIZATION];
        let values = fields.iter().flat_map(|field| request.headers.all(field));
        let mut answers: Vec<Authorization> = values.filter_map(Authorization::parse).collect();
        let ours = answers.iter().position(|answer| self.nonces.is_ours(answer)).unwrap_or(0);
        (!answers.is_empty()).then(|| answers.swap_remove(ours))
    }

    /// Asks the user for what an Authorization is proved by.
    pub(super) fn ask(&mut self, tx: TxId, request: Request, from: &Hop) {
        let Some(answer) = self.answer(&request) else {
            return self.challenge(tx, &request, false);
        };
        if self.guard.is_shut(self.wire.now, from.remote.ip()) {
            return self.refuse(tx, 403, &[]);
        }
        if !self.nonces.is_fresh(self.wire.now, &answer) {
            return self.challenge(tx, &request, true);
        }
        let question = self.question();
        let (username, realm) = (answer.username.clone(), answer.realm.clone());
        let (boxed, source) = (Box::new(request.clone()), from.remote);
        let from = from.clone();
        self.questions.insert(question, Question { tx, request, from, answer });
        self.tell(Event::ProofWanted { question, username, realm, request: boxed, source });
    }

    /// A question to the user, which waits for so long.
    pub(super) fn question(&mut self) -> QuestionId {
        let question = QuestionId(self.wire.number());
        self.timers.set(Wake::Question(question), Some(self.wire.now + QUESTION_MAX));
        question
    }

    pub(super) fn challenge(&mut self, tx: TxId, request: &Request, stale: bool) {
        let realm = realm(&self.wire, request);
        let salt = self.wire.random.u64();
        let values = self.nonces.challenge(self.wire.now, &realm, salt, stale);
        let fields: Vec<(&str, &str)> =
            values.iter().map(|value| (name::WWW_AUTHENTICATE, value.as_str())).collect();
        self.refuse(tx, 401, &fields);
    }

    pub(super) fn give_up_question(&mut self, id: QuestionId) {
        if let Some(question) = self.questions.remove(&id) {
            self.refuse(question.tx, 500, &[]);
        }
        self.kept(id, false);
    }

    /// The user says how somebody proves itself.
    pub(super) fn proved(&mut self, id: QuestionId, proof: Option<Proof>) {
        let Some(question) = self.questions.remove(&id) else { return };
        self.timers.set(Wake::Question(id), None);
        let Question { tx, request, from, answer } = question;
        let (now, method) = (self.wire.now, request.method.as_str());
        let verdict =
            proof.map_or(Verdict::Wrong, |proof| self.nonces.verify(now, &answer, &proof, method));
        let source = from.remote;
        if verdict == Verdict::Right {
            self.guard.passed(source.ip());
        }
        match verdict {
            Verdict::Right if request.method == Method::Register => {
                self.register(tx, &request, &from);
            }
            Verdict::Right => {
                self.offered(tx, request, &from, Some((answer.username, answer.realm)));
            }
            Verdict::Stale => self.challenge(tx, &request, true),
            // The same for an unknown user and a wrong password.
            Verdict::Wrong => {
                self.refuse(tx, 403, &[]);
                let failures = self.guard.failed(now, source.ip());
                let Authorization { username, realm, .. } = answer;
                self.tell(Event::ProofFailed { username, realm, source, failures });
            }
        }
    }

    /// A call is offered to the user.
    fn offered(
        &mut self,
        tx: TxId,
        request: Request,
        from: &Hop,
        authenticated: Option<(String, String)>,
    ) {
        let offer = match leg::description(&request.headers, &request.body) {
            Some(Err(())) => return self.refuse(tx, 400, &[]),
            None if !request.body.is_empty() => {
                return self.refuse(tx, 415, &[(name::ACCEPT, sdp::CONTENT_TYPE)]);
            }
            Some(Ok(offer)) => Some(offer),
            None => None,
        };
        if leg::is_too_short(&self.wire.config, &request) {
            let min = self.wire.config.session_min.as_secs().to_string();
            return self.refuse(tx, 422, &[(name::MIN_SE, &min)]);
        }
        let replaces = match self.replaced(&request) {
            Ok(replaces) => replaces,
            Err(status) => return self.refuse(tx, status, &[]),
        };
        let id = leg::own_leg(self.wire.number());
        let Some(mut leg) = Leg::offered(&mut self.wire, id, tx, &request, from) else {
            return self.refuse(tx, 400, &[]);
        };
        leg.replaces = replaces;
        self.keep(leg);
        let (source, transport) = (from.remote, from.transport);
        let gateway = self.gateways.of_source(source.ip());
        self.tell(Event::Incoming(Box::new(Incoming {
            leg: id,
            request,
            source,
            transport,
            offer,
            authenticated,
            gateway,
            replaces,
        })));
    }

    /// The leg that Replaces names (RFC 3891 §3), or the status of its absence.
    fn replaced(&self, request: &Request) -> Result<Option<LegId>, u16> {
        let Some(value) = request.headers.get(name::REPLACES) else { return Ok(None) };
        if request.headers.count(name::REPLACES) > 1 {
            return Err(400);
        }
        let id = self.named(value).ok_or(481_u16)?;
        let early_only = value.to_ascii_lowercase().contains("early-only");
        match self.legs.get(&id.0).map(|leg| leg.state) {
            Some(State::Up | State::Answered) if early_only => Err(486),
            Some(State::Up | State::Answered) => Ok(Some(id)),
            _ => Err(481),
        }
    }

    fn cancelled(&mut self, tx: TxId, request: &Request) {
        let asked = self.questions.iter().find(|(_, question)| question.tx == tx);
        if let Some(id) = asked.map(|(id, _)| *id) {
            self.questions.remove(&id);
            self.timers.set(Wake::Question(id), None);
            return self.refuse(tx, 487, &[]);
        }
        let call = request.headers.get(name::CALL_ID).unwrap_or_default();
        let legs = self.legs.values().filter(|leg| leg.call_id == call);
        let ids: Vec<LegId> = legs.map(|leg| leg.id).collect();
        for id in ids {
            self.with_leg(id, |leg, wire| leg.cancel_came(wire, tx, request));
        }
    }

    fn answered(
        &mut self,
        tx: TxId,
        owner: Owner,
        method: &Method,
        response: Response,
        from: &Hop,
    ) {
        match owner {
            Owner::Leg(id) if self.legs.contains_key(&id) => {
                self.note_gateway(LegId(id), method, response.status);
                self.with_leg(LegId(id), |leg, wire| {
                    leg.response(wire, tx, method, response, from);
                });
            }
            // A fork that answers after the leg is over.
            Owner::Leg(_) if *method == Method::Invite && response.is_success() => {
                leg::dismiss_late(&mut self.wire, tx, &response, from);
            }
            Owner::Registration(id) => {
                self.with_registration(id, |client, wire| {
                    client.response(wire, tx, &response, from);
                });
            }
            Owner::Probe(id) if !response.is_provisional() => {
                self.probed(id, response.status != 503, response.status);
            }
            _ => {}
        }
    }

    fn failed(&mut self, tx: TxId, owner: Owner, method: &Method, status: u16) {
        match owner {
            Owner::Leg(id) => {
                self.note_gateway(LegId(id), method, status);
                self.with_leg(LegId(id), |leg, wire| leg.unheard(wire, tx, method, status));
            }
            Owner::Registration(id) => {
                self.with_registration(id, |client, wire| client.failed(wire, tx, status));
            }
            Owner::Probe(id) => self.probed(id, false, status),
            Owner::Nobody => {}
        }
    }

    /// A call's fate says something of its gateway.
    fn note_gateway(&mut self, leg: LegId, method: &Method, status: u16) {
        let gateway = self.legs.get(&leg.0).and_then(|leg| leg.gateway);
        if let Some(gateway) = gateway.filter(|_| *method == Method::Invite && status > 100) {
            let alive = !matches!(status, 408 | 503);
            self.heard_gateway(gateway, alive, status);
        }
    }

    pub(super) fn heard_gateway(
        &mut self,
        gateway: crate::event::GatewayId,
        alive: bool,
        status: u16,
    ) {
        match self.gateways.heard(gateway, alive) {
            Some(Health::Up) => self.tell(Event::GatewayUp { gateway }),
            Some(Health::Down) => self.tell(Event::GatewayDown { gateway, status }),
            None => {}
        }
    }
}
