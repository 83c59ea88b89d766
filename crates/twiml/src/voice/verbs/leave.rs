//! `<Leave>`: out of the queue, on with what follows its `Enqueue`.

use roxmltree::Node;

use crate::voice::attributes::Attributes;
use crate::voice::effects::Output;
use crate::voice::reader::{Mode, Reader};
use crate::voice::stage::{Stage, Step, Verb};

/// The verb.
pub(crate) struct Leave;

/// Reads the verb; it means something only while waiting in a queue.
pub(crate) fn parse(node: Node<'_, '_>, reader: &mut Reader) -> Option<Leave> {
    reader.childless(node);
    drop(Attributes::of(node, reader));
    if reader.mode != Mode::QueueWait {
        reader.warn(12200, "<Leave> outside of a queue is passed over");
        return None;
    }
    Some(Leave)
}

impl Verb for Leave {
    fn begin(&mut self, stage: &mut Stage) -> Step {
        stage.push(Output::Leave);
        Step::End
    }

    fn interrupt(&mut self, _stage: &mut Stage) {}
}
