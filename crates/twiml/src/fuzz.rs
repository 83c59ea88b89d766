//! What a fuzzer calls: any bytes must end in verbs or problems, and every run of the interpreter
//! must end.

use base::Instant;
use machine::Machine;

use crate::messaging::{DOCUMENTS_MAX, Hook, Input, MESSAGES_MAX, Output, Reply};
use crate::{Fetched, read_answer, voice};

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

/// Outputs of one run of a voice document at most: it is asked for again and again, and each time
/// its elements, their problems and what they do add up to less than its octets.
const OUTPUTS_MAX: usize = 1_000_000;

/// The interpreter of voice documents, in each of its modes, with the same document again and
/// again, keys and words in between, and a hangup after a while.
pub fn call(data: &[u8]) {
    use voice::Mode;
    let modes = [
        (Mode::Call, false),
        (Mode::Screening, true),
        (Mode::QueueWait, true),
        (Mode::QueueWhisper, true),
        (Mode::ConferenceWait, true),
    ];
    modes.into_iter().for_each(|(mode, answered)| run(data, mode, answered));
}

fn run(data: &[u8], mode: voice::Mode, answered: bool) {
    let hook = Hook { url: "http://a/".into(), get: false };
    let start = voice::Start::Fetch { primary: hook.clone(), fallback: Some(hook) };
    let facts = voice::Facts { mode, answered, clients: true };
    let mut now = Instant::from_secs(1);
    let mut call = voice::Call::new(now, start, facts);
    let (mut outputs, mut documents) = (0, 0);
    for round in 0..200_u32 {
        while let Some(output) = call.poll() {
            outputs += 1;
            assert!(outputs < OUTPUTS_MAX, "every run is bounded");
            if let Some(input) = reaction(output, data, &mut documents) {
                call.handle(now, input);
            }
        }
        if call.is_closed() {
            return;
        }
        match call.wake_at() {
            Some(at) if round % 3 == 0 => now = now.max(at),
            _ => call.handle(now, voice::Input::Digit(['1', '#', '*'][round as usize % 3])),
        }
        call.tick(now);
    }
    call.handle(now, voice::Input::HungUp);
    while let Some(at) = call.wake_at() {
        call.tick(at);
    }
    while call.poll().is_some() {}
    assert!(call.is_closed(), "every call ends");
}

/// How the world answers, at once.
fn reaction(output: voice::Output, data: &[u8], documents: &mut u32) -> Option<voice::Input> {
    use voice::{Input, Output};
    match output {
        Output::Fetch(id, ..) => {
            *documents += 1;
            // A handful is enough to see that it goes round.
            match *documents {
                0..8 => Some(Input::Fetched(id, fetched(data))),
                _ => Some(Input::Failed(id, 11200, "no more".into())),
            }
        }
        Output::Say(id, say) => {
            assert!(voice::plain(&say.speech).chars().count() <= data.len() + 100);
            Some(Input::Finished(id))
        }
        Output::Play(id, _) => Some(Input::Finished(id)),
        Output::Listen(id, _) => {
            let heard = voice::Heard::Final { text: "yes".into(), confidence: 1.0 };
            Some(Input::Heard(id, heard))
        }
        Output::Send(id, _) => Some(Input::Sent(id, Ok(Vec::new()))),
        Output::Dial(id, _) => Some(Input::Dialled(
            id,
            voice::Dialled {
                status: voice::DialStatus::Busy,
                sid: None,
                duration_s: None,
                bridged: Some(false),
                recording: None,
                more: Vec::new(),
            },
        )),
        _ => None,
    }
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

    const CALLS: [&str; 6] = [
        "<Response><Gather input='dtmf speech' numDigits='2' action='/g'><Say voice='Polly.Amy'>\
         <prosody rate='85%'>a<break time='1s'/></prosody></Say><Pause/></Gather></Response>",
        "<Response><Dial action='/d' record='true' timeout='9'><Number sendDigits='w1'>+1555</Number>\
         <Sip><Uri priority='1'>sip:a@b.c?X-A=b</Uri></Sip></Dial></Response>",
        "<Response><Dial><Conference waitUrl='' beep='onEnter' coach='CA0'>r</Conference></Dial>\
         <Enqueue waitUrl='/w' action='/q'>q</Enqueue><Leave/></Response>",
        "<Response><Record finishOnKey='#' maxLength='9'/><Redirect>/x</Redirect></Response>",
        "<Response><Pause length='3'/><Play digits='1w'/><Play loop='0'>/m</Play><Echo/></Response>",
        "<Response><Refer><Sip>sip:a@b.c</Sip></Refer><Sms>x</Sms><Reject/><Hangup/></Response>",
    ];

    #[test]
    fn mutated_calls_end() {
        mutations(&CALLS.map(str::as_bytes), 10_000, super::call);
    }
}
