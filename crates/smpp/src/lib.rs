//! SMPP 3.4: PDUs, sessions, receipts, the text of short messages. Both roles: we bind to
//! carriers, and a test carrier takes binds. No sockets, clock or randomness.

pub mod client;
pub mod frame;
pub mod fuzz;
pub mod pdu;
pub mod receipt;
pub mod session;
pub mod smsc;
pub mod text;
pub mod udh;
