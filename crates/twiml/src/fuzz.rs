//! What a fuzzer calls: any bytes must end in verbs or problems, and every run of the interpreter
//! must end.

use base::Instant;
use machine::Machine;

use crate::messaging::{DOCUMENTS_MAX, Hook, Input, MESSAGES_MAX, Output, Reply};
use crate::{Fetched, read_answer};

fn fetched(data: &[u8]) -> Fetched {
    Fetched {
        status: 200,
        content_type: Some("text/xml".into()),
        body: data.to_vec(),
        url: "http://a/".into(),
    }
}

/// The parser on any bytes.
pub fn document(data: &[u8]) {
    let (verbs, problems) = read_answer(&fetched(data));
    assert!(verbs.len() + problems.len() <= data.len() + 1, "bounded by the document");
}

/// The interpreter, answered with the same document again and again.
pub fn reply(data: &[u8]) {
    let hook = Hook { url: "http://a/".into(), get: false };
    let mut reply = Reply::new(hook.clone(), Some(hook));
    let mut steps = 0;
    while let Some(output) = reply.poll() {
        steps += 1;
        let bound = (DOCUMENTS_MAX as usize + 1) * (MESSAGES_MAX + 2) + data.len() * 11;
        assert!(steps <= bound + 16, "every run ends");
        match output {
            Output::Fetch(..) => reply.handle(Instant::default(), Input::Fetched(fetched(data))),
            Output::Send(_) => reply.handle(Instant::default(), Input::Sent(Ok(Vec::new()))),
            Output::Problem(..) => {}
        }
    }
    assert!(reply.is_closed(), "nothing waits for ever");
}

#[cfg(test)]
mod tests {
    use machine::fuzz::mutations;

    const SEEDS: [&str; 4] = [
        "<Response><Message to='+1' action='/a'><Body>hi</Body><Media>/m</Media></Message></Response>",
        "<?xml version='1.0'?><Response><Redirect method='GET'>/x</Redirect></Response>",
        "<Response><Message>&lt;&#128512;]]</Message><!-- c --><Sms>a</Sms></Response>",
        "<!DOCTYPE x><Response><![CDATA[x]]></Response>",
    ];

    #[test]
    fn mutated_documents_end_in_verbs_or_problems() {
        mutations(&SEEDS.map(str::as_bytes), 40_000, |data| {
            super::document(data);
            super::reply(data);
        });
    }
}
