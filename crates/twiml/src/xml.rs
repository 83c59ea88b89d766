//! The XML of every document. No DTD, no entities beyond XML's own, bounded depth.

use roxmltree::{Document, Node, ParsingOptions};

use crate::Problem;

/// Elements within each other at most.
const DEPTH_MAX: usize = 16;

/// Elements in a document at most.
const NODES_MAX: u32 = 4_096;

/// Parses a document and hands its `<Response>` to `read`.
pub(crate) fn response<T>(text: &str, read: impl FnOnce(Node<'_, '_>) -> T) -> Result<T, Problem> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..Default::default() };
    // The parser recurses: too deep a document is refused before it is asked.
    if depth_bound(text) > DEPTH_MAX {
        return Err(Problem::error(12100, "elements are nested too deeply"));
    }
    let document = Document::parse_with_options(text.trim_start(), options).map_err(|error| {
        Problem::error(12100, format!("the document is not well-formed XML: {error}"))
    })?;
    let root = document.root_element();
    let name = root.tag_name().name();
    if name != "Response" {
        let message = format!("the root element is <{name}>, not <Response>");
        return Err(Problem::error(12102, message));
    }
    Ok(read(root))
}

/// An upper bound of the nesting, without parsing.
fn depth_bound(text: &str) -> usize {
    let (mut depth, mut most) = (0_usize, 0_usize);
    for part in text.split('<').skip(1) {
        if part.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else if !part.starts_with(['!', '?']) {
            let tag = part.split('>').next().unwrap_or_default();
            most = most.max(depth + 1);
            depth += usize::from(!tag.ends_with('/'));
        }
    }
    most
}
