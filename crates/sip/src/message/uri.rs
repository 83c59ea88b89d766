//! URIs (RFC 3261 §19.1, RFC 3966).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;

use super::address::Params;

/// Text that is no URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a URI: write sip:user@host, sips:user@host or tel:+15550001111")]
pub struct InvalidUri;

/// A `sip:`, `sips:` or `tel:` URI; of others the part behind the scheme is kept as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Uri {
    /// `sip`, `sips`, `tel` or another, in lower case.
    pub scheme: String,
    /// Before the `@`, with a password if there is one, escaped as it was; the number of `tel:`.
    pub user: Option<String>,
    /// Name or address in lower case, IPv6 without brackets; of other schemes all that follows.
    pub host: String,
    /// 1 to 65535.
    pub port: Option<u16>,
    /// Behind `;`.
    pub params: Params,
    /// Behind `?`, as it was; empty for none.
    pub headers: String,
}

impl Uri {
    /// A `sip:` URI.
    pub fn sip(user: Option<&str>, host: &str, port: Option<u16>) -> Self {
        Self {
            scheme: "sip".to_owned(),
            user: user.filter(|user| !user.is_empty()).map(escape_user),
            host: host.trim_matches(['[', ']']).to_ascii_lowercase(),
            port,
            params: Params::default(),
            headers: String::new(),
        }
    }

    /// Reads a URI, alone.
    pub fn parse(text: &str) -> Result<Self, InvalidUri> {
        let blank = |c: char| c.is_whitespace() || c.is_control() || "<>\"".contains(c);
        let (scheme, rest) = text.split_once(':').ok_or(InvalidUri)?;
        let letters = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
        if !named || !scheme.chars().all(letters) || rest.is_empty() || text.contains(blank) {
            return Err(InvalidUri);
        }
        match scheme.to_ascii_lowercase() {
            scheme if scheme == "sip" || scheme == "sips" => Self::parse_sip(scheme, rest),
            scheme if scheme == "tel" => {
                let (number, params) = rest.split_once(';').unwrap_or((rest, ""));
                Ok(Self {
                    scheme,
                    user: Some(number.to_owned()),
                    host: String::new(),
                    port: None,
                    params: Params::parse(params).ok_or(InvalidUri)?,
                    headers: String::new(),
                })
            }
            scheme => Ok(Self {
                scheme,
                user: None,
                host: rest.to_owned(),
                port: None,
                params: Params::default(),
                headers: String::new(),
            }),
        }
    }

    fn parse_sip(scheme: String, rest: &str) -> Result<Self, InvalidUri> {
        let (user, rest) = match rest.split_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, rest),
        };
        let escaped = user.is_none_or(|user| !user.is_empty() && valid_escapes(user));
        let (rest, headers) = rest.split_once('?').unwrap_or((rest, ""));
        let (place, params) = rest.split_once(';').unwrap_or((rest, ""));
        let (host, port) = host_port(place).ok_or(InvalidUri)?;
        if !escaped {
            return Err(InvalidUri);
        }
        Ok(Self {
            scheme,
            user: user.map(str::to_owned),
            host,
            port,
            params: Params::parse(params).ok_or(InvalidUri)?,
            headers: headers.to_owned(),
        })
    }

    /// The user without password and escapes.
    pub fn user(&self) -> Option<String> {
        let user = self.user.as_deref()?;
        Some(unescape(user.split(':').next().unwrap_or(user)))
    }

    /// The host's address, where it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// `sips:`, or `transport=tls`.
    pub fn is_secure(&self) -> bool {
        self.scheme == "sips" || self.params.is("transport", "tls")
    }

    /// Fields that the URI asks to be put into the request (`?name=value`), unescaped.
    pub fn header_fields(&self) -> Vec<(String, String)> {
        let pairs = self.headers.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (unescape(name), unescape(value))).collect()
    }

    /// Without its header part and `method`, as it may stand in a Request-URI (§19.1.5).
    pub fn bare(&self) -> Self {
        let mut bare = self.clone();
        bare.headers.clear();
        bare.params.remove("method");
        bare
    }
}

/// `host`, `host:port`, `[v6]:port`.
pub(super) fn host_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        (host, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some(""))?)
    } else {
        let (host, port) = text.split_once(':').unwrap_or((text, ""));
        let letters = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if !host.chars().all(letters) || host.is_empty() {
            return None;
        }
        let numeric = host.chars().all(|c| c.is_ascii_digit() || c == '.');
        if numeric && host.parse::<Ipv4Addr>().is_err() {
            return None;
        }
        (host, port)
    };
    let digits = !port.is_empty() && port.bytes().all(|c| c.is_ascii_digit());
    let port = match port {
        "" if !text.ends_with(':') => None,
        port if digits => Some(port.parse().ok().filter(|port| *port > 0)?),
        _ => return None,
    };
    Some((host.to_ascii_lowercase(), port))
}

/// Every `%` has its two digits, and none is NUL's sign of a truncated text.
fn valid_escapes(text: &str) -> bool {
    let mut parts = text.split('%');
    parts.next();
    parts.all(|part| part.len() >= 2 && part.bytes().take(2).all(|c| c.is_ascii_hexdigit()))
}

/// Octets that may stand in a user part as they are (RFC 3261 §25.1).
fn escape_user(text: &str) -> String {
    let mut written = String::new();
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&octet) {
            written.push(char::from(octet));
        } else {
            written.push_str(&format!("%{octet:02X}"));
        }
    }
    written
}

fn unescape(text: &str) -> String {
    let octets = text.as_bytes();
    let (mut read, mut at) = (Vec::with_capacity(octets.len()), 0);
    while at < octets.len() {
        let digits = octets.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        let hex = digits.filter(|_| octets[at] == b'%');
        let hex = hex.filter(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(octet) => {
                read.push(octet);
                at += 3;
            }
            None => {
                read.push(octets[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.scheme)?;
        match (&self.user, self.scheme.as_str()) {
            (Some(number), "tel") => f.write_str(number)?,
            (Some(user), _) => write!(f, "{user}@")?,
            (None, _) => {}
        }
        let sip = matches!(self.scheme.as_str(), "sip" | "sips");
        if sip && self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)?;
        if self.headers.is_empty() { Ok(()) } else { write!(f, "?{}", self.headers) }
    }
}
