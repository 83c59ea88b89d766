//! The HTTP server: accepts, reads within limits, hands over, answers.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::Body;

/// Whoever answers requests.
pub trait Service: Send + Sync + 'static {
    /// Answers one request, which came by `scheme` (`http` or `https`); never fails.
    fn call(
        &self,
        scheme: &'static str,
        request: Request<Bytes>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Body>> + Send;

    /// The answer to a body that is larger than the limit, or did not arrive.
    fn body_refused(&self, status: StatusCode) -> Response<Body>;
}

/// Limits of a server.
#[derive(Clone, Copy, Debug)]
pub struct ServerConfig {
    /// Octets of a request's body at most.
    pub body_max: usize,
    /// Connections at once at most; further ones wait.
    pub connections_max: usize,
    /// How long the head of a request may take.
    pub header_timeout: Duration,
    /// How long the body of a request may take.
    pub body_timeout: Duration,
    /// How long running requests may take after the stop.
    pub drain: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            body_max: 8 << 20,
            connections_max: 20_000,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
            drain: Duration::from_secs(10),
        }
    }
}

/// Serves until `stop` changes, then lets running requests finish. With an acceptor, over TLS.
pub async fn serve<S: Service>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    service: Arc<S>,
    config: ServerConfig,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(config.connections_max));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (service, stop) = (Arc::clone(&service), stop.clone());
                let tls = tls.clone();
                tokio::spawn(async move {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "no TCP_NODELAY");
                    }
                    match tls {
                        None => connection(stream, peer, "http", service, config, stop).await,
                        Some(tls) => secure(&tls, stream, peer, service, config, stop).await,
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    let all = u32::try_from(config.connections_max).unwrap_or(u32::MAX);
    // Whoever is not finished by then is cut off.
    let _ = tokio::time::timeout(config.drain, places.acquire_many(all)).await;
}

async fn secure<S: Service>(
    tls: &TlsAcceptor,
    stream: TcpStream,
    peer: SocketAddr,
    service: Arc<S>,
    config: ServerConfig,
    stop: watch::Receiver<bool>,
) {
    match tokio::time::timeout(config.header_timeout, tls.accept(stream)).await {
        Ok(Ok(stream)) => connection(stream, peer, "https", service, config, stop).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

/// Serves one connection.
pub(crate) async fn connection<S: Service, IO>(
    stream: IO,
    peer: SocketAddr,
    scheme: &'static str,
    service: Arc<S>,
    config: ServerConfig,
    mut stop: watch::Receiver<bool>,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handler = hyper::service::service_fn(move |request: Request<Incoming>| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(answer(&*service, scheme, request, peer, config).await) }
    });
    let running = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .max_buf_size(64 << 10)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), handler);
    tokio::pin!(running);
    let stopped = async move { stop.wait_for(|stop| *stop).await.is_ok() };
    let outcome = tokio::select! {
        outcome = &mut running => outcome,
        _ = stopped => {
            running.as_mut().graceful_shutdown();
            running.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Reads a request's body within the limits, and has it answered.
pub(crate) async fn answer<S: Service>(
    service: &S,
    scheme: &'static str,
    request: Request<Incoming>,
    peer: SocketAddr,
    config: ServerConfig,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let reading = Limited::new(body, config.body_max).collect();
    let read = match tokio::time::timeout(config.body_timeout, reading).await {
        Ok(read) => read,
        Err(_) => return service.body_refused(StatusCode::REQUEST_TIMEOUT),
    };
    let body = match read {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            return service.body_refused(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Err(_) => return service.body_refused(StatusCode::BAD_REQUEST),
    };
    let call = service.call(scheme, Request::from_parts(parts, body), peer);
    AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a handler panicked");
        service.body_refused(StatusCode::INTERNAL_SERVER_ERROR)
    })
}
