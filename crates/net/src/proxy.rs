//! The forwarding proxy of a development machine: a program that calls Twilio's hosts lands on
//! this installation without a change of its code. Every other host is reached as if there were
//! no proxy: nothing of it is opened.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::authority::{Authority, is_taken};
use crate::server::{self, ServerConfig, Service};

/// How long another host may take to be reached.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

type Answer = Response<BoxBody<Bytes, hyper::Error>>;

/// What every connection needs.
struct Proxy<S> {
    service: Arc<S>,
    acceptor: TlsAcceptor,
    config: ServerConfig,
    stop: watch::Receiver<bool>,
}

/// Serves until `stop` changes.
pub async fn serve_proxy<S: Service>(
    listener: TcpListener,
    authority: Arc<Authority>,
    service: Arc<S>,
    config: ServerConfig,
    mut stop: watch::Receiver<bool>,
) {
    let acceptor = authority.acceptor();
    let proxy = Arc::new(Proxy { service, acceptor, config, stop: stop.clone() });
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, peer)) => drop(tokio::spawn(attend(Arc::clone(&proxy), stream, peer))),
            Err(error) => {
                tracing::warn!(%error, "a connection to the proxy could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn attend<S: Service>(proxy: Arc<Proxy<S>>, stream: TcpStream, peer: SocketAddr) {
    let header_timeout = proxy.config.header_timeout;
    let handler = hyper::service::service_fn(move |request: Request<Incoming>| {
        let proxy = Arc::clone(&proxy);
        async move { Ok::<_, Infallible>(proxy.answer(request, peer).await) }
    });
    let running = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(stream), handler)
        .with_upgrades();
    if let Err(error) = running.await {
        tracing::debug!(%error, "a connection to the proxy ended early");
    }
}

impl<S: Service> Proxy<S> {
    async fn answer(self: Arc<Self>, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        let Some(host) = request.uri().host().map(str::to_owned) else {
            let text = "This is Trunkline's proxy; set HTTPS_PROXY to it (trunkline env)\n";
            return plain(StatusCode::BAD_REQUEST, text);
        };
        match (*request.method() == Method::CONNECT, is_taken(&host)) {
            (true, true) => {
                tokio::spawn(self.take(request, peer));
                plain(StatusCode::OK, "")
            }
            (true, false) => tunnel(request).await,
            (false, true) => {
                let answer = server::answer(&*self.service, "http", request, peer, self.config);
                answer.await.map(|body| body.map_err(|never| match never {}).boxed())
            }
            (false, false) => forward(request).await,
        }
    }

    /// Serves what is inside a tunnel to a host whose place we take.
    async fn take(self: Arc<Self>, request: Request<Incoming>, peer: SocketAddr) {
        let upgraded = match hyper::upgrade::on(request).await {
            Ok(upgraded) => TokioIo::new(upgraded),
            Err(error) => {
                tracing::debug!(%error, "a tunnel did not begin");
                return;
            }
        };
        let handshake = self.acceptor.accept(upgraded);
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
            Ok(Ok(stream)) => {
                let (service, stop) = (Arc::clone(&self.service), self.stop.clone());
                server::connection(stream, peer, "https", service, self.config, stop).await;
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "a program does not trust the development authority; \
                                        run it by 'trunkline run' or with 'trunkline env'");
            }
            Err(_) => tracing::debug!("a handshake took too long"),
        }
    }
}

/// Joins a program to another host, octet for octet.
async fn tunnel(request: Request<Incoming>) -> Answer {
    let mut there = match reach(request.uri(), 443).await {
        Ok(stream) => stream,
        Err(error) => return unreachable(request.uri(), &error),
    };
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
        let mut here = TokioIo::new(upgraded);
        // However it ends, both sides see it.
        let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
    });
    plain(StatusCode::OK, "")
}

/// Hands a request in the clear on to another host.
async fn forward(mut request: Request<Incoming>) -> Answer {
    let uri = request.uri().clone();
    let sent = async {
        let stream = reach(&uri, 80).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(std::io::Error::other)?;
        tokio::spawn(connection);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse().map_err(std::io::Error::other)?;
        for name in ["proxy-connection", "proxy-authorization"] {
            request.headers_mut().remove(HeaderName::from_static(name));
        }
        sender.send_request(request).await.map_err(std::io::Error::other)
    };
    match sent.await {
        Ok(response) => response.map(BodyExt::boxed),
        Err(error) => unreachable(&uri, &error),
    }
}

async fn reach(uri: &Uri, port: u16) -> Result<TcpStream, std::io::Error> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let connecting = TcpStream::connect((host, uri.port_u16().unwrap_or(port)));
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
    connected.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}

fn unreachable(uri: &Uri, error: &std::io::Error) -> Answer {
    let host = uri.host().unwrap_or_default();
    plain(StatusCode::BAD_GATEWAY, &format!("{host} can't be reached: {error}\n"))
}

fn plain(status: StatusCode, text: &str) -> Answer {
    let body = Full::new(Bytes::copy_from_slice(text.as_bytes()));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed());
    *response.status_mut() = status;
    if !text.is_empty() {
        let kind = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}
