//! The verbs, one in a file: what its attributes mean, and how it runs.

pub(crate) mod conference;
pub(crate) mod dial;
pub(crate) mod echo;
pub(crate) mod endpoint;
pub(crate) mod enqueue;
pub(crate) mod gather;
pub(crate) mod hangup;
pub(crate) mod leave;
pub(crate) mod pause;
pub(crate) mod play;
pub(crate) mod queue;
pub(crate) mod record;
pub(crate) mod redirect;
pub(crate) mod refer;
pub(crate) mod reject;
pub(crate) mod say;
pub(crate) mod sms;

use crate::voice::prompt::{Prompt, Prompted};
use crate::voice::ssml::Speech;
use crate::voice::stage::Verb;

/// A verb among others.
pub(crate) fn boxed<V: Verb + 'static>(verb: V) -> Box<dyn Verb> {
    Box::new(verb)
}

/// What a caller hears when an application can't be had or understood.
pub(crate) fn apology() -> Box<dyn Verb> {
    let text = "Sorry, the application that runs this call has failed. Goodbye.".to_owned();
    let say = say::Say { speech: vec![Speech::Text(text)], voice: None, language: None, loops: 1 };
    Prompted::boxed(Prompt::Say(say))
}
