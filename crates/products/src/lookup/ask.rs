//! Asks the HTTP sources: within limits, guarded, with answers kept while they are good, and
//! leaves alone for a while what fails.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::{Instant, Params};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};
use net::{Address, Client, Clock, Limits, Outbound, SendError};
use tokio::sync::Semaphore;

use crate::lookup::cache::Cache;
use crate::lookup::model::{NOT_COVERED, Package, Plan, SOURCE_DOWN, SOURCE_ERROR, TOO_MANY};
use crate::lookup::rules::Breaker;
use crate::lookup::sources::{Found, Source};

/// Octets of an answer at most.
const ANSWER_MAX: usize = 64 << 10;

/// Answers that are kept, of all sources together.
const KEPT_MAX: usize = 50_000;

/// How long a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(2);

type Kept = (Instant, Arc<Found>);

/// The sources, and what is remembered of them.
pub struct Asker {
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    places: Vec<Place>,
    kept: Cache<(usize, String), Kept>,
}

/// One source with its state.
struct Place {
    source: Source,
    headers: Vec<(HeaderName, HeaderValue)>,
    breaker: Mutex<Breaker>,
    room: Semaphore,
}

impl Asker {
    /// Asks these sources; refuses headers that can't be sent.
    pub fn new(
        client: Arc<Client>,
        clock: Arc<dyn Clock>,
        sources: Vec<Source>,
    ) -> Result<Self, String> {
        let places = sources.into_iter().map(Place::of).collect::<Result<_, _>>()?;
        Ok(Self { client, clock, places, kept: Cache::new(KEPT_MAX) })
    }

    /// The number of the source for a package, the first that serves it.
    pub fn source_for(&self, package: Package, country: Option<&str>) -> Option<usize> {
        self.places.iter().position(|place| place.source.serves(package, country))
    }

    /// What a source says of a number, or the code of why it says nothing.
    pub async fn ask(&self, index: usize, plan: &Plan, params: &Params) -> Result<Arc<Found>, u32> {
        let place = self.places.get(index).ok_or(NOT_COVERED)?;
        let kept = place.source.is_kept();
        let key = (index, plan.e164.clone());
        let good = |(at, _): &Kept| self.clock.now().since(*at) < place.source.keep();
        if let Some((_, found)) = self.kept.get(&key).filter(|one| kept && good(one)) {
            return Ok(found);
        }
        let found = Arc::new(place.ask(&self.client, &*self.clock, plan, params).await?);
        if kept {
            self.kept.put(key, (self.clock.now(), Arc::clone(&found)));
        }
        Ok(found)
    }
}

impl Place {
    fn of(source: Source) -> Result<Self, String> {
        let header = |(name, value): (&String, &String)| {
            let name = name.parse::<HeaderName>().ok()?;
            Some((name, HeaderValue::from_str(value).ok()?))
        };
        let headers: Option<Vec<_>> = source.headers.iter().map(header).collect();
        let refused = || format!("source '{}': its headers can't be sent", source.name);
        let headers = headers.ok_or_else(refused)?;
        let (breaker, room) = (Mutex::default(), Semaphore::new(source.at_once));
        Ok(Self { source, headers, breaker, room })
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(
        &self,
        client: &Client,
        clock: &dyn Clock,
        plan: &Plan,
        params: &Params,
    ) -> Result<Found, u32> {
        // Whoever finds no room would wait for a source that is slow already.
        let _room = self.room.try_acquire().map_err(|_| SOURCE_DOWN)?;
        if !self.breaker().may_ask(clock.now()) {
            return Err(SOURCE_DOWN);
        }
        let outcome = self.exchange(client, plan, params).await;
        match &outcome {
            Err(SOURCE_DOWN) => {
                tracing::warn!(source = self.source.name, "a source of numbers does not answer");
                self.breaker().failed(clock.now());
            }
            _ => self.breaker().answered(),
        }
        outcome
    }

    async fn exchange(&self, client: &Client, plan: &Plan, params: &Params) -> Result<Found, u32> {
        let url = self.source.url(plan, params).parse().map_err(|_| SOURCE_ERROR)?;
        let to = Arc::new(Address::of(url).map_err(|_| SOURCE_ERROR)?);
        let mut headers = self.headers.clone();
        let json = HeaderValue::from_static("application/json");
        headers.push((header::ACCEPT, json.clone()));
        let (method, body) = match self.source.body(plan, params) {
            None => (Method::GET, Bytes::new()),
            Some(body) => {
                headers.push((header::CONTENT_TYPE, json));
                (Method::POST, Bytes::from(body.to_string()))
            }
        };
        let total = Duration::from_millis(self.source.timeout_ms);
        let connect = CONNECT.min(total);
        let limits = Limits { connect, read: total, total, body_max: ANSWER_MAX, redirects_max: 0 };
        let sent = client.send(Outbound { method, to, headers, body, limits }).await;
        let answer = sent.map_err(|error| match error {
            SendError::TooLarge | SendError::TooManyRedirects => SOURCE_ERROR,
            _ => SOURCE_DOWN,
        })?;
        match answer.status.as_u16() {
            200..=299 => {}
            404 | 410 => return Err(NOT_COVERED),
            429 => return Err(TOO_MANY),
            500..=599 => return Err(SOURCE_DOWN),
            _ => return Err(SOURCE_ERROR),
        }
        let json = serde_json::from_slice(&answer.body).map_err(|_| SOURCE_ERROR)?;
        Ok(self.source.read(&json))
    }
}
