//! `<Gather>`: keys and speech, with prompts that they interrupt.
//!
//! Keys count from the beginning of the first prompt; each stops it, and ends the listening. The
//! time to wait begins when the prompts end, and again with each key. A key that finishes needs
//! others before it. Speech stops a prompt only with `bargeIn`; without it, listening begins when
//! the prompts end.

use roxmltree::Node;

use crate::Hook;
use crate::voice::attributes::Attributes;
use crate::voice::effects::{Heard, Id, Input, Output, Params, param};
use crate::voice::prompt::Prompt;
use crate::voice::reader::Reader;
use crate::voice::stage::{Stage, Step, Verb};
use crate::voice::verbs::{pause, play, say};

/// Seconds without input at most.
const TIMEOUT_MAX_S: u32 = 3_600;

/// Seconds of speech at most, and by default.
const SPEECH_MAX_S: u32 = 60;

/// Seconds that an engine may take to tell what it heard.
const ENGINE_S: u32 = 10;

/// Keys gathered at most.
const DIGITS_MAX: usize = 1_000;

/// Phrases among the hints, and characters of one, at most.
const HINTS_MAX: usize = 500;
const HINT_CHARS_MAX: usize = 100;

/// How speech is listened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// BCP 47.
    pub language: String,
    /// Phrases that are likely.
    pub hints: Vec<String>,
    /// Whether profanities are masked.
    pub profanity_filter: bool,
    /// The model, as given.
    pub model: Option<String>,
    /// Whether the better variant of the model is wanted.
    pub enhanced: bool,
    /// The silence that ends what is said.
    pub silence: SpeechTimeout,
    /// Seconds of speech at most: 1 to 60.
    pub max_s: u32,
    /// Whether `Heard::Partial` is wanted.
    pub partial: bool,
}

/// The silence that ends what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeechTimeout {
    /// The engine decides.
    Auto,
    /// So many seconds.
    Seconds(u32),
}

/// The verb, and how far it is.
pub(crate) struct Gather {
    keys: bool,
    speech: Option<Listen>,
    action: Option<Hook>,
    timeout_s: u32,
    finish_on: Option<char>,
    digits_max: usize,
    barge_in: bool,
    partial: Option<Hook>,
    on_empty: bool,
    prompts: Vec<Prompt>,
    next_prompt: usize,
    /// Prompts are on: one plays, or the timer tells the end of a pause.
    prompting: bool,
    playing: Option<Id>,
    listening: Option<Id>,
    speaking: bool,
    digits: String,
    partials: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Keys,
    Speech,
}

/// Reads the verb.
pub(crate) fn parse(node: Node<'_, '_>, reader: &mut Reader) -> Gather {
    let prompts = prompts(node, reader);
    let mut attributes = Attributes::of(node, reader);
    let kinds = [("dtmf", Kind::Keys), ("speech", Kind::Speech)];
    let kinds = attributes.list("input", &kinds, 13326).unwrap_or_else(|| vec![Kind::Keys]);
    let action = attributes.action_or_current(13312);
    let timeout_s = attributes.number("timeout", 1..=TIMEOUT_MAX_S, 13313).unwrap_or(5);
    let finish_on = finish_on(&mut attributes);
    let most = DIGITS_MAX as u32;
    let digits_max = attributes.number("numDigits", 1..=u32::MAX, 13314).unwrap_or(most).min(most);
    let barge_in = attributes.flag("bargeIn", true, 13332);
    let partial = attributes.hook("partialResultCallback", "partialResultCallbackMethod", 13329);
    let on_empty = attributes.flag("actionOnEmptyResult", false, 13338);
    attributes.flag("debug", false, 12200);
    let listen = listen(&mut attributes, timeout_s, partial.is_some());
    Gather {
        keys: kinds.contains(&Kind::Keys),
        speech: kinds.contains(&Kind::Speech).then_some(listen),
        action,
        timeout_s,
        finish_on,
        digits_max: digits_max as usize,
        barge_in,
        partial,
        on_empty,
        prompts,
        next_prompt: 0,
        prompting: false,
        playing: None,
        listening: None,
        speaking: false,
        digits: String::new(),
        partials: 0,
    }
}

fn prompts(node: Node<'_, '_>, reader: &mut Reader) -> Vec<Prompt> {
    let mut prompts = Vec::new();
    for child in node.children() {
        let prompt = match child.tag_name().name() {
            "Say" => say::parse(child, reader).map(Prompt::Say),
            "Play" => play::parse(child, reader, true).map(Prompt::Play),
            "Pause" => Some(Prompt::Pause(pause::parse(child, reader))),
            name if child.is_element() => {
                let text = format!("<{name}> has no place in <Gather>; it is passed over");
                reader.warn(13320, text);
                None
            }
            _ => {
                if child.is_text() && !crate::voice::reader::blank(child) {
                    reader.warn(12200, "text inside <Gather> is passed over");
                }
                None
            }
        };
        prompts.extend(prompt);
    }
    prompts
}

fn finish_on(attributes: &mut Attributes<'_, '_>) -> Option<char> {
    let Some(value) = attributes.raw("finishOnKey") else { return Some('#') };
    let mut keys = value.trim().chars();
    match (keys.next(), keys.next()) {
        (None, _) => None,
        (Some(key), None) if "0123456789*#".contains(key) => Some(key),
        _ => {
            attributes.bad("finishOnKey", value, 13310, "one of 0-9, *, # or nothing");
            Some('#')
        }
    }
}

fn listen(attributes: &mut Attributes<'_, '_>, timeout_s: u32, partial: bool) -> Listen {
    let model = attributes.short("speechModel", 64, 13334);
    let silence = match attributes.text("speechTimeout").as_deref() {
        Some("auto") => {
            if model.is_some() {
                let text = "<Gather> speechTimeout 'auto' does not go with a speechModel";
                attributes.reader.warn(13335, text);
            }
            SpeechTimeout::Auto
        }
        _ => {
            let seconds = attributes.number("speechTimeout", 1..=SPEECH_MAX_S, 13327);
            SpeechTimeout::Seconds(seconds.unwrap_or(timeout_s))
        }
    };
    let max_s = attributes.number("maxSpeechTime", 1..=SPEECH_MAX_S, 13328);
    Listen {
        language: attributes.language("language", 13331).unwrap_or_else(|| "en-US".to_owned()),
        hints: hints(attributes),
        profanity_filter: attributes.flag("profanityFilter", true, 13333),
        model,
        enhanced: attributes.flag("enhanced", false, 12200),
        silence,
        max_s: max_s.unwrap_or(SPEECH_MAX_S),
        partial,
    }
}

fn hints(attributes: &mut Attributes<'_, '_>) -> Vec<String> {
    let Some(value) = attributes.text("hints") else { return Vec::new() };
    let phrases = value.split(',').map(str::trim).filter(|phrase| !phrase.is_empty());
    let mut hints: Vec<String> = phrases.map(str::to_owned).collect();
    let given = hints.len();
    hints.retain(|phrase| phrase.chars().count() <= HINT_CHARS_MAX);
    hints.truncate(HINTS_MAX);
    if hints.len() < given {
        attributes.bad("hints", &value, 13330, "up to 500 phrases of up to 100 characters");
    }
    hints
}

impl Gather {
    /// The next prompt, or the wait for input.
    fn go_on(&mut self, stage: &mut Stage) -> Step {
        stage.wake_at = None;
        match self.prompts.get(self.next_prompt) {
            Some(prompt) => {
                self.next_prompt += 1;
                self.prompting = true;
                self.playing = prompt.start(stage);
            }
            None => self.open(stage),
        }
        Step::Wait
    }

    /// The prompts are over: the time to wait begins.
    fn open(&mut self, stage: &mut Stage) {
        self.prompting = false;
        self.next_prompt = self.prompts.len();
        self.listen(stage);
        stage.wake_in_s(self.timeout_s);
    }

    fn listen(&mut self, stage: &mut Stage) {
        if let (None, Some(listen)) = (self.listening, &self.speech) {
            self.listening = Some(stage.effect(|id| Output::Listen(id, listen.clone())));
        }
    }

    fn stop_prompts(&mut self, stage: &mut Stage) {
        stage.stop(&mut self.playing);
        self.prompting = false;
        self.next_prompt = self.prompts.len();
    }

    fn pressed(&mut self, stage: &mut Stage, key: char) -> Step {
        if !self.keys || !"0123456789*#ABCD".contains(key) {
            return Step::Wait;
        }
        if self.finish_on == Some(key) {
            if self.digits.is_empty() {
                return Step::Wait;
            }
            return self.submit(stage, Some(key));
        }
        self.stop_prompts(stage);
        stage.stop(&mut self.listening);
        self.digits.push(key);
        if self.digits.len() >= self.digits_max {
            return self.submit(stage, None);
        }
        stage.wake_in_s(self.timeout_s);
        Step::Wait
    }

    fn heard(&mut self, stage: &mut Stage, heard: Heard) -> Step {
        match heard {
            Heard::Began => self.began(stage),
            Heard::Partial { stable, unstable, stability } => {
                self.began(stage);
                if let (Some(hook), Some(listen)) = (&self.partial, &self.speech) {
                    let params = vec![
                        param("UnstableSpeechResult", unstable),
                        param("StableSpeechResult", stable),
                        param("Stability", fraction(stability)),
                        param("SequenceNumber", self.partials),
                        param("Language", &listen.language),
                    ];
                    self.partials += 1;
                    stage.push(Output::Callback(hook.clone(), params));
                }
            }
            Heard::Final { text, confidence } => {
                self.listening = None;
                if text.trim().is_empty() {
                    return self.not_understood(stage);
                }
                let language = self.speech.as_ref().map(|listen| listen.language.clone());
                let params = vec![
                    param("SpeechResult", text),
                    param("Confidence", fraction(confidence)),
                    param("Language", language.unwrap_or_default()),
                ];
                return self.act(stage, params);
            }
            Heard::Nothing => {
                self.listening = None;
                return self.not_understood(stage);
            }
        }
        Step::Wait
    }

    /// The caller speaks: from now on the engine tells the end.
    fn began(&mut self, stage: &mut Stage) {
        if !self.speaking {
            self.speaking = true;
            self.stop_prompts(stage);
            let max_s = self.speech.as_ref().map_or(SPEECH_MAX_S, |listen| listen.max_s);
            stage.wake_in_s(max_s + ENGINE_S);
        }
    }

    /// The engine gave up. Prompts are heard out, and the caller has another chance after them.
    fn not_understood(&mut self, stage: &mut Stage) -> Step {
        let spoke = std::mem::take(&mut self.speaking);
        if spoke { self.empty(stage) } else { Step::Wait }
    }

    fn empty(&mut self, stage: &mut Stage) -> Step {
        if !self.on_empty {
            self.interrupt(stage);
            return Step::Next;
        }
        let mut params = Vec::new();
        if self.keys {
            params.extend([param("msg", "Gather End"), param("Digits", "")]);
        }
        if self.speech.is_some() {
            params.push(param("SpeechResult", ""));
        }
        self.act(stage, params)
    }

    fn submit(&mut self, stage: &mut Stage, key: Option<char>) -> Step {
        let params = vec![
            param("msg", "Gather End"),
            param("Digits", &self.digits),
            param("FinishedOnKey", key.map(String::from).unwrap_or_default()),
        ];
        self.act(stage, params)
    }

    fn act(&mut self, stage: &mut Stage, params: Params) -> Step {
        self.interrupt(stage);
        match self.action.take() {
            Some(action) => Step::Ask(action, params),
            None => Step::Fail(11100, "<Gather> has input and no address to send it to".to_owned()),
        }
    }
}

/// From 0 to 1, in few digits.
fn fraction(value: f32) -> String {
    let value = if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 };
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0');
    if text.ends_with('.') { format!("{text}0") } else { text.to_owned() }
}

impl Verb for Gather {
    fn begin(&mut self, stage: &mut Stage) -> Step {
        stage.answer();
        if self.barge_in {
            self.listen(stage);
        }
        self.go_on(stage)
    }

    fn take(&mut self, stage: &mut Stage, input: Input) -> Step {
        match input {
            Input::Digit(key) => self.pressed(stage, key),
            Input::Heard(id, heard) if self.listening == Some(id) => self.heard(stage, heard),
            Input::Finished(id) if self.playing == Some(id) => {
                self.playing = None;
                self.go_on(stage)
            }
            _ => Step::Wait,
        }
    }

    fn due(&mut self, stage: &mut Stage) -> Step {
        if self.prompting {
            return self.go_on(stage);
        }
        if self.digits.is_empty() { self.empty(stage) } else { self.submit(stage, None) }
    }

    fn interrupt(&mut self, stage: &mut Stage) {
        stage.stop(&mut self.playing);
        stage.stop(&mut self.listening);
    }

    // Keys that were pressed are not lost with the caller.
    fn hung_up(&mut self, stage: &mut Stage) -> Step {
        self.interrupt(stage);
        if self.digits.is_empty() || self.action.is_none() {
            return Step::End;
        }
        self.submit(stage, None)
    }
}
