//! Messages in Twilio's shape.

use base::{AccountSid, Currency, MasterKey, MessageSid};
use serde::Serialize;
use serde_json::{Value, json};

use crate::messaging::model::{Message, MessageKey, Status};
use crate::messaging::store::Media;
use crate::messaging::work::open_body;

/// The version of the API.
const VERSION: &str = "2010-04-01";

/// A message as JSON, its text opened under `master`.
pub fn message(message: &Message, master: &MasterKey) -> Value {
    let body = open_body(master, message);
    serde_json::to_value(MessageView::new(message, &body)).unwrap_or_default()
}

/// A message as the API shows it. Names are Twilio's.
#[derive(Serialize)]
pub struct MessageView<'a> {
    account_sid: AccountSid,
    api_version: &'static str,
    body: &'a str,
    date_created: String,
    date_sent: Option<String>,
    date_updated: String,
    direction: &'static str,
    error_code: Option<u32>,
    error_message: Option<&'static str>,
    from: &'a str,
    messaging_service_sid: Option<&'a str>,
    num_media: String,
    num_segments: String,
    price: Option<String>,
    price_unit: String,
    sid: MessageSid,
    status: &'static str,
    subresource_uris: Subresources,
    to: &'a str,
    uri: String,
}

#[derive(Serialize)]
struct Subresources {
    media: String,
    feedback: String,
}

impl<'a> MessageView<'a> {
    /// A message, and its text where it is not redacted.
    pub fn new(message: &'a Message, body: &'a str) -> Self {
        let MessageKey { account, sid } = message.key;
        let uri = format!("/{VERSION}/Accounts/{account}/Messages/{sid}");
        let failed = matches!(message.status, Status::Failed | Status::Undelivered);
        let error = Some(message.error).filter(|error| failed && *error != 0);
        Self {
            account_sid: account,
            api_version: VERSION,
            body,
            date_created: message.created_at.to_rfc2822(),
            date_sent: message.sent_at.map(base::Instant::to_rfc2822),
            date_updated: message.updated_at.to_rfc2822(),
            direction: message.direction.name(),
            error_code: error,
            error_message: error.and_then(base::meaning),
            from: &message.from,
            messaging_service_sid: None,
            num_media: message.media.to_string(),
            num_segments: message.segments.to_string(),
            price: message.price.map(|price| price.to_string()),
            price_unit: currency(message),
            sid,
            status: message.status.name(),
            subresource_uris: Subresources {
                media: format!("{uri}/Media.json"),
                feedback: format!("{uri}/Feedback.json"),
            },
            to: &message.to,
            uri: format!("{uri}.json"),
        }
    }
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
