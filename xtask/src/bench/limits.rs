//! What this machine could do at most: synced writes, and bare SQLite.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use crate::Outcome;

/// How long each limit is measured.
const TIME: Duration = Duration::from_secs(2);

/// Messages in one commit.
const GROUP: i64 = 32;

/// Synced 4 KiB writes a second, and three-row messages a second into bare SQLite in synced
/// groups of 32.
pub fn of(folder: &Path) -> Outcome<(f64, f64)> {
    Ok((syncs(folder)?, rows(folder)?))
}

fn syncs(folder: &Path) -> Outcome<f64> {
    let path = folder.join("syncs");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let (block, started) = ([7_u8; 4096], Instant::now());
    let mut count = 0_u32;
    while started.elapsed() < TIME {
        file.write_all(&block)?;
        file.sync_data()?;
        count += 1;
    }
    let rate = f64::from(count) / started.elapsed().as_secs_f64();
    std::fs::remove_file(path)?;
    Ok(rate)
}

fn rows(folder: &Path) -> Outcome<f64> {
    let path = folder.join("bare.db");
    let mut database = Connection::open(&path)?;
    database.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE messages (id INTEGER PRIMARY KEY, body TEXT, facts BLOB) STRICT;
         CREATE TABLE events (id INTEGER PRIMARY KEY, object INTEGER, facts TEXT) STRICT;
         CREATE TABLE outbox (id INTEGER PRIMARY KEY, object INTEGER, due INTEGER) STRICT;",
    )?;
    let (facts, started) = ([9_u8; 200], Instant::now());
    let mut count = 0_i64;
    while started.elapsed() < TIME {
        let tx = database.transaction()?;
        for _ in 0..GROUP {
            count += 1;
            let body = "Your code is 123456. It expires soon.";
            tx.prepare_cached("INSERT INTO messages VALUES (?, ?, ?)")?
                .execute(params![count, body, facts])?;
            tx.prepare_cached("INSERT INTO events VALUES (?, ?, ?)")?
                .execute(params![count, count, "{}"])?;
            tx.prepare_cached("INSERT INTO outbox VALUES (?, ?, ?)")?
                .execute(params![count, count, 0])?;
        }
        tx.commit()?;
    }
    let rate = count as f64 / started.elapsed().as_secs_f64();
    drop(database);
    std::fs::remove_file(path)?;
    Ok(rate)
}
