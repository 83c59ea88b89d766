//! Questions to applications whose answer is waited for: asked again as the address's overrides
//! say, and kept with what they are about, beside the status callbacks, so that they are seen in
//! its story and can be sent again.

use std::sync::Arc;
use std::time::Duration;

use ::store::{Store, StoreError, Tx};
use base::{AccountSid, AnySid, Instant, MasterKey, ObjectKey, Params, Secret, signature};
use bytes::Bytes;
use http::Method;
use net::{Address, Answer, Client, Clock, Outbound, SendError};
use url::Url;

use crate::webhooks::ANSWER_KEPT;
use crate::webhooks::policy::{self, Next, Outcome, Policy};
use crate::webhooks::relay::Relay;
use crate::webhooks::store::{self as webhooks, Attempt, Delivery, State};
use crate::webhooks::{overrides, signed_headers, with_query, worker_limits};

/// Asks applications.
#[derive(Clone)]
pub struct Asker {
    /// Where questions are kept.
    pub store: Store,
    /// Seals them.
    pub master: Arc<MasterKey>,
    /// Sends them.
    pub client: Arc<Client>,
    /// Knows who listens in the applications' place.
    pub relay: Arc<Relay>,
    /// The product's time.
    pub clock: Arc<dyn Clock>,
}

/// A question.
#[derive(Clone, Debug)]
pub struct Question {
    /// Whose application is asked.
    pub account: AccountSid,
    /// What it is about.
    pub object: AnySid,
    /// Salt of the object's key.
    pub salt: Option<[u8; 16]>,
    /// Signs.
    pub token: Secret,
    /// The address, with its overrides in the fragment.
    pub url: String,
    /// By GET instead of POST.
    pub get: bool,
    /// The parameters.
    pub form: Params,
}

impl Asker {
    /// Asks, and keeps what was asked and answered. The inner error is a code and its words.
    pub async fn ask(
        &self,
        question: &Question,
    ) -> Result<Result<twiml::Fetched, (u32, String)>, StoreError> {
        let (plain, parsed) = overrides::parse(&question.url);
        let overrides = match parsed {
            Ok(overrides) => overrides,
            Err(error) => return Ok(Err((error.code(), error.to_string()))),
        };
        let request = question.form.encode();
        let mut exchange = Exchange { url: plain.to_owned(), request, tries: Vec::new() };
        let token = idempotency_token(question.object);
        let started = std::time::Instant::now();
        let mut attempt = 1;
        let result = loop {
            let (began, clock) = (std::time::Instant::now(), self.clock.now());
            let result = match outbound(question, plain, &token, attempt, &overrides) {
                Ok(request) => self.relay.send(&self.client, question.account, request).await,
                Err(error) => Err(error),
            };
            exchange.tries.push(Try::of(clock, began.elapsed(), &result));
            let outcome = match &result {
                Ok(answer) => Outcome::Answered(answer.status.as_u16()),
                Err(error) => Outcome::Failed {
                    code: error.code(),
                    never_reached: error.never_reached(),
                    timed_out: error.timed_out(),
                },
            };
            let elapsed = started.elapsed();
            let next = policy::next(Policy::Twilio, &overrides, attempt, outcome, elapsed, None, 0);
            if !matches!(next, Next::Retry(_)) {
                break result;
            }
            attempt += 1;
        };
        self.keep(question, exchange).await?;
        Ok(result.map(fetched).map_err(|error| (error.code(), error.to_string())))
    }

    /// Keeps a question behind those that were asked before about the same object.
    async fn keep(&self, question: &Question, exchange: Exchange) -> Result<(), StoreError> {
        if exchange.tries.is_empty() {
            return Ok(());
        }
        let (account, object) = (question.account, question.object);
        let (salt, master, get) = (question.salt, Arc::clone(&self.master), question.get);
        let unit = move |tx: &mut Tx<'_>| {
            let object_seq = webhooks::next_place(tx, object)?;
            let salt = salt.unwrap_or_else(|| tx.random().salt());
            let sealing = ObjectKey::derive(&master, &salt);
            let request = exchange.request.as_bytes();
            let form = Params::parse_form(request, webhooks::FIELDS_MAX).unwrap_or_default();
            let delivery = Delivery {
                account,
                object,
                object_seq,
                url: exchange.url,
                get,
                sorted: signature::sorted(form.iter()),
                sealed: sealing.seal(tx.random().nonce(), request),
                request: exchange.request,
                salt: Some(salt),
                due_at: tx.now(),
                attempts: 0,
            };
            let last = exchange.tries.len() - 1;
            let tries = exchange.tries.into_iter().zip(1..).enumerate();
            let attempts = tries.map(|(index, (tried, number))| {
                let good = (200..300).contains(&tried.status);
                let nonce = tx.random().nonce();
                Attempt {
                    account,
                    object,
                    object_seq,
                    number,
                    started_at: tried.started_at,
                    duration_us: i64::try_from(tried.duration.as_micros()).unwrap_or(i64::MAX),
                    status: tried.status,
                    error: tried.error,
                    answer: (!tried.answer.is_empty()).then(|| sealing.seal(nonce, &tried.answer)),
                    state: match (good, index == last) {
                        (true, _) => State::Delivered,
                        (false, true) => State::Exhausted,
                        (false, false) => State::Waiting,
                    },
                    due_at: None,
                    // The interpreter tells what was wrong.
                    alert: None,
                }
            });
            let attempts: Vec<Attempt> = attempts.collect();
            webhooks::insert(tx, std::slice::from_ref(&delivery))?;
            webhooks::record(tx, &attempts)
        };
        self.store.write(unit).await
    }
}

/// One question with all its tries.
struct Exchange {
    /// Where to.
    url: String,
    /// The form, encoded.
    request: String,
    /// In order.
    tries: Vec<Try>,
}

/// One try.
struct Try {
    started_at: Instant,
    duration: Duration,
    status: u16,
    error: u32,
    answer: Vec<u8>,
}

impl Try {
    /// What a try came to.
    fn of(started_at: Instant, duration: Duration, result: &Result<Answer, SendError>) -> Self {
        let (status, error, answer) = match result {
            Ok(answer) => (answer.status.as_u16(), 0, &answer.body[..]),
            Err(error) => (0, error.code(), &[][..]),
        };
        let answer = answer[..answer.len().min(ANSWER_KEPT)].to_vec();
        Self { started_at, duration, status, error, answer }
    }
}

/// The parameters of a request: what `more` adds replaces what stands there under the same name.
pub fn form_of<'a>(
    standing: impl Iterator<Item = (&'a str, &'a str)>,
    more: &[(String, String)],
) -> Params {
    let mut form: Params = standing.collect();
    let replaced: Vec<&str> = more.iter().map(|(name, _)| name.as_str()).collect();
    form.retain(|name| !replaced.contains(&name));
    more.iter().for_each(|(name, value)| form.push(name, value));
    form
}

fn fetched(answer: Answer) -> twiml::Fetched {
    twiml::Fetched {
        status: answer.status.as_u16(),
        content_type: answer
            .headers
            .get(http::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned),
        body: answer.body.to_vec(),
        url: answer.from.url().to_string(),
    }
}

/// One request: the parameters in the body of a POST, or in the query of a GET, and signed so.
fn outbound(
    question: &Question,
    plain: &str,
    token: &str,
    attempt: u32,
    overrides: &overrides::Overrides,
) -> Result<Outbound, SendError> {
    let (address, body, signed) = match question.get {
        true => {
            let address = with_query(plain, &question.form.encode());
            let signed = signature::sign(&question.token, &address, &Params::default());
            (address, Bytes::new(), signed)
        }
        false => {
            let signed = signature::sign(&question.token, plain, &question.form);
            (plain.to_owned(), Bytes::from(question.form.encode()), signed)
        }
    };
    let to = Address::of(Url::parse(&address).map_err(|_| SendError::BadUrl)?)?;
    let method = if question.get { Method::GET } else { Method::POST };
    let headers = signed_headers(&signed, token, attempt);
    Ok(Outbound { method, to: Arc::new(to), headers, body, limits: worker_limits(overrides) })
}

/// The same for every try of one object: a UUID made of its SID.
fn idempotency_token(object: AnySid) -> String {
    let hex: String = object.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
