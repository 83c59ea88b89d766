//! Accepting drafts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ::store::{NewEvent, StoreError, Tx, job};
use base::{AccountSid, AnySid, ApiError, MessageSid, ObjectKey};

use super::routing::queue_at;
use super::{Accepted, Context, Outcome, insert_media, open_body, route, to_waiting};
use crate::accounts::consents;
use crate::accounts::geo::{self, Said};
use crate::carriers::CarrierId;
use crate::messaging::dispatch::Waiting;
use crate::messaging::media::FETCH_JOB;
use crate::messaging::model::{Draft, Flags, Message, MessageKey, Status};
use crate::messaging::rules::{self, Facts, SenderFacts};
use crate::messaging::store::{self, NewRow};
use crate::numbers;

/// Accepts drafts: decides about each, then writes the accepted ones. The second list is for the
/// dispatcher.
pub fn accept(
    tx: &mut Tx<'_>,
    context: &Context,
    drafts: Vec<Draft>,
) -> Result<(Vec<Outcome>, Vec<Waiting>), StoreError> {
    let mut lookups = Lookups::default();
    let mut outcomes = Vec::with_capacity(drafts.len());
    let mut waiting = Vec::with_capacity(drafts.len());
    let mut keys = HashMap::new();
    // One for each fresh message, in their order.
    let mut queues = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let known = match &draft.idempotency {
            None => None,
            Some(_) => repeated(tx, context, &draft, &keys)?,
        };
        if let Some(outcome) = known {
            outcomes.push(outcome);
            continue;
        }
        let facts = lookups.facts(tx, context, &draft)?;
        let decided = rules::accept(&draft, &facts, &context.prices, tx.now());
        outcomes.push(match decided {
            Err(error) => Err(error),
            Ok(decided) => {
                let message = make(tx, context, &draft, &decided);
                if let Some(idempotency) = &draft.idempotency {
                    keys.insert((draft.account, idempotency.key.clone()), outcomes.len());
                    remember(tx, &draft, message.key.sid)?;
                }
                if draft.media.is_empty() {
                    let carrier = route(context, &message, None).unwrap_or(CarrierId(0));
                    waiting.push(to_waiting(carrier, &message, draft.body.clone(), Vec::new()));
                    queues.push(Some(queue_at(carrier, &message)));
                } else {
                    insert_media(tx, &message, &draft.media)?;
                    fetch_later(tx, context, message.key)?;
                    queues.push(None);
                }
                Ok(Accepted { message, body: draft.body, repeated: false })
            }
        });
    }
    write_accepted(tx, &queues, &mut outcomes)?;
    Ok((outcomes, waiting))
}

/// The same create again: the same answer, or a conflict when its parameters differ.
fn repeated(
    tx: &mut Tx<'_>,
    context: &Context,
    draft: &Draft,
    keys: &HashMap<(AccountSid, String), usize>,
) -> Result<Option<Outcome>, StoreError> {
    let Some(idempotency) = &draft.idempotency else { return Ok(None) };
    if keys.contains_key(&(draft.account, idempotency.key.clone())) {
        let text = "A create with this Idempotency-Key is running; repeat it when it has answered";
        return Ok(Some(Err(ApiError::conflict(text))));
    }
    let Some((fingerprint, sid)) = store::idempotent(tx, draft.account, &idempotency.key)? else {
        return Ok(None);
    };
    if fingerprint != idempotency.fingerprint {
        let text = "This Idempotency-Key was used with other parameters";
        return Ok(Some(Err(ApiError::conflict(text))));
    }
    let key = MessageKey { account: draft.account, sid };
    let Some(message) = store::find(tx, key)? else { return Ok(None) };
    let body = open_body(&context.master, &message);
    Ok(Some(Ok(Accepted { message, body, repeated: true })))
}

/// A message with media is queued when all of it has been fetched.
fn fetch_later(tx: &mut Tx<'_>, context: &Context, key: MessageKey) -> Result<(), StoreError> {
    let (now, payload) = (tx.now(), serde_json::json!({ "message": key.sid.to_string() }));
    let id = job::add(tx, key.account, FETCH_JOB, now, &payload.to_string())?;
    let nudge = std::sync::Arc::clone(&context.nudge);
    tx.after_commit(move || nudge(id));
    Ok(())
}

fn remember(tx: &mut Tx<'_>, draft: &Draft, sid: MessageSid) -> Result<(), StoreError> {
    match &draft.idempotency {
        Some(idempotency) => store::remember_idempotent(tx, draft.account, idempotency, sid),
        None => Ok(()),
    }
}

/// What the tables say, asked once for each sender of a batch.
#[derive(Default)]
struct Lookups {
    senders: HashMap<String, Option<SenderFacts>>,
    with_opt_outs: HashMap<(AccountSid, String), bool>,
    said: HashMap<AccountSid, Said>,
}

impl Lookups {
    fn facts(
        &mut self,
        tx: &mut Tx<'_>,
        context: &Context,
        draft: &Draft,
    ) -> Result<Facts, StoreError> {
        let sender = match self.senders.get(&draft.from) {
            Some(found) => *found,
            None => {
                let found = numbers::sender(tx, &draft.from)?.map(|number| SenderFacts {
                    account: number.account,
                    sms: number.sms,
                    mms: number.mms,
                });
                self.senders.insert(draft.from.clone(), found);
                found
            }
        };
        let key = (draft.account, draft.from.clone());
        let any = match self.with_opt_outs.get(&key) {
            Some(any) => *any,
            None => {
                let any = consents::any_opted_out(tx, draft.account, &draft.from)?;
                self.with_opt_outs.insert(key, any);
                any
            }
        };
        let opted_out = any && consents::opted_out(tx, draft.account, &draft.from, &draft.to)?;
        let verified = draft.trial && numbers::is_verified(tx, draft.account, &draft.to)?;
        let said = match self.said.entry(draft.account) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(gap) => gap.insert(Said::read(tx, draft.account)?),
        };
        let country_off = geo::refuses(tx, draft.account, &context.home, said, &draft.to)?;
        Ok(Facts { sender, opted_out, country_off, verified })
    }
}

fn make(tx: &mut Tx<'_>, context: &Context, draft: &Draft, decided: &rules::Accepted) -> Message {
    let now = tx.now();
    let mut sid: MessageSid = tx.new_sid();
    sid = if draft.media.is_empty() { sid.without_media() } else { sid.with_media() };
    let salt = tx.random().salt();
    let nonce = tx.random().nonce();
    let key = ObjectKey::derive(&context.master, &salt);
    let mut flags = if draft.feedback { Flags(Flags::FEEDBACK) } else { Flags::default() };
    if draft.urgent {
        flags = flags.with(Flags::URGENT);
    }
    if draft.at_most_once {
        flags = flags.with(Flags::AT_MOST_ONCE);
    }
    if decided.too_dear {
        flags = flags.with(Flags::TOO_DEAR);
    }
    let mut message = Message {
        key: MessageKey { account: draft.account, sid },
        direction: draft.direction,
        status: Status::Queued,
        from: decided.from.clone(),
        to: decided.to.clone(),
        segments: decided.segments,
        media: u32::try_from(draft.media.len()).unwrap_or_default(),
        error: 0,
        price: None,
        created_at: now,
        updated_at: now,
        sent_at: None,
        expires_at: Some(decided.expires_at),
        callback: draft.callback.clone(),
        event: (0, 1),
        salt: Some(salt),
        body: Some(key.seal(nonce, draft.body.as_bytes())),
        flags,
    };
    if route(context, &message, None).is_none() {
        message.flags = message.flags.with(Flags::UNROUTED);
    }
    message
}

fn write_accepted(
    tx: &mut Tx<'_>,
    queues: &[Option<i64>],
    outcomes: &mut [Outcome],
) -> Result<(), StoreError> {
    let mut fresh: Vec<&mut Message> = outcomes
        .iter_mut()
        .filter_map(|outcome| outcome.as_mut().ok())
        .filter(|accepted| !accepted.repeated)
        .map(|accepted| &mut accepted.message)
        .collect();
    let events: Vec<NewEvent<'_>> = fresh
        .iter()
        .map(|message| NewEvent {
            account: message.key.account,
            object: AnySid::from(message.key.sid),
            object_seq: 1,
            previous: 0,
            kind: "messaging.message.queued",
            facts: "{}",
        })
        .collect();
    let first = tx.emit_many(&events)?;
    for (index, message) in fresh.iter_mut().enumerate() {
        message.event = (first + index as i64, 1);
    }
    let now = tx.now();
    let rows: Vec<NewRow<'_>> = fresh
        .iter()
        .zip(queues)
        .map(|(message, queue)| NewRow { message, queue: *queue, due_at: now })
        .collect();
    store::insert(tx, &rows)
}
