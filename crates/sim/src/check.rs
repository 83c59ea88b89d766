//! The invariants.

use std::collections::BTreeMap;

use base::AnySid;
use products::messaging::model::{Flags, Status};
use products::messaging::store as messages;
use products::webhooks::store::State;
use store::{Lane, Query, events_after, events_of};

use crate::world::{TENANTS, World, account, body_of};

/// What went over the line, as if the carrier had told it by our own keys.
fn count_line(world: &mut World) {
    let Some(line) = &world.line else { return };
    for (key, body) in &world.accepted {
        let texts = crate::carrier::split(body);
        for (index, text) in (0..).zip(texts) {
            if let Some(times) = line.taken.get(&(text, index)) {
                world.carrier.taken.insert((key.to_bytes(), index), *times);
            }
        }
    }
}

/// After the run: what must hold of every message, callback and event. Answers how many messages
/// were repeated, and how many callbacks were delivered and given up.
pub(crate) fn at_the_end(world: &mut World) -> Result<(usize, (usize, usize)), String> {
    count_line(world);
    let repeated = every_message(world)?;
    let callbacks = every_callback(world)?;
    every_event(world)?;
    every_charge(world)?;
    Ok((repeated, callbacks))
}

/// No accepted message is lost; none is taken twice unless it is marked; segments and charges
/// agree; tenants never mix.
fn every_message(world: &mut World) -> Result<usize, String> {
    let keys: Vec<_> = world.accepted.keys().copied().collect();
    let mut repeated = 0;
    for key in keys {
        let found = world.ledger.read(|reader| messages::find(reader, key));
        let found = found.map_err(|error| error.to_string())?;
        let message = found.ok_or_else(|| format!("{} was accepted and is lost", key.sid))?;
        let sid = key.sid;
        if body_of(world, &message) != world.accepted[&key] {
            return Err(format!("{sid} has another text than was accepted"));
        }
        let bytes = key.to_bytes();
        let segments = world.carrier.taken.range((bytes, 0)..=(bytes, u8::MAX));
        let segments: Vec<u32> = segments.map(|(_, times)| *times).collect();
        let taken = segments.iter().copied().max().unwrap_or_default();
        let whole = segments.len() == message.segments as usize;
        let marked = message.flags.has(Flags::UNCERTAIN);
        if taken > 1 {
            repeated += 1;
            if !marked {
                return Err(format!("{sid} was taken {taken} times and is not marked"));
            }
            if message.flags.has(Flags::AT_MOST_ONCE) {
                return Err(format!("{sid} was taken {taken} times and may be only once"));
            }
        }
        match message.status {
            Status::Sent | Status::Delivered | Status::Undelivered if !whole => {
                let status = message.status;
                return Err(format!("{sid} is {status:?}, and the carrier never saw all of it"));
            }
            Status::Delivered | Status::Undelivered | Status::Failed => {}
            Status::Sent if world.carrier.silent.contains_key(&key.to_bytes()) => {}
            other => return Err(format!("{sid} is still {other:?}")),
        }
        let tenant = TENANTS.iter().find(|(number, _)| account(*number) == key.account);
        if tenant.map(|(_, number)| *number) != Some(message.from.as_str()) {
            return Err(format!("{sid} went out from another tenant's number"));
        }
        let charged = message.price.map(|price| -price.micros);
        let expected =
            (message.status != Status::Failed).then_some(i64::from(message.segments) * 7_900);
        if charged != expected {
            return Err(format!("{sid} costs {charged:?}, its segments {expected:?}"));
        }
    }
    Ok(repeated)
}

/// What accounts have used costs just what their messages were charged.
fn every_charge(world: &mut World) -> Result<(), String> {
    let sum = |world: &mut World, sql: &'static str| {
        let read = world.ledger.read(|reader| reader.row(sql, &[], |row| row.int_or_null(0)));
        read.map(|sum| sum.flatten().unwrap_or_default()).map_err(|error| error.to_string())
    };
    let used = sum(world, "SELECT sum(price) FROM usage_days")?;
    let charged = sum(world, "SELECT -sum(price) FROM messages")?;
    if used == charged { Ok(()) } else { Err(format!("used {used}, charged {charged}")) }
}

/// Each callback was delivered or given up, and those of one message first arrived in order.
fn every_callback(world: &mut World) -> Result<(usize, usize), String> {
    let rows = world.ledger.read(|reader| {
        let sql = "SELECT object, object_seq, account, state, attempts FROM deliveries \
                   ORDER BY object, object_seq";
        reader.rows(sql, &[], |row| {
            Ok((row.any_sid(0)?, row.int(1)?, row.sid(2)?, row.int(3)?, row.int(4)?))
        })
    });
    let (mut delivered, mut exhausted) = (0, 0);
    for (object, seq, owner, state, attempts) in rows.map_err(|error| error.to_string())? {
        let name = format!("callback {seq} of {object}");
        match state {
            _ if attempts == 0 => return Err(format!("{name} was never tried")),
            state if state == State::Delivered as i64 => delivered += 1,
            state if state == State::Exhausted as i64 => exhausted += 1,
            _ => return Err(format!("{name} still waits")),
        }
        let key = products::messaging::MessageKey {
            account: owner,
            sid: object.cast().ok_or_else(|| format!("{name} is about no message"))?,
        };
        let found = world.ledger.read(|reader| messages::find(reader, key));
        if found.map_err(|error| error.to_string())?.is_none() {
            return Err(format!("{name} went to another tenant"));
        }
    }
    for (object, heard) in &world.endpoints.heard {
        if !heard.is_sorted() {
            return Err(format!("the callbacks of {object} arrived as {heard:?}"));
        }
    }
    Ok((delivered, exhausted))
}

/// The events of one object are one chain, numbered without a gap, and its statuses never go back.
fn every_event(world: &mut World) -> Result<(), String> {
    let events = world.ledger.read(|reader| events_after(reader, Lane(1), 0, 1_000_000));
    let mut last: BTreeMap<AnySid, (i64, i64, usize)> = BTreeMap::new();
    for event in events.map_err(|error| error.to_string())? {
        let order = ["queued", "sent", "delivered", "undelivered", "failed"];
        let word = event.kind.rsplit('.').next().unwrap_or_default();
        let rank = order.iter().position(|known| *known == word).unwrap_or_default().min(2);
        let before = last.insert(event.object, (event.id, event.object_seq, rank));
        let (id, seq, rank_before) = before.unwrap_or_default();
        let object = event.object;
        if (event.previous, event.object_seq) != (id, seq + 1) {
            return Err(format!("event {} of {object} does not follow {id}", event.id));
        }
        if before.is_some() && rank <= rank_before {
            return Err(format!("{object} went back to {word}"));
        }
    }
    let chains: Vec<(AnySid, i64, i64)> =
        last.iter().map(|(object, (id, seq, _))| (*object, *id, *seq)).collect();
    for (object, id, seq) in chains {
        let chain = world.ledger.read(|reader| events_of(reader, id, 1_000));
        let chain = chain.map_err(|error| error.to_string())?;
        let whole = chain.len() as i64 == seq && chain.iter().all(|event| event.object == object);
        if !whole || object.bytes == [0; 16] {
            return Err(format!("the chain of {object} is broken"));
        }
    }
    Ok(())
}
