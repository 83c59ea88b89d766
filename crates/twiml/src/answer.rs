//! What an application's answer means, by its status and content type.

use crate::{DOCUMENT_MAX, Problem};

/// An answer to a request for a document.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// Where it came from in the end: relative addresses begin there.
    pub url: String,
}

/// The kinds of answers.
pub(crate) enum Content<'a> {
    /// TwiML.
    Markup(&'a str),
    /// Plain text.
    Plain(String),
    /// Something to be played.
    Audio,
    /// A body without anything in it.
    Nothing,
}

/// Tells the kind of an answer, or the error that it is.
pub(crate) fn content(fetched: &Fetched) -> Result<Content<'_>, Problem> {
    let fail = |code, message: String| Err(Problem::error(code, message));
    if !(200..300).contains(&fetched.status) {
        return fail(11200, format!("the application answered with status {}", fetched.status));
    }
    let kind = fetched.content_type.as_deref().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // A recording may be longer than a document.
    if kind.starts_with("audio/") {
        return Ok(Content::Audio);
    }
    if fetched.body.len() > DOCUMENT_MAX {
        return fail(11750, "the document is larger than 64 kB".to_owned());
    }
    if fetched.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Content::Nothing);
    }
    match kind.as_str() {
        "text/xml" | "application/xml" | "text/html" => match std::str::from_utf8(&fetched.body) {
            Ok(text) => Ok(Content::Markup(text)),
            Err(_) => fail(12100, "the document is not UTF-8".to_owned()),
        },
        "text/plain" => {
            Ok(Content::Plain(String::from_utf8_lossy(&fetched.body).trim().to_owned()))
        }
        "" => fail(12300, "the answer has no Content-Type".to_owned()),
        other => fail(12300, format!("the Content-Type '{other}' is not one of a document")),
    }
}
