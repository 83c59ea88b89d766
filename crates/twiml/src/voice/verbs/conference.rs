//! `<Conference>` inside `<Dial>`.

use roxmltree::Node;

use crate::voice::attributes::Attributes;
use crate::voice::reader::{Reader, text_of};
use crate::voice::status::{self, RecordingStatus, StatusCallback};
use crate::voice::verbs::enqueue::{self, Wait};

/// Characters of a conference's name, and of a participant's label, at most.
const NAME_MAX: usize = 128;

/// Participants at most.
const PARTICIPANTS_MAX: u32 = 250;

/// How the caller takes part in a conference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conference {
    /// Its name within the account.
    pub name: String,
    /// Whether the caller only listens.
    pub muted: bool,
    /// When a beep is heard.
    pub beep: Beep,
    /// Whether it may start with this caller.
    pub start_on_enter: bool,
    /// Whether it ends with this caller.
    pub end_on_exit: bool,
    /// A label of the participant.
    pub label: Option<String>,
    /// Participants at most: 2 to 250.
    pub participants_max: u32,
    /// What is heard before it starts.
    pub wait: Wait,
    /// Whether it is recorded from its start.
    pub record: bool,
    /// Whether silence is cut off the recording's ends.
    pub trim: bool,
    /// Where it is mixed, as given.
    pub region: Option<String>,
    /// The jitter buffer (`large`, `medium`, `small`, `off`).
    pub jitter_buffer: &'static str,
    /// The SID of the call that this one coaches: only that one hears it.
    pub coach: Option<String>,
    /// Where its events are told.
    pub status: Option<StatusCallback<ConferenceEvent>>,
    /// Where the recording's steps are told.
    pub recording_status: Option<RecordingStatus>,
    /// The older way to be told of a recording's end; not used beside the newer one.
    pub event_callback: Option<String>,
    /// A stored configuration of the recording, as given.
    pub recording_configuration: Option<String>,
}

/// When a beep is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beep {
    /// When the participant comes and goes.
    Both,
    /// Never.
    Never,
    /// When the participant comes.
    OnEnter,
    /// When the participant goes.
    OnExit,
}

/// Events of a conference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConferenceEvent {
    /// It starts.
    Start,
    /// It ends.
    End,
    /// Somebody joins.
    Join,
    /// Somebody leaves.
    Leave,
    /// Somebody is muted or no longer so.
    Mute,
    /// Somebody is on hold or no longer so.
    Hold,
    /// A participant's settings change.
    Modify,
    /// Somebody begins or stops to speak.
    Speaker,
    /// An announcement ends or fails.
    Announcement,
}

const EVENTS: [(&str, ConferenceEvent); 9] = [
    ("start", ConferenceEvent::Start),
    ("end", ConferenceEvent::End),
    ("join", ConferenceEvent::Join),
    ("leave", ConferenceEvent::Leave),
    ("mute", ConferenceEvent::Mute),
    ("hold", ConferenceEvent::Hold),
    ("modify", ConferenceEvent::Modify),
    ("speaker", ConferenceEvent::Speaker),
    ("announcement", ConferenceEvent::Announcement),
];

const BEEPS: [(&str, Beep); 4] = [
    ("true", Beep::Both),
    ("false", Beep::Never),
    ("onEnter", Beep::OnEnter),
    ("onExit", Beep::OnExit),
];

const REGIONS: [(&str, &str); 8] = [
    ("us1", "us1"),
    ("us2", "us2"),
    ("ie1", "ie1"),
    ("sg1", "sg1"),
    ("br1", "br1"),
    ("au1", "au1"),
    ("jp1", "jp1"),
    ("de1", "de1"),
];

const BUFFERS: [(&str, &str); 4] =
    [("large", "large"), ("medium", "medium"), ("small", "small"), ("off", "off")];

/// Reads the noun.
pub(crate) fn parse(node: Node<'_, '_>, reader: &mut Reader) -> Option<Conference> {
    reader.only(node, &[]);
    let name = text_of(node);
    let mut attributes = Attributes::of(node, reader);
    let conference = Conference {
        name: name.clone(),
        muted: attributes.flag("muted", false, 13230),
        beep: attributes.choice("beep", &BEEPS, Beep::Both, 13235),
        start_on_enter: attributes.flag("startConferenceOnEnter", true, 13232),
        end_on_exit: attributes.flag("endConferenceOnExit", false, 13231),
        label: attributes.short("participantLabel", NAME_MAX, 12200),
        participants_max: attributes
            .number("maxParticipants", 2..=PARTICIPANTS_MAX, 12200)
            .unwrap_or(PARTICIPANTS_MAX),
        wait: enqueue::wait(&mut attributes, "waitMethod", 13234),
        record: attributes.choice(
            "record",
            &[("do-not-record", false), ("record-from-start", true)],
            false,
            13217,
        ),
        trim: attributes.choice(
            "trim",
            &[("trim-silence", true), ("do-not-trim", false)],
            true,
            13239,
        ),
        region: {
            let region = attributes.choice("region", &REGIONS, "", 12200);
            Some(region.to_owned()).filter(|region| !region.is_empty())
        },
        jitter_buffer: attributes.choice("jitterBufferSize", &BUFFERS, "large", 12200),
        coach: coach(&mut attributes),
        status: events(&mut attributes),
        recording_status: status::recording(&mut attributes),
        event_callback: attributes.url("eventCallbackUrl"),
        recording_configuration: attributes.text("recordingConfigurationId"),
    };
    if name.is_empty() || name.chars().count() > NAME_MAX {
        let text = format!("<Conference> needs a name of 1 to {NAME_MAX} characters");
        attributes.reader.warn(13237, text);
        return None;
    }
    Some(conference)
}

fn events(attributes: &mut Attributes<'_, '_>) -> Option<StatusCallback<ConferenceEvent>> {
    let events = attributes.list("statusCallbackEvent", &EVENTS, 12200);
    let hook = attributes.hook("statusCallback", "statusCallbackMethod", 12200)?;
    // An address alone asks for nothing (unlike the API's participants).
    Some(StatusCallback { hook, events: events? })
}

fn coach(attributes: &mut Attributes<'_, '_>) -> Option<String> {
    let value = attributes.text("coach")?;
    let digits = value.strip_prefix("CA").unwrap_or_default();
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        attributes.bad("coach", &value, 13240, "the SID of a call");
        return None;
    }
    Some(value)
}
