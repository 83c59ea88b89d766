//! Enqueue, Leave, and the documents of those who wait.

use super::*;

#[test]
fn leaving_a_queue_is_told_to_the_action() {
    let told = "QueueResult=leave QueueSid=QU1 QueueTime=3";
    check(
        "<Enqueue action='/left'>support</Enqueue>",
        &["dequeued leave"],
        &["enqueue support", &format!("fetch POST http://app/left {told}")],
    );
    check(
        "<Enqueue>support</Enqueue><Say>Back</Say>",
        &["dequeued bridged"],
        &["enqueue support", "say Back"],
    );
    check_ringing("<Enqueue>q</Enqueue>", &[], &["answer", "enqueue q"]);
}

#[test]
fn a_hangup_and_a_redirect_are_told_to_the_action_too() {
    let hangup =
        "callback GET http://app/left QueueResult=hangup QueueSid=QU1 QueueTime=3".to_owned();
    check(
        "<Enqueue action='/left' method='GET'>q</Enqueue>",
        &["hangup", "dequeued hangup"],
        &["enqueue q", "stop", &hangup, "closed"],
    );
    check(
        "<Enqueue action='/left'>q</Enqueue>",
        &["redirected http://b/", "dequeued redirected", "dequeued redirected"],
        &[
            "enqueue q",
            "stop",
            "fetch POST http://b/",
            "callback POST http://app/left QueueResult=redirected QueueSid=QU1 QueueTime=3",
        ],
    );
}

#[test]
fn how_to_wait_is_passed_on() {
    let enqueue = |document: &str| {
        let Output::Enqueue(_, enqueue) = first(document) else { panic!("{document}") };
        enqueue
    };
    let plain = enqueue("<Enqueue>q</Enqueue>");
    assert_eq!(plain, Enqueue { name: "q".into(), wait: Wait::Default, size_max: None });
    let found = enqueue("<Enqueue waitUrl='/w' maxQueueSize='7'>q</Enqueue>");
    assert_eq!((found.wait, found.size_max), (Wait::Hook(hook("http://app/w")), Some(7)));
    let found = enqueue("<Enqueue waitUrl='/w' waitUrlMethod='GET'>q</Enqueue>");
    assert_eq!(found.wait, Wait::Hook(Hook { url: "http://app/w".into(), get: true }));
    assert_eq!(enqueue("<Enqueue waitUrl=''>q</Enqueue>").wait, Wait::Silence);
}

#[test]
fn what_cannot_be_queued_is_an_error_to_the_action() {
    let error = "fetch POST http://app/a QueueResult=error";
    check("<Enqueue action='/a'/>", &[], &["warning 14204", error]);
    check("<Enqueue workflowSid='WW1' action='/a'>x</Enqueue>", &[], &["warning 14226", error]);
    check(
        "<Enqueue action='/a'><Task priority='1'>{}</Task></Enqueue>",
        &[],
        &["warning 14226", error],
    );
    let long = "x".repeat(65);
    assert_eq!(codes(&format!("<Enqueue>{long}</Enqueue>")), [14205]);
    for (attribute, code) in [
        ("method='PUT'", 14201),
        ("waitUrlMethod='PUT'", 14206),
        ("maxQueueSize='0'", 12200),
        ("maxQueueSize='5001'", 12200),
        ("action='ftp://x/'", 11100),
        ("priority='1'", 12200),
    ] {
        assert_eq!(codes(&format!("<Enqueue {attribute}>q</Enqueue>")), [code], "{attribute}");
    }
}

#[track_caller]
fn wait(mode: Mode, document: &str, happens: &[&str], effects: &[&str]) {
    assert_eq!(run(facts(mode, true), document, happens), effects, "{document}");
}

#[test]
fn a_wait_document_is_asked_for_again_when_it_played() {
    for mode in [Mode::QueueWait, Mode::ConferenceWait] {
        wait(
            mode,
            "<Play>/m</Play>",
            &["finished", "document <Say>x</Say>", "finished"],
            &[
                "play http://app/m",
                "fetch POST http://app/voice",
                "say x",
                "fetch POST http://app/voice",
            ],
        );
        wait(mode, "", &[], &["done", "closed"]);
        wait(
            mode,
            "<Play>/m</Play>",
            &["hangup"],
            &["play http://app/m", "stop playing", "closed"],
        );
    }
}

#[test]
fn leave_takes_the_caller_out() {
    wait(
        Mode::QueueWait,
        "<Gather numDigits='1' action='/go'><Say>x</Say></Gather>",
        &["press 1", "document <Leave/><Say>never</Say>"],
        &[
            "say x",
            "stop playing",
            "fetch POST http://app/go msg=Gather End Digits=1 FinishedOnKey=",
            "leave",
            "closed",
        ],
    );
    wait(Mode::QueueWait, "<Hangup/>", &[], &["hangup", "closed"]);
    check("<Leave/><Say>x</Say>", &[], &["warning 12200", "say x"]);
}

#[test]
fn a_screening_document_lets_the_call_through_or_refuses_it() {
    let mode = Mode::Screening;
    wait(mode, "<Say>A call</Say>", &["finished"], &["say A call", "done", "closed"]);
    wait(mode, "", &[], &["done", "closed"]);
    wait(mode, "<Hangup/>", &[], &["hangup", "closed"]);
    wait(
        mode,
        "<Gather numDigits='1'/><Hangup/>",
        &["press 1", "document <Say>Good</Say>", "finished"],
        &[
            "fetch POST http://app/voice msg=Gather End Digits=1 FinishedOnKey=",
            "say Good",
            "done",
            "closed",
        ],
    );
    wait(mode, "<Gather/><Hangup/>", &["wait 5"], &["hangup", "closed"]);
    wait(mode, "<Say>x</Say><Dial>+1555</Dial>", &[], &["error 13201", "hangup", "closed"]);
}

#[test]
fn each_kind_of_document_has_its_verbs() {
    let cases = [
        (Mode::Screening, "<Record/>", "warning 12200"),
        (Mode::Screening, "<Enqueue>q</Enqueue>", "warning 12200"),
        (Mode::QueueWait, "<Record/>", "warning 12200"),
        (Mode::QueueWait, "<Dial>+1555</Dial>", "warning 12200"),
        (Mode::QueueWhisper, "<Gather/>", "warning 12200"),
        (Mode::ConferenceWait, "<Gather/>", "warning 13238"),
        (Mode::ConferenceWait, "<Hangup/>", "warning 13238"),
    ];
    for (mode, document, warning) in cases {
        wait(mode, document, &[], &[warning, "done", "closed"]);
    }
    wait(Mode::QueueWhisper, "<Say>x</Say>", &["finished"], &["say x", "done", "closed"]);
}

#[test]
fn a_wait_document_that_fails_leaves_silence() {
    let failed = "document <Oops>";
    wait(
        Mode::QueueWait,
        "<Redirect>/x</Redirect>",
        &[failed],
        &["fetch POST http://app/x", "error 12100", "done", "closed"],
    );
    wait(
        Mode::Screening,
        "<Redirect>/x</Redirect>",
        &["failed 11200"],
        &["fetch POST http://app/x", "error 11200", "hangup", "closed"],
    );
}
