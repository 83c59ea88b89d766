//! What was acknowledged survives a process that is killed in the middle of its commits.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use store::{Location, Query, Store, StoreError, events_of};

use crate::support::{Place, TABLES, block_on, event, on_both_engines, options};

on_both_engines! { what_was_acknowledged_survives_a_kill }

const CHILD: &str = "TRUNKLINE_TEST_KILL";

fn what_was_acknowledged_survives_a_kill(place: &Place) {
    let mut acknowledged = Vec::new();
    for round in 0..4_usize {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "kill::a_process_that_writes_until_it_is_killed", "--nocapture"]);
        let place = match &place.location {
            Location::Folder(folder) => folder.to_str().unwrap().to_owned(),
            Location::Postgres(url) => url.clone(),
        };
        child.env(CHILD, format!("{round} {place}")).stdout(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut here = 0;
        for line in lines {
            let Some(id) = line.strip_prefix("written ") else { continue };
            acknowledged.push(id.parse::<i64>().unwrap());
            here += 1;
            if here == 150 + round * 37 {
                // Not waited for: the loop goes on with what the pipe still holds.
                child.kill().unwrap();
            }
        }
        assert!(!child.wait().unwrap().success());
        assert!(here >= 150, "the child ended by itself");
    }
    verify(&place.open("a"), &acknowledged);
}

fn verify(store: &Store, acknowledged: &[i64]) {
    let found = block_on(store.read(|reader| {
        let sql = "SELECT notes.id, words, note FROM notes LEFT JOIN replies ON note = notes.id \
                   ORDER BY notes.id";
        let rows = reader.rows(sql, &[], |row| {
            Ok((row.int(0)?, row.text(1)?.parse::<i64>().unwrap(), row.int_or_null(2)?))
        })?;
        for (id, event, reply) in &rows {
            assert_eq!(*reply, Some(*id), "a unit is whole or not there");
            assert_eq!(events_of(reader, *event, 5)?.len(), 1, "and so is its event");
        }
        let events = "SELECT count(*) FROM events";
        assert_eq!(reader.row(events, &[], |row| row.int(0))?, Some(rows.len() as i64));
        Ok::<_, StoreError>(rows)
    }));
    let found: Vec<i64> = found.unwrap().into_iter().map(|(id, ..)| id).collect();
    for id in acknowledged {
        assert!(found.binary_search(id).is_ok(), "{id} was acknowledged and is lost");
    }
    assert!(acknowledged.len() > 600);
}

/// The child's part; without its variable there is nothing to do.
#[test]
fn a_process_that_writes_until_it_is_killed() {
    let Ok(orders) = std::env::var(CHILD) else { return };
    let (round, place) = orders.split_once(' ').unwrap();
    let location = if place.starts_with("postgres://") {
        Location::Postgres(place.to_owned())
    } else {
        Location::Folder(PathBuf::from(place))
    };
    let store = Store::open(options(location, "a"), TABLES).unwrap();
    let next = Arc::new(AtomicI64::new(round.parse::<i64>().unwrap() * 1_000_000));
    block_on(async {
        let tasks: Vec<_> =
            (0..8).map(|_| tokio::spawn(write_forever(store.clone(), Arc::clone(&next)))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

async fn write_forever(store: Store, next: Arc<AtomicI64>) {
    loop {
        let id = next.fetch_add(1, Ordering::Relaxed);
        let work = move |tx: &mut store::Tx<'_>| {
            let last = tx.emit(event(1, 1, 0))?;
            let words = last.to_string();
            tx.execute(
                "INSERT INTO notes (id, words) VALUES (?, ?)",
                &[id.into(), (&words).into()],
            )?;
            let reply = "INSERT INTO replies (id, note) VALUES (?, ?)";
            tx.execute(reply, &[id.into(), id.into()])
        };
        store.write(work).await.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "written {id}").and_then(|()| out.flush()).unwrap();
    }
}
