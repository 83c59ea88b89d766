//! What verbs act on: the outputs, the ids, the timer, and what is known of the call.

use std::collections::VecDeque;
use std::time::Duration;

use base::Instant;

use crate::voice::effects::{Id, Input, Output, Params};
use crate::voice::reader::Mode;
use crate::{Hook, Problem};

/// How a verb goes on.
#[derive(Debug)]
pub(crate) enum Step {
    /// It waits for something.
    Wait,
    /// It is over: the next verb.
    Next,
    /// It is over: the document that is asked for here replaces this one.
    Ask(Hook, Params),
    /// The call ends.
    Hangup,
    /// Nothing follows: what had to be said was said.
    End,
    /// The document can't be run on.
    Fail(u32, String),
}

/// A verb that is ready to run. It is begun once; then it takes what happens until it is over.
pub(crate) trait Verb: Send {
    /// Begins.
    fn begin(&mut self, stage: &mut Stage) -> Step;

    /// Takes one input.
    fn take(&mut self, _stage: &mut Stage, _input: Input) -> Step {
        Step::Wait
    }

    /// The timer that it set is due.
    fn due(&mut self, _stage: &mut Stage) -> Step {
        Step::Next
    }

    /// Ends what runs, because something else is to be run.
    fn interrupt(&mut self, stage: &mut Stage);

    /// The far end is gone. `Wait` means that an outcome is still to come.
    fn hung_up(&mut self, stage: &mut Stage) -> Step {
        self.interrupt(stage);
        Step::End
    }
}

/// What verbs act on.
pub(crate) struct Stage {
    pub(crate) mode: Mode,
    pub(crate) now: Instant,
    pub(crate) wake_at: Option<Instant>,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) answered: bool,
    pub(crate) hung_up: bool,
    /// Whether anything ran since the document before the current one.
    pub(crate) lively: bool,
    /// Whether anything ran since the document of the start was asked for.
    pub(crate) played: bool,
    /// An `Enqueue` that was interrupted: its action is still told how it ended.
    pub(crate) late: Option<(Id, Hook)>,
    /// The address of the current document, for problems.
    pub(crate) document: String,
    next_id: u64,
}

impl Stage {
    pub(crate) fn new(mode: Mode, answered: bool) -> Self {
        Self {
            mode,
            now: Instant::default(),
            wake_at: None,
            outputs: VecDeque::new(),
            answered,
            hung_up: false,
            lively: false,
            played: false,
            late: None,
            document: String::new(),
            next_id: 1,
        }
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Something takes its time.
    fn ran(&mut self) {
        self.lively = true;
        self.played = true;
    }

    /// A fresh id, of a fetch or of what takes no time.
    pub(crate) fn id(&mut self) -> Id {
        self.next_id += 1;
        Id(self.next_id - 1)
    }

    /// Picks up, unless that was done.
    pub(crate) fn answer(&mut self) {
        if !self.answered {
            self.answered = true;
            self.push(Output::Answer);
        }
    }

    /// Begins an effect.
    pub(crate) fn effect(&mut self, output: impl FnOnce(Id) -> Output) -> Id {
        self.ran();
        let id = self.id();
        self.push(output(id));
        id
    }

    /// Ends an effect that still runs.
    pub(crate) fn stop(&mut self, id: &mut Option<Id>) {
        if let Some(id) = id.take() {
            self.push(Output::Stop(id));
        }
    }

    /// Sets the one timer.
    pub(crate) fn wake_in_s(&mut self, seconds: u32) {
        self.ran();
        self.wake_at = Some(self.now + Duration::from_secs(u64::from(seconds)));
    }

    pub(crate) fn report(&mut self, problem: Problem) {
        let document = self.document.clone();
        self.push(Output::Problem(problem, document));
    }

    pub(crate) fn warn(&mut self, code: u32, message: impl Into<String>) {
        self.report(Problem::warning(code, message));
    }
}
