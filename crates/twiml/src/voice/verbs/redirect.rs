//! `<Redirect>`: goes on with another document.

use roxmltree::Node;

use crate::Hook;
use crate::voice::attributes::Attributes;
use crate::voice::reader::{Reader, text_of};
use crate::voice::stage::{Stage, Step, Verb};

/// The verb.
pub(crate) struct Redirect {
    to: Option<Hook>,
    written: String,
}

/// Reads the verb. An empty address is the document itself.
pub(crate) fn parse(node: Node<'_, '_>, reader: &mut Reader) -> Redirect {
    reader.only(node, &[]);
    let written = text_of(node);
    let mut attributes = Attributes::of(node, reader);
    let get = attributes.get("method", 13710);
    let url = attributes.reader.absolute(&written, "<Redirect>");
    Redirect { to: url.map(|url| Hook { url, get }), written }
}

impl Verb for Redirect {
    fn begin(&mut self, _stage: &mut Stage) -> Step {
        match self.to.take() {
            Some(to) => Step::Ask(to, Vec::new()),
            None => Step::Fail(11100, format!("<Redirect> to '{}'", self.written)),
        }
    }

    fn interrupt(&mut self, _stage: &mut Stage) {}
}
