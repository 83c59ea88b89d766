//! Webhooks of each kind, made up, to try an application with.

use base::{AccountSid, MessageSid, Sid, code};
use clap::ValueEnum;
use products::webhooks::params::{Form, InboundMessage, MessageStatus};
use products::webhooks::params::{inbound_message, message_status};

/// What can be made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A text that came in.
    Message,
    /// A picture that came in.
    Media,
    /// STOP from somebody.
    Stop,
    /// A message was taken by its carrier.
    Sent,
    /// A message is on the handset.
    Delivered,
    /// The carrier gave a message up.
    Undelivered,
    /// A message never reached its carrier.
    Failed,
}

const OURS: &str = "+15550001111";
const PHONE: &str = "+15558675310";

/// The form of a webhook of this kind, encoded.
pub fn form(kind: Kind, account: &str) -> String {
    let account = account.parse().unwrap_or_else(|_| AccountSid::from_bytes([0; 16]));
    let form: Form = match kind {
        Kind::Message => inbound(account, "Hello", Vec::new(), None),
        Kind::Media => {
            let picture = "https://demo.twilio.com/owl.png".to_owned();
            inbound(account, "Look", vec![(picture, "image/png".to_owned())], None)
        }
        Kind::Stop => inbound(account, "STOP", Vec::new(), Some("STOP")),
        Kind::Sent => status(account, "sent", None),
        Kind::Delivered => status(account, "delivered", None),
        Kind::Undelivered => status(account, "undelivered", Some(code::HANDSET_UNREACHABLE)),
        Kind::Failed => status(account, "failed", Some(code::CARRIER_UNREACHABLE)),
    };
    let pairs = form.iter().map(|(name, value)| (*name, value.as_str()));
    pairs.collect::<base::Params>().encode()
}

fn inbound(
    account: AccountSid,
    body: &str,
    media: Vec<(String, String)>,
    opt_out: Option<&'static str>,
) -> Form {
    inbound_message(&InboundMessage {
        message: MessageSid::from_bytes([1; 16]),
        account,
        from: PHONE.to_owned(),
        to: OURS.to_owned(),
        body: body.to_owned(),
        segments: 1,
        media,
        opt_out,
    })
}

fn status(account: AccountSid, status: &'static str, error: Option<u32>) -> Form {
    let message = MessageSid::from_bytes([1; 16]);
    message_status(&MessageStatus { message, account, from: OURS, to: PHONE, status, error })
}
