//! The words around a code: a few templates, each in every language of `templates.tsv`
//! (`locale countries code lifetime warning payment key`, a line each).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base::ApiError;

use crate::verify::rules::bad;

const DATA: &str = include_str!("templates.tsv");

/// The language when no other is known.
pub const ENGLISH: &str = "en";

/// One language.
struct Language {
    countries: Vec<&'static str>,
    code: &'static str,
    lifetime: &'static str,
    warning: &'static str,
    payment: &'static str,
    key: &'static str,
}

static LANGUAGES: LazyLock<BTreeMap<&'static str, Language>> = LazyLock::new(|| {
    let parse = |line: &'static str| {
        let mut fields = line.split('\t');
        let mut next = || fields.next().unwrap_or_default();
        let locale = next();
        let countries = next().split_whitespace().collect();
        let (code, lifetime, warning, payment) = (next(), next(), next(), next());
        (locale, Language { countries, code, lifetime, warning, payment, key: next() })
    };
    DATA.lines().map(parse).collect()
});

/// A template that every account has.
#[derive(Debug)]
pub struct Template {
    /// Its SID, the same everywhere.
    pub sid: &'static str,
    /// Its name for people.
    pub name: &'static str,
    lifetime: bool,
    warning: bool,
}

/// Every template, in the order of the list.
pub static TEMPLATES: [Template; 4] = [
    Template {
        sid: "HJ00000000000000000000000000000001",
        name: "Verification code",
        lifetime: false,
        warning: false,
    },
    Template {
        sid: "HJ00000000000000000000000000000002",
        name: "Verification code with do not share",
        lifetime: false,
        warning: true,
    },
    Template {
        sid: "HJ00000000000000000000000000000003",
        name: "Verification code with lifetime",
        lifetime: true,
        warning: false,
    },
    Template {
        sid: "HJ00000000000000000000000000000004",
        name: "Verification code with lifetime and do not share",
        lifetime: true,
        warning: true,
    },
];

const NO_SUCH_TEMPLATE: u32 = 60228;

/// The template with this SID; the first one for none.
pub fn find(sid: Option<&str>) -> Result<&'static Template, ApiError> {
    let Some(sid) = sid else { return Ok(&TEMPLATES[0]) };
    let found = TEMPLATES.iter().find(|template| template.sid == sid);
    found.ok_or_else(|| ApiError::new(NO_SUCH_TEMPLATE, format!("Template {sid} was not found")))
}

/// Every language, in order.
pub fn locales() -> impl Iterator<Item = &'static str> {
    LANGUAGES.keys().copied()
}

/// The language that is asked for, else that of the number's country, else English. A language
/// that is not there falls back to its main one (`fr-CA` to `fr`), as Twilio does.
pub fn locale(asked: Option<&str>, country: &str) -> Result<&'static str, ApiError> {
    if let Some(asked) = asked {
        let fits = (2..=10).contains(&asked.len());
        if !fits || !asked.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-') {
            return Err(bad("Locale", "it must be a language like en or pt-BR"));
        }
        let is = |wanted: &str| locales().find(|known| known.eq_ignore_ascii_case(wanted));
        let main = asked.split('-').next().unwrap_or(asked);
        return Ok(is(asked).or_else(|| is(main)).unwrap_or(ENGLISH));
    }
    let spoken = LANGUAGES.iter().find(|(_, language)| language.countries.contains(&country));
    Ok(spoken.map_or(ENGLISH, |(locale, _)| locale))
}

impl Template {
    /// Its text in one language, with its places (`{{code}}`) open. `warning` adds the sentence
    /// that nobody may be told, once.
    pub fn text(&self, locale: &str, warning: bool, payment: bool) -> String {
        let Some(language) = LANGUAGES.get(locale).or_else(|| LANGUAGES.get(ENGLISH)) else {
            return "{{code}}".to_owned();
        };
        let mut sentences = vec![language.code];
        if payment {
            sentences.push(language.payment);
        }
        if self.lifetime {
            sentences.push(language.lifetime);
        }
        if warning || self.warning {
            sentences.push(language.warning);
        }
        sentences.join(" ")
    }
}

/// A language with its first country: `de-DE`.
pub fn tag(locale: &str) -> String {
    let country = LANGUAGES.get(locale).and_then(|language| language.countries.first());
    match (locale, country) {
        // Mandarin and Cantonese, as speech has them.
        ("zh", _) => "cmn-CN".to_owned(),
        ("zh-HK", _) => "yue-HK".to_owned(),
        (locale, _) if locale.contains('-') => locale.to_owned(),
        (locale, country) => format!("{locale}-{}", country.unwrap_or(&"US")),
    }
}

/// What is asked of somebody who is called, before the code is said; its place is open.
pub fn press_a_key(locale: &str) -> &'static str {
    let language = LANGUAGES.get(locale).or_else(|| LANGUAGES.get(ENGLISH));
    language.map_or("", |language| language.key)
}

/// What is put into the places of a text. It holds a code, and can't be printed.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    /// The code.
    pub code: &'a str,
    /// Whose code it is.
    pub friendly_name: &'a str,
    /// Minutes for which it is good.
    pub ttl: u64,
    /// What is paid, and to whom.
    pub payment: Option<(&'a str, &'a str)>,
    /// Lets an Android app read it: eleven characters.
    pub app_hash: Option<&'a str>,
    /// Lets a browser read it: the site's domain.
    pub domain: Option<&'a str>,
}

/// The text with its places filled in, and the lines for apps and browsers, which come last, as
/// these want them (SMS Retriever; WICG origin-bound one-time codes).
pub fn fill(text: &str, words: &Words<'_>) -> String {
    let mut filled = places(text, words);
    if let Some(hash) = words.app_hash {
        filled = format!("<#> {filled}\n{hash}");
    }
    if let Some(domain) = words.domain {
        filled.push_str(&format!("\n\n@{domain} #{}", words.code));
    }
    filled
}

/// What is said before and after the code, to be heard.
pub fn around(text: &str, words: &Words<'_>) -> (String, String) {
    let (before, after) = text.split_once("{{code}}").unwrap_or((text, ""));
    (places(before, words), places(after, words))
}

/// Fills places in one pass: what stands in a name stays as it is, so that a code can't come
/// twice.
fn places(text: &str, words: &Words<'_>) -> String {
    let ttl = words.ttl.to_string();
    let (amount, payee) = words.payment.unwrap_or_default();
    let value = |name: &str| match name {
        "code" => words.code,
        "friendly_name" => words.friendly_name,
        "ttl" => &ttl,
        "amount" => amount,
        "payee" => payee,
        _ => "",
    };
    let mut filled = String::with_capacity(text.len() + 40);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let Some((name, after)) = after.split_once("}}") else { break };
        filled.push_str(value(name.trim()));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// An app's hash: eleven characters of base 64.
pub fn app_hash(given: &str) -> Result<(), ApiError> {
    let fits = given.len() == 11
        && given.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
    if fits { Ok(()) } else { Err(bad("AppHash", "it must have 11 characters of base 64")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words<'_> = Words {
        code: "987654",
        friendly_name: "Owl {{code}} Bank",
        ttl: 10,
        payment: Some(("€39.99", "Acme")),
        app_hash: None,
        domain: None,
    };

    #[test]
    fn every_language_has_each_place_once() {
        assert!(LANGUAGES.len() >= 40, "{} languages", LANGUAGES.len());
        for (locale, language) in LANGUAGES.iter() {
            for (sentence, places) in [
                (language.code, &["{{friendly_name}}", "{{code}}"][..]),
                (language.lifetime, &["{{ttl}}"]),
                (language.warning, &[]),
                (language.payment, &["{{amount}}", "{{payee}}"]),
                (language.key, &["{{friendly_name}}"]),
            ] {
                assert!(!sentence.is_empty(), "{locale}");
                assert_eq!(sentence.matches("{{").count(), places.len(), "{locale}: {sentence}");
                for place in places {
                    assert_eq!(sentence.matches(place).count(), 1, "{locale}: {sentence}");
                }
            }
        }
    }

    #[test]
    fn a_code_stands_in_each_text_once() {
        for template in &TEMPLATES {
            for locale in locales() {
                let filled = fill(&template.text(locale, true, true), &WORDS);
                assert_eq!(filled.matches("987654").count(), 1, "{filled}");
                assert!(filled.contains("Owl {{code}} Bank"), "{filled}");
                let open = filled.replace("Owl {{code}} Bank", "");
                assert!(!open.contains("{{") && !open.contains("}}"), "{filled}");
                assert!(filled.chars().count() < 300, "{filled}");
            }
        }
    }

    #[test]
    fn what_is_heard_has_the_code_between() {
        let words = Words { app_hash: Some("FA+9qCX9VSu"), domain: Some("a.example"), ..WORDS };
        let (before, after) = around(&TEMPLATES[2].text("en", false, false), &words);
        assert_eq!(before, "Your Owl {{code}} Bank code is ");
        assert_eq!(after, ". It is good for 10 minutes.");
    }

    #[test]
    fn languages_are_said_with_a_country() {
        let tags = ["en", "de", "pt", "pt-BR", "zh", "zh-HK", "fil"].map(tag);
        assert_eq!(tags, ["en-US", "de-DE", "pt-PT", "pt-BR", "cmn-CN", "yue-HK", "fil-PH"]);
    }

    #[test]
    fn the_language_is_asked_for_or_the_countrys() {
        let locale = |asked, country| locale(asked, country).map_err(|error| error.code);
        assert_eq!(locale(Some("pt-br"), "DE"), Ok("pt-BR"));
        assert_eq!(locale(Some("fr-CA"), "DE"), Ok("fr"));
        assert_eq!(locale(Some("xx"), "DE"), Ok("en"));
        assert_eq!(locale(None, "AT"), Ok("de"));
        assert_eq!(locale(None, ""), Ok("en"));
        assert_eq!(locale(Some("{{code}}"), "US"), Err(60200));
        let mut seen = std::collections::BTreeSet::new();
        for country in LANGUAGES.values().flat_map(|language| &language.countries) {
            assert!(seen.insert(country), "{country} has two languages");
        }
    }

    #[test]
    fn lines_for_apps_and_browsers_come_last() {
        let words = Words { app_hash: Some("FA+9qCX9VSu"), ..WORDS };
        let filled = fill("Code {{ code }}", &words);
        assert_eq!(filled, "<#> Code 987654\nFA+9qCX9VSu");
        let words = Words { domain: Some("example.com"), ..WORDS };
        assert_eq!(fill("Code {{code}}", &words), "Code 987654\n\n@example.com #987654");
        assert!(app_hash("FA+9qCX9VSu").is_ok() && app_hash("short").is_err());
        assert!(find(Some("HJ00000000000000000000000000000009")).is_err());
    }
}
