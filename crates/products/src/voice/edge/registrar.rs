//! Phones that register and callers that prove who they are: what SIP asks is answered from the
//! tables, and who is bound where is kept.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use ::store::{StoreError, Tx};
use base::{AccountSid, AnySid, Instant, Secret};
use net::sip::SipHandle;
use sip::digest::Proof;
use sip::message::{Address, Method, Request, name};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::accounts::Status;
use crate::resource::Document;
use crate::voice::domains::{self, mappings};
use crate::voice::edge::{Desk, Shared};
use crate::voice::engine::Input;
use crate::voice::store::domains::{self as sql, Bound};

/// Twilio's code for a user that did not prove itself.
const CREDENTIALS_WRONG: u32 = 32202;

/// The bindings of this node, by address of record.
#[derive(Default)]
pub struct Bindings(RwLock<BTreeMap<String, Vec<Bound>>>);

impl Bindings {
    /// Where a phone of a domain is reached, the preferred contact first.
    pub fn of(&self, aor: &str, domain: AnySid) -> Vec<sip::Binding> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(aor).into_iter().flatten();
        let mut found: Vec<sip::Binding> =
            known.filter(|bound| bound.domain == domain).map(|it| it.binding.clone()).collect();
        found.sort_by_key(|binding| std::cmp::Reverse(binding.q));
        found
    }

    /// Every binding at an account's domains, by address.
    pub fn held_by(&self, account: AccountSid) -> Vec<Bound> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.values().flatten().filter(|bound| bound.account == account).cloned().collect()
    }

    fn put(&self, bound: Bound) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let list = known.entry(bound.binding.aor.clone()).or_default();
        list.retain(|before| before.binding.contact != bound.binding.contact);
        list.push(bound);
    }

    fn remove(&self, binding: &sip::Binding) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = known.get_mut(&binding.aor) {
            list.retain(|before| before.binding.contact != binding.contact);
            if list.is_empty() {
                known.remove(&binding.aor);
            }
        }
    }
}

/// Sorts what SIP tells: calls' events go to the engine, the others to the registrar.
pub(super) fn post(desk: Desk) -> (net::sip::Tell, UnboundedReceiver<sip::Event>) {
    let (registrar, heard) = unbounded_channel();
    let tell = Box::new(move |events: Vec<sip::Event>| {
        for event in events {
            if is_ours(&event) {
                // Without the task the program ends.
                let _ = registrar.send(event);
            } else {
                desk.input(Input::Sip(event));
            }
        }
    });
    (tell, heard)
}

/// Tells SIP of the carriers and of the phones that were there before, and begins to listen.
pub(super) async fn begin(
    shared: &Arc<Shared>,
    sip: &SipHandle,
    heard: UnboundedReceiver<sip::Event>,
) {
    let settings = &shared.settings;
    let ends = settings.carriers.iter().map(|end| (&end.gateway, end.register.is_some()));
    shared.carriers.begin(ends);
    sip.send(sip::Command::Gateways(settings.gateways().cloned().collect()));
    for wanted in settings.registrations() {
        sip.send(sip::Command::Register(Box::new(wanted)));
    }
    if let Err(error) = restore(shared, sip).await {
        tracing::error!(%error, "phones that were registered are not known any more");
    }
    tokio::spawn(run(Arc::clone(shared), sip.clone(), heard));
}

/// Whether an event is the registrar's, not a call's.
fn is_ours(event: &sip::Event) -> bool {
    use sip::Event as E;
    matches!(
        event,
        E::ProofWanted { .. }
            | E::ProofFailed { .. }
            | E::KeepWanted { .. }
            | E::Bound(_)
            | E::Unbound { .. }
            | E::Registered { .. }
            | E::RegistrationFailed { .. }
            | E::Unregistered { .. }
            | E::GatewayUp { .. }
            | E::GatewayDown { .. }
    )
}

/// Brings back the bindings that were there before the start: phones don't know of it.
async fn restore(shared: &Shared, sip: &SipHandle) -> Result<(), StoreError> {
    let node = Arc::clone(&shared.context.node);
    let now = now();
    let kept = shared.store.write(move |tx: &mut Tx<'_>| sql::bindings(tx, &node, now)).await?;
    for bound in kept {
        sip.send(sip::Command::Restore(Box::new(bound.binding.clone())));
        shared.bindings.put(bound);
    }
    Ok(())
}

/// Bindings end by the agent's clock, which `dev` does not advance.
fn now() -> Instant {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Instant::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Answers and keeps what SIP says, in order, until it says no more.
async fn run(shared: Arc<Shared>, sip: SipHandle, mut heard: UnboundedReceiver<sip::Event>) {
    // Whether all that was told since the last answer is kept.
    let mut kept = true;
    while let Some(event) = heard.recv().await {
        let done = match event {
            sip::Event::ProofWanted { question, username, realm, request, .. } => {
                let (shared, sip) = (Arc::clone(&shared), sip.clone());
                tokio::spawn(async move {
                    match prove(&shared, username, realm, &request).await {
                        Ok(proof) => sip.send(sip::Command::Prove { question, proof }),
                        // The question runs out: 500, and the phone tries again.
                        Err(error) => tracing::error!(%error, "a caller could not be judged"),
                    }
                });
                Ok(())
            }
            sip::Event::Bound(binding) => bind(&shared, *binding).await,
            sip::Event::Unbound { binding, .. } => unbind(&shared, &binding).await,
            sip::Event::KeepWanted { question } => {
                let kept = std::mem::replace(&mut kept, true);
                sip.send(sip::Command::Kept { question, kept });
                Ok(())
            }
            sip::Event::ProofFailed { realm, source, failures, .. } => {
                tracing::info!(%source, realm, failures, "a SIP user proved itself wrongly");
                // An alert that is missed says nothing of what is kept.
                if let Err(error) = proved_wrongly(&shared, realm, source.ip()).await {
                    tracing::warn!(%error, "an alert could not be raised");
                }
                Ok(())
            }
            other => {
                shared.carriers.hear(other);
                Ok(())
            }
        };
        if let Err(error) = done {
            kept = false;
            tracing::error!(%error, "a phone's place could not be kept");
        }
    }
}

/// Tells the account whose domain somebody claimed to be a user of.
async fn proved_wrongly(shared: &Shared, realm: String, source: IpAddr) -> Result<(), StoreError> {
    let domain = shared.store.read(move |reader| domains::named(reader, &realm)).await?;
    if let Some(domain) = domain {
        shared.warn(&domain, source, CREDENTIALS_WRONG, "The user or its password is wrong");
    }
    Ok(())
}

async fn bind(shared: &Shared, binding: sip::Binding) -> Result<(), StoreError> {
    let Some(host) = sip::Uri::parse(&binding.aor).ok().map(|uri| uri.host) else { return Ok(()) };
    let domain = shared.store.read(move |reader| domains::named(reader, &host)).await?;
    let Some(domain) = domain else { return Ok(()) };
    let bound = Bound { account: domain.account, domain: domain.sid, binding };
    shared.bindings.put(bound.clone());
    let node = Arc::clone(&shared.context.node);
    shared.store.write(move |tx: &mut Tx<'_>| sql::bind(tx, &node, &bound)).await
}

async fn unbind(shared: &Shared, binding: &sip::Binding) -> Result<(), StoreError> {
    shared.bindings.remove(binding);
    let node = Arc::clone(&shared.context.node);
    let (aor, contact) = (binding.aor.clone(), binding.contact.to_string());
    shared.store.write(move |tx: &mut Tx<'_>| sql::unbind(tx, &node, &aor, &contact)).await
}

/// The password of somebody who claims to be a domain's user; `None` refuses, whatever is wrong.
async fn prove(
    shared: &Shared,
    username: String,
    realm: String,
    request: &Request,
) -> Result<Option<Proof>, StoreError> {
    let registers = request.method == Method::Register;
    let to = request.headers.get(name::TO).and_then(Address::parse);
    // Whoever registers does so for its own name alone, at the domain that it proves itself to.
    let fits = match &to {
        Some(to) if registers => {
            to.uri.host.eq_ignore_ascii_case(&realm) && to.uri.user().as_deref() == Some(&username)
        }
        _ => !registers && request.uri.host.eq_ignore_ascii_case(&realm),
    };
    let master = Arc::clone(&shared.master);
    let found = shared.store.read(move |reader| {
        let Some(domain) = domains::named(reader, &realm)? else { return Ok(None) };
        let mapping = match registers {
            true => &mappings::REGISTRATION_CREDENTIALS,
            false => &mappings::CALL_CREDENTIALS,
        };
        let password = domains::password(reader, &master, &domain, mapping, &username)?;
        Ok::<_, StoreError>(password.map(|password: Secret| (domain, password)))
    });
    let Some((domain, password)) = found.await? else { return Ok(None) };
    let open = fits && (!registers || domain.flag("SipRegistration"));
    let active = is_active(shared, &domain).await?;
    Ok((open && active).then_some(Proof::Password(password)))
}

/// Whether a domain's account takes calls.
pub(super) async fn is_active(shared: &Shared, domain: &Document) -> Result<bool, StoreError> {
    let account = shared.accounts.find(domain.account).await?;
    Ok(account.is_some_and(|account| account.status == Status::Active))
}
