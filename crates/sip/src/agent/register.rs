//! REGISTER, answered.

use super::admit::proves;
use super::{Agent, Wake};
use crate::event::{Event, QuestionId};
use crate::io::Hop;
use crate::message::{Address, Request, name};
use crate::registrar::{Refusal, aor_of};
use crate::wire::TxId;

impl Agent {
    /// A REGISTER came: nobody is believed without proof.
    pub(super) fn register_came(&mut self, tx: TxId, request: Request, from: &Hop) {
        if self.stopping {
            return self.refuse(tx, 503, &[(name::RETRY_AFTER, "10")]);
        }
        if proves(&request) {
            self.ask(tx, request, from);
        } else {
            self.challenge(tx, &request, false);
        }
    }

    /// The user of a REGISTER is who it claims to be.
    pub(super) fn register(&mut self, tx: TxId, request: &Request, from: &Hop) {
        let now = self.wire.now;
        let done = self.registrar.register(now, &self.wire.config, request, from);
        match done {
            Err(Refusal::Status(status)) => self.refuse(tx, status, &[]),
            Err(Refusal::TooBrief(min)) => {
                self.refuse(tx, 423, &[(name::MIN_EXPIRES, &min.to_string())]);
            }
            // It only asks.
            Ok(events) if events.is_empty() => self.registered(tx, request),
            Ok(events) => {
                events.into_iter().for_each(|event| self.tell(event));
                let question = self.question();
                self.keeping.insert(question, (tx, request.clone()));
                self.tell(Event::KeepWanted { question });
            }
        }
    }

    /// What a REGISTER changed is kept, or can't be.
    pub(super) fn kept(&mut self, id: QuestionId, kept: bool) {
        let Some((tx, request)) = self.keeping.remove(&id) else { return };
        self.timers.set(Wake::Question(id), None);
        if kept {
            self.registered(tx, &request);
        } else {
            self.refuse(tx, 500, &[]);
        }
    }

    /// 200 with all contacts (RFC 3261 §10.3 step 8).
    fn registered(&mut self, tx: TxId, request: &Request) {
        let to = request.headers.get(name::TO).and_then(Address::parse);
        let Some(mut response) = self.wire.response(tx, 200) else { return };
        let aor = to.map(|to| aor_of(&to.uri)).unwrap_or_default();
        for binding in self.registrar.of(&aor) {
            let mut contact = Address::new(binding.contact.clone());
            let left = binding.expires_at.since(self.wire.now).as_secs();
            contact.params.set("expires", &left.to_string());
            if binding.q < 1_000 {
                contact.params.set("q", &format!("0.{:03}", binding.q));
            }
            response.headers.push(name::CONTACT, &contact.to_string());
        }
        response.headers.push(name::DATE, &date(self.wire.now));
        self.wire.respond(tx, &response);
    }
}

/// RFC 3261 §20.17: always GMT.
fn date(now: base::Instant) -> String {
    now.to_rfc2822().replace("+0000", "GMT")
}
