//! What statements and values mean is the same on both engines.

use store::{Query, StoreError, Tx, Value};

use crate::support::{Place, block_on, event, notes, on_both_engines};

on_both_engines! {
    nul_is_refused_before_it_reaches_the_database
    integers_of_every_kind_are_read
    values_come_back_as_they_were
    many_rows_are_as_single_ones
    a_row_that_is_changed_twice_keeps_the_last_change
    a_batch_of_rows_fails_as_one
    text_is_compared_by_byte
}

const INSERT: &str = "INSERT INTO notes (id, words, data) VALUES (?, ?, ?)";

fn nul_is_refused_before_it_reaches_the_database(place: &Place) {
    let store = place.open("a");
    block_on(async {
        let row = [1.into(), "a\0b".into(), Value::Null];
        let work = move |tx: &mut Tx<'_>| {
            for outcome in [tx.execute(INSERT, &row), tx.execute_many(INSERT, 3, &row)] {
                assert!(matches!(outcome, Err(StoreError::NulInText)), "{outcome:?}");
            }
            let mut bad = event(1, 1, 0);
            bad.facts = "\0";
            assert!(matches!(tx.emit(bad), Err(StoreError::NulInText)));
            // The unit is whole: nothing of it has reached the database.
            tx.execute(INSERT, &[1.into(), "ab".into(), (&[0_u8, 1]).into()])
        };
        store.write(work).await.unwrap();
        let sql = "SELECT id FROM notes WHERE words = ?";
        let read = store.read(move |reader| reader.row(sql, &["\0".into()], |row| row.int(0)));
        assert!(matches!(read.await, Err(StoreError::NulInText)));
        assert_eq!(notes(&store).await, [1]);
    });
}

fn integers_of_every_kind_are_read(place: &Place) {
    let store = place.open("a");
    block_on(async {
        let work = |tx: &mut Tx<'_>| {
            for id in [1, 2, 70_000] {
                tx.execute(INSERT, &[id.into(), Value::Null, Value::Null])?;
            }
            Ok::<_, StoreError>(())
        };
        store.write(work).await.unwrap();
        let sql = "SELECT 1, count(*), sum(id), min(id), EXISTS (SELECT 1 FROM notes), \
                   sum(id) - 100000, NULL FROM notes";
        let found = store
            .read(|reader| {
                reader.row(sql, &[], |row| {
                    let numbers =
                        (0..6).map(|column| row.int(column)).collect::<Result<Vec<_>, _>>();
                    Ok((numbers?, row.bool(4)?, row.int_or_null(5)?, row.text_or_null(6)?))
                })
            })
            .await
            .unwrap();
        let numbers = vec![1, 3, 70_003, 1, 1, -29_997];
        assert_eq!(found, Some((numbers, true, Some(-29_997), None)));
    });
}

fn values_come_back_as_they_were(place: &Place) {
    let store = place.open("a");
    block_on(async {
        let words = ["", "Grüße, 👋🏽", "'; DROP TABLE notes; --", "?"];
        let work = move |tx: &mut Tx<'_>| {
            for (id, words) in (0_i64..).zip(words) {
                tx.execute(INSERT, &[id.into(), words.into(), words.as_bytes().into()])?;
            }
            tx.execute(INSERT, &[i64::MIN.into(), None::<&str>.into(), Value::Null])?;
            tx.execute(INSERT, &[i64::MAX.into(), Value::Null, (&[0_u8, 255]).into()])
        };
        store.write(work).await.unwrap();
        let sql = "SELECT id, words, data FROM notes ORDER BY id";
        let found = store
            .read(|reader| {
                reader.rows(sql, &[], |row| {
                    Ok((row.int(0)?, row.text_or_null(1)?, row.blob_or_null(2)?))
                })
            })
            .await
            .unwrap();
        let mut expected = vec![(i64::MIN, None, None)];
        expected.extend(
            (0..)
                .zip(words)
                .map(|(id, words)| (id, Some(words.to_owned()), Some(words.as_bytes().to_vec()))),
        );
        expected.push((i64::MAX, None, Some(vec![0, 255])));
        assert_eq!(found, expected);
    });
}

/// Below, at and above the bounds of what travels in one statement.
fn many_rows_are_as_single_ones(place: &Place) {
    let store = place.open("a");
    let mut first = 0;
    for count in [0_i64, 1, 3, 4, 600, 9_000] {
        let work = move |tx: &mut Tx<'_>| {
            let words: Vec<String> = (0..count).map(|id| format!("words {id}")).collect();
            let row = |(id, words): (i64, &'_ String)| {
                let id = first + id;
                (id, if id % 3 == 0 { None } else { Some(words.clone()) })
            };
            let rows: Vec<_> = (0..count).zip(&words).map(row).collect();
            let values: Vec<Value<'_>> = rows
                .iter()
                .flat_map(|(id, words)| [(*id).into(), words.as_ref().into(), Value::Null])
                .collect();
            assert_eq!(tx.execute_many(INSERT, 3, &values)?, count as u64);
            let changes: Vec<Value<'_>> =
                rows.iter().flat_map(|(id, _)| ["new".into(), (*id).into()]).collect();
            let update = "UPDATE notes SET words = ? WHERE id = ? AND words IS NOT NULL";
            let changed = tx.execute_many(update, 2, &changes)?;
            assert_eq!(changed, rows.iter().filter(|(_, words)| words.is_some()).count() as u64);
            let gone: Vec<Value<'_>> =
                rows.iter().filter(|(id, _)| id % 2 == 0).map(|(id, _)| (*id).into()).collect();
            let deleted = tx.execute_many("DELETE FROM notes WHERE id = ?", 1, &gone)?;
            assert_eq!(deleted, gone.len() as u64);
            Ok::<_, StoreError>(rows.into_iter().filter(|(id, _)| id % 2 != 0).collect::<Vec<_>>())
        };
        let left = block_on(store.write(work)).unwrap();
        let sql = "SELECT id, words FROM notes WHERE id >= ? ORDER BY id";
        let found = store.read(move |reader| {
            reader.rows(sql, &[first.into()], |row| Ok((row.int(0)?, row.text_or_null(1)?)))
        });
        let expected: Vec<_> =
            left.into_iter().map(|(id, words)| (id, words.map(|_| "new".to_owned()))).collect();
        assert_eq!(block_on(found).unwrap(), expected, "{count} rows");
        first += count;
    }
}

fn a_row_that_is_changed_twice_keeps_the_last_change(place: &Place) {
    let store = place.open("a");
    block_on(async {
        let work = |tx: &mut Tx<'_>| {
            let upsert = "INSERT INTO notes (id, words) VALUES (?, ?) \
                          ON CONFLICT (id) DO UPDATE SET words = excluded.words";
            let rows = |n: i64| (0..n).flat_map(|id| [Value::Int(id % 5), "x".into()]);
            tx.execute_many(upsert, 2, &rows(10).collect::<Vec<_>>())?;
            let ignore = "INSERT INTO notes (id, words) VALUES (?, ?) ON CONFLICT (id) DO NOTHING";
            assert_eq!(tx.execute_many(ignore, 2, &rows(10).collect::<Vec<_>>())?, 0);
            let words = ["a", "b", "c", "d", "e", "f"];
            let changes: Vec<Value<'_>> =
                (0_i64..).zip(words).flat_map(|(i, w)| [w.into(), Value::Int(i % 3)]).collect();
            tx.execute_many("UPDATE notes SET words = ? WHERE id = ?", 2, &changes)?;
            tx.rows("SELECT words FROM notes ORDER BY id", &[], |row| row.text(0))
        };
        assert_eq!(store.write(work).await.unwrap(), ["d", "e", "f", "x", "x"]);
    });
}

fn a_batch_of_rows_fails_as_one(place: &Place) {
    let store = place.open("a");
    block_on(async {
        for count in [2_i64, 8] {
            let work = move |tx: &mut Tx<'_>| {
                let values: Vec<Value<'_>> = (0..count)
                    .flat_map(|id| [Value::Int(id / 2), Value::Null, Value::Null])
                    .collect();
                tx.execute_many(INSERT, 3, &values)
            };
            let error = store.write(work).await.unwrap_err();
            assert!(error.is_unique_violation(), "{error:?}");
        }
        assert!(notes(&store).await.is_empty());
    });
}

fn text_is_compared_by_byte(place: &Place) {
    let store = place.open("a");
    block_on(async {
        let work = |tx: &mut Tx<'_>| {
            for (id, words) in (0_i64..).zip(["b", "B", "a-b", "ab", "ä", "_"]) {
                tx.execute(INSERT, &[id.into(), words.into(), Value::Null])?;
            }
            tx.rows("SELECT words FROM notes ORDER BY words", &[], |row| row.text(0))
        };
        assert_eq!(store.write(work).await.unwrap(), ["B", "_", "a-b", "ab", "b", "ä"]);
    });
}
