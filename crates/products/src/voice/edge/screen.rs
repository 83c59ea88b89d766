//! Calls that come: whose they are, and whether they are let in.

mod domain;

use std::net::SocketAddr;
use std::sync::Arc;

use ::store::{StoreError, Tx};
use base::{AccountSid, E164};
use twiml::voice;

use crate::accounts::Status as AccountStatus;
use crate::numbers::{self, CallHooks};
use crate::voice::domains;
use crate::voice::edge::{Edge, Shared, onnet};
use crate::voice::engine::{Admission, Input};
use crate::voice::model::{Hook, Progress, StatusCallback};
use crate::voice::work;

/// What was found out about a call.
pub(super) enum Verdict {
    Admit(Box<Admission>),
    Refuse(u16),
    /// Who calls must prove itself to this realm.
    Challenge(String),
}

impl Edge {
    /// Decides on a call that came.
    pub(super) fn screen(&self, incoming: Box<sip::Incoming>) {
        let (shared, desk) = (Arc::clone(&self.shared), self.desk.clone());
        tokio::spawn(async move {
            let leg = incoming.leg;
            let dialog = incoming.request.headers.get("Call-ID").unwrap_or_default().to_owned();
            let input = match screen(&shared, *incoming).await {
                Ok(Verdict::Admit(admission)) => {
                    shared.ladder.name(admission.record.key.sid, &dialog);
                    Input::Admitted(admission)
                }
                Ok(Verdict::Refuse(status)) => Input::Refused { leg, status },
                Ok(Verdict::Challenge(realm)) => Input::Challenged { leg, realm },
                Err(error) => {
                    tracing::error!(%error, "a call could not be let in");
                    Input::Refused { leg, status: 503 }
                }
            };
            desk.input(input);
        });
    }
}

async fn screen(shared: &Shared, incoming: sip::Incoming) -> Result<Verdict, StoreError> {
    if let Some(knock) = shared.door.opened(&incoming) {
        return onnet::admit(shared, incoming, knock).await;
    }
    let host = incoming.request.uri.host.clone();
    let domain = shared.store.read(move |reader| domains::named(reader, &host)).await?;
    if let Some(domain) = domain {
        return domain::screen(shared, incoming, domain).await;
    }
    // A carrier's address is known; in `dev` so is this machine.
    let known = incoming.gateway.is_some() || shared.dev && is_local(incoming.source);
    if !known {
        return Ok(Verdict::Refuse(403));
    }
    let read = |user: &str| shared.settings.number_of(incoming.gateway, user);
    let called = incoming.request.uri.user().unwrap_or_default();
    let Some(number) = read(&called) else { return Ok(Verdict::Refuse(404)) };
    let wanted = number.clone();
    let found = shared.store.read(move |reader| {
        let Some(held) = numbers::sender(reader, &wanted)? else { return Ok(None) };
        let hooks = numbers::call_hooks(reader, &held)?;
        Ok::<_, StoreError>(Some((held, hooks)))
    });
    let Some((held, hooks)) = found.await? else { return Ok(Verdict::Refuse(404)) };
    let account = shared.accounts.find(held.account).await?;
    if !held.voice || account.is_none_or(|account| account.status != AccountStatus::Active) {
        return Ok(Verdict::Refuse(404));
    }
    let headers = &incoming.request.headers;
    let (from, name) = caller(headers.get("From").unwrap_or_default(), read);
    let diverted = headers.get("Diversion").and_then(sip::message::Address::parse);
    let forwarded = diverted.and_then(|from| from.uri.user());
    let party = Party {
        account: held.account,
        from,
        name,
        to: number,
        number: Some(held.sid),
        forwarded: forwarded.map(|user| read(&user).unwrap_or(user)),
        path: Vec::new(),
    };
    let extra = extra(&incoming);
    admit(shared, incoming, party, hooks, extra).await
}

/// Whose a call is, and between whom.
pub(super) struct Party {
    pub(super) account: AccountSid,
    pub(super) from: String,
    pub(super) name: Option<String>,
    pub(super) to: String,
    pub(super) number: Option<base::PhoneNumberSid>,
    pub(super) forwarded: Option<String>,
    /// Numbers and applications of ours that it came through.
    pub(super) path: Vec<String>,
}

/// Lets a call in: it gets its row, and what it runs.
pub(super) async fn admit(
    shared: &Shared,
    incoming: sip::Incoming,
    party: Party,
    hooks: CallHooks,
    extra: voice::Params,
) -> Result<Verdict, StoreError> {
    let start = start(shared, &hooks);
    let callback = hooks.status_callback.map(|(url, get)| StatusCallback {
        hook: Hook { url, get },
        events: vec![Progress::Completed],
    });
    let (context, path) = (Arc::clone(&shared.context), party.path);
    let unit = move |tx: &mut Tx<'_>| {
        work::came_in(tx, &context, party.account, |call| {
            call.from = party.from;
            call.to = party.to;
            call.number = party.number;
            call.caller_name = party.name;
            call.forwarded_from = party.forwarded;
            call.callback = callback;
        })
    };
    let record = shared.store.write::<_, StoreError, _>(unit).await?;
    let offer = incoming.offer.map(Box::new);
    let leg = incoming.leg;
    let admission = Admission { leg, record, start, offer, extra, path };
    Ok(Verdict::Admit(Box::new(admission)))
}

/// What the call runs. A number without an address refuses its calls.
fn start(shared: &Shared, hooks: &CallHooks) -> voice::Start {
    let standing = shared.settings.voice_url.clone().map(|url| (url, false));
    let hook = |(url, get): (String, bool)| twiml::Hook { url, get };
    match hooks.primary.clone().or(standing) {
        Some(primary) => voice::Start::Fetch {
            primary: hook(primary),
            fallback: hooks.fallback.clone().map(hook),
        },
        None => voice::Start::Inline("<Response><Reject/></Response>".to_owned()),
    }
}

/// What requests of a SIP call tell besides.
pub(super) fn extra(incoming: &sip::Incoming) -> voice::Params {
    let mut params = voice::Params::new();
    if let Some(id) = incoming.request.headers.get("Call-ID") {
        params.push(("SipCallId".to_owned(), id.to_owned()));
    }
    params.push(("SipSourceIp".to_owned(), incoming.source.ip().to_string()));
    params
}

/// Who calls: a number where the address holds one, and the name beside it.
fn caller(from: &str, read: impl Fn(&str) -> Option<String>) -> (String, Option<String>) {
    let Some(address) = sip::message::Address::parse(from) else {
        return ("+266696687".to_owned(), None);
    };
    let name = address.display.clone().filter(|name| !name.is_empty());
    let user = address.uri.user().unwrap_or_default();
    match read(&user) {
        Some(number) => (number, name),
        // Nobody: Twilio's number for ANONYMOUS.
        None if user.eq_ignore_ascii_case("anonymous") => ("+266696687".to_owned(), name),
        None => (address.uri.bare().to_string(), name),
    }
}

/// A number as carriers write it: with `+`, `00`, or in full without either.
pub(super) fn e164(user: &str) -> Option<String> {
    let bare: String = user.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')' | ' ')).collect();
    let full = match (bare.strip_prefix('+'), bare.strip_prefix("00")) {
        (Some(_), _) => bare.clone(),
        (None, Some(rest)) => format!("+{rest}"),
        (None, None) if bare.len() == 10 => format!("+1{bare}"),
        (None, None) => format!("+{bare}"),
    };
    E164::parse(&full).ok().map(|number| number.to_string())
}

fn is_local(source: SocketAddr) -> bool {
    source.ip().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_carriers_write_them() {
        for user in ["+15550001111", "15550001111", "0015550001111", "5550001111"] {
            assert_eq!(e164(user).as_deref(), Some("+15550001111"), "{user}");
        }
        assert_eq!(e164("alice"), None);
        assert_eq!(caller("\"Ann\" <sip:+15558675310@h>;tag=1", e164).0, "+15558675310");
        assert_eq!(
            caller("<sip:alice@example.com:5070>;tag=1", e164).0,
            "sip:alice@example.com:5070"
        );
        assert_eq!(caller("Anonymous <sip:anonymous@anonymous.invalid>", e164).0, "+266696687");
    }
}
