//! The event log.

use std::sync::{Arc, Mutex};

use store::{Lane, Store, StoreError, events_after, events_of, lanes};

use crate::support::{Place, TABLES, account, block_on, event, on_both_engines, write_note};

on_both_engines! {
    events_are_numbered_and_listed
    the_events_of_an_object_are_a_chain
    listeners_hear_of_what_was_committed
    a_lane_goes_on_after_a_restart
}

fn events_are_numbered_and_listed(place: &Place) {
    let store = place.open("a");
    block_on(async {
        let work = |tx: &mut store::Tx<'_>| tx.emit_many(&[event(1, 1, 0), event(2, 1, 0)]);
        let first = store.write(work).await.unwrap();
        let third = store.write(|tx| tx.emit(event(3, 1, 0))).await.unwrap();
        assert_eq!((Lane::of_event(first), third), (Lane(1), first + 2));
        let log = store
            .read(|reader| {
                let all = events_after(reader, Lane(1), 0, 10)?;
                let page = events_after(reader, Lane(1), all[0].id, 1)?;
                assert_eq!(page, all[1..2]);
                assert!(events_after(reader, Lane(2), 0, 10)?.is_empty());
                assert_eq!(lanes(reader)?, [Lane(1)]);
                Ok::<_, StoreError>(all)
            })
            .await
            .unwrap();
        let ids: Vec<i64> = log.iter().map(|event| event.id).collect();
        assert_eq!(ids, [first, first + 1, third]);
        let written = event(2, 1, 0);
        assert_eq!(log[1].account, account());
        assert_eq!(log[1].object, written.object);
        assert_eq!((log[1].kind.as_str(), log[1].facts.as_str()), (written.kind, written.facts));
        assert!(log[0].at.micros() > 0 && log[0].at <= log[2].at);
    });
}

fn the_events_of_an_object_are_a_chain(place: &Place) {
    let store = place.open("a");
    block_on(async {
        let mut last = 0;
        for seq in 1..=5 {
            let work = move |tx: &mut store::Tx<'_>| {
                tx.emit(event(9, 1, 0))?;
                tx.emit(event(1, seq, last))
            };
            last = store.write(work).await.unwrap();
        }
        let chain = |limit| store.read(move |reader| events_of(reader, last, limit));
        let all = chain(100).await.unwrap();
        let numbers: Vec<i64> = all.iter().map(|event| event.object_seq).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5]);
        assert!(all.windows(2).all(|pair| pair[1].previous == pair[0].id));
        assert_eq!(chain(2).await.unwrap(), all[3..]);
        assert!(chain(0).await.unwrap().is_empty());
    });
}

fn listeners_hear_of_what_was_committed(place: &Place) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let mut options = place.options("a");
    let ear = Arc::clone(&heard);
    options.listeners.push(Box::new(move |events| ear.lock().unwrap().extend_from_slice(events)));
    let store = Store::open(options, TABLES).unwrap();
    let log = block_on(async {
        write_note(&store, 1).await.unwrap();
        let failing = |tx: &mut store::Tx<'_>| {
            tx.emit(event(2, 1, 0))?;
            Err::<(), _>(StoreError::Corrupt("a rule of the product"))
        };
        store.write(failing).await.unwrap_err();
        write_note(&store, 2).await.unwrap();
        store.read(|reader| events_after(reader, Lane(1), 0, 10)).await.unwrap()
    });
    store.close();
    assert_eq!(log.len(), 2);
    assert_eq!(*heard.lock().unwrap(), log);
}

fn a_lane_goes_on_after_a_restart(place: &Place) {
    let write = |id| {
        let store = place.open("a");
        let event = block_on(write_note(&store, id)).unwrap();
        store.close();
        event
    };
    assert_eq!(write(1) + 1, write(2));
}
