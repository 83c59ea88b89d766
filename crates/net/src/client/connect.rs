//! Connections: resolve, ask the guard, connect, shake hands.

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::open::Open;
use super::{Address, SendError, permitted};
use crate::Guard;

/// Makes connections.
pub(super) struct Connector {
    guard: Guard,
    tls: TlsConnector,
}

impl Connector {
    pub(super) fn new(guard: Guard) -> Self {
        Self { guard, tls: crate::tls::public() }
    }

    pub(super) async fn connect(
        &self,
        address: &Address,
        limit: Duration,
    ) -> Result<Open, SendError> {
        let connecting = self.stand(address);
        tokio::time::timeout(limit, connecting).await.unwrap_or(Err(SendError::ConnectTimeout))
    }

    async fn stand(&self, address: &Address) -> Result<Open, SendError> {
        let host = address.host();
        let found = tokio::net::lookup_host((host, address.port())).await;
        let addresses: Vec<_> = found.map_err(|_| SendError::Dns)?.collect();
        let permitted = permitted(&self.guard, &addresses);
        if permitted.is_empty() {
            return Err(if addresses.is_empty() { SendError::Dns } else { SendError::Refused });
        }
        let stream =
            TcpStream::connect(&permitted[..]).await.map_err(|error| match error.kind() {
                ErrorKind::ConnectionRefused => SendError::ConnectRefused,
                ErrorKind::TimedOut => SendError::ConnectTimeout,
                _ => SendError::Connect,
            })?;
        stream.set_nodelay(true).map_err(|_| SendError::Connect)?;
        if !address.tls() {
            return handshake(stream).await;
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| SendError::BadUrl)?;
        let stream = self.tls.connect(name, stream).await.map_err(|error| {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            match inner {
                Some(rustls::Error::InvalidCertificate(_)) => SendError::Certificate,
                _ => SendError::Tls,
            }
        })?;
        handshake(stream).await
    }
}

async fn handshake<T>(stream: T) -> Result<Open, SendError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Names are case-insensitive, but not to every program that reads them.
    let (sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
        .await
        .map_err(|_| SendError::Protocol)?;
    let driver = Box::pin(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a webhook connection ended");
        }
    });
    Ok(Open::new(sender, driver))
}
