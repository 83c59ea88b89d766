//! The parser of messaging documents.

use roxmltree::Node;

use crate::answer::{Content, content};
use crate::messaging::{Message, Redirect, Verb};
use crate::{Fetched, Problem, xml};

/// Reads a messaging document: TwiML, plain text as a reply, or nothing.
pub fn read_answer(fetched: &Fetched) -> (Vec<Verb>, Vec<Problem>) {
    match content(fetched) {
        Ok(Content::Markup(text)) => parse(text),
        Ok(Content::Plain(text)) => (vec![Verb::Message(Message::of_text(text))], Vec::new()),
        Ok(Content::Nothing) => (Vec::new(), Vec::new()),
        Ok(Content::Audio) => {
            let message = "the answer to a text is audio, not TwiML or plain text";
            (Vec::new(), vec![Problem::error(12300, message)])
        }
        Err(problem) => (Vec::new(), vec![problem]),
    }
}

/// Parses a document: what can be carried out, and everything that is wrong with it.
fn parse(text: &str) -> (Vec<Verb>, Vec<Problem>) {
    let mut problems = Vec::new();
    let verbs = xml::response(text, |root| {
        root.children().filter_map(|node| verb(node, &mut problems)).collect()
    });
    verbs.map_or_else(|problem| (Vec::new(), vec![problem]), |verbs| (verbs, problems))
}

fn verb(node: Node<'_, '_>, problems: &mut Vec<Problem>) -> Option<Verb> {
    if node.is_text() {
        let text = node.text().unwrap_or_default().trim();
        if !text.is_empty() {
            problems.push(Problem::warning(12200, "text outside of a verb is passed over"));
        }
        return None;
    }
    if !node.is_element() {
        return None;
    }
    match node.tag_name().name() {
        "Message" | "Sms" => Some(Verb::Message(message(node, problems))),
        "Redirect" => Some(Verb::Redirect(redirect(node, problems))),
        other => {
            let message = format!("<{other}> is not a messaging verb; it is passed over");
            let code = if VOICE_VERBS.contains(&other) { 14110 } else { 12200 };
            problems.push(Problem::warning(code, message));
            None
        }
    }
}

/// Verbs of voice documents: wrong in an answer to a text.
const VOICE_VERBS: [&str; 16] = [
    "Say", "Play", "Gather", "Record", "Dial", "Enqueue", "Leave", "Hangup", "Reject", "Pause",
    "Refer", "Connect", "Start", "Stop", "Pay", "Prompt",
];

pub(crate) fn message(node: Node<'_, '_>, problems: &mut Vec<Problem>) -> Message {
    let mut message = Message::default();
    for attribute in node.attributes() {
        let value = Some(attribute.value().trim().to_owned()).filter(|value| !value.is_empty());
        match attribute.name() {
            "to" => message.to = value,
            "from" => message.from = value,
            "action" => message.action = value,
            "method" => message.get = is_get(attribute.value(), problems),
            "statusCallback" => message.status_callback = value,
            other => unknown(node, other, problems),
        }
    }
    let mut text = String::new();
    for child in node.children() {
        match child.tag_name().name() {
            _ if child.is_text() => text.push_str(child.text().unwrap_or_default()),
            "Body" => message.body.push_str(child.text().unwrap_or_default()),
            "Media" => {
                let url = child.text().unwrap_or_default().trim();
                if !url.is_empty() {
                    message.media.push(url.to_owned());
                }
            }
            other if child.is_element() => {
                let text = format!("<{other}> is not known inside <Message>; it is passed over");
                problems.push(Problem::warning(12200, text));
            }
            _ => {}
        }
    }
    if message.body.is_empty() {
        message.body = text.trim().to_owned();
    }
    message
}

fn redirect(node: Node<'_, '_>, problems: &mut Vec<Problem>) -> Redirect {
    let mut get = false;
    for attribute in node.attributes() {
        match attribute.name() {
            "method" => get = is_get(attribute.value(), problems),
            other => unknown(node, other, problems),
        }
    }
    Redirect { url: node.text().unwrap_or_default().trim().to_owned(), get }
}

fn unknown(node: Node<'_, '_>, name: &str, problems: &mut Vec<Problem>) {
    let verb = node.tag_name().name();
    let text = format!("<{verb}> has no attribute '{name}'; it is passed over");
    problems.push(Problem::warning(12200, text));
}

fn is_get(method: &str, problems: &mut Vec<Problem>) -> bool {
    match method.trim().to_ascii_uppercase().as_str() {
        "GET" => true,
        "POST" | "" => false,
        other => {
            let text = format!("method '{other}' must be GET or POST; POST is used");
            problems.push(Problem::warning(14104, text));
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_with_bodies_media_and_attributes_are_read() {
        let (verbs, problems) = parse(
            "<?xml version='1.0'?><Response><Message to='+1555' statusCallback='/s'>\
             <Body>a &amp; b</Body><Media>http://m/1.png</Media></Message>\
             <Message> bare </Message><Redirect method='GET'>/next</Redirect></Response>",
        );
        assert_eq!(problems, []);
        let Verb::Message(first) = &verbs[0] else { panic!("a message") };
        assert_eq!((first.body.as_str(), first.media.len()), ("a & b", 1));
        assert_eq!(first.status_callback.as_deref(), Some("/s"));
        let Verb::Message(second) = &verbs[1] else { panic!("a message") };
        assert_eq!(second.body, "bare");
        assert_eq!(verbs[2], Verb::Redirect(Redirect { url: "/next".into(), get: true }));
    }

    #[test]
    fn nothing_is_passed_over_in_silence() {
        let (verbs, problems) = parse(
            "<Response>stray<Say>no</Say><message>no</message>\
             <Message colour='red' method='PUT'>x<Blink/></Message></Response>",
        );
        assert_eq!(verbs.len(), 1);
        let codes: Vec<u32> = problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, [12200, 14110, 12200, 12200, 14104, 12200]);
        assert!(problems.iter().all(|problem| problem.warning));
    }

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
            (200, Some("audio/wav"), "RIFF", (0, vec![12300])),
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
        let large = format!("<Response>{}</Response>", " ".repeat(crate::DOCUMENT_MAX));
        assert_eq!(read(200, Some("text/xml"), &large), (0, vec![11750]));
    }

    #[test]
    fn entities_and_deep_nesting_are_refused() {
        let bomb = "<!DOCTYPE r [<!ENTITY a 'aaaa'>]><Response><Message>&a;</Message></Response>";
        assert_eq!(parse(bomb).1[0].code, 12100);
        let deep = format!("<Response>{}{}</Response>", "<a>".repeat(100), "</a>".repeat(100));
        assert_eq!(parse(&deep).1[0].code, 12100);
    }
}
