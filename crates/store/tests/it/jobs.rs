//! Jobs.

use std::time::Duration;

use base::Instant;
use store::{StoreError, job};

use crate::support::{Place, account, block_on, on_both_engines};

on_both_engines! { jobs_come_when_they_are_due }

fn jobs_come_when_they_are_due(place: &Place) {
    let store = place.open("a");
    let start = Instant::from_secs(1_000);
    block_on(async {
        let ids = store
            .write(move |tx| {
                let mut add = |kind, after| {
                    job::add(tx, account(), kind, start + Duration::from_secs(after), "{}")
                };
                Ok::<_, StoreError>([
                    add("it.late", 20)?,
                    add("it.soon", 10)?,
                    add("it.never", 99)?,
                ])
            })
            .await
            .unwrap();
        let due = |at: u64| {
            let at = start + Duration::from_secs(at);
            store.read(move |reader| {
                Ok::<_, StoreError>((job::due(reader, at, 10)?, job::next_due(reader)?))
            })
        };
        assert!(due(9).await.unwrap().0.is_empty());
        let (jobs, next) = due(20).await.unwrap();
        let kinds: Vec<&str> = jobs.iter().map(|job| job.kind.as_str()).collect();
        assert_eq!(kinds, ["it.soon", "it.late"]);
        assert_eq!(next, Some(start + Duration::from_secs(10)));
        assert_eq!((jobs[0].id, jobs[0].account, jobs[0].attempts), (ids[1], account(), 0));
        let work = move |tx: &mut store::Tx<'_>| {
            job::put_off(tx, &ids[1], start + Duration::from_secs(30))?;
            job::done(tx, &ids[0])
        };
        store.write(work).await.unwrap();
        let (jobs, _) = due(30).await.unwrap();
        assert_eq!((jobs.len(), jobs[0].id, jobs[0].attempts), (1, ids[1], 1));
        store.write(move |tx| job::done(tx, &ids[1])).await.unwrap();
        store.write(move |tx| job::done(tx, &ids[2])).await.unwrap();
        assert_eq!(due(1000).await.unwrap(), (Vec::new(), None));
    });
}
