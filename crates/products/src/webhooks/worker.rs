//! The driver of the delivery queue: loads, signs, sends, records.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};

use ::store::{Batch, Store};
use base::{Instant, MasterKey, ObjectKey, code, signature};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};
use machine::{Machine, Random};
use net::{Address, Answer, Client, Clock, Limits, Outbound, SendError};
use tokio::sync::{mpsc, oneshot};
use url::Url;

use crate::accounts::Accounts;
use crate::live::{Live, Told};
use crate::webhooks::alerts::NewAlert;
use crate::webhooks::overrides::{self, Overrides};
use crate::webhooks::policy::Outcome;
use crate::webhooks::queue::{
    Config, DeliveryQueue, EndpointState, Input, Item, Key, Output, Verdict,
};
use crate::webhooks::relay::Relay;
use crate::webhooks::store::{self, Attempt, Delivery, State};
use crate::webhooks::{method_of, with_query};

/// Octets of an answer that are kept with a try.
pub(crate) const ANSWER_KEPT: usize = 1_024;

/// The pause after a load that failed.
const RECHECK: Duration = Duration::from_secs(1);

/// What the worker is made of.
pub struct WorkerConfig {
    /// Where deliveries are.
    pub store: Store,
    /// Opens what was sealed.
    pub master: Arc<MasterKey>,
    /// Whose tokens sign.
    pub accounts: Arc<Accounts>,
    /// Sends.
    pub client: Arc<Client>,
    /// The product's time.
    pub clock: Arc<dyn Clock>,
    /// Bounds and policy.
    pub queue: Config,
    /// Seeds tokens and jitter.
    pub seed: u64,
    /// Hears of every try.
    pub live: Live,
    /// Knows who listens.
    pub relay: Arc<Relay>,
}

enum Event {
    Committed(Vec<Delivery>),
    Loaded(Vec<Delivery>, bool),
    Recorded(Vec<Key>),
    Finished(Box<Finished>),
    Asked(oneshot::Sender<Vec<EndpointState>>),
}

struct Finished {
    key: Key,
    started_at: Instant,
    duration: Duration,
    result: Result<Answer, (SendError, &'static str)>,
}

/// The running worker's mailbox.
#[derive(Clone)]
pub struct Webhooks {
    events: mpsc::UnboundedSender<Event>,
}

impl Webhooks {
    /// A mailbox, and what `run` needs of it.
    pub fn new() -> (Self, Mailbox) {
        let (events, mailbox) = mpsc::unbounded_channel();
        (Self { events }, Mailbox(mailbox))
    }

    /// Takes committed deliveries; for [`crate::webhooks::Outbox`].
    pub fn handover(&self) -> crate::webhooks::Handover {
        let events = self.events.clone();
        Arc::new(move |deliveries| {
            // Without a worker they stay in the table.
            let _ = events.send(Event::Committed(deliveries));
        })
    }

    /// How endpoints stand; nothing when no worker runs.
    pub async fn endpoints(&self) -> Vec<EndpointState> {
        let (asked, answer) = oneshot::channel();
        match self.events.send(Event::Asked(asked)) {
            Ok(()) => answer.await.unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }

    /// Drives the queue until every mailbox handle is gone.
    pub async fn run(self, config: WorkerConfig, mailbox: Mailbox) {
        let (events, live) = (self.events.clone(), config.live.clone());
        let recorder = Batch::new(config.store.clone(), move |tx, attempts: Vec<Attempt>| {
            store::record(tx, &attempts)?;
            let events = events.clone();
            let keys =
                attempts.iter().map(|attempt| (attempt.object, attempt.object_seq)).collect();
            let (count, live) = (attempts.len(), live.clone());
            tx.after_commit(move || {
                attempts.iter().for_each(|attempt| live.tell(|| told(attempt)));
                // The worker only stops with the program.
                let _ = events.send(Event::Recorded(keys));
            });
            Ok(vec![(); count])
        });
        let worker = Worker {
            queue: DeliveryQueue::new(config.queue),
            random: Random::from_seed(config.seed),
            events: self.events,
            deliveries: HashMap::new(),
            targets: HashMap::new(),
            finished: HashMap::new(),
            recorder,
            config,
        };
        worker.run(mailbox.0).await;
    }
}

/// The receiving end of [`Webhooks`].
pub struct Mailbox(mpsc::UnboundedReceiver<Event>);

/// A webhook's address, taken apart once.
struct Target {
    address: Result<Arc<Address>, SendError>,
    signed_url: String,
    endpoint: Arc<str>,
    overrides: Overrides,
}

struct Worker {
    config: WorkerConfig,
    queue: DeliveryQueue,
    random: Random,
    events: mpsc::UnboundedSender<Event>,
    deliveries: HashMap<Key, Arc<Delivery>>,
    targets: HashMap<String, Arc<Target>>,
    finished: HashMap<Key, Finished>,
    recorder: Batch<Attempt, ()>,
}

impl Worker {
    async fn run(mut self, mut mailbox: mpsc::UnboundedReceiver<Event>) {
        loop {
            let now = self.config.clock.now();
            self.queue.tick(now);
            self.drain();
            let clock = Arc::clone(&self.config.clock);
            let wake_at = self.queue.wake_at();
            let sleep = async {
                match wake_at {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = mailbox.recv() => match event {
                    Some(event) => self.take(event),
                    None => return,
                },
                () = sleep => {}
            }
            // What else has come meanwhile goes into the same round.
            while let Ok(event) = mailbox.try_recv() {
                self.take(event);
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Committed(deliveries) => {
                for delivery in deliveries {
                    let item = self.item(&delivery);
                    self.queue.handle(self.config.clock.now(), Input::Enqueue(item));
                    self.keep(delivery);
                }
            }
            Event::Loaded(deliveries, complete) => {
                let items = deliveries.iter().map(|delivery| self.item(delivery)).collect();
                let input = Input::Loaded { items, complete };
                self.queue.handle(self.config.clock.now(), input);
                deliveries.into_iter().for_each(|delivery| self.keep(delivery));
            }
            Event::Recorded(keys) => {
                for key in keys {
                    self.queue.handle(self.config.clock.now(), Input::Recorded(key));
                }
            }
            Event::Finished(finished) => self.finish(*finished),
            Event::Asked(answer) => {
                // Who asked may have left.
                let _ = answer.send(self.queue.endpoints());
            }
        }
        self.drain();
    }

    /// Keeps a delivery that the queue took.
    fn keep(&mut self, delivery: Delivery) {
        let key = (delivery.object, delivery.object_seq);
        if self.queue.knows(key) {
            self.deliveries.entry(key).or_insert_with(|| Arc::new(delivery));
        }
    }

    fn item(&mut self, delivery: &Delivery) -> Item {
        let target = self.target(&delivery.url);
        Item {
            key: (delivery.object, delivery.object_seq),
            endpoint: target.endpoint.clone(),
            due_at: delivery.due_at,
            attempts: delivery.attempts,
            overrides: target.overrides,
        }
    }

    fn finish(&mut self, finished: Finished) {
        let (outcome, retry_after) = match &finished.result {
            Ok(answer) => (Outcome::Answered(answer.status.as_u16()), retry_after(answer)),
            Err((error, _)) => {
                let failed = Outcome::Failed {
                    code: error.code(),
                    never_reached: error.never_reached(),
                    timed_out: error.timed_out(),
                };
                (failed, None)
            }
        };
        let key = finished.key;
        self.finished.insert(key, finished);
        let entropy = self.random.u64();
        let input = Input::Finished { key, outcome, retry_after, entropy };
        self.queue.handle(self.config.clock.now(), input);
    }

    fn drain(&mut self) {
        let mut records = Vec::new();
        while let Some(output) = self.queue.poll() {
            match output {
                Output::Attempt(key, number) => self.attempt(key, number),
                Output::Load(rows) => self.load(rows),
                Output::Record(key, verdict) => records.extend(self.record(key, verdict)),
            }
        }
        // A store that closes has the program stop: they will be made again after the next start.
        if let Err(error) = self.recorder.send(records)
            && !matches!(error, ::store::StoreError::Closed)
        {
            tracing::warn!(%error, "tries could not be recorded; they will be made again");
        }
    }

    fn attempt(&mut self, key: Key, number: u32) {
        let Some(delivery) = self.deliveries.get(&key).cloned() else { return };
        let target = self.target(&delivery.url);
        let token = format!("{:016x}{:016x}", self.random.u64(), self.random.u64());
        let (accounts, client) =
            (Arc::clone(&self.config.accounts), Arc::clone(&self.config.client));
        let relay = Arc::clone(&self.config.relay);
        let (clock, events) = (Arc::clone(&self.config.clock), self.events.clone());
        tokio::spawn(async move {
            let (started_at, started) = (clock.now(), Monotonic::now());
            let ways = (&*client, &*relay);
            let result = send(&accounts, ways, &delivery, &target, &token, number).await;
            let finished = Finished { key, started_at, duration: started.elapsed(), result };
            // The worker only stops with the program.
            let _ = events.send(Event::Finished(Box::new(finished)));
        });
    }

    fn record(&mut self, key: Key, verdict: Verdict) -> Option<Attempt> {
        let finished = self.finished.remove(&key)?;
        let delivery = self.deliveries.get(&key).cloned()?;
        let (state, due_at) = match verdict {
            Verdict::Delivered => (State::Delivered, None),
            Verdict::Exhausted => (State::Exhausted, None),
            Verdict::RetryAt(at) => (State::Waiting, Some(at)),
        };
        let number = delivery.attempts + 1;
        if state == State::Waiting {
            let again = Delivery { attempts: number, ..(*delivery).clone() };
            self.deliveries.insert(key, Arc::new(again));
        } else {
            self.deliveries.remove(&key);
        }
        let (status, error, answer) = match &finished.result {
            Ok(answer) => (answer.status.as_u16(), 0, &answer.body[..]),
            Err((error, text)) => (0, error.code(), text.as_bytes()),
        };
        let kept = &answer[..answer.len().min(ANSWER_KEPT)];
        let object_key = delivery.salt.map(|salt| ObjectKey::derive(&self.config.master, &salt));
        let sealed = object_key.filter(|_| !kept.is_empty());
        let nonce = self.random.nonce();
        Some(Attempt {
            account: delivery.account,
            object: delivery.object,
            object_seq: delivery.object_seq,
            number,
            started_at: finished.started_at,
            duration_us: i64::try_from(finished.duration.as_micros()).unwrap_or(i64::MAX),
            status,
            error,
            answer: sealed.map(|key| key.seal(nonce, kept)),
            state,
            due_at,
            alert: (state == State::Exhausted).then(|| alert_of(&delivery, status, error)),
        })
    }

    fn load(&self, rows: u32) {
        let (store, master) = (self.config.store.clone(), Arc::clone(&self.config.master));
        let events = self.events.clone();
        tokio::spawn(async move {
            let read = store.read(move |reader| store::waiting(reader, &master, rows));
            let loaded = match read.await {
                Ok(deliveries) => {
                    let complete = deliveries.len() < rows as usize;
                    Event::Loaded(deliveries, complete)
                }
                Err(error) => {
                    tracing::warn!(%error, "deliveries could not be loaded; trying again");
                    tokio::time::sleep(RECHECK).await;
                    Event::Loaded(Vec::new(), false)
                }
            };
            // The worker only stops with the program.
            let _ = events.send(loaded);
        });
    }

    fn target(&mut self, url: &str) -> Arc<Target> {
        if let Some(target) = self.targets.get(url) {
            return Arc::clone(target);
        }
        if self.targets.len() > 10_000 {
            self.targets.clear();
        }
        let target = Arc::new(Target::of(url));
        self.targets.insert(url.to_owned(), Arc::clone(&target));
        target
    }
}

impl Target {
    fn of(text: &str) -> Self {
        let (plain, overrides) = overrides::parse(text);
        let url = Url::parse(plain).map_err(|_| SendError::BadUrl);
        let address = url.and_then(Address::of).map(Arc::new);
        let endpoint = match &address {
            Ok(address) => Arc::clone(address.origin()),
            Err(_) => plain.into(),
        };
        let overrides = overrides.unwrap_or_default();
        Self { address, signed_url: plain.to_owned(), endpoint, overrides }
    }
}

/// Scheme, host and port of a webhook's address.
pub(super) fn endpoint_of(url: &str) -> String {
    Target::of(url).endpoint.to_string()
}

/// The last try failed: the account is told.
fn alert_of(delivery: &Delivery, status: u16, error: u32) -> NewAlert {
    let reason = match status {
        0 => base::meaning(error).unwrap_or("there was no answer").to_owned(),
        status => format!("the application answered {status}"),
    };
    NewAlert {
        account: delivery.account,
        resource: delivery.object,
        code: if error == 0 { code::FETCH_FAILED } else { error },
        warning: false,
        method: method_of(delivery.get),
        url: overrides::parse(&delivery.url).0.to_owned(),
        message: format!("a webhook was given up: {reason}"),
    }
}

/// A try, as news.
fn told(attempt: &Attempt) -> Told {
    Told {
        account: Some(attempt.account),
        kind: "webhooks.delivery.tried",
        object: attempt.object.to_string(),
        at: attempt.started_at,
        facts: format!("{{\"delivery\":{},\"status\":{}}}", attempt.object_seq, attempt.status),
    }
}

async fn send(
    accounts: &Accounts,
    (client, relay): (&Client, &Relay),
    delivery: &Delivery,
    target: &Target,
    token: &str,
    number: u32,
) -> Result<Answer, (SendError, &'static str)> {
    let failed = |error: SendError| (error, "");
    let mut to = target.address.clone().map_err(failed)?;
    let account = accounts.find(delivery.account).await;
    let account = account.ok().flatten().ok_or((SendError::Refused, "the account is gone"))?;
    let token_of = &account.auth_token;
    let (method, signed, body) = if delivery.get {
        let url = with_query(&target.signed_url, &delivery.request);
        let parsed = Url::parse(&url).map_err(|_| failed(SendError::BadUrl))?;
        to = Arc::new(Address::of(parsed).map_err(failed)?);
        (Method::GET, signature::sign_sorted(token_of, &url, ""), Bytes::new())
    } else {
        let signed = signature::sign_sorted(token_of, &target.signed_url, &delivery.sorted);
        (Method::POST, signed, Bytes::from(delivery.request.clone()))
    };
    let headers = signed_headers(&signed, token, number);
    let limits = limits_of(&target.overrides);
    let outbound = Outbound { method, to, headers, body, limits };
    relay.send(client, delivery.account, outbound).await.map_err(failed)
}

/// The bounds of one exchange.
pub(crate) fn limits_of(overrides: &Overrides) -> Limits {
    Limits {
        connect: overrides.connect,
        read: overrides.read,
        total: overrides.total,
        body_max: 64 << 10,
        redirects_max: 10,
    }
}

/// The headers of a signed form.
pub(crate) fn signed_headers(
    signature: &str,
    token: &str,
    number: u32,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = vec![
        (header::CONTENT_TYPE, FORM),
        (header::ACCEPT, ANYTHING),
        (header::USER_AGENT, AGENT),
        (ATTEMPT, HeaderValue::from(number)),
    ];
    for (name, value) in [(SIGNATURE, signature), (TOKEN, token)] {
        headers.extend(HeaderValue::from_str(value).map(|value| (name, value)));
    }
    headers
}

const FORM: HeaderValue =
    HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");
const AGENT: HeaderValue = HeaderValue::from_static("TwilioProxy/1.1");
const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");
const TOKEN: HeaderName = HeaderName::from_static("i-twilio-idempotency-token");
const ATTEMPT: HeaderName = HeaderName::from_static("x-trunkline-attempt");

fn retry_after(answer: &Answer) -> Option<Duration> {
    let text = answer.headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}
