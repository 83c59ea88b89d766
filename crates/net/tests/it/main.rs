//! The edge on real sockets: a client among hostile servers, a server among hostile clients.

mod client;
mod media;
mod server;
mod sip;
