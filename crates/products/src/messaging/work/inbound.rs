//! Texts that come in.

use ::store::{NewEvent, StoreError, Tx, job};
use base::{AnySid, MessageSid, ObjectKey};

use super::{Context, insert_media};
use crate::carriers::Inbound;
use crate::messaging::model::{Direction, Flags, Message, MessageKey, Status};
use crate::messaging::opt_words::{self, Word};
use crate::messaging::store::{self, NewRow};
use crate::numbers;

/// Texts from handsets: messages, STOP words, and the job that asks the application.
pub fn inbound(tx: &mut Tx<'_>, context: &Context, texts: Vec<Inbound>) -> Result<(), StoreError> {
    for text in texts {
        let Some(number) = numbers::sender(tx, &text.to)? else {
            tracing::info!("a text to a number that nobody holds was dropped");
            continue;
        };
        let word = opt_words::recognise(&text.body);
        match word {
            Some(Word::Stop) => store::opt_out(tx, number.account, &text.to, &text.from)?,
            Some(Word::Start) => store::opt_in(tx, number.account, &text.to, &text.from)?,
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
        let message = Message { event: (event, 1), ..message };
        let now = tx.now();
        store::insert(tx, &[NewRow { message: &message, queue: None, due_at: now }])?;
        insert_media(tx, &message, &text.media)?;
        let sid = message.key.sid.to_string();
        let payload = serde_json::json!({ "message": sid, "number": number.sid.to_string(),
            "word": word.map(Word::name) });
        let id = job::add(tx, number.account, INBOUND_JOB, now, &payload.to_string())?;
        let nudge = std::sync::Arc::clone(&context.nudge);
        tx.after_commit(move || nudge(id));
    }
    Ok(())
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
