//! How calls that we make reach their far ends.

use std::sync::Arc;

use ::store::StoreError;
use base::{ApiError, Secret};
use ring::rand::{SecureRandom as _, SystemRandom};
use sip::digest::Credentials;
use sip::message::Address;

use crate::voice::domains::{self, mappings};
use crate::voice::edge::onnet::Home;
use crate::voice::edge::{Edge, Ladder, Shared, Told};
use crate::voice::engine::{Input, Placing, SID_FIELD, Ticket};
use crate::voice::model::{CallRecord, Plan, Status};
use crate::voice::rules::{self, Callee, NOT_REGISTERED, sip_code};
use crate::voice::store::Change;
use crate::voice::work::{self, Draft};

/// Nobody can be reached under the address.
const UNREACHABLE: u32 = 21214;

/// A domain of this installation that is another account's can't be dialled.
const NOT_OUR_DOMAIN: u32 = 13255;

/// How a call reaches its far end.
#[derive(Clone, Debug)]
pub enum Way {
    /// As its address says.
    Address,
    /// By the phones that are registered under it.
    Phones {
        /// The name of their domain.
        domain: String,
        /// Where they are, the preferred one first; never empty.
        bindings: Vec<sip::Binding>,
    },
}

/// Finds out how an address is reached: one of a SIP domain of ours is a registered phone.
async fn way(shared: &Shared, record: &CallRecord) -> Result<Way, ApiError> {
    let Ok(uri) = sip::Uri::parse(&record.to) else { return Ok(Way::Address) };
    if !record.to.starts_with("sip") {
        return Ok(Way::Address);
    }
    let (host, name) = (uri.host.clone(), uri.user().unwrap_or_default());
    let found = shared.store.read(move |reader| {
        let Some(domain) = domains::named(reader, &host)? else { return Ok(None) };
        let mapping = &mappings::REGISTRATION_CREDENTIALS;
        let known = domains::has_user(reader, &domain, mapping, &name)?;
        Ok::<_, StoreError>(Some((domain, known)))
    });
    let Some((domain, known)) = found.await.map_err(crate::accounts::store_error)? else {
        return Ok(Way::Address);
    };
    let host = domain.text("DomainName");
    if domain.account != record.key.account {
        let text = format!("{host} is another account's domain: its phones can't be dialled");
        return Err(ApiError::new(NOT_OUR_DOMAIN, text));
    }
    let aor = sip::Uri::sip(uri.user().as_deref(), &uri.host, None).to_string();
    let mut bindings = shared.bindings.of(&aor, domain.sid);
    if domain.flag("Secure") {
        bindings.retain(|binding| binding.hop.transport == sip::io::Transport::Tls);
    }
    // A phone whose credential was taken away is not rung, though its time is not over.
    if bindings.is_empty() || !known || !domain.flag("SipRegistration") {
        return Err(ApiError::new(NOT_REGISTERED, "No phone is registered under this address"));
    }
    Ok(Way::Phones { domain: host.to_owned(), bindings })
}

impl Edge {
    /// Places a call that was queued, once it is known how.
    pub(super) fn place_queued(&mut self, record: CallRecord, plan: Plan) {
        if !record.to.starts_with("sip") {
            return self.reached(record, plan, Ok(Way::Address));
        }
        let (shared, desk) = (Arc::clone(&self.shared), self.desk.clone());
        tokio::spawn(async move {
            let way = way(&shared, &record).await;
            desk.tell(Told::Reached(Box::new(record), Box::new(plan), way));
        });
    }

    /// It is known how a queued call reaches its far end, or that it does not.
    pub(super) fn reached(&mut self, record: CallRecord, plan: Plan, way: Result<Way, ApiError>) {
        let inviter = self.inviter();
        match way.and_then(|way| inviter.invite(&record, &plan, Vec::new(), &way)) {
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
        self.step(Change { key, status, at, sip_code: sip_code(error), price: None });
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
    let way = way(shared, &record).await;
    match way.and_then(|way| inviter.invite(&record, &plan, headers, &way)) {
        Ok(invite) => Ok(Placing { record, plan, invite }),
        Err(error) => {
            let (at, context) = (shared.clock.now(), Arc::clone(&shared.context));
            let (key, status) = (record.key, Status::Failed);
            let change = Change { key, status, at, sip_code: sip_code(&error), price: None };
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
        way: &Way,
    ) -> Result<sip::Invite, ApiError> {
        let home = self.home.as_ref().and_then(|home| home.target(record, plan));
        let (target, gateways) = match &home {
            Some((target, _)) => (target.clone(), Vec::new()),
            None => self.target(record)?,
        };
        let host = match way {
            Way::Address => &self.domain,
            Way::Phones { domain, .. } => domain,
        };
        let from = from(record, plan, host);
        let mut invite = sip::Invite::new(sip::LegId(0), target, from, None);
        invite.gateways = gateways;
        invite.headers = headers;
        invite.headers.extend(home.map(|(_, field)| field));
        let dialog = random_name();
        self.ladder.name(record.key.sid, &dialog);
        invite.call_id = Some(dialog);
        if let Way::Phones { bindings, .. } = way {
            ring(&mut invite, bindings);
        }
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
            Callee::Number(number) => self.to_number(&number)?,
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

    /// The carriers, or in `dev` without one a handset.
    fn to_number(&self, number: &base::E164) -> Result<(sip::Uri, Vec<sip::GatewayId>), ApiError> {
        match (&self.handsets, self.gateways.is_empty()) {
            (_, false) => {
                let target = sip::Uri::sip(Some(number.as_str()), "gateway", None);
                Ok((target, self.gateways.clone()))
            }
            (Some(handsets), true) => {
                let mut target = handsets.clone();
                target.user = Some(number.to_string());
                Ok((target, Vec::new()))
            }
            (None, true) => {
                let text = "No carrier takes calls here: set TRUNKLINE_CARRIERS to sip:host";
                Err(ApiError::new(UNREACHABLE, text))
            }
        }
    }
}

/// Turns a call to every phone that is bound.
fn ring(invite: &mut sip::Invite, bindings: &[sip::Binding]) {
    let Some((first, others)) = bindings.split_first() else { return };
    let asked = std::mem::replace(&mut invite.target, first.contact.clone());
    invite.target.headers = asked.headers.clone();
    invite.to = Some(Address::new(sip::Uri::sip(asked.user().as_deref(), &asked.host, None)));
    invite.hop = Some(first.hop.clone());
    let place = |binding: &sip::Binding| (binding.contact.clone(), binding.hop.clone());
    invite.others = others.iter().map(place).collect();
}

/// Who calls, as the called party sees it.
fn from(record: &CallRecord, plan: &Plan, host: &str) -> Address {
    let uri = match sip::Uri::parse(&record.from) {
        Ok(uri) if record.from.starts_with("sip") => uri,
        _ => sip::Uri::sip(Some(&record.from), host, None),
    };
    let mut from = Address::new(uri);
    from.display.clone_from(&plan.caller_name);
    from
}
