//! Calls that come: whose they are, and whether they are let in.

use std::net::SocketAddr;
use std::sync::Arc;

use ::store::{StoreError, Tx};
use base::{AccountSid, E164};
use twiml::voice;

use crate::accounts::Status as AccountStatus;
use crate::numbers::{self, CallHooks, OwnedNumber};
use crate::voice::edge::{Edge, Shared, onnet};
use crate::voice::engine::{Admission, Input};
use crate::voice::model::{Hook, Progress, StatusCallback};
use crate::voice::params::Form;
use crate::voice::work;

/// What was found out about a call.
pub(super) enum Verdict {
    Admit(Box<Admission>),
    Refuse(u16),
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
    // A carrier's address is known; in `dev` so is this machine.
    let known = incoming.gateway.is_some() || shared.dev && is_local(incoming.source);
    if !known {
        return Ok(Verdict::Refuse(403));
    }
    let called = incoming.request.uri.user().unwrap_or_default();
    let Some(number) = e164(&called) else { return Ok(Verdict::Refuse(404)) };
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
    admit(shared, incoming, held, hooks, number).await
}

async fn admit(
    shared: &Shared,
    incoming: sip::Incoming,
    held: OwnedNumber,
    hooks: CallHooks,
    number: String,
) -> Result<Verdict, StoreError> {
    let start = start(shared, &hooks);
    let callback = hooks.status_callback.map(|(url, get)| StatusCallback {
        hook: Hook { url, get },
        events: vec![Progress::Completed],
    });
    let headers = &incoming.request.headers;
    let (from, name) = caller(headers.get("From").unwrap_or_default());
    let diverted = headers.get("Diversion").and_then(sip::message::Address::parse);
    let forwarded =
        diverted.and_then(|from| from.uri.user()).map(|user| e164(&user).unwrap_or(user));
    let extra = extra(&incoming);
    let context = Arc::clone(&shared.context);
    let (account, sid): (AccountSid, _) = (held.account, held.sid);
    let unit = move |tx: &mut Tx<'_>| {
        work::came_in(tx, &context, account, |call| {
            call.from = from;
            call.to = number;
            call.number = Some(sid);
            call.caller_name = name;
            call.forwarded_from = forwarded;
            call.callback = callback;
        })
    };
    let record = shared.store.write::<_, StoreError, _>(unit).await?;
    let offer = incoming.offer.map(Box::new);
    let (leg, more, path) = (incoming.leg, Vec::new(), Vec::new());
    let admission = Admission { leg, record, start, offer, extra, more, path };
    Ok(Verdict::Admit(Box::new(admission)))
}

/// What the call runs. A number without an address refuses its calls.
pub(super) fn start(shared: &Shared, hooks: &CallHooks) -> voice::Start {
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

/// What requests of a SIP call tell besides (`SipCallId`, `SipHeader_X-…`).
pub(super) fn extra(incoming: &sip::Incoming) -> Form {
    let headers = &incoming.request.headers;
    let mut form = Form::new();
    if let Some(id) = headers.get("Call-ID") {
        form.push(("SipCallId", id.to_owned()));
    }
    form.push(("SipSourceIp", incoming.source.ip().to_string()));
    form
}

/// Who calls: a number where the address holds one, and the name beside it.
fn caller(from: &str) -> (String, Option<String>) {
    let Some(address) = sip::message::Address::parse(from) else {
        return ("+266696687".to_owned(), None);
    };
    let name = address.display.clone().filter(|name| !name.is_empty());
    let user = address.uri.user().unwrap_or_default();
    match e164(&user) {
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
        assert_eq!(caller("\"Ann\" <sip:+15558675310@h>;tag=1").0, "+15558675310");
        assert_eq!(caller("<sip:alice@example.com:5070>;tag=1").0, "sip:alice@example.com:5070");
        assert_eq!(caller("Anonymous <sip:anonymous@anonymous.invalid>").0, "+266696687");
    }
}
