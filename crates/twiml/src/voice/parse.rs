//! From an answer to verbs that are ready to run, and everything that is wrong with it.

use roxmltree::Node;

use crate::answer::{Content, content};
use crate::voice::prompt::{Prompt, Prompted};
use crate::voice::reader::{Mode, Reader, blank};
use crate::voice::stage::Verb;
use crate::voice::verbs::{
    self, dial, echo, enqueue, gather, hangup, leave, pause, play, record, redirect, refer, reject,
    say, sms,
};
use crate::{Fetched, Problem, xml};

/// A document: its verbs, and what is wrong with it.
pub(crate) type Read = (Vec<Box<dyn Verb>>, Vec<Problem>);

/// Verbs that Twilio has and that are not served here.
const NOT_SERVED: &[&str] = &["Connect", "Pay", "Start", "Stop", "Annotate"];

/// Reads an answer: TwiML, text that is said, or audio that is played.
pub(crate) fn answer(fetched: &Fetched, mode: Mode, clients: bool) -> Read {
    let url = fetched.url.as_str();
    match content(fetched) {
        Ok(Content::Markup(text)) => markup(text, Some(url), mode, clients),
        Ok(Content::Plain(text)) => spoken(&text, url, mode, clients),
        Ok(Content::Audio) => {
            let audio = play::Play::of_url(url.to_owned());
            (vec![Prompted::boxed(Prompt::Play(audio))], Vec::new())
        }
        Ok(Content::Nothing) => {
            let text = "the answer has no body: nothing is done";
            (Vec::new(), vec![Problem::warning(11770, text)])
        }
        Err(problem) => (Vec::new(), vec![problem]),
    }
}

/// Plain text is run when it is TwiML, else it is said.
fn spoken(text: &str, url: &str, mode: Mode, clients: bool) -> Read {
    if text.starts_with('<') {
        let read = markup(text, Some(url), mode, clients);
        if !read.1.iter().any(|problem| matches!(problem.code, 12100 | 12102)) {
            return read;
        }
    }
    let mut reader = Reader::new(Some(url), mode, clients);
    let said = say::of_text(text, &mut reader);
    let verbs = said.map(|say| Prompted::boxed(Prompt::Say(say))).into_iter().collect();
    (verbs, reader.finish())
}

/// Reads TwiML.
pub(crate) fn markup(text: &str, url: Option<&str>, mode: Mode, clients: bool) -> Read {
    let mut reader = Reader::new(url, mode, clients);
    let verbs = xml::response(text, |root| {
        for attribute in root.attributes() {
            // The builders of some SDKs say where a schema would be.
            if attribute.namespace().is_none() {
                let text = format!("<Response> has no attribute '{}'", attribute.name());
                reader.warn(12200, text);
            }
        }
        let nodes = root.children();
        nodes.filter_map(|node| child(node, &mut reader)).collect::<Vec<_>>()
    });
    match verbs {
        Ok(verbs) => (verbs, reader.finish()),
        Err(problem) => (Vec::new(), vec![problem]),
    }
}

fn child(node: Node<'_, '_>, reader: &mut Reader) -> Option<Box<dyn Verb>> {
    if node.is_text() && !blank(node) {
        reader.warn(12200, "text outside of a verb is passed over");
    }
    if !node.is_element() {
        return None;
    }
    let name = node.tag_name().name();
    if reader.mode.verbs().is_some_and(|allowed| !allowed.contains(&name)) {
        refuse(name, reader);
        return None;
    }
    verb(name, node, reader)
}

/// A verb that may not stand in this kind of document.
fn refuse(name: &str, reader: &mut Reader) {
    let (code, place) = match reader.mode {
        Mode::Call => (12200, "a call's document"),
        Mode::Screening if name == "Dial" => {
            let text = "<Dial> can't be run in the document of a dialled leg";
            reader.problems.push(Problem::error(13201, text));
            return;
        }
        Mode::Screening => (12200, "the document of a dialled leg"),
        Mode::QueueWait => (12200, "a queue's wait document"),
        Mode::QueueWhisper => (12200, "the document of somebody who leaves a queue"),
        Mode::ConferenceWait => (13238, "a conference's wait document"),
    };
    reader.warn(code, format!("<{name}> has no place in {place}; it is passed over"));
}

fn verb(name: &str, node: Node<'_, '_>, reader: &mut Reader) -> Option<Box<dyn Verb>> {
    match name {
        "Say" => Some(Prompted::boxed(Prompt::Say(say::parse(node, reader)?))),
        "Play" => Some(Prompted::boxed(Prompt::Play(play::parse(node, reader, false)?))),
        "Pause" => Some(Prompted::boxed(Prompt::Pause(pause::parse(node, reader)))),
        "Gather" => Some(Box::new(gather::parse(node, reader))),
        "Record" => Some(Box::new(record::parse(node, reader))),
        "Dial" => Some(Box::new(dial::parse(node, reader))),
        "Enqueue" => Some(Box::new(enqueue::parse(node, reader))),
        "Leave" => leave::parse(node, reader).map(verbs::boxed),
        "Redirect" => Some(Box::new(redirect::parse(node, reader))),
        "Reject" => Some(Box::new(reject::parse(node, reader))),
        "Hangup" => Some(Box::new(hangup::parse(node, reader))),
        "Refer" => Some(Box::new(refer::parse(node, reader))),
        "Echo" => Some(Box::new(echo::parse(node, reader))),
        "Sms" | "Message" => sms::parse(node, reader).map(verbs::boxed),
        _ if NOT_SERVED.contains(&name) => {
            reader.warn(13750, format!("<{name}> is not served here; it is passed over"));
            None
        }
        _ => {
            let similar = names().find(|known| known.eq_ignore_ascii_case(name));
            let hint = similar.map(|known| format!(" (<{known}> is)")).unwrap_or_default();
            let text = format!("<{name}> is not a voice verb{hint}; it is passed over");
            reader.warn(12200, text);
            None
        }
    }
}

/// The verbs there are, to help with their spelling.
fn names() -> impl Iterator<Item = &'static str> {
    let served = [
        "Say", "Play", "Pause", "Gather", "Record", "Dial", "Enqueue", "Leave", "Redirect",
        "Reject", "Hangup", "Refer", "Echo", "Sms", "Message",
    ];
    served.into_iter().chain(NOT_SERVED.iter().copied())
}
