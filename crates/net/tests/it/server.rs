//! The server among clients that send too much, too slowly, or nonsense.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use machine::fuzz::mutations;
use net::{Body, ServerConfig, Service, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

struct Echo;

impl Service for Echo {
    async fn call(
        &self,
        _: &'static str,
        request: Request<Bytes>,
        _: SocketAddr,
    ) -> Response<Body> {
        assert!(request.uri().path() != "/panic", "a handler that fails");
        Response::new(Body::Full(request.into_body()))
    }

    fn body_refused(&self, status: StatusCode) -> Response<Body> {
        let mut response = Response::new(Body::Full(Bytes::new()));
        *response.status_mut() = status;
        response
    }
}

async fn start() -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let (stop, stopped) = watch::channel(false);
    let config = ServerConfig {
        body_max: 1_000,
        header_timeout: Duration::from_millis(200),
        body_timeout: Duration::from_millis(200),
        ..ServerConfig::default()
    };
    tokio::spawn(serve(listener, None, Arc::new(Echo), config, stopped));
    (address, stop)
}

/// Sends `data` and reads until the server closes or `enough` says so.
async fn talk(to: SocketAddr, data: &[u8], enough: impl Fn(&str) -> bool) -> String {
    let mut stream = TcpStream::connect(to).await.expect("a connection");
    // The server may answer and close before all of it was written.
    let _ = stream.write_all(data).await;
    let mut answer = Vec::new();
    let mut buffer = [0; 4_096];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        answer.extend_from_slice(&buffer[..read]);
        if enough(&String::from_utf8_lossy(&answer)) {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn requests_are_answered_and_limits_hold() {
    let (address, _stop) = start().await;
    let done = |text: &str| text.ends_with("hello");
    let good = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    assert!(talk(address, good, done).await.starts_with("HTTP/1.1 200"));
    let head =
        |length: usize| format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    let large = [head(2_000).into_bytes(), vec![b'x'; 2_000]].concat();
    assert!(
        talk(address, &large, |text| text.contains("\r\n\r\n")).await.starts_with("HTTP/1.1 413")
    );
    let slow_body = talk(address, head(10).as_bytes(), |text| text.contains("\r\n\r\n")).await;
    assert!(slow_body.starts_with("HTTP/1.1 408"), "{slow_body}");
    let slow_head = talk(address, b"GET / HT", |_| false).await;
    assert!(slow_head.is_empty() || slow_head.starts_with("HTTP/1.1 4"), "{slow_head}");
    let wide = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(300_000));
    let answer = talk(address, wide.as_bytes(), |text| text.contains("\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_handler_that_panics_harms_nobody_else() {
    let (address, _stop) = start().await;
    let panic = b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = talk(address, panic, |text| text.contains("\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    let good = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    assert!(talk(address, good, |text| text.ends_with("hi")).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn nonsense_is_refused_and_the_server_lives() {
    let (address, _stop) = start().await;
    let seeds: [&[u8]; 3] = [
        b"POST /2010-04-01/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        b"GET * HTTP/1.0\r\n\r\n",
    ];
    let mut requests = Vec::new();
    mutations(&seeds, 300, |data| requests.push(data.to_vec()));
    let all = requests.into_iter().map(|data| async move {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        // It may be refused before all of it was written; reading ends when the server closes.
        let _ = stream.write_all(&data).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{answer:?}");
    });
    futures_util::future::join_all(all).await;
    let good = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok";
    assert!(talk(address, good, |text| text.ends_with("ok")).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_stop_lets_the_running_request_finish() {
    let (address, stop) = start().await;
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head).await.expect("sent");
    let mut going_on = [0; 25];
    stream.read_exact(&mut going_on).await.expect("the server reads the body");
    assert!(going_on.starts_with(b"HTTP/1.1 100"));
    stop.send_replace(true);
    stream.write_all(b"half").await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("the answer");
    assert!(String::from_utf8_lossy(&answer).ends_with("half"), "{answer:?}");
}
