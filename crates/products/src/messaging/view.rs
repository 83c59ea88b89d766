//! Messages in Twilio's shape.

use base::{Currency, MasterKey};
use serde_json::{Value, json};

use crate::messaging::model::{Message, Status};
use crate::messaging::store::Media;
use crate::messaging::work::open_body;

/// The version of the API.
const VERSION: &str = "2010-04-01";

/// A message as JSON, its text opened under `master`.
pub fn message(message: &Message, master: &MasterKey) -> Value {
    message_with_body(message, &open_body(master, message))
}

/// A message as JSON.
pub fn message_with_body(message: &Message, body: &str) -> Value {
    let (account, sid) = (message.key.account.to_string(), message.key.sid.to_string());
    let uri = format!("/{VERSION}/Accounts/{account}/Messages/{sid}");
    let failed = matches!(message.status, Status::Failed | Status::Undelivered);
    let error = Some(message.error).filter(|error| failed && *error != 0);
    json!({
        "account_sid": account,
        "api_version": VERSION,
        "body": body,
        "date_created": message.created_at.to_rfc2822(),
        "date_sent": message.sent_at.map(base::Instant::to_rfc2822),
        "date_updated": message.updated_at.to_rfc2822(),
        "direction": message.direction.name(),
        "error_code": error,
        "error_message": error.and_then(base::meaning),
        "from": message.from,
        "messaging_service_sid": null,
        "num_media": message.media.to_string(),
        "num_segments": message.segments.to_string(),
        "price": message.price.map(|price| price.to_string()),
        "price_unit": currency(message),
        "sid": sid,
        "status": message.status.name(),
        "subresource_uris": {
            "media": format!("{uri}/Media.json"),
            "feedback": format!("{uri}/Feedback.json"),
        },
        "to": message.to,
        "uri": format!("{uri}.json"),
    })
}

/// Before the price is known, the currency is the installation's.
fn currency(message: &Message) -> String {
    message.price.map_or(Currency::USD, |price| price.currency).to_string()
}

/// A media file as JSON.
pub fn media(media: &Media) -> Value {
    let (account, message) = (media.message.account.to_string(), media.message.sid.to_string());
    let sid = media.sid.to_string();
    json!({
        "account_sid": account,
        "content_type": media.content_type,
        "date_created": media.created_at.to_rfc2822(),
        "date_updated": media.created_at.to_rfc2822(),
        "parent_sid": message,
        "sid": sid,
        "uri": format!("/{VERSION}/Accounts/{account}/Messages/{message}/Media/{sid}.json"),
    })
}
