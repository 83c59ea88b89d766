//! Leases: taken, renewed, refused, fenced.

use std::time::Duration;

use base::Instant;
use store::lease::{self, Lease};
use store::{Store, StoreError};

use crate::support::{Place, block_on, note, notes, on_both_engines};

on_both_engines! {
    a_lease_has_one_owner_until_it_expires
    a_stale_owner_is_refused
    a_lease_that_was_given_back_is_free
    expiry_is_by_the_databases_clock
}

async fn take(store: &Store, owner: &'static str, at: Instant) -> Option<Lease> {
    store.write(move |tx| lease::acquire(tx, "queue/7", owner, at)).await.unwrap()
}

const START: Instant = Instant::from_secs(5_000);

fn a_lease_has_one_owner_until_it_expires(place: &Place) {
    let store = place.open("a");
    block_on(async {
        let held = take(&store, "x", START).await.unwrap();
        assert_eq!((held.name.as_str(), held.owner.as_str(), held.epoch), ("queue/7", "x", 1));
        let almost = START + lease::LEASE_TIME - Duration::from_micros(1);
        assert_eq!(take(&store, "y", almost).await, None);
        let renewal = held.clone();
        store.write(move |tx| lease::renew(tx, &renewal, almost)).await.unwrap();
        assert_eq!(take(&store, "y", START + lease::LEASE_TIME).await, None);
        let expired = almost + lease::LEASE_TIME;
        let taken = take(&store, "y", expired).await.unwrap();
        assert_eq!(taken.epoch, 2);
        let again = take(&store, "y", expired).await.unwrap();
        assert_eq!(again.epoch, 3, "a restarted owner fences off what it was before");
    });
}

fn a_stale_owner_is_refused(place: &Place) {
    let store = place.open("a");
    block_on(async {
        let stale = take(&store, "x", START).await.unwrap();
        let fresh = take(&store, "y", START + lease::LEASE_TIME).await.unwrap();
        for (id, owner) in [(1, stale.clone()), (2, fresh)] {
            let outcome = store
                .write(move |tx| {
                    lease::assert_held(tx, &owner)?;
                    note(tx, id)
                })
                .await;
            assert_eq!(matches!(outcome, Err(StoreError::LeaseLost)), id == 1, "{outcome:?}");
        }
        let renewal = store.write(move |tx| lease::renew(tx, &stale, START)).await;
        assert!(matches!(renewal, Err(StoreError::LeaseLost)));
        assert_eq!(notes(&store).await, [2]);
    });
}

fn a_lease_that_was_given_back_is_free(place: &Place) {
    let store = place.open("a");
    block_on(async {
        let held = take(&store, "x", START).await.unwrap();
        store.write(move |tx| lease::release(tx, &held)).await.unwrap();
        assert_eq!(take(&store, "y", START).await.unwrap().epoch, 2);
    });
}

fn expiry_is_by_the_databases_clock(place: &Place) {
    let mut options = place.options("a");
    // The product's clock is years ahead.
    options.clock = std::sync::Arc::new(|| Instant::from_secs(9_000_000_000));
    let store = Store::open(options, crate::support::TABLES).unwrap();
    block_on(async {
        let now = store.read(|reader| lease::database_now(reader)).await.unwrap();
        assert!(now > Instant::from_secs(1_700_000_000) && now < Instant::from_secs(9_000_000_000));
        let later = store.read(|reader| lease::database_now(reader)).await.unwrap();
        assert!(later >= now && later < now + Duration::from_secs(60));
    });
}
