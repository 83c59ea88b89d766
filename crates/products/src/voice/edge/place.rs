//! How calls that we make reach their far ends.

use std::sync::Arc;

use base::{ApiError, Secret};
use ring::rand::{SecureRandom as _, SystemRandom};
use sip::digest::Credentials;
use sip::message::Address;

use crate::voice::edge::onnet::Home;
use crate::voice::edge::{Edge, Ladder, Shared};
use crate::voice::engine::{Input, Placing, SID_FIELD, Ticket};
use crate::voice::model::{CallRecord, Plan, Status};
use crate::voice::rules::{self, Callee};
use crate::voice::store::Change;
use crate::voice::work::{self, Draft};

/// Nobody can be reached under the address.
const UNREACHABLE: u32 = 21214;

impl Edge {
    /// Places a call that was queued.
    pub(super) fn place_queued(&mut self, record: CallRecord, plan: Plan) {
        match self.invite(&record, &plan, Vec::new()) {
            Ok(invite) => {
                let placing = Box::new(Placing { record, plan, invite });
                self.desk.input(Input::Place(placing));
            }
            Err(error) => {
                self.fail(&record, &error);
            }
        }
    }

    fn fail(&mut self, record: &CallRecord, error: &ApiError) {
        let problem =
            twiml::Problem { code: error.code, message: error.message.clone(), warning: false };
        self.problem(record.key, &problem, String::new());
        let at = self.shared.clock.now();
        let (key, status) = (record.key, Status::Failed);
        self.step(Change { key, status, at, sip_code: 0, price: None });
        self.pace.gone(record.key.sid);
        self.promise_over(record.key.sid);
    }

    /// Calls back a call that is still queued. `true` when it was.
    pub(super) fn call_back(&mut self, call: base::CallSid) -> bool {
        let Some(record) = self.pace.remove(call) else { return false };
        let at = self.shared.clock.now();
        let (key, status) = (record.key, Status::Canceled);
        self.step(Change { key, status, at, sip_code: 0, price: None });
        self.promise_over(call);
        true
    }

    /// Makes a leg of a `Dial`: its row, then its INVITE.
    pub(super) fn dial(
        &self,
        parent: base::CallSid,
        ticket: Ticket,
        draft: Draft,
        headers: Vec<(String, String)>,
    ) {
        let (shared, desk) = (Arc::clone(&self.shared), self.desk.clone());
        let invite = self.inviter();
        tokio::spawn(async move {
            let result = dialled(&shared, draft, &invite, headers).await;
            desk.input(Input::ChildPlaced { parent, ticket, result: result.map(Box::new) });
        });
    }

    fn inviter(&self) -> Inviter {
        let domain = self.sip.listeners().first().map(|it| it.bound.ip().to_string());
        Inviter {
            gateways: self.gateways.clone(),
            handsets: self.handsets.clone(),
            home: Home::of(&self.shared, self.sip.listeners()),
            ladder: Arc::clone(&self.shared.ladder),
            domain: domain.unwrap_or_else(|| "localhost".to_owned()),
        }
    }

    fn invite(
        &self,
        record: &CallRecord,
        plan: &Plan,
        headers: Vec<(String, String)>,
    ) -> Result<sip::Invite, ApiError> {
        self.inviter().invite(record, plan, headers)
    }
}

async fn dialled(
    shared: &Shared,
    draft: Draft,
    inviter: &Inviter,
    headers: Vec<(String, String)>,
) -> Result<Placing, ApiError> {
    let context = Arc::clone(&shared.context);
    let written = shared.store.write(move |tx| work::accept(tx, &context, &draft)).await;
    let (record, plan) = written.map_err(crate::accounts::store_error)??;
    match inviter.invite(&record, &plan, headers) {
        Ok(invite) => Ok(Placing { record, plan, invite }),
        Err(error) => {
            let (at, context) = (shared.clock.now(), Arc::clone(&shared.context));
            let (key, status) = (record.key, Status::Failed);
            let change = Change { key, status, at, sip_code: 0, price: None };
            let ended = shared.store.write(move |tx| work::step(tx, &context, &[change])).await;
            ended.map_err(crate::accounts::store_error)?;
            Err(error)
        }
    }
}

/// A name that nobody used before, nor can guess: 32 hex digits.
pub(super) fn random_name() -> String {
    let mut random = [0; 16];
    SystemRandom::new().fill(&mut random).expect("the operating system has randomness");
    random.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Where calls can go.
struct Inviter {
    gateways: Vec<sip::GatewayId>,
    handsets: Option<sip::Uri>,
    home: Option<Home>,
    ladder: Arc<Ladder>,
    domain: String,
}

impl Inviter {
    fn invite(
        &self,
        record: &CallRecord,
        plan: &Plan,
        headers: Vec<(String, String)>,
    ) -> Result<sip::Invite, ApiError> {
        let home = self.home.as_ref().and_then(|home| home.target(record, plan));
        let (target, gateways) = match &home {
            Some((target, _)) => (target.clone(), Vec::new()),
            None => self.target(record)?,
        };
        let from = self.from(record, plan);
        let mut invite = sip::Invite::new(sip::LegId(0), target, from, None);
        invite.gateways = gateways;
        invite.headers = headers;
        invite.headers.extend(home.map(|(_, field)| field));
        let dialog = random_name();
        self.ladder.name(record.key.sid, &dialog);
        invite.call_id = Some(dialog);
        if invite.gateways.is_empty() {
            // Carriers have no use for it.
            invite.headers.push((SID_FIELD.to_owned(), record.key.sid.to_string()));
        }
        if let Some(reason) = &plan.reason {
            invite.headers.push(("Subject".to_owned(), reason.clone()));
        }
        invite.credentials = plan.sip_auth.as_ref().map(|(user, password)| Credentials {
            username: user.clone(),
            password: Secret::new(password.clone()),
        });
        Ok(invite)
    }

    /// Where a call goes that leaves, and by which carriers.
    fn target(&self, record: &CallRecord) -> Result<(sip::Uri, Vec<sip::GatewayId>), ApiError> {
        let unreachable = |text: &str| ApiError::new(UNREACHABLE, text);
        Ok(match rules::callee(&record.to)? {
            Callee::Number(number) => match (&self.handsets, self.gateways.is_empty()) {
                (_, false) => {
                    let target = sip::Uri::sip(Some(number.as_str()), "gateway", None);
                    (target, self.gateways.clone())
                }
                (Some(handsets), true) => {
                    let mut target = handsets.clone();
                    target.user = Some(number.to_string());
                    (target, Vec::new())
                }
                (None, true) => {
                    let text = "No carrier takes calls here: set TRUNKLINE_CARRIERS to sip:host";
                    return Err(unreachable(text));
                }
            },
            Callee::Sip(uri) => {
                let target = sip::Uri::parse(&uri);
                let target = target.map_err(|_| unreachable("The SIP address can't be read"))?;
                (target, Vec::new())
            }
            Callee::Client(_) => {
                return Err(unreachable("Clients can't be called on this installation yet"));
            }
            Callee::Application(_) => {
                return Err(unreachable("Applications are reached by UDP or TCP of our own"));
            }
        })
    }

    /// Who calls, as the called party sees it.
    fn from(&self, record: &CallRecord, plan: &Plan) -> Address {
        let uri = match sip::Uri::parse(&record.from) {
            Ok(uri) if record.from.starts_with("sip") => uri,
            _ => sip::Uri::sip(Some(&record.from), &self.domain, None),
        };
        let mut from = Address::new(uri);
        from.display.clone_from(&plan.caller_name);
        from
    }
}
