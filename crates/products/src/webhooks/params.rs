//! The parameters of webhooks, in Twilio's names and order.

use base::{AccountSid, MessageSid};

/// Names and values of a form.
pub type Form = Vec<(&'static str, String)>;

/// The version of the API that webhooks speak.
pub const API_VERSION: &str = "2010-04-01";

/// A change of a message's status.
#[derive(Clone, Copy, Debug)]
pub struct MessageStatus<'a> {
    /// Which message.
    pub message: MessageSid,
    /// Whose it is.
    pub account: AccountSid,
    /// Its sender.
    pub from: &'a str,
    /// Its recipient.
    pub to: &'a str,
    /// Twilio's word for the status.
    pub status: &'static str,
    /// Why it failed.
    pub error: Option<u32>,
}

/// The form of a status callback.
pub fn message_status(status: &MessageStatus<'_>) -> Form {
    let sid = status.message.to_string();
    let mut form = vec![
        ("ApiVersion", API_VERSION.to_owned()),
        ("MessageStatus", status.status.to_owned()),
        ("SmsSid", sid.clone()),
        ("SmsStatus", status.status.to_owned()),
        ("To", status.to.to_owned()),
        ("From", status.from.to_owned()),
        ("MessageSid", sid),
        ("AccountSid", status.account.to_string()),
    ];
    if let Some(error) = status.error {
        form.push(("ErrorCode", error.to_string()));
        form.push(("ErrorMessage", base::meaning(error).unwrap_or_default().to_owned()));
    }
    form
}

/// A text that came in.
#[derive(Clone, Debug)]
pub struct InboundMessage {
    /// Which message.
    pub message: MessageSid,
    /// Whose it is.
    pub account: AccountSid,
    /// The handset's number.
    pub from: String,
    /// Our number.
    pub to: String,
    /// The text.
    pub body: String,
    /// SMS parts.
    pub segments: u32,
    /// Address and content type of each media file.
    pub media: Vec<(String, String)>,
    /// `STOP`, `START` or `HELP`, when the text was such a word.
    pub opt_out: Option<&'static str>,
}

const MEDIA_URL: [&str; 10] = [
    "MediaUrl0",
    "MediaUrl1",
    "MediaUrl2",
    "MediaUrl3",
    "MediaUrl4",
    "MediaUrl5",
    "MediaUrl6",
    "MediaUrl7",
    "MediaUrl8",
    "MediaUrl9",
];
const MEDIA_TYPE: [&str; 10] = [
    "MediaContentType0",
    "MediaContentType1",
    "MediaContentType2",
    "MediaContentType3",
    "MediaContentType4",
    "MediaContentType5",
    "MediaContentType6",
    "MediaContentType7",
    "MediaContentType8",
    "MediaContentType9",
];

/// The form of the webhook of an inbound message.
pub fn inbound_message(inbound: &InboundMessage) -> Form {
    let sid = inbound.message.to_string();
    let country = |number: &str| {
        base::E164::parse(number).ok().and_then(|number| number.country()).unwrap_or_default()
    };
    let mut form = vec![
        ("ToCountry", country(&inbound.to)),
        ("ToState", String::new()),
        ("SmsMessageSid", sid.clone()),
        ("NumMedia", inbound.media.len().to_string()),
        ("ToCity", String::new()),
        ("FromZip", String::new()),
        ("SmsSid", sid.clone()),
        ("FromState", String::new()),
        ("SmsStatus", "received".to_owned()),
        ("FromCity", String::new()),
        ("Body", inbound.body.clone()),
        ("FromCountry", country(&inbound.from)),
        ("To", inbound.to.clone()),
        ("ToZip", String::new()),
        ("NumSegments", inbound.segments.to_string()),
        ("MessageSid", sid),
        ("AccountSid", inbound.account.to_string()),
        ("From", inbound.from.clone()),
        ("ApiVersion", API_VERSION.to_owned()),
    ];
    for (index, (url, content_type)) in inbound.media.iter().take(10).enumerate() {
        form.push((MEDIA_URL[index], url.clone()));
        form.push((MEDIA_TYPE[index], content_type.clone()));
    }
    form.extend(inbound.opt_out.map(|word| ("OptOutType", word.to_owned())));
    form
}
