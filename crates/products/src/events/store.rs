//! The SQL of streams: what is subscribed to, how far the ledger is followed, what waits.

use std::collections::{BTreeMap, BTreeSet};

use ::store::{Lane, Migration, Query, Row, StoreError, Tx, ends};
use base::{AccountSid, Instant, Sid};

use crate::events::rules::{Subscribed, Waiting};

/// The tables of this product.
pub const MIGRATIONS: &[Migration] = &[Migration {
    name: "events/1",
    sql: "
    CREATE TABLE event_subscribed (
        account {blob} NOT NULL,
        subscription {blob} NOT NULL,
        type {text} NOT NULL,
        sink {blob} NOT NULL,
        version {int} NOT NULL,
        created_at {int} NOT NULL,
        PRIMARY KEY (account, subscription, type)
    ) {clustered};
    CREATE TABLE event_cursors (
        lane {int} NOT NULL,
        cursor {int} NOT NULL,
        PRIMARY KEY (lane)
    ) {clustered};
    CREATE TABLE event_waiting (
        sink {blob} NOT NULL,
        since {int} NOT NULL,
        event {int} NOT NULL,
        version {int} NOT NULL,
        PRIMARY KEY (sink, since, event)
    ) {clustered};
    CREATE TABLE event_queues (
        sink {blob} NOT NULL,
        account {blob} NOT NULL,
        due_at {int} NOT NULL,
        attempts {int} NOT NULL,
        PRIMARY KEY (sink)
    ) {clustered};
    ",
}];

/// A lane's number, to the last event of it that was followed.
pub(super) type Cursors = BTreeMap<u32, i64>;

/// Whether anybody has subscribed to anything.
pub(super) fn anybody(query: &mut impl Query) -> Result<bool, StoreError> {
    Ok(query.row("SELECT 1 FROM event_subscribed LIMIT 1", &[], |row| row.int(0))?.is_some())
}

/// Adds a type to a subscription. The ledger is followed from now on, if it was not yet; where a
/// lane has no cursor it is read from its start, which is slow and tells nothing that is old.
pub(super) fn subscribe(tx: &mut Tx<'_>, new: &Subscribed) -> Result<(), StoreError> {
    if !anybody(tx)? {
        for (lane, last) in ends(tx)? {
            let sql = "INSERT INTO event_cursors (lane, cursor) VALUES (?, ?) \
                       ON CONFLICT (lane) DO NOTHING";
            tx.execute(sql, &[lane.0.into(), last.into()])?;
        }
    }
    tx.execute(
        "INSERT INTO event_subscribed (account, subscription, type, sink, version, created_at) \
         VALUES (?, ?, ?, ?, ?, ?)",
        &[
            (&new.account.bytes()).into(),
            (&new.subscription).into(),
            (&new.name).into(),
            (&new.sink).into(),
            new.version.into(),
            new.created_at.into(),
        ],
    )?;
    Ok(())
}

/// Changes the version of a type that is subscribed to.
pub(super) fn set_version(tx: &mut Tx<'_>, changed: &Subscribed) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE event_subscribed SET version = ? \
         WHERE account = ? AND subscription = ? AND type = ?",
        &[
            changed.version.into(),
            (&changed.account.bytes()).into(),
            (&changed.subscription).into(),
            (&changed.name).into(),
        ],
    )?;
    Ok(())
}

/// Removes a type from a subscription, or all of them.
pub(super) fn unsubscribe(
    tx: &mut Tx<'_>,
    account: AccountSid,
    subscription: [u8; 16],
    name: Option<&str>,
) -> Result<(), StoreError> {
    let account = account.bytes();
    let of = [(&account).into(), (&subscription).into()];
    match name {
        None => {
            tx.execute("DELETE FROM event_subscribed WHERE account = ? AND subscription = ?", &of)?
        }
        Some(name) => tx.execute(
            "DELETE FROM event_subscribed WHERE account = ? AND subscription = ? AND type = ?",
            &[of[0], of[1], name.into()],
        )?,
    };
    stop_when_nobody(tx)
}

/// Without subscriptions the cursors would grow old.
fn stop_when_nobody(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    if !anybody(tx)? {
        tx.execute("DELETE FROM event_cursors", &[])?;
    }
    Ok(())
}

/// Ends an account's streams.
pub(super) fn forget_account(tx: &mut Tx<'_>, account: AccountSid) -> Result<(), StoreError> {
    let account = account.bytes();
    tx.execute("DELETE FROM event_subscribed WHERE account = ?", &[(&account).into()])?;
    tx.execute(
        "DELETE FROM event_waiting WHERE sink IN (SELECT sink FROM event_queues WHERE account = ?)",
        &[(&account).into()],
    )?;
    tx.execute("DELETE FROM event_queues WHERE account = ?", &[(&account).into()])?;
    stop_when_nobody(tx)
}

/// Drops what waits for a sink.
pub(super) fn forget_sink(tx: &mut Tx<'_>, sink: [u8; 16]) -> Result<(), StoreError> {
    tx.execute("DELETE FROM event_waiting WHERE sink = ?", &[(&sink).into()])?;
    tx.execute("DELETE FROM event_queues WHERE sink = ?", &[(&sink).into()])?;
    Ok(())
}

const SUBSCRIBED: &str = "account, subscription, sink, type, version, created_at";

fn subscribed_from(row: &Row<'_>) -> Result<Subscribed, StoreError> {
    Ok(Subscribed {
        account: row.sid(0)?,
        subscription: row.bytes16(1)?,
        sink: row.bytes16(2)?,
        name: row.text(3)?,
        version: row.int(4)?,
        created_at: row.instant(5)?,
    })
}

/// What an account has subscribed to, in the order of the names.
pub(super) fn subscribed(
    query: &mut impl Query,
    account: AccountSid,
) -> Result<Vec<Subscribed>, StoreError> {
    let sql = format!("SELECT {SUBSCRIBED} FROM event_subscribed WHERE account = ? ORDER BY type");
    query.rows(&sql, &[(&account.bytes()).into()], subscribed_from)
}

/// How far the ledger is followed.
pub(super) fn cursors(query: &mut impl Query) -> Result<Cursors, StoreError> {
    let rows = query.rows("SELECT lane, cursor FROM event_cursors", &[], |row| {
        let cursor = row.int(1)?;
        Ok((Lane::of_event(cursor).0, cursor))
    })?;
    Ok(rows.into_iter().collect())
}

/// Writes what waits, and how far the ledger was followed for that.
pub(super) fn advance(
    tx: &mut Tx<'_>,
    waiting: &[Waiting],
    moved: &Cursors,
) -> Result<(), StoreError> {
    for one in waiting {
        wait(tx, one)?;
    }
    let sinks: BTreeSet<_> = waiting.iter().map(|one| (one.sink, one.account)).collect();
    for (sink, account) in sinks {
        call(tx, sink, account)?;
    }
    for (lane, cursor) in moved {
        tx.execute(
            "INSERT INTO event_cursors (lane, cursor) VALUES (?, ?) \
             ON CONFLICT (lane) DO UPDATE SET cursor = excluded.cursor",
            &[(*lane).into(), (*cursor).into()],
        )?;
    }
    Ok(())
}

/// Has a test wait for a sink.
pub(super) fn test(tx: &mut Tx<'_>, account: AccountSid, sink: [u8; 16]) -> Result<(), StoreError> {
    wait(tx, &Waiting { account, sink, event: 0, version: 1 })?;
    call(tx, sink, account)
}

fn wait(tx: &mut Tx<'_>, new: &Waiting) -> Result<(), StoreError> {
    let since = tx.now();
    tx.execute(
        "INSERT INTO event_waiting (sink, since, event, version) VALUES (?, ?, ?, ?) \
         ON CONFLICT (sink, since, event) DO NOTHING",
        &[(&new.sink).into(), since.into(), new.event.into(), new.version.into()],
    )?;
    Ok(())
}

/// Makes a sink due that nothing waited for.
fn call(tx: &mut Tx<'_>, sink: [u8; 16], account: AccountSid) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO event_queues (sink, account, due_at, attempts) VALUES (?, ?, ?, 0) \
         ON CONFLICT (sink) DO NOTHING",
        &[(&sink).into(), (&account.bytes()).into(), now.into()],
    )?;
    Ok(())
}

/// A sink that something waits for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    pub(super) sink: [u8; 16],
    pub(super) account: AccountSid,
    pub(super) due_at: Instant,
    pub(super) attempts: i64,
}

/// Every sink that something waits for, whose turn is first, first.
pub(super) fn queues(query: &mut impl Query) -> Result<Vec<Queue>, StoreError> {
    let sql = "SELECT sink, account, due_at, attempts FROM event_queues ORDER BY due_at, sink";
    query.rows(sql, &[], |row| {
        Ok(Queue {
            sink: row.bytes16(0)?,
            account: row.sid(1)?,
            due_at: row.instant(2)?,
            attempts: row.int(3)?,
        })
    })
}

/// An event in a sink's queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued {
    pub(super) since: Instant,
    pub(super) event: i64,
    pub(super) version: i64,
}

/// What waits for a sink, in order.
pub(super) fn queued(
    query: &mut impl Query,
    sink: [u8; 16],
    limit: u32,
) -> Result<Vec<Queued>, StoreError> {
    let sql = "SELECT since, event, version FROM event_waiting WHERE sink = ? \
               ORDER BY since, event LIMIT ?";
    query.rows(sql, &[(&sink).into(), limit.into()], |row| {
        Ok(Queued { since: row.instant(0)?, event: row.int(1)?, version: row.int(2)? })
    })
}

/// Removes events from a sink's queue; the next ones are due at once.
pub(super) fn remove(tx: &mut Tx<'_>, sink: [u8; 16], done: &[Queued]) -> Result<(), StoreError> {
    for one in done {
        tx.execute(
            "DELETE FROM event_waiting WHERE sink = ? AND since = ? AND event = ?",
            &[(&sink).into(), one.since.into(), one.event.into()],
        )?;
    }
    if queued(tx, sink, 1)?.is_empty() {
        tx.execute("DELETE FROM event_queues WHERE sink = ?", &[(&sink).into()])?;
        return Ok(());
    }
    let now = tx.now();
    put_off(tx, sink, now, 0)
}

/// Gives up what has waited for a sink since `until` or longer, and answers how much that was.
pub(super) fn expire(tx: &mut Tx<'_>, sink: [u8; 16], until: Instant) -> Result<u64, StoreError> {
    let sql = "DELETE FROM event_waiting WHERE sink = ? AND since <= ?";
    let given_up = tx.execute(sql, &[(&sink).into(), until.into()])?;
    remove(tx, sink, &[])?;
    Ok(given_up)
}

/// When a sink is tried (again).
pub(super) fn put_off(
    tx: &mut Tx<'_>,
    sink: [u8; 16],
    due_at: Instant,
    attempts: i64,
) -> Result<(), StoreError> {
    let sql = "UPDATE event_queues SET due_at = ?, attempts = ? WHERE sink = ?";
    tx.execute(sql, &[due_at.into(), attempts.into(), (&sink).into()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ::store::Ledger;

    use super::*;

    const SINK: [u8; 16] = [7; 16];

    fn waiting(event: i64) -> Waiting {
        Waiting { account: AccountSid::from_bytes([1; 16]), sink: SINK, event, version: 1 }
    }

    fn run<T>(
        ledger: &mut Ledger,
        second: i64,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> T {
        ledger.run(Instant::from_micros(second * 1_000_000), work).expect("a unit")
    }

    #[test]
    fn what_waits_is_in_order_put_off_and_given_up_by_age() {
        let mut ledger = Ledger::in_memory(1, &crate::migrations()).expect("a ledger");
        let moved = Cursors::from([(1, (1 << 40) + 9)]);
        run(&mut ledger, 10, |tx| advance(tx, &[waiting(9), waiting(8)], &moved));
        run(&mut ledger, 20, |tx| advance(tx, &[waiting(3)], &moved));
        let ids = |tx: &mut Tx<'_>| {
            Ok(queued(tx, SINK, 10)?.iter().map(|one| one.event).collect::<Vec<_>>())
        };
        assert_eq!(run(&mut ledger, 20, ids), [8, 9, 3]);
        assert_eq!(run(&mut ledger, 20, |tx| cursors(tx)), moved);
        let later = Instant::from_micros(20_000_000) + Duration::from_secs(5);
        run(&mut ledger, 20, |tx| put_off(tx, SINK, later, 1));
        let [queue] = run(&mut ledger, 20, |tx| queues(tx))[..] else { panic!("one queue") };
        assert_eq!((queue.due_at, queue.attempts), (later, 1));
        let until = Instant::from_micros(10_000_000);
        assert_eq!(run(&mut ledger, 30, |tx| expire(tx, SINK, until)), 2);
        assert_eq!(run(&mut ledger, 30, ids), [3]);
        run(&mut ledger, 30, |tx| {
            let rest = queued(tx, SINK, 10)?;
            remove(tx, SINK, &rest)
        });
        assert!(run(&mut ledger, 30, |tx| queues(tx)).is_empty());
    }
}
