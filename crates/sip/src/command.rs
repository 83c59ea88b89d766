//! What the user wants of the agent.

use crate::digest::{Credentials, Proof};
use crate::event::{Binding, GatewayId, LegId, QuestionId, RegistrationId};
use crate::gateway::Gateway;
use crate::io::Hop;
use crate::message::{Address, Uri};
use crate::registration::Registration;
use crate::sdp::Session;

/// Names and values of header fields; fields that the protocol needs itself are passed over.
pub type Fields = Vec<(String, String)>;

/// A call to be made.
#[derive(Clone, Debug)]
pub struct Invite {
    /// Its leg: a number below 2⁶³ that was never used.
    pub leg: LegId,
    /// Whom: the Request-URI. Fields in its header part (`?X-Name=value`) are sent as such.
    pub target: Uri,
    /// What To says; the target where it is `None`.
    pub to: Option<Address>,
    /// Who calls.
    pub from: Address,
    /// Proxies to go by, in order.
    pub routes: Vec<Uri>,
    /// Go there, whatever the target says: the way to a binding.
    pub hop: Option<Hop>,
    /// More header fields.
    pub headers: Fields,
    /// The offer; `None` asks the other end for one.
    pub sdp: Option<Session>,
    /// Who we are to those who challenge.
    pub credentials: Option<Credentials>,
    /// How many redirections are followed; 0 tells them as `Refused`.
    pub redirects_max: u8,
    /// Max-Forwards: 70, or one less than the call had that this one goes on.
    pub max_forwards: u8,
    /// The user part of our Contact; From's where it is `None`.
    pub contact_user: Option<String>,
    /// The Call-ID, which nobody used before; a random one where it is `None`.
    pub call_id: Option<String>,
    /// Gateways to choose from; host and port of the target are then the chosen one's.
    pub gateways: Vec<GatewayId>,
    /// Who else is called at once, and by which way: the first that answers is the leg.
    pub others: Vec<(Uri, Hop)>,
    /// The users of target and From, before a gateway's format was applied.
    pub(crate) numbers: Option<(Option<String>, Option<String>)>,
}

impl Invite {
    /// A plain call.
    pub fn new(leg: LegId, target: Uri, from: Address, sdp: Option<Session>) -> Self {
        Self {
            leg,
            target,
            to: None,
            from,
            routes: Vec::new(),
            hop: None,
            headers: Vec::new(),
            sdp,
            credentials: None,
            redirects_max: 0,
            max_forwards: 70,
            contact_user: None,
            call_id: None,
            gateways: Vec::new(),
            others: Vec::new(),
            numbers: None,
        }
    }
}

/// What the user wants. A command for a leg that is over, or that its state does not allow, does
/// nothing: its final event is told already, or will be.
#[derive(Debug)]
pub enum Command {
    /// Make a call.
    Invite(Box<Invite>),
    /// Tell the caller that it progresses: 180, 181, 182 or 183, with early media where there is
    /// an SDP.
    Progress {
        /// Which.
        leg: LegId,
        /// 101 to 199.
        status: u16,
        /// The answer, if media is to flow before the call is answered.
        sdp: Option<Session>,
        /// More header fields.
        headers: Fields,
    },
    /// Answer a call.
    Answer {
        /// Which.
        leg: LegId,
        /// The answer; the offer where the caller made none.
        sdp: Session,
        /// More header fields.
        headers: Fields,
    },
    /// Refuse a call.
    Reject {
        /// Which.
        leg: LegId,
        /// 300 to 699.
        status: u16,
        /// Other words than the usual.
        reason: Option<String>,
        /// More header fields.
        headers: Fields,
    },
    /// Refuse a call with a challenge (401); it comes again as a new leg that is authenticated.
    Challenge {
        /// Which.
        leg: LegId,
        /// Of which realm.
        realm: String,
    },
    /// End a leg in any state: CANCEL, BYE, or 480 for a call that came and is not answered.
    Hangup {
        /// Which.
        leg: LegId,
        /// More header fields, such as Reason.
        headers: Fields,
    },
    /// Answer the offer of `Answered`, where ours had none.
    Acknowledge {
        /// Which.
        leg: LegId,
        /// The answer.
        sdp: Session,
    },
    /// Offer anew within a call: hold, resume, another codec or address.
    Reoffer {
        /// Which.
        leg: LegId,
        /// The offer.
        sdp: Session,
    },
    /// Answer `Reoffered`.
    AnswerReoffer {
        /// Which.
        leg: LegId,
        /// The answer; the offer where the other end made none.
        sdp: Session,
    },
    /// Refuse `Reoffered`; the call goes on as it was.
    RefuseReoffer {
        /// Which.
        leg: LegId,
        /// 488 as a rule.
        status: u16,
    },
    /// Send an INFO.
    Info {
        /// Which.
        leg: LegId,
        /// Type of the body.
        content_type: String,
        /// The body.
        body: Vec<u8>,
    },
    /// Ask the other end to call somebody.
    Refer {
        /// Which.
        leg: LegId,
        /// Whom; ignored where `replaces` gives the target.
        target: Uri,
        /// The leg whose other end is to be called in place of us (attended transfer).
        replaces: Option<LegId>,
    },
    /// Take `Referred` on; 100 is told at once.
    AcceptRefer {
        /// Which.
        leg: LegId,
        /// Which transfer.
        refer: u64,
    },
    /// Refuse `Referred`.
    RefuseRefer {
        /// Which.
        leg: LegId,
        /// Which transfer.
        refer: u64,
        /// 403 or 603 as a rule.
        status: u16,
    },
    /// Tell how the new call goes; a final status ends the telling.
    ReferProgress {
        /// Which.
        leg: LegId,
        /// Which transfer.
        refer: u64,
        /// Of the new call.
        status: u16,
    },
    /// The answer to `ProofWanted`; `None` refuses.
    Prove {
        /// The question.
        question: QuestionId,
        /// How the user proves itself.
        proof: Option<Proof>,
    },
    /// The answer to `KeepWanted`.
    Kept {
        /// The question.
        question: QuestionId,
        /// Else the phone is told to try again.
        kept: bool,
    },
    /// A binding that was stored, after a start.
    Restore(Box<Binding>),
    /// Register with a carrier, and stay registered.
    Register(Box<Registration>),
    /// Take a registration back.
    Unregister(RegistrationId),
    /// The gateways from now on. What is known of those that stay is kept.
    Gateways(Vec<Gateway>),
    /// Take no more calls; end every leg and registration.
    Stop,
}

impl Command {
    /// The leg that a command is about.
    pub(crate) fn leg_mut(&mut self) -> Option<&mut LegId> {
        match self {
            Self::Invite(draft) => Some(&mut draft.leg),
            Self::Progress { leg, .. }
            | Self::Answer { leg, .. }
            | Self::Reject { leg, .. }
            | Self::Challenge { leg, .. }
            | Self::Hangup { leg, .. }
            | Self::Acknowledge { leg, .. }
            | Self::Reoffer { leg, .. }
            | Self::AnswerReoffer { leg, .. }
            | Self::RefuseReoffer { leg, .. }
            | Self::Info { leg, .. }
            | Self::Refer { leg, .. }
            | Self::AcceptRefer { leg, .. }
            | Self::RefuseRefer { leg, .. }
            | Self::ReferProgress { leg, .. } => Some(leg),
            Self::Prove { .. }
            | Self::Kept { .. }
            | Self::Restore(_)
            | Self::Register(_)
            | Self::Unregister(_)
            | Self::Gateways(_)
            | Self::Stop => None,
        }
    }
}
