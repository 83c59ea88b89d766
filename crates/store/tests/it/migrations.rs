//! Migrations.

use std::sync::Barrier;

use store::{Migration, Query, Store, StoreError};

use crate::support::{Place, TABLES, block_on, notes, on_both_engines, options, write_note};

on_both_engines! {
    migrations_run_once
    a_changed_migration_is_refused
    an_unknown_migration_is_refused
    a_failing_migration_leaves_nothing
    nodes_that_start_together_migrate_once
}

const NEXT: Migration = Migration {
    name: "it/2",
    sql: "ALTER TABLE notes ADD COLUMN more {int} NOT NULL DEFAULT 5; \
          CREATE TABLE others (id {int} NOT NULL PRIMARY KEY) {clustered};",
};

fn migrations_run_once(place: &Place) {
    let first = place.open("a");
    block_on(write_note(&first, 1)).unwrap();
    first.close();
    place.open("a").close();
    let store = Store::open(place.options("a"), &[TABLES[0], NEXT]).unwrap();
    block_on(async {
        assert_eq!(notes(&store).await, [1]);
        let read = store.read(|reader| reader.row("SELECT more FROM notes", &[], |row| row.int(0)));
        assert_eq!(read.await.unwrap(), Some(5));
    });
}

fn refusal(place: &Place, migrations: &[Migration]) -> String {
    match Store::open(place.options("a"), migrations) {
        Err(StoreError::Migration(name, _)) => name,
        other => panic!("{:?}", other.err()),
    }
}

fn a_changed_migration_is_refused(place: &Place) {
    place.open("a").close();
    let changed = Migration { name: "it/1", sql: "CREATE TABLE notes (id {int}) {strict};" };
    assert_eq!(refusal(place, &[changed]), "it/1");
    place.open("a");
}

fn an_unknown_migration_is_refused(place: &Place) {
    Store::open(place.options("a"), &[TABLES[0], NEXT]).unwrap().close();
    assert_eq!(refusal(place, TABLES), "it/2");
}

fn a_failing_migration_leaves_nothing(place: &Place) {
    let wrong = Migration { name: "it/2", sql: "CREATE TABLE half (id {int}) {strict}; NONSENSE;" };
    assert!(Store::open(place.options("a"), &[TABLES[0], wrong]).is_err());
    let store = Store::open(place.options("a"), &[TABLES[0], NEXT]).unwrap();
    let read = store.read(|reader| reader.rows("SELECT id FROM half", &[], |row| row.int(0)));
    assert!(block_on(read).is_err());
}

/// On SQLite one of them has the folder and the other is told so; on PostgreSQL both start.
fn nodes_that_start_together_migrate_once(place: &Place) {
    let barrier = Barrier::new(2);
    let start = |node: &'static str| {
        let options = options(place.location.clone(), node);
        barrier.wait();
        Store::open(options, TABLES)
    };
    let outcomes = std::thread::scope(|scope| {
        let other = scope.spawn(|| start("b"));
        [start("a"), other.join().unwrap()]
    });
    let expected = if matches!(place.location, store::Location::Folder(_)) { 1 } else { 2 };
    let running: Vec<&Store> = outcomes.iter().flatten().collect();
    assert_eq!(running.len(), expected);
    for (id, store) in (1..).zip(&running) {
        block_on(write_note(store, id)).unwrap();
    }
    assert_eq!(block_on(notes(running[0])).len(), expected);
}
