//! A batch of events to one sink: read, signed, posted, recorded.

use std::sync::Arc;

use ::store::lease::{self, Lease};
use ::store::{Reader, StoreError, Tx, events_of};
use base::{AnySid, MessageSid, code, signature};
use bytes::Bytes;
use http::{HeaderValue, Method, header};
use net::{Address, Outbound, SendError};
use serde_json::Value;
use url::Url;

use crate::events::resources::{SINK, set_sink};
use crate::events::rules::{KEPT, pause};
use crate::events::store::{self, Queue, Queued};
use crate::events::types;
use crate::events::worker::WorkerConfig;
use crate::messaging::{MessageKey, store as messages};
use crate::resource::{self, Document, Refusal};
use crate::webhooks::alerts::{self, NewAlert};
use crate::webhooks::overrides::Overrides;
use crate::webhooks::{signed_headers, worker_limits};

/// Events of one request at most.
const BATCH_MAX: u32 = 100;

const BATCH: HeaderValue = HeaderValue::from_static("application/cloudevents-batch+json");

/// What is to be posted.
struct Batch {
    sink: Document,
    queued: Vec<Queued>,
    events: Vec<Value>,
}

impl Batch {
    fn destination(&self) -> &str {
        self.sink.data["sink_configuration"]["destination"].as_str().unwrap_or_default()
    }
}

/// Posts what is next for a sink, and records what came of it.
pub(super) async fn deliver(
    config: &WorkerConfig,
    lease: Lease,
    queue: Queue,
) -> Result<(), StoreError> {
    let root = config.root.clone();
    let batch = config.store.read(move |reader| load(reader, &queue, &root)).await?;
    let Some(batch) = batch else {
        let gone = move |tx: &mut Tx<'_>| store::forget_sink(tx, queue.sink);
        return config.store.write(gone).await;
    };
    let failure = if batch.events.is_empty() {
        None
    } else {
        send(config, &batch, queue.attempts).await.err()
    };
    let unit = move |tx: &mut Tx<'_>| {
        lease::assert_held(tx, &lease)?;
        match &failure {
            None => delivered(tx, &queue, &batch),
            Some(failure) => failed(tx, &queue, &batch, failure),
        }
    };
    config.store.write(unit).await.map_err(|refusal: Refusal| match refusal {
        Refusal::Store(error) => error,
        Refusal::Api(_) => StoreError::Corrupt("a sink that can't be changed"),
    })
}

/// `None` when the sink is gone.
fn load(reader: &mut Reader<'_>, queue: &Queue, root: &str) -> Result<Option<Batch>, StoreError> {
    let sid = SINK.sid(queue.sink);
    let Some(sink) = resource::store::find(reader, &SINK, queue.account, sid)? else {
        return Ok(None);
    };
    let many = sink.data["sink_configuration"]["batch_events"].as_bool().unwrap_or(true);
    let queued = store::queued(reader, queue.sink, if many { BATCH_MAX } else { 1 })?;
    let mut events = Vec::with_capacity(queued.len());
    for one in &queued {
        events.extend(told(reader, sid, one, root)?);
    }
    Ok(Some(Batch { sink, queued, events }))
}

/// A waiting event as a CloudEvent.
fn told(
    reader: &mut Reader<'_>,
    sink: AnySid,
    queued: &Queued,
    root: &str,
) -> Result<Option<Value>, StoreError> {
    if queued.event == 0 {
        let id = format!("EZ{:032x}", queued.since.micros());
        return Ok(Some(types::test_event(&sink.to_string(), &id, queued.since, root)));
    }
    let Some(event) = events_of(reader, queued.event, 1)?.pop() else { return Ok(None) };
    let message = match event.object.cast::<MessageSid>() {
        Some(sid) => messages::find(reader, MessageKey { account: event.account, sid })?,
        None => None,
    };
    Ok(types::cloud_event(&event, message.as_ref(), queued.version, root))
}

/// Why a batch was not taken: a status or a code, and a text.
struct Failure {
    code: u32,
    text: String,
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        Self { code: error.code(), text: error.to_string() }
    }
}

async fn send(config: &WorkerConfig, batch: &Batch, attempts: i64) -> Result<(), Failure> {
    let body = Bytes::from(Value::from(batch.events.clone()).to_string());
    let url = signature::url_for_body(batch.destination(), &body);
    let to = Address::of(Url::parse(&url).map_err(|_| SendError::BadUrl)?)?;
    let account = config.accounts.find(batch.sink.account).await.ok().flatten();
    let account = account.ok_or(SendError::Refused)?;
    let signed = signature::sign_sorted(&account.auth_token, &url, "");
    let first = batch.events.first().and_then(|event| event["id"].as_str()).unwrap_or_default();
    let number = u32::try_from(attempts + 1).unwrap_or(u32::MAX);
    let mut headers = signed_headers(&signed, first, number);
    for (_, value) in headers.iter_mut().filter(|(name, _)| *name == header::CONTENT_TYPE) {
        *value = BATCH;
    }
    let limits = worker_limits(&Overrides::default());
    let outbound = Outbound { method: Method::POST, to: Arc::new(to), headers, body, limits };
    let answer = config.relay.send(&config.client, batch.sink.account, outbound).await?;
    if answer.status.is_success() {
        return Ok(());
    }
    let text = format!("the sink answered {}", answer.status.as_u16());
    Err(Failure { code: code::FETCH_FAILED, text })
}

fn delivered(tx: &mut Tx<'_>, queue: &Queue, batch: &Batch) -> Result<(), Refusal> {
    store::remove(tx, queue.sink, &batch.queued)?;
    set_sink(tx, queue.account, batch.sink.sid, "Status", "active".into())
}

/// Puts the sink off; what is too old is given up, and the account told.
fn failed(tx: &mut Tx<'_>, queue: &Queue, batch: &Batch, failure: &Failure) -> Result<(), Refusal> {
    let (now, attempts) = (tx.now(), queue.attempts + 1);
    let given_up = store::expire(tx, queue.sink, now - KEPT)?;
    if given_up > 0 {
        let alert = NewAlert {
            account: queue.account,
            resource: batch.sink.sid,
            code: failure.code,
            warning: false,
            method: "POST",
            url: batch.destination().to_owned(),
            message: format!("{given_up} events were given up: {}", failure.text),
        };
        alerts::raise(tx, &[alert])?;
        set_sink(tx, queue.account, batch.sink.sid, "Status", "failed".into())?;
    }
    Ok(store::put_off(tx, queue.sink, now + pause(attempts), attempts)?)
}
