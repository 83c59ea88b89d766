//! The interpreter itself: fetches, runs verbs in turn, and ends.

use std::collections::VecDeque;
use std::time::Duration;

use base::Instant;
use machine::Machine;

use crate::voice::effects::{Id, Input, Output, Params, param};
use crate::voice::reader::Mode;
use crate::voice::stage::{Stage, Step, Verb};
use crate::voice::{IDLE_DOCUMENTS_MAX, parse, verbs};
use crate::{Fetched, Hook, Problem};

/// Seconds that the outcome of what was stopped may take after the far end is gone.
const OUTCOME_S: u32 = 30;

/// What a document did counts only when time went by: what can't be played ends at once.
const IDLE_TIME: Duration = Duration::from_secs(1);

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A document that is asked for.
    Fetch {
        /// Where it is.
        primary: Hook,
        /// Asked when it, or anything after it, fails.
        fallback: Option<Hook>,
    },
    /// A document that is given, and so has no address: everything in it must be absolute.
    Inline(String),
}

/// What is known of the leg when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// What the document is run for.
    pub mode: Mode,
    /// Whether the leg is answered; an inbound call that rings is not.
    pub answered: bool,
    /// Whether clients (soft phones) can be dialled.
    pub clients: bool,
}

/// The interpreter of one leg's documents.
pub struct Call {
    stage: Stage,
    clients: bool,
    start: Option<Hook>,
    fallback: Option<Hook>,
    /// Whether the fallback was asked, and nothing could be run since.
    failed_over: bool,
    fetching: Option<Id>,
    verbs: VecDeque<Box<dyn Verb>>,
    running: Option<Box<dyn Verb>>,
    /// Documents asked for since `counted_at`, or since one of them last did something.
    idle: u32,
    counted_at: Instant,
    closed: bool,
}

impl Call {
    /// Begins with `start` at `now`.
    pub fn new(now: Instant, start: Start, facts: Facts) -> Self {
        let mut call = Self {
            stage: Stage::new(facts.mode, facts.answered),
            clients: facts.clients,
            start: None,
            fallback: None,
            failed_over: false,
            fetching: None,
            verbs: VecDeque::new(),
            running: None,
            idle: 0,
            counted_at: now,
            closed: false,
        };
        call.stage.now = now;
        call.begin(start);
        call
    }

    fn begin(&mut self, start: Start) {
        match start {
            Start::Fetch { primary, fallback } => {
                self.fallback = fallback;
                self.failed_over = false;
                self.start = Some(primary.clone());
                self.step(Step::Ask(primary, Vec::new()));
            }
            Start::Inline(text) => {
                self.start = None;
                self.stage.document.clear();
                let read = parse::markup(&text, None, self.stage.mode, self.clients);
                self.run(read);
            }
        }
    }

    /// Asks for a document in place of the current one.
    fn fetch(&mut self, hook: Hook, params: Params) -> Result<(), Step> {
        let steady = self.stage.now.since(self.counted_at) >= IDLE_TIME;
        if std::mem::take(&mut self.stage.lively) && steady {
            self.idle = 0;
            self.counted_at = self.stage.now;
        }
        self.idle += 1;
        if self.idle > IDLE_DOCUMENTS_MAX {
            self.fallback = None;
            let text = format!("{IDLE_DOCUMENTS_MAX} documents in a row did nothing but lead on");
            return Err(Step::Fail(11215, text));
        }
        self.stage.document = hook.url.split('#').next().unwrap_or_default().to_owned();
        let id = self.stage.id();
        self.fetching = Some(id);
        self.stage.push(Output::Fetch(id, hook, params));
        Ok(())
    }

    fn take(&mut self, fetched: &Fetched) {
        self.stage.document = fetched.url.clone();
        let read = parse::answer(fetched, self.stage.mode, self.clients);
        self.run(read);
    }

    /// Runs a document that was read.
    fn run(&mut self, read: (Vec<Box<dyn Verb>>, Vec<Problem>)) {
        let (verbs, problems) = read;
        for problem in problems {
            if !problem.warning {
                self.verbs.clear();
                return self.step(Step::Fail(problem.code, problem.message));
            }
            self.stage.report(problem);
        }
        self.failed_over = false;
        self.verbs = verbs.into();
        self.step(Step::Next);
    }

    /// Goes on after a verb, until one waits or all is over.
    fn step(&mut self, mut step: Step) {
        loop {
            step = match step {
                Step::Wait => return,
                _ if self.stage.hung_up => return self.last(step),
                Step::Next => match self.verbs.pop_front() {
                    Some(verb) => match self.enter(verb) {
                        Some(next) => next,
                        None => return,
                    },
                    None => match self.ended() {
                        Some(next) => next,
                        None => return,
                    },
                },
                Step::Ask(hook, params) => {
                    self.verbs.clear();
                    match self.fetch(hook, params) {
                        Ok(()) => return,
                        Err(failed) => failed,
                    }
                }
                Step::Hangup => {
                    self.stage.answer();
                    self.stage.push(Output::Hangup);
                    return self.close();
                }
                Step::End => return self.close(),
                Step::Fail(code, message) => self.fail(code, message),
            };
        }
    }

    /// Begins a verb; `None` when it waits.
    fn enter(&mut self, mut verb: Box<dyn Verb>) -> Option<Step> {
        self.stage.wake_at = None;
        match verb.begin(&mut self.stage) {
            Step::Wait => {
                self.running = Some(verb);
                None
            }
            step => Some(step),
        }
    }

    /// The document is at its end.
    fn ended(&mut self) -> Option<Step> {
        match self.stage.mode {
            Mode::Call => return Some(Step::Hangup),
            mode if mode.repeats() && self.stage.played => {
                if let Some(start) = self.start.clone() {
                    self.stage.played = false;
                    return Some(Step::Ask(start, Vec::new()));
                }
            }
            _ => {}
        }
        self.stage.push(Output::Done);
        self.close();
        None
    }

    /// A document can't be had or run: the fallback is asked, or the end is near.
    fn fail(&mut self, code: u32, message: String) -> Step {
        self.stage.report(Problem::error(code, message));
        self.verbs.clear();
        let fallback = self.fallback.clone().filter(|_| !self.failed_over);
        if let Some(fallback) = fallback {
            self.failed_over = true;
            let document = &self.stage.document;
            let params = vec![param("ErrorCode", code), param("ErrorUrl", document)];
            return Step::Ask(fallback, params);
        }
        match self.stage.mode {
            Mode::Call => {
                self.verbs.push_back(verbs::apology());
                Step::Next
            }
            Mode::Screening => Step::Hangup,
            _ => {
                self.stage.push(Output::Done);
                Step::End
            }
        }
    }

    /// The last word after the far end is gone.
    fn last(&mut self, step: Step) {
        match step {
            Step::Ask(hook, params) => self.stage.push(Output::Callback(hook, params)),
            Step::Fail(code, message) => self.stage.report(Problem::error(code, message)),
            _ => {}
        }
        self.close();
    }

    /// Lets a verb go on, and puts it back when it still waits.
    fn drive(&mut self, act: impl FnOnce(&mut dyn Verb, &mut Stage) -> Step) {
        let Some(mut verb) = self.running.take() else { return };
        match act(verb.as_mut(), &mut self.stage) {
            Step::Wait => self.running = Some(verb),
            step => {
                self.stage.wake_at = None;
                self.step(step);
            }
        }
    }

    fn redirect(&mut self, start: Start) {
        if let Some(mut verb) = self.running.take() {
            verb.interrupt(&mut self.stage);
        }
        self.stage.wake_at = None;
        self.fetching = None;
        self.verbs.clear();
        // Whoever redirects a call does so with a reason: it is no loop.
        self.idle = 0;
        self.begin(start);
    }

    fn hang_up(&mut self) {
        self.stage.hung_up = true;
        self.fetching = None;
        self.verbs.clear();
        self.stage.wake_at = None;
        if self.running.is_none() {
            return self.close();
        }
        self.drive(|verb, stage| verb.hung_up(stage));
        if !self.closed {
            self.stage.wake_in_s(OUTCOME_S);
        }
    }

    fn close(&mut self) {
        self.closed = true;
        self.running = None;
        self.fetching = None;
        self.verbs.clear();
        self.stage.wake_at = None;
    }
}

impl Machine for Call {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Instant, input: Input) {
        self.tick(now);
        if self.closed {
            return;
        }
        match input {
            Input::HungUp if !self.stage.hung_up => self.hang_up(),
            Input::Redirected(start) if !self.stage.hung_up => self.redirect(start),
            Input::HungUp | Input::Redirected(_) => {}
            Input::Fetched(id, fetched) if self.fetching == Some(id) => {
                self.fetching = None;
                self.take(&fetched);
            }
            Input::Failed(id, code, message) if self.fetching == Some(id) => {
                self.fetching = None;
                self.step(Step::Fail(code, message));
            }
            Input::Fetched(..) | Input::Failed(..) => {}
            Input::Dequeued(id, ref dequeued)
                if self.stage.late.as_ref().is_some_and(|(late, _)| *late == id) =>
            {
                if let Some((_, action)) = self.stage.late.take() {
                    let params = verbs::enqueue::params(dequeued);
                    self.stage.push(Output::Callback(action, params));
                }
            }
            input => self.drive(|verb, stage| verb.take(stage, input)),
        }
    }

    fn tick(&mut self, now: Instant) {
        self.stage.now = now.max(self.stage.now);
        if self.closed || self.stage.wake_at.is_none_or(|at| at > now) {
            return;
        }
        self.stage.wake_at = None;
        if self.stage.hung_up {
            // Whoever owed the outcome is lost: the call must end all the same.
            let text = "what ended with the call was never told of";
            return self.step(Step::Fail(15000, text.to_owned()));
        }
        self.drive(|verb, stage| verb.due(stage));
    }

    fn poll(&mut self) -> Option<Output> {
        self.stage.outputs.pop_front()
    }

    fn wake_at(&self) -> Option<Instant> {
        self.stage.wake_at
    }

    fn is_closed(&self) -> bool {
        self.closed && self.stage.outputs.is_empty()
    }
}
