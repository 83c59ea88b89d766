//! PostgreSQL's connections break and the store goes on without a restart.

use std::time::Duration;

use store::{Location, Store, StoreError};

use crate::proxy::{Cut, Proxy};
use crate::server::administer;
use crate::support::{Place, TABLES, block_on, notes, options, write_note};

const END_SESSIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                            WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[test]
fn ended_sessions_are_restored_without_an_error() {
    let place = Place::database();
    let store = place.open("a");
    block_on(async {
        let mut last = write_note(&store, 1).await.unwrap();
        for id in 2..=5 {
            let url = place.url().to_owned();
            tokio::task::spawn_blocking(move || administer(&url, END_SESSIONS)).await.unwrap();
            // Each reader has lost its connection.
            for _ in 0..4 {
                assert_eq!(notes(&store).await.len() as i64, id - 1);
            }
            let next = write_note(&store, id).await.unwrap();
            assert_eq!(next, last + 1, "the lane goes on");
            last = next;
        }
    });
}

fn open_through(place: &Place) -> (Proxy, Store) {
    let (proxy, url) = Proxy::to(place.url());
    let store = Store::open(options(Location::Postgres(url), "a"), TABLES).unwrap();
    (proxy, store)
}

#[test]
fn an_unreachable_server_is_an_error_and_not_the_end() {
    let place = Place::database();
    let (proxy, store) = open_through(&place);
    block_on(async {
        write_note(&store, 1).await.unwrap();
        proxy.close();
        let (write, read) = tokio::join!(
            tokio::time::timeout(Duration::from_secs(20), write_note(&store, 2)),
            tokio::time::timeout(
                Duration::from_secs(20),
                store.read(|reader| crate::support::note_ids(reader))
            )
        );
        assert!(matches!(write.unwrap(), Err(StoreError::CommitFailed(_))));
        assert!(matches!(read.unwrap(), Err(StoreError::Postgres(_))));
        proxy.open();
        write_note(&store, 3).await.unwrap();
        assert_eq!(notes(&store).await, [1, 3]);
    });
}

#[test]
fn an_outage_shorter_than_patience_is_not_noticed() {
    let place = Place::database();
    let (proxy, store) = open_through(&place);
    block_on(async {
        write_note(&store, 1).await.unwrap();
        proxy.close();
        let writer = store.clone();
        let waiting = tokio::spawn(async move { write_note(&writer, 2).await });
        while store.waiting() > 0 {
            tokio::task::yield_now().await;
        }
        proxy.open();
        waiting.await.unwrap().unwrap();
        assert_eq!(notes(&store).await, [1, 2]);
    });
}

#[test]
fn a_commit_whose_answer_was_lost_is_looked_up() {
    let place = Place::database();
    let (proxy, store) = open_through(&place);
    block_on(async {
        let first = write_note(&store, 1).await.unwrap();
        proxy.cut(Cut::AfterCommit);
        let second = write_note(&store, 2).await.unwrap();
        proxy.cut(Cut::BeforeCommit);
        let refused = write_note(&store, 3).await;
        assert!(matches!(refused, Err(StoreError::CommitFailed(_))), "{refused:?}");
        let third = write_note(&store, 4).await.unwrap();
        assert_eq!([second, third], [first + 1, first + 2]);
        assert_eq!(notes(&store).await, [1, 2, 4]);
    });
}
