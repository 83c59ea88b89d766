//! Via: where a response goes (RFC 3261 §20.42, RFC 3581).

use core::net::SocketAddr;
use std::fmt;

use super::address::Params;
use super::uri::host_port;

/// What begins a branch of RFC 3261 (§8.1.1.7).
pub const COOKIE: &str = "z9hG4bK";

/// One value of Via.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// `UDP`, `TCP`, `TLS` or another.
    pub transport: String,
    /// Who sent it, by its own word.
    pub host: String,
    /// Where it listens; the transport's usual port when absent.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport` and others.
    pub params: Params,
}

impl Via {
    /// Reads `SIP/2.0/UDP host:port;params`, with blanks anywhere that the grammar has them.
    pub fn parse(text: &str) -> Option<Self> {
        let (protocol, rest) = text.trim().split_once('/')?;
        let (version, rest) = rest.split_once('/')?;
        if !protocol.trim().eq_ignore_ascii_case("SIP") || version.trim() != "2.0" {
            return None;
        }
        let rest = rest.trim_start();
        let (transport, rest) = rest.split_once([' ', '\t'])?;
        let (place, params) = rest.split_once(';').unwrap_or((rest, ""));
        let place: String = place.chars().filter(|c| !c.is_whitespace()).collect();
        let (host, port) = host_port(&place)?;
        let params = Params::parse(params)?;
        Some(Self { transport: transport.to_ascii_uppercase(), host, port, params })
    }

    /// The branch, where it is one of RFC 3261: unique for its transaction.
    pub fn branch(&self) -> Option<&str> {
        let branch = self.params.get("branch")?;
        let cookie = branch.get(..COOKIE.len())?.eq_ignore_ascii_case(COOKIE);
        Some(branch).filter(|branch| cookie && branch.len() > COOKIE.len())
    }

    /// Notes where the request really came from (§18.2.1, RFC 3581 §4).
    pub fn stamp(&mut self, from: SocketAddr) {
        let address = from.ip().to_string();
        let asked = self.params.get("rport").is_some();
        if asked {
            self.params.set("rport", &from.port().to_string());
        }
        if asked || self.host != address {
            self.params.set("received", &address);
        }
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v6 = self.host.contains(':');
        let (open, close) = if v6 { ("[", "]") } else { ("", "") };
        write!(f, "SIP/2.0/{} {open}{}{close}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)
    }
}
