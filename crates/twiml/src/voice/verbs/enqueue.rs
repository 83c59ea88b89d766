//! `<Enqueue>`: puts the caller into a queue, where another document is run meanwhile.

use roxmltree::Node;

use crate::Hook;
use crate::voice::attributes::Attributes;
use crate::voice::effects::{Dequeued, Id, Input, Output, Params, QueueResult, param};
use crate::voice::reader::{Reader, text_of};
use crate::voice::stage::{Stage, Step, Verb};

/// Characters of a queue's name at most.
const NAME_MAX: usize = 64;

/// Callers in a queue at most, and in one that is made on demand.
const SIZE_MAX: u32 = 5_000;

/// A caller's place in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enqueue {
    /// The queue's name; it is made on demand.
    pub name: String,
    /// What is heard meanwhile.
    pub wait: Wait,
    /// Callers at most in a queue that is made for this; by default 100.
    pub size_max: Option<u32>,
}

/// What those who wait hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The music of the house.
    Default,
    /// Nothing.
    Silence,
    /// This document or audio, again and again.
    Hook(Hook),
}

/// The verb, and how far it is.
pub(crate) struct Enqueueing {
    what: Option<Enqueue>,
    action: Option<Hook>,
    waiting: Option<Id>,
}

/// Reads the verb.
pub(crate) fn parse(node: Node<'_, '_>, reader: &mut Reader) -> Enqueueing {
    let mut attributes = Attributes::of(node, reader);
    let action = attributes.hook("action", "method", 14201);
    let wait = wait(&mut attributes, "waitUrlMethod", 14206);
    let size_max = attributes.number("maxQueueSize", 1..=SIZE_MAX, 12200);
    let refused = attributes.raw("workflowSid").is_some() || has_task(node);
    drop(attributes);
    let name = text_of(node);
    let what = if refused {
        reader.warn(14226, "<Enqueue> of tasks into a workflow is not served here");
        None
    } else {
        reader.only(node, &[]);
        named(&name, reader, (14204, 14205), "<Enqueue>").map(|name| Enqueue {
            name,
            wait,
            size_max,
        })
    };
    Enqueueing { what, action, waiting: None }
}

fn has_task(node: Node<'_, '_>) -> bool {
    node.children().any(|child| child.tag_name().name() == "Task")
}

/// A queue's name, or a warning with the code for one too short or too long.
pub(crate) fn named(
    name: &str,
    reader: &mut Reader,
    (short, long): (u32, u32),
    what: &str,
) -> Option<String> {
    if name.is_empty() {
        reader.warn(short, format!("{what} names no queue"));
        return None;
    }
    if name.chars().count() > NAME_MAX {
        reader.warn(long, format!("{what}: a queue's name has at most {NAME_MAX} characters"));
        return None;
    }
    Some(name.to_owned())
}

/// `waitUrl` and its method.
pub(crate) fn wait(attributes: &mut Attributes<'_, '_>, method: &'static str, code: u32) -> Wait {
    let get = attributes.get(method, code);
    match attributes.raw("waitUrl").map(str::trim) {
        None => Wait::Default,
        Some("") => Wait::Silence,
        Some(url) => match attributes.reader.absolute(url, "waitUrl") {
            Some(url) => Wait::Hook(Hook { url, get }),
            None => Wait::Default,
        },
    }
}

/// What the action is told.
pub(crate) fn params(dequeued: &Dequeued) -> Params {
    let mut params = vec![param("QueueResult", dequeued.result.as_str())];
    params.extend(dequeued.sid.iter().map(|sid| param("QueueSid", sid)));
    params.extend(dequeued.time_s.map(|seconds| param("QueueTime", seconds)));
    params
}

impl Enqueueing {
    fn over(&mut self, dequeued: &Dequeued) -> Step {
        match self.action.take() {
            Some(action) => Step::Ask(action, params(dequeued)),
            None => Step::Next,
        }
    }
}

impl Verb for Enqueueing {
    fn begin(&mut self, stage: &mut Stage) -> Step {
        let Some(what) = self.what.take() else {
            return self.over(&Dequeued { result: QueueResult::Error, sid: None, time_s: None });
        };
        stage.answer();
        self.waiting = Some(stage.effect(|id| Output::Enqueue(id, what)));
        Step::Wait
    }

    fn take(&mut self, _stage: &mut Stage, input: Input) -> Step {
        match input {
            Input::Dequeued(id, dequeued) if self.waiting == Some(id) => self.over(&dequeued),
            _ => Step::Wait,
        }
    }

    // The application that queued the call is told how that ended, though another one has it now.
    fn interrupt(&mut self, stage: &mut Stage) {
        if let (Some(id), Some(action)) = (self.waiting, self.action.take()) {
            stage.late = Some((id, action));
        }
        stage.stop(&mut self.waiting);
    }

    fn hung_up(&mut self, stage: &mut Stage) -> Step {
        stage.stop(&mut self.waiting.clone());
        Step::Wait
    }
}
