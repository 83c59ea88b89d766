//! Liveness and readiness, open to everybody and apart from each other: a slow database makes a
//! node not ready, never dead.

use std::sync::Arc;
use std::time::Duration;

use ::store::Store;
use base::ApiError;
use http::Method;
use serde_json::json;

use crate::gateway::{ApiResult, Request, Response, Routes};

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Adds `GET /healthz` and `GET /readyz`.
pub fn routes(routes: &mut Routes, store: &Arc<Store>) {
    routes.open("", Method::GET, "/healthz", store, |_, _: Request| async {
        Ok(Response::ok(&json!({ "status": "serving" })))
    });
    routes.open("", Method::GET, "/readyz", store, |store, _: Request| ready(store));
}

/// 200 once migrations are done (they are, before anything is served) and the database answers.
async fn ready(store: Arc<Store>) -> ApiResult {
    match tokio::time::timeout(PATIENCE, store.answers()).await {
        Ok(Ok(())) => Ok(Response::ok(&json!({ "status": "ready" }))),
        Ok(Err(_)) | Err(_) => Err(ApiError::unavailable()),
    }
}
