//! What a parser of verbs needs beside its element: the document's place, what is allowed there,
//! and where to put problems.

use roxmltree::Node;
use url::Url;

use crate::Problem;

/// Problems of one document that are told one by one.
const PROBLEMS_MAX: usize = 50;

/// What a document is run for. It decides which verbs may stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A call.
    Call,
    /// A dialled leg that answered, before it is connected (`url` of `Number`, `Sip`…).
    Screening,
    /// Somebody who waits in a queue (`waitUrl` of `Enqueue`).
    QueueWait,
    /// Somebody who leaves a queue and is to be connected (`url` of `Queue`).
    QueueWhisper,
    /// Those who wait for a conference, or an announcement in one.
    ConferenceWait,
}

impl Mode {
    /// The verbs that may stand in such a document; `None` means every verb.
    pub(crate) fn verbs(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Call => None,
            Self::Screening => Some(&["Say", "Play", "Pause", "Gather", "Redirect", "Hangup"]),
            Self::QueueWait => {
                Some(&["Say", "Play", "Pause", "Gather", "Redirect", "Hangup", "Leave"])
            }
            Self::QueueWhisper | Self::ConferenceWait => {
                Some(&["Say", "Play", "Pause", "Redirect"])
            }
        }
    }

    /// Whether the document is asked for again when it ends.
    pub(crate) fn repeats(self) -> bool {
        matches!(self, Self::QueueWait | Self::ConferenceWait)
    }
}

/// Collects what a document's parsers find.
pub(crate) struct Reader {
    /// The document's own address; none when it came without one.
    pub(crate) base: Option<Url>,
    pub(crate) mode: Mode,
    /// Whether clients (soft phones) can be called.
    pub(crate) clients: bool,
    pub(crate) problems: Vec<Problem>,
    more: usize,
}

impl Reader {
    pub(crate) fn new(base: Option<&str>, mode: Mode, clients: bool) -> Self {
        let mut base = base.and_then(|url| Url::parse(url).ok());
        // How it was to be asked is not part of where it is.
        if let Some(base) = &mut base {
            base.set_fragment(None);
        }
        Self { base, mode, clients, problems: Vec::new(), more: 0 }
    }

    pub(crate) fn warn(&mut self, code: u32, message: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem::warning(code, message));
        } else {
            self.more += 1;
        }
    }

    /// Everything that was found.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        if self.more > 0 {
            let message = format!("{} more warnings of this document are not listed", self.more);
            self.problems.push(Problem::warning(12200, message));
        }
        self.problems
    }

    /// The absolute form of an address, or a warning.
    pub(crate) fn absolute(&mut self, url: &str, what: &str) -> Option<String> {
        let joined = match &self.base {
            Some(base) => base.join(url),
            None => Url::parse(url),
        };
        match joined {
            Ok(joined) if matches!(joined.scheme(), "http" | "https") && joined.has_host() => {
                return Some(joined.to_string());
            }
            Err(url::ParseError::RelativeUrlWithoutBase) => {
                let message =
                    format!("{what}: '{url}' must be absolute: the document has no address");
                self.warn(15004, message);
            }
            _ => self.warn(11100, format!("{what}: '{url}' is not a usable address")),
        }
        None
    }

    /// The document's own address: where verbs without `action` go.
    pub(crate) fn current(&self) -> Option<String> {
        self.base.as_ref().map(Url::to_string)
    }

    /// Warns of everything inside an element that may hold nothing.
    pub(crate) fn childless(&mut self, node: Node<'_, '_>) {
        self.only(node, &[]);
        if node.children().any(|child| child.is_text() && !blank(child)) {
            let name = node.tag_name().name();
            self.warn(12200, format!("text inside <{name}> is passed over"));
        }
    }

    /// Warns of every element inside another one that is not among those named.
    pub(crate) fn only(&mut self, node: Node<'_, '_>, names: &[&str]) {
        let outer = node.tag_name().name();
        for child in node.children().filter(Node::is_element) {
            let name = child.tag_name().name();
            if !names.contains(&name) {
                let message = format!("<{name}> has no place in <{outer}>; it is passed over");
                self.warn(12200, message);
            }
        }
    }
}

/// Whether a node is text of nothing but space.
pub(crate) fn blank(node: Node<'_, '_>) -> bool {
    node.text().unwrap_or_default().trim().is_empty()
}

/// The text directly inside an element, trimmed.
pub(crate) fn text_of(node: Node<'_, '_>) -> String {
    let texts = node.children().filter(Node::is_text).filter_map(|child| child.text());
    texts.collect::<String>().trim().to_owned()
}
