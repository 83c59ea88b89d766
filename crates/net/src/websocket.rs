//! A WebSocket to a server of the operator's (RFC 6455): text and octets go out, text comes in. No
//! guard: addresses that tenants give never get here.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::Url;

use crate::tls;

/// Octets of a message that comes, at most.
const MESSAGE_MAX: usize = 64 << 10;

/// Why there is no connection, or no more.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Not `ws://host…` or `wss://host…`.
    #[error("not an address of a WebSocket")]
    Address,
    /// It did not answer in time.
    #[error("it did not answer in time")]
    TimedOut,
    /// The connection can't be made.
    #[error("{0}")]
    Connect(#[from] std::io::Error),
    /// The server speaks otherwise, or is gone.
    #[error("{0}")]
    Protocol(#[from] Box<tungstenite::Error>),
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection.
pub struct WebSocket(WebSocketStream<Box<dyn Stream>>);

impl WebSocket {
    /// Connects, within `patience`.
    ///
    /// # Errors
    /// An address that is none, and whatever hinders.
    pub async fn connect(
        url: &str,
        headers: &[(String, String)],
        patience: Duration,
    ) -> Result<Self, SocketError> {
        let connecting = connect(url, headers);
        tokio::time::timeout(patience, connecting).await.map_err(|_| SocketError::TimedOut)?
    }

    /// Sends text.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn text(&mut self, text: &str) -> Result<(), SocketError> {
        Ok(self.0.send(Message::text(text)).await.map_err(Box::new)?)
    }

    /// Sends octets.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn octets(&mut self, octets: Vec<u8>) -> Result<(), SocketError> {
        Ok(self.0.send(Message::binary(Bytes::from(octets))).await.map_err(Box::new)?)
    }

    /// The next text that comes; `None` when the other end has closed. Safe to drop while it waits.
    ///
    /// # Errors
    /// The connection is gone, or a message is too long.
    pub async fn next(&mut self) -> Result<Option<String>, SocketError> {
        loop {
            match self.0.next().await.transpose().map_err(Box::new)? {
                Some(Message::Text(text)) => return Ok(Some(text.to_string())),
                Some(Message::Close(_)) | None => return Ok(None),
                Some(_) => {}
            }
        }
    }
}

async fn connect(url: &str, headers: &[(String, String)]) -> Result<WebSocket, SocketError> {
    let parsed = Url::parse(url).map_err(|_| SocketError::Address)?;
    let host = parsed.host_str().ok_or(SocketError::Address)?.to_owned();
    let secure = match parsed.scheme() {
        "ws" => false,
        "wss" => true,
        _ => return Err(SocketError::Address),
    };
    let mut request = url.into_client_request().map_err(Box::new)?;
    for (name, value) in headers {
        let name: HeaderName = name.parse().map_err(|_| SocketError::Address)?;
        let value = HeaderValue::from_str(value).map_err(|_| SocketError::Address)?;
        request.headers_mut().insert(name, value);
    }
    let port = parsed.port().unwrap_or(if secure { 443 } else { 80 });
    let bare = host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((bare, port)).await?;
    stream.set_nodelay(true)?;
    let stream: Box<dyn Stream> = if secure {
        let name = ServerName::try_from(bare.to_owned()).map_err(|_| SocketError::Address)?;
        Box::new(tls::public().connect(name, stream).await?)
    } else {
        Box::new(stream)
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_MAX))
        .max_frame_size(Some(MESSAGE_MAX));
    let (socket, _) =
        client_async_with_config(request, stream, Some(config)).await.map_err(Box::new)?;
    Ok(WebSocket(socket))
}
