//! Which lists a domain goes by. A mapping is shown as the list that it stands for.

use ::store::{Query, StoreError};
use base::{AnySid, ApiError};
use serde_json::{Map, Value};

use crate::accounts::Verb;
use crate::resource::{self, Document, Draft, Field, Refusal, Resource, Rules, Scene, events};
use crate::voice::domains::resources::{ACCESS_LIST, CREDENTIAL_LIST, DOMAIN};

/// Lists that are mapped to one domain at most.
pub const MAPPED_MAX: u32 = 100;

/// The list is mapped already, or the domain's mappings are full.
const BAD_MAPPING: u32 = 21231;

const OPERATIONS: &[Verb] = &[Verb::Create, Verb::Read, Verb::List, Verb::Delete];

/// Who may call a domain by a password.
pub static CALL_CREDENTIALS: Resource = Resource {
    kind: "sip_call_credentials",
    title: "CredentialListMapping",
    prefix: "CL",
    path: "/2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Calls/CredentialListMappings",
    list_key: "contents",
    permission: "voice/sip-mappings",
    operations: OPERATIONS,
    fields: &[
        Field::sid("CredentialListSid", "CL").required().create_only().hidden(),
        Field::computed("FriendlyName"),
    ],
    unique: &[("CredentialListSid", BAD_MAPPING)],
    parent: Some(&DOMAIN),
    key: Some("CredentialListSid"),
    events: events!("voice.sip_call_credentials"),
    rules: Rules {
        create: Some(map_credentials),
        view: Some(|mapping, json| as_list(mapping, "CredentialListSid", json)),
        look: Some(|reader, mapping, _, json| {
            name(reader, mapping, (&CREDENTIAL_LIST, "CredentialListSid"), json)
        }),
        ..Rules::NONE
    },
    ..Resource::BASE
};

/// The same under its older address.
pub static CALL_CREDENTIALS_BEFORE: Resource = Resource {
    path: "/2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/CredentialListMappings",
    list_key: "credential_list_mappings",
    rules: Rules {
        view: Some(|mapping, json| as_older_list(mapping, "CredentialListSid", json)),
        ..CALL_CREDENTIALS.rules
    },
    ..CALL_CREDENTIALS
};

/// Who may register with a domain.
pub static REGISTRATION_CREDENTIALS: Resource = Resource {
    kind: "sip_registration_credentials",
    path: "/2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Registrations/CredentialListMappings",
    events: events!("voice.sip_registration_credentials"),
    ..CALL_CREDENTIALS
};

/// Where calls to a domain may come from.
pub static CALL_ADDRESSES: Resource = Resource {
    kind: "sip_call_addresses",
    title: "IpAccessControlListMapping",
    prefix: "AL",
    path: "/2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/Auth/Calls/IpAccessControlListMappings",
    fields: &[
        Field::sid("IpAccessControlListSid", "AL").required().create_only().hidden(),
        Field::computed("FriendlyName"),
    ],
    unique: &[("IpAccessControlListSid", BAD_MAPPING)],
    key: Some("IpAccessControlListSid"),
    events: events!("voice.sip_call_addresses"),
    rules: Rules {
        create: Some(map_addresses),
        view: Some(|mapping, json| as_list(mapping, "IpAccessControlListSid", json)),
        look: Some(|reader, mapping, _, json| {
            name(reader, mapping, (&ACCESS_LIST, "IpAccessControlListSid"), json)
        }),
        ..Rules::NONE
    },
    ..CALL_CREDENTIALS
};

/// The same under its older address.
pub static CALL_ADDRESSES_BEFORE: Resource = Resource {
    path: "/2010-04-01/Accounts/{AccountSid}/SIP/Domains/{DomainSid}/IpAccessControlListMappings",
    list_key: "ip_access_control_list_mappings",
    rules: Rules {
        view: Some(|mapping, json| as_older_list(mapping, "IpAccessControlListSid", json)),
        ..CALL_ADDRESSES.rules
    },
    ..CALL_ADDRESSES
};

fn map_credentials(scene: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    map(scene, draft, (&CREDENTIAL_LIST, "CredentialListSid"))
}

fn map_addresses(scene: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    map(scene, draft, (&ACCESS_LIST, "IpAccessControlListSid"))
}

/// Only a list of the same account can be mapped.
fn map(
    scene: &mut Scene<'_, '_>,
    draft: &mut Draft,
    (of, field): (&Resource, &str),
) -> Result<(), Refusal> {
    let sid: Option<AnySid> = draft.text(field).parse().ok();
    let found = match sid {
        Some(sid) => resource::store::find(scene.tx, of, draft.account, sid)?,
        None => None,
    };
    let Some(list) = found else {
        let text = format!("{field}: there is no {} {}", of.title, draft.text(field));
        return Err(ApiError::new(base::code::NOT_FOUND, text).into());
    };
    draft.set("FriendlyName", list.text("FriendlyName"));
    Ok(())
}

fn as_list(mapping: &Document, field: &str, json: &mut Map<String, Value>) {
    as_older_list(mapping, field, json);
    for member in ["uri", "domain_sid"] {
        json.remove(member);
    }
}

fn as_older_list(mapping: &Document, field: &str, json: &mut Map<String, Value>) {
    json.insert("sid".to_owned(), mapping.text(field).into());
}

/// A list may have been renamed since.
fn name(
    query: &mut impl Query,
    mapping: &Document,
    (of, field): (&Resource, &str),
    json: &mut Map<String, Value>,
) -> Result<(), StoreError> {
    let Ok(sid) = mapping.text(field).parse::<AnySid>() else { return Ok(()) };
    if let Some(list) = resource::store::find(query, of, mapping.account, sid)? {
        json.insert("friendly_name".to_owned(), list.text("FriendlyName").into());
    }
    Ok(())
}

/// The lists that are mapped to a domain in one way.
pub fn mapped(
    query: &mut impl Query,
    mapping: &Resource,
    domain: &Document,
) -> Result<Vec<AnySid>, StoreError> {
    let of = (domain.account, domain.sid.bytes);
    let found = resource::store::list_of(query, mapping, of, &[], None, MAPPED_MAX)?;
    let field = mapping.key.unwrap_or_default();
    Ok(found.iter().filter_map(|mapping| mapping.text(field).parse().ok()).collect())
}

/// How calls to a domain are known, in Twilio's words.
pub fn kinds_of(query: &mut impl Query, domain: &Document) -> Result<String, StoreError> {
    let mut kinds = Vec::new();
    if !mapped(query, &CALL_ADDRESSES, domain)?.is_empty() {
        kinds.push("IP_ACL");
    }
    if !mapped(query, &CALL_CREDENTIALS, domain)?.is_empty() {
        kinds.push("CREDENTIAL_LIST");
    }
    Ok(kinds.join(","))
}
