//! Several writers: each has a lane, and whoever follows the lanes misses nothing.

use std::collections::BTreeMap;

use store::{Lane, Query, Store, StoreError, events_after, lanes};

use crate::server::administer;
use crate::support::{Gate, Place, block_on, event, notes, start, write_note};

/// A follower that keeps a cursor for each lane, and another that trusts one number.
#[derive(Default)]
struct Followers {
    cursors: BTreeMap<u32, i64>,
    by_lane: Vec<i64>,
    highest: i64,
    by_number: Vec<i64>,
}

impl Followers {
    async fn look(&mut self, store: &Store) {
        for lane in store.read(|reader| lanes(reader)).await.unwrap() {
            let cursor = self.cursors.entry(lane.0).or_default();
            let from = *cursor;
            let new =
                store.read(move |reader| events_after(reader, lane, from, 1000)).await.unwrap();
            *cursor = new.last().map_or(from, |event| event.id);
            self.by_lane.extend(new.iter().map(|event| event.id));
        }
        let from = self.highest;
        let sql = "SELECT id FROM events WHERE id > ? ORDER BY id";
        let new = store.read(move |reader| reader.rows(sql, &[from.into()], |row| row.int(0)));
        let new = new.await.unwrap();
        self.highest = new.last().copied().unwrap_or(from);
        self.by_number.extend(new);
    }
}

#[test]
fn transactions_that_commit_in_the_other_order_are_followed_by_lane() {
    let place = Place::database();
    let (first, second) = (place.open("a"), place.open("b"));
    let mut followers = Followers::default();
    block_on(async {
        let early = write_note(&first, 1).await.unwrap();
        followers.look(&second).await;
        // The first lane's transaction writes its event and stays open …
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let (wrote, written) = tokio::sync::oneshot::channel();
        let writer = first.clone();
        let late = tokio::spawn(async move {
            let work = move |tx: &mut store::Tx<'_>| {
                let id = tx.emit(event(2, 1, 0))?;
                // The test waits for it; when it is gone, the assertions have failed.
                let _ = wrote.send(id);
                let _ = wait.recv();
                Ok::<_, StoreError>(id)
            };
            writer.write(work).await.unwrap()
        });
        let late_id = written.await.unwrap();
        // … while the second lane's begins later and commits.
        let between = write_note(&second, 2).await.unwrap();
        assert_eq!((Lane::of_event(late_id), Lane::of_event(between)), (Lane(1), Lane(2)));
        followers.look(&second).await;
        assert_eq!(followers.by_lane, [early, between]);
        go.send(()).unwrap();
        assert_eq!(late.await.unwrap(), late_id);
        followers.look(&second).await;
    });
    followers.by_lane.sort_unstable();
    assert_eq!(followers.by_lane.len(), 3, "nothing is missed and nothing seen twice");
    assert_eq!(followers.by_number.len(), 2, "one number for all lanes would miss an event");
}

#[test]
fn an_embedded_database_has_one_writer() {
    let place = Place::folder();
    let first = place.open("a");
    let second = Store::open(place.options("b"), crate::support::TABLES);
    assert!(matches!(second.err(), Some(StoreError::Address(_))));
    first.close();
    place.open("b");
}

async fn lane(store: &Store) -> Result<Lane, StoreError> {
    store.write(|tx| tx.emit(event(1, 1, 0))).await.map(Lane::of_event)
}

#[test]
fn nodes_have_lanes_of_their_own_and_take_them_back_at_once() {
    let place = Place::database();
    let (first, second) = (place.open("a"), place.open("b"));
    block_on(async {
        assert_eq!(lane(&first).await.unwrap(), Lane(1));
        assert_eq!(lane(&second).await.unwrap(), Lane(2));
        // The node starts again while its lease is still running, as after a crash.
        let again = place.open("b");
        assert_eq!(lane(&again).await.unwrap(), Lane(2));
        // What is left of it before is fenced off, and may go on elsewhere.
        let refused = lane(&second).await;
        assert!(matches!(refused, Err(StoreError::LeaseLost)), "{refused:?}");
        assert_eq!(lane(&second).await.unwrap(), Lane(3));
        assert_eq!(lane(&again).await.unwrap(), Lane(2));
    });
}

#[test]
fn a_lane_that_was_given_back_is_free_at_once() {
    let place = Place::database();
    let first = place.open("a");
    let id = block_on(write_note(&first, 1)).unwrap();
    first.close();
    let second = place.open("b");
    assert_eq!(block_on(write_note(&second, 2)).unwrap(), id + 1);
}

#[test]
fn an_owner_whose_lane_passed_on_cannot_commit() {
    let place = Place::database();
    let first = place.open("a");
    block_on(async {
        write_note(&first, 1).await.unwrap();
        // As if it had stood still for longer than its lease.
        administer(place.url(), "UPDATE leases SET expires_at = 0");
        let second = place.open("b");
        assert_eq!(lane(&second).await.unwrap(), Lane(1));
        let refused = write_note(&first, 2).await;
        assert!(matches!(refused, Err(StoreError::LeaseLost)), "{refused:?}");
        assert_eq!(notes(&second).await, [1]);
    });
}

/// The server ends the transaction of an owner that stands still inside it.
#[test]
fn an_owner_that_stands_still_in_a_commit_blocks_nobody_for_long() {
    let place = Place::database();
    let first = place.open("a");
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (wrote, written) = std::sync::mpsc::channel();
    let (answer, answered) = std::sync::mpsc::channel();
    let writer = first.clone();
    std::thread::spawn(move || {
        let work = move |tx: &mut store::Tx<'_>| {
            let id = crate::support::note(tx, 1)?;
            wrote.send(()).unwrap();
            let _ = wait.recv();
            Ok::<_, StoreError>(id)
        };
        answer.send(block_on(writer.write(work))).unwrap();
    });
    written.recv().unwrap();
    let began = std::time::Instant::now();
    let second = take_over(&place);
    assert!(began.elapsed() < std::time::Duration::from_secs(10));
    go.send(()).unwrap();
    let outcome = answered.recv().unwrap();
    assert!(matches!(outcome, Err(StoreError::CommitFailed(_))), "{outcome:?}");
    block_on(async {
        assert_eq!(lane(&second).await.unwrap(), Lane(1));
        assert!(notes(&second).await.is_empty());
        write_note(&first, 1).await.unwrap();
        assert_eq!(notes(&second).await, [1]);
    });
}

/// Another process of the same node: it wants the very lane whose row is locked.
fn take_over(place: &Place) -> Store {
    place.open("a")
}

#[test]
fn an_idle_owner_keeps_its_lane() {
    let place = Place::database();
    let first = place.open("a");
    let expiry = "SELECT expires_at FROM leases WHERE name = 'lane/1'";
    let read = || {
        let read = first.read(move |reader| reader.row(expiry, &[], |row| row.int(0)));
        block_on(read).unwrap().unwrap()
    };
    let before = read();
    let began = std::time::Instant::now();
    while read() == before {
        assert!(began.elapsed() < std::time::Duration::from_secs(8), "the lease ran out");
        std::thread::yield_now();
    }
}

#[test]
fn a_gate_is_no_obstacle_to_readers() {
    for place in [Place::folder(), Place::database()] {
        let store = place.open("a");
        block_on(async {
            write_note(&store, 1).await.unwrap();
            let gate = Gate::close(&store);
            start(write_note(&store, 2));
            assert_eq!(notes(&store).await, [1]);
            gate.open();
        });
    }
}
