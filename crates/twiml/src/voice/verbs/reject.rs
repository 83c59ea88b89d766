//! `<Reject>`: refuses a call that rings.

use roxmltree::Node;

use crate::voice::attributes::Attributes;
use crate::voice::effects::Output;
use crate::voice::reader::Reader;
use crate::voice::stage::{Stage, Step, Verb};

/// What the caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectReason {
    /// Not in service; the call's status becomes `no-answer`.
    Rejected,
    /// Busy; so does the call's status.
    Busy,
}

/// The verb.
pub(crate) struct Reject(RejectReason);

/// Reads the verb.
pub(crate) fn parse(node: Node<'_, '_>, reader: &mut Reader) -> Reject {
    reader.only(node, &[]);
    let reasons = [("rejected", RejectReason::Rejected), ("busy", RejectReason::Busy)];
    let mut attributes = Attributes::of(node, reader);
    Reject(attributes.choice("reason", &reasons, RejectReason::Rejected, 13810))
}

impl Verb for Reject {
    fn begin(&mut self, stage: &mut Stage) -> Step {
        if stage.answered {
            stage.warn(12200, "<Reject> after the answer: the call is hung up");
            return Step::Hangup;
        }
        stage.push(Output::Reject(self.0));
        Step::End
    }

    fn interrupt(&mut self, _stage: &mut Stage) {}
}
