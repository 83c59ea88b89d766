//! `<Refer>`: sends the far end of a SIP call elsewhere (RFC 3515).

use roxmltree::Node;

use crate::Hook;
use crate::voice::attributes::Attributes;
use crate::voice::effects::{Id, Input, Output, Referred, param};
use crate::voice::reader::{Reader, text_of};
use crate::voice::stage::{Stage, Step, Verb};
use crate::voice::verbs::endpoint::is_sip_uri;

/// The verb.
pub(crate) struct Refer {
    to: Option<String>,
    action: Option<Hook>,
    referring: Option<Id>,
}

/// Reads the verb.
pub(crate) fn parse(node: Node<'_, '_>, reader: &mut Reader) -> Refer {
    reader.only(node, &["Sip"]);
    let mut attributes = Attributes::of(node, reader);
    let action = attributes.hook("action", "method", 12200);
    drop(attributes);
    let noun = node.children().find(|child| child.tag_name().name() == "Sip");
    let to = noun.map(|noun| {
        drop(Attributes::of(noun, reader));
        text_of(noun)
    });
    let to = to.filter(|to| is_sip_uri(to));
    if to.is_none() {
        reader.warn(13243, "<Refer> needs a <Sip> with a SIP address; it is passed over");
    }
    Refer { to, action, referring: None }
}

fn params(referred: &Referred) -> Vec<(String, String)> {
    let status = referred.status.iter().map(|status| param("ReferCallStatus", status));
    let response = referred.response.map(|code| param("ReferSipResponseCode", code));
    let notified = referred.notified.map(|code| param("NotifySipResponseCode", code));
    status.chain(response).chain(notified).collect()
}

impl Verb for Refer {
    fn begin(&mut self, stage: &mut Stage) -> Step {
        let Some(to) = self.to.take() else { return Step::Next };
        stage.answer();
        self.referring = Some(stage.effect(|id| Output::Refer(id, to)));
        Step::Wait
    }

    fn take(&mut self, _stage: &mut Stage, input: Input) -> Step {
        match input {
            Input::Referred(id, referred) if self.referring == Some(id) => {
                match self.action.take() {
                    Some(action) => Step::Ask(action, params(&referred)),
                    None => Step::Next,
                }
            }
            _ => Step::Wait,
        }
    }

    fn interrupt(&mut self, stage: &mut Stage) {
        stage.stop(&mut self.referring);
    }

    // An endpoint that obeys hangs up: the outcome is what the application waits for.
    fn hung_up(&mut self, _stage: &mut Stage) -> Step {
        Step::Wait
    }
}
