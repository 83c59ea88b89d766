//! Gather: keys, speech, prompts and time-outs.

use super::*;

const PROMPT: &str = "<Gather><Say>Press</Say><Pause length='2'/><Play>/m</Play></Gather>";

#[test]
fn keys_stop_the_prompts_and_go_to_the_action() {
    check(
        "<Gather action='/menu' numDigits='2'><Say>Press</Say></Gather>",
        &["press 4", "press 2"],
        &[
            "say Press",
            "stop playing",
            "fetch POST http://app/menu msg=Gather End Digits=42 FinishedOnKey=",
        ],
    );
    check(
        "<Gather method='GET'><Say>Press</Say></Gather>",
        &["finished", "press 12#"],
        &["say Press", "fetch GET http://app/voice msg=Gather End Digits=12 FinishedOnKey=#"],
    );
}

#[test]
fn prompts_follow_each_other_and_then_the_time_begins() {
    check(
        PROMPT,
        &["wait 60", "finished", "wait 2", "finished", "wait 4", "wait 1"],
        &["say Press", "play http://app/m", "hangup", "closed"],
    );
    // A key in the pause ends all prompts.
    check(
        PROMPT,
        &["finished", "wait 1", "press 1", "wait 5"],
        &["say Press", "fetch POST http://app/voice msg=Gather End Digits=1 FinishedOnKey="],
    );
}

#[test]
fn each_key_gives_time_for_the_next() {
    check("<Gather timeout='3'/>", &["wait 2", "press 1", "wait 2", "press 2", "wait 2"], &[]);
    check(
        "<Gather timeout='3'/>",
        &["wait 2", "press 1", "wait 2", "press 2", "wait 3"],
        &["fetch POST http://app/voice msg=Gather End Digits=12 FinishedOnKey="],
    );
}

#[test]
fn without_input_the_next_verb_runs_or_the_action_is_asked() {
    check("<Gather/><Say>Bye</Say>", &["wait 5"], &["say Bye"]);
    check(
        "<Gather actionOnEmptyResult='true'/><Say>Bye</Say>",
        &["wait 5"],
        &["fetch POST http://app/voice msg=Gather End Digits="],
    );
    check(
        "<Gather input='speech' actionOnEmptyResult='true'/>",
        &["wait 5"],
        &["listen", "stop listening", "fetch POST http://app/voice SpeechResult="],
    );
}

#[test]
fn the_finishing_key_needs_others_before_it() {
    check("<Gather/>", &["press #"], &[]);
    check(
        "<Gather finishOnKey='*'/>",
        &["press #*"],
        &["fetch POST http://app/voice msg=Gather End Digits=# FinishedOnKey=*"],
    );
    check(
        "<Gather finishOnKey='' numDigits='3'/>",
        &["press 1#*"],
        &["fetch POST http://app/voice msg=Gather End Digits=1#* FinishedOnKey="],
    );
}

#[test]
fn keys_outside_of_gather_are_dropped() {
    check(
        "<Say>Wait</Say><Gather numDigits='1'/>",
        &["press 1", "finished", "press 2"],
        &["say Wait", "fetch POST http://app/voice msg=Gather End Digits=2 FinishedOnKey="],
    );
}

#[test]
fn speech_stops_the_prompt_and_goes_to_the_action() {
    check(
        "<Gather input='speech' action='/said'><Say>Speak</Say></Gather>",
        &["began", "heard two tickets"],
        &[
            "listen",
            "say Speak",
            "stop playing",
            "fetch POST http://app/said SpeechResult=two tickets Confidence=0.9 Language=en-US",
        ],
    );
    check(
        "<Gather input='speech' bargeIn='false'><Say>Speak</Say></Gather>",
        &["finished", "began", "wait 30", "heard yes"],
        &[
            "say Speak",
            "listen",
            "fetch POST http://app/voice SpeechResult=yes Confidence=0.9 Language=en-US",
        ],
    );
}

#[test]
fn the_first_of_keys_and_speech_counts() {
    check(
        "<Gather input='dtmf speech'><Say>x</Say></Gather>",
        &["press 1", "heard never", "press #"],
        &[
            "listen",
            "say x",
            "stop playing",
            "stop listening",
            "fetch POST http://app/voice msg=Gather End Digits=1 FinishedOnKey=#",
        ],
    );
    check("<Gather input='speech'/>", &["press 1#"], &["listen"]);
    check("<Gather input='dtmf'/>", &["heard x"], &[]);
}

#[test]
fn partial_results_are_told() {
    check(
        "<Gather input='speech' partialResultCallback='/part' \
         partialResultCallbackMethod='GET' language='de-DE'/>",
        &["partial eins", "partial eins zwei"],
        &[
            "listen",
            "callback GET http://app/part UnstableSpeechResult=… StableSpeechResult=eins \
             Stability=0.5 SequenceNumber=0 Language=de-DE",
            "callback GET http://app/part UnstableSpeechResult=… StableSpeechResult=eins zwei \
             Stability=0.5 SequenceNumber=1 Language=de-DE",
        ],
    );
}

#[test]
fn what_was_not_understood_is_no_input() {
    check("<Gather input='speech'/><Say>Bye</Say>", &["began", "nothing"], &["listen", "say Bye"]);
    check("<Gather input='speech'/><Say>Bye</Say>", &["heard  "], &["listen"]);
    check("<Gather input='speech'/><Say>Bye</Say>", &["nothing", "wait 5"], &["listen", "say Bye"]);
    // An engine that never tells does not hold the call.
    check(
        "<Gather input='speech' maxSpeechTime='20'/><Say>Bye</Say>",
        &["began", "wait 29", "wait 1"],
        &["listen", "stop listening", "say Bye"],
    );
}

#[test]
fn a_hangup_loses_no_keys() {
    check(
        "<Gather action='/menu'/>",
        &["press 12", "hangup"],
        &["callback POST http://app/menu msg=Gather End Digits=12 FinishedOnKey=", "closed"],
    );
    check(
        "<Gather input='speech'><Say>x</Say></Gather>",
        &["hangup"],
        &["listen", "say x", "stop playing", "stop listening", "closed"],
    );
}

#[test]
fn how_to_listen_is_passed_on() {
    let Output::Listen(_, listen) = first(
        "<Gather input='speech' language='fr-FR' hints='un, deux ,,trois' profanityFilter='false' \
         speechModel='phone_call' enhanced='true' speechTimeout='3' maxSpeechTime='30' \
         partialResultCallback='/p'/>",
    ) else {
        panic!("listening");
    };
    let expected = Listen {
        language: "fr-FR".into(),
        hints: ["un", "deux", "trois"].map(str::to_owned).to_vec(),
        profanity_filter: false,
        model: Some("phone_call".into()),
        enhanced: true,
        silence: SpeechTimeout::Seconds(3),
        max_s: 30,
        partial: true,
    };
    assert_eq!(listen, expected);
    let Output::Listen(_, listen) = first("<Gather input='speech' timeout='7'/>") else {
        panic!("listening");
    };
    assert_eq!((listen.silence, listen.max_s), (SpeechTimeout::Seconds(7), 60));
    assert_eq!((listen.language.as_str(), listen.profanity_filter), ("en-US", true));
    let Output::Listen(_, listen) = first("<Gather input='speech' speechTimeout='auto'/>") else {
        panic!("listening");
    };
    assert_eq!(listen.silence, SpeechTimeout::Auto);
}

#[test]
fn bad_values_have_their_codes() {
    let cases = [
        ("input='voice'", 13326),
        ("method='PUT'", 13312),
        ("timeout='0'", 13313),
        ("timeout='x'", 13313),
        ("finishOnKey='12'", 13310),
        ("finishOnKey='x'", 13310),
        ("numDigits='0'", 13314),
        ("speechTimeout='soon'", 13327),
        ("maxSpeechTime='61'", 13328),
        ("partialResultCallbackMethod='PUT'", 13329),
        ("language='!'", 13331),
        ("bargeIn='maybe'", 13332),
        ("profanityFilter='1'", 13333),
        ("speechModel='default' speechTimeout='auto'", 13335),
        ("actionOnEmptyResult='yes'", 13338),
        ("enhanced='x'", 12200),
        ("debug='x'", 12200),
        ("action='ftp://x/'", 11100),
        ("colour='red'", 12200),
    ];
    for (attribute, code) in cases {
        assert_eq!(codes(&format!("<Gather {attribute}/>")), [code], "{attribute}");
    }
    let long = "x".repeat(101);
    assert_eq!(codes(&format!("<Gather hints='a,{long}'/>")), [13330]);
    assert_eq!(codes("<Gather><Record/></Gather>"), [13320]);
    assert_eq!(codes("<Gather>text</Gather>"), [12200]);
    assert_eq!(codes("<Gather><Play digits='1'>/m</Play></Gather>"), [12200]);
}

#[test]
fn input_without_an_address_to_send_it_to_fails() {
    check(
        "<Gather action='ftp://x/' numDigits='1'/>",
        &["press 1"],
        &[
            "warning 11100",
            "error 11100",
            "say Sorry, the application that runs this call has failed. Goodbye.",
        ],
    );
}
