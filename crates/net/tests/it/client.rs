//! The client among servers that lie, stall, lead astray and talk nonsense.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use machine::fuzz::mutations;
use net::{Address, Answer, Client, ClientConfig, Guard, Limits, Outbound, SendError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(5),
    read: Duration::from_secs(5),
    total: Duration::from_secs(10),
    body_max: 1_000,
    redirects_max: 3,
};

/// A server that answers every request head with what `answer` gives, and counts connections.
async fn server(
    answer: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("its address"));
    let (answer, connections) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let mut head = vec![0; 65_536];
                // One read is one request here: they are small and alone on their connection.
                while stream.read(&mut head).await.is_ok_and(|read| read > 0) {
                    if stream.write_all(&answer()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, connections)
}

fn client(allowed: &str) -> Arc<Client> {
    let guard: Guard = allowed.parse().expect("ranges");
    Client::new(ClientConfig { guard, ..ClientConfig::default() })
}

async fn get(client: &Client, url: &str, limits: Limits) -> Result<Answer, SendError> {
    let to = Arc::new(Address::of(Url::parse(url).expect("a URL"))?);
    let (method, headers, body) = (Method::GET, Vec::new(), Bytes::new());
    client.send(Outbound { method, to, headers, body, limits }).await
}

#[tokio::test]
async fn connections_are_kept_and_used_again() {
    let (url, connections) =
        server(|| b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_vec()).await;
    let client = client("127.0.0.0/8");
    for _ in 0..10 {
        let answer = get(&client, &url, LIMITS).await.expect("an answer");
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"hi"[..]));
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_is_too_large_or_too_slow_is_cut_off() {
    let client = client("127.0.0.0/8");
    let (large, _) = server(|| {
        let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n".to_vec();
        answer.resize(answer.len() + 5_000, b'x');
        answer
    })
    .await;
    assert_eq!(get(&client, &large, LIMITS).await.expect_err("too large"), SendError::TooLarge);
    let (chunked, _) = server(|| {
        let chunk = format!("64\r\n{}\r\n", "x".repeat(100)).repeat(50);
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n")
            .into_bytes()
    })
    .await;
    assert_eq!(get(&client, &chunked, LIMITS).await.expect_err("too large"), SendError::TooLarge);
    let (silent, _) = server(Vec::new).await;
    let short = Limits { read: Duration::from_millis(50), ..LIMITS };
    assert_eq!(get(&client, &silent, short).await.expect_err("silent"), SendError::ReadTimeout);
    let (endless, _) =
        server(|| b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\npart".to_vec()).await;
    assert_eq!(get(&client, &endless, short).await.expect_err("stalls"), SendError::ReadTimeout);
    let total = Limits { total: Duration::from_millis(50), ..LIMITS };
    assert_eq!(get(&client, &silent, total).await.expect_err("silent"), SendError::TotalTimeout);
}

#[tokio::test]
async fn redirects_end_and_never_cross_the_guard() {
    let client = client("127.0.0.0/8");
    let (circle, _) =
        server(|| b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n".to_vec())
            .await;
    let outcome = get(&client, &circle, LIMITS).await;
    assert_eq!(outcome.expect_err("a circle"), SendError::TooManyRedirects);
    for (target, expected) in [
        ("http://169.254.169.254/latest/meta-data", SendError::Refused),
        ("http://10.0.0.1/", SendError::Refused),
        ("http://[::ffff:192.168.0.1]/", SendError::Refused),
        ("file:///etc/passwd", SendError::BadRedirect),
    ] {
        let answer = format!("HTTP/1.1 307 x\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
        let (url, _) = server(move || answer.clone().into_bytes()).await;
        assert_eq!(get(&client, &url, LIMITS).await.expect_err(target), expected, "{target}");
    }
}

#[tokio::test]
async fn the_guard_is_asked_before_anything_is_sent() {
    let (url, connections) =
        server(|| b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()).await;
    let closed = client("");
    assert_eq!(get(&closed, &url, LIMITS).await.expect_err("loopback"), SendError::Refused);
    let by_name = url.replace("127.0.0.1", "localhost");
    assert_eq!(get(&closed, &by_name, LIMITS).await.expect_err("by name"), SendError::Refused);
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn nonsense_ends_in_an_answer_or_an_error() {
    let seeds: [&[u8]; 4] = [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 11\r\n\r\n<Response/>",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
        b"HTTP/1.0 301 Moved\r\nLocation: http://127.0.0.1:1/x\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nRetry-After: 5\r\n\r\n",
    ];
    let mut answers = Vec::new();
    mutations(&seeds, 600, |data| answers.push(data.to_vec()));
    let count = answers.len();
    let next = AtomicUsize::new(0);
    let (url, _) =
        server(move || answers[next.fetch_add(1, Ordering::SeqCst) % count].clone()).await;
    let client = client("127.0.0.0/8");
    let short =
        Limits { read: Duration::from_millis(20), total: Duration::from_millis(100), ..LIMITS };
    let mut good = 0;
    for _ in 0..count {
        if let Ok(answer) = get(&client, &url, short).await {
            assert!(answer.body.len() <= LIMITS.body_max);
            good += 1;
        }
    }
    assert!(good > 0, "some of it is HTTP");
}
