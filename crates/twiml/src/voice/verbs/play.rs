//! `<Play>`: audio from an address, or digits.

use roxmltree::Node;

use crate::voice::attributes::Attributes;
use crate::voice::reader::{Reader, text_of};
use crate::voice::verbs::say::loops;

/// Digits in one `Play` at most.
const DIGITS_MAX: usize = 256;

/// Something to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Play {
    /// What.
    pub audio: Audio,
    /// How often: 1 to 1,000.
    pub loops: u32,
}

/// What is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audio {
    /// A file, asked for by GET, without a call's parameters.
    Url(String),
    /// DTMF: `0-9 A-D * #`, `w` for half a second of silence, `W` for a whole one.
    Digits(String),
}

impl Play {
    /// Audio that is played once.
    pub(crate) fn of_url(url: String) -> Self {
        Self { audio: Audio::Url(url), loops: 1 }
    }
}

/// Reads the verb; `None` when there is nothing that can be played.
pub(crate) fn parse(node: Node<'_, '_>, reader: &mut Reader, nested: bool) -> Option<Play> {
    reader.only(node, &[]);
    let url = text_of(node);
    let mut attributes = Attributes::of(node, reader);
    let loops = loops(&mut attributes, 13410);
    let digits = match nested {
        true => {
            attributes.refuse(&["digits"], "not inside <Gather>");
            None
        }
        false => digits(&mut attributes, "digits", 13430),
    };
    if let Some(digits) = digits {
        if !url.is_empty() {
            attributes.reader.warn(12200, "<Play> has digits and an address; digits are played");
        }
        return Some(Play { audio: Audio::Digits(digits), loops });
    }
    if url.is_empty() {
        attributes.reader.warn(11100, "<Play> has no address; it is passed over");
        return None;
    }
    let url = attributes.reader.absolute(&url, "<Play>")?;
    Some(Play { audio: Audio::Url(url), loops })
}

/// DTMF in an attribute.
pub(crate) fn digits(
    attributes: &mut Attributes<'_, '_>,
    name: &'static str,
    code: u32,
) -> Option<String> {
    let value = attributes.text(name)?;
    let fine = value.chars().all(|key| "0123456789ABCD*#wW".contains(key));
    if !fine || value.len() > DIGITS_MAX {
        attributes.bad(name, &value, code, "up to 256 of 0-9, A-D, *, #, w, W");
        return None;
    }
    Some(value)
}
