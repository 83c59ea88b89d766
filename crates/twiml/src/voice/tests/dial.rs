//! Dial: whom, how, and what its action is told.

use super::*;

const OUTCOME: &str = "DialCallSid=CA1 DialCallDuration=9 DialBridged=true \
                       DialSipResponseCode=200";

fn dial(document: &str) -> Dial {
    let Output::Dial(_, dial) = first(document) else { panic!("{document} dials nobody") };
    *dial
}

fn endpoints(document: &str) -> Vec<Endpoint> {
    let Target::Endpoints(endpoints) = dial(document).to else { panic!("{document}") };
    endpoints
}

fn conference(document: &str) -> Conference {
    let Target::Conference(conference) = dial(document).to else { panic!("{document}") };
    *conference
}

fn number(text: &str) -> Destination {
    Destination::Number { number: text.to_owned(), send_digits: None }
}

#[test]
fn the_action_is_told_or_the_next_verb_runs() {
    check(
        "<Dial>+15550001111</Dial><Say>Bye</Say>",
        &["bridged", "dialled completed", "finished"],
        &["dial", "say Bye", "hangup", "closed"],
    );
    let fetch = format!("fetch GET http://app/after DialCallStatus=completed {OUTCOME}");
    check(
        "<Dial action='/after' method='GET'>+15550001111</Dial><Say>Never</Say>",
        &["dialled completed"],
        &["dial", &fetch],
    );
    let lines = run(
        facts(Mode::Call, true),
        "<Dial action='/after'>+15550001111</Dial>",
        &["dialled busy"],
    );
    assert!(lines[1].contains("DialCallStatus=busy") && lines[1].contains("DialBridged=false"));
}

#[test]
fn a_ringing_call_is_answered_before_or_by_the_bridge() {
    check_ringing("<Dial>+15550001111</Dial>", &[], &["answer", "dial"]);
    let late = "<Dial answerOnBridge='true'>+15550001111</Dial><Say>x</Say>";
    check_ringing(late, &["bridged", "dialled completed"], &["dial", "say x"]);
    check_ringing(late, &["dialled busy"], &["dial", "answer", "say x"]);
    check_ringing(
        "<Dial answerOnBridge='true'>+15550001111</Dial><Reject reason='busy'/>",
        &["dialled busy"],
        &["dial", "reject(busy)", "closed"],
    );
    // In a conference there is nobody to wait for.
    let room = "<Dial answerOnBridge='true'><Conference>r</Conference></Dial>";
    check_ringing(room, &[], &["answer", "dial"]);
}

#[test]
fn the_caller_leaves_by_star_or_by_hanging_up() {
    let fetch = format!("fetch POST http://app/a DialCallStatus=completed {OUTCOME}");
    let callback = format!("callback POST http://app/a DialCallStatus=completed {OUTCOME}");
    check(
        "<Dial hangupOnStar='true' action='/a'>+15550001111</Dial>",
        &["bridged", "press 1**", "dialled completed"],
        &["dial", "stop", &fetch],
    );
    let document = "<Dial action='/a'>+15550001111</Dial>";
    check(document, &["press *"], &["dial"]);
    check(document, &["hangup", "dialled completed"], &["dial", "stop", &callback, "closed"]);
    let silent = "<Dial>+15550001111</Dial><Say>x</Say>";
    check(silent, &["hangup", "dialled canceled"], &["dial", "stop", "closed"]);
    check(silent, &["redirected http://b/"], &["dial", "stop", "fetch POST http://b/"]);
}

#[test]
fn whom_to_call_can_be_written_in_many_ways() {
    let cases = [
        ("<Dial>+1 (555) 000-1111</Dial>", vec![number("+15550001111")]),
        ("<Dial><Number>415.555.1212</Number></Dial>", vec![number("4155551212")]),
        (
            "<Dial><Number>+1555</Number><Number sendDigits='ww1#'>+1556</Number></Dial>",
            vec![
                number("+1555"),
                Destination::Number { number: "+1556".into(), send_digits: Some("ww1#".into()) },
            ],
        ),
        (
            "<Dial><Client>alice</Client></Dial>",
            vec![Destination::Client { identity: "alice".into(), params: Vec::new() }],
        ),
        (
            "<Dial><Client><Identity>bob</Identity><Parameter name='a' value='b c'/></Client></Dial>",
            vec![Destination::Client {
                identity: "bob".into(),
                params: vec![("a".into(), "b c".into())],
            }],
        ),
        (
            "<Dial><Application customerId='c' copyParentTo='true'>\
             <ApplicationSid>AP00000000000000000000000000000001</ApplicationSid>\
             <Parameter name='a' value='b'/></Application></Dial>",
            vec![Destination::Application {
                sid: "AP00000000000000000000000000000001".into(),
                params: vec![("a".into(), "b".into())],
                customer: Some("c".into()),
                copy_parent_to: true,
            }],
        ),
    ];
    for (document, expected) in cases {
        let found: Vec<Destination> = endpoints(document).into_iter().map(|one| one.to).collect();
        assert_eq!(found, expected, "{document}");
        assert!(codes(document).is_empty(), "{document}");
    }
}

#[test]
fn sip_addresses_have_headers_and_alternatives() {
    let found = endpoints(
        "<Dial><Sip username='u' password='p'>sip:bob@example.com;transport=tcp?X-One=1&amp;X-Two=a%20b\
         </Sip></Dial>",
    );
    let uri = |uri: &str, priority, weight, username: &str| SipUri {
        uri: uri.into(),
        priority,
        weight,
        username: Some(username.to_owned()).filter(|name| !name.is_empty()),
        password: Some("p".to_owned()).filter(|_| !username.is_empty()),
    };
    let expected = Destination::Sip {
        uris: vec![uri("sip:bob@example.com;transport=tcp", 0, 0, "u")],
        headers: vec![("X-One".into(), "1".into()), ("X-Two".into(), "a b".into())],
    };
    assert_eq!(found[0].to, expected);
    let found = endpoints(
        "<Dial><Sip><Uri priority='1' weight='50' username='v' password='p'>sip:a@x.com</Uri>\
         <Uri priority='2'>sips:b@y.com</Uri>\
         <Headers><Header name='X-Three' value='3'/></Headers></Sip></Dial>",
    );
    let expected = Destination::Sip {
        uris: vec![uri("sip:a@x.com", 1, 50, "v"), uri("sips:b@y.com", 2, 0, "")],
        headers: vec![("X-Three".into(), "3".into())],
    };
    assert_eq!(found[0].to, expected);
}

#[test]
fn each_endpoint_has_its_document_and_its_callbacks() {
    let attributes = "url='/w' method='GET' statusCallback='/s' statusCallbackMethod='GET' \
                      statusCallbackEvent='initiated ringing answered'";
    let app = "AP00000000000000000000000000000001";
    let nouns = [
        format!("<Number {attributes}>+1555</Number>"),
        format!("<Sip {attributes}>sip:a@b.c</Sip>"),
        format!("<Client {attributes}>alice</Client>"),
        format!("<Application {attributes}>{app}</Application>"),
    ];
    let get = |url: &str| Hook { url: url.to_owned(), get: true };
    for noun in nouns {
        let one = endpoints(&format!("<Dial>{noun}</Dial>")).remove(0);
        assert_eq!(one.url, Some(get("http://app/w")), "{noun}");
        let status = one.status.expect("a callback");
        assert_eq!(status.hook, get("http://app/s"), "{noun}");
        let events = [CallEvent::Initiated, CallEvent::Ringing, CallEvent::Answered];
        assert_eq!(status.events, events, "{noun}");
    }
    let one = endpoints("<Dial><Number statusCallback='/s'>+1555</Number></Dial>").remove(0);
    assert_eq!(one.status.expect("a callback").events, [CallEvent::Completed]);
}

#[test]
fn how_to_dial_is_passed_on() {
    let plain = dial("<Dial>+1555</Dial>");
    let expected = Dial {
        to: Target::Endpoints(endpoints("<Dial>+1555</Dial>")),
        timeout_s: 30,
        time_limit_s: 14_400,
        caller_id: None,
        answer_on_bridge: false,
        sequential: false,
        ring_tone: None,
        record: None,
        recording_status: None,
        recording_configuration: None,
        refer: None,
        reason: None,
        events: None,
        passports: None,
    };
    assert_eq!(plain, expected);
    let found = dial(
        "<Dial timeout='20' timeLimit='60' callerId='+1999' answerOnBridge='true' \
         sequential='true' ringTone='uk' record='record-from-ringing-dual' \
         recordingTrack='inbound' trim='trim-silence' recordingStatusCallback='/r' \
         recordingStatusCallbackEvent='in-progress completed' recordingConfigurationId='c' \
         referUrl='/refer' referMethod='GET' callReason='Delivery' events='call-progress-event' \
         passports='abc'>+1555</Dial>",
    );
    let expected = Dial {
        timeout_s: 20,
        time_limit_s: 60,
        caller_id: Some("+1999".into()),
        answer_on_bridge: true,
        sequential: true,
        ring_tone: Some("uk".into()),
        record: Some(DialRecord {
            from: RecordFrom::Ringing,
            dual: true,
            track: Track::Inbound,
            trim: true,
        }),
        recording_status: Some(StatusCallback {
            hook: hook("http://app/r"),
            events: vec![RecordingEvent::InProgress, RecordingEvent::Completed],
        }),
        recording_configuration: Some("c".into()),
        refer: Some(Hook { url: "http://app/refer".into(), get: true }),
        reason: Some("Delivery".into()),
        events: Some("call-progress-event".into()),
        passports: Some("abc".into()),
        ..expected
    };
    assert_eq!(found, expected);
    let record = |value: &str| {
        let record = dial(&format!("<Dial record='{value}'>+1555</Dial>")).record;
        record.map(|record| (record.from, record.dual))
    };
    assert_eq!(record("true"), Some((RecordFrom::Answer, false)));
    assert_eq!(record("record-from-answer"), Some((RecordFrom::Answer, false)));
    assert_eq!(record("record-from-ringing"), Some((RecordFrom::Ringing, false)));
    assert_eq!(record("record-from-answer-dual"), Some((RecordFrom::Answer, true)));
    assert_eq!((record("false"), record("do-not-record")), (None, None));
}

#[test]
fn a_conference_is_joined_as_its_attributes_say() {
    let plain = conference("<Dial><Conference>Room 1</Conference></Dial>");
    let expected = Conference {
        name: "Room 1".into(),
        muted: false,
        beep: Beep::Both,
        start_on_enter: true,
        end_on_exit: false,
        label: None,
        participants_max: 250,
        wait: Wait::Default,
        record: false,
        trim: true,
        region: None,
        jitter_buffer: "large",
        coach: None,
        status: None,
        recording_status: None,
        event_callback: None,
        recording_configuration: None,
    };
    assert_eq!(plain, expected);
    let found = conference(
        "<Dial><Conference muted='true' beep='onExit' startConferenceOnEnter='false' \
         endConferenceOnExit='true' participantLabel='agent' maxParticipants='5' waitUrl='/w' \
         waitMethod='GET' record='record-from-start' trim='do-not-trim' region='ie1' \
         jitterBufferSize='off' coach='CA00000000000000000000000000000001' statusCallback='/s' \
         statusCallbackEvent='start end join leave mute hold modify speaker announcement' \
         recordingStatusCallback='/r' eventCallbackUrl='/e' recordingConfigurationId='c'>Room 1\
         </Conference></Dial>",
    );
    let status = found.status.clone().expect("a callback");
    assert_eq!((status.hook.url.as_str(), status.events.len()), ("http://app/s", 9));
    let expected = Conference {
        muted: true,
        beep: Beep::OnExit,
        start_on_enter: false,
        end_on_exit: true,
        label: Some("agent".into()),
        participants_max: 5,
        wait: Wait::Hook(Hook { url: "http://app/w".into(), get: true }),
        record: true,
        trim: false,
        region: Some("ie1".into()),
        jitter_buffer: "off",
        coach: Some("CA00000000000000000000000000000001".into()),
        status: Some(status),
        recording_status: Some(StatusCallback {
            hook: hook("http://app/r"),
            events: vec![RecordingEvent::Completed],
        }),
        event_callback: Some("http://app/e".into()),
        recording_configuration: Some("c".into()),
        ..expected
    };
    assert_eq!(found, expected);
    let silent = conference("<Dial><Conference waitUrl='' beep='false'>r</Conference></Dial>");
    assert_eq!((silent.wait, silent.beep), (Wait::Silence, Beep::Never));
}

#[test]
fn a_queue_can_be_dialled() {
    let document = "<Dial><Queue url='/about' method='GET'>support</Queue></Dial>";
    let url = Some(Hook { url: "http://app/about".into(), get: true });
    assert_eq!(dial(document).to, Target::Queue(Queue { name: "support".into(), url }));
    assert_eq!(codes("<Dial><Queue/></Dial>"), [14212]);
    let long = "x".repeat(65);
    assert_eq!(codes(&format!("<Dial><Queue>{long}</Queue></Dial>")), [14213]);
    assert_eq!(codes("<Dial><Queue method='PUT'>q</Queue></Dial>"), [14210]);
    assert_eq!(codes("<Dial><Queue reservationSid='WR1'>q</Queue></Dial>"), [12200]);
}

#[test]
fn nobody_to_call_is_a_failed_call() {
    let failed = "fetch POST http://app/a DialCallStatus=failed DialBridged=false";
    for (noun, code) in [
        ("", "warning 13223"),
        ("<Number>call me</Number>", "warning 13223"),
        ("<Number>+12345678901234567</Number>", "warning 13223"),
        ("<Client>alice</Client>", "warning 13215"),
        ("<WhatsApp>+1555</WhatsApp>", "warning 13215"),
        ("<Sim>DE1</Sim>", "warning 13215"),
        ("<Verto>x</Verto>", "warning 13215"),
        ("<Sip>sip:</Sip>", "warning 13243"),
        ("<Sip>sip:a b@c</Sip>", "warning 13243"),
        ("<Conference/>", "warning 13237"),
        ("<Application>x</Application>", "warning 12200"),
    ] {
        check(&format!("<Dial action='/a'>{noun}</Dial>"), &[], &[code, failed]);
        check(&format!("<Dial>{noun}</Dial><Say>x</Say>"), &[], &[code, "say x"]);
    }
}

#[test]
fn bad_values_of_dial_have_their_codes() {
    let cases = [
        ("method='PUT'", 13210),
        ("timeout='0'", 13212),
        ("timeout='601'", 13212),
        ("hangupOnStar='x'", 13213),
        ("timeLimit='86401'", 13216),
        ("record='always'", 13217),
        ("recordingTrack='x'", 13622),
        ("trim='x'", 13699),
        ("sequential='x'", 13218),
        ("answerOnBridge='x'", 13219),
        ("ringTone='xx'", 13220),
        ("referMethod='x'", 12200),
        ("callReason='012345678901234567890123456789012345678901234567890'", 32115),
        ("ifMachine='Hangup'", 12200),
    ];
    for (attribute, code) in cases {
        assert_eq!(codes(&format!("<Dial {attribute}>+1555</Dial>")), [code], "{attribute}");
    }
    assert_eq!(codes("<Dial>text<Number>+1555</Number></Dial>"), [12200]);
    let eleven = "<Number>+1555</Number>".repeat(11);
    assert_eq!(codes(&format!("<Dial>{eleven}</Dial>")), [13250]);
    assert_eq!(endpoints(&format!("<Dial>{eleven}</Dial>")).len(), 10);
}

#[test]
fn bad_values_of_nouns_have_their_codes() {
    let cases = [
        ("<Number method='PUT'>+1555</Number>", 13221),
        ("<Number sendDigits='x'>+1555</Number>", 13222),
        ("<Number byoc='BY1'>+1555</Number>", 12200),
        ("<Number machineDetection='Enable'>+1555</Number>", 12200),
        ("<Number statusCallbackEvent='busy'>+1555</Number>", 12200),
        ("<Sip method='PUT'>sip:a@b.c</Sip>", 13241),
        ("<Sip>sip:a@b.c?From=x</Sip>", 13252),
        ("<Sip>sip:a@b.c<Blink/></Sip>", 12200),
        ("<Conference muted='x'>r</Conference>", 13230),
        ("<Conference endConferenceOnExit='x'>r</Conference>", 13231),
        ("<Conference startConferenceOnEnter='x'>r</Conference>", 13232),
        ("<Conference waitMethod='x'>r</Conference>", 13234),
        ("<Conference beep='x'>r</Conference>", 13235),
        ("<Conference trim='x'>r</Conference>", 13239),
        ("<Conference coach='x'>r</Conference>", 13240),
        ("<Conference record='true'>r</Conference>", 13217),
        ("<Conference maxParticipants='1'>r</Conference>", 12200),
        ("<Conference region='mars'>r</Conference>", 12200),
        ("<Conference jitterBufferSize='x'>r</Conference>", 12200),
        ("<Conference waitUrl='ftp://x/'>r</Conference>", 11100),
        ("<Conference statusCallback='/s' statusCallbackEvent='x'>r</Conference>", 12200),
        ("<Conference>r</Conference><Number>+1555</Number>", 13000),
        ("<Queue>r</Queue><Queue>s</Queue>", 13000),
        ("<Application copyParentTo='x'>AP00000000000000000000000000000001</Application>", 12200),
    ];
    for (noun, code) in cases {
        assert_eq!(codes(&format!("<Dial>{noun}</Dial>")), [code], "{noun}");
    }
    let long = format!("<Dial><Sip>sip:a@b.c?X-A={}</Sip></Dial>", "x".repeat(1_025));
    assert_eq!(codes(&long), [13253]);
    let long = format!("<Dial><Sip>sip:{}@b.c</Sip></Dial>", "x".repeat(255));
    assert_eq!(codes(&long)[0], 13243);
    let long = format!("<Dial><Client>{}</Client></Dial>", "x".repeat(122));
    assert_eq!(codes(&long)[0], 12200);
}
