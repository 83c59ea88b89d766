//! Documents and what happens in; effects out, one a line.

mod builders;
mod dial;
mod documents;
mod gather;
mod others;
mod prompts;
mod queue;
mod record;
mod walk;

use std::time::Duration;

use base::Instant;
use machine::Machine;

use super::*;
use crate::{Fetched, Hook};

const URL: &str = "http://app/voice";

fn facts(mode: Mode, answered: bool) -> Facts {
    Facts { mode, answered, clients: false }
}

fn hook(url: &str) -> Hook {
    Hook { url: url.to_owned(), get: false }
}

fn answer(content_type: &str, body: &str) -> Fetched {
    Fetched {
        status: 200,
        content_type: Some(content_type.to_owned()),
        body: body.into(),
        url: URL.into(),
    }
}

fn response(body: &str) -> Fetched {
    answer("text/xml", &format!("<Response>{body}</Response>"))
}

fn hook_line(hook: &Hook, params: &Params) -> String {
    let method = if hook.get { "GET" } else { "POST" };
    let params: Vec<String> =
        params.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    format!("{method} {}{}", hook.url, params.concat())
}

/// A call and the ids of what runs.
struct World {
    call: Call,
    now: Instant,
    fetch: Option<Id>,
    playing: Option<Id>,
    listening: Option<Id>,
    effect: Option<Id>,
    lines: Vec<String>,
}

impl World {
    fn new(start: Start, facts: Facts) -> Self {
        let now = Instant::from_secs(1_000);
        let call = Call::new(now, start, facts);
        let mut world = Self {
            call,
            now,
            fetch: None,
            playing: None,
            listening: None,
            effect: None,
            lines: Vec::new(),
        };
        world.drain();
        world
    }

    /// Writes down what the call wants.
    fn drain(&mut self) {
        while let Some(output) = self.call.poll() {
            let line = self.line(output);
            self.lines.push(line);
        }
    }

    fn line(&mut self, output: Output) -> String {
        match output {
            Output::Fetch(id, hook, params) => {
                self.fetch = Some(id);
                format!("fetch {}", hook_line(&hook, &params))
            }
            Output::Callback(hook, params) => format!("callback {}", hook_line(&hook, &params)),
            Output::Say(id, say) => {
                self.playing = Some(id);
                let looped =
                    if say.loops == 1 { String::new() } else { format!(" x{}", say.loops) };
                format!("say {}{looped}", plain(&say.speech))
            }
            Output::Play(id, play) => {
                self.playing = Some(id);
                let looped =
                    if play.loops == 1 { String::new() } else { format!(" x{}", play.loops) };
                match play.audio {
                    Audio::Url(url) => format!("play {url}{looped}"),
                    Audio::Digits(digits) => format!("digits {digits}{looped}"),
                }
            }
            Output::Listen(id, _) => {
                self.listening = Some(id);
                "listen".to_owned()
            }
            Output::Stop(id) if self.playing == Some(id) => "stop playing".to_owned(),
            Output::Stop(id) if self.listening == Some(id) => "stop listening".to_owned(),
            Output::Stop(_) => "stop".to_owned(),
            Output::Problem(problem, _) if problem.warning => format!("warning {}", problem.code),
            Output::Problem(problem, _) => format!("error {}", problem.code),
            Output::Record(id, _) => self.effect("record", id),
            Output::Dial(id, _) => self.effect("dial", id),
            Output::Enqueue(id, queue) => self.effect(&format!("enqueue {}", queue.name), id),
            Output::Refer(id, to) => self.effect(&format!("refer {to}"), id),
            Output::Echo(id) => self.effect("echo", id),
            Output::Send(id, message) => self.effect(&format!("send {}", message.body), id),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    fn effect(&mut self, line: &str, id: Id) -> String {
        self.effect = Some(id);
        line.to_owned()
    }

    fn give(&mut self, input: Input) {
        self.call.handle(self.now, input);
        self.drain();
    }

    /// Lets time pass, from one timer to the next.
    fn wait(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while let Some(at) = self.call.wake_at().filter(|at| *at <= until) {
            self.now = at;
            self.call.tick(at);
            self.drain();
        }
        self.now = until;
    }

    /// One thing that happens, in words.
    fn happen(&mut self, words: &str) {
        let (word, rest) = words.split_once(' ').unwrap_or((words, ""));
        let fetch = self.fetch.unwrap_or(Id(0));
        let effect = self.effect.unwrap_or(Id(0));
        let playing = self.playing.unwrap_or(Id(0));
        let listening = self.listening.unwrap_or(Id(0));
        let input = match word {
            "wait" => return self.wait(rest.parse().expect("seconds")),
            "press" => {
                return rest.chars().for_each(|key| self.give(Input::Digit(key)));
            }
            "document" => Input::Fetched(fetch, response(rest)),
            "failed" => Input::Failed(fetch, rest.parse().expect("a code"), String::new()),
            "finished" => Input::Finished(playing),
            "began" => Input::Heard(listening, Heard::Began),
            "partial" => Input::Heard(
                listening,
                Heard::Partial { stable: rest.into(), unstable: "…".into(), stability: 0.5 },
            ),
            "heard" => Input::Heard(listening, Heard::Final { text: rest.into(), confidence: 0.9 }),
            "nothing" => Input::Heard(listening, Heard::Nothing),
            "bridged" => Input::Bridged(effect),
            "redirected" => Input::Redirected(Start::Fetch { primary: hook(rest), fallback: None }),
            "hangup" => Input::HungUp,
            _ => outcome(word, rest, effect),
        };
        self.give(input);
    }
}

/// How an effect ended, in words.
fn outcome(word: &str, rest: &str, id: Id) -> Input {
    let recording = || Recording { url: "http://r/1".into(), sid: "RE1".into(), duration_s: 7 };
    match word {
        "recorded" => {
            let recording = (rest != "nothing").then(recording);
            Input::Recorded(id, Recorded { recording, ending: Ending::Ended })
        }
        "dialled" => {
            let (status, bridged) = match rest {
                "completed" => (DialStatus::Completed, true),
                "busy" => (DialStatus::Busy, false),
                "canceled" => (DialStatus::Canceled, false),
                _ => (DialStatus::NoAnswer, false),
            };
            Input::Dialled(
                id,
                Dialled {
                    status,
                    sid: Some("CA1".into()),
                    duration_s: Some(9),
                    bridged: Some(bridged),
                    recording: None,
                    more: vec![("DialSipResponseCode".into(), "200".into())],
                },
            )
        }
        "dequeued" => {
            let result = match rest {
                "leave" => QueueResult::Leave,
                "redirected" => QueueResult::Redirected,
                "hangup" => QueueResult::Hangup,
                _ => QueueResult::Bridged,
            };
            Input::Dequeued(id, Dequeued { result, sid: Some("QU1".into()), time_s: Some(3) })
        }
        "referred" => Input::Referred(
            id,
            Referred { status: Some("completed".into()), response: Some(202), notified: Some(200) },
        ),
        "sent" => Input::Sent(id, Ok(vec![("MessageStatus".into(), "sent".into())])),
        "refused" => Input::Sent(id, Err(rest.parse().expect("a code"))),
        other => panic!("'{other}' does not happen"),
    }
}

/// Runs a document of a call that is answered or rings, and compares every effect after the first
/// fetch. `closed` at the end stands for a machine that is finished.
fn run(facts: Facts, document: &str, happens: &[&str]) -> Vec<String> {
    let start = Start::Fetch { primary: hook(URL), fallback: None };
    let mut world = World::new(start, facts);
    assert_eq!(world.lines, ["fetch POST http://app/voice"]);
    world.lines.clear();
    world.happen(&format!("document {document}"));
    happens.iter().for_each(|words| world.happen(words));
    if world.call.is_closed() {
        world.lines.push("closed".to_owned());
    }
    world.lines
}

/// A call that is answered: document, what happens, effects.
#[track_caller]
fn check(document: &str, happens: &[&str], effects: &[&str]) {
    let lines = run(facts(Mode::Call, true), document, happens);
    assert_eq!(lines, effects, "{document} {happens:?}");
}

/// A call that rings.
#[track_caller]
fn check_ringing(document: &str, happens: &[&str], effects: &[&str]) {
    let lines = run(facts(Mode::Call, false), document, happens);
    assert_eq!(lines, effects, "{document} {happens:?}");
}

/// The first effect of a document that is neither a fetch nor a problem.
#[track_caller]
fn first(document: &str) -> Output {
    let start = Start::Fetch { primary: hook(URL), fallback: None };
    let facts = Facts { clients: true, ..facts(Mode::Call, true) };
    let mut call = Call::new(Instant::default(), start, facts);
    while call.poll().is_some() {}
    call.handle(Instant::default(), Input::Fetched(Id(1), response(document)));
    while let Some(output) = call.poll() {
        if !matches!(output, Output::Problem(..)) {
            return output;
        }
    }
    panic!("{document} has no effect");
}

/// The codes of a document's problems.
fn codes(document: &str) -> Vec<u32> {
    let text = format!("<Response>{document}</Response>");
    let (_, problems) = parse::markup(&text, Some(URL), Mode::Call, true);
    problems.into_iter().map(|problem| problem.code).collect()
}
