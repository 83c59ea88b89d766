//! The event log: what happened, in the order in which it was committed on each lane.
//!
//! An event's id is its lane (one writer's stream) in the upper bits and a number within the lane
//! in the lower. One writer commits a lane in order, so a follower that reads `id > cursor`
//! *within one lane* can't miss an event; across lanes nothing is promised. The events of one
//! object are a chain: each names the one before it, and the object's own row keeps the last.

use base::{AccountSid, AnySid, Instant};

use crate::engine::Engine;
use crate::{Query, StoreError, Value};

/// Bits of an event id that number the events of one lane.
const LANE_SHIFT: u32 = 40;

/// One writer's stream of events: 1 to 2^22.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane(pub u32);

impl Lane {
    fn first_id(self) -> i64 {
        i64::from(self.0) << LANE_SHIFT
    }

    fn last_id(self) -> i64 {
        (i64::from(self.0) + 1) << LANE_SHIFT
    }

    /// The lane on which an event was committed.
    pub fn of_event(id: i64) -> Self {
        Self(u32::try_from(id >> LANE_SHIFT).unwrap_or_default())
    }
}

/// An event about to be written. Facts are a small JSON object of states and numbers: never a
/// body, a code, or anything that may be redacted.
#[derive(Clone, Copy, Debug)]
pub struct NewEvent<'a> {
    /// Whose it is.
    pub account: AccountSid,
    /// What it is about.
    pub object: AnySid,
    /// Its place among the events of its object, from 1.
    pub object_seq: i64,
    /// The id of the event before it on the same object; 0 for the first.
    pub previous: i64,
    /// `product.object.happened`, in the past tense.
    pub kind: &'static str,
    /// A JSON object.
    pub facts: &'a str,
}

/// An event as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Lane and number within it.
    pub id: i64,
    /// Whose it is.
    pub account: AccountSid,
    /// What it is about.
    pub object: AnySid,
    /// Its place among the events of its object, from 1.
    pub object_seq: i64,
    /// The event before it on the same object; 0 for the first.
    pub previous: i64,
    /// `product.object.happened`.
    pub kind: String,
    /// When its commit was.
    pub at: Instant,
    /// A JSON object.
    pub facts: String,
}

/// The end of one lane: hands out ids and writes rows.
pub(crate) struct EventLog {
    next_id: i64,
    /// Grows when `next_id` is read from the database, so that older marks don't set it back.
    generation: u32,
    noted: Vec<Event>,
    note: bool,
}

/// A place in the log to go back to.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    next_id: i64,
    generation: u32,
    noted: usize,
}

const INSERT: &str = "INSERT INTO events (id, account, object, object_seq, previous, kind, at, facts) \
                      VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
const INSERT_WIDTH: usize = 8;

impl EventLog {
    /// Goes on where the lane ended.
    pub(crate) fn resume(engine: &mut Engine, lane: Lane) -> Result<Self, StoreError> {
        let mut log = Self { next_id: 0, generation: 0, noted: Vec::new(), note: false };
        log.move_to(engine, lane)?;
        Ok(log)
    }

    /// Finds the end of a lane whose lease was just taken.
    pub(crate) fn move_to(&mut self, engine: &mut Engine, lane: Lane) -> Result<(), StoreError> {
        let mut last = None;
        engine.query(
            "SELECT max(id) FROM events WHERE id >= ? AND id < ?",
            &[lane.first_id().into(), lane.last_id().into()],
            &mut |row| {
                last = row.int_or_null(0)?;
                Ok(())
            },
        )?;
        self.next_id = last.unwrap_or(lane.first_id()) + 1;
        self.generation += 1;
        Ok(())
    }

    /// Whether committed events are kept in memory for listeners.
    pub(crate) fn keep_noted(&mut self, keep: bool) {
        self.note = keep;
    }

    pub(crate) fn noted(&self) -> &[Event] {
        &self.noted
    }

    pub(crate) fn take_noted(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.noted)
    }

    /// Where the log stands, to go back to when a unit fails.
    pub(crate) fn mark(&self) -> Mark {
        Mark { next_id: self.next_id, generation: self.generation, noted: self.noted.len() }
    }

    pub(crate) fn rewind(&mut self, mark: Mark) {
        if mark.generation == self.generation {
            self.next_id = mark.next_id;
        }
        self.noted.truncate(mark.noted);
    }

    pub(crate) fn append(
        &mut self,
        engine: &mut Engine,
        at: Instant,
        events: &[NewEvent<'_>],
    ) -> Result<i64, StoreError> {
        let first = self.next_id;
        let objects: Vec<[u8; 18]> = events.iter().map(|event| event.object.to_bytes18()).collect();
        let accounts: Vec<[u8; 16]> =
            events.iter().map(|event| base::Sid::bytes(event.account)).collect();
        let mut values: Vec<Value<'_>> = Vec::with_capacity(events.len() * INSERT_WIDTH);
        for (index, event) in events.iter().enumerate() {
            debug_assert!(event.object_seq > 0, "object sequences start at 1");
            values.extend([
                Value::Int(first + index as i64),
                Value::Blob(&accounts[index]),
                Value::Blob(&objects[index]),
                event.object_seq.into(),
                event.previous.into(),
                event.kind.into(),
                at.into(),
                event.facts.into(),
            ]);
        }
        engine.execute_many(INSERT, INSERT_WIDTH, &values)?;
        self.next_id += events.len() as i64;
        if self.note {
            let noted = events.iter().enumerate().map(|(i, e)| e.at(first + i as i64, at));
            self.noted.extend(noted);
        }
        Ok(first)
    }
}

impl NewEvent<'_> {
    fn at(&self, id: i64, at: Instant) -> Event {
        Event {
            id,
            account: self.account,
            object: self.object,
            object_seq: self.object_seq,
            previous: self.previous,
            kind: self.kind.to_owned(),
            at,
            facts: self.facts.to_owned(),
        }
    }
}

const COLUMNS: &str = "id, account, object, object_seq, previous, kind, at, facts";

fn from_row(row: &crate::Row<'_>) -> Result<Event, StoreError> {
    Ok(Event {
        id: row.int(0)?,
        account: row.sid(1)?,
        object: row.any_sid(2)?,
        object_seq: row.int(3)?,
        previous: row.int(4)?,
        kind: row.text(5)?,
        at: row.instant(6)?,
        facts: row.text(7)?,
    })
}

/// The events of one lane after `cursor` (an event id, or 0 for the lane's start), oldest first.
/// Safe to follow: a lane has one writer, which commits in order.
pub fn events_after(
    query: &mut impl Query,
    lane: Lane,
    cursor: i64,
    limit: u32,
) -> Result<Vec<Event>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE id > ? AND id < ? ORDER BY id LIMIT ?");
    let from = cursor.max(lane.first_id());
    query.rows(&sql, &[from.into(), lane.last_id().into(), limit.into()], from_row)
}

/// The lanes that have events, in order: a follower keeps a cursor for each of them.
pub fn lanes(query: &mut impl Query) -> Result<Vec<Lane>, StoreError> {
    let mut found = Vec::new();
    let mut from = Lane(0).first_id();
    let sql = "SELECT min(id) FROM events WHERE id >= ?";
    while let Some(Some(id)) = query.row(sql, &[from.into()], |row| row.int_or_null(0))? {
        let lane = Lane::of_event(id);
        found.push(lane);
        from = lane.last_id();
    }
    Ok(found)
}

/// The last event of each lane that has events: where a follower begins that wants only news.
pub fn ends(query: &mut impl Query) -> Result<Vec<(Lane, i64)>, StoreError> {
    let sql = "SELECT max(id) FROM events WHERE id >= ? AND id < ?";
    let mut ends = Vec::new();
    for lane in lanes(query)? {
        let params = [lane.first_id().into(), lane.last_id().into()];
        let last = query.row(sql, &params, |row| row.int_or_null(0))?.flatten();
        ends.extend(last.map(|id| (lane, id)));
    }
    Ok(ends)
}

/// The events of one object, oldest first, found by walking back from its last event. At most
/// `limit` of the newest.
pub fn events_of(
    query: &mut impl Query,
    last_event: i64,
    limit: usize,
) -> Result<Vec<Event>, StoreError> {
    let sql = "WITH RECURSIVE chain (id, previous, steps) AS (\
               SELECT id, previous, 1 FROM events WHERE id = ? \
               UNION ALL \
               SELECT earlier.id, earlier.previous, chain.steps + 1 \
               FROM chain JOIN events AS earlier ON earlier.id = chain.previous \
               WHERE chain.steps < ?) \
               SELECT events.id, account, object, object_seq, events.previous, kind, at, facts \
               FROM chain JOIN events ON events.id = chain.id ORDER BY object_seq";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    if limit == 0 {
        return Ok(Vec::new());
    }
    query.rows(sql, &[last_event.into(), limit.into()], from_row)
}
