//! Calls, recordings and conferences in Twilio's shape.

use base::Currency;
use serde_json::{Value, json};

use crate::numbers::store::national;
use crate::voice::conferences::{Conference, Seated};
use crate::voice::model::CallRecord;
use crate::voice::recordings::{Recording, Status};

/// A call as the API shows it.
pub(super) fn call(call: &CallRecord) -> Value {
    let (account, sid) = (call.key.account, call.key.sid);
    let uri = format!("/2010-04-01/Accounts/{account}/Calls/{sid}");
    let below = |name: &str| format!("{uri}/{name}.json");
    let formatted = |address: &str| match address.starts_with('+') {
        true => national(address),
        false => address.to_owned(),
    };
    let ended = call.ended_at.map(|_| call.duration_s().to_string());
    json!({
        "sid": sid.to_string(),
        "account_sid": account.to_string(),
        "api_version": "2010-04-01",
        "date_created": call.created_at.to_rfc2822(),
        "date_updated": call.updated_at.to_rfc2822(),
        "parent_call_sid": call.parent.map(|sid| sid.to_string()),
        "to": call.to,
        "to_formatted": formatted(&call.to),
        "from": call.from,
        "from_formatted": formatted(&call.from),
        "phone_number_sid": call.number.map(|sid| sid.to_string()),
        "status": call.status.name(),
        "start_time": call.started_at.map(|at| at.to_rfc2822()),
        "end_time": call.ended_at.map(|at| at.to_rfc2822()),
        "duration": ended,
        "price": call.price.map(|price| price.to_string()),
        "price_unit": call.price.map_or(Currency::USD, |price| price.currency).to_string(),
        "direction": call.direction.name(),
        "answered_by": Value::Null,
        "forwarded_from": call.forwarded_from,
        "group_sid": Value::Null,
        "caller_name": call.caller_name,
        "queue_time": "0",
        "trunk_sid": Value::Null,
        "uri": format!("{uri}.json"),
        "subresource_uris": {
            "notifications": below("Notifications"),
            "recordings": below("Recordings"),
            "events": below("Events"),
            "payments": below("Payments"),
            "siprec": below("Siprec"),
            "streams": below("Streams"),
            "transcriptions": below("Transcriptions"),
            "user_defined_message_subscriptions": below("UserDefinedMessageSubscriptions"),
            "user_defined_messages": below("UserDefinedMessages"),
        },
    })
}

/// What a recording has wherever it is shown, at an address below the account's.
fn recording_at(recording: &Recording, below: &str) -> Value {
    let (account, sid) = (recording.account, recording.sid);
    let ended = !matches!(recording.status, Status::InProgress | Status::Paused);
    json!({
        "account_sid": account.to_string(),
        "api_version": "2010-04-01",
        "call_sid": recording.call.map(|sid| sid.to_string()),
        "conference_sid": recording.conference.map(|sid| sid.to_string()),
        "date_created": recording.started_at.to_rfc2822(),
        "date_updated": recording.updated_at.to_rfc2822(),
        "start_time": recording.started_at.to_rfc2822(),
        "duration": ended.then(|| recording.duration_s().to_string()),
        "sid": sid.to_string(),
        "price": recording.price.map(|price| price.to_string()),
        "price_unit": Currency::USD.to_string(),
        "status": recording.status.name(),
        "channels": recording.channels,
        "source": recording.source,
        "error_code": Value::Null,
        "encryption_details": Value::Null,
        "uri": format!("/2010-04-01/Accounts/{account}{below}/Recordings/{sid}.json"),
    })
}

/// A recording as the account's list shows it; `root` is what its media's address begins with.
pub(super) fn recording(recording: &Recording, root: &str) -> Value {
    let mut json = recording_at(recording, "");
    let below = |name: &str| format!("{}/{name}.json", recording.path());
    json["media_url"] = format!("{root}{}", recording.path()).into();
    json["subresource_uris"] = json!({
        "add_on_results": below("AddOnResults"),
        "transcriptions": below("Transcriptions"),
    });
    json
}

/// A recording below its call; `told` stands for a status that it is about to have.
pub(super) fn call_recording(recording: &Recording, told: Option<&str>) -> Value {
    let below = recording.call.map(|sid| format!("/Calls/{sid}")).unwrap_or_default();
    let mut json = recording_at(recording, &below);
    json["track"] = recording.track.as_str().into();
    if let Some(told) = told {
        json["status"] = told.into();
    }
    json
}

/// A recording below its conference.
pub(super) fn conference_recording(recording: &Recording, told: Option<&str>) -> Value {
    let below = recording.conference.map(|sid| format!("/Conferences/{sid}")).unwrap_or_default();
    let mut json = recording_at(recording, &below);
    if let Some(told) = told {
        json["status"] = told.into();
    }
    json
}

/// A conference.
pub(super) fn conference(conference: &Conference) -> Value {
    let (account, sid) = (conference.account, conference.sid);
    let uri = format!("/2010-04-01/Accounts/{account}/Conferences/{sid}");
    json!({
        "sid": sid.to_string(),
        "account_sid": account.to_string(),
        "api_version": "2010-04-01",
        "date_created": conference.created_at.to_rfc2822(),
        "date_updated": conference.updated_at.to_rfc2822(),
        "friendly_name": conference.name,
        "region": conference.region.as_deref().unwrap_or("us1"),
        "status": conference.status.name(),
        "reason_conference_ended": conference.reason,
        "call_sid_ending_conference": conference.ended_by.map(|sid| sid.to_string()),
        "uri": format!("{uri}.json"),
        "subresource_uris": {
            "participants": format!("{uri}/Participants.json"),
            "recordings": format!("{uri}/Recordings.json"),
        },
    })
}

/// A participant of a conference; `status` is `connected`, or how far its call is.
pub(super) fn participant(conference: &Conference, seated: &Seated, status: &str) -> Value {
    let (account, sid) = (conference.account, conference.sid);
    let of = &seated.participant;
    let uri = format!("/2010-04-01/Accounts/{account}/Conferences/{sid}/Participants/{}", of.call);
    json!({
        "account_sid": account.to_string(),
        "call_sid": of.call.to_string(),
        "label": of.label,
        "conference_sid": sid.to_string(),
        "date_created": seated.created_at.to_rfc2822(),
        "date_updated": seated.updated_at.to_rfc2822(),
        "muted": of.muted,
        "hold": of.hold,
        "coaching": of.coaches.is_some(),
        "call_sid_to_coach": of.coaches.map(|sid| sid.to_string()),
        "start_conference_on_enter": of.start_on_enter,
        "end_conference_on_exit": of.end_on_exit,
        "status": status,
        "queue_time": "0",
        "uri": format!("{uri}.json"),
    })
}
