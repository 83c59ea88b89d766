//! An address to send to, taken apart once.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, Uri};
use url::Url;

use super::SendError;

/// Where a request goes: an `http` or `https` address with everything that sending needs of it.
/// User information becomes HTTP Basic, the fragment is not sent.
#[derive(Clone, Debug)]
pub struct Address {
    url: Url,
    origin: Arc<str>,
    host: String,
    port: u16,
    tls: bool,
    target: Uri,
    host_header: HeaderValue,
    basic: Option<HeaderValue>,
}

impl Address {
    /// Takes an address apart; [`SendError::BadUrl`] when nothing can be sent there.
    pub fn of(url: Url) -> Result<Self, SendError> {
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(SendError::BadUrl),
        };
        let host = url.host_str().ok_or(SendError::BadUrl)?.to_owned();
        let port = url.port_or_known_default().ok_or(SendError::BadUrl)?;
        let origin = format!("{}://{host}:{port}", url.scheme()).into();
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let target = target.parse().map_err(|_| SendError::BadUrl)?;
        let named = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.clone(),
        };
        let host_header = HeaderValue::from_str(&named).map_err(|_| SendError::BadUrl)?;
        let basic = basic_of(&url);
        Ok(Self { url, origin, host, port, tls, target, host_header, basic })
    }

    /// The address as it was given.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &Arc<str> {
        &self.origin
    }

    /// The host's name or address, without the brackets of IPv6.
    pub(super) fn host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn tls(&self) -> bool {
        self.tls
    }

    pub(super) fn target(&self) -> &Uri {
        &self.target
    }

    pub(super) fn host_header(&self) -> &HeaderValue {
        &self.host_header
    }

    pub(super) fn basic(&self) -> Option<&HeaderValue> {
        self.basic.as_ref()
    }
}

/// `https://user:password@host/` authenticates as HTTP Basic.
fn basic_of(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() {
        return None;
    }
    let decode =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pair = format!("{}:{}", decode(url.username()), decode(url.password().unwrap_or_default()));
    HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(pair))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Address, SendError> {
        Address::of(Url::parse(text).map_err(|_| SendError::BadUrl)?)
    }

    #[test]
    fn addresses_are_taken_apart() {
        let address = of("https://us%20er:p%40ss@[::1]:8443/a?b=c#rc=2").expect("an address");
        assert_eq!(&**address.origin(), "https://[::1]:8443");
        assert_eq!((address.host(), address.port(), address.tls()), ("::1", 8443, true));
        assert_eq!(address.target().to_string(), "/a?b=c");
        assert_eq!(address.host_header(), "[::1]:8443");
        let basic = address.basic().and_then(|value| value.to_str().ok());
        assert_eq!(basic, Some("Basic dXMgZXI6cEBzcw=="));
        let plain = of("http://example.com").expect("an address");
        assert_eq!((plain.port(), plain.host_header().as_bytes()), (80, &b"example.com"[..]));
    }

    #[test]
    fn other_schemes_are_refused() {
        for bad in ["ftp://example.com/", "data:text/plain,x", "file:///etc/passwd"] {
            assert!(matches!(of(bad), Err(SendError::BadUrl)), "{bad}");
        }
    }
}
