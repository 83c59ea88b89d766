//! Which carrier a message goes to, and to which it goes when that one fails.

use ::store::{StoreError, Tx};
use base::{Sid, code};

use super::{Context, reload};
use crate::carriers::routes::Question;
use crate::carriers::{self, CarrierId};
use crate::messaging::dispatch::Waiting;
use crate::messaging::model::{Flags, Message, MessageKey, Status};
use crate::messaging::store;

/// Queues a message whose media is here: what the dispatcher is offered.
pub fn queue(
    tx: &mut Tx<'_>,
    context: &Context,
    key: MessageKey,
) -> Result<Option<Waiting>, StoreError> {
    let Some(message) = store::find(tx, key)? else { return Ok(None) };
    // A message that no route takes fails at the first carrier's dispatcher.
    let carrier = route(context, &message, None).unwrap_or(CarrierId(0));
    let queued = store::enqueue(tx, key, queue_at(carrier, &message))?;
    queued.then(|| reload(tx, context, carrier, &message)).transpose()
}

/// The queue of a message at a carrier.
pub(super) fn queue_at(carrier: CarrierId, message: &Message) -> i64 {
    carriers::queue_of(carrier, &message.from, message.flags.has(Flags::URGENT))
}

/// The carrier that takes a message, other than the one that has just failed.
pub(super) fn route(
    context: &Context,
    message: &Message,
    failed: Option<CarrierId>,
) -> Option<CarrierId> {
    context.network.choose(&question_of(message, failed))
}

/// What is to be routed: the same for the same message.
pub fn question_of(message: &Message, failed: Option<CarrierId>) -> Question<'_> {
    let bytes = message.key.sid.bytes();
    let pick = bytes[8..].iter().fold(0, |pick, byte| pick << 8 | u64::from(*byte));
    let (from, to) = (&*message.from, &*message.to);
    Question { account: message.key.account, from, to, pick, failed }
}

/// Moves messages that a carrier could not be reached for to the next route. Answers what the
/// other dispatchers are offered; what is not among it stays where it is.
pub fn reroute(
    tx: &mut Tx<'_>,
    context: &Context,
    failed: CarrierId,
    keys: &[MessageKey],
) -> Result<Vec<Waiting>, StoreError> {
    let mut moved = Vec::new();
    for message in store::find_each(tx, keys)?.into_iter().flatten() {
        // What its carrier may have in part stays there.
        let stays = message.status != Status::Queued || message.flags.has(Flags::UNCERTAIN);
        let next = route(context, &message, Some(failed)).filter(|_| !stays);
        let Some(next) = next else { continue };
        if store::requeue(tx, message.key, queue_at(next, &message))? {
            moved.push(reload(tx, context, next, &message)?);
        }
    }
    Ok(moved)
}

/// Moves a message that a carrier refused for no reason of the message's own to the next route,
/// once.
pub(super) fn next_route(
    tx: &mut Tx<'_>,
    context: &Context,
    failed: CarrierId,
    message: &Message,
    refusal: u32,
) -> Result<Option<Waiting>, StoreError> {
    let again = message.flags.has(Flags::REROUTED) || message.flags.has(Flags::UNCERTAIN);
    if refusal != code::UNKNOWN_DELIVERY_ERROR || again || message.status != Status::Queued {
        return Ok(None);
    }
    let Some(next) = route(context, message, Some(failed)) else { return Ok(None) };
    let flags = message.flags.with(Flags::REROUTED);
    let now = tx.now();
    store::mark_waiting(tx, &[(message.key, flags, now)])?;
    if !store::requeue(tx, message.key, queue_at(next, message))? {
        return Ok(None);
    }
    reload(tx, context, next, message).map(Some)
}
