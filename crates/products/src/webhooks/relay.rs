//! Webhooks to a laptop: while somebody listens (`trunkline listen`), an account's webhooks go over
//! the listener's own connection instead of to their addresses, and its answers count as theirs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base::{AccountSid, ApiError, code};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use net::{Answer, Body, Client, Outbound, SendError};
use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};

use crate::accounts::{Permission, Principal, Verb};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};

/// Requests that may wait for a slow listener.
const WAITING_MAX: usize = 256;

/// Listeners of one account at once.
const LISTENERS_MAX: usize = 16;

const REQUESTS: &str = "/trunkline/v1/Listeners/Requests";
const ANSWERS: &str = "/trunkline/v1/Listeners/Answers/{Request}";

/// Whoever listens, and what they have not answered yet.
pub struct Relay {
    listeners: Mutex<HashMap<AccountSid, Vec<mpsc::Sender<Bytes>>>>,
    count: AtomicUsize,
    pending: Mutex<HashMap<(AccountSid, u64), oneshot::Sender<Answered>>>,
    next: AtomicU64,
    stopped: watch::Receiver<bool>,
}

/// What a listener's application said.
struct Answered {
    status: u16,
    content_type: String,
    body: Bytes,
}

impl Relay {
    /// Nobody listens; streams end when `stopped` changes.
    pub fn new(stopped: watch::Receiver<bool>) -> Arc<Self> {
        Arc::new(Self {
            listeners: Mutex::default(),
            count: AtomicUsize::new(0),
            pending: Mutex::default(),
            next: AtomicU64::new(1),
            stopped,
        })
    }

    /// Sends a webhook: over the newest listener's connection, else to its address.
    pub async fn send(
        &self,
        client: &Client,
        account: AccountSid,
        outbound: Outbound,
    ) -> Result<Answer, SendError> {
        // Nearly always nobody listens: that costs one look at a number.
        if self.count.load(Ordering::Relaxed) == 0 {
            return client.send(outbound).await;
        }
        match self.hand_over(account, &outbound).await {
            Some(outcome) => outcome,
            None => client.send(outbound).await,
        }
    }

    /// `None` when nobody of the account listens.
    async fn hand_over(
        &self,
        account: AccountSid,
        outbound: &Outbound,
    ) -> Option<Result<Answer, SendError>> {
        let listener = self.newest(account)?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        self.lock_pending().insert((account, number), answer);
        let sent = listener.try_send(request_of(number, outbound));
        let outcome = match sent {
            Ok(()) => tokio::time::timeout(outbound.limits.total, answered).await,
            Err(_) => {
                self.lock_pending().remove(&(account, number));
                return Some(Err(SendError::Protocol));
            }
        };
        self.lock_pending().remove(&(account, number));
        Some(match outcome {
            Ok(Ok(answered)) => answer_of(answered, outbound),
            // The listener left, or could not reach its application.
            Ok(Err(_)) => Err(SendError::ConnectRefused),
            Err(_) => Err(SendError::TotalTimeout),
        })
    }

    fn newest(&self, account: AccountSid) -> Option<mpsc::Sender<Bytes>> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let of_account = listeners.get_mut(&account)?;
        let before = of_account.len();
        of_account.retain(|listener| !listener.is_closed());
        self.count.fetch_sub(before - of_account.len(), Ordering::Relaxed);
        of_account.last().cloned()
    }

    fn listen(&self, account: AccountSid) -> Result<mpsc::Receiver<Bytes>, ApiError> {
        // Whoever left makes room.
        let _ = self.newest(account);
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let of_account = listeners.entry(account).or_default();
        if of_account.len() >= LISTENERS_MAX {
            return Err(ApiError::too_many_requests(1));
        }
        of_account.push(sender);
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(receiver)
    }

    fn lock_pending(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<(AccountSid, u64), oneshot::Sender<Answered>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Relay {
    /// A relay that nobody reaches: for tests.
    fn default() -> Self {
        Self {
            listeners: Mutex::default(),
            count: AtomicUsize::new(0),
            pending: Mutex::default(),
            next: AtomicU64::new(1),
            stopped: watch::channel(false).1,
        }
    }
}

/// A request as the listener's stream carries it.
fn request_of(number: u64, outbound: &Outbound) -> Bytes {
    let headers = outbound.headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    let json = json!({
        "request": number,
        "method": outbound.method.as_str(),
        "url": outbound.to.url().as_str(),
        "headers": headers.collect::<HashMap<_, _>>(),
        "body": String::from_utf8_lossy(&outbound.body),
    });
    Bytes::from(format!("event: request\ndata: {json}\n\n"))
}

fn answer_of(answered: Answered, outbound: &Outbound) -> Result<Answer, SendError> {
    let status = StatusCode::from_u16(answered.status).map_err(|_| SendError::Protocol)?;
    if answered.body.len() > outbound.limits.body_max {
        return Err(SendError::TooLarge);
    }
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&answered.content_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    Ok(Answer { status, headers, body: answered.body, from: Arc::clone(&outbound.to) })
}

/// Adds the routes.
pub fn routes(routes: &mut Routes, relay: &Arc<Relay>) {
    type Handler = fn(Arc<Relay>, Call) -> Answering;
    let open: Handler = |s, c| Box::pin(async move { open(&s, &c) });
    let answer: Handler = |s, c| Box::pin(async move { answer(&s, &c) });
    let on = |verb| Permission::new("webhooks/listeners", verb);
    routes.on("", Method::GET, REQUESTS, on(Verb::Create), relay, open);
    routes.on("", Method::POST, ANSWERS, on(Verb::Update), relay, answer);
}

/// Opens a listener: a stream of the account's webhooks from now on.
fn open(relay: &Arc<Relay>, call: &Call) -> ApiResult {
    // Another page on this machine can have a browser ask by the session's cookie.
    if matches!(call.caller.principal, Principal::Session(_)) {
        return Err(ApiError::forbidden("Listen with the account's credentials, not by a session"));
    }
    let mut requests = relay.listen(call.caller.account_sid())?;
    let (chunks, body) = mpsc::channel(WAITING_MAX);
    let mut stopped = relay.stopped.clone();
    tokio::spawn(async move {
        let mut beat = tokio::time::interval(std::time::Duration::from_secs(15));
        let mut going = chunks.send(Bytes::from_static(b"event: ready\ndata: {}\n\n")).await;
        while going.is_ok() {
            going = tokio::select! {
                request = requests.recv() => match request {
                    Some(request) => chunks.send(request).await,
                    None => return,
                },
                _ = beat.tick() => chunks.send(Bytes::from_static(b": still here\n\n")).await,
                () = chunks.closed() => return,
                _ = stopped.changed() => return,
            };
        }
    });
    let mut response = Response::bytes(StatusCode::OK, "text/event-stream", Bytes::new())
        .with("cache-control", "no-store");
    response.body = Body::Stream(body);
    Ok(response)
}

/// A listener's answer: `status`, `content_type` and `body` (base64), or `failed`.
fn answer(relay: &Relay, call: &Call) -> ApiResult {
    let number = call.request.segment("Request").parse::<u64>();
    let key = (call.caller.account_sid(), number.map_err(|_| call.request.not_found())?);
    let waiting = relay.lock_pending().remove(&key).ok_or_else(|| call.request.not_found())?;
    let form = &call.request.form;
    if form.get("failed").is_some() {
        // Whoever waits hears that the way in is closed.
        drop(waiting);
        return Ok(Response::deleted());
    }
    let bad = |text: &str| ApiError::new(code::BAD_REQUEST, text);
    let status = form.get("status").and_then(|text| text.parse().ok());
    let status = status.ok_or_else(|| bad("'status' is missing"))?;
    let body = BASE64_STANDARD.decode(form.get("body").unwrap_or_default());
    let body = body.map_err(|_| bad("'body' is not base64"))?.into();
    let content_type = form.get("content_type").unwrap_or_default().to_owned();
    // Whoever asked may have given up waiting.
    let _ = waiting.send(Answered { status, content_type, body });
    Ok(Response::deleted())
}
