//! A store's life: overload, reading beside the writer, closing.

use store::{Query, Store, StoreError};

use crate::support::{
    Gate, Place, TABLES, block_on, notes, on_both_engines, start, wait_until_closed, write_note,
};

on_both_engines! {
    too_many_units_are_refused
    readers_see_what_is_committed_at_once
    closing_commits_what_waits
    the_last_handle_closes_the_store
    work_on_the_stores_own_thread_may_hold_the_last_handle
}

fn too_many_units_are_refused(place: &Place) {
    let store = place.open("a");
    block_on(async {
        let gate = Gate::close(&store);
        for _ in 0..100_000 {
            start(store.write(|_| Ok::<_, StoreError>(())));
        }
        assert_eq!(store.waiting(), 100_000);
        let refused = write_note(&store, 1).await;
        assert!(matches!(refused, Err(StoreError::Overloaded)), "{refused:?}");
        gate.open();
        while write_note(&store, 1).await.is_err() {
            tokio::task::yield_now().await;
        }
    });
}

fn readers_see_what_is_committed_at_once(place: &Place) {
    let store = place.open("a");
    block_on(async {
        for id in 1..=200 {
            write_note(&store, id).await.unwrap();
            let sql = "SELECT id FROM notes WHERE id = ?";
            let read = store.read(move |reader| reader.row(sql, &[id.into()], |row| row.int(0)));
            assert_eq!(read.await.unwrap(), Some(id));
        }
    });
}

fn closing_commits_what_waits(place: &Place) {
    let store = place.open("a");
    block_on(async {
        let gate = Gate::close(&store);
        let writes: Vec<_> = (1..=2_000)
            .map(|id| {
                let store = store.clone();
                tokio::spawn(async move { write_note(&store, id).await })
            })
            .collect();
        while store.waiting() < 2_000 {
            tokio::task::yield_now().await;
        }
        let closing = store.clone();
        let closing = tokio::task::spawn_blocking(move || closing.close());
        wait_until_closed(&store);
        gate.open();
        closing.await.unwrap();
        for write in writes {
            write.await.unwrap().unwrap();
        }
        assert!(matches!(write_note(&store, 1).await, Err(StoreError::Closed)));
        let read = store.read(|reader| reader.row("SELECT 1", &[], |row| row.int(0))).await;
        assert!(matches!(read, Err(StoreError::Closed)), "{read:?}");
    });
    store.close();
    assert_eq!(block_on(notes(&place.open("a"))).len(), 2_000);
}

fn the_last_handle_closes_the_store(place: &Place) {
    for id in 1..=3 {
        let store = place.open("a");
        start(write_note(&store, id));
        drop(store.clone());
        drop(store);
    }
    assert_eq!(block_on(notes(&place.open("a"))), [1, 2, 3]);
}

fn work_on_the_stores_own_thread_may_hold_the_last_handle(place: &Place) {
    let store = Store::open(place.options("a"), TABLES).unwrap();
    let (done, wait) = std::sync::mpsc::channel();
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let held = store.clone();
    start(store.write(move |tx| {
        gone.recv().unwrap();
        tx.after_commit(move || {
            drop(held);
            done.send(()).unwrap();
        });
        Ok::<_, StoreError>(())
    }));
    drop(store);
    go.send(()).unwrap();
    wait.recv().unwrap();
}
