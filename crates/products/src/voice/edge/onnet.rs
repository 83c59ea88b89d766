//! Calls that never leave: to a number or an application of this installation. They go out by SIP
//! and come back in, so that both ends are legs like any other.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::store::{Query, StoreError};
use base::{AccountSid, CallSid, PhoneNumberSid};
use sip::io::{Listener, Transport};
use twiml::voice;

use crate::accounts::Status as AccountStatus;
use crate::numbers::{self, CallHooks};
use crate::voice::edge::Shared;
use crate::voice::edge::place::random_name;
use crate::voice::edge::screen::{self, Party, Verdict, extra};
use crate::voice::model::{CallRecord, OnNet, Plan};

/// The field of an INVITE of ours by which we know it again.
const FIELD: &str = "X-Trunkline-Knock";

/// A call of ours that will come in again.
#[derive(Clone, Debug)]
pub(super) struct Knock {
    /// What nobody else can say.
    token: String,
    account: AccountSid,
    parent: Option<CallSid>,
    from: String,
    to: String,
    caller_name: Option<String>,
    onnet: OnNet,
    path: Vec<String>,
}

/// Calls of ours that are expected to come in.
#[derive(Default)]
pub struct Door(Mutex<BTreeMap<CallSid, Knock>>);

impl Door {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<CallSid, Knock>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call will come; the field of its INVITE.
    fn expect(&self, record: &CallRecord, onnet: &OnNet, plan: &Plan) -> (String, String) {
        let token = random_name();
        let mut path = plan.path.clone();
        path.push(onnet.key(&record.to).to_owned());
        let knock = Knock {
            token: token.clone(),
            account: record.key.account,
            parent: record.parent,
            from: record.from.clone(),
            to: record.to.clone(),
            caller_name: plan.caller_name.clone(),
            onnet: onnet.clone(),
            path,
        };
        self.lock().insert(record.key.sid, knock);
        (FIELD.to_owned(), format!("{}.{token}", record.key.sid))
    }

    /// The call of ours that an INVITE is, once.
    pub(super) fn opened(&self, incoming: &sip::Incoming) -> Option<Knock> {
        let (call, token) = incoming.request.headers.get(FIELD)?.split_once('.')?;
        let call = call.parse().ok()?;
        let mut expected = self.lock();
        let known = expected.get(&call)?.token == token;
        known.then(|| expected.remove(&call)).flatten()
    }

    /// A call is over: it will not come in any more.
    pub(super) fn forget(&self, call: CallSid) {
        self.lock().remove(&call);
    }
}

/// The way back in.
#[derive(Clone)]
pub(super) struct Home {
    door: Arc<Door>,
    uri: sip::Uri,
}

impl Home {
    /// By the first listener that needs no TLS.
    pub(super) fn of(shared: &Shared, listeners: &[Listener]) -> Option<Self> {
        let by = |transport| listeners.iter().find(move |it| it.transport == transport);
        let listener = by(Transport::Udp).or_else(|| by(Transport::Tcp))?;
        let host = match listener.bound.ip() {
            any if any.is_unspecified() && any.is_ipv4() => Ipv4Addr::LOCALHOST.into(),
            any if any.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let host = if host.is_ipv6() { format!("[{host}]") } else { host.to_string() };
        let mut uri = sip::Uri::sip(None, &host, Some(listener.bound.port()));
        uri.params.set("transport", &listener.transport.as_str().to_ascii_lowercase());
        Some(Self { door: Arc::clone(&shared.door), uri })
    }

    /// Where a call goes that never leaves, and the field by which it is known again.
    pub(super) fn target(
        &self,
        record: &CallRecord,
        plan: &Plan,
    ) -> Option<(sip::Uri, (String, String))> {
        let onnet = plan.onnet.as_ref()?;
        let mut uri = self.uri.clone();
        uri.user = Some(onnet.key(&record.to).to_owned());
        Some((uri, self.door.expect(record, onnet, plan)))
    }
}

/// Whose a call is that comes in so.
struct Called {
    account: AccountSid,
    number: Option<PhoneNumberSid>,
    hooks: CallHooks,
}

fn called(query: &mut impl Query, knock: &Knock) -> Result<Option<Called>, StoreError> {
    match &knock.onnet {
        OnNet::Number => {
            let Some(held) = numbers::sender(query, &knock.to)? else { return Ok(None) };
            let hooks = numbers::call_hooks(query, &held)?;
            let (account, number) = (held.account, Some(held.sid));
            Ok(held.voice.then_some(Called { account, number, hooks }))
        }
        OnNet::Application(application) => {
            let Ok(sid) = application.sid.parse() else { return Ok(None) };
            let found = numbers::application_anywhere(query, knock.account, sid)?;
            Ok(found.map(|(account, hooks)| Called { account, number: None, hooks }))
        }
    }
}

/// Lets a call of ours in.
pub(super) async fn admit(
    shared: &Shared,
    incoming: sip::Incoming,
    knock: Knock,
) -> Result<Verdict, StoreError> {
    let wanted = knock.clone();
    let found = shared.store.read(move |reader| called(reader, &wanted)).await?;
    let Some(called) = found else { return Ok(Verdict::Refuse(404)) };
    let account = shared.accounts.find(called.account).await?;
    if account.is_none_or(|account| account.status != AccountStatus::Active) {
        return Ok(Verdict::Refuse(404));
    }
    let mut extra = extra(&incoming);
    extra.extend(more(&knock, called.account));
    let party = Party {
        account: called.account,
        from: knock.from,
        name: knock.caller_name,
        to: knock.to,
        number: called.number,
        forwarded: None,
        path: knock.path,
    };
    screen::admit(shared, incoming, party, called.hooks, extra).await
}

/// What an application's documents are asked with besides.
fn more(knock: &Knock, account: AccountSid) -> voice::Params {
    let OnNet::Application(application) = &knock.onnet else { return Vec::new() };
    let mut more = vec![("CustomerId".to_owned(), application.customer.clone())];
    // Another account has no business with the caller's call.
    let parent = knock.parent.filter(|_| account == knock.account);
    more.extend(parent.map(|parent| ("ParentCallSid".to_owned(), parent.to_string())));
    let params = application.params.iter();
    more.extend(params.map(|(name, value)| (format!("Param_{name}"), value.clone())));
    more
}
