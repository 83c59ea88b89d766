//! Calls in Twilio's shape.

use base::Currency;
use serde_json::{Value, json};

use crate::numbers::store::national;
use crate::voice::model::CallRecord;

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
