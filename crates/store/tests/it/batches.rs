//! Batches under concurrency.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use futures_util::future::join_all;
use store::{Batch, Query, Store, StoreError, Value};

use crate::support::{Gate, Place, block_on, on_both_engines, wait_until_closed};

on_both_engines! {
    ten_thousand_items_of_fifty_tasks_are_answered_in_order
    items_without_a_waiter_are_written
    too_many_items_are_refused
    every_item_is_answered_when_the_store_closes
    a_wrong_number_of_results_is_a_failure
}

/// Writes items as notes, numbered in the order in which they were handled.
fn numbering(store: &Store) -> (Batch<i64, i64>, Arc<AtomicUsize>) {
    let next = AtomicI64::new(1);
    let slices = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&slices);
    let batch = Batch::new(store.clone(), move |tx, items: Vec<i64>| {
        counter.fetch_add(1, Ordering::Relaxed);
        let first = next.fetch_add(items.len() as i64, Ordering::Relaxed);
        let words: Vec<String> = items.iter().map(i64::to_string).collect();
        let numbers = first..first + items.len() as i64;
        let values: Vec<Value<'_>> =
            numbers.clone().zip(&words).flat_map(|(n, w)| [n.into(), w.into()]).collect();
        tx.execute_many("INSERT INTO notes (id, words) VALUES (?, ?)", 2, &values)?;
        Ok(numbers.collect())
    });
    (batch, slices)
}

fn ten_thousand_items_of_fifty_tasks_are_answered_in_order(place: &Place) {
    let store = place.open("a");
    let (batch, slices) = numbering(&store);
    block_on(async {
        let tasks: Vec<_> = (0..50)
            .map(|task| {
                let batch = batch.clone();
                tokio::spawn(async move {
                    let items = (0..200).map(|item| batch.submit(task * 1000 + item));
                    join_all(items).await.into_iter().collect::<Result<Vec<_>, _>>()
                })
            })
            .collect();
        let mut answered = Vec::new();
        for (task, handle) in (0_i64..).zip(tasks) {
            let numbers = handle.await.unwrap().unwrap();
            assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "order within a task");
            answered.extend(numbers.iter().zip(0_i64..).map(|(n, i)| (*n, task * 1000 + i)));
        }
        answered.sort_unstable();
        let stored = store
            .read(|reader| {
                reader.rows("SELECT id, words FROM notes ORDER BY id", &[], |row| {
                    Ok((row.int(0)?, row.text(1)?.parse::<i64>().unwrap()))
                })
            })
            .await
            .unwrap();
        assert_eq!(stored.len(), 10_000);
        assert_eq!(stored, answered, "each item got the answer to itself");
        assert!(slices.load(Ordering::Relaxed) < 5_000, "items travel together");
    });
}

fn items_without_a_waiter_are_written(place: &Place) {
    let store = place.open("a");
    let (batch, _) = numbering(&store);
    block_on(async {
        batch.send(1..=10).unwrap();
        batch.send([]).unwrap();
        assert_eq!(batch.submit(11).await.unwrap(), 11);
    });
}

fn too_many_items_are_refused(place: &Place) {
    let store = place.open("a");
    let (batch, _) = numbering(&store);
    block_on(async {
        let gate = Gate::close(&store);
        batch.send(1..=50_000).unwrap();
        assert!(matches!(batch.submit(50_001).await, Err(StoreError::Overloaded)));
        assert!(matches!(batch.send([50_001]), Err(StoreError::Overloaded)));
        gate.open();
        // What was taken is handled, in several units.
        while batch.waiting() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(batch.submit(50_001).await.unwrap(), 50_001);
    });
}

fn every_item_is_answered_when_the_store_closes(place: &Place) {
    let store = place.open("a");
    let (batch, _) = numbering(&store);
    block_on(async {
        let gate = Gate::close(&store);
        batch.send(1..=10_000).unwrap();
        let waiting = batch.clone();
        let last = tokio::spawn(async move { waiting.submit(10_001).await });
        while batch.waiting() < 10_001 {
            tokio::task::yield_now().await;
        }
        let closing = store.clone();
        let closing = tokio::task::spawn_blocking(move || closing.close());
        wait_until_closed(&store);
        gate.open();
        closing.await.unwrap();
        assert_eq!(last.await.unwrap().unwrap(), 10_001);
        for _ in 0..2 {
            assert!(matches!(batch.submit(1).await, Err(StoreError::Closed)));
        }
    });
}

fn a_wrong_number_of_results_is_a_failure(place: &Place) {
    let store = place.open("a");
    let batch = Batch::<i64, i64>::new(store, |_, _| Ok(Vec::new()));
    let answer = block_on(batch.submit(1));
    drop(batch);
    assert!(matches!(answer, Err(StoreError::Corrupt(_))), "{answer:?}");
}
