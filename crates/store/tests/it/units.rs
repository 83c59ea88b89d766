//! Units of work commit together and fail apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use store::{Batch, Lane, Query, Store, StoreError, Tx, events_after};

use crate::support::{Gate, Place, block_on, event, note, notes, on_both_engines, write_note};

on_both_engines! {
    units_that_wait_share_one_commit
    failing_units_leave_nothing_and_harm_nobody
    a_failing_batch_harms_nobody
    every_waiter_hears_of_a_failed_commit
    units_see_the_units_before_them
    a_panic_after_the_commit_harms_nobody
}

fn commits(store: &Store) -> u64 {
    store.counters().commits.load(Ordering::Relaxed)
}

fn units_that_wait_share_one_commit(place: &Place) {
    let store = place.open("a");
    block_on(async {
        let gate = Gate::close(&store);
        let before = commits(&store);
        let writes: Vec<_> = (1..=20).map(|id| tokio::spawn(writing(&store, id))).collect();
        wait_for_waiting(&store, 20).await;
        gate.open();
        for write in writes {
            write.await.unwrap().unwrap();
        }
        assert_eq!(commits(&store) - before, 2, "the gate's commit and one for all others");
        assert_eq!(notes(&store).await, (1..=20).collect::<Vec<_>>());
    });
}

fn writing(store: &Store, id: i64) -> impl Future<Output = Result<i64, StoreError>> + use<> {
    let store = store.clone();
    async move { write_note(&store, id).await }
}

async fn wait_for_waiting(store: &Store, count: usize) {
    while store.waiting() < count {
        tokio::task::yield_now().await;
    }
}

/// Every way in which a unit may fail.
fn bad_unit(tx: &mut Tx<'_>, way: u8) -> Result<(), StoreError> {
    if way == 0 {
        // Before any write: PostgreSQL's transaction would be lost without a savepoint.
        return tx.rows("SELECT no FROM such_table", &[], |row| row.int(0)).map(|_| ());
    }
    note(tx, 100 + i64::from(way))?;
    match way {
        1 => Err(StoreError::Corrupt("a rule of the product")),
        2 => note(tx, 1).map(|_| ()),
        3 => panic!("expected by the test"),
        4 => {
            // Goes on as if nothing had happened.
            let failed = tx.execute("INSERT INTO notes (id) VALUES (?)", &[1.into()]);
            assert!(failed.is_err_and(|error| error.is_unique_violation()));
            Ok(())
        }
        _ => tx.execute("INSERT INTO notes (id) VALUES (NULL)", &[]).map(|_| ()),
    }
}

fn failing_units_leave_nothing_and_harm_nobody(place: &Place) {
    let store = place.open("a");
    let after = Arc::new(AtomicU32::new(0));
    block_on(async {
        write_note(&store, 1).await.unwrap();
        let gate = Gate::close(&store);
        let mut bad = Vec::new();
        let mut good = Vec::new();
        for way in 0..=5_u8 {
            let (writer, counter) = (store.clone(), Arc::clone(&after));
            bad.push(tokio::spawn(async move {
                let work = move |tx: &mut Tx<'_>| {
                    tx.after_commit(move || {
                        counter.fetch_add(1000, Ordering::Relaxed);
                    });
                    bad_unit(tx, way)
                };
                writer.write(work).await.unwrap_err()
            }));
            wait_for_waiting(&store, 2 * usize::from(way) + 1).await;
            let (writer, counter) = (store.clone(), Arc::clone(&after));
            good.push(tokio::spawn(async move {
                let work = move |tx: &mut Tx<'_>| {
                    tx.after_commit(move || {
                        counter.fetch_add(1, Ordering::Relaxed);
                    });
                    note(tx, 2 + i64::from(way))
                };
                writer.write(work).await
            }));
            wait_for_waiting(&store, 2 * usize::from(way) + 2).await;
        }
        let before = commits(&store);
        gate.open();
        let mut errors = Vec::new();
        for bad in bad {
            errors.push(bad.await.unwrap());
        }
        let mut ids = Vec::new();
        for good in good {
            ids.push(good.await.unwrap().unwrap());
        }
        assert_eq!(commits(&store) - before, 2);
        assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "no gap in the lane: {ids:?}");
        assert!(matches!(errors[1], StoreError::Corrupt(_)), "{errors:?}");
        assert!(errors[2].is_unique_violation(), "{errors:?}");
        assert!(matches!(errors[3], StoreError::Panicked), "{errors:?}");
        assert!(matches!(errors[4], StoreError::StatementFailed), "{errors:?}");
        assert!(!errors[5].is_unique_violation(), "{errors:?}");
        assert_eq!(notes(&store).await, (1..=7).collect::<Vec<_>>());
        let log = store.read(|reader| events_after(reader, Lane(1), 0, 100)).await.unwrap();
        assert_eq!(log.len(), 7);
        assert_eq!(after.load(Ordering::Relaxed), 6);
    });
}

fn a_failing_batch_harms_nobody(place: &Place) {
    let store = place.open("a");
    let batch = Batch::new(store.clone(), |tx, items: Vec<i64>| {
        for item in &items {
            note(tx, *item)?;
        }
        assert!(!items.contains(&13), "expected by the test");
        Ok(vec![(); items.len()])
    });
    block_on(async {
        for (items, panics) in [([5, 1], false), ([6, 13], true)] {
            let gate = Gate::close(&store);
            write_later(&store, 1 + i64::from(panics) * 20).await;
            let answers: Vec<_> = items
                .map(|item| {
                    let batch = batch.clone();
                    tokio::spawn(async move { batch.submit(item).await })
                })
                .into_iter()
                .collect();
            while batch.waiting() < 2 {
                tokio::task::yield_now().await;
            }
            write_later(&store, 2 + i64::from(panics) * 20).await;
            gate.open();
            for answer in answers {
                let error = answer.await.unwrap().unwrap_err();
                assert_eq!(matches!(error, StoreError::Panicked), panics, "{error:?}");
            }
        }
        // Later items are none the worse for it.
        batch.submit(7).await.unwrap();
        assert_eq!(notes(&store).await, [1, 2, 7, 21, 22]);
    });
}

/// Hands in a note and returns once it waits.
async fn write_later(store: &Store, id: i64) {
    let before = store.waiting();
    tokio::spawn(writing(store, id));
    wait_for_waiting(store, before + 1).await;
}

/// A foreign key that is checked at the very end makes the commit itself fail.
fn every_waiter_hears_of_a_failed_commit(place: &Place) {
    let store = place.open("a");
    let batch = Batch::new(store.clone(), |tx, items: Vec<i64>| {
        items.iter().map(|item| note(tx, *item)).collect()
    });
    block_on(async {
        let first = write_note(&store, 1).await.unwrap();
        let gate = Gate::close(&store);
        let orphan = {
            let store = store.clone();
            tokio::spawn(async move {
                let sql = "INSERT INTO replies (id, note) VALUES (1, 999)";
                store.write(move |tx| tx.execute(sql, &[])).await.map(|_| ())
            })
        };
        wait_for_waiting(&store, 1).await;
        let neighbour = tokio::spawn(writing(&store, 2));
        let items: Vec<_> = (3..6)
            .map(|item| {
                let batch = batch.clone();
                tokio::spawn(async move { batch.submit(item).await.map(|_| ()) })
            })
            .collect();
        wait_for_waiting(&store, 3).await;
        while batch.waiting() < 3 {
            tokio::task::yield_now().await;
        }
        gate.open();
        let neighbour = neighbour.await.unwrap().map(|_| ());
        let mut outcomes = vec![orphan.await.unwrap(), neighbour];
        for item in items {
            outcomes.push(item.await.unwrap());
        }
        for outcome in outcomes {
            assert!(matches!(outcome, Err(StoreError::CommitFailed(_))), "{outcome:?}");
        }
        assert_eq!(notes(&store).await, [1]);
        let next = write_note(&store, 2).await.unwrap();
        assert_eq!(next, first + 1, "ids of the failed commit are free again");
        batch.submit(3).await.unwrap();
        assert_eq!(notes(&store).await, [1, 2, 3]);
    });
}

fn units_see_the_units_before_them(place: &Place) {
    let store = place.open("a");
    block_on(async {
        let gate = Gate::close(&store);
        write_later(&store, 1).await;
        let second = {
            let store = store.clone();
            tokio::spawn(async move {
                store
                    .write(|tx| {
                        let seen = crate::support::note_ids(tx)?;
                        let last = tx.emit(event(2, 1, 0))?;
                        Ok::<_, StoreError>((seen, last, tx.noted().len()))
                    })
                    .await
            })
        };
        wait_for_waiting(&store, 2).await;
        gate.open();
        let (seen, _, noted) = second.await.unwrap().unwrap();
        assert_eq!(seen, [1]);
        assert_eq!(noted, 0, "events are only noted for listeners");
    });
}

fn a_panic_after_the_commit_harms_nobody(place: &Place) {
    let mut options = place.options("a");
    options.listeners.push(Box::new(|events| {
        assert!(events.iter().all(|event| event.object_seq != 1), "expected by the test");
    }));
    let store = Store::open(options, crate::support::TABLES).unwrap();
    block_on(async {
        let work = |tx: &mut Tx<'_>| {
            tx.after_commit(|| panic!("expected by the test"));
            note(tx, 1)
        };
        store.write(work).await.unwrap();
        write_note(&store, 2).await.unwrap();
        let read = store.read(|_| -> Result<(), StoreError> { panic!("expected by the test") });
        assert!(matches!(read.await, Err(StoreError::Panicked)));
        assert_eq!(notes(&store).await, [1, 2]);
        assert_eq!(notes(&store).await, [1, 2], "both readers are alive");
    });
}
