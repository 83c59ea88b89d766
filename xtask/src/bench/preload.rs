//! Years of messages in a moment: the finished ones that are there, many times over, under older
//! SIDs.

use std::path::Path;

use rusqlite::Connection;

use crate::Outcome;

/// Adds `count` delivered messages, with their events and callbacks, to a stopped product.
pub fn messages(folder: &Path, count: u64) -> Outcome<()> {
    let database = Connection::open(folder.join("trunkline.db"))?;
    database.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; BEGIN;")?;
    // SIDs of long ago: the first six octets are their millisecond.
    let numbers = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers \
         WHERE n < {count})"
    );
    let sid = "unhex(printf('017000%06x%012x%08x', n / 256, n, n))";
    copy(&database, &numbers, "messages", "sid", sid, "carrier_ref IS NULL AND queue IS NULL")?;
    let object = format!("CAST(substr(donor.object, 1, 2) || {sid} AS BLOB)");
    copy(&database, &numbers, "deliveries", "object", &object, "due_at IS NULL")?;
    copy(&database, &numbers, "handset_messages", "sid", sid, "outgoing = 0")?;
    copy(&database, &numbers, "events", "id", "n", "id > 1000")?;
    database.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE);")?;
    Ok(())
}

/// Copies one finished row of `table` under many keys.
fn copy(
    database: &Connection,
    numbers: &str,
    table: &str,
    key: &str,
    fresh: &str,
    finished: &str,
) -> Outcome<()> {
    let mut columns =
        database.prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))?;
    let names: Vec<String> = columns.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let values: Vec<String> = names
        .iter()
        .map(|name| if name == key { fresh.to_owned() } else { format!("donor.{name}") })
        .collect();
    database.execute_batch(&format!(
        "{numbers} INSERT INTO {table} ({}) SELECT {} FROM numbers, \
         (SELECT * FROM {table} WHERE {finished} LIMIT 1) AS donor",
        names.join(", "),
        values.join(", ")
    ))?;
    Ok(())
}
