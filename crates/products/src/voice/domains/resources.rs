//! The declared resources of SIP domains: domains, lists of credentials and of addresses.

use base::{ApiError, Secret};
use serde_json::{Map, Value, json};

use crate::resource::{Document, Draft, Field, Refusal, Resource, Rules, Scene, events};
use crate::voice::domains::rules::{self, BAD_ADDRESS, BAD_CREDENTIAL, BAD_NAME};
use crate::voice::domains::{hex, mappings};
use crate::voice::store::domains as sql;

const DOMAINS_FULL: u32 = 21230;
const BAD_DOMAIN: u32 = 21231;
const BAD_ACCESS_LIST: u32 = 21235;
const ACCESS_LIST_IN_USE: u32 = 21236;
const ADDRESSES_FULL: u32 = 21237;
const CREDENTIAL_LISTS_FULL: u32 = 21239;
const BAD_CREDENTIAL_LIST: u32 = 21240;
const CREDENTIAL_LIST_IN_USE: u32 = 21241;
const CREDENTIALS_FULL: u32 = 21242;
const ACCESS_LISTS_FULL: u32 = 21255;
const BAD_TRUNK: u32 = 21300;

/// Domains, and lists of either kind, of one account at most.
const HELD_MAX: i64 = 100;
/// Users of a list at most, as Twilio allows.
const CREDENTIALS_MAX: i64 = 1_000;
/// Addresses of a list at most, as Twilio allows.
const ADDRESSES_MAX: i64 = 100;

/// A host name under which an account takes calls and registrations by SIP.
pub static DOMAIN: Resource = Resource {
    kind: "sip_domain",
    title: "Domain",
    prefix: "SD",
    path: "/2010-04-01/Accounts/{AccountSid}/SIP/Domains",
    list_key: "domains",
    permission: "voice/sip-domains",
    fields: &[
        Field::text("DomainName", 253).required().code(BAD_NAME),
        Field::text("FriendlyName", 64).code(BAD_DOMAIN),
        Field::computed("ApiVersion"),
        Field::computed("AuthType"),
        Field::url("VoiceUrl").code(BAD_DOMAIN),
        Field::method("VoiceMethod").code(BAD_DOMAIN),
        Field::url("VoiceFallbackUrl").code(BAD_DOMAIN),
        Field::method("VoiceFallbackMethod").code(BAD_DOMAIN),
        Field::url("VoiceStatusCallbackUrl").code(BAD_DOMAIN),
        Field::method("VoiceStatusCallbackMethod").code(BAD_DOMAIN),
        Field::flag("SipRegistration", false).code(BAD_DOMAIN),
        Field::flag("EmergencyCallingEnabled", false).code(BAD_DOMAIN),
        Field::flag("Secure", false).code(BAD_DOMAIN),
        Field::sid("ByocTrunkSid", "BY").code(BAD_TRUNK),
        Field::sid("EmergencyCallerSid", "PN").code(BAD_DOMAIN),
        Field::computed("SubresourceUris"),
    ],
    events: events!("voice.sip_domain"),
    rules: Rules {
        create: Some(claim),
        update: Some(rename),
        delete: Some(give_up),
        view: Some(|document, json| {
            let under = ["CredentialListMappings", "IpAccessControlListMappings"];
            subresources(document, &DOMAIN, json, &under);
        }),
        look: Some(|reader, document, _, json| {
            let kinds = mappings::kinds_of(reader, document)?;
            json.insert("auth_type".to_owned(), kinds.into());
            Ok(())
        }),
        ..Rules::NONE
    },
    ..Resource::BASE
};

fn claim(scene: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    room(scene, (&DOMAIN, draft), HELD_MAX, DOMAINS_FULL)?;
    let name = rules::domain_name(draft.text("DomainName"), scene.said.all("sip_domains"))?;
    take_name(scene, draft, name)?;
    draft.set("ApiVersion", "2010-04-01");
    draft.set("AuthType", "");
    Ok(())
}

fn rename(scene: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    let before = draft.before.get("domain_name").and_then(Value::as_str).unwrap_or_default();
    if draft.text("DomainName") == before {
        return Ok(());
    }
    let name = rules::domain_name(draft.text("DomainName"), scene.said.all("sip_domains"))?;
    sql::release(scene.tx, before)?;
    take_name(scene, draft, name)
}

/// A name is one account's alone.
fn take_name(scene: &mut Scene<'_, '_>, draft: &mut Draft, name: String) -> Result<(), Refusal> {
    if !sql::take(scene.tx, &name, draft.account, draft.sid)? {
        let text = format!("DomainName '{name}' is taken");
        return Err(ApiError::new(BAD_DOMAIN, text).into());
    }
    draft.set("DomainName", name);
    Ok(())
}

fn give_up(scene: &mut Scene<'_, '_>, document: &Document) -> Result<(), Refusal> {
    sql::release(scene.tx, document.text("DomainName"))?;
    Ok(())
}

/// Gives up every domain of an account that is being closed.
pub fn release_all(tx: &mut ::store::Tx<'_>, account: base::AccountSid) -> Result<(), Refusal> {
    let held = crate::resource::store::list(tx, &DOMAIN, account, &[], None, 1_000)?;
    for document in held {
        sql::release(tx, document.text("DomainName"))?;
        crate::resource::store::delete(tx, &DOMAIN, &document)?;
    }
    Ok(())
}

/// A list of users that may call, or register, by a password.
pub static CREDENTIAL_LIST: Resource = Resource {
    kind: "sip_credential_list",
    title: "CredentialList",
    prefix: "CL",
    path: "/2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists",
    list_key: "credential_lists",
    permission: "voice/sip-credential-lists",
    fields: &[
        Field::text("FriendlyName", 64).required().code(BAD_CREDENTIAL_LIST),
        Field::computed("SubresourceUris"),
    ],
    events: events!("voice.sip_credential_list"),
    rules: Rules {
        create: Some(|scene, draft| {
            room(scene, (&CREDENTIAL_LIST, draft), HELD_MAX, CREDENTIAL_LISTS_FULL)
        }),
        delete: Some(|scene, list| unmapped(scene, list, CREDENTIAL_LIST_IN_USE)),
        view: Some(|list, json| subresources(list, &CREDENTIAL_LIST, json, &["Credentials"])),
        ..Rules::NONE
    },
    ..Resource::BASE
};

/// A user of a list. The password is sealed, and never shown.
pub static CREDENTIAL: Resource = Resource {
    kind: "sip_credential",
    title: "Credential",
    prefix: "CR",
    path: "/2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{CredentialListSid}/Credentials",
    list_key: "credentials",
    permission: "voice/sip-credentials",
    fields: &[
        Field::text("Username", 32).required().create_only().code(BAD_CREDENTIAL),
        Field::text("Password", 128).required().hidden().code(BAD_CREDENTIAL),
        Field::computed("PasswordSealed").hidden(),
    ],
    unique: &[("Username", BAD_CREDENTIAL)],
    parent: Some(&CREDENTIAL_LIST),
    events: events!("voice.sip_credential"),
    rules: Rules {
        create: Some(|scene, draft| {
            room(scene, (&CREDENTIAL, draft), CREDENTIALS_MAX, CREDENTIALS_FULL)?;
            rules::username(draft.text("Username"))?;
            seal_password(scene, draft)
        }),
        update: Some(seal_password),
        ..Rules::NONE
    },
    ..Resource::BASE
};

/// The password leaves the members before anything is written.
fn seal_password(scene: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    let password = draft.text("Password").to_owned();
    draft.set("Password", Value::Null);
    rules::password(&password)?;
    let (tx, secret) = (&mut *scene.tx, Secret::new(password));
    let sealed = crate::accounts::store::seal(tx, scene.master, draft.sid.bytes, &secret);
    draft.set("PasswordSealed", hex::write(&sealed));
    Ok(())
}

/// A list of addresses that calls may come from.
pub static ACCESS_LIST: Resource = Resource {
    kind: "sip_access_list",
    title: "IpAccessControlList",
    prefix: "AL",
    path: "/2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists",
    list_key: "ip_access_control_lists",
    permission: "voice/sip-access-lists",
    fields: &[
        Field::text("FriendlyName", 255).required().code(BAD_ACCESS_LIST),
        Field::computed("SubresourceUris"),
    ],
    events: events!("voice.sip_access_list"),
    rules: Rules {
        create: Some(|scene, draft| {
            room(scene, (&ACCESS_LIST, draft), HELD_MAX, ACCESS_LISTS_FULL)
        }),
        delete: Some(|scene, list| unmapped(scene, list, ACCESS_LIST_IN_USE)),
        view: Some(|list, json| subresources(list, &ACCESS_LIST, json, &["IpAddresses"])),
        ..Rules::NONE
    },
    ..Resource::BASE
};

/// An address, or a network, of a list.
pub static IP_ADDRESS: Resource = Resource {
    kind: "sip_ip_address",
    title: "IpAddress",
    prefix: "IP",
    path: "/2010-04-01/Accounts/{AccountSid}/SIP/IpAccessControlLists/{IpAccessControlListSid}/IpAddresses",
    list_key: "ip_addresses",
    permission: "voice/sip-ip-addresses",
    fields: &[
        Field::text("FriendlyName", 255).required().code(BAD_ADDRESS),
        Field::text("IpAddress", 45).required().code(BAD_ADDRESS),
        Field::int("CidrPrefixLength", 1, 128).code(BAD_ADDRESS),
    ],
    parent: Some(&ACCESS_LIST),
    events: events!("voice.sip_ip_address"),
    rules: Rules {
        create: Some(|scene, draft| {
            room(scene, (&IP_ADDRESS, draft), ADDRESSES_MAX, ADDRESSES_FULL)?;
            check_network(scene, draft)
        }),
        update: Some(check_network),
        ..Rules::NONE
    },
    ..Resource::BASE
};

fn check_network(_: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    let prefix = draft.data.get("cidr_prefix_length").and_then(Value::as_i64);
    let (address, prefix) = rules::network(draft.text("IpAddress"), prefix)?;
    draft.set("IpAddress", address.to_string());
    draft.set("CidrPrefixLength", prefix);
    Ok(())
}

/// Refuses one more than there may be.
fn room(
    scene: &mut Scene<'_, '_>,
    (resource, draft): (&Resource, &Draft),
    most: i64,
    code: u32,
) -> Result<(), Refusal> {
    let held = sql::count(scene.tx, resource.kind, draft.account, draft.parent(resource))?;
    if held >= most {
        let text = format!("There are {most} of {} already: no more fit", resource.title);
        return Err(ApiError::new(code, text).into());
    }
    Ok(())
}

/// A list that a domain uses stays.
fn unmapped(scene: &mut Scene<'_, '_>, list: &Document, code: u32) -> Result<(), Refusal> {
    if sql::is_mapped(scene.tx, list.account, list.sid)? {
        let text = format!("{} is mapped to a domain: take the mapping away first", list.sid);
        return Err(ApiError::new(code, text).into());
    }
    Ok(())
}

/// The addresses of what belongs to a document.
fn subresources(
    document: &Document,
    resource: &Resource,
    json: &mut Map<String, Value>,
    under: &[&str],
) {
    let path = document.path(resource);
    let address =
        |name: &&str| (crate::resource::member(name), json!(format!("{path}/{name}.json")));
    let uris: Map<String, Value> = under.iter().map(address).collect();
    json.insert("subresource_uris".to_owned(), uris.into());
}
