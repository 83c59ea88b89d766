//! Say, Play, Pause, and the ends of calls.

use super::*;

#[test]
fn verbs_run_in_order_and_the_end_hangs_up() {
    check(
        "<Say>Hello</Say><Play loop='2'>/m.mp3</Play><Pause length='3'/><Play digits='1w#'/>",
        &["finished", "finished", "wait 3", "finished"],
        &["say Hello", "play http://app/m.mp3 x2", "digits 1w#", "hangup", "closed"],
    );
}

#[test]
fn a_call_that_rings_is_answered_by_the_first_verb_that_needs_it() {
    check_ringing("<Say>Hello</Say>", &[], &["answer", "say Hello"]);
    check_ringing("<Pause/><Say>Hello</Say>", &[], &[]);
    check_ringing("<Pause/><Say>Hello</Say>", &["wait 1"], &["answer", "say Hello"]);
    check_ringing("<Hangup/>", &[], &["answer", "hangup", "closed"]);
    check_ringing("", &[], &["answer", "hangup", "closed"]);
    check_ringing("<Redirect>/x</Redirect>", &[], &["fetch POST http://app/x"]);
}

#[test]
fn only_a_call_that_rings_can_be_rejected() {
    check_ringing("<Reject/><Say>x</Say>", &[], &["reject(rejected)", "closed"]);
    check_ringing("<Reject reason='busy'/>", &[], &["reject(busy)", "closed"]);
    check_ringing("<Pause/><Reject/>", &["wait 1"], &["reject(rejected)", "closed"]);
    check_ringing("<Reject reason='x'/>", &[], &["warning 13810", "reject(rejected)", "closed"]);
    check("<Reject/>", &[], &["warning 12200", "hangup", "closed"]);
}

#[test]
fn what_plays_is_stopped_by_a_hangup_or_a_redirect() {
    check("<Say>Hello</Say>", &["hangup"], &["say Hello", "stop playing", "closed"]);
    check(
        "<Say>Hello</Say>",
        &["redirected http://b/", "finished", "document <Say>New</Say>"],
        &["say Hello", "stop playing", "fetch POST http://b/", "say New"],
    );
    check("<Pause length='9'/><Say>x</Say>", &["hangup"], &["closed"]);
}

#[test]
fn loops_have_bounds() {
    check("<Say loop='0'>x</Say>", &[], &["say x x1000"]);
    check("<Play loop='5000'>http://m/</Play>", &[], &["play http://m/ x1000"]);
    check("<Say loop='-1'>x</Say>", &[], &["warning 13510", "say x"]);
    check("<Play loop='many'>http://m/</Play>", &[], &["warning 13410", "play http://m/"]);
}

#[test]
fn voices_and_languages_are_passed_on() {
    let Output::Say(_, say) = first("<Say voice='Polly.Emma' language='en-GB'>Hi</Say>") else {
        panic!("something said");
    };
    assert_eq!(say.voice.as_deref(), Some("Polly.Emma"));
    assert_eq!(say.language.as_deref(), Some("en-GB"));
    assert_eq!(codes("<Say voice='Robot'>Hi</Say>"), [13511]);
    assert_eq!(codes("<Say language='English!'>Hi</Say>"), [13512]);
}

#[test]
fn text_has_bounds() {
    assert_eq!(codes("<Say/>"), [13520]);
    assert_eq!(codes("<Say>  </Say>"), [13520]);
    let long = "x".repeat(4_096);
    assert!(codes(&format!("<Say>{long}</Say>")).is_empty());
    assert_eq!(codes(&format!("<Say>{long}x</Say>")), [13521]);
    assert_eq!(codes(&format!("<Say voice='Polly.Amy'>{long}</Say>")), [13521]);
    check("<Say/><Say>on</Say>", &[], &["warning 13520", "say on"]);
}

#[test]
fn ssml_becomes_a_tree() {
    let Output::Say(_, say) = first(
        "<Say>\n One\n <break strength='strong' time='1.5s'/><emphasis level='reduced'>two</emphasis>, \
         <prosody rate='85%' volume='+6dB' pitch='x-high'><p>three <s>four</s></p></prosody>\
         <say-as interpret-as='date' format='mdy'>10/11/12</say-as> <!-- then -->\
         <sub alias='hypertext'>HTML</sub>-<lang xml:lang='fr-FR'>cinq</lang> or <!-- so -->\n \
         <phoneme alphabet='ipa' ph='pɪˈkɑːn'>pecan</phoneme> <w role='x:VB'>read</w> </Say>",
    ) else {
        panic!("something said");
    };
    let text = |words: &str| Speech::Text(words.to_owned());
    let expected = vec![
        text("One "),
        Speech::Break { strength: BreakStrength::Strong, time_ms: Some(1_500) },
        Speech::Emphasis(EmphasisLevel::Reduced, vec![text("two")]),
        text(", "),
        Speech::Prosody(
            Prosody {
                volume: Some("+6dB".into()),
                rate: Some("85%".into()),
                pitch: Some("x-high".into()),
            },
            vec![Speech::Paragraph(vec![text("three "), Speech::Sentence(vec![text("four")])])],
        ),
        Speech::SayAs("date".into(), Some("mdy".into()), "10/11/12".into()),
        text(" "),
        Speech::Sub("hypertext".into(), "HTML".into()),
        text("-"),
        Speech::Lang("fr-FR".into(), vec![text("cinq")]),
        text(" or "),
        Speech::Phoneme { alphabet: "ipa".into(), ph: "pɪˈkɑːn".into(), text: "pecan".into() },
        text(" "),
        Speech::Word(Some("x:VB".into()), vec![text("read")]),
    ];
    assert_eq!(say.speech, expected);
    assert_eq!(plain(&say.speech), "One two, three four 10/11/12 hypertext-cinq or pecan read");
}

#[test]
fn bad_ssml_is_told_and_its_words_are_said() {
    let cases = [
        ("<Say>a<break time='1h'/></Say>", 12200),
        ("<Say>a<break time='11s'/></Say>", 12200),
        ("<Say>a<break strength='huge'/></Say>", 12200),
        ("<Say><prosody rate='often'>a</prosody></Say>", 13513),
        ("<Say><prosody pitch='NaN%'>a</prosody></Say>", 12200),
        ("<Say><say-as interpret-as='poem'>a</say-as></Say>", 12200),
        ("<Say><phoneme alphabet='ipa'>a</phoneme></Say>", 12200),
        ("<Say><lang>a</lang></Say>", 12200),
        ("<Say><speak>a</speak></Say>", 12200),
        ("<Say><emphasis level='very'>a</emphasis></Say>", 12200),
    ];
    for (document, code) in cases {
        assert_eq!(codes(document), [code], "{document}");
        let Output::Say(_, say) = first(document) else { panic!("{document}") };
        assert_eq!(plain(&say.speech), "a", "{document}");
    }
}

#[test]
fn play_needs_something_to_play() {
    assert_eq!(codes("<Play/>"), [11100]);
    assert_eq!(codes("<Play>ftp://m/</Play>"), [11100]);
    assert_eq!(codes("<Play digits='1x'/>"), [13430, 11100]);
    check("<Play digits='1'>http://m/</Play>", &[], &["warning 12200", "digits 1"]);
}

#[test]
fn pauses_have_bounds() {
    for length in ["0", "-1", "x", "1.5", "+2", "99999999999"] {
        assert_eq!(codes(&format!("<Pause length='{length}'/>")), [13910], "{length}");
    }
    check("<Pause length='0'/>", &["wait 1"], &["warning 13910", "hangup", "closed"]);
}
