//! Documents drawn from a seed: every verb, with addresses that are asked again.

use machine::Random;

use crate::calls::far;

/// `{H}` is an application, `{N}` a number of the far ends, `{S}` a SIP address of theirs.
const VERBS: &[&str] = &[
    "<Say>Hello</Say>",
    "<Play loop='0'>{H}/m</Play>",
    "<Play>{H}/m</Play>",
    "<Play digits='12w'/>",
    "<Pause/>",
    "<Pause length='7'/>",
    "<Gather action='{H}/g' timeout='3'><Say>Press</Say><Pause length='2'/></Gather>",
    "<Gather action='{H}/g' input='dtmf speech' numDigits='2' partialResultCallback='{H}/p'>\
     <Play>{H}/m</Play></Gather>",
    "<Gather action='{H}/g' input='speech' actionOnEmptyResult='true'><Say>Speak</Say></Gather>",
    "<Record action='{H}/r' maxLength='9' timeout='2' {R}/>",
    "<Record action='{H}/r' finishOnKey='#' playBeep='false' trim='trim-silence' {R}/>",
    "<Dial action='{H}/d'><Number {C}>{N}</Number></Dial>",
    "<Dial action='{H}/d' sequential='true' timeout='8'><Number {C}>{N}</Number>\
     <Number>{N}</Number><Sip {C}>{S}</Sip></Dial>",
    "<Dial action='{H}/d' record='record-from-answer-dual' {R} timeLimit='20'>\
     <Number url='{H}/screen' {C}>{N}</Number><Sip>{S}</Sip></Dial>",
    "<Dial answerOnBridge='true' hangupOnStar='true' referUrl='{H}/x'>{N}</Dial>",
    "<Dial record='record-from-ringing' {R}>{N}</Dial>",
    "<Dial action='{H}/d'><Conference record='record-from-start' {R} {E}>{M}</Conference></Dial>",
    "<Dial><Conference startConferenceOnEnter='false' waitUrl='{H}/w' {E}>{M}</Conference></Dial>",
    "<Dial timeLimit='15'><Conference endConferenceOnExit='true' beep='true' {E}>{M}\
     </Conference></Dial>",
    "<Dial action='{H}/d'><Queue url='{H}/whisper'>{Q}</Queue></Dial>",
    "<Dial timeout='5' record='true' {R}><Queue>{Q}</Queue></Dial>",
    "<Enqueue action='{H}/q' waitUrl='{H}/w'>{Q}</Enqueue>",
    "<Enqueue>{Q}</Enqueue>",
    "<Leave/>",
    "<Redirect>{H}/n</Redirect>",
    "<Refer action='{H}/f'><Sip>{S}</Sip></Refer>",
    "<Sms action='{H}/s'>Hi</Sms>",
    "<Reject/>",
    "<Reject reason='busy'/>",
    "<Hangup/>",
    "<Blink/>",
    "<Echo/>",
];

/// An application's address.
pub(super) fn application(random: &mut Random) -> String {
    format!("http://app{}.example", random.below(4))
}

/// What a world's documents are mostly about: every verb, or some of them.
pub(super) type Theme = &'static [&'static str];

/// The theme of a world: all verbs, `Dial`s, or what brings calls together.
pub(super) fn theme(random: &mut Random) -> Theme {
    let at = |word: &str| VERBS.iter().position(|verb| verb.starts_with(word)).unwrap_or_default();
    let rooms = VERBS.iter().position(|verb| verb.contains("<Conference")).unwrap_or_default();
    match random.below(4) {
        0 => &VERBS[at("<Dial")..rooms],
        1 => &VERBS[rooms..at("<Leave")],
        _ => VERBS,
    }
}

/// A document.
pub(super) fn document(random: &mut Random, theme: Theme) -> String {
    let count = random.below(4);
    let verbs: String = (0..count)
        .map(|_| match random.chance(600) {
            true => verb(random, theme),
            false => verb(random, VERBS),
        })
        .collect();
    format!("<Response>{verbs}</Response>")
}

fn verb(random: &mut Random, theme: Theme) -> String {
    let mut left = theme[random.below(theme.len() as u64) as usize];
    let mut text = String::new();
    while let Some(at) = left.find('{') {
        text.push_str(&left[..at]);
        let filled = match &left[at..at + 3] {
            "{H}" => application(random),
            "{N}" => far::number(random),
            "{S}" => far::sip_address(random),
            "{M}" => format!("room{}", random.below(3)),
            "{Q}" => format!("queue{}", random.below(3)),
            "{C}" => format!(
                "statusCallback='{}/leg' statusCallbackEvent='initiated ringing answered \
                 completed'",
                application(random)
            ),
            "{R}" => format!(
                "recordingStatusCallback='{}/recording' recordingStatusCallbackEvent='in-progress \
                 completed absent'",
                application(random)
            ),
            "{E}" => format!(
                "statusCallback='{}/room' statusCallbackEvent='start end join leave mute hold'",
                application(random)
            ),
            other => other.to_owned(),
        };
        text.push_str(&filled);
        left = &left[at + 3..];
    }
    text.push_str(left);
    text
}
