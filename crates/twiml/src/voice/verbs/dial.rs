//! `<Dial>`: connects the caller with others.

use roxmltree::Node;

use crate::Hook;
use crate::voice::attributes::Attributes;
use crate::voice::effects::{DialStatus, Dialled, Id, Input, Output, Params, param};
use crate::voice::reader::{Reader, text_of};
use crate::voice::stage::{Stage, Step, Verb};
use crate::voice::status::{self, RecordingStatus};
use crate::voice::verbs::conference::{self, Conference};
use crate::voice::verbs::endpoint::{self, Endpoint};
use crate::voice::verbs::queue::{self, Queue};

/// Endpoints in one `Dial` at most.
const ENDPOINTS_MAX: usize = 10;

/// Seconds of ringing, and of a call, at most.
const TIMEOUT_MAX_S: u32 = 600;
const TIME_LIMIT_MAX_S: u32 = 86_400;

/// Characters of the reason that is shown, and of a caller's id, at most.
const REASON_MAX: usize = 50;
const CALLER_ID_MAX: usize = 255;

/// Everything about a connection to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// With whom.
    pub to: Target,
    /// Seconds of ringing at most (with several in turn: of each): 1 to 600.
    pub timeout_s: u32,
    /// Seconds of the connection at most: 1 to 86,400.
    pub time_limit_s: u32,
    /// Who the called party sees; by default the caller.
    pub caller_id: Option<String>,
    /// Whether the caller's leg is answered only when it is connected. Only then is a leg that
    /// rings not answered before.
    pub answer_on_bridge: bool,
    /// Whether several endpoints are called one after another.
    pub sequential: bool,
    /// The country (`us`, `uk`, …) whose ringing the caller hears.
    pub ring_tone: Option<String>,
    /// Whether and how it is recorded.
    pub record: Option<DialRecord>,
    /// Where the recording's steps are told.
    pub recording_status: Option<RecordingStatus>,
    /// A stored configuration of the recording, as given.
    pub recording_configuration: Option<String>,
    /// Asked for a document when a party sends REFER.
    pub refer: Option<Hook>,
    /// Why the call is made, shown to the called party.
    pub reason: Option<String>,
    /// Further events that are wanted, as given.
    pub events: Option<String>,
    /// Identity passports, as given (base64).
    pub passports: Option<String>,
}

/// With whom to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The first of these who answers: one to ten.
    Endpoints(Vec<Endpoint>),
    /// Everybody in a conference.
    Conference(Box<Conference>),
    /// Whoever waits longest in a queue.
    Queue(Queue),
}

/// How a connection is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DialRecord {
    /// From when.
    pub from: RecordFrom,
    /// Each party in a channel of its own.
    pub dual: bool,
    /// Whom.
    pub track: Track,
    /// Whether silence is cut off at both ends.
    pub trim: bool,
}

/// From when a connection is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFrom {
    /// The called party's answer.
    Answer,
    /// The ringing before it.
    Ringing,
}

/// Whose voice is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// Both.
    Both,
    /// Of the one that a leg comes from.
    Inbound,
    /// Of the one that a leg goes to.
    Outbound,
}

const RECORDS: [(&str, Option<(RecordFrom, bool)>); 7] = [
    ("do-not-record", None),
    ("false", None),
    ("record-from-answer", Some((RecordFrom::Answer, false))),
    ("true", Some((RecordFrom::Answer, false))),
    ("record-from-ringing", Some((RecordFrom::Ringing, false))),
    ("record-from-answer-dual", Some((RecordFrom::Answer, true))),
    ("record-from-ringing-dual", Some((RecordFrom::Ringing, true))),
];

const TRACKS: [(&str, Track); 3] =
    [("both", Track::Both), ("inbound", Track::Inbound), ("outbound", Track::Outbound)];

const RING_TONES: &str = "at au bg br be ch cl cn cz de dk ee es fi fr gr hu il in it lt jp mx my \
                          nl no nz ph pl pt ru se sg th uk us us-old tw ve za";

/// The verb, and how far it is.
pub(crate) struct Dialling {
    what: Option<Dial>,
    action: Option<Hook>,
    star: bool,
    stopped: bool,
    dialling: Option<Id>,
}

/// Reads the verb.
pub(crate) fn parse(node: Node<'_, '_>, reader: &mut Reader) -> Dialling {
    let to = target(node, reader);
    let mut attributes = Attributes::of(node, reader);
    let action = attributes.hook("action", "method", 13210);
    let star = attributes.flag("hangupOnStar", false, 13213);
    let record = record(&mut attributes);
    let recording_status = status::recording(&mut attributes);
    let recording_configuration = attributes.text("recordingConfigurationId");
    let what = Dial {
        // Replaced below: without a target nothing is dialled.
        to: Target::Endpoints(Vec::new()),
        timeout_s: attributes.number("timeout", 1..=TIMEOUT_MAX_S, 13212).unwrap_or(30),
        time_limit_s: attributes.number("timeLimit", 1..=TIME_LIMIT_MAX_S, 13216).unwrap_or(14_400),
        caller_id: attributes.short("callerId", CALLER_ID_MAX, 13248),
        answer_on_bridge: attributes.flag("answerOnBridge", false, 13219),
        sequential: attributes.flag("sequential", false, 13218),
        ring_tone: ring_tone(&mut attributes),
        record,
        recording_status,
        recording_configuration,
        refer: attributes.hook("referUrl", "referMethod", 12200),
        reason: attributes.short("callReason", REASON_MAX, 32115),
        events: attributes.text("events"),
        passports: attributes.text("passports"),
    };
    let what = to.map(|to| Dial { to, ..what });
    Dialling { what, action, star, stopped: false, dialling: None }
}

fn record(attributes: &mut Attributes<'_, '_>) -> Option<DialRecord> {
    let record = attributes.choice("record", &RECORDS, None, 13217);
    let track = attributes.choice("recordingTrack", &TRACKS, Track::Both, 13622);
    let trims = [("trim-silence", true), ("do-not-trim", false)];
    let trim = attributes.choice("trim", &trims, false, 13699);
    record.map(|(from, dual)| DialRecord { from, dual, track, trim })
}

fn ring_tone(attributes: &mut Attributes<'_, '_>) -> Option<String> {
    let value = attributes.text("ringTone")?;
    if value == "automatic" {
        return None;
    }
    if !RING_TONES.split(' ').any(|known| known == value) {
        attributes.bad("ringTone", &value, 13220, "a country such as us");
        return None;
    }
    Some(value)
}

/// With whom; `None` when nobody is left who could be called.
fn target(node: Node<'_, '_>, reader: &mut Reader) -> Option<Target> {
    let (mut endpoints, mut conferences, mut queues) = (Vec::new(), Vec::new(), Vec::new());
    for child in node.children().filter(Node::is_element) {
        match child.tag_name().name() {
            "Number" => endpoints.extend(endpoint::number(child, reader)),
            "Sip" => endpoints.extend(endpoint::sip(child, reader)),
            "Client" => endpoints.extend(endpoint::client(child, reader)),
            "Application" => endpoints.extend(endpoint::application(child, reader)),
            "Conference" => conferences.extend(conference::parse(child, reader)),
            "Queue" => queues.extend(queue::parse(child, reader)),
            name @ ("Sim" | "WhatsApp") => {
                reader.warn(13215, format!("<{name}> is not served here; it is passed over"));
            }
            name => {
                let text = format!("<{name}> has no place in <Dial>; it is passed over");
                reader.warn(13215, text);
            }
        }
    }
    let text = text_of(node);
    if node.children().any(|child| child.is_element()) {
        if !text.is_empty() {
            reader.warn(12200, "text beside nouns in <Dial> is passed over");
        }
    } else if let Some(number) = endpoint::dialable(&text, reader) {
        let to = endpoint::Destination::Number { number, send_digits: None };
        endpoints.push(Endpoint { to, url: None, status: None });
    }
    one_kind(endpoints, conferences, queues, reader)
}

/// A conference or a queue stands alone; it goes before numbers.
fn one_kind(
    mut endpoints: Vec<Endpoint>,
    conferences: Vec<Conference>,
    queues: Vec<Queue>,
    reader: &mut Reader,
) -> Option<Target> {
    let nouns = endpoints.len() + conferences.len() + queues.len();
    if nouns > 1 && !(conferences.is_empty() && queues.is_empty()) {
        reader.warn(13000, "<Conference> and <Queue> stand alone in <Dial>; the first is dialled");
    }
    if let Some(conference) = conferences.into_iter().next() {
        return Some(Target::Conference(Box::new(conference)));
    }
    if let Some(queue) = queues.into_iter().next() {
        return Some(Target::Queue(queue));
    }
    if endpoints.len() > ENDPOINTS_MAX {
        let text = format!("<Dial> has more than {ENDPOINTS_MAX} nouns; the first are called");
        reader.warn(13250, text);
        endpoints.truncate(ENDPOINTS_MAX);
    }
    (!endpoints.is_empty()).then_some(Target::Endpoints(endpoints))
}

fn params(dialled: &Dialled) -> Params {
    let mut params = vec![param("DialCallStatus", dialled.status.as_str())];
    params.extend(dialled.sid.iter().map(|sid| param("DialCallSid", sid)));
    params.extend(dialled.duration_s.map(|seconds| param("DialCallDuration", seconds)));
    params.extend(dialled.bridged.map(|bridged| param("DialBridged", bridged)));
    if let Some(recording) = &dialled.recording {
        params.extend([
            param("RecordingUrl", &recording.url),
            param("RecordingSid", &recording.sid),
            param("RecordingDuration", recording.duration_s),
        ]);
    }
    params.extend(dialled.more.iter().cloned());
    params
}

impl Dialling {
    fn over(&mut self, dialled: &Dialled) -> Step {
        match self.action.take() {
            Some(action) => Step::Ask(action, params(dialled)),
            None => Step::Next,
        }
    }
}

impl Verb for Dialling {
    fn begin(&mut self, stage: &mut Stage) -> Step {
        let Some(dial) = self.what.take() else {
            let failed = Dialled {
                status: DialStatus::Failed,
                sid: None,
                duration_s: None,
                bridged: Some(false),
                recording: None,
                more: Vec::new(),
            };
            return self.over(&failed);
        };
        let late = dial.answer_on_bridge && matches!(dial.to, Target::Endpoints(_));
        if !late {
            stage.answer();
        }
        self.dialling = Some(stage.effect(|id| Output::Dial(id, Box::new(dial))));
        Step::Wait
    }

    fn take(&mut self, stage: &mut Stage, input: Input) -> Step {
        match input {
            Input::Bridged(id) if self.dialling == Some(id) => {
                stage.answered = true;
                Step::Wait
            }
            Input::Digit('*') if self.star && !self.stopped => {
                self.stopped = true;
                stage.stop(&mut self.dialling.clone());
                Step::Wait
            }
            Input::Dialled(id, dialled) if self.dialling == Some(id) => {
                stage.answered |= dialled.bridged == Some(true);
                self.over(&dialled)
            }
            _ => Step::Wait,
        }
    }

    fn interrupt(&mut self, stage: &mut Stage) {
        if !std::mem::replace(&mut self.stopped, true) {
            stage.stop(&mut self.dialling);
        }
    }

    fn hung_up(&mut self, stage: &mut Stage) -> Step {
        if !std::mem::replace(&mut self.stopped, true) {
            stage.stop(&mut self.dialling.clone());
        }
        Step::Wait
    }
}
