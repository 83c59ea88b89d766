//! Answers: JSON in Twilio's shape, or bytes.

use std::borrow::Cow;

use base::ApiError;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use net::Body;
use serde::Serialize;

/// What a handler answers.
pub type ApiResult = Result<Response, ApiError>;

/// An answer before it becomes HTTP.
#[derive(Debug)]
pub struct Response {
    /// 200, 201, 204, …
    pub status: StatusCode,
    /// `application/json` unless said otherwise.
    pub content_type: Cow<'static, str>,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// The bytes, or a stream of them.
    pub body: Body,
}

impl Response {
    /// 200 with JSON.
    pub fn ok(json: &impl Serialize) -> Self {
        Self::of(StatusCode::OK, json)
    }

    /// 201 with JSON.
    pub fn created(json: &impl Serialize) -> Self {
        Self::of(StatusCode::CREATED, json)
    }

    fn of(status: StatusCode, json: &impl Serialize) -> Self {
        match serde_json::to_vec(json) {
            Ok(text) => Self::json(status, text),
            // Only a map whose keys are no texts can't be written, and there is none.
            Err(_) => Self::of_error(&ApiError::internal()),
        }
    }

    /// 204 without a body.
    pub fn deleted() -> Self {
        Self::bytes(StatusCode::NO_CONTENT, "application/json", Bytes::new())
    }

    /// Any status with JSON that is already text.
    pub fn json(status: StatusCode, json: impl Into<Bytes>) -> Self {
        Self::bytes(status, "application/json", json.into())
    }

    /// Any status with any bytes.
    pub fn bytes(
        status: StatusCode,
        content_type: impl Into<Cow<'static, str>>,
        body: Bytes,
    ) -> Self {
        let content_type = content_type.into();
        Self { status, content_type, headers: Vec::new(), body: Body::Full(body) }
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// An error in Twilio's shape.
    pub fn of_error(error: &ApiError) -> Self {
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = Self::json(status, error.to_json());
        if let Some(seconds) = error.retry_after_s {
            response = response.with("retry-after", seconds.to_string());
        }
        if status == StatusCode::UNAUTHORIZED {
            response = response.with("www-authenticate", "Basic realm=\"Twilio API\"");
        }
        response
    }

    /// As HTTP.
    pub fn into_http(self) -> http::Response<Body> {
        let mut response = http::Response::new(self.body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if self.status != StatusCode::NO_CONTENT {
            let content_type = match self.content_type {
                Cow::Borrowed(text) => HeaderValue::from_static(text),
                Cow::Owned(text) => HeaderValue::from_str(&text)
                    .unwrap_or(HeaderValue::from_static("application/octet-stream")),
            };
            headers.insert(header::CONTENT_TYPE, content_type);
        }
        for (name, value) in self.headers {
            match HeaderValue::from_str(&value) {
                Ok(value) => {
                    headers.append(name, value);
                }
                Err(_) => tracing::warn!(name, "a header value could not be sent"),
            }
        }
        response
    }
}
