//! The HTTP client of webhooks and media: keep-alive connections of its own, every address
//! guarded, every failure with Twilio's code.

mod address;
mod connect;
mod error;
mod open;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant as Monotonic};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;

use crate::Guard;
use crate::client::open::Open;
pub use address::Address;
pub use error::SendError;

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Which addresses may be reached.
    pub guard: Guard,
    /// Connections kept open to one host at most.
    pub idle_per_host: usize,
    /// How long an unused connection is kept.
    pub idle: Duration,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self { guard: Guard::default(), idle_per_host: 128, idle: Duration::from_secs(20) }
    }
}

/// Bounds of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For the connection to stand.
    pub connect: Duration,
    /// For the answer to begin, and between its parts.
    pub read: Duration,
    /// For all of it.
    pub total: Duration,
    /// Octets of the answer's body.
    pub body_max: usize,
    /// Redirects that are followed.
    pub redirects_max: u32,
}

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// GET or POST.
    pub method: Method,
    /// Where to.
    pub to: Arc<Address>,
    /// Further headers.
    pub headers: Vec<(http::HeaderName, HeaderValue)>,
    /// The body of a POST, with its content type in the headers.
    pub body: Bytes,
    /// Its bounds.
    pub limits: Limits,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
    /// Where it came from after redirects.
    pub from: Arc<Address>,
}

/// Idle connections, by scheme, host and port.
type Pool = Mutex<HashMap<Arc<str>, Vec<(Monotonic, Open)>>>;

/// Sends requests.
pub struct Client {
    config: ClientConfig,
    pool: Pool,
    connector: connect::Connector,
}

impl Client {
    /// A client.
    pub fn new(config: ClientConfig) -> Arc<Self> {
        let connector = connect::Connector::new(config.guard.clone());
        Arc::new(Self { config, pool: Pool::default(), connector })
    }

    /// Sends one request and follows its redirects within the bounds.
    pub async fn send(&self, outbound: Outbound) -> Result<Answer, SendError> {
        let total = outbound.limits.total;
        tokio::time::timeout(total, self.follow(outbound))
            .await
            .unwrap_or(Err(SendError::TotalTimeout))
    }

    async fn follow(&self, mut outbound: Outbound) -> Result<Answer, SendError> {
        let mut hops = 0;
        loop {
            let answer = self.exchange(&outbound).await?;
            let target =
                answer.headers.get(header::LOCATION).filter(|_| answer.status.is_redirection());
            let Some(target) = target else { return Ok(answer) };
            if hops >= outbound.limits.redirects_max {
                return Err(SendError::TooManyRedirects);
            }
            hops += 1;
            let target = target.to_str().ok().and_then(|text| outbound.to.url().join(text).ok());
            let target = target.and_then(|url| Address::of(url).ok());
            outbound.to = Arc::new(target.ok_or(SendError::BadRedirect)?);
            let keeps_method = matches!(answer.status.as_u16(), 307 | 308);
            if !keeps_method {
                outbound.method = Method::GET;
                outbound.body = Bytes::new();
                outbound.headers.retain(|(name, _)| name != header::CONTENT_TYPE);
            }
        }
    }

    async fn exchange(&self, outbound: &Outbound) -> Result<Answer, SendError> {
        let request = request_of(outbound);
        // A kept connection may have been closed by the other side. Only a request that was not
        // written at all is sent again on a fresh one, so that no POST arrives twice.
        while let Some(mut open) = self.take_idle(outbound.to.origin()) {
            if !open.is_ready().await {
                continue;
            }
            let sending = open.send(request.clone());
            let sent = tokio::time::timeout(outbound.limits.read, sending).await;
            match sent.map_err(|_| SendError::ReadTimeout)? {
                Ok(response) => return self.read(outbound, open, response).await,
                Err(unwritten) if unwritten => {}
                Err(_) => return Err(SendError::Protocol),
            }
        }
        let mut open = self.connector.connect(&outbound.to, outbound.limits.connect).await?;
        let response = tokio::time::timeout(outbound.limits.read, open.send(request))
            .await
            .map_err(|_| SendError::ReadTimeout)?
            .map_err(|_| SendError::Protocol)?;
        self.read(outbound, open, response).await
    }

    async fn read(
        &self,
        outbound: &Outbound,
        mut open: Open,
        response: http::Response<Incoming>,
    ) -> Result<Answer, SendError> {
        let (parts, body) = response.into_parts();
        let reading = open.along(Limited::new(body, outbound.limits.body_max).collect());
        let collected = tokio::time::timeout(outbound.limits.read, reading)
            .await
            .map_err(|_| SendError::ReadTimeout)?;
        let body = collected.map_err(|error| {
            let too_large = error.is::<http_body_util::LengthLimitError>();
            if too_large { SendError::TooLarge } else { SendError::Protocol }
        })?;
        self.put_idle(outbound.to.origin(), open);
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_bytes(),
            from: Arc::clone(&outbound.to),
        })
    }

    fn take_idle(&self, origin: &str) -> Option<Open> {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = pool.get_mut(origin)?;
        while let Some((since, open)) = idle.pop() {
            if since.elapsed() < self.config.idle && !open.is_closed() {
                return Some(open);
            }
        }
        None
    }

    fn put_idle(&self, origin: &Arc<str>, open: Open) {
        if open.is_closed() {
            return;
        }
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = match pool.get_mut(origin) {
            Some(idle) => idle,
            None => pool.entry(Arc::clone(origin)).or_default(),
        };
        if idle.len() < self.config.idle_per_host {
            idle.push((Monotonic::now(), open));
        }
    }
}

fn request_of(outbound: &Outbound) -> http::Request<Full<Bytes>> {
    let mut request = http::Request::new(Full::new(outbound.body.clone()));
    *request.method_mut() = outbound.method.clone();
    *request.uri_mut() = outbound.to.target().clone();
    let headers = request.headers_mut();
    headers.reserve(outbound.headers.len() + 2);
    headers.insert(header::HOST, outbound.to.host_header().clone());
    if let Some(basic) = outbound.to.basic() {
        headers.insert(header::AUTHORIZATION, basic.clone());
    }
    for (name, value) in &outbound.headers {
        headers.append(name, value.clone());
    }
    request
}

/// Where a connection was made to.
pub(crate) fn permitted(guard: &Guard, addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    addresses.iter().copied().filter(|address| guard.permits(address.ip())).collect()
}
