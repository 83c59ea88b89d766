//! Numbers: the inventory that the operator owns, and who holds which of them.

pub mod api;
pub mod import;
pub mod resources;
pub mod store;

use ::store::{Query, StoreError, Tx};
use base::{AccountSid, PhoneNumberSid};

pub use store::{InventoryNumber, NumberKind};

use crate::accounts::resources::APPLICATION;
use crate::accounts::{Permission, Verb};
use crate::numbers::resources::{INCOMING_PHONE_NUMBER, OUTGOING_CALLER_ID};
use crate::registry::Product;
use crate::resource::{Document, Refusal, store::find};

/// What this product is.
pub static PRODUCT: Product = Product {
    name: "numbers",
    migrations: &[store::MIGRATIONS],
    resources: &resources::RESOURCES,
    closing: &[resources::release_all],
    open_to_test: &[Permission::new(INCOMING_PHONE_NUMBER.permission, Verb::Create)],
    install: |_, installed| {
        let shared = installed.shared().ok_or("declared resources are not there")?;
        api::routes(&mut installed.routes, &shared);
        Ok(())
    },
    ..Product::BASE
};

/// A number that an account holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedNumber {
    /// Who holds it.
    pub account: AccountSid,
    /// Its resource.
    pub sid: PhoneNumberSid,
    /// Whether it sends and receives texts.
    pub sms: bool,
    /// Whether it sends and receives media.
    pub mms: bool,
    /// Whether it calls and is called.
    pub voice: bool,
}

/// Who holds a number, if anybody does. One indexed query: it is asked on the accept path.
pub fn sender(query: &mut impl Query, e164: &str) -> Result<Option<OwnedNumber>, StoreError> {
    store::owner(query, e164)
}

/// Whether `number` is a verified number of the account: what a trial may reach.
pub fn is_verified(
    query: &mut impl Query,
    account: AccountSid,
    number: &str,
) -> Result<bool, StoreError> {
    let field = "PhoneNumber";
    crate::resource::store::has(query, &OUTGOING_CALLER_ID, account, field, number)
}

/// A number of the account that calls, if it has one: the newest.
pub fn voice_number(
    query: &mut impl Query,
    account: AccountSid,
) -> Result<Option<String>, StoreError> {
    let listed =
        crate::resource::store::list(query, &INCOMING_PHONE_NUMBER, account, &[], None, 50);
    for held in listed? {
        let number = held.text("PhoneNumber");
        if store::owner(query, number)?.is_some_and(|owned| owned.voice) {
            return Ok(Some(number.to_owned()));
        }
    }
    Ok(None)
}

/// Notes that a number was proved to belong to the account's owner.
pub fn verify(tx: &mut Tx<'_>, account: AccountSid, number: &str) -> Result<(), Refusal> {
    match is_verified(tx, account, number)? {
        true => Ok(()),
        false => verify_as(tx, account, number, &store::national(number)).map(drop),
    }
}

/// Likewise, under a name; the resource of a number that is proved for the first time.
pub fn verify_as(
    tx: &mut Tx<'_>,
    account: AccountSid,
    number: &str,
    name: &str,
) -> Result<base::AnySid, Refusal> {
    let parsed = base::E164::parse(number).map_err(|_| {
        let text = format!("'{number}' is no number like +15551230001");
        base::ApiError::new(base::code::BAD_REQUEST, text)
    })?;
    let mut draft = resources::own_draft(&OUTGOING_CALLER_ID, tx.new_sid(), account)?;
    draft.set("PhoneNumber", parsed.as_str());
    draft.set("FriendlyName", name);
    let document = crate::resource::store::insert(tx, &OUTGOING_CALLER_ID, &draft)?;
    Ok(document.sid)
}

/// Numbers for a first look: several countries, from ranges that are reserved for fiction where a
/// country has them. North American ones first.
const DEV_STOCK: &[(&str, &str, NumberKind, &str, &str)] = &[
    ("+14155550100", "US", NumberKind::Local, "CA", "San Francisco"),
    ("+14155550101", "US", NumberKind::Local, "CA", "San Francisco"),
    ("+12125550102", "US", NumberKind::Local, "NY", "New York"),
    ("+12125550103", "US", NumberKind::Local, "NY", "New York"),
    ("+13125550104", "US", NumberKind::Local, "IL", "Chicago"),
    ("+18005550105", "US", NumberKind::TollFree, "", ""),
    ("+14165550106", "CA", NumberKind::Local, "ON", "Toronto"),
    ("+447700900100", "GB", NumberKind::Mobile, "", ""),
    ("+447700900101", "GB", NumberKind::Mobile, "", ""),
    ("+442079460100", "GB", NumberKind::Local, "", "London"),
    ("+33199000100", "FR", NumberKind::Local, "", "Paris"),
    ("+33639980100", "FR", NumberKind::Mobile, "", ""),
    ("+4915700000100", "DE", NumberKind::Mobile, "", ""),
    ("+61491570100", "AU", NumberKind::Mobile, "", ""),
    ("+919999900100", "IN", NumberKind::Mobile, "", ""),
    ("+5511999990100", "BR", NumberKind::Mobile, "", ""),
];

/// Puts the numbers of `dev` into the inventory.
pub fn seed_dev(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    for (e164, country, kind, region, locality) in DEV_STOCK {
        let number = InventoryNumber {
            e164: (*e164).to_owned(),
            country: (*country).to_owned(),
            kind: *kind,
            region: (*region).to_owned(),
            locality: (*locality).to_owned(),
            sms: true,
            mms: matches!(*country, "US" | "CA"),
            voice: true,
        };
        store::add(tx, &number)?;
    }
    Ok(())
}

/// The two numbers that the main account of `dev` begins with.
pub const DEV_OWNED: [&str; 2] = ["+15550001111", "+442079460999"];

/// Gives numbers to an account, adding them to the inventory when they are not there. Numbers
/// that somebody holds stay with their holder.
pub fn own(
    tx: &mut Tx<'_>,
    account: AccountSid,
    numbers: &[String],
    sms_url: Option<&str>,
) -> Result<(), Refusal> {
    for e164 in numbers.iter().map(|number| number.trim()).filter(|number| !number.is_empty()) {
        let country = base::E164::parse(e164).ok().and_then(|number| number.country());
        let number = InventoryNumber {
            e164: e164.to_owned(),
            country: country.unwrap_or_else(|| "US".to_owned()),
            kind: NumberKind::Local,
            region: String::new(),
            locality: String::new(),
            sms: true,
            mms: true,
            voice: true,
        };
        store::add(tx, &number)?;
        let sid: PhoneNumberSid = tx.new_sid();
        if !store::take(tx, e164, account, sid)? {
            continue;
        }
        let mut draft = resources::own_draft(&INCOMING_PHONE_NUMBER, sid, account)?;
        resources::describe(&mut draft, &number);
        if let Some(url) = sms_url {
            draft.set("SmsUrl", url);
        }
        crate::resource::store::insert(tx, &INCOMING_PHONE_NUMBER, &draft)?;
    }
    Ok(())
}

/// Where the application is asked about inbound messages of a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageHooks {
    /// The address, and whether it is asked by GET.
    pub primary: Option<(String, bool)>,
    /// Asked when the primary one fails.
    pub fallback: Option<(String, bool)>,
    /// Where status changes of replies are told.
    pub status_callback: Option<String>,
}

/// The hooks of a held number: its own, or those of its application.
pub fn message_hooks(
    query: &mut impl Query,
    number: &OwnedNumber,
) -> Result<MessageHooks, StoreError> {
    let held = find(query, &INCOMING_PHONE_NUMBER, number.account, number.sid.into())?;
    let Some(held) = held else { return Ok(MessageHooks::default()) };
    let application = held.given("SmsApplicationSid").and_then(|sid| sid.parse().ok());
    let application = match application {
        Some(sid) => find(query, &APPLICATION, number.account, sid)?,
        None => None,
    };
    let document = application.as_ref().unwrap_or(&held);
    let hook = |url: &str, method: &str| {
        Some((document.given(url)?.to_owned(), document.text(method) == "GET"))
    };
    let callback = if application.is_some() { "MessageStatusCallback" } else { "StatusCallback" };
    Ok(MessageHooks {
        primary: hook("SmsUrl", "SmsMethod"),
        fallback: hook("SmsFallbackUrl", "SmsFallbackMethod"),
        status_callback: document.given(callback).map(str::to_owned),
    })
}

/// Where the application is asked about calls to a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallHooks {
    /// The address, and whether it is asked by GET.
    pub primary: Option<(String, bool)>,
    /// Asked when the primary one fails.
    pub fallback: Option<(String, bool)>,
    /// Where the call's end is told, and whether by GET.
    pub status_callback: Option<(String, bool)>,
}

/// The hooks of a held number: its own, or those of its application.
pub fn call_hooks(query: &mut impl Query, number: &OwnedNumber) -> Result<CallHooks, StoreError> {
    let held = find(query, &INCOMING_PHONE_NUMBER, number.account, number.sid.into())?;
    let Some(held) = held else { return Ok(CallHooks::default()) };
    match held.given("VoiceApplicationSid").and_then(|sid| sid.parse().ok()) {
        Some(sid) => application_hooks(query, number.account, sid),
        None => Ok(hooks_of(&held)),
    }
}

/// The hooks of an application, if the account has it; none of them if not.
pub fn application_hooks(
    query: &mut impl Query,
    account: AccountSid,
    application: base::AnySid,
) -> Result<CallHooks, StoreError> {
    let found = find(query, &APPLICATION, account, application)?;
    Ok(found.as_ref().map(hooks_of).unwrap_or_default())
}

/// The hooks of an application that an account may call: its own, or one that is open to others;
/// with whose it is.
pub fn application_anywhere(
    query: &mut impl Query,
    account: AccountSid,
    application: base::AnySid,
) -> Result<Option<(AccountSid, CallHooks)>, StoreError> {
    let found = crate::resource::store::find_anywhere(query, &APPLICATION, application)?;
    let open = |it: &Document| it.account == account || it.flag("PublicApplicationConnectEnabled");
    Ok(found.filter(open).map(|found| (found.account, hooks_of(&found))))
}

fn hooks_of(document: &Document) -> CallHooks {
    let hook = |url: &str, method: &str| {
        Some((document.given(url)?.to_owned(), document.text(method) == "GET"))
    };
    CallHooks {
        primary: hook("VoiceUrl", "VoiceMethod"),
        fallback: hook("VoiceFallbackUrl", "VoiceFallbackMethod"),
        status_callback: hook("StatusCallback", "StatusCallbackMethod"),
    }
}
