//! Server-sent events: what happens on an account, to a page that is open.
//!
//! Each stream follows the ledger with cursors of its own, one for each lane, and reads only
//! while it is open; its id is those cursors, so that a page that comes back misses nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::store::{Event, Lane, Reader, StoreError, ends, events_after, lanes};
use base::{AccountSid, ApiError};
use bytes::Bytes;
use http::StatusCode;
use net::Body;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, watch};

use crate::accounts::store_error;
use crate::console::Console;
use crate::gateway::{ApiResult, Call, Response};
use crate::live::Told;

/// How often the ledger is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// A sign of life for what is in between.
const BEAT_EVERY: Duration = Duration::from_secs(15);

/// Events of one look. When there are more, the page is told to fetch what it shows again.
const LOOK_MAX: u32 = 500;

/// Pieces that may wait for a slow reader.
const WAITING_MAX: usize = 1_000;

/// Streams that may be open at once.
const STREAMS_MAX: usize = 200;

/// How many streams are open.
#[derive(Clone, Default)]
pub struct Streams(Arc<AtomicUsize>);

impl Streams {
    fn enter(&self) -> Option<Place> {
        let place = Place(self.clone());
        (self.0.fetch_add(1, Ordering::Relaxed) < STREAMS_MAX).then_some(place)
    }
}

/// One open stream; it is counted until it is dropped.
struct Place(Streams);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where a stream is in each lane: the last event that it has seen.
pub(crate) type Cursors = BTreeMap<u32, i64>;

/// Opens a stream.
pub(super) async fn open(state: Arc<Console>, call: Call) -> ApiResult {
    let place = state.streams.enter().ok_or_else(ApiError::unavailable)?;
    let seen = call.request.header("last-event-id").map(parse).unwrap_or_default();
    // Listening begins before the place in the ledger is taken: nothing falls in between.
    let (told, stopped) = state.live.listen();
    let last = state.store.read(|reader| ends(reader)).await.map_err(store_error)?;
    let mut cursors: Cursors = last.into_iter().map(|(lane, id)| (lane.0, id)).collect();
    cursors.extend(seen);
    let (chunks, body) = mpsc::channel(WAITING_MAX);
    let account = call.caller.account_sid();
    let stream = Stream { state, account, cursors, chunks, _place: place };
    tokio::spawn(stream.run(told, stopped));
    let mut response = Response::bytes(StatusCode::OK, "text/event-stream", Bytes::new())
        .with("cache-control", "no-store")
        .with("x-accel-buffering", "no");
    response.body = Body::Stream(body);
    Ok(response)
}

/// The cursors of an id. What is no such id begins at the end.
pub(crate) fn parse(id: &str) -> Cursors {
    let numbers = id.split(',').take(64).filter_map(|number| number.parse::<i64>().ok());
    let positive = numbers.filter(|number| *number > 0);
    positive.map(|number| (Lane::of_event(number).0, number)).collect()
}

struct Stream {
    state: Arc<Console>,
    account: AccountSid,
    cursors: Cursors,
    chunks: mpsc::Sender<Bytes>,
    _place: Place,
}

/// The reader is gone.
struct Gone;

/// What a stream wakes for.
enum Next {
    Look,
    Beat,
    News(Result<Arc<Told>, RecvError>),
    End,
}

impl Stream {
    async fn run(
        mut self,
        mut told: broadcast::Receiver<Arc<Told>>,
        mut stopped: watch::Receiver<bool>,
    ) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut beat = tokio::time::interval(BEAT_EVERY);
        let mut going = self.say("event: ready\ndata: {}\n\n".to_owned()).await;
        while going.is_ok() {
            let next = tokio::select! {
                _ = look.tick() => Next::Look,
                _ = beat.tick() => Next::Beat,
                news = told.recv() => Next::News(news),
                _ = stopped.changed() => Next::End,
            };
            going = match next {
                Next::Look => self.look().await,
                Next::Beat => self.say(": still here\n\n".to_owned()).await,
                Next::News(Ok(news)) => self.tell(&news).await,
                Next::News(Err(RecvError::Lagged(_))) => self.reset().await,
                Next::News(Err(RecvError::Closed)) | Next::End => Err(Gone),
            };
        }
    }

    /// Tells what the ledger has gained.
    async fn look(&mut self) -> Result<(), Gone> {
        let cursors = self.cursors.clone();
        let read = self.state.store.read(move |reader| gained(reader, &cursors)).await;
        let (events, behind) = match read {
            Ok(read) => read,
            Err(StoreError::Closed) => return Err(Gone),
            Err(error) => {
                tracing::debug!(%error, "the console's stream could not look; trying again");
                return Ok(());
            }
        };
        if behind {
            return self.reset().await;
        }
        for event in events {
            self.cursors.insert(Lane::of_event(event.id).0, event.id);
            if event.account == self.account {
                self.event(&event).await?;
            }
        }
        Ok(())
    }

    async fn event(&self, event: &Event) -> Result<(), Gone> {
        let ids: Vec<String> = self.cursors.values().map(i64::to_string).collect();
        self.say(format!(
            "event: ledger\nid: {}\ndata: {{\"kind\":\"{}\",\"object\":\"{}\",\"sequence\":{},\
             \"at\":\"{}\",\"facts\":{}}}\n\n",
            ids.join(","),
            event.kind,
            event.object,
            event.object_seq,
            event.at.to_iso8601_micros(),
            event.facts,
        ))
        .await
    }

    async fn tell(&self, told: &Told) -> Result<(), Gone> {
        if told.account.is_some_and(|account| account != self.account) {
            return Ok(());
        }
        self.say(format!(
            "event: ledger\ndata: {{\"kind\":\"{}\",\"object\":\"{}\",\"sequence\":0,\
             \"at\":\"{}\",\"facts\":{}}}\n\n",
            told.kind,
            told.object,
            told.at.to_iso8601_micros(),
            told.facts,
        ))
        .await
    }

    /// Too much has happened to tell it all: from the end again.
    async fn reset(&mut self) -> Result<(), Gone> {
        let read = self.state.store.read(|reader| ends(reader)).await;
        if let Ok(last) = read {
            self.cursors = last.into_iter().map(|(lane, id)| (lane.0, id)).collect();
        }
        self.say("event: reset\ndata: {}\n\n".to_owned()).await
    }

    async fn say(&self, text: String) -> Result<(), Gone> {
        self.chunks.send(Bytes::from(text)).await.map_err(|_| Gone)
    }
}

/// The events after the cursors, and whether there are more than are worth telling. Lanes that
/// are new are told from their beginning.
fn gained(reader: &mut Reader<'_>, cursors: &Cursors) -> Result<(Vec<Event>, bool), StoreError> {
    let mut events = Vec::new();
    for lane in lanes(reader)? {
        let cursor = cursors.get(&lane.0).copied().unwrap_or_default();
        let found = events_after(reader, lane, cursor, LOOK_MAX)?;
        if found.len() == LOOK_MAX as usize {
            return Ok((Vec::new(), true));
        }
        events.extend(found);
    }
    Ok((events, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_apart_by_lanes_and_nonsense_is_nothing() {
        let first = (1_i64 << 40) + 7;
        let second = (2_i64 << 40) + 9;
        let cursors = parse(&format!("{first},{second}"));
        assert_eq!(cursors, BTreeMap::from([(1, first), (2, second)]));
        for nonsense in ["", "x", "-1", "1e9", ",,,"] {
            assert!(parse(nonsense).is_empty(), "{nonsense}");
        }
    }

    #[test]
    fn streams_are_counted_and_bounded() {
        let streams = Streams::default();
        let places: Vec<Place> = (0..STREAMS_MAX).filter_map(|_| streams.enter()).collect();
        assert_eq!(places.len(), STREAMS_MAX);
        assert!(streams.enter().is_none());
        drop(places);
        assert!(streams.enter().is_some());
    }
}
