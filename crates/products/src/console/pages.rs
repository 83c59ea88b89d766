//! The page and its files.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;

use crate::console::Console;
use crate::gateway::{ApiResult, Request, Response};

/// Nothing but the page's own files, and pictures and sound of messages and calls.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      img-src 'self' data: blob:; media-src blob:; font-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A file of the page.
pub(super) async fn file(state: Arc<Console>, request: Request) -> ApiResult {
    let path = request.segment("path").to_owned();
    let file = (state.file)(&path).ok_or_else(|| request.not_found())?;
    let kept = if file.lasting { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(Response::bytes(StatusCode::OK, file.content_type, file.octets)
        .with("cache-control", kept)
        .with("content-security-policy", POLICY)
        .with("x-content-type-options", "nosniff")
        .with("x-frame-options", "DENY")
        .with("referrer-policy", "no-referrer"))
}

/// To another page of ours.
pub(super) fn redirect(to: &str) -> Response {
    Response::bytes(StatusCode::SEE_OTHER, "text/plain", Bytes::new()).with("location", to)
}
