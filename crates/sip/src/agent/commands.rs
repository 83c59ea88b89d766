//! What the user wants, done.

use super::{Agent, Wake};
use crate::command::{Command, Invite};
use crate::dialog::Dest;
use crate::event::{Event, GatewayId, LegId};
use crate::gateway::choose;
use crate::leg::{Leg, State};
use crate::message::{Address, Headers, Method, Request, name, reason};
use crate::registration;
use crate::wire::{Owner, Wire};

impl Agent {
    pub(super) fn command(&mut self, command: Command) {
        match command {
            Command::Invite(draft) => self.call(draft),
            Command::Answer { leg, sdp, headers } => {
                let replaced = self.legs.get(&leg.0).and_then(|leg| leg.replaces);
                self.with_leg(leg, |leg, wire| leg.answer(wire, sdp, &headers));
                if let Some(replaced) = replaced {
                    // RFC 3891 §3: the dialog that is replaced ends.
                    self.with_leg(replaced, |leg, wire| leg.hang_up(wire, &Vec::new()));
                }
            }
            Command::Challenge { leg, realm } => {
                let salt = self.wire.random.u64();
                let values = self.nonces.challenge(self.wire.now, &realm, salt, false);
                self.with_leg(leg, |leg, wire| leg.challenge(wire, &values));
            }
            Command::Prove { question, proof } => self.proved(question, proof),
            Command::Kept { question, kept } => self.kept(question, kept),
            Command::Restore(mut binding) => {
                // Flows of another run mean nothing.
                binding.hop.flow = None;
                let keep_alive = self.wire.config.keep_alive;
                self.registrar.put(*binding, self.wire.now, keep_alive);
            }
            Command::Register(wanted) => {
                let id = wanted.id.0;
                let client = registration::Client::new(&mut self.wire, *wanted);
                self.registrations.insert(id, client);
                self.with_registration(id, |_, _| {});
            }
            Command::Unregister(id) => {
                self.with_registration(id.0, registration::Client::leave);
            }
            Command::Gateways(list) => self.gateways.set(self.wire.now, list),
            Command::Refer { leg, target, replaces } => {
                let replaced = replaces.and_then(|id| self.legs.get(&id.0)?.dialog.clone());
                self.with_leg(leg, |leg, wire| leg.refer(wire, &target, replaced.as_ref()));
            }
            Command::Stop => self.stop(),
            command => self.command_leg(command),
        }
    }

    /// Commands that are one leg's alone.
    fn command_leg(&mut self, command: Command) {
        match command {
            Command::Progress { leg, status, sdp, headers } => {
                self.with_leg(leg, |leg, wire| leg.progress(wire, status, sdp, &headers));
            }
            Command::Reject { leg, status, reason, headers } => {
                self.with_leg(leg, |leg, wire| {
                    leg.reject(wire, status, reason.as_deref(), &headers);
                });
            }
            Command::Hangup { leg, headers } => {
                self.with_leg(leg, |leg, wire| leg.hang_up(wire, &headers));
            }
            Command::Acknowledge { leg, sdp } => {
                self.with_leg(leg, |leg, wire| leg.acknowledge_with(wire, sdp));
            }
            Command::Reoffer { leg, sdp } => {
                self.with_leg(leg, |leg, wire| leg.reoffer(wire, sdp));
            }
            Command::AnswerReoffer { leg, sdp } => {
                self.with_leg(leg, |leg, wire| leg.answer_reoffer(wire, sdp));
            }
            Command::RefuseReoffer { leg, status } => {
                self.with_leg(leg, |leg, wire| leg.refuse_reoffer(wire, status));
            }
            Command::Info { leg, content_type, body } => {
                self.with_leg(leg, |leg, wire| leg.info(wire, &content_type, body));
            }
            Command::AcceptRefer { leg, refer } => {
                self.with_leg(leg, |leg, wire| leg.accept_refer(wire, refer));
            }
            Command::RefuseRefer { leg, refer, status } => {
                self.with_leg(leg, |leg, wire| leg.refuse_refer(wire, refer, status));
            }
            Command::ReferProgress { leg, refer, status } => {
                self.with_leg(leg, |leg, wire| leg.refer_progress(wire, refer, status));
            }
            // The others are the agent's.
            _ => {}
        }
    }

    fn call(&mut self, mut draft: Box<Invite>) {
        let id = draft.leg;
        if self.legs.contains_key(&id.0) {
            return;
        }
        if self.stopping || self.legs.len() >= self.wire.config.legs_max {
            return self.refuse_call(id, 503);
        }
        if draft.gateways.is_empty() {
            let leg = Leg::call(&mut self.wire, draft, None);
            return self.keep(leg);
        }
        let Some(gateway) = self.choose(&draft.gateways, &[]) else {
            return self.refuse_call(id, 503);
        };
        let dest = self.aim(&mut draft, gateway);
        let mut leg = Leg::call(&mut self.wire, draft, dest);
        leg.gateway = Some(gateway);
        self.keep(leg);
    }

    fn refuse_call(&mut self, leg: LegId, status: u16) {
        let reason = reason(status).to_owned();
        let headers = Headers::default();
        self.tell(Event::Refused { leg, status, reason, headers, gateway: None });
    }

    fn choose(&mut self, wanted: &[GatewayId], tried: &[GatewayId]) -> Option<GatewayId> {
        let candidates = self.gateways.candidates(self.wire.now, wanted, tried);
        choose(&candidates, self.wire.random.u64())
    }

    /// Turns a call to a gateway.
    fn aim(&mut self, draft: &mut Invite, id: GatewayId) -> Option<Dest> {
        self.gateways.take(id);
        let gateway = self.gateways.get(id)?;
        let mut target = gateway.uri.clone();
        let given = (draft.target.user.clone(), draft.from.uri.user.clone());
        let (called, caller) = draft.numbers.get_or_insert(given).clone();
        let written = |user: Option<String>| user.map(|user| gateway.format.write(&user));
        target.user = written(called);
        draft.from.uri.user = written(caller);
        target.headers.clone_from(&draft.target.headers);
        draft.target = target;
        (draft.routes, draft.hop) = (Vec::new(), None);
        if gateway.credentials.is_some() {
            draft.credentials.clone_from(&gateway.credentials);
        }
        self.tell(Event::Routed { leg: draft.leg, gateway: id });
        None
    }

    /// A call that failed goes to the next gateway, or its end is told.
    pub(super) fn reroute(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id.0) else { return };
        let Some(failed) = leg.failed.take() else { return };
        let elsewhere = matches!(failed.status, 408 | 500 | 502 | 503 | 504);
        let wanted = leg.draft.as_ref().map(|draft| draft.gateways.clone()).unwrap_or_default();
        if let Some(gateway) = leg.gateway.filter(|_| elsewhere && !self.stopping) {
            leg.tried.push(gateway);
            let tried = leg.tried.clone();
            if let Some(next) = self.choose(&wanted, &tried) {
                return self.retry(id, gateway, next);
            }
        }
        if let Some(leg) = self.legs.get_mut(&id.0) {
            leg.refuse(&mut self.wire, failed);
        }
    }

    fn retry(&mut self, id: LegId, before: GatewayId, next: GatewayId) {
        self.gateways.release(before);
        let Some(leg) = self.legs.get_mut(&id.0) else { return };
        let Some(mut draft) = leg.draft.take() else { return };
        let dest = self.aim(&mut draft, next);
        let Some(leg) = self.legs.get_mut(&id.0) else { return };
        leg.gateway = Some(next);
        leg.set_draft(draft);
        leg.invite(&mut self.wire, dest);
    }

    pub(super) fn with_registration(
        &mut self,
        id: u64,
        act: impl FnOnce(&mut registration::Client, &mut Wire),
    ) {
        let Some(client) = self.registrations.get_mut(&id) else { return };
        act(client, &mut self.wire);
        let wake = client.wake_at().filter(|_| !client.over);
        self.timers.set(Wake::Registration(id), wake);
        if client.over {
            self.registrations.remove(&id);
        }
    }

    /// Asks a gateway whether it is there (RFC 3261 §11).
    pub(super) fn probe(&mut self, id: GatewayId) {
        if self.gateways.is_probing(id) {
            return;
        }
        let Some(gateway) = self.gateways.get(id) else { return };
        let uri = gateway.uri.clone();
        let mut request = Request::new(Method::Options, uri.bare());
        let (tag, call) = (self.wire.token(), self.wire.token());
        let at = crate::wire::literal(&uri).map(|hop| self.wire.local_for(&hop));
        let host = at.map_or_else(|| "localhost".to_owned(), |at| at.ip().to_string());
        let from = Address::new(crate::message::Uri::sip(Some("ping"), &host, None));
        request.headers.push(name::FROM, &from.with_tag(&tag).to_string());
        request.headers.push(name::TO, &format!("<{}>", uri.bare()));
        request.headers.push(name::CALL_ID, &call);
        request.headers.push(name::CSEQ, "1 OPTIONS");
        let tx = self.wire.request(request, Dest::Uri(uri), Owner::Probe(id.0));
        self.gateways.probing(id, Some(tx));
    }

    pub(super) fn probed(&mut self, id: u64, alive: bool, status: u16) {
        self.gateways.probing(GatewayId(id), None);
        self.heard_gateway(GatewayId(id), alive, status);
    }

    fn stop(&mut self) {
        self.stopping = true;
        self.gateways.stop();
        let ids: Vec<u64> = self.legs.keys().copied().collect();
        for id in ids {
            self.with_leg(LegId(id), |leg, wire| match leg.state {
                State::Offered => leg.reject(wire, 503, None, &Vec::new()),
                _ => leg.hang_up(wire, &Vec::new()),
            });
        }
        let ids: Vec<u64> = self.registrations.keys().copied().collect();
        for id in ids {
            self.with_registration(id, registration::Client::leave);
        }
    }
}
