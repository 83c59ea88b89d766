//! SIP domains: names under which an account takes calls and registrations of phones.

mod hex;
pub mod mappings;
pub mod resources;
pub mod rules;

use core::net::IpAddr;

use ::store::{Query, StoreError};
use base::{MasterKey, Secret};

use crate::numbers::CallHooks;
use crate::resource::{self, Document, Resource};
use crate::voice::domains::mappings::mapped;
use crate::voice::domains::resources::{CREDENTIAL, DOMAIN, IP_ADDRESS};
use crate::voice::store::domains as sql;

/// Addresses of a list that are looked at.
const ADDRESSES_MAX: u32 = 100;

/// Every declared resource of SIP domains.
pub static RESOURCES: [&Resource; 10] = [
    &resources::DOMAIN,
    &resources::CREDENTIAL_LIST,
    &resources::CREDENTIAL,
    &resources::ACCESS_LIST,
    &resources::IP_ADDRESS,
    &mappings::CALL_CREDENTIALS,
    &mappings::CALL_ADDRESSES,
    &mappings::REGISTRATION_CREDENTIALS,
    &mappings::CALL_CREDENTIALS_BEFORE,
    &mappings::CALL_ADDRESSES_BEFORE,
];

/// The domain of a host name, whoever holds it.
pub fn named(query: &mut impl Query, host: &str) -> Result<Option<Document>, StoreError> {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let Some((account, sid)) = sql::holder(query, &name)? else { return Ok(None) };
    resource::store::find(query, &DOMAIN, account, sid)
}

/// Whether an address may call a domain; `None` where no addresses are said.
pub fn takes_source(
    query: &mut impl Query,
    domain: &Document,
    source: IpAddr,
) -> Result<Option<bool>, StoreError> {
    let lists = mapped(query, &mappings::CALL_ADDRESSES, domain)?;
    for list in &lists {
        let of = (domain.account, list.bytes);
        let held = resource::store::list_of(query, &IP_ADDRESS, of, &[], None, ADDRESSES_MAX)?;
        let within = |address: &Document| {
            let prefix = address.int("CidrPrefixLength");
            rules::network(address.text("IpAddress"), prefix)
                .is_ok_and(|network| sip::gateway::is_within(network, source))
        };
        if held.iter().any(within) {
            return Ok(Some(true));
        }
    }
    Ok((!lists.is_empty()).then_some(false))
}

/// The password of a user of the lists that are mapped to a domain.
pub fn password(
    query: &mut impl Query,
    master: &MasterKey,
    domain: &Document,
    mapping: &Resource,
    username: &str,
) -> Result<Option<Secret>, StoreError> {
    let found = user(query, domain, mapping, username)?;
    found.map(|credential| opened(master, &credential)).transpose()
}

/// Whether somebody is, still, a user of the lists that are mapped to a domain.
pub fn has_user(
    query: &mut impl Query,
    domain: &Document,
    mapping: &Resource,
    username: &str,
) -> Result<bool, StoreError> {
    Ok(user(query, domain, mapping, username)?.is_some())
}

fn user(
    query: &mut impl Query,
    domain: &Document,
    mapping: &Resource,
    username: &str,
) -> Result<Option<Document>, StoreError> {
    for list in mapped(query, mapping, domain)? {
        let of = (domain.account, list.bytes);
        let named = [("Username".to_owned(), username.to_owned())];
        let mut found = resource::store::list_of(query, &CREDENTIAL, of, &named, None, 1)?;
        if let Some(found) = found.pop() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn opened(master: &MasterKey, credential: &Document) -> Result<Secret, StoreError> {
    let broken = || StoreError::Corrupt("a password does not open under this master key");
    let sealed = hex::read(credential.text("PasswordSealed")).ok_or_else(broken)?;
    let plain = master.open(&credential.sid.bytes, &sealed).map_err(|_| broken())?;
    Ok(Secret::new(String::from_utf8(plain).map_err(|_| broken())?))
}

/// Where the application is asked about calls to a domain.
pub fn hooks(domain: &Document) -> CallHooks {
    let hook = |url: &str, method: &str| {
        let url = domain.given(url)?;
        Some((url.to_owned(), domain.text(method) == "GET"))
    };
    CallHooks {
        primary: hook("VoiceUrl", "VoiceMethod"),
        fallback: hook("VoiceFallbackUrl", "VoiceFallbackMethod"),
        status_callback: hook("VoiceStatusCallbackUrl", "VoiceStatusCallbackMethod"),
    }
}
