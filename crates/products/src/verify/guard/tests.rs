//! The rules on their own, in a play with an attack, and over a past.

use base::{AccountSid, Instant, Sid};

use crate::lookup::model::LineType;
use crate::verify::guard::replay::{self, Replay};
use crate::verify::guard::rules::{self, Facts, Level, Memory, Rules};
use crate::verify::guard::simulation::play;
use crate::verify::guard::store::Logged;

fn facts(number: &str, at_s: i64) -> Facts {
    let country = if number.starts_with("+1") { "US" } else { "GB" };
    Facts {
        now: Instant::from_secs(1_700_000_000 + at_s),
        number: number.to_owned(),
        country: country.to_owned(),
        ip: None,
        device: None,
        line: rules::line_of(number),
    }
}

/// Asks, and sends when it may; the rule that decided.
fn ask(rules: &Rules, book: &mut Memory, level: Level, facts: &Facts) -> (bool, &'static str) {
    let Ok(decision) = rules::decide(rules, level, facts, book);
    if decision.allowed {
        let Ok(()) = rules::sent(rules, facts, book);
    }
    (decision.allowed, decision.rule)
}

#[test]
fn most_of_an_attack_is_stopped_and_hardly_anybody_honest_refused() {
    for seed in 1..=12 {
        let outcome = play(seed, &Rules::default(), Level::Standard);
        assert!(outcome.stopped_percent() > 95.0, "{outcome}");
        assert!(outcome.refused_percent() < 0.5, "{outcome}");
        assert_eq!(outcome, play(seed, &Rules::default(), Level::Standard), "one seed, one play");
        let open = play(seed, &Rules::default(), Level::Off);
        assert_eq!((open.caught, open.refused), (0, 0), "{open}");
    }
}

#[test]
fn neighbours_in_a_row_are_refused_until_one_answers() {
    let (rules, mut book) = (Rules::default(), Memory::default());
    for number in 0..3 {
        let facts = facts(&format!("+1555867200{number}"), number);
        assert_eq!(ask(&rules, &mut book, Level::Standard, &facts), (true, "fits"));
    }
    let fourth = facts("+15558672003", 4);
    assert_eq!(ask(&rules, &mut book, Level::Standard, &fourth), (false, "sequence"));
    assert!(ask(&rules, &mut book, Level::Basic, &fourth).0);
    let Ok(()) = rules::answered(&rules, &facts("+15558672001", 5), &mut book);
    assert!(ask(&rules, &mut book, Level::Standard, &facts("+15558672004", 6)).0);
}

#[test]
fn a_number_that_answered_before_passes_where_its_range_does_not() {
    let (rules, mut book) = (Rules::default(), Memory::default());
    let known = facts("+447700900123", 0);
    assert!(ask(&rules, &mut book, Level::Standard, &known).0);
    let Ok(()) = rules::answered(&rules, &known, &mut book);
    let mut refused = 0;
    for number in 0..20 {
        let facts = facts(&format!("+44770090{:04}", number * 400 + 7), 60 + number);
        refused += u32::from(!ask(&rules, &mut book, Level::Standard, &facts).0);
    }
    assert!(refused > 9, "{refused} refused");
    let later = facts("+447700900123", 3_600);
    assert_eq!(ask(&rules, &mut book, Level::Standard, &later), (true, "known"));
    // What is counted loses its weight.
    let days_later = facts("+447700905555", 20 * 86_400);
    assert!(ask(&rules, &mut book, Level::Standard, &days_later).0);
}

#[test]
fn dear_ranges_are_for_known_numbers_only_at_the_strictest() {
    let (rules, mut book) = (Rules::default(), Memory::default());
    let satellite = facts("+881612345678", 0);
    assert_eq!(ask(&rules, &mut book, Level::Max, &satellite), (false, "dear_range"));
    assert!(ask(&rules, &mut book, Level::Standard, &satellite).0);
    assert_eq!(ask(&rules, &mut book, Level::Off, &satellite), (true, "off"));
}

fn past(number: u8, allowed: bool, answered: bool) -> Logged {
    let at = Instant::from_secs(1_700_000_000 + i64::from(number));
    Logged {
        account: AccountSid::from_bytes([1; 16]),
        sid: base::EventSid::new(at, [number; 10]).bytes(),
        service: [2; 16],
        target: format!("+1555867{:04}", 1_000 + 100 * u32::from(number)),
        country: "US".to_owned(),
        ip: None,
        device: None,
        level: "standard".to_owned(),
        allowed,
        rule: if allowed { "fits" } else { "range" }.to_owned(),
        why: String::new(),
        answered_at: answered.then_some(Instant::from_secs(1_700_000_000 + i64::from(number) + 1)),
    }
}

#[test]
fn changed_rules_are_played_over_the_past() {
    let strict = replay::parse(r#"{"allowances":{"range":{"free":2,"share":0}}}"#).expect("rules");
    assert_eq!(strict.half_life_s, Rules::default().half_life_s, "what is not named stays");
    let mut replay = Replay::new(strict, None);
    for number in 0..6 {
        replay.take(&past(number, true, number == 5));
    }
    let report = replay.report();
    assert!(report.contains("6 past requests"), "{report}");
    assert!(report.contains("4 sent then would be refused, 1 of them answered"), "{report}");
    assert!(report.contains("range: 4"), "{report}");
    let loose = replay::parse(r#"{"allowances":{"range":{"free":99,"share":0}}}"#).expect("rules");
    let mut replay = Replay::new(loose, Some(Level::Basic));
    (0..3).for_each(|number| replay.take(&past(number, false, false)));
    assert!(replay.report().contains("3 refused then would be sent"), "{}", replay.report());
    for bad in ["", "[]", r#"{"allowances":{"rain":{"free":1,"share":1}}}"#, r#"{"x":1}"#] {
        assert!(replay::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn dear_and_cheap_lines_have_half_of_it_and_dear_ones_none_at_the_strictest() {
    let rules = Rules::default();
    // 0900 is premium in Germany, 056 anybody's by IP in Britain.
    let (dear, cheap) = (facts("+499001234567", 0), facts("+445612345678", 0));
    assert_eq!(dear.line, Some(LineType::Premium));
    let voip = Facts { line: Some(LineType::NonFixedVoip), ..cheap };
    let book = &mut Memory::default();
    assert_eq!(ask(&rules, book, Level::Max, &dear), (false, "dear_range"));
    let free = |facts: &Facts| {
        let book = &mut Memory::default();
        (0..20).take_while(|_| ask(&rules, book, Level::Standard, facts).0).count()
    };
    let mobile = Facts { line: Some(LineType::Mobile), ..facts("+447700912345", 0) };
    assert_eq!((free(&mobile), free(&voip), free(&dear)), (4, 2, 2));
}
