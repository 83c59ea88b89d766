//! `<Record>`: a message of the caller. Its action is asked always, but after a recording of
//! nothing.

use roxmltree::Node;

use crate::Hook;
use crate::voice::attributes::Attributes;
use crate::voice::effects::{Ending, Id, Input, Output, Recorded, param};
use crate::voice::reader::Reader;
use crate::voice::stage::{Stage, Step, Verb};
use crate::voice::status::{self, RecordingStatus};

/// Seconds of a recording at most: as long as a call may be.
const LENGTH_MAX_S: u32 = 86_400;

/// Seconds of a recording by default, and when it is transcribed.
const LENGTH_S: u32 = 3_600;
const TRANSCRIBED_S: u32 = 120;

/// What is recorded, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Seconds of silence that end it; 0 means that silence does not.
    pub silence_s: u32,
    /// Seconds at most: 2 to 86,400.
    pub max_s: u32,
    /// Whether a beep goes before it.
    pub beep: bool,
    /// Whether silence is cut off at both ends.
    pub trim: bool,
    /// Where its steps are told.
    pub status: Option<RecordingStatus>,
    /// Whether it is transcribed.
    pub transcribe: bool,
    /// Where the transcription is told.
    pub transcribe_callback: Option<String>,
    /// A stored configuration, as given.
    pub configuration: Option<String>,
}

/// The verb, and how far it is.
pub(crate) struct Recording {
    what: Record,
    finish_on: String,
    action: Option<Hook>,
    recording: Option<Id>,
    key: Option<char>,
}

/// Reads the verb.
pub(crate) fn parse(node: Node<'_, '_>, reader: &mut Reader) -> Recording {
    reader.childless(node);
    let mut attributes = Attributes::of(node, reader);
    let action = attributes.action_or_current(13610);
    let finish_on = finish_on(&mut attributes);
    let transcribe_callback = attributes.url("transcribeCallback");
    // Whoever names where it is to be told wants it.
    let transcribe = attributes.flag("transcribe", transcribe_callback.is_some(), 13614);
    let default_s = if transcribe { TRANSCRIBED_S } else { LENGTH_S };
    let max_s = attributes.number("maxLength", 2..=LENGTH_MAX_S, 13612).unwrap_or(default_s);
    if transcribe && max_s > TRANSCRIBED_S {
        let text = "<Record> maxLength is more than the 120 seconds that can be transcribed";
        attributes.reader.warn(13615, text);
    }
    let trims = [("trim-silence", true), ("do-not-trim", false)];
    let what = Record {
        silence_s: attributes.number("timeout", 0..=LENGTH_MAX_S, 13611).unwrap_or(5),
        max_s,
        beep: attributes.flag("playBeep", true, 13616),
        trim: attributes.choice("trim", &trims, true, 13699),
        status: status::recording(&mut attributes),
        transcribe: transcribe && max_s <= TRANSCRIBED_S,
        transcribe_callback,
        configuration: attributes.text("recordingConfigurationId"),
    };
    Recording { what, finish_on, action, recording: None, key: None }
}

fn finish_on(attributes: &mut Attributes<'_, '_>) -> String {
    const ANY: &str = "1234567890*#";
    let Some(value) = attributes.raw("finishOnKey") else { return ANY.to_owned() };
    let value = value.trim();
    if value.len() > ANY.len() || !value.chars().all(|key| ANY.contains(key)) {
        attributes.bad("finishOnKey", value, 13613, "some of 0-9, *, #");
        return ANY.to_owned();
    }
    value.to_owned()
}

impl Recording {
    fn recorded(&mut self, stage: &Stage, recorded: &Recorded) -> Step {
        let Some(recording) = &recorded.recording else { return Step::Next };
        let mut params = vec![
            param("RecordingUrl", &recording.url),
            param("RecordingSid", &recording.sid),
            param("RecordingDuration", recording.duration_s),
        ];
        if stage.hung_up || recorded.ending == Ending::HungUp {
            params.push(param("Digits", "hangup"));
        } else if let Some(key) = self.key {
            params.push(param("Digits", key));
        }
        match self.action.take() {
            Some(action) => Step::Ask(action, params),
            None if stage.hung_up => Step::End,
            None => Step::Fail(11100, "<Record> has no address to send to".to_owned()),
        }
    }
}

impl Verb for Recording {
    fn begin(&mut self, stage: &mut Stage) -> Step {
        stage.answer();
        let what = self.what.clone();
        self.recording = Some(stage.effect(|id| Output::Record(id, what)));
        Step::Wait
    }

    fn take(&mut self, stage: &mut Stage, input: Input) -> Step {
        match input {
            Input::Digit(key)
                if self.finish_on.contains(key) && self.key.is_none() && !stage.hung_up =>
            {
                self.key = Some(key);
                // Its facts are still to come, under the same id.
                stage.stop(&mut self.recording.clone());
                Step::Wait
            }
            Input::Recorded(id, recorded) if self.recording == Some(id) => {
                self.recorded(stage, &recorded)
            }
            _ => Step::Wait,
        }
    }

    fn interrupt(&mut self, stage: &mut Stage) {
        if self.key.is_none() {
            stage.stop(&mut self.recording);
        }
    }

    fn hung_up(&mut self, stage: &mut Stage) -> Step {
        if self.key.is_none() {
            stage.stop(&mut self.recording.clone());
        }
        Step::Wait
    }
}
