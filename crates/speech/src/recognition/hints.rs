//! From hints to a grammar (JSGF) and the words in it.
//!
//! Words go by numbers in the grammar (`w0`, `w1`), so that nothing a caller's document says is
//! read as grammar, and the answer is written as the hint writes it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::dictionary::Dictionary;
use crate::say_as::{cardinal_words, digit_words};
use crate::text;

/// Twilio's bounds: phrases, and characters of one.
const PHRASES_MAX: usize = 500;
const CHARACTERS_MAX: usize = 100;

/// Words and grammar made of hints.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    words: Vec<Word>,
    known: BTreeMap<String, usize>,
    phrases: Vec<String>,
    classes: BTreeMap<&'static str, String>,
    /// Hints that can't be heard.
    pub(crate) ignored: Vec<String>,
}

/// A word: how it is written, and the ways to say it.
#[derive(Debug, PartialEq, Eq)]
struct Word {
    written: String,
    ways: Vec<String>,
}

/// How likely a row of a class goes on, beside that it ends.
const ROW: &str = "0.01";

/// Classes of words: the name here, Google's names, and what belongs to it, each written and said.
const DIGITS: &str = "digits";
const ALPHA: &str = "alpha";
const ALPHANUMERIC: &str = "alphanumeric";
const MONTHS: &str = "months";
const DAYS: &str = "days";

fn class(token: &str) -> Option<(&'static str, bool)> {
    let name = token.trim_start_matches('$');
    let class = match name.strip_prefix("OOV_CLASS_").unwrap_or(name) {
        "DIGIT_SEQUENCE" | "FULLPHONENUM" | "POSTALCODE" | "ADDRESSNUM" => (DIGITS, true),
        "ALPHA_SEQUENCE" => (ALPHA, true),
        "ALPHANUMERIC_SEQUENCE" => (ALPHANUMERIC, true),
        "MONTH" => (MONTHS, false),
        "DAY" => (DAYS, false),
        _ => return None,
    };
    Some(class)
}

const MONTH_NAMES: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl Hints {
    /// Makes words and grammar of phrases.
    pub(crate) fn new(phrases: &[String], dictionary: &Dictionary) -> Self {
        let mut hints = Self::default();
        for phrase in phrases {
            let fits = hints.phrases.len() < PHRASES_MAX;
            let fits = fits && phrase.chars().count() <= CHARACTERS_MAX;
            match if fits { hints.phrase(phrase, dictionary) } else { None } {
                Some(rule) if !hints.phrases.contains(&rule) => hints.phrases.push(rule),
                Some(_) => {}
                None => hints.ignored.push(phrase.clone()),
            }
        }
        hints
    }

    /// Whether there is nothing to be heard.
    pub(crate) fn is_empty(&self) -> bool {
        self.phrases.is_empty()
    }

    /// The rule of one phrase: words by their numbers, classes by their names.
    fn phrase(&mut self, phrase: &str, dictionary: &Dictionary) -> Option<String> {
        let mut parts = Vec::new();
        let folded = text::folded(&text::cleaned(phrase));
        for token in folded.split([' ', '-', '/', ',', ';', '!', '?', '"', '(', ')', ':']) {
            if token.starts_with('$') {
                let (name, many) = class(token)?;
                self.class(name, dictionary);
                parts.push(format!("<{name}{}>", if many { "_row" } else { "" }));
                continue;
            }
            let token = token.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            if !token.is_empty() {
                let number = self.word(token, token, dictionary)?;
                parts.push(format!("w{number}"));
            }
        }
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    /// The number of a word, which is made when it is new.
    fn word(&mut self, written: &str, said: &str, dictionary: &Dictionary) -> Option<usize> {
        let key = said.to_ascii_lowercase();
        if let Some(number) = self.known.get(&key) {
            return Some(*number);
        }
        let ways = ways(said, dictionary);
        if ways.is_empty() {
            return None;
        }
        self.words.push(Word { written: written.to_owned(), ways });
        self.known.insert(key, self.words.len() - 1);
        Some(self.words.len() - 1)
    }

    /// Adds the rule of a class.
    fn class(&mut self, name: &'static str, dictionary: &Dictionary) {
        if self.classes.contains_key(name) {
            return;
        }
        let digits = (0..10).map(|digit: u64| (digit.to_string(), cardinal_words(digit)));
        let digits = digits.chain([("0".to_owned(), "oh".to_owned())]);
        let letters = ('A'..='Z').map(|letter| (letter.to_string(), letter.to_string()));
        let members: Vec<(String, String)> = match name {
            DIGITS => digits.collect(),
            ALPHA => letters.collect(),
            ALPHANUMERIC => digits.chain(letters).collect(),
            MONTHS => MONTH_NAMES.map(|month| (month.to_owned(), month.to_owned())).to_vec(),
            _ => (1..=31)
                .map(|day: u64| (day.to_string(), crate::say_as::ordinal_words(day)))
                .collect(),
        };
        let mut rule = Vec::new();
        for (written, said) in members {
            // A way that is said in several words is one word of the grammar all the same.
            let key = format!("{name} {said}");
            let number = match self.known.get(&key) {
                Some(number) => *number,
                None => {
                    let ways = match said.len() {
                        1 => ways(&said, dictionary),
                        _ => vec![dictionary.spoken(&said.to_ascii_lowercase())],
                    };
                    self.words.push(Word { written, ways });
                    self.known.insert(key, self.words.len() - 1);
                    self.words.len() - 1
                }
            };
            rule.push(format!("w{number}"));
        }
        self.classes.insert(name, rule.join(" | "));
    }

    /// The grammar.
    pub(crate) fn grammar(&self) -> String {
        let mut grammar = "#JSGF V1.0;\ngrammar hints;\n".to_owned();
        // Writing to a string does not fail.
        let _ = writeln!(grammar, "public <phrase> = {};", self.phrases.join(" | "));
        for (name, rule) in &self.classes {
            let _ = writeln!(grammar, "<{name}> = {rule};");
            // Going on is less likely than to end, or breath and clicks would become digits.
            let _ = writeln!(grammar, "<{name}_row> = <{name}> | /{ROW}/ <{name}> <{name}_row>;");
        }
        grammar
    }

    /// The dictionary of the grammar: names of words, and phones. Further ways follow the first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (String, &str)> {
        self.words.iter().enumerate().flat_map(|(number, word)| {
            let name = move |way: usize| match way {
                0 => format!("w{number}"),
                _ => format!("w{number}({})", way + 1),
            };
            word.ways.iter().enumerate().map(move |(way, phones)| (name(way), phones.as_str()))
        })
    }

    /// What a row of the grammar's words is when it is written: digits and letters of sequences
    /// together, everything else apart.
    pub(crate) fn written(&self, heard: &str) -> String {
        let mut text = String::new();
        let mut joins = false;
        for name in heard.split(' ') {
            let number = name.strip_prefix('w').and_then(|number| number.parse::<usize>().ok());
            let Some(word) = number.and_then(|number| self.words.get(number)) else { continue };
            let single = word.written.len() == 1;
            let digit = single && !word.written.starts_with(|c: char| c.is_ascii_lowercase());
            let apart = !joins || !digit;
            if apart && !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&word.written);
            joins = digit;
        }
        text
    }
}

/// The ways to say one token: a word, digits as a number or one by one, letters and digits mixed,
/// capitals as a word or by their names.
fn ways(token: &str, dictionary: &Dictionary) -> Vec<String> {
    let lower = token.to_ascii_lowercase();
    if token.bytes().all(|b| b.is_ascii_digit()) {
        let mut ways = vec![dictionary.spoken(&digit_words(token))];
        if let Some(number) = token.parse().ok().filter(|_| (2..=6).contains(&token.len())) {
            ways.insert(0, dictionary.spoken(&cardinal_words(number)));
        }
        return ways;
    }
    let spelt = || {
        let name = |c: char| match c {
            '0'..='9' => dictionary.spoken(&digit_words(c.encode_utf8(&mut [0; 4]))),
            // The dictionary says "a" as the article first.
            'a' => "EY".to_owned(),
            c => dictionary.spoken(c.encode_utf8(&mut [0; 4])),
        };
        let shown = lower.chars().filter(char::is_ascii_alphanumeric);
        shown.map(name).collect::<Vec<_>>().join(" ")
    };
    if token.bytes().any(|b| b.is_ascii_digit()) {
        return vec![spelt()];
    }
    let mut ways = dictionary.ways(&lower);
    let capitals = token.len() <= 5 && token.bytes().all(|b| b.is_ascii_uppercase());
    if capitals {
        ways.insert(0, spelt());
        ways.dedup();
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dictionary() -> Dictionary {
        let lines = [
            "a AH",
            "a(2) EY",
            "b B IY",
            "d D IY",
            "four F AO R",
            "two T UW",
            "oh OW",
            "sales S EY L Z",
            "twenty T W EH N T IY",
            "may M EY",
            "first F ER S T",
            "v V IY",
        ];
        Dictionary::new(lines.join("\n")).expect("a small one")
    }

    fn hints(phrases: &[&str]) -> Hints {
        let phrases: Vec<String> = phrases.iter().map(|phrase| (*phrase).to_owned()).collect();
        Hints::new(&phrases, &dictionary())
    }

    #[test]
    fn phrases_become_rules_and_come_back_as_written() {
        let hints = hints(&["Sales", "sales 24", "DVD", "sales"]);
        assert!(hints.grammar().contains("public <phrase> = w0 | w0 w1 | w2;"));
        let entries: Vec<(String, &str)> = hints.entries().collect();
        assert!(entries.contains(&("w1".to_owned(), "T W EH N T IY F AO R")));
        assert!(entries.contains(&("w1(2)".to_owned(), "T UW F AO R")));
        assert!(entries.contains(&("w2".to_owned(), "D IY V IY D IY")));
        assert_eq!(hints.written("w0 w1"), "Sales 24");
        assert_eq!(hints.written("w9 <sil> w2"), "DVD");
    }

    #[test]
    fn classes_are_heard_and_digits_are_written_together() {
        let hints = hints(&["code $OOV_CLASS_DIGIT_SEQUENCE", "$MONTH $DAY", "$MONEY"]);
        assert!(hints.grammar().contains("w0 <digits_row> | <months> <days>;"));
        assert_eq!(hints.ignored, ["$MONEY"]);
        let named = |phones: &str| {
            let found = hints.entries().find(|entry| entry.1 == phones);
            found.map(|entry| entry.0).expect("a word said so")
        };
        let (two, four) = (named("T UW"), named("F AO R"));
        assert_eq!(hints.written(&format!("w0 {two} {four}")), "code 24");
        assert_eq!(hints.written(&named("M EY")), "May");
    }

    #[test]
    fn what_cannot_be_heard_is_told() {
        let long = "x".repeat(101);
        let ignored = hints(&[&long, "", "😀", "); <x> = \0", "sales"]).ignored;
        assert_eq!(ignored, [&long, "", "😀"]);
        let many: Vec<String> = (0..600).map(|number| format!("sales {number}")).collect();
        assert_eq!(Hints::new(&many, &dictionary()).ignored.len(), 100);
    }
}
