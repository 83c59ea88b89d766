//! Record: its ends, its action, its attributes.

use super::*;

const FACTS: &str = "RecordingUrl=http://r/1 RecordingSid=RE1 RecordingDuration=7";

#[test]
fn the_action_is_asked_with_the_recording() {
    let fetch = format!("fetch POST http://app/done {FACTS}");
    check("<Record action='/done'/><Say>x</Say>", &["recorded"], &["record", &fetch]);
    let fetch = format!("fetch GET http://app/voice {FACTS}");
    check("<Record method='GET'/>", &["recorded"], &["record", &fetch]);
}

#[test]
fn a_key_ends_it_and_is_told() {
    let fetch = format!("fetch POST http://app/voice {FACTS} Digits=5");
    check("<Record/>", &["press 56", "recorded"], &["record", "stop", &fetch]);
    let fetch = format!("fetch POST http://app/voice {FACTS} Digits=#");
    let document = "<Record finishOnKey='*#'/>";
    check(document, &["press 1#", "recorded"], &["record", "stop", &fetch]);
    check("<Record finishOnKey=''/>", &["press 1#"], &["record"]);
}

#[test]
fn nothing_recorded_falls_through() {
    check(
        "<Record/><Say>Nothing came</Say>",
        &["recorded nothing"],
        &["record", "say Nothing came"],
    );
}

#[test]
fn a_hangup_is_told_as_such() {
    let callback = format!("callback POST http://app/done {FACTS} Digits=hangup");
    let document = "<Record action='/done'/>";
    check(document, &["hangup", "press 1", "recorded"], &["record", "stop", &callback, "closed"]);
    check(document, &["hangup", "recorded nothing"], &["record", "stop", "closed"]);
    // A key just before changes nothing.
    check(document, &["press 1", "hangup", "recorded"], &["record", "stop", &callback, "closed"]);
    // Who never tells the outcome does not hold the call.
    check(document, &["hangup", "wait 60"], &["record", "stop", "error 15000", "closed"]);
}

#[test]
fn a_redirect_ends_it_without_its_action() {
    check(
        "<Record/>",
        &["redirected http://b/", "recorded"],
        &["record", "stop", "fetch POST http://b/"],
    );
}

#[test]
fn how_to_record_is_passed_on() {
    let Output::Record(_, record) = first("<Record/>") else { panic!("a recording") };
    let expected = Record {
        silence_s: 5,
        max_s: 3_600,
        beep: true,
        trim: true,
        status: None,
        transcribe: false,
        transcribe_callback: None,
        configuration: None,
    };
    assert_eq!(record, expected);
    let Output::Record(_, record) = first(
        "<Record timeout='0' maxLength='90' playBeep='false' trim='do-not-trim' \
         recordingStatusCallback='/s' recordingStatusCallbackMethod='GET' \
         recordingStatusCallbackEvent='in-progress absent' transcribe='true' \
         transcribeCallback='/t' recordingConfigurationId='x'/>",
    ) else {
        panic!("a recording");
    };
    let expected = Record {
        silence_s: 0,
        max_s: 90,
        beep: false,
        trim: false,
        status: Some(StatusCallback {
            hook: Hook { url: "http://app/s".into(), get: true },
            events: vec![RecordingEvent::InProgress, RecordingEvent::Absent],
        }),
        transcribe: true,
        transcribe_callback: Some("http://app/t".into()),
        configuration: Some("x".into()),
    };
    assert_eq!(record, expected);
    let Output::Record(_, record) = first("<Record transcribe='true'/>") else { panic!("one") };
    assert_eq!(record.max_s, 120);
    let document = "<Record recordingStatusCallback='/s'/>";
    let Output::Record(_, record) = first(document) else { panic!("one") };
    let status = record.status.expect("a callback");
    assert_eq!(status.events, [RecordingEvent::Completed]);
}

#[test]
fn bad_values_have_their_codes() {
    let cases = [
        ("method='PUT'", 13610),
        ("timeout='-1'", 13611),
        ("maxLength='1'", 13612),
        ("maxLength='86401'", 13612),
        ("finishOnKey='x'", 13613),
        ("transcribe='x'", 13614),
        ("transcribe='true' maxLength='121'", 13615),
        ("playBeep='x'", 13616),
        ("trim='x'", 13699),
        ("recordingStatusCallback='/s' recordingStatusCallbackMethod='PUT'", 13256),
        ("recordingStatusCallback='/s' recordingStatusCallbackEvent='x'", 13621),
        ("transcribeCallback='mailto:x'", 11100),
        ("volume='11'", 12200),
    ];
    for (attribute, code) in cases {
        assert_eq!(codes(&format!("<Record {attribute}/>")), [code], "{attribute}");
    }
    assert_eq!(codes("<Record><Say>x</Say>y</Record>"), [12200, 12200]);
}
