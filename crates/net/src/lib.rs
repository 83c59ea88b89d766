//! The edge that owns sockets and timers: the HTTP server, the forwarding proxy, the HTTP client
//! with its guard against private addresses, WebSockets, SMPP on either end, and the clock. Small
//! and dull; what is decided is decided elsewhere.

pub mod authority;
mod body;
mod client;
mod clock;
mod guard;
pub mod media;
mod proxy;
mod server;
pub mod sip;
pub mod smpp;
mod tls;
pub mod websocket;

pub use body::Body;
pub use client::{Address, Answer, Client, ClientConfig, Limits, Outbound, SendError};
pub use clock::{Clock, SystemClock};
pub use guard::{Guard, InvalidRange};
pub use proxy::serve_proxy;
pub use server::{ServerConfig, Service, serve};
pub use tls::acceptor;
pub use tokio_rustls::TlsAcceptor;
