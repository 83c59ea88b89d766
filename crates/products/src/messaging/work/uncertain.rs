//! What was in flight when a connection was cut or the process was killed: neither sent nor
//! unsent. Receipts that no known reference explains are matched to it by addresses, time and
//! text; what is still unexplained when the grace period ends is submitted once more, and marked.

use std::collections::{BTreeSet, HashSet};

use ::store::{StoreError, Tx};
use base::{Instant, MasterKey, ObjectKey, code};

use super::routing::queue_at;
use super::{Answer, Context, Step, answered_as, reload, write_steps};
use crate::carriers::{self, CarrierId, Part, Receipt, SubmitOutcome};
use crate::messaging::model::{Flags, Message, MessageKey, Status};
use crate::messaging::store::{self, Parked};

/// Uncertain messages are not due until they are explained: the last second of the year 9999.
const UNEXPLAINED: Instant = Instant::from_secs(253_402_300_799);

/// Marks the segments of windows that a crash left open. Answers their messages.
pub fn mark_open_windows(
    tx: &mut Tx<'_>,
    context: &Context,
) -> Result<Vec<MessageKey>, StoreError> {
    adopt(tx, context)?;
    let keys = store::open_windows(tx)?;
    let found = store::find_each(tx, &keys)?;
    let mut uncertain = Vec::new();
    for message in found.into_iter().flatten() {
        if message.status != Status::Queued {
            continue;
        }
        let queue = store::queue_of(tx, message.key)?.unwrap_or_default();
        let carrier = carriers::carrier_of(queue);
        let texts = texts(tx, context, carrier, &message)?;
        let of = u8::try_from(texts.len()).unwrap_or(u8::MAX);
        let answered = store::segments_of(tx, message.key)?;
        let is_open = |index: &u8| answered.iter().all(|segment| segment.part.index != *index);
        let open: Vec<Part> = (0..of).filter(is_open).map(|index| Part { index, of }).collect();
        uncertain.extend(open.into_iter().map(|part| (carrier, message.clone(), part)));
    }
    mark(tx, &uncertain)?;
    store::forget_windows(tx)?;
    let keys: BTreeSet<MessageKey> = uncertain.iter().map(|(_, message, _)| message.key).collect();
    Ok(keys.into_iter().collect())
}

/// What waited for carriers that are configured no more goes to those that are.
fn adopt(tx: &mut Tx<'_>, context: &Context) -> Result<(), StoreError> {
    let first = context.network.carriers().count() as i64 * carriers::SHARDS;
    for message in store::waiting(tx, first..i64::MAX, UNEXPLAINED, u32::MAX)? {
        let carrier = super::route(context, &message, None).unwrap_or(CarrierId(0));
        store::requeue(tx, message.key, queue_at(carrier, &message))?;
        store::move_uncertain(tx, message.key, carrier)?;
    }
    Ok(())
}

/// The texts of a message's segments.
fn texts(
    tx: &mut Tx<'_>,
    context: &Context,
    carrier: CarrierId,
    message: &Message,
) -> Result<Vec<String>, StoreError> {
    let waiting = reload(tx, context, carrier, message)?;
    Ok(context.network.split(carrier, &waiting.submission))
}

/// Marks segments as uncertain. Their messages stay queued, and are not due until `explain`.
pub(super) fn mark(
    tx: &mut Tx<'_>,
    segments: &[(CarrierId, Message, Part)],
) -> Result<(), StoreError> {
    let waiting = segments.iter().filter(|(_, message, _)| message.status == Status::Queued);
    let rows = waiting.clone().map(|(carrier, message, part)| (*carrier, message.key, *part));
    let rows: Vec<_> = rows.collect();
    let marks: Vec<_> = waiting
        .map(|(_, message, _)| (message.key, message.flags.with(Flags::UNCERTAIN), UNEXPLAINED))
        .collect();
    store::insert_uncertain(tx, &rows)?;
    store::mark_waiting(tx, &marks)
}

/// Keeps a receipt that nobody can place, with its excerpt sealed.
pub(super) fn park(
    tx: &mut Tx<'_>,
    context: &Context,
    receipt: &Receipt,
    status: Status,
    error: u32,
) -> Result<(), StoreError> {
    let excerpt = (!receipt.excerpt.is_empty()).then(|| {
        let (salt, nonce) = (tx.random().salt(), tx.random().nonce());
        let key = ObjectKey::derive(&context.master, &salt);
        (salt, key.seal(nonce, receipt.excerpt.as_bytes()))
    });
    let parked = Parked {
        reference: receipt.reference.clone(),
        status,
        error,
        sender: receipt.sender.clone(),
        recipient: receipt.recipient.clone(),
        excerpt,
        received_at: tx.now(),
    };
    store::park(tx, &parked)
}

/// Ends the grace period of what was marked for a carrier at `until` or before: segments that a
/// parked receipt explains were taken, the others are due again, or failed (30008) where their
/// account wants them at most once. Answers how many segments, and how many messages due again.
pub fn explain(
    tx: &mut Tx<'_>,
    context: &Context,
    carrier: CarrierId,
    until: Instant,
) -> Result<(usize, usize), StoreError> {
    let rows = store::uncertain_until(tx, carrier, until)?;
    let keys: Vec<MessageKey> = rows.iter().map(|(key, _)| *key).collect();
    let found = store::find_each(tx, &keys)?;
    let (mut explained, mut again) = (Vec::new(), BTreeSet::new());
    let mut claimed = HashSet::new();
    for ((key, part), message) in rows.iter().zip(found) {
        let Some(message) = message.filter(|message| message.status == Status::Queued) else {
            continue;
        };
        match explaining(tx, context, (carrier, &message, *part), &claimed)? {
            Some(reference) => {
                claimed.insert(reference.clone());
                let outcome = SubmitOutcome::Taken { reference };
                explained.push(Answer { carrier, key: *key, part: *part, outcome });
            }
            None => drop(again.insert(*key)),
        }
    }
    store::delete_uncertain(tx, carrier, until)?;
    answered_as(tx, context, &explained, Flags::default())?;
    let again: Vec<MessageKey> = again.into_iter().collect();
    let (now, found) = (tx.now(), store::find_each(tx, &again)?);
    let (once, again): (Vec<Message>, Vec<Message>) =
        found.into_iter().flatten().partition(|message| message.flags.has(Flags::AT_MOST_ONCE));
    let marks: Vec<_> = again.iter().map(|message| (message.key, message.flags, now)).collect();
    store::mark_waiting(tx, &marks)?;
    write_steps(tx, context, once.into_iter().map(given_up).collect())?;
    Ok((explained.len(), again.len()))
}

/// A message that its account would rather lose than have twice.
fn given_up(message: Message) -> Step {
    let (error, flags) = (code::UNKNOWN_DELIVERY_ERROR, message.flags);
    Step { message, status: Status::Failed, error, carrier_ref: None, flags }
}

/// The reference of a parked receipt that can only be this segment's.
fn explaining(
    tx: &mut Tx<'_>,
    context: &Context,
    (carrier, message, part): (CarrierId, &Message, Part),
    claimed: &HashSet<String>,
) -> Result<Option<String>, StoreError> {
    let mut parked = store::parked_between(tx, &message.from, &message.to)?;
    let texts = texts(tx, context, carrier, message)?;
    let text = texts.get(usize::from(part.index)).map_or("", String::as_str);
    parked.retain(|parked| {
        parked.received_at >= message.created_at
            && !claimed.contains(&parked.reference)
            && fits(&context.master, parked, text)
    });
    let references: Vec<&str> = parked.iter().map(|parked| parked.reference.as_str()).collect();
    if references.is_empty() {
        return Ok(None);
    }
    // What was placed already came twice, and explains nothing.
    let placed = store::logged(tx, &references)?;
    Ok(references.into_iter().find(|r| !placed.contains(*r)).map(str::to_owned))
}

/// Whether a receipt's excerpt may be the beginning of a text. Carriers cut it, trim it and write
/// `?` for what they can't.
fn fits(master: &MasterKey, parked: &Parked, text: &str) -> bool {
    let Some((salt, sealed)) = &parked.excerpt else { return true };
    let Ok(plain) = ObjectKey::derive(master, salt).open(sealed) else { return true };
    let excerpt = String::from_utf8_lossy(&plain).into_owned();
    let same = |(a, b): (char, char)| a == b || a == '?' || a == char::REPLACEMENT_CHARACTER;
    let (excerpt, text) = (excerpt.trim(), text.trim_start());
    excerpt.chars().count() <= text.chars().count() && excerpt.chars().zip(text.chars()).all(same)
}
