//! `<Sms>` and `<Message>`: a text during a call.

use roxmltree::Node;

use crate::Hook;
use crate::messaging::{self, Message};
use crate::voice::effects::{Id, Input, Output, Params};
use crate::voice::reader::Reader;
use crate::voice::stage::{Stage, Step, Verb};

/// The verb.
pub(crate) struct Sms {
    message: Message,
    action: Option<Hook>,
    sending: Option<Id>,
}

/// Reads the verb; `None` when there is nothing to be sent.
pub(crate) fn parse(node: Node<'_, '_>, reader: &mut Reader) -> Option<Sms> {
    let mut message = messaging::message(node, &mut reader.problems);
    if message.body.is_empty() && message.media.is_empty() {
        reader.warn(14103, "an empty text is not sent");
        return None;
    }
    let action = message.action.take().and_then(|url| reader.absolute(&url, "<Sms> action"));
    let action = action.map(|url| Hook { url, get: message.get });
    let callback = message.status_callback.take();
    message.status_callback =
        callback.and_then(|url| reader.absolute(&url, "<Sms> statusCallback"));
    let media = std::mem::take(&mut message.media);
    message.media = media.iter().filter_map(|url| reader.absolute(url, "<Media>")).collect();
    Some(Sms { message, action, sending: None })
}

impl Sms {
    fn sent(&mut self, stage: &mut Stage, outcome: Result<Params, u32>) -> Step {
        match outcome {
            Err(code) => {
                stage.warn(code, "a text was refused");
                Step::Next
            }
            Ok(params) => match self.action.take() {
                Some(action) => Step::Ask(action, params),
                None => Step::Next,
            },
        }
    }
}

impl Verb for Sms {
    fn begin(&mut self, stage: &mut Stage) -> Step {
        stage.answer();
        // No effect that takes time: texts alone would go out without end.
        let id = stage.id();
        self.sending = Some(id);
        stage.push(Output::Send(id, self.message.clone()));
        Step::Wait
    }

    fn take(&mut self, stage: &mut Stage, input: Input) -> Step {
        match input {
            Input::Sent(id, outcome) if self.sending == Some(id) => self.sent(stage, outcome),
            _ => Step::Wait,
        }
    }

    // What was handed over to be sent is sent.
    fn interrupt(&mut self, _stage: &mut Stage) {}

    fn hung_up(&mut self, _stage: &mut Stage) -> Step {
        if self.action.is_some() { Step::Wait } else { Step::End }
    }
}
