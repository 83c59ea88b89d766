//! `<Hangup>`: the end. A call that rings is answered before; only `Reject` refuses it.

use roxmltree::Node;

use crate::voice::attributes::Attributes;
use crate::voice::reader::Reader;
use crate::voice::stage::{Stage, Step, Verb};

/// The verb.
pub(crate) struct Hangup;

/// Reads the verb.
pub(crate) fn parse(node: Node<'_, '_>, reader: &mut Reader) -> Hangup {
    reader.only(node, &[]);
    drop(Attributes::of(node, reader));
    Hangup
}

impl Verb for Hangup {
    fn begin(&mut self, _stage: &mut Stage) -> Step {
        Step::Hangup
    }

    fn interrupt(&mut self, _stage: &mut Stage) {}
}
