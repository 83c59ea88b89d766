//! Changes that the API asks of a message: cancel, redact, remove, feedback.

use std::sync::Arc;

use ::store::{NewEvent, StoreError, Tx};
use base::{AnySid, ApiError, MediaSid};

use crate::accounts::audit::{self, Actor};
use crate::accounts::store_error;
use crate::messaging::model::{Flags, Message, MessageKey, Status};
use crate::messaging::{Messaging, media, store, work};
use crate::webhooks;

impl Messaging {
    /// Calls back a message that was not sent yet.
    pub(super) async fn cancel(&self, key: MessageKey) -> Result<Option<Message>, ApiError> {
        let context = Arc::clone(&self.context);
        let unit = move |tx: &mut Tx<'_>| {
            let Some(message) = store::find(tx, key)? else { return Ok(Ok(None)) };
            if !message.status.may_become(Status::Canceled) || message.status == Status::Sent {
                return Ok(Err(message.status));
            }
            work::cancel(tx, &context, message)?;
            store::find(tx, key).map(Ok)
        };
        let outcome = self.store.write::<_, StoreError, _>(unit).await.map_err(store_error)?;
        let message = outcome.map_err(|status| {
            let text = format!("A message that is {} cannot be canceled", status.name());
            ApiError::new(base::code::NOT_COMPLETE, text)
        })?;
        self.dispatchers.withdraw(key);
        Ok(message)
    }

    /// Destroys the key of a message's content, here and in what was recorded of its webhooks.
    pub(super) async fn redact(
        &self,
        key: MessageKey,
        actor: Actor,
    ) -> Result<Option<Message>, ApiError> {
        let context = Arc::clone(&self.context);
        let unit = move |tx: &mut Tx<'_>| {
            let Some(message) = store::find(tx, key)? else { return Ok(None) };
            redact(tx, &context, &message)?;
            audited(tx, &actor, key, "redacted")?;
            store::find(tx, key)
        };
        self.store.write::<_, StoreError, _>(unit).await.map_err(store_error)
    }

    /// The same inside another product's unit of work, for a text that said something secret.
    /// Answers `false`, and does nothing, while a carrier may still ask for the text: until the
    /// message was sent, or has come to its end.
    pub fn redact_in(&self, tx: &mut Tx<'_>, key: MessageKey) -> Result<bool, StoreError> {
        let Some(message) = store::find(tx, key)? else { return Ok(true) };
        if !message.status.is_final() && message.status != Status::Sent {
            return Ok(false);
        }
        if message.salt.is_some() {
            redact(tx, &self.context, &message)?;
        }
        Ok(true)
    }

    /// Removes a message with its media.
    pub(super) async fn remove(&self, key: MessageKey, actor: Actor) -> Result<(), ApiError> {
        let context = Arc::clone(&self.context);
        let unit = move |tx: &mut Tx<'_>| {
            if let Some(message) = store::find(tx, key)? {
                note(tx, &message, "messaging.message.deleted")?;
                audited(tx, &actor, key, "deleted")?;
            }
            drop_media(tx, &context, key)?;
            webhooks::store::redact(tx, AnySid::from(key.sid))?;
            store::delete(tx, key)
        };
        self.store.write::<_, StoreError, _>(unit).await.map_err(store_error)?;
        Ok(())
    }

    /// Records whether the recipient did what was hoped for.
    pub(super) async fn record_feedback(
        &self,
        key: MessageKey,
        confirmed: bool,
    ) -> Result<(), ApiError> {
        let unit = move |tx: &mut Tx<'_>| {
            let Some(message) = store::find(tx, key)? else { return Ok(()) };
            let kind = if confirmed {
                "messaging.feedback.confirmed"
            } else {
                "messaging.feedback.unconfirmed"
            };
            let event = note(tx, &message, kind)?;
            let kept = message.flags.0 & !Flags::CONFIRMED;
            let flags = Flags(kept | if confirmed { Flags::CONFIRMED } else { 0 });
            store::set_marks(tx, key, flags, event)
        };
        self.store.write::<_, StoreError, _>(unit).await.map_err(store_error)
    }

    /// Removes one media file.
    pub(super) async fn remove_media(
        &self,
        key: MessageKey,
        sid: MediaSid,
    ) -> Result<(), ApiError> {
        let nudge = Arc::clone(&self.context.nudge);
        let unit = move |tx: &mut Tx<'_>| {
            store::delete_media(tx, key, Some(sid))?;
            let job = media::remove_later(tx, key, Some(sid))?;
            tx.after_commit(move || nudge(job));
            Ok(())
        };
        self.store.write::<_, StoreError, _>(unit).await.map_err(store_error)
    }
}

fn redact(tx: &mut Tx<'_>, context: &work::Context, message: &Message) -> Result<(), StoreError> {
    let event = note(tx, message, "messaging.message.redacted")?;
    store::redact(tx, message.key, event)?;
    drop_media(tx, context, message.key)?;
    webhooks::store::redact(tx, AnySid::from(message.key.sid))
}

/// Removes the media files of a message: the rows now, the blobs soon after.
pub(super) fn drop_media(
    tx: &mut Tx<'_>,
    context: &work::Context,
    key: MessageKey,
) -> Result<(), StoreError> {
    if store::delete_media(tx, key, None)? == 0 {
        return Ok(());
    }
    let (job, nudge) = (media::remove_later(tx, key, None)?, Arc::clone(&context.nudge));
    tx.after_commit(move || nudge(job));
    Ok(())
}

/// Who made content disappear is kept.
fn audited(
    tx: &mut Tx<'_>,
    actor: &Actor,
    key: MessageKey,
    happened: &'static str,
) -> Result<(), StoreError> {
    let nothing = serde_json::json!({});
    audit::note(tx, actor, key.account, ("message", happened), key.sid.into(), nothing)
}

pub(super) fn note(
    tx: &mut Tx<'_>,
    message: &Message,
    kind: &'static str,
) -> Result<(i64, i64), StoreError> {
    let seq = message.event.1 + 1;
    let id = tx.emit(NewEvent {
        account: message.key.account,
        object: AnySid::from(message.key.sid),
        object_seq: seq,
        previous: message.event.0,
        kind,
        facts: "{}",
    })?;
    Ok((id, seq))
}
