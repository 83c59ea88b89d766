//! `<Pause>`: silence. Before anything else in a call that rings, it delays the answer.

use roxmltree::Node;

use crate::voice::attributes::Attributes;
use crate::voice::reader::Reader;

/// Seconds of one pause at most: as long as a call may be.
const LENGTH_MAX_S: u32 = 86_400;

/// Reads the verb: its length in seconds.
pub(crate) fn parse(node: Node<'_, '_>, reader: &mut Reader) -> u32 {
    reader.childless(node);
    let mut attributes = Attributes::of(node, reader);
    attributes.number("length", 1..=LENGTH_MAX_S, 13910).unwrap_or(1)
}
