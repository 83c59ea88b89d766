//! `<Echo>`: sends the caller's audio back, until the caller hangs up.

use roxmltree::Node;

use crate::voice::attributes::Attributes;
use crate::voice::effects::{Id, Output};
use crate::voice::reader::Reader;
use crate::voice::stage::{Stage, Step, Verb};

/// The verb.
pub(crate) struct Echo(Option<Id>);

/// Reads the verb.
pub(crate) fn parse(node: Node<'_, '_>, reader: &mut Reader) -> Echo {
    reader.childless(node);
    drop(Attributes::of(node, reader));
    Echo(None)
}

impl Verb for Echo {
    fn begin(&mut self, stage: &mut Stage) -> Step {
        stage.answer();
        self.0 = Some(stage.effect(Output::Echo));
        Step::Wait
    }

    fn interrupt(&mut self, stage: &mut Stage) {
        stage.stop(&mut self.0);
    }
}
