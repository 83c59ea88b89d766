//! TwiML: documents that say what to do next. A parser that gives a value and a list of problems,
//! and interpreters as machines: `messaging` answers a text, `voice` runs a call.

mod answer;
pub mod fuzz;
pub mod messaging;
pub mod voice;
mod xml;

pub use answer::Fetched;
pub use messaging::read_answer;

/// Something wrong with a document: becomes an alert, never silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Twilio's code.
    pub code: u32,
    /// What is wrong, and where.
    pub message: String,
    /// Whether what remains is still carried out.
    pub warning: bool,
}

impl Problem {
    pub(crate) fn error(code: u32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), warning: false }
    }

    pub(crate) fn warning(code: u32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), warning: true }
    }
}

/// An address and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The address.
    pub url: String,
    /// By GET instead of POST.
    pub get: bool,
}

/// Octets of a document at most.
pub const DOCUMENT_MAX: usize = 64 << 10;
