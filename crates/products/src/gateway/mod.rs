//! The gateway: every HTTP request comes in here, is found a product, a route and a caller, and
//! leaves as an answer in Twilio's shape. The only place that knows how these steps follow.

pub(crate) mod dates;
pub mod health;
mod limit;
pub mod log;
pub mod page;
mod place;
mod request;
mod response;
mod routes;
mod unimplemented;

use std::net::SocketAddr;
use std::sync::Arc;

use base::{AccountSid, ApiError, Params, RequestSid, code};
use bytes::Bytes;
use http::{Method, header};
use net::Body;

pub use limit::RateLimit;
use log::Entry;
pub use log::RequestLog;
pub use place::{Place, find as find_place};
pub use request::{Call, Request};
pub use response::{ApiResult, Response};
pub use routes::{Admitting, Answering, Routes};
use routes::{Endpoint, Found};
pub(crate) use unimplemented::Operations;

use crate::accounts::{Accounts, Caller, Permission};

/// Fields that a form may have.
const FIELDS_MAX: usize = 1_000;

/// The front door of one installation.
pub struct Gateway {
    routes: Routes,
    accounts: Arc<Accounts>,
    limit: RateLimit,
    operations: Operations,
    clock: Arc<dyn net::Clock>,
    log: Arc<RequestLog>,
}

impl Gateway {
    /// A gateway over the routes of all products.
    pub fn new(
        routes: Routes,
        accounts: Arc<Accounts>,
        limit: RateLimit,
        clock: Arc<dyn net::Clock>,
        log: Arc<RequestLog>,
    ) -> Self {
        Self { routes, accounts, limit, operations: Operations::load(), clock, log }
    }

    /// The route table.
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// Answers one request; never fails.
    pub async fn handle(
        &self,
        scheme: &str,
        request: http::Request<Bytes>,
        peer: SocketAddr,
    ) -> http::Response<Body> {
        let head = request.method() == Method::HEAD;
        let by_page = request.headers().contains_key("sec-fetch-mode");
        let (started, mut asked) = (std::time::Instant::now(), None);
        let outcome = self.answer(scheme, request, peer, &mut asked).await;
        let refused = outcome.as_ref().err().map_or(0, |error| error.code);
        let response = outcome.unwrap_or_else(|error| {
            if error.status >= 500 {
                tracing::error!(code = error.code, message = %error.message, "a request failed");
            }
            Response::of_error(&error)
        });
        let at = self.clock.now();
        let id: RequestSid = self.accounts.request_sid(at);
        if let Some((account, method, path)) = asked {
            let (status, took) = (response.status.as_u16(), started.elapsed());
            self.log.add(Entry { id, account, at, method, path, status, code: refused, took });
        }
        let mut response = response.with("twilio-request-id", id.to_string()).into_http();
        if by_page {
            // A browser would ask for a name and a password of its own; the page has a form.
            response.headers_mut().remove(header::WWW_AUTHENTICATE);
        }
        if head {
            *response.body_mut() = Body::Full(Bytes::new());
        }
        response
    }

    async fn answer(
        &self,
        scheme: &str,
        request: http::Request<Bytes>,
        peer: SocketAddr,
        asked: &mut Option<(AccountSid, Method, String)>,
    ) -> ApiResult {
        let (parts, body) = request.into_parts();
        let host = parts
            .headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .or_else(|| parts.uri.authority().map(http::uri::Authority::as_str))
            .unwrap_or("localhost");
        let (place, path) = find_place(scheme, host, parts.uri.path());
        let method = if parts.method == Method::HEAD { Method::GET } else { parts.method };
        let found = self.routes.find(place.product, &method, path);
        let (endpoint, segments) = match found {
            Found::Endpoint(endpoint, segments) => (endpoint, segments),
            Found::WrongMethod => return Err(ApiError::method_not_allowed()),
            Found::Nothing => return Ok(self.nothing_here(&place, &method, path)),
        };
        let query = Params::parse_query(parts.uri.query().unwrap_or_default(), FIELDS_MAX)
            .map_err(|error| ApiError::new(code::BAD_REQUEST, error.to_string()))?;
        let form = parse_body(&parts.headers, &body)?;
        let path = path.to_owned();
        let headers = parts.headers;
        let request = Request { method, place, path, segments, query, form, headers, body, peer };
        match endpoint.as_ref() {
            Endpoint::Open(handler) => handler(request).await,
            Endpoint::Guarded(permission, handler) => {
                let caller = self.accounts.authenticate(&request).await?;
                self.admitted(&caller, *permission, &request, asked)?;
                handler(Call { caller, request }).await
            }
            Endpoint::Devices(permission, admit, handler) => {
                let caller = match admit(&request) {
                    Some(admitting) => admitting.await?,
                    None => self.accounts.authenticate(&request).await?,
                };
                self.admitted(&caller, *permission, &request, asked)?;
                handler(Call { caller, request }).await
            }
        }
    }

    /// Notes who asks what, and refuses who asks too much or lacks the permission.
    fn admitted(
        &self,
        caller: &Caller,
        permission: Permission,
        request: &Request,
        asked: &mut Option<(AccountSid, Method, String)>,
    ) -> Result<(), ApiError> {
        *asked = Some((caller.account.sid, request.method.clone(), request.path.clone()));
        self.limit.take(caller.account.sid, self.clock.now())?;
        caller.require(permission)
    }

    /// Twilio's 404. A route that Twilio has and Trunkline does not yet says so in a header.
    fn nothing_here(&self, place: &Place, method: &Method, path: &str) -> Response {
        let response = Response::of_error(&ApiError::not_found(path));
        if self.operations.has(place.product, method, path) {
            return response.with("x-trunkline-unimplemented", "1");
        }
        response
    }
}

/// A form or a JSON object; anything else is left to the handler as bytes.
fn parse_body(headers: &http::HeaderMap, body: &Bytes) -> Result<Params, ApiError> {
    if body.is_empty() {
        return Ok(Params::default());
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or("application/x-www-form-urlencoded");
    let parsed = match kind.split(';').next().unwrap_or_default().trim() {
        "application/x-www-form-urlencoded" => Params::parse_form(body, FIELDS_MAX),
        "application/json" => Params::parse_json(body, FIELDS_MAX),
        _ => return Ok(Params::default()),
    };
    parsed.map_err(|error| ApiError::new(code::BAD_REQUEST, error.to_string()))
}
