//! What the cases share: places for a store, a few tables, and a gate that stops the writer.

use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime};

use base::{AccountSid, AnySid, Instant, Sid};
use store::{Location, Migration, NewEvent, Options, Query, Store, StoreError, Tx};

use crate::server;

/// The tables of the cases.
pub const TABLES: &[Migration] = &[Migration {
    name: "it/1",
    sql: "
    CREATE TABLE notes (id {int} NOT NULL PRIMARY KEY, words {text}, data {blob}) {clustered};
    CREATE TABLE replies (
        id {int} NOT NULL PRIMARY KEY,
        note {int} NOT NULL REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED
    ) {clustered};
    ",
}];

/// Runs each case on both engines.
macro_rules! on_both_engines {
    ($($case:ident)*) => {
        mod sqlite {
            $(#[test] fn $case() { super::$case(&$crate::support::Place::folder()); })*
        }
        mod postgres {
            $(#[test] fn $case() { super::$case(&$crate::support::Place::database()); })*
        }
    };
}
pub(crate) use on_both_engines;

/// Where a case has its data: an empty folder or database, gone afterwards.
pub struct Place {
    pub location: Location,
    folder: Option<PathBuf>,
}

impl Place {
    pub fn folder() -> Self {
        let folder = temporary_folder();
        Self { location: Location::Folder(folder.clone()), folder: Some(folder) }
    }

    pub fn database() -> Self {
        Self { location: Location::Postgres(server::fresh_database()), folder: None }
    }

    pub fn url(&self) -> &str {
        match &self.location {
            Location::Postgres(url) => url,
            Location::Folder(_) => panic!("this case is for PostgreSQL"),
        }
    }

    pub fn options(&self, node: &str) -> Options {
        options(self.location.clone(), node)
    }

    pub fn open(&self, node: &str) -> Store {
        Store::open(self.options(node), TABLES).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}

pub fn temporary_folder() -> PathBuf {
    static FOLDERS: AtomicU32 = AtomicU32::new(0);
    let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
    let name = format!("trunkline-store-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    // Left by a killed run under the same process id.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

pub fn options(location: Location, node: &str) -> Options {
    Options {
        location,
        node: node.to_owned(),
        clock: Arc::new(wall_clock),
        seed: [7; 32],
        readers: 2,
        commit_tick: Duration::from_millis(1),
        listeners: Vec::new(),
    }
}

fn wall_clock() -> Instant {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Instant::from_micros(i64::try_from(since.as_micros()).unwrap())
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

pub fn account() -> AccountSid {
    AccountSid::from_bytes([1; 16])
}

/// An event about object `object`.
pub fn event(object: u8, object_seq: i64, previous: i64) -> NewEvent<'static> {
    let object = AnySid { prefix: *b"SM", bytes: [object; 16] };
    let kind = "it.note.written";
    NewEvent { account: account(), object, object_seq, previous, kind, facts: "{\"a\":1}" }
}

/// Writes a row with an event beside it, and answers the event's id.
pub fn note(tx: &mut Tx<'_>, id: i64) -> Result<i64, StoreError> {
    tx.execute("INSERT INTO notes (id) VALUES (?)", &[id.into()])?;
    tx.emit(event(1, id, 0))
}

pub async fn write_note(store: &Store, id: i64) -> Result<i64, StoreError> {
    store.write(move |tx| note(tx, id)).await
}

/// The ids of all notes, in order.
pub async fn notes(store: &Store) -> Vec<i64> {
    store.read(|reader| note_ids(reader)).await.unwrap()
}

pub fn note_ids(query: &mut impl Query) -> Result<Vec<i64>, StoreError> {
    query.rows("SELECT id FROM notes ORDER BY id", &[], |row| row.int(0))
}

/// Stops the writer in the middle of a unit until it is opened or dropped.
pub struct Gate {
    _open: mpsc::Sender<()>,
}

impl Gate {
    /// Returns once the writer stands.
    pub fn close(store: &Store) -> Self {
        let (open, opened) = mpsc::channel::<()>();
        let (stands, standing) = mpsc::channel();
        let unit = store.write(move |_| {
            stands.send(()).unwrap();
            // Answers when the gate is dropped.
            let _ = opened.recv();
            Ok::<_, StoreError>(())
        });
        start(unit);
        standing.recv().unwrap();
        Self { _open: open }
    }

    pub fn open(self) {}
}

/// Hands work in without waiting for its answer.
pub fn start<T>(work: impl Future<Output = Result<T, StoreError>>) {
    use futures_util::FutureExt;
    let refused = work.now_or_never().and_then(Result::err);
    assert!(refused.is_none(), "{refused:?}");
}

/// Returns once the store takes no more work.
pub fn wait_until_closed(store: &Store) {
    use futures_util::FutureExt;
    let closed = || {
        let outcome = store.write(|_| Ok::<_, StoreError>(())).now_or_never();
        matches!(outcome, Some(Err(StoreError::Closed)))
    };
    while !closed() {
        std::thread::yield_now();
    }
}
