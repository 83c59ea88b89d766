//! What the agent tells.

use core::net::SocketAddr;
use std::time::Duration;

use crate::io::{Hop, Transport};
use crate::message::{Headers, Request, Uri};
use crate::sdp::Session;

/// One dialog of a call. Numbers below 2⁶³ are the user's, for calls that it makes; the others
/// the agent's, for calls that come. None comes twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub u64);

/// A gateway's number: the user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GatewayId(pub u64);

/// A registration with a carrier: the user's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistrationId(pub u64);

/// A question that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QuestionId(pub u64);

/// A call that comes.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Its leg.
    pub leg: LegId,
    /// The INVITE as it came: From, To, Request-URI, Call-ID, Diversion and all else.
    pub request: Request,
    /// Where it came from.
    pub source: SocketAddr,
    /// How.
    pub transport: Transport,
    /// What the caller offers; `None` where it wants our offer in the answer.
    pub offer: Option<Session>,
    /// The user that proved itself by digest, and the realm.
    pub authenticated: Option<(String, String)>,
    /// The gateway whose address it came from.
    pub gateway: Option<GatewayId>,
    /// The leg that it wants to take the place of (RFC 3891); the agent ends that one when this
    /// one is answered.
    pub replaces: Option<LegId>,
}

/// Who ended a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The user.
    Us,
    /// The other end.
    Them,
    /// Nobody: silence, a lost refresh, a broken connection.
    Timeout,
}

/// A contact under which somebody is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Whose: `sip:user@host` without port and parameters.
    pub aor: String,
    /// The contact, as it was given.
    pub contact: Uri,
    /// Where it came from: the way back through its NAT. Give it as `Invite::hop`.
    pub hop: Hop,
    /// Until when, in microseconds of the agent's clock.
    pub expires_at: base::Instant,
    /// Preference, 0 to 1000.
    pub q: u16,
    /// The REGISTERs of one phone share it.
    pub call_id: String,
    /// Its number among them.
    pub seq: u32,
    /// What the phone calls itself.
    pub user_agent: String,
}

/// News.
#[derive(Clone, Debug)]
pub enum Event {
    /// A call comes. 100 went out already.
    Incoming(Box<Incoming>),
    /// 101 to 199 for a call of ours. An SDP is the answer, or early media before it.
    Progress {
        /// Which.
        leg: LegId,
        /// Its status.
        status: u16,
        /// Its header fields.
        headers: Headers,
        /// Its description.
        sdp: Option<Session>,
    },
    /// A call of ours is answered. Where we made no offer, `sdp` is the other end's, and
    /// `Command::Acknowledge` must answer it.
    Answered {
        /// Which.
        leg: LegId,
        /// Header fields of the 200.
        headers: Headers,
        /// Its description.
        sdp: Option<Session>,
    },
    /// The caller acknowledged our answer; with its own where we made the offer.
    Confirmed {
        /// Which.
        leg: LegId,
        /// Its description.
        sdp: Option<Session>,
    },
    /// The other end offers anew: answer by `AnswerReoffer` or `RefuseReoffer`. Without SDP it
    /// wants our offer.
    Reoffered {
        /// Which.
        leg: LegId,
        /// Its offer.
        sdp: Option<Session>,
    },
    /// The other end answered an offer within the call.
    Reanswered {
        /// Which.
        leg: LegId,
        /// Its answer.
        sdp: Option<Session>,
    },
    /// Our offer within the call was refused; what was agreed before holds.
    ReofferRefused {
        /// Which.
        leg: LegId,
        /// Why; 491 when it crossed theirs too often, or there is no call yet.
        status: u16,
    },
    /// A digit by INFO.
    Dtmf {
        /// Which.
        leg: LegId,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
        /// How long it was pressed.
        duration_ms: u32,
    },
    /// Another INFO; it is answered already.
    Info {
        /// Which.
        leg: LegId,
        /// Type of its body.
        content_type: String,
        /// Its body.
        body: Vec<u8>,
    },
    /// The answer to an INFO of ours.
    InfoAnswered {
        /// Which.
        leg: LegId,
        /// Its status.
        status: u16,
    },
    /// The other end wants us to call somebody (RFC 3515): answer by `AcceptRefer` or
    /// `RefuseRefer`.
    Referred {
        /// Which.
        leg: LegId,
        /// Which transfer of this leg.
        refer: u64,
        /// Whom to call.
        target: Box<Uri>,
        /// The leg of ours that `Replaces` in the target names, in an attended transfer between
        /// two of our legs.
        replaces: Option<LegId>,
        /// Header fields of the REFER.
        headers: Headers,
    },
    /// The answer to a REFER of ours.
    ReferAnswered {
        /// Which.
        leg: LegId,
        /// 202 as a rule.
        status: u16,
    },
    /// How the transfer goes that we asked for.
    ReferProgress {
        /// Which.
        leg: LegId,
        /// The status of the new call so far.
        status: u16,
        /// Nothing more will be told.
        last: bool,
    },
    /// A call of ours came to nothing. Final.
    Refused {
        /// Which.
        leg: LegId,
        /// The final status; 408 after silence, 487 when we cancelled, 503 when nothing could be
        /// sent.
        status: u16,
        /// The words beside it.
        reason: String,
        /// Its header fields.
        headers: Headers,
        /// The gateway that was tried last.
        gateway: Option<GatewayId>,
    },
    /// A leg is over. Final.
    Ended {
        /// Which.
        leg: LegId,
        /// By whom.
        by: By,
        /// What the leg was refused with, or 200 where it had been answered.
        status: u16,
        /// The Reason field of the BYE or CANCEL (RFC 3326).
        reason: Option<String>,
        /// Header fields of the BYE or CANCEL, where the other end sent one.
        headers: Headers,
    },
    /// Somebody claims to be a user: answer by `Command::Prove`.
    ProofWanted {
        /// The question.
        question: QuestionId,
        /// Who.
        username: String,
        /// Where.
        realm: String,
        /// The request: its method, To and Request-URI say what for.
        request: Box<Request>,
        /// Where it came from.
        source: SocketAddr,
    },
    /// Somebody claimed to be a user, and proved it wrongly: 403 went out.
    ProofFailed {
        /// Who.
        username: String,
        /// Where.
        realm: String,
        /// Where it came from.
        source: SocketAddr,
        /// How often in a row this source did; from `Limits::failures_max` on it is not asked any
        /// more for a while.
        failures: u32,
    },
    /// A contact was bound, or bound anew.
    Bound(Box<Binding>),
    /// A contact is bound no more.
    Unbound {
        /// What it was.
        binding: Box<Binding>,
        /// Its time was over; else its phone took it back.
        expired: bool,
    },
    /// All that a REGISTER changed has been told before this: the phone is answered by
    /// `Command::Kept`, so that what it is told is kept.
    KeepWanted {
        /// What to answer.
        question: QuestionId,
    },
    /// We are registered with a carrier.
    Registered {
        /// Which.
        registration: RegistrationId,
        /// For how long.
        expires: Duration,
    },
    /// A registration failed; it is tried again at `retry_at`.
    RegistrationFailed {
        /// Which.
        registration: RegistrationId,
        /// The status; 408 after silence, 503 when nothing could be sent.
        status: u16,
        /// When it is tried again; `None` when it is not.
        retry_at: Option<base::Instant>,
    },
    /// A registration was taken back.
    Unregistered {
        /// Which.
        registration: RegistrationId,
    },
    /// A gateway answers.
    GatewayUp {
        /// Which.
        gateway: GatewayId,
    },
    /// A gateway answers no more.
    GatewayDown {
        /// Which.
        gateway: GatewayId,
        /// The last status.
        status: u16,
    },
    /// A call of ours goes by this gateway; the next one after a failure is told likewise.
    Routed {
        /// Which.
        leg: LegId,
        /// By which.
        gateway: GatewayId,
    },
    /// The agent was told to stop, and every leg and registration is over.
    Stopped,
}

impl Event {
    /// The leg that an event is about.
    pub(crate) fn leg_mut(&mut self) -> Option<&mut LegId> {
        match self {
            Self::Incoming(incoming) => Some(&mut incoming.leg),
            Self::Progress { leg, .. }
            | Self::Answered { leg, .. }
            | Self::Confirmed { leg, .. }
            | Self::Reoffered { leg, .. }
            | Self::Reanswered { leg, .. }
            | Self::ReofferRefused { leg, .. }
            | Self::Dtmf { leg, .. }
            | Self::Info { leg, .. }
            | Self::InfoAnswered { leg, .. }
            | Self::Referred { leg, .. }
            | Self::ReferAnswered { leg, .. }
            | Self::ReferProgress { leg, .. }
            | Self::Refused { leg, .. }
            | Self::Ended { leg, .. }
            | Self::Routed { leg, .. } => Some(leg),
            Self::ProofWanted { .. }
            | Self::ProofFailed { .. }
            | Self::KeepWanted { .. }
            | Self::Bound(_)
            | Self::Unbound { .. }
            | Self::Registered { .. }
            | Self::RegistrationFailed { .. }
            | Self::Unregistered { .. }
            | Self::GatewayUp { .. }
            | Self::GatewayDown { .. }
            | Self::Stopped => None,
        }
    }
}
