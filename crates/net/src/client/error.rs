//! Why a request failed, with Twilio's code for it.

/// A request that got no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The address is malformed or of another scheme.
    #[error("the address is not a usable http or https URL")]
    BadUrl,
    /// The name does not resolve.
    #[error("the host name does not resolve")]
    Dns,
    /// The guard refused every address of the host.
    #[error("the host is in a private or reserved range, which this installation does not allow")]
    Refused,
    /// The connection did not stand in time.
    #[error("the connection timed out")]
    ConnectTimeout,
    /// The connection was refused.
    #[error("the connection was refused")]
    ConnectRefused,
    /// The connection failed for another reason.
    #[error("the connection failed")]
    Connect,
    /// The TLS handshake failed.
    #[error("the TLS handshake failed")]
    Tls,
    /// The certificate is not for this host, out of date or not trusted.
    #[error("the certificate is not trusted")]
    Certificate,
    /// The answer did not come in time.
    #[error("the answer timed out")]
    ReadTimeout,
    /// The whole exchange took too long.
    #[error("the exchange took too long")]
    TotalTimeout,
    /// The peer broke the HTTP protocol or closed the connection.
    #[error("the peer broke the protocol or closed the connection")]
    Protocol,
    /// The answer is larger than the bound.
    #[error("the answer is too large")]
    TooLarge,
    /// More redirects than the bound.
    #[error("too many redirects")]
    TooManyRedirects,
    /// The redirect's target is not usable.
    #[error("the redirect's target is not usable")]
    BadRedirect,
}

impl SendError {
    /// Twilio's number for it.
    pub fn code(self) -> u32 {
        match self {
            Self::BadUrl => 11100,
            Self::Dns => 11210,
            Self::Refused | Self::Connect => 11205,
            Self::ConnectTimeout => 11201,
            Self::ConnectRefused => 11202,
            Self::Tls => 11220,
            Self::Certificate => 11237,
            Self::ReadTimeout => 11200,
            Self::TotalTimeout => 11203,
            Self::Protocol => 11206,
            Self::TooLarge => 11750,
            Self::TooManyRedirects => 11215,
            Self::BadRedirect => 11216,
        }
    }

    /// Whether the other side can't have seen the request: safe to repeat whatever it is.
    pub fn never_reached(self) -> bool {
        matches!(
            self,
            Self::Dns | Self::ConnectTimeout | Self::ConnectRefused | Self::Connect | Self::Tls
        )
    }

    /// Whether time ran out after the request was written.
    pub fn timed_out(self) -> bool {
        matches!(self, Self::ReadTimeout | Self::TotalTimeout)
    }
}
