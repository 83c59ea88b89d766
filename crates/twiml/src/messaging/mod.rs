//! The interpreter of messaging documents: a machine that fetches, replies and reports.
//!
//! It begins by asking the primary address. When that fails (no answer, a status other than 2xx, a
//! content type or document that can't be read), the fallback address is asked once with
//! `ErrorCode` and `ErrorUrl`. Verbs run in order; `Redirect` replaces what remains.

use std::collections::VecDeque;

use base::Instant;
use machine::Machine;
use url::Url;

mod parse;

use crate::{Fetched, Problem};

pub use crate::Hook;
pub(crate) use parse::message;
pub use parse::read_answer;

/// Documents fetched for one inbound message at most.
pub const DOCUMENTS_MAX: u32 = 10;

/// Replies in one document at most.
pub const MESSAGES_MAX: usize = 10;

/// Characters of a reply at most.
pub const BODY_MAX: usize = 1_600;

/// Media files of a reply at most.
pub const MEDIA_MAX: usize = 10;

/// What a document may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Send a text.
    Message(Message),
    /// Go on with another document.
    Redirect(Redirect),
}

/// A text to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// To whom; by default whoever wrote.
    pub to: Option<String>,
    /// From which sender; by default the number that was written to.
    pub from: Option<String>,
    /// The text.
    pub body: String,
    /// Addresses of media.
    pub media: Vec<String>,
    /// Asked for another document once the text was handed in.
    pub action: Option<String>,
    /// Whether `action` is asked by GET.
    pub get: bool,
    /// Where status changes are told.
    pub status_callback: Option<String>,
}

impl Message {
    /// A reply of plain text.
    pub fn of_text(body: String) -> Self {
        Self { body, ..Self::default() }
    }
}

/// Another document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Where it is.
    pub url: String,
    /// Whether it is asked by GET.
    pub get: bool,
}

/// What the interpreter is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// The answer to a `Fetch`.
    Fetched(Fetched),
    /// A `Fetch` got no answer, for the reason with this code.
    Failed(u32, String),
    /// What became of a `Send`: parameters for its `action`, or the code of a refusal.
    Sent(Result<Vec<(String, String)>, u32>),
}

/// What the interpreter wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Ask for a document, with these parameters beside the message's own.
    Fetch(Hook, Vec<(String, String)>),
    /// Send a reply; say `Sent` when it was handed in.
    Send(Message),
    /// Something is wrong: raise an alert.
    Problem(Problem, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fetching,
    Sending,
    Closed,
}

/// The interpreter of the answer to one inbound message.
pub struct Reply {
    state: State,
    fallback: Option<Hook>,
    current: String,
    fetched: u32,
    verbs: VecDeque<Verb>,
    sending: Option<Message>,
    outputs: VecDeque<Output>,
}

impl Reply {
    /// Begins by asking `primary`.
    pub fn new(primary: Hook, fallback: Option<Hook>) -> Self {
        let mut reply = Self {
            state: State::Fetching,
            fallback,
            current: String::new(),
            fetched: 0,
            verbs: VecDeque::new(),
            sending: None,
            outputs: VecDeque::new(),
        };
        reply.fetch(primary, Vec::new());
        reply
    }

    fn fetch(&mut self, hook: Hook, params: Vec<(String, String)>) {
        if self.fetched >= DOCUMENTS_MAX {
            let text = format!("more than {DOCUMENTS_MAX} documents were asked for one message");
            return self.fail(14106, text);
        }
        self.fetched += 1;
        self.state = State::Fetching;
        self.current = hook.url.split('#').next().unwrap_or_default().to_owned();
        self.outputs.push_back(Output::Fetch(hook, params));
    }

    /// A document can't be used: the fallback is asked, once.
    fn fail(&mut self, code: u32, message: String) {
        self.report(Problem::error(code, message));
        self.verbs.clear();
        let Some(fallback) = self.fallback.take() else {
            self.state = State::Closed;
            return;
        };
        let params = vec![
            ("ErrorCode".to_owned(), code.to_string()),
            ("ErrorUrl".to_owned(), self.current.clone()),
        ];
        self.fetch(fallback, params);
    }

    fn report(&mut self, problem: Problem) {
        self.outputs.push_back(Output::Problem(problem, self.current.clone()));
    }

    fn take(&mut self, fetched: &Fetched) {
        self.current = fetched.url.clone();
        let (verbs, problems) = read_answer(fetched);
        if let Some(error) = problems.iter().find(|problem| !problem.warning) {
            return self.fail(error.code, error.message.clone());
        }
        problems.into_iter().for_each(|problem| self.report(problem));
        let messages = verbs.iter().filter(|verb| matches!(verb, Verb::Message(_))).count();
        if messages > MESSAGES_MAX {
            let text = format!("a document has {messages} messages; {MESSAGES_MAX} are allowed");
            return self.fail(14109, text);
        }
        self.verbs = verbs.into();
        self.step();
    }

    /// Runs verbs until one has to wait.
    fn step(&mut self) {
        loop {
            match self.verbs.pop_front() {
                None => {
                    self.state = State::Closed;
                    return;
                }
                Some(Verb::Redirect(redirect)) => {
                    self.verbs.clear();
                    let Some(url) = self.absolute(&redirect.url) else {
                        return self.fail(11100, format!("<Redirect> to '{}'", redirect.url));
                    };
                    return self.fetch(Hook { url, get: redirect.get }, Vec::new());
                }
                Some(Verb::Message(message)) => {
                    if let Some(message) = self.checked(message) {
                        self.state = State::Sending;
                        self.sending = Some(message.clone());
                        self.outputs.push_back(Output::Send(message));
                        return;
                    }
                }
            }
        }
    }

    /// A reply with absolute addresses, or a problem.
    fn checked(&mut self, mut message: Message) -> Option<Message> {
        if message.body.is_empty() && message.media.is_empty() {
            self.report(Problem::warning(14103, "an empty <Message> is not sent"));
            return None;
        }
        if message.body.chars().count() > BODY_MAX {
            self.report(Problem::warning(14103, "a reply is longer than 1600 characters"));
            return None;
        }
        if message.media.len() > MEDIA_MAX {
            self.report(Problem::warning(14103, "a reply has more than 10 media files"));
            return None;
        }
        let media: Option<Vec<String>> =
            message.media.iter().map(|url| self.absolute(url)).collect();
        let Some(media) = media else {
            self.report(Problem::warning(14103, "a <Media> is not a usable address"));
            return None;
        };
        message.media = media;
        if let Some(url) = message.status_callback.take() {
            message.status_callback = self.absolute(&url);
            if message.status_callback.is_none() {
                self.report(Problem::warning(14105, "statusCallback is not a usable address"));
            }
        }
        Some(message)
    }

    fn sent(&mut self, outcome: Result<Vec<(String, String)>, u32>) {
        let Some(message) = self.sending.take() else { return };
        match outcome {
            Err(code) => {
                self.report(Problem::warning(code, "a reply was refused"));
                self.step();
            }
            Ok(params) => match message.action.map(|action| self.absolute(&action)) {
                None => self.step(),
                Some(None) => {
                    self.report(Problem::warning(11100, "action is not a usable address"));
                    self.step();
                }
                // The document that `action` answers replaces what remains of this one.
                Some(Some(url)) => {
                    self.verbs.clear();
                    self.fetch(Hook { url, get: message.get }, params);
                }
            },
        }
    }

    fn absolute(&self, url: &str) -> Option<String> {
        let base = Url::parse(&self.current).ok()?;
        let joined = base.join(url).ok()?;
        matches!(joined.scheme(), "http" | "https").then(|| joined.to_string())
    }
}

impl Machine for Reply {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, _now: Instant, input: Input) {
        match (self.state, input) {
            (State::Fetching, Input::Fetched(fetched)) => self.take(&fetched),
            (State::Fetching, Input::Failed(code, message)) => self.fail(code, message),
            (State::Sending, Input::Sent(outcome)) => self.sent(outcome),
            _ => {}
        }
    }

    fn tick(&mut self, _now: Instant) {}

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn wake_at(&self) -> Option<Instant> {
        None
    }

    fn is_closed(&self) -> bool {
        self.state == State::Closed && self.outputs.is_empty()
    }
}

#[cfg(test)]
mod tests;
