//! The ports beside the API's own: HTTPS, and in `dev` the forwarding proxy.

use std::net::SocketAddr;
use std::sync::Arc;

use net::authority::Authority;
use net::{ServerConfig, TlsAcceptor};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::install::{Door, Mode, StartError};
use crate::settings::Settings;
use crate::surroundings;

/// From the API's port to that of HTTPS: 8080 and 8443.
const HTTPS_AFTER: u16 = 363;

/// From the API's port to the proxy's.
const PROXY_AFTER: u16 = 1;

/// What else is listened on.
#[derive(Default)]
pub struct Others {
    /// `https://localhost:8443`
    pub https: Option<String>,
    /// `http://127.0.0.1:8081`
    pub proxy: Option<String>,
}

/// Our certificate: of the files that the settings name, or in `dev` of the development authority.
pub struct Tls {
    /// Takes TLS connections.
    pub acceptor: Option<TlsAcceptor>,
    authority: Option<Arc<Authority>>,
}

impl Tls {
    /// Reads the files, and opens the authority.
    pub fn open(settings: &Settings, mode: Mode) -> Result<Self, StartError> {
        let authority = match mode {
            Mode::Dev => Some(Authority::open(&surroundings::authority(&settings.data))?),
            Mode::Serve => None,
        };
        let acceptor = match (&settings.tls_certificate, &settings.tls_key, &authority) {
            (Some(certificate), Some(key), _) => Some(net::acceptor(certificate, key)?),
            (_, _, Some(authority)) => Some(authority.acceptor()),
            (_, _, None) => None,
        };
        Ok(Self { acceptor, authority })
    }
}

/// Opens them, and serves until `stopped`.
pub async fn open(
    settings: &Settings,
    api: &str,
    tls: &Tls,
    door: &Arc<Door>,
    stopped: &watch::Receiver<bool>,
) -> Result<Others, StartError> {
    let (mut others, config) = (Others::default(), ServerConfig::default());
    if tls.acceptor.is_none() && settings.https_listen.is_some() {
        let text = "HTTPS in 'serve' needs TRUNKLINE_TLS_CERTIFICATE and TRUNKLINE_TLS_KEY";
        return Err(StartError::Setting(text.to_owned()));
    }
    if let Some(acceptor) = tls.acceptor.clone() {
        let listener = listen(settings.https_listen, settings.listen, HTTPS_AFTER).await?;
        let port = listener.local_addr()?.port();
        others.https = Some(format!("https://localhost:{port}"));
        let (door, stopped) = (Arc::clone(door), stopped.clone());
        tokio::spawn(net::serve(listener, Some(acceptor), door, config, stopped));
    }
    if let Some(authority) = tls.authority.clone() {
        // The API may be open to a network; the proxy never is.
        let beside = SocketAddr::from(([127, 0, 0, 1], settings.listen.port()));
        let listener = listen(settings.proxy_listen, beside, PROXY_AFTER).await?;
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            let text = "the proxy takes programs of this machine alone: \
                        TRUNKLINE_PROXY_LISTEN must be a loopback address";
            return Err(StartError::Setting(text.to_owned()));
        }
        surroundings::announce(&settings.data, api, address, authority.certificate())?;
        others.proxy = Some(format!("http://{address}"));
        let (door, stopped) = (Arc::clone(door), stopped.clone());
        tokio::spawn(net::serve_proxy(listener, authority, door, config, stopped));
    }
    Ok(others)
}

/// Listens where it is told; else beside the API at its port and `after`, or on a free port
/// when that is taken, as another installation on this machine may have it.
async fn listen(
    told: Option<SocketAddr>,
    api: SocketAddr,
    after: u16,
) -> Result<TcpListener, StartError> {
    if let Some(told) = told {
        return Ok(TcpListener::bind(told).await?);
    }
    let usual = api.port().checked_add(after).filter(|_| api.port() != 0).unwrap_or(0);
    match TcpListener::bind((api.ip(), usual)).await {
        Ok(listener) => Ok(listener),
        Err(_) => Ok(TcpListener::bind((api.ip(), 0)).await?),
    }
}
