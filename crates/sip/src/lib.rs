//! SIP without sockets: messages, transactions, dialogs, registrations, digest and SDP.

pub mod frame;
pub mod message;
pub mod sdp;
pub mod transaction;
