//! The declared resources of numbers.

use base::{AnySid, ApiError, PhoneNumberSid, Sid};
use serde_json::{Map, Value, json};

use crate::accounts::{Kind, Verb};
use crate::numbers::store::{self, InventoryNumber, NumberKind};
use crate::resource::{Document, Draft, Field, Refusal, Resource, Rules, Scene, events};

/// Every declared resource of this product.
pub static RESOURCES: [&Resource; 3] = [&INCOMING_PHONE_NUMBER, &SHORT_CODE, &OUTGOING_CALLER_ID];

/// A number that an account holds.
pub static INCOMING_PHONE_NUMBER: Resource = Resource {
    kind: "incoming_phone_number",
    title: "IncomingPhoneNumber",
    prefix: "PN",
    path: "/2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers",
    list_key: "incoming_phone_numbers",
    permission: "api/incoming-phone-numbers",
    fields: &[
        Field::text("FriendlyName", 64),
        Field::phone("PhoneNumber").create_only().code(NOT_A_NUMBER),
        Field::text("ApiVersion", 10).or("2010-04-01"),
        Field::url("SmsUrl").code(BAD_URL).or_empty(),
        Field::method("SmsMethod").code(BAD_METHOD),
        Field::url("SmsFallbackUrl").code(BAD_URL).or_empty(),
        Field::method("SmsFallbackMethod").code(BAD_METHOD),
        Field::sid("SmsApplicationSid", "AP").or_empty(),
        Field::url("StatusCallback").code(BAD_URL).or_empty(),
        Field::method("StatusCallbackMethod").code(BAD_METHOD),
        Field::url("VoiceUrl").code(BAD_URL).or_empty(),
        Field::method("VoiceMethod").code(BAD_METHOD),
        Field::url("VoiceFallbackUrl").code(BAD_URL).or_empty(),
        Field::method("VoiceFallbackMethod").code(BAD_METHOD),
        Field::sid("VoiceApplicationSid", "AP").or_empty(),
        Field::flag("VoiceCallerIdLookup", false),
        Field::choice("VoiceReceiveMode", &["voice", "fax"]),
        Field::sid("TrunkSid", "TK"),
        Field::sid("AddressSid", "AD"),
        Field::sid("BundleSid", "BU"),
        Field::sid("IdentitySid", "RI"),
        Field::choice("EmergencyStatus", &["Inactive", "Active"]),
        Field::sid("EmergencyAddressSid", "AD"),
        Field::computed("Capabilities"),
        Field::computed("AddressRequirements"),
        Field::computed("Origin"),
        Field::computed("Status"),
        Field::computed("Beta"),
        Field::computed("Type"),
    ],
    filters: &["PhoneNumber", "FriendlyName", "Origin", "Beta", "Type"],
    unique: &[("PhoneNumber", TAKEN)],
    events: events!("numbers.number"),
    rules: Rules {
        create: Some(buy),
        update: Some(hand_over),
        delete: Some(release),
        magic: Some(pretend_to_buy),
        ..Rules::NONE
    },
    ..Resource::BASE
};

const NOT_A_NUMBER: u32 = 21421;
const TAKEN: u32 = 21422;
const NONE_IN_AREA: u32 = 21452;
const BAD_URL: u32 = 21402;
const BAD_METHOD: u32 = 21403;
const TRIAL_HAS_ONE: u32 = 21404;
const NOT_A_SUBACCOUNT: u32 = 21473;

/// Takes a number out of the inventory.
fn buy(scene: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    let e164 = match (draft.text("PhoneNumber"), scene.params.get("AreaCode")) {
        ("", None | Some("")) => {
            let text = "Give the PhoneNumber to buy, or an AreaCode to take any number from";
            return Err(ApiError::new(NOT_A_NUMBER, text).into());
        }
        ("", Some(area)) => in_area(scene, area)?,
        (number, _) => number.to_owned(),
    };
    if scene.account.kind == Kind::Trial && holds_any(scene)? {
        let text = "A trial account holds one number; upgrade it to buy more";
        return Err(ApiError::new(TRIAL_HAS_ONE, text).into());
    }
    let number = store::find(scene.tx, &e164)?;
    let sid = PhoneNumberSid::from_bytes(draft.sid.bytes);
    let taken = store::take(scene.tx, &e164, draft.account, sid)?;
    let Some(number) = number.filter(|_| taken) else {
        let text = format!("{e164} is not available: search AvailablePhoneNumbers for one that is");
        return Err(ApiError::new(TAKEN, text).into());
    };
    describe(draft, &number);
    Ok(())
}

/// What the inventory knows of a number becomes its members.
pub fn describe(draft: &mut Draft, number: &InventoryNumber) {
    draft.set("PhoneNumber", number.e164.as_str());
    if draft.text("FriendlyName").is_empty() {
        draft.set("FriendlyName", store::national(&number.e164));
    }
    draft.set("Capabilities", capabilities(number));
    draft.set("AddressRequirements", "none");
    draft.set("Origin", "twilio");
    draft.set("Status", "in-use");
    draft.set("Beta", false);
    draft.set("Type", number.kind.name());
}

/// What a number can do, in Twilio's shape.
pub fn capabilities(number: &InventoryNumber) -> Value {
    json!({ "voice": number.voice, "sms": number.sms, "mms": number.mms, "fax": false })
}

fn in_area(scene: &mut Scene<'_, '_>, area: &str) -> Result<String, Refusal> {
    let fits = area.len() == 3 && area.bytes().all(|byte| byte.is_ascii_digit());
    if !fits {
        return Err(ApiError::new(21451, "AreaCode must have three digits").into());
    }
    let free = store::free(scene.tx, "US", NumberKind::Local, 10_000)?;
    let prefix = format!("+1{area}");
    let found = free.into_iter().find(|number| number.e164.starts_with(&prefix));
    let none = || ApiError::new(NONE_IN_AREA, format!("No numbers are free in area code {area}"));
    Ok(found.ok_or_else(none)?.e164)
}

fn holds_any(scene: &mut Scene<'_, '_>) -> Result<bool, Refusal> {
    let resource = &INCOMING_PHONE_NUMBER;
    let held = crate::resource::store::list(scene.tx, resource, scene.account.sid, &[], None, 1)?;
    Ok(!held.is_empty())
}

/// Twilio's magic numbers.
fn pretend_to_buy(draft: &mut Draft, params: &base::Params) -> Result<(), ApiError> {
    let e164 = match (draft.text("PhoneNumber"), params.get("AreaCode").unwrap_or_default()) {
        ("+15005550006", _) | ("", "500") => "+15005550006",
        ("", "") => {
            let text = "Give the PhoneNumber to buy, or an AreaCode to take any number from";
            return Err(ApiError::new(NOT_A_NUMBER, text));
        }
        ("", area) => {
            let text = format!("No numbers are free in area code {area}");
            return Err(ApiError::new(NONE_IN_AREA, text));
        }
        ("+15005550001", _) => {
            return Err(ApiError::new(NOT_A_NUMBER, "+15005550001 is not a valid number"));
        }
        (other, _) => return Err(ApiError::new(TAKEN, format!("{other} is not available"))),
    };
    let number = InventoryNumber {
        e164: e164.to_owned(),
        country: "US".to_owned(),
        kind: NumberKind::Local,
        region: String::new(),
        locality: String::new(),
        sms: true,
        mms: true,
        voice: true,
    };
    describe(draft, &number);
    Ok(())
}

/// `AccountSid` moves a number to a subaccount, or back to the parent.
fn hand_over(scene: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    let Some(to) = scene.params.get("AccountSid").filter(|to| !to.is_empty()) else {
        return Ok(());
    };
    let refused = || {
        let text = "AccountSid must be this account, its parent or one of its subaccounts";
        Refusal::from(ApiError::new(NOT_A_SUBACCOUNT, text))
    };
    let to: base::AccountSid = to.parse().map_err(|_| refused())?;
    let target = crate::accounts::store::find(scene.tx, scene.master, to)?.ok_or_else(refused)?;
    let own = scene.account;
    let related = to == own.sid || target.parent == Some(own.sid) || own.parent == Some(to);
    if !related {
        return Err(refused());
    }
    draft.account = to;
    store::transfer(scene.tx, draft.text("PhoneNumber"), to)?;
    Ok(())
}

/// Gives back every number of an account that is being closed.
pub fn release_all(tx: &mut ::store::Tx<'_>, account: base::AccountSid) -> Result<(), Refusal> {
    let resource = &INCOMING_PHONE_NUMBER;
    loop {
        let held = crate::resource::store::list(tx, resource, account, &[], None, 100)?;
        if held.is_empty() {
            return Ok(());
        }
        for document in held {
            store::release(tx, document.text("PhoneNumber"))?;
            crate::resource::store::delete(tx, resource, &document)?;
        }
    }
}

fn release(scene: &mut Scene<'_, '_>, document: &Document) -> Result<(), Refusal> {
    store::release(scene.tx, document.text("PhoneNumber"))?;
    Ok(())
}

/// A short code that the operator gave to an account.
pub static SHORT_CODE: Resource = Resource {
    kind: "short_code",
    title: "ShortCode",
    prefix: "SC",
    path: "/2010-04-01/Accounts/{AccountSid}/SMS/ShortCodes",
    list_key: "short_codes",
    permission: "api/short-codes",
    operations: &[Verb::Read, Verb::List, Verb::Update],
    fields: &[
        Field::text("FriendlyName", 64),
        Field::text("ShortCode", 6).create_only(),
        Field::text("ApiVersion", 10).or("2010-04-01"),
        Field::url("SmsUrl"),
        Field::method("SmsMethod"),
        Field::url("SmsFallbackUrl"),
        Field::method("SmsFallbackMethod"),
    ],
    filters: &["FriendlyName", "ShortCode"],
    unique: &[("ShortCode", TAKEN)],
    events: events!("numbers.short_code"),
    ..Resource::BASE
};

/// A number that was proved to belong to the account's owner: what a trial may reach.
pub static OUTGOING_CALLER_ID: Resource = Resource {
    kind: "outgoing_caller_id",
    title: "OutgoingCallerId",
    prefix: "PN",
    path: "/2010-04-01/Accounts/{AccountSid}/OutgoingCallerIds",
    list_key: "outgoing_caller_ids",
    permission: "api/outgoing-caller-ids",
    operations: &[Verb::Read, Verb::List, Verb::Update, Verb::Delete],
    fields: &[Field::text("FriendlyName", 64), Field::phone("PhoneNumber").create_only()],
    filters: &["PhoneNumber", "FriendlyName"],
    unique: &[("PhoneNumber", 21450)],
    events: events!("numbers.caller_id"),
    ..Resource::BASE
};

/// A draft of a document that the program itself makes.
pub fn own_draft(
    resource: &Resource,
    sid: PhoneNumberSid,
    account: base::AccountSid,
) -> Result<Draft, ApiError> {
    let data = crate::resource::api::read_new(resource, &base::Params::default())?;
    let sid = AnySid::from(sid);
    Ok(Draft { sid, data, before: Map::new(), shown_once: Vec::new(), account })
}
