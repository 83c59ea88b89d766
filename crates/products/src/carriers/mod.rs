//! Carriers: who delivers. One small contract for SMPP, HTTP, MM7, WhatsApp, SIP MESSAGE and the
//! simulated carrier of `dev`.
//!
//! A carrier takes submissions and answers with events, in any order, at any time, on any thread.
//! It owns its sockets and sessions; the ledger owns what is true of a message.

pub mod api;
pub mod faults;
pub mod pulse;
pub mod routes;
pub mod sim;
pub mod smpp;
pub mod trace;

use std::sync::{Arc, OnceLock};

use base::{Instant, code};

use crate::carriers::sim::SimCarrier;
use crate::carriers::smpp::SmppCarrier;
use crate::registry::Product;

/// What this product is; carriers themselves are made of the installation's settings.
pub static PRODUCT: Product =
    Product { name: "carriers", migrations: &[sim::MIGRATIONS], ..Product::BASE };

/// A carrier's own number within an installation: the upper part of a queue's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CarrierId(pub u16);

/// Sender shards of one carrier: queues are leased as (carrier, shard).
pub const SHARDS: i64 = 1_024;

/// The queue of a sender at a carrier. What is urgent has the first one, whoever sends it: tables
/// are read by queue, so that it is found before all that waits longer.
pub fn queue_of(carrier: CarrierId, sender: &str, urgent: bool) -> i64 {
    if urgent {
        return i64::from(carrier.0) * SHARDS;
    }
    // FNV-1a: stable over restarts and versions, as queue numbers are stored.
    let hash = sender
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    i64::from(carrier.0) * SHARDS + 1 + i64::from(hash) % (SHARDS - 1)
}

/// Whose queue it is.
pub fn carrier_of(queue: i64) -> CarrierId {
    CarrierId(u16::try_from(queue / SHARDS).unwrap_or_default())
}

/// The queues of one carrier.
pub fn queues_of(carrier: CarrierId) -> std::ops::Range<i64> {
    let first = i64::from(carrier.0) * SHARDS;
    first..first + SHARDS
}

/// One message handed to a carrier.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Our own key of the message: 32 bytes, opaque to the carrier, echoed in its answers.
    pub key: [u8; 32],
    /// The sender's address.
    pub from: String,
    /// The recipient's address.
    pub to: String,
    /// The text.
    pub body: String,
    /// Addresses from which the media can be fetched.
    pub media: Vec<String>,
    /// Not worth delivering after this instant.
    pub expires_at: Option<Instant>,
    /// Segments, by index, that the carrier has already: they are not submitted again.
    pub done: Vec<u8>,
}

/// Which segment of a message, as its carrier splits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// From 0.
    pub index: u8,
    /// How many there are.
    pub of: u8,
}

impl Part {
    /// The only one.
    pub const WHOLE: Self = Self { index: 0, of: 1 };
}

/// What became of a submission, or of one segment of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubmitOutcome {
    /// The carrier took it, under this reference.
    Taken {
        /// The carrier's reference, unique among its open messages.
        reference: String,
    },
    /// The carrier is too busy now; the same submission is welcome later.
    Throttled,
    /// The carrier can't be reached: nothing was handed over.
    Unreachable,
    /// The carrier refused it for good.
    Refused {
        /// Twilio's code for the reason.
        code: u32,
    },
    /// The connection was cut before the answer: the carrier has it, or not.
    Uncertain,
}

/// The last word on a message that a carrier took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptStatus {
    /// It is on the handset.
    Delivered,
    /// It will not be delivered, for the reason with this code.
    Undelivered(u32),
}

/// A delivery receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The carrier's reference.
    pub reference: String,
    /// Our key, where the carrier echoes it.
    pub key: Option<[u8; 32]>,
    /// The message's sender, as the carrier tells it.
    pub sender: String,
    /// The message's recipient, as the carrier tells it.
    pub recipient: String,
    /// How the text began; empty where the carrier leaves it out.
    pub excerpt: String,
    /// What became of the message.
    pub status: ReceiptStatus,
    /// When, by the carrier's clock.
    pub done_at: Instant,
}

/// A text from a handset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// The handset's number.
    pub from: String,
    /// One of our numbers.
    pub to: String,
    /// The text.
    pub body: String,
    /// Where its media can be fetched, or the media itself as `data:`.
    pub media: Vec<String>,
    /// The carrier's own id of it: the same text offered twice has the same.
    pub id: String,
    /// Which part of a longer text it is.
    pub part: Option<::smpp::udh::Part>,
}

/// What a carrier tells.
#[derive(Debug)]
pub enum CarrierEvent {
    /// The answer to a submission, or to one segment of it. `Throttled` and `Unreachable` are
    /// about the whole: nothing of it was submitted.
    Answered {
        /// Our key of the message.
        key: [u8; 32],
        /// Which segment.
        part: Part,
        /// What became of it.
        outcome: SubmitOutcome,
        /// No other answer follows for this submission.
        last: bool,
    },
    /// Receipts can come in (again): from now on it can be found out what became of uncertain
    /// segments.
    Receiving,
    /// A receipt. It is the carrier's to repeat until it is acknowledged.
    Receipt(Receipt, Acknowledge),
    /// A text came in. It is the carrier's to repeat until it is acknowledged.
    Inbound(Inbound, Acknowledge),
}

impl CarrierEvent {
    /// The answer to a submission as a whole.
    pub fn answered(key: [u8; 32], outcome: SubmitOutcome) -> Self {
        Self::Answered { key, part: Part::WHOLE, outcome, last: true }
    }
}

/// Tells a carrier that what it brought is on disk. Dropped unused, it means "bring it again".
pub struct Acknowledge(Option<Box<dyn FnOnce() + Send>>);

impl Acknowledge {
    /// Calls `action` once the receipt or text is on disk.
    pub fn new(action: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(action)))
    }

    /// For carriers that don't wait for one.
    pub fn unneeded() -> Self {
        Self(None)
    }

    /// It is on disk.
    pub fn done(self) {
        if let Some(action) = self.0 {
            action();
        }
    }
}

impl std::fmt::Debug for Acknowledge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acknowledge")
    }
}

/// Where a carrier's events go.
pub type EventSink = Arc<dyn Fn(Vec<CarrierEvent>) + Send + Sync>;

/// Splits a submission into the texts of its segments.
pub type Split = Arc<dyn Fn(&Submission) -> Vec<String> + Send + Sync>;

/// A carrier as it is configured: an enum, not a trait object, as each kind is known.
#[derive(Clone)]
pub enum Carrier {
    /// Handsets in this process, for `dev` and tests.
    Sim(Arc<SimCarrier>),
    /// A carrier's SMSC.
    Smpp(Arc<SmppCarrier>),
    /// None is configured.
    Absent(Arc<Absent>),
}

impl Carrier {
    /// Where events go; set once, before the first submission.
    pub fn connect(&self, sink: EventSink) {
        match self {
            Self::Sim(carrier) => carrier.connect(sink),
            Self::Smpp(carrier) => carrier.connect(sink),
            Self::Absent(absent) => {
                sink(vec![CarrierEvent::Receiving]);
                // A second connection would be a mistake of the wiring; the first one stays.
                let _ = absent.sink.set(sink);
            }
        }
    }

    /// Hands over submissions; the answers come as events.
    pub fn submit(&self, submissions: Vec<Submission>) {
        match self {
            Self::Sim(carrier) => carrier.submit(submissions),
            Self::Smpp(carrier) => carrier.submit(submissions),
            Self::Absent(absent) => absent.refuse(submissions),
        }
    }

    /// How many submissions may be without an answer.
    pub fn window_max(&self) -> usize {
        match self {
            Self::Sim(carrier) => carrier.window_max(),
            Self::Smpp(carrier) => carrier.window_max(),
            Self::Absent(_) => 100,
        }
    }

    /// How it splits texts.
    pub fn split(&self) -> Split {
        match self {
            Self::Smpp(carrier) => carrier.split(),
            Self::Sim(_) | Self::Absent(_) => {
                Arc::new(|submission: &Submission| vec![submission.body.clone()])
            }
        }
    }

    /// Ends its sessions.
    pub async fn stop(&self) {
        if let Self::Smpp(carrier) = self {
            carrier.stop().await;
        }
    }
}

/// What stands where no carrier is configured: nothing can be reached (30006).
#[derive(Default)]
pub struct Absent {
    sink: OnceLock<EventSink>,
}

impl Absent {
    fn refuse(&self, submissions: Vec<Submission>) {
        let refuse = |submission: Submission| {
            let outcome = SubmitOutcome::Refused { code: code::CARRIER_UNREACHABLE };
            CarrierEvent::answered(submission.key, outcome)
        };
        if let Some(sink) = self.sink.get() {
            sink(submissions.into_iter().map(refuse).collect());
        }
    }
}
