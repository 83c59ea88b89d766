//! What a fuzzer calls: whatever strangers and tenants send that products themselves parse.

use crate::accounts::authenticate::parse_basic;
use crate::console::stream;
use crate::gateway::{find_place, page::Cursor};
use crate::lookup::{plan, ranges};
use crate::messaging::media::inlined;
use crate::messaging::{api, opt_words};
use crate::numbers::import;
use crate::usage::period;
use crate::webhooks::overrides;

/// `Authorization` headers.
pub fn basic(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some((user, _)) = parse_basic(&text) {
        assert!(!user.contains(':'), "the user ends at the first colon");
    }
}

/// Hosts and paths.
pub fn place(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (host, path) = text.split_once('|').unwrap_or(("localhost", &text));
    let (place, rest) = find_place("http", host, path);
    assert!(path.ends_with(rest), "the rest is the path's end");
    assert!(place.root.starts_with("http://"), "links are absolute");
}

/// Page tokens.
pub fn page_token(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(cursor) = Cursor::parse(&text) {
        assert_eq!(cursor.key.len() + 2, text.len());
    }
}

/// Addresses of webhooks with their overrides.
pub fn webhook_url(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (plain, parsed) = overrides::parse(&text);
    assert!(text.starts_with(plain) && !plain.contains('#'), "the fragment is cut off");
    if let Ok(overrides) = parsed {
        assert!(
            overrides.retries <= 5 && overrides.total.as_secs() <= 15,
            "within Twilio's bounds"
        );
    }
    if let Ok(taken) = api::callback_of(&text) {
        assert_eq!(taken, text, "it is kept as it was given");
    }
}

/// Ids of streams, media that come with a message, days of usage.
pub fn edges(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    assert!(stream::parse(&text).len() <= 64, "bounded");
    if let Some((_, content)) = inlined(&text) {
        assert!(!content.is_empty() && content.len() <= text.len());
    }
    let now = base::Instant::from_secs(1_800_000_000);
    if let Ok(day) = period::day("StartDate", &text, now) {
        assert!(base::Instant::is_day(&day), "{day}");
    }
}

/// Texts that may be STOP, START or HELP; files of numbers.
pub fn texts(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(word) = opt_words::recognise(&text) {
        assert!(text.len() < 100, "{} is a word, not a text", word.name());
    }
    if let Ok(numbers) = import::parse(&text) {
        assert!(numbers.len() <= text.lines().count());
    }
}

/// Numbers that are looked up, with a country after a bar.
pub fn number(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (number, country) = match text.split_once('|') {
        Some((number, country)) => (number, Some(country)),
        None => (&*text, None),
    };
    if let Ok(plan) = plan::describe(number, country).plan {
        let digits = plan.e164.strip_prefix('+').expect("E.164 begins with a plus");
        assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{}", plan.e164);
        let again = plan::describe(&plan.e164, None).plan.expect("what is valid stays valid");
        assert_eq!(again.e164, plan.e164, "a number in E.164 form is itself");
    }
}

/// Files of number ranges.
pub fn ranges(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(ranges) = ranges::parse(&text) {
        assert!(ranges.len() <= text.lines().count(), "a line is a range at most");
    }
}

#[cfg(test)]
mod tests {
    use machine::fuzz::mutations;

    const ROUNDS: usize = 200_000;

    #[test]
    fn mutated_headers_hosts_and_tokens_are_taken_or_refused() {
        mutations(&[b"Basic QUMxOnQ6eA==", b"basic  Og=="], ROUNDS, super::basic);
        let places: [&[u8]; 4] = [
            b"api.twilio.com:443|/2010-04-01/Accounts/AC1.json",
            b"localhost|/verify/v2/Services",
            b"[::1]:8080|/",
            b"messaging.example.com|//v1",
        ];
        mutations(&places, ROUNDS, super::place);
        mutations(&[b"PASM0123456789abcdef", b"PB1"], ROUNDS, super::page_token);
    }

    #[test]
    fn mutated_urls_are_taken_or_refused() {
        let seeds: [&[u8]; 3] = [
            b"https://a.example:8443/hook?x=1#rc=2&rp=5xx,ct&tt=1000",
            b"http://user:pass@[::1]/#ct=100&rt=15000&tt=15000",
            b"http://a.example/%ff#rp=all&edge=dublin",
        ];
        mutations(&seeds, ROUNDS, super::webhook_url);
    }

    #[test]
    fn mutated_edges_are_taken_or_refused() {
        let seeds: [&[u8]; 5] = [
            b"1099511627781,2199023255559",
            b"image/png;base64,iVBORw0KGgo=",
            b"-30days",
            b"2026-11-24",
            b"-1days",
        ];
        mutations(&seeds, ROUNDS, super::edges);
    }

    #[test]
    fn mutated_texts_are_read() {
        let seeds: [&[u8]; 4] =
            [b"STOP", b" unsubscribe ", b"number,country\n+14155550100,US,local,CA,SF,sms\n", b"#"];
        mutations(&seeds, ROUNDS, super::texts);
    }

    #[test]
    fn mutated_numbers_and_ranges_are_described_or_refused() {
        let numbers: [&[u8]; 6] = [
            b"+14159929960",
            b"(415) 992-9960|US",
            b"020 7765 1182|GB",
            b"+390236618300",
            b"1-800-FLOWERS",
            b"0054 9 11 2345 6789|DE",
        ];
        mutations(&numbers, ROUNDS / 4, super::number);
        let files: [&[u8]; 2] =
            [b"prefix,type,carrier,mcc,mnc\n447700,mobile,Acme,234,15\n", b"#\nprefix\n44\n"];
        mutations(&files, ROUNDS, super::ranges);
    }
}
