//! Calls to a SIP domain: from a mapped address, by a mapped user, or both where both are mapped.

use ::store::StoreError;
use sip::io::Transport;
use sip::message::Address;
use twiml::voice;

use super::{Party, Verdict, admit, extra};
use crate::resource::Document;
use crate::voice::domains::{self, mappings};
use crate::voice::edge::{Shared, registrar};

/// Twilio's code for an address that is in no access list.
const SOURCE_UNKNOWN: u32 = 32201;

/// Characters of SIP headers that an application is told at most.
const HEADERS_MAX: usize = 1_024;

/// Headers that an application is told beside those that begin with `X-`.
const HEADERS: [&str; 2] = ["User-to-User", "Remote-Party-ID"];

pub(super) async fn screen(
    shared: &Shared,
    incoming: sip::Incoming,
    domain: Document,
) -> Result<Verdict, StoreError> {
    let name = domain.text("DomainName").to_owned();
    let insecure = domain.flag("Secure") && incoming.transport != Transport::Tls;
    if insecure || !registrar::is_active(shared, &domain).await? {
        return Ok(Verdict::Refuse(403));
    }
    let (source, looked_at) = (incoming.source.ip(), domain.clone());
    let asked = shared.store.read(move |reader| {
        let source = domains::takes_source(reader, &looked_at, source)?;
        let users = mappings::mapped(reader, &mappings::CALL_CREDENTIALS, &looked_at)?;
        Ok::<_, StoreError>((source, !users.is_empty()))
    });
    let proved = incoming.authenticated.as_ref();
    let proved = proved.filter(|(_, realm)| realm.eq_ignore_ascii_case(&name));
    match (asked.await?, proved) {
        // Nobody may call a domain that maps nothing.
        ((None, false), _) => Ok(Verdict::Refuse(403)),
        ((Some(false), _), _) => {
            let told = "The caller's address is in no access list of this domain";
            shared.warn(&domain, source, SOURCE_UNKNOWN, told);
            Ok(Verdict::Refuse(403))
        }
        ((_, true), None) => Ok(Verdict::Challenge(name)),
        ((_, true), Some((user, _))) => {
            let user = user.clone();
            let_in(shared, incoming, &domain, Some(user)).await
        }
        ((Some(true), false), _) => let_in(shared, incoming, &domain, None).await,
    }
}

async fn let_in(
    shared: &Shared,
    incoming: sip::Incoming,
    domain: &Document,
    user: Option<String>,
) -> Result<Verdict, StoreError> {
    let headers = &incoming.request.headers;
    let from = headers.get("From").and_then(Address::parse);
    let name = from.as_ref().and_then(|from| from.display.clone());
    let nobody = || "sip:anonymous@anonymous.invalid".to_owned();
    let from = from.map_or_else(nobody, |from| plain(&from.uri));
    let diverted = headers.get("Diversion").and_then(Address::parse);
    let party = Party {
        account: domain.account,
        from,
        name: name.filter(|name| !name.is_empty()),
        to: plain(&incoming.request.uri),
        number: None,
        forwarded: diverted.map(|from| plain(&from.uri)),
        path: Vec::new(),
    };
    let mut extra = extra(&incoming);
    extra.push(("SipDomain".to_owned(), domain.text("DomainName").to_owned()));
    extra.push(("SipDomainSid".to_owned(), domain.sid.to_string()));
    extra.extend(user.map(|user| ("SipUsername".to_owned(), user)));
    extra.extend(told(&incoming.request));
    admit(shared, incoming, party, domains::hooks(domain), extra).await
}

/// An address without parameters.
fn plain(uri: &sip::Uri) -> String {
    sip::Uri::sip(uri.user().as_deref(), &uri.host, uri.port).to_string()
}

/// `SipHeader_X-…`, as long as there is room.
fn told(request: &sip::message::Request) -> voice::Params {
    let mut room = HEADERS_MAX;
    let mut told = voice::Params::new();
    for header in request.headers.iter() {
        let (name, value) = (&*header.name, &*header.value);
        let custom = name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("X-"));
        let wanted = custom || HEADERS.iter().any(|known| known.eq_ignore_ascii_case(name));
        let length = name.len() + value.len();
        if wanted && length <= room {
            room -= length;
            told.push((format!("SipHeader_{name}"), value.to_owned()));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_told_up_to_a_bound() {
        let mut request = sip::message::Request::new(
            sip::message::Method::Invite,
            sip::Uri::sip(Some("a"), "foo.sip.twilio.com", None),
        );
        request.headers.push("X-Order", "17");
        request.headers.push("x-long", &"y".repeat(1_100));
        request.headers.push("User-To-User", "abc");
        request.headers.push("Subject", "private");
        let told = told(&request);
        let expected = [("SipHeader_X-Order", "17"), ("SipHeader_User-To-User", "abc")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(told, expected);
    }
}
