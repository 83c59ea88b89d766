//! Queues: what is declared of them, and how a document's name finds one.

use ::store::{StoreError, Tx};
use base::{AccountSid, QueueSid, code};
use serde_json::Value;

use crate::resource::{self, Document, Draft, Field, Refusal, Resource, Rules, Scene, events};
use crate::voice::engine::KnownQueue;
use crate::voice::store::queues::{self as sql, size};

/// Callers at most in any queue.
const SIZE_MAX: i64 = 5_000;

/// A resource can't be deleted before it is complete.
const NOT_EMPTY: u32 = 20009;

/// A queue of callers. It stays when nobody waits in it.
pub static QUEUE: Resource = Resource {
    kind: "queue",
    title: "Queue",
    prefix: "QU",
    path: "/2010-04-01/Accounts/{AccountSid}/Queues",
    list_key: "queues",
    permission: "voice/queues",
    fields: &[
        Field::text("FriendlyName", 64).required(),
        Field::int("MaxSize", 1, SIZE_MAX).or_int(1_000),
        Field::computed("CurrentSize"),
        Field::computed("AverageWaitTime"),
    ],
    unique: &[("FriendlyName", code::CONFLICT)],
    events: events!("voice.queue"),
    rules: Rules {
        create: Some(with_size),
        update: Some(with_size),
        delete: Some(only_empty),
        look: Some(|reader, document, now, json| {
            let (count, wait_s) = size(reader, document.sid, now)?;
            json.insert("current_size".to_owned(), count.into());
            json.insert("average_wait_time".to_owned(), wait_s.into());
            Ok(())
        }),
        ..Rules::NONE
    },
    ..Resource::BASE
};

/// The answer to a change tells the size too; those to reads look it up again.
fn with_size(scene: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    let now = scene.tx.now();
    let (count, wait_s) = size(scene.tx, draft.sid, now)?;
    draft.set("CurrentSize", count);
    draft.set("AverageWaitTime", wait_s);
    Ok(())
}

fn only_empty(scene: &mut Scene<'_, '_>, document: &Document) -> Result<(), Refusal> {
    let now = scene.tx.now();
    let (count, _) = size(scene.tx, document.sid, now)?;
    if count > 0 {
        let text = format!("{count} callers wait in the queue: only an empty one can be deleted");
        return Err(base::ApiError::new(NOT_EMPTY, text).into());
    }
    Ok(())
}

/// The queue of a name. Where there is none, one for `make` callers at most is made.
pub fn named(
    tx: &mut Tx<'_>,
    account: AccountSid,
    name: &str,
    make: Option<u32>,
) -> Result<Option<KnownQueue>, Refusal> {
    let filters = [("FriendlyName".to_owned(), name.to_owned())];
    let found = resource::store::list(tx, &QUEUE, account, &filters, None, 1)?;
    if let Some(found) = found.first() {
        return Ok(known(found));
    }
    let Some(size_max) = make else { return Ok(None) };
    let sid = base::AnySid::from(tx.new_sid::<QueueSid>());
    let data = resource::api::read_new(&QUEUE, &[("FriendlyName", name)].into_iter().collect())?;
    let (before, shown_once) = (serde_json::Map::new(), Vec::new());
    let mut draft = Draft { sid, data, before, shown_once, account };
    draft.set("MaxSize", size_max);
    draft.set("CurrentSize", 0);
    draft.set("AverageWaitTime", 0);
    Ok(known(&resource::store::insert(tx, &QUEUE, &draft)?))
}

fn known(document: &Document) -> Option<KnownQueue> {
    let size_max = document.data.get("max_size").and_then(Value::as_u64).unwrap_or_default();
    Some(KnownQueue {
        sid: document.sid.cast()?,
        size_max: u32::try_from(size_max).unwrap_or(u32::MAX),
    })
}

/// Who waits in a queue, and since when: written as the engine tells it.
pub fn follow(
    tx: &mut Tx<'_>,
    node: &str,
    member: &crate::voice::engine::Member,
) -> Result<(), StoreError> {
    match member.since {
        Some(since) => sql::join(tx, node, member.call, member.queue, since),
        None => sql::leave(tx, member.call.sid, member.queue),
    }
}
