//! A participant that is called: a call whose document dials the conference.

use std::sync::Arc;

use ::store::{StoreError, Tx};
use base::{ApiError, Params, code};

use crate::accounts::{Kind, store_error};
use crate::gateway::{ApiResult, Call, Response};
use crate::voice::api::calls::{
    UNSERVED, callback_of, given, hook_of, record_plan, refuse, seconds, sip_auth,
};
use crate::voice::api::conferences::{BAD_URL, WRONG_STATE};
use crate::voice::api::participants::{coached, flag};
use crate::voice::api::view;
use crate::voice::conferences::{self, Callback, Conference, Seated, Status};
use crate::voice::edge::Told;
use crate::voice::engine::Participant;
use crate::voice::model::{Direction, Plan};
use crate::voice::rules;
use crate::voice::store::conferences as sql;
use crate::voice::work::Draft;
use crate::voice::{Voice, escaped};

/// Characters of a conference's name, and of a label, at most.
const NAME_MAX: usize = 128;

/// Seconds that a participant rings when nobody says otherwise.
const TIMEOUT_S: u32 = 60;

/// Words that a parameter takes, and which it is when it is not given.
const WORDS: [(&str, &str, &[&str]); 5] = [
    ("Beep", "beep", &["true", "false", "onEnter", "onExit"]),
    ("ConferenceRecord", "record", &["true", "false", "record-from-start", "do-not-record"]),
    ("ConferenceTrim", "trim", &["trim-silence", "do-not-trim"]),
    ("Region", "region", &["us1", "us2", "ie1", "sg1", "br1", "au1", "jp1", "de1"]),
    ("JitterBufferSize", "jitterBufferSize", &["large", "medium", "small", "off"]),
];

pub(super) async fn create(voice: Arc<Voice>, call: Call) -> ApiResult {
    if call.caller.is_test() {
        return Err(ApiError::test_credentials());
    }
    let form = &call.request.form;
    let to = rules::callee(form.get("To").unwrap_or_default())?;
    let from = given(form, "CallerId").or(form.get("From")).unwrap_or_default();
    let from = rules::caller(from, &to)?;
    refuse(form, UNSERVED)?;
    refuse(form, &["AmdStatusCallback", "AmdStatusCallbackMethod"])?;
    // Participants come in when they answer: nothing is heard of them before.
    flag(form, "EarlyMedia")?;
    let attributes = attributes(form)?;
    let record = match flag(form, "Record")? {
        Some(true) => Some(record_plan(form, "trim-silence")?),
        _ => None,
    };
    let mut plan = Plan {
        timeout_s: seconds(form, "Timeout", rules::TIMEOUT_MAX_S)?.unwrap_or(TIMEOUT_S),
        time_limit_s: seconds(form, "TimeLimit", rules::TIME_LIMIT_MAX_S)?,
        record,
        sip_auth: sip_auth(form)?,
        caller_name: given(form, "CallerDisplayName").map(str::to_owned),
        reason: given(form, "CallReason").map(|text| text.chars().take(50).collect()),
        label: label(form)?,
        ..Plan::default()
    };
    let callback = callback_of(form)?;
    let participant = participant_of(form)?;
    let conference = promised(&voice, &call).await?;
    plan.conference = Some(conference.sid);
    plan.twiml = Some(document(&conference.name, &attributes));
    let draft = Draft {
        account: call.caller.account_sid(),
        trial: call.caller.account.kind == Kind::Trial,
        direction: Direction::OutboundApi,
        parent: None,
        from,
        passes_caller: false,
        to,
        plan,
        callback,
    };
    let record = match voice.call(draft).await {
        Ok(record) => record,
        Err(error) => {
            let unpromised = Told::Unpromised(conference.account, conference.sid);
            voice.desk().tell(unpromised);
            return Err(error);
        }
    };
    let at = record.created_at;
    let participant = Participant { call: record.key.sid, ..participant };
    let seated = Seated { participant, created_at: at, updated_at: at };
    Ok(Response::created(&view::participant(&conference, &seated, record.status.name())))
}

/// The conference of the path: by its SID if it is not over, or by a name, under which one is made
/// where there is none.
async fn promised(voice: &Voice, call: &Call) -> Result<Conference, ApiError> {
    let (account, name) =
        (call.caller.account_sid(), call.request.segment("ConferenceSid").to_owned());
    if name.is_empty() || name.chars().count() > NAME_MAX {
        let text = format!("A conference's name has 1 to {NAME_MAX} characters");
        return Err(ApiError::new(code::BAD_REQUEST, text));
    }
    let node = Arc::clone(&voice.shared().context.node);
    let callback = conference_callback(&call.request.form)?;
    let unit = move |tx: &mut Tx<'_>| match name.parse() {
        Ok(sid) => sql::find(tx, account, sid),
        Err(_) => conferences::promise(tx, &node, account, &name, callback.as_ref()).map(Some),
    };
    let found = voice.shared().store.write::<_, StoreError, _>(unit).await;
    let found = found.map_err(store_error)?.ok_or_else(|| call.request.not_found())?;
    if found.status == Status::Completed {
        let text = format!("Conference {} has ended", found.sid);
        return Err(ApiError::new(WRONG_STATE, text));
    }
    Ok(found)
}

/// Where a conference is told of that is made for its first participant.
fn conference_callback(form: &Params) -> Result<Option<Callback>, ApiError> {
    let (url, method) = ("ConferenceStatusCallback", "ConferenceStatusCallbackMethod");
    let Some(hook) = hook_of(form, url, method, BAD_URL)? else { return Ok(None) };
    let named = form.get_all("ConferenceStatusCallbackEvent").flat_map(str::split_whitespace);
    let mut events: Vec<String> = named.map(str::to_owned).collect();
    if events.is_empty() {
        events = ["start", "end"].map(str::to_owned).to_vec();
    }
    Ok(Some(Callback { hook, events }))
}

fn participant_of(form: &Params) -> Result<Participant, ApiError> {
    Ok(Participant {
        // Replaced by the call's own.
        call: base::Sid::from_bytes([0; 16]),
        label: label(form)?,
        muted: flag(form, "Muted")?.unwrap_or(false),
        hold: false,
        coaches: coached(form)?,
        start_on_enter: flag(form, "StartConferenceOnEnter")?.unwrap_or(true),
        end_on_exit: flag(form, "EndConferenceOnExit")?.unwrap_or(false),
    })
}

fn label(form: &Params) -> Result<Option<String>, ApiError> {
    let label = given(form, "Label");
    if label.is_some_and(|label| label.chars().count() > NAME_MAX || label.starts_with("CA")) {
        let text = format!("Label has up to {NAME_MAX} characters and does not begin with CA");
        return Err(ApiError::new(code::BAD_REQUEST, text));
    }
    Ok(label.map(str::to_owned))
}

type Attributes = Vec<(&'static str, String)>;

/// What the document says of the participant and its conference.
fn attributes(form: &Params) -> Result<Attributes, ApiError> {
    let mut attributes = Attributes::new();
    for (name, attribute) in [
        ("Muted", "muted"),
        ("StartConferenceOnEnter", "startConferenceOnEnter"),
        ("EndConferenceOnExit", "endConferenceOnExit"),
    ] {
        attributes.extend(flag(form, name)?.map(|flag| (attribute, flag.to_string())));
    }
    for (name, attribute, words) in WORDS {
        let Some(word) = given(form, name) else { continue };
        if !words.contains(&word) {
            let text = format!("{name} must be one of {}", words.join(", "));
            return Err(ApiError::new(code::BAD_REQUEST, text));
        }
        let word = match (name, word) {
            ("ConferenceRecord", "true") => "record-from-start",
            ("ConferenceRecord", "false") => "do-not-record",
            (_, word) => word,
        };
        attributes.push((attribute, word.to_owned()));
    }
    attributes.extend(label(form)?.map(|label| ("participantLabel", label)));
    attributes.extend(coached(form)?.map(|call| ("coach", call.to_string())));
    if let Some(text) = given(form, "MaxParticipants") {
        let fits = text.parse::<u32>().is_ok_and(|most| (2..=250).contains(&most));
        if !fits {
            let text = "MaxParticipants must be a number from 2 to 250";
            return Err(ApiError::new(code::BAD_REQUEST, text));
        }
        attributes.push(("maxParticipants", text.to_owned()));
    }
    // An empty address means silence.
    if form.get("WaitUrl") == Some("") {
        attributes.push(("waitUrl", String::new()));
    }
    hooks(form, &mut attributes)?;
    Ok(attributes)
}

/// Addresses: parameter, its method, attribute, its method, events and what they are by default.
fn hooks(form: &Params, attributes: &mut Attributes) -> Result<(), ApiError> {
    const HOOKS: [[&str; 4]; 3] = [
        ["WaitUrl", "WaitMethod", "", ""],
        [
            "ConferenceStatusCallback",
            "ConferenceStatusCallbackMethod",
            "ConferenceStatusCallbackEvent",
            "start end",
        ],
        [
            "ConferenceRecordingStatusCallback",
            "ConferenceRecordingStatusCallbackMethod",
            "ConferenceRecordingStatusCallbackEvent",
            "completed",
        ],
    ];
    const ATTRIBUTES: [[&str; 3]; 3] = [
        ["waitUrl", "waitMethod", ""],
        ["statusCallback", "statusCallbackMethod", "statusCallbackEvent"],
        [
            "recordingStatusCallback",
            "recordingStatusCallbackMethod",
            "recordingStatusCallbackEvent",
        ],
    ];
    let hooks = HOOKS.into_iter().zip(ATTRIBUTES);
    for ([url, method, parameter, events], [to, to_method, to_events]) in hooks {
        let Some(hook) = hook_of(form, url, method, BAD_URL)? else { continue };
        attributes.push((to, hook.url));
        attributes.push((to_method, if hook.get { "GET" } else { "POST" }.to_owned()));
        if to_events.is_empty() {
            continue;
        }
        let asked: Vec<&str> = form.get_all(parameter).collect();
        let asked = if asked.is_empty() { events.to_owned() } else { asked.join(" ") };
        attributes.push((to_events, asked));
    }
    Ok(())
}

/// The document that a participant's call runs.
fn document(name: &str, attributes: &Attributes) -> String {
    let attributes: String =
        attributes.iter().map(|(name, value)| format!(" {name}=\"{}\"", escaped(value))).collect();
    let name = escaped(name);
    format!("<Response><Dial><Conference{attributes}>{name}</Conference></Dial></Response>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_participants_document_says_what_was_asked_for() {
        let form: Params = [
            ("Muted", "true"),
            ("ConferenceRecord", "true"),
            ("Label", "a \"b\" <c>"),
            ("WaitUrl", ""),
            ("ConferenceStatusCallback", "https://example.com/?a=1&b=2"),
        ]
        .into_iter()
        .collect();
        let attributes = attributes(&form).expect("good parameters");
        assert_eq!(
            document("R&D", &attributes),
            "<Response><Dial><Conference muted=\"true\" record=\"record-from-start\" \
             participantLabel=\"a &quot;b&quot; &lt;c&gt;\" waitUrl=\"\" \
             statusCallback=\"https://example.com/?a=1&amp;b=2\" statusCallbackMethod=\"POST\" \
             statusCallbackEvent=\"start end\">R&amp;D</Conference></Dial></Response>"
        );
    }

    #[test]
    fn bad_parameters_are_refused() {
        for (name, value) in [
            ("Muted", "perhaps"),
            ("Beep", "loud"),
            ("MaxParticipants", "1"),
            ("Coaching", "true"),
            ("CallSidToCoach", "CA1"),
            ("WaitUrl", "nowhere"),
        ] {
            let form: Params = [(name, value)].into_iter().collect();
            assert!(attributes(&form).is_err(), "{name}={value}");
        }
    }
}
