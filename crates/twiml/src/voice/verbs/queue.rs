//! `<Queue>` inside `<Dial>`: connects with whoever waits longest.

use roxmltree::Node;

use crate::Hook;
use crate::voice::attributes::Attributes;
use crate::voice::reader::{Reader, text_of};
use crate::voice::verbs::enqueue::named;

/// A queue that is dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// A document for whoever waited, run before the two are connected.
    pub url: Option<Hook>,
}

/// Reads the noun.
pub(crate) fn parse(node: Node<'_, '_>, reader: &mut Reader) -> Option<Queue> {
    reader.only(node, &[]);
    let name = text_of(node);
    let mut attributes = Attributes::of(node, reader);
    let url = attributes.hook("url", "method", 14210);
    attributes.refuse(&["reservationSid", "postWorkActivitySid"], "tasks are not served here");
    let name = named(&name, attributes.reader, (14212, 14213), "<Queue>")?;
    Some(Queue { name, url })
}
