//! SIP without sockets: messages, transactions, dialogs, registrations, digest and SDP. The
//! [`Agent`] is a node's whole SIP as one machine.

pub mod agent;
pub mod command;
pub mod config;
mod dialog;
pub mod digest;
pub mod event;
mod fork;
pub mod frame;
pub mod fuzz;
pub mod gateway;
pub mod guard;
pub mod io;
mod leg;
pub mod message;
pub mod numbers;
mod registrar;
pub mod registration;
pub mod sdp;
mod timers;
pub mod transaction;
mod wire;

pub use agent::Agent;
pub use command::{Command, Invite};
pub use event::{Binding, By, Event, GatewayId, Incoming, LegId};
pub use leg::dtmf_relay;
pub use message::Uri;
