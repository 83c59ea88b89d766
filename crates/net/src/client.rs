//! The HTTP client of webhooks and media: keep-alive connections of its own, every address
//! guarded, every failure with Twilio's code.

mod connect;
mod error;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant as Monotonic};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::SendRequest;
use url::Url;

use crate::Guard;
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
        Self { guard: Guard::default(), idle_per_host: 64, idle: Duration::from_secs(20) }
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
    /// Where to; user information becomes HTTP Basic, the fragment is not sent.
    pub url: Url,
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
    pub url: Url,
}

type Sender = SendRequest<Full<Bytes>>;

/// Idle connections, by scheme, host and port.
type Pool = Mutex<HashMap<String, Vec<(Monotonic, Sender)>>>;

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
            let target = target.to_str().ok().and_then(|text| outbound.url.join(text).ok());
            outbound.url = target.ok_or(SendError::BadRedirect)?;
            let keeps_method = matches!(answer.status.as_u16(), 307 | 308);
            if !keeps_method {
                outbound.method = Method::GET;
                outbound.body = Bytes::new();
                outbound.headers.retain(|(name, _)| name != header::CONTENT_TYPE);
            }
        }
    }

    async fn exchange(&self, outbound: &Outbound) -> Result<Answer, SendError> {
        let origin = Origin::of(&outbound.url)?;
        let request = request_of(outbound, &origin)?;
        // A kept connection may have been closed by the other side. Only a request that was not
        // written at all is sent again on a fresh one, so that no POST arrives twice.
        while let Some(mut sender) = self.take_idle(&origin.key) {
            if sender.ready().await.is_err() {
                continue;
            }
            let sending = sender.try_send_request(request.clone());
            let sent = tokio::time::timeout(outbound.limits.read, sending).await;
            match sent.map_err(|_| SendError::ReadTimeout)? {
                Ok(response) => return self.read(outbound, origin, sender, response).await,
                Err(mut failed) => {
                    if failed.take_message().is_none() {
                        return Err(SendError::Protocol);
                    }
                }
            }
        }
        let mut sender = self.connector.connect(&origin, outbound.limits.connect).await?;
        let sending = sender.send_request(request);
        let response = tokio::time::timeout(outbound.limits.read, sending)
            .await
            .map_err(|_| SendError::ReadTimeout)?
            .map_err(|_| SendError::Protocol)?;
        self.read(outbound, origin, sender, response).await
    }

    async fn read(
        &self,
        outbound: &Outbound,
        origin: Origin,
        sender: Sender,
        response: http::Response<hyper::body::Incoming>,
    ) -> Result<Answer, SendError> {
        let (parts, body) = response.into_parts();
        let reading = Limited::new(body, outbound.limits.body_max).collect();
        let collected = tokio::time::timeout(outbound.limits.read, reading)
            .await
            .map_err(|_| SendError::ReadTimeout)?;
        let body = collected.map_err(|error| {
            let too_large = error.is::<http_body_util::LengthLimitError>();
            if too_large { SendError::TooLarge } else { SendError::Protocol }
        })?;
        self.put_idle(origin.key, sender);
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_bytes(),
            url: outbound.url.clone(),
        })
    }

    fn take_idle(&self, key: &str) -> Option<Sender> {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = pool.get_mut(key)?;
        while let Some((since, sender)) = idle.pop() {
            if since.elapsed() < self.config.idle && !sender.is_closed() {
                return Some(sender);
            }
        }
        None
    }

    fn put_idle(&self, key: String, sender: Sender) {
        if sender.is_closed() {
            return;
        }
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = pool.entry(key).or_default();
        if idle.len() < self.config.idle_per_host {
            idle.push((Monotonic::now(), sender));
        }
    }
}

/// Scheme, host and port of an address.
pub(crate) struct Origin {
    pub(crate) key: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
}

impl Origin {
    fn of(url: &Url) -> Result<Self, SendError> {
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(SendError::BadUrl),
        };
        let host = url.host_str().ok_or(SendError::BadUrl)?.to_owned();
        let port = url.port_or_known_default().ok_or(SendError::BadUrl)?;
        let key = format!("{}://{host}:{port}", url.scheme());
        Ok(Self { key, host, port, tls })
    }
}

fn request_of(
    outbound: &Outbound,
    origin: &Origin,
) -> Result<http::Request<Full<Bytes>>, SendError> {
    let url = &outbound.url;
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let mut request = http::Request::builder()
        .method(outbound.method.clone())
        .uri(target)
        .body(Full::new(outbound.body.clone()))
        .map_err(|_| SendError::BadUrl)?;
    let host = match url.port() {
        Some(port) => format!("{}:{port}", origin.host),
        None => origin.host.clone(),
    };
    let headers = request.headers_mut();
    let host = HeaderValue::from_str(&host).map_err(|_| SendError::BadUrl)?;
    headers.insert(header::HOST, host);
    if let Some(basic) = basic(url) {
        headers.insert(header::AUTHORIZATION, basic);
    }
    for (name, value) in &outbound.headers {
        headers.append(name, value.clone());
    }
    Ok(request)
}

/// `https://user:password@host/` authenticates as HTTP Basic.
fn basic(url: &Url) -> Option<HeaderValue> {
    use base64::Engine as _;
    if url.username().is_empty() {
        return None;
    }
    let decode =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pair = format!("{}:{}", decode(url.username()), decode(url.password().unwrap_or_default()));
    let encoded = base64::prelude::BASE64_STANDARD.encode(pair);
    HeaderValue::from_str(&format!("Basic {encoded}")).ok()
}

/// Where a connection was made to.
pub(crate) fn permitted(guard: &Guard, addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    addresses.iter().copied().filter(|address| guard.permits(address.ip())).collect()
}
