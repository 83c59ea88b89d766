//! Texts that come in.

use ::store::{NewEvent, StoreError, Tx, job};
use base::{AccountSid, AnySid, MessageSid, ObjectKey, code};
use smpp::udh::Part;

use super::{Context, insert_media};
use crate::accounts::consents::{self, Consent, Source};
use crate::carriers::Inbound;
use crate::messaging::model::{Direction, Flags, Message, MessageKey, Status};
use crate::messaging::opt_words::{self, Word};
use crate::messaging::store::{self, NewRow};
use crate::numbers;
use crate::usage::{self, Leaf, Used};

/// Texts from handsets: messages, STOP words, and the job that asks the application.
pub fn inbound(tx: &mut Tx<'_>, context: &Context, texts: Vec<Inbound>) -> Result<(), StoreError> {
    for text in texts {
        let Some((text, missing)) = joined(tx, context, text)? else { continue };
        receive(tx, context, text, missing)?;
    }
    Ok(())
}

/// Makes a message of a whole text, of which parts may be missing.
fn receive(
    tx: &mut Tx<'_>,
    context: &Context,
    text: Inbound,
    missing: bool,
) -> Result<(), StoreError> {
    let Some(number) = numbers::sender(tx, &text.to)? else {
        tracing::info!("a text to a number that nobody holds was dropped");
        return Ok(());
    };
    let word = opt_words::recognise(&text.body);
    match word {
        Some(Word::Stop) => said(tx, number.account, &text, Source::OptOutMessage)?,
        Some(Word::Start) => said(tx, number.account, &text, Source::OptInMessage)?,
        Some(Word::Help) | None => {}
    }
    let message = received(tx, context, &text, &number);
    let event = tx.emit(NewEvent {
        account: number.account,
        object: AnySid::from(message.key.sid),
        object_seq: 1,
        previous: 0,
        kind: "messaging.message.received",
        facts: "{}",
    })?;
    let error = if missing { code::PART_MISSING } else { 0 };
    let message = Message { event: (event, 1), error, ..message };
    let now = tx.now();
    store::insert(tx, &[NewRow { message: &message, queue: None, due_at: now }])?;
    insert_media(tx, &message, &text.media)?;
    let media = message.media > 0;
    let used = Used {
        account: number.account,
        leaf: Leaf::of_message(true, media, &message.to),
        usage: if media { 1 } else { message.segments },
        price: 0,
    };
    usage::count(tx, std::iter::once(used))?;
    let sid = message.key.sid.to_string();
    let payload = serde_json::json!({ "message": sid, "number": number.sid.to_string(),
            "word": word.map(Word::name) });
    let id = job::add(tx, number.account, INBOUND_JOB, now, &payload.to_string())?;
    let nudge = std::sync::Arc::clone(&context.nudge);
    tx.after_commit(move || nudge(id));
    Ok(())
}

/// Keeps what a handset said about the texts of the number that it wrote to.
fn said(
    tx: &mut Tx<'_>,
    account: AccountSid,
    text: &Inbound,
    source: Source,
) -> Result<(), StoreError> {
    let consent = Consent {
        sender: text.to.clone(),
        contact: text.from.clone(),
        opted_out: source == Source::OptOutMessage,
        source,
        given_at: Some(tx.now()),
        correlation_id: None,
    };
    consents::record(tx, account, &[consent])
}

/// The kind of job that gives up waiting for the missing parts of a text.
pub const PARTS_JOB: &str = "messaging.parts";

/// How long parts wait for the others.
const PARTS_WAIT: std::time::Duration = std::time::Duration::from_secs(5 * 60);

/// A part is kept until all are here. Answers the whole text.
fn joined(
    tx: &mut Tx<'_>,
    context: &Context,
    text: Inbound,
) -> Result<Option<(Inbound, bool)>, StoreError> {
    let Some(part) = text.part else { return Ok(Some((text, false))) };
    let (salt, nonce) = (tx.random().salt(), tx.random().nonce());
    let body = ObjectKey::derive(&context.master, &salt).seal(nonce, text.body.as_bytes());
    let (from, to) = (text.from.clone(), text.to.clone());
    let kept = store::InboundPart { from, to, part, received_at: tx.now(), salt, body };
    store::insert_part(tx, &kept)?;
    let parts = store::parts_from(tx, &text.from, &text.to, part)?;
    if parts.len() < usize::from(part.total) {
        if parts.len() == 1 {
            give_up_later(tx, context, &text, part)?;
        }
        return Ok(None);
    }
    store::remove_parts(tx, &text.from, &text.to, part)?;
    let body = whole(context, &parts);
    Ok(Some((Inbound { body, part: None, ..text }, false)))
}

fn whole(context: &Context, parts: &[store::InboundPart]) -> String {
    let open = |part: &store::InboundPart| {
        ObjectKey::derive(&context.master, &part.salt).open(&part.body).unwrap_or_default()
    };
    let texts = parts.iter().map(open);
    texts.map(|text| String::from_utf8_lossy(&text).into_owned()).collect()
}

fn give_up_later(
    tx: &mut Tx<'_>,
    context: &Context,
    text: &Inbound,
    part: Part,
) -> Result<(), StoreError> {
    let Some(number) = numbers::sender(tx, &text.to)? else { return Ok(()) };
    let payload = serde_json::json!({ "from": text.from, "to": text.to,
        "reference": part.reference, "total": part.total });
    let due_at = tx.now() + PARTS_WAIT;
    let id = job::add(tx, number.account, PARTS_JOB, due_at, &payload.to_string())?;
    let nudge = std::sync::Arc::clone(&context.nudge);
    tx.after_commit(move || nudge(id));
    Ok(())
}

/// Makes a message of the parts that are here, with error 30009, when the others did not come.
pub fn give_up_parts(tx: &mut Tx<'_>, context: &Context, payload: &str) -> Result<(), StoreError> {
    let payload: serde_json::Value = serde_json::from_str(payload).unwrap_or_default();
    let text = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| payload[name].as_u64().unwrap_or_default();
    let part = Part {
        reference: u16::try_from(number("reference")).unwrap_or_default(),
        total: u8::try_from(number("total")).unwrap_or_default(),
        index: 1,
    };
    let (from, to) = (text("from"), text("to"));
    let parts = store::parts_from(tx, &from, &to, part)?;
    // They were joined, or these are parts of a later text under the same reference.
    if parts.iter().all(|part| part.received_at + PARTS_WAIT > tx.now()) {
        return Ok(());
    }
    store::remove_parts(tx, &from, &to, part)?;
    let body = whole(context, &parts);
    let text = Inbound { from, to, body, media: Vec::new(), id: String::new(), part: None };
    receive(tx, context, text, true)
}

/// The kind of job that asks the application about an inbound message.
pub const INBOUND_JOB: &str = "messaging.inbound";

fn received(
    tx: &mut Tx<'_>,
    context: &Context,
    text: &Inbound,
    number: &numbers::OwnedNumber,
) -> Message {
    let now = tx.now();
    let mut sid: MessageSid = tx.new_sid();
    sid = if text.media.is_empty() { sid.without_media() } else { sid.with_media() };
    let (salt, nonce) = (tx.random().salt(), tx.random().nonce());
    let sealed = ObjectKey::derive(&context.master, &salt).seal(nonce, text.body.as_bytes());
    Message {
        key: MessageKey { account: number.account, sid },
        direction: Direction::Inbound,
        status: Status::Received,
        from: text.from.clone(),
        to: text.to.clone(),
        segments: smpp::text::segments(&text.body, false).count,
        media: u32::try_from(text.media.len()).unwrap_or_default(),
        error: 0,
        price: None,
        created_at: now,
        updated_at: now,
        sent_at: Some(now),
        expires_at: None,
        callback: None,
        event: (0, 1),
        salt: Some(salt),
        body: Some(sealed),
        flags: Flags::default(),
    }
}
