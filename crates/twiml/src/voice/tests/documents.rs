//! How documents are had, read, and replaced.

use super::*;

const APOLOGY: &str = "say Sorry, the application that runs this call has failed. Goodbye.";

fn fetch(fallback: Option<&str>) -> Start {
    Start::Fetch { primary: hook(URL), fallback: fallback.map(hook) }
}

/// The effects of one answer.
fn answered(fetched: Fetched) -> Vec<String> {
    let mut world = World::new(fetch(None), facts(Mode::Call, true));
    world.lines.clear();
    let id = world.fetch.expect("a fetch");
    world.give(Input::Fetched(id, fetched));
    world.lines
}

#[test]
fn an_answer_is_read_by_its_type() {
    let say = "<Response><Say>Hi</Say></Response>";
    for kind in ["text/xml", "application/xml; charset=utf-8", "text/html", "text/plain"] {
        assert_eq!(answered(answer(kind, say)), ["say Hi"], "{kind}");
    }
    assert_eq!(answered(answer("text/plain", "Hello there")), ["say Hello there"]);
    assert_eq!(answered(answer("text/plain", "<3 you")), ["say <3 you"]);
    assert_eq!(answered(answer("audio/mpeg", "ID3")), ["play http://app/voice"]);
    assert_eq!(answered(answer("text/xml", "")), ["warning 11770", "hangup"]);
    for (kind, body, error) in [
        ("application/json", "{}", "error 12300"),
        ("", say, "error 12300"),
        ("text/xml", "<Response>", "error 12100"),
        ("text/xml", "<response/>", "error 12102"),
        ("text/xml", "Hello", "error 12100"),
    ] {
        assert_eq!(answered(answer(kind, body)), [error, APOLOGY], "{kind} {body}");
    }
    let large = " ".repeat(crate::DOCUMENT_MAX);
    let large = answer("text/xml", &format!("<Response>{large}</Response>"));
    assert_eq!(answered(large), ["error 11750", APOLOGY]);
    let gone = Fetched { status: 404, ..answer("text/xml", say) };
    assert_eq!(answered(gone), ["error 11200", APOLOGY]);
}

#[test]
fn nothing_is_passed_over_in_silence() {
    check(
        "words<say>x</say><Blink/><Connect><Stream url='wss://x'/></Connect><Pay/><Start/><Stop/>\
         <Prompt/><Queue/><Say colour='red'>on</Say>",
        &[],
        &[
            "warning 12200",
            "warning 12200",
            "warning 12200",
            "warning 13750",
            "warning 13750",
            "warning 13750",
            "warning 13750",
            "warning 12200",
            "warning 12200",
            "warning 12200",
            "say on",
        ],
    );
    let many = "<Blink/>".repeat(60);
    assert_eq!(codes(&many).len(), 51);
}

#[test]
fn the_spelling_is_hinted_at() {
    let (_, problems) = parse::markup("<Response><say>x</say></Response>", None, Mode::Call, false);
    assert!(problems[0].message.contains("<Say>"), "{problems:?}");
}

#[test]
fn the_fallback_is_asked_with_the_reason() {
    let mut world = World::new(fetch(Some("http://backup/")), facts(Mode::Call, false));
    world.happen("failed 11202");
    world.happen("failed 11200");
    world.happen("finished");
    let expected = [
        "fetch POST http://app/voice",
        "error 11202",
        "fetch POST http://backup/ ErrorCode=11202 ErrorUrl=http://app/voice",
        "error 11200",
        "answer",
        APOLOGY,
        "hangup",
    ];
    assert_eq!(world.lines, expected);
}

#[test]
fn the_fallback_serves_the_whole_call() {
    let mut world = World::new(fetch(Some("http://backup/")), facts(Mode::Call, true));
    let happens = [
        "document <Redirect>/a</Redirect>",
        "failed 11200",
        "document <Say>x</Say><Redirect>/b</Redirect>",
        "finished",
        "failed 11210",
    ];
    happens.iter().for_each(|words| world.happen(words));
    let asked: Vec<&String> =
        world.lines.iter().filter(|line| line.contains("http://backup/")).collect();
    assert_eq!(asked.len(), 2, "{:?}", world.lines);
    assert!(asked[1].ends_with("ErrorCode=11210 ErrorUrl=http://app/b"));
}

#[test]
fn documents_that_only_lead_on_come_to_an_end() {
    let mut world = World::new(fetch(Some("http://backup/")), facts(Mode::Call, true));
    let mut documents = 0;
    while world.lines.last().is_some_and(|line| line.starts_with("fetch")) {
        world.happen("document <Redirect>/again</Redirect>");
        documents += 1;
        assert!(documents < 1_000, "it ends");
    }
    assert_eq!(documents, IDLE_DOCUMENTS_MAX);
    assert_eq!(world.lines[world.lines.len() - 2..], ["error 11215", APOLOGY]);
    // Whatever takes time makes it another matter.
    let mut world = World::new(fetch(None), facts(Mode::Call, true));
    for _ in 0..IDLE_DOCUMENTS_MAX * 2 {
        world.happen("document <Pause/><Redirect>/again</Redirect>");
        world.wait(1);
    }
    assert!(world.lines.last().is_some_and(|line| line.starts_with("fetch")));
    // What can't be played and texts take none.
    for (verb, end) in [("<Play>/gone</Play>", "finished"), ("<Sms>x</Sms>", "sent")] {
        let mut world = World::new(fetch(None), facts(Mode::Call, true));
        for _ in 0..IDLE_DOCUMENTS_MAX {
            world.happen(&format!("document {verb}<Redirect>/again</Redirect>"));
            world.happen(end);
        }
        assert!(world.lines.contains(&"error 11215".to_owned()), "{verb}");
    }
}

#[test]
fn only_the_newest_fetch_counts() {
    let mut world = World::new(fetch(None), facts(Mode::Call, true));
    let old = world.fetch.expect("a fetch");
    world.happen("redirected http://b/");
    world.give(Input::Fetched(old, response("<Say>Old</Say>")));
    world.give(Input::Failed(old, 11200, String::new()));
    world.happen("document <Say>New</Say>");
    let lines = ["fetch POST http://app/voice", "fetch POST http://b/", "say New"];
    assert_eq!(world.lines, lines);
    world.give(Input::Fetched(old, response("<Say>Old</Say>")));
    assert_eq!(world.lines.len(), 3);
}

#[test]
fn a_hangup_while_a_document_is_fetched_ends_it() {
    let mut world = World::new(fetch(None), facts(Mode::Call, false));
    world.happen("hangup");
    world.happen("document <Say>x</Say>");
    assert!(world.call.is_closed());
    assert_eq!(world.lines.len(), 1);
}

#[test]
fn a_document_without_an_address_needs_absolute_ones() {
    let inline = |body: &str| {
        let start = Start::Inline(format!("<Response>{body}</Response>"));
        World::new(start, facts(Mode::Call, true))
    };
    assert_eq!(inline("<Say>x</Say>").lines, ["say x"]);
    assert_eq!(inline("<Pause length='2'/>").call.wake_at(), Some(Instant::from_secs(1_002)));
    assert_eq!(inline("<Gather/>").lines, ["warning 15004"]);
    assert_eq!(inline("<Record/>").lines, ["warning 15004", "record"]);
    assert_eq!(inline("<Gather action='/x'/>").lines, ["warning 15004"]);
    assert!(inline("<Gather action='http://x/'/>").lines.is_empty());
    assert_eq!(inline("<Redirect>http://x/</Redirect>").lines, ["fetch POST http://x/"]);
    let lines = inline("<Redirect>/x</Redirect>").lines;
    assert_eq!(lines, ["warning 15004", "error 11100", APOLOGY]);
    let mut world = inline("<Gather numDigits='1'/>");
    world.happen("press 1");
    assert_eq!(world.lines, ["warning 15004", "error 11100", APOLOGY]);
    assert_eq!(World::new(Start::Inline("x".into()), facts(Mode::Call, true)).lines.len(), 2);
}

#[test]
fn relative_addresses_begin_at_the_document() {
    let fetched = Fetched {
        url: "https://app.example/ivr/start?lang=en#rc=2".into(),
        ..response("<Play>a.mp3</Play><Gather/>")
    };
    let mut world = World::new(fetch(None), facts(Mode::Call, true));
    let id = world.fetch.expect("a fetch");
    world.give(Input::Fetched(id, fetched));
    world.happen("finished");
    world.happen("press 1#");
    assert_eq!(world.lines[1], "play https://app.example/ivr/a.mp3");
    assert!(world.lines[2].starts_with("fetch POST https://app.example/ivr/start?lang=en msg="));
}

#[test]
fn a_live_call_takes_a_given_document() {
    let mut world = World::new(fetch(None), facts(Mode::Call, true));
    world.happen("document <Say>Old</Say>");
    let start = Start::Inline("<Response><Say>New</Say></Response>".into());
    world.give(Input::Redirected(start));
    world.happen("hangup");
    let start = Start::Inline("<Response><Say>Late</Say></Response>".into());
    world.give(Input::Redirected(start));
    let expected = ["say Old", "stop playing", "say New", "stop playing"];
    assert_eq!(world.lines[1..], expected);
    assert!(world.call.is_closed());
}

#[test]
fn hostile_documents_end_in_errors_or_bounds() {
    let bomb = "<!DOCTYPE r [<!ENTITY a 'aaaa'>]><Response><Say>&a;</Say></Response>";
    assert_eq!(answered(answer("text/xml", bomb)), ["error 12100", APOLOGY]);
    let deep = format!("<Say>{}x{}</Say>", "<p>".repeat(40), "</p>".repeat(40));
    assert_eq!(answered(response(&deep)), ["error 12100", APOLOGY]);
    let wide = "<Hangup/>".repeat(5_000);
    assert_eq!(answered(response(&wide)), ["error 12100", APOLOGY]);
    let bytes = Fetched { body: vec![0xff, 0xfe, 0x00], ..response("") };
    assert_eq!(answered(bytes), ["error 12100", APOLOGY]);
    let long = "9".repeat(60_000);
    assert_eq!(answered(response(&format!("<Pause length='{long}'/>"))), ["warning 13910"]);
}
