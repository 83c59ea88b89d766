//! What an application's answer means, by its status and content type.

use crate::messaging::Verb;
use crate::{DOCUMENT_MAX, Problem, xml};

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

/// Reads a messaging document: TwiML, plain text as a reply, or nothing.
pub fn read_answer(fetched: &Fetched) -> (Vec<Verb>, Vec<Problem>) {
    let fail = |code, message: String| (Vec::new(), vec![Problem::error(code, message)]);
    if !(200..300).contains(&fetched.status) {
        return fail(11200, format!("the application answered with status {}", fetched.status));
    }
    if fetched.body.len() > DOCUMENT_MAX {
        return fail(11750, "the document is larger than 64 kB".to_owned());
    }
    if fetched.body.iter().all(u8::is_ascii_whitespace) {
        return (Vec::new(), Vec::new());
    }
    let kind = fetched.content_type.as_deref().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "text/xml" | "application/xml" | "text/html" => match std::str::from_utf8(&fetched.body) {
            Ok(text) => xml::parse(text),
            Err(_) => fail(12100, "the document is not UTF-8".to_owned()),
        },
        "text/plain" => {
            let text = String::from_utf8_lossy(&fetched.body).trim().to_owned();
            (vec![Verb::Message(crate::messaging::Message::of_text(text))], Vec::new())
        }
        "" => fail(12300, "the answer has no Content-Type".to_owned()),
        other => fail(12300, format!("the Content-Type '{other}' is not TwiML or plain text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, content_type: Option<&str>, body: &str) -> (usize, Vec<u32>) {
        let fetched = Fetched {
            status,
            content_type: content_type.map(str::to_owned),
            body: body.into(),
            url: "http://a/".into(),
        };
        let (verbs, problems) = read_answer(&fetched);
        (verbs.len(), problems.into_iter().map(|problem| problem.code).collect())
    }

    #[test]
    fn answers_are_read_by_status_and_content_type() {
        let reply = "<Response><Message>hi</Message></Response>";
        let cases = [
            (200, Some("text/xml; charset=utf-8"), reply, (1, vec![])),
            (200, Some("text/html"), reply, (1, vec![])),
            (200, Some("text/plain"), "hi", (1, vec![])),
            (204, None, "", (0, vec![])),
            (200, None, " \n", (0, vec![])),
            (200, None, reply, (0, vec![12300])),
            (200, Some("application/json"), "{}", (0, vec![12300])),
            (500, Some("text/xml"), reply, (0, vec![11200])),
            (200, Some("text/xml"), "<Response>", (0, vec![12100])),
            (200, Some("text/xml"), "<Hello/>", (0, vec![12102])),
        ];
        for (status, content_type, body, expected) in cases {
            assert_eq!(
                read(status, content_type, body),
                expected,
                "{status} {content_type:?} {body}"
            );
        }
        let large = format!("<Response>{}</Response>", " ".repeat(DOCUMENT_MAX));
        assert_eq!(read(200, Some("text/xml"), &large), (0, vec![11750]));
    }
}
