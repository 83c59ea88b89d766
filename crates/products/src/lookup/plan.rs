//! Numbers by the numbering plans of the world: what is valid, why not, in which country, and of
//! which kind. Pure.

use std::borrow::Cow;
use std::sync::OnceLock;

use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, ParseError, country};
use regex::bytes::{Regex, RegexBuilder};

use crate::lookup::model::{Description, LineType, Plan, Reason};

/// Characters of a number as people write it, at most.
const TEXT_MAX: usize = 64;

/// The country of national numbers when nobody says another one.
const HOME: &str = "US";

/// Calling codes have up to three digits.
const CODES: usize = 1_000;

/// Says what the plans know of a number. `country` is that of numbers in national form.
pub fn describe(asked: &str, country: Option<&str>) -> Description {
    Description { asked: asked.to_owned(), plan: plan_of(asked, country) }
}

fn plan_of(asked: &str, country: Option<&str>) -> Result<Plan, Reason> {
    let digits = normalized(asked)?;
    let (code, national, written) = match american(&digits) {
        Some((national, written)) => (1, national.to_owned(), written),
        None => read(&digits, country)?,
    };
    let regions = regions(code);
    let Some((region, line)) = regions.iter().find_map(|region| region.takes(&national)) else {
        return Err(reason(regions, national.len()));
    };
    Ok(Plan {
        e164: format!("+{code}{national}"),
        country: region.country,
        calling_code: code,
        national: written,
        line,
    })
}

/// A number of North America: by far the most frequent, and written in one way.
fn american(digits: &str) -> Option<(&str, String)> {
    let national = digits.strip_prefix("+1").filter(|national| national.len() == 10)?;
    let (area, rest) = national.split_at(3);
    let (exchange, line) = rest.split_at(3);
    Some((national, format!("({area}) {exchange}-{line}")))
}

/// The calling code of a number, its national digits, and how people of its country write it.
fn read(digits: &str, country: Option<&str>) -> Result<(u16, String, String), Reason> {
    // The country says how national numbers are read; it has no say in international ones.
    let home = match (digits.starts_with('+'), country) {
        (true, _) => None,
        (false, given) => Some(id_of(given.unwrap_or(HOME))?),
    };
    let number = phonenumber::parse(home, digits).map_err(|error| match error {
        ParseError::InvalidCountryCode => Reason::InvalidCountryCode,
        ParseError::TooShortAfterIdd | ParseError::TooShortNsn => Reason::TooShort,
        ParseError::TooLong => Reason::TooLong,
        ParseError::MalformedInteger(_) | ParseError::NoNumber => Reason::NotANumber,
    })?;
    let written = number.format().mode(Mode::National).to_string();
    Ok((number.code().value(), number.national().to_string(), written))
}

/// Digits alone, with a plus before them where one was: what people put between them goes.
fn normalized(asked: &str) -> Result<Cow<'_, str>, Reason> {
    let text = asked.trim();
    if text.len() > TEXT_MAX {
        return Err(Reason::TooLong);
    }
    let plain = text.strip_prefix('+').unwrap_or(text);
    if !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Cow::Borrowed(text));
    }
    let mut digits = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '0'..='9' => digits.push(character),
            '+' if digits.is_empty() => digits.push('+'),
            ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' => {}
            // Letters stand for the digits of their keys (ITU-T E.161), after a digit at least.
            'a'..='z' | 'A'..='Z' if digits.len() > 1 => digits.push(key(character)),
            _ => return Err(Reason::NotANumber),
        }
    }
    match digits.len() {
        0 | 1 => Err(Reason::NotANumber),
        _ => Ok(Cow::Owned(digits)),
    }
}

fn key(letter: char) -> char {
    match letter.to_ascii_lowercase() {
        'a'..='c' => '2',
        'd'..='f' => '3',
        'g'..='i' => '4',
        'j'..='l' => '5',
        'm'..='o' => '6',
        'p'..='s' => '7',
        't'..='v' => '8',
        _ => '9',
    }
}

fn id_of(country: &str) -> Result<country::Id, Reason> {
    let known = DATABASE.by_id(&*country.to_ascii_uppercase()).ok_or(Reason::InvalidCountryCode)?;
    known.id().parse().map_err(|_| Reason::InvalidCountryCode)
}

/// Why no region takes a number, by its length.
fn reason(regions: &[Region], length: usize) -> Reason {
    let lengths = || regions.iter().flat_map(|region| region.lengths.iter().copied());
    let (Some(least), Some(most)) = (lengths().min(), lengths().max()) else {
        return Reason::InvalidButPossible;
    };
    match u16::try_from(length).unwrap_or(u16::MAX) {
        length if length < least => Reason::TooShort,
        length if length > most => Reason::TooLong,
        length if lengths().any(|possible| possible == length) => Reason::InvalidButPossible,
        _ => Reason::InvalidLength,
    }
}

/// A country's plan, or that of a code of no country.
struct Region {
    country: Option<&'static str>,
    /// What tells its numbers from those of others under the same code.
    leading: Option<Pattern>,
    general: Pattern,
    /// Kinds that are no fixed or mobile lines.
    kinds: Vec<(LineType, Pattern)>,
    fixed: Option<Pattern>,
    mobile: Option<Pattern>,
    /// How long its numbers are.
    lengths: Vec<u16>,
}

impl Region {
    /// Whether a number is of this region, and of which kind as far as its plan tells.
    fn takes(&self, national: &str) -> Option<(&Self, Option<LineType>)> {
        if self.leading.as_ref().is_some_and(|leading| !leading.is_match(national)) {
            return None;
        }
        if !self.general.is_match(national) {
            return None;
        }
        let kind = self.kinds.iter().find(|(_, pattern)| pattern.is_match(national));
        if let Some((kind, _)) = kind {
            return Some((self, Some(*kind)));
        }
        let is = |pattern: &Option<Pattern>| {
            pattern.as_ref().is_some_and(|pattern| pattern.is_match(national))
        };
        match (is(&self.fixed), is(&self.mobile)) {
            (true, true) => Some((self, None)),
            (true, false) => Some((self, Some(LineType::Landline))),
            (false, true) => Some((self, Some(LineType::Mobile))),
            (false, false) => None,
        }
    }
}

/// The regions of a calling code, the main one first.
fn regions(code: u16) -> &'static [Region] {
    static REGIONS: [OnceLock<Box<[Region]>>; CODES] = [const { OnceLock::new() }; CODES];
    let Some(place) = REGIONS.get(usize::from(code)) else { return &[] };
    place.get_or_init(|| {
        let all = DATABASE.by_code(&code).unwrap_or_default();
        all.into_iter().map(region).collect()
    })
}

fn region(meta: &'static phonenumber::Metadata) -> Region {
    type Found<'a> = Option<&'a phonenumber::metadata::Descriptor>;
    let plan = meta.descriptors();
    let kinds: [(LineType, Found<'static>); 8] = [
        (LineType::Premium, plan.premium_rate()),
        (LineType::TollFree, plan.toll_free()),
        (LineType::SharedCost, plan.shared_cost()),
        (LineType::NonFixedVoip, plan.voip()),
        (LineType::Personal, plan.personal_number()),
        (LineType::Pager, plan.pager()),
        (LineType::Uan, plan.uan()),
        (LineType::Voicemail, plan.voicemail()),
    ];
    let lines = [plan.fixed_line(), plan.mobile()];
    let described = || kinds.iter().map(|(_, found)| *found).chain(lines).flatten();
    let mut lengths: Vec<u16> =
        described().flat_map(|kind| kind.possible_length().iter().copied()).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let whole =
        |found: Found<'_>| found.map(|kind| Pattern::whole(kind.national_number().as_str()));
    Region {
        country: Some(meta.id()).filter(|id| *id != "001"),
        leading: meta.leading_digits().map(|pattern| Pattern::beginning(pattern.as_str())),
        general: Pattern::whole(plan.general().national_number().as_str()),
        kinds: kinds.iter().filter_map(|(kind, found)| Some((*kind, whole(*found)?))).collect(),
        fixed: whole(lines[0]),
        mobile: whole(lines[1]),
        lengths,
    }
}

/// A pattern of a plan, compiled when it is needed first, and kept: the crate that the plans come
/// from keeps a hundred patterns for the whole world and compiles the others again and again.
struct Pattern {
    text: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    fn whole(text: &str) -> Self {
        Self { text: format!("^(?:{text})$"), compiled: OnceLock::new() }
    }

    fn beginning(text: &str) -> Self {
        Self { text: format!("^(?:{text})"), compiled: OnceLock::new() }
    }

    fn is_match(&self, digits: &str) -> bool {
        let compiled = self.compiled.get_or_init(|| {
            let mut builder = RegexBuilder::new(&self.text);
            builder.ignore_whitespace(true).unicode(false).build().ok()
        });
        compiled.as_ref().is_some_and(|pattern| pattern.is_match(digits.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason_of(text: &str) -> &'static str {
        describe(text, None).plan.map_or_else(Reason::name, |_| "valid")
    }

    #[test]
    fn numbers_are_described_by_their_plans() {
        let cases = [
            ("+14159929960", Some("US"), 1, "(415) 992-9960", None),
            ("(415) 992-9960", Some("US"), 1, "(415) 992-9960", None),
            ("+16137827274", Some("CA"), 1, "(613) 782-7274", None),
            ("+18007233456", Some("US"), 1, "(800) 723-3456", Some(LineType::TollFree)),
            ("+447772000001", Some("GB"), 44, "07772 000001", Some(LineType::Mobile)),
            ("+4402077651182", Some("GB"), 44, "020 7765 1182", Some(LineType::Landline)),
            ("+390236618300", Some("IT"), 39, "02 3661 8300", Some(LineType::Landline)),
            ("+33612345678", Some("FR"), 33, "06 12 34 56 78", Some(LineType::Mobile)),
            ("+80012345678", None, 800, "1234 5678", Some(LineType::TollFree)),
        ];
        for (text, country, code, national, line) in cases {
            let plan = describe(text, None).plan.expect(text);
            let found = (plan.country, plan.calling_code, &*plan.national, plan.line);
            assert_eq!(found, (country, code, national, line), "{text}");
        }
        let london = describe("020 7765 1182", Some("gb")).plan.expect("a London number");
        assert_eq!(london.e164, "+442077651182");
        assert_eq!(describe("1-800-FLOWERS", None).number(), "+18003569377");
    }

    #[test]
    fn north_america_is_read_as_by_the_plans() {
        for digits in ["+14159929960", "+16137827274", "+18007233456", "+13459492311"] {
            let (national, written) = american(digits).expect(digits);
            let expected = Ok((1, national.to_owned(), written));
            assert_eq!(read(digits, None), expected, "{digits}");
        }
        assert_eq!((american("+1415992996"), american("+447772000001")), (None, None));
    }

    #[test]
    fn what_is_no_number_has_its_reason() {
        let cases = [
            ("+141599299600", "TOO_LONG"),
            ("+1415992", "TOO_SHORT"),
            ("+15558675310", "INVALID_BUT_POSSIBLE"),
            ("+9991234567", "INVALID_COUNTRY_CODE"),
            ("+3361234567", "TOO_SHORT"),
            ("+4912", "TOO_SHORT"),
            ("hello", "NOT_A_NUMBER"),
            ("", "NOT_A_NUMBER"),
            ("+", "NOT_A_NUMBER"),
            ("+1(415)992 9960x", "TOO_LONG"),
            ("+1415🙂9929960", "NOT_A_NUMBER"),
        ];
        for (text, reason) in cases {
            assert_eq!(reason_of(text), reason, "{text}");
        }
        let unknown = describe("020 7765 1182", Some("XX"));
        assert_eq!(unknown.plan, Err(Reason::InvalidCountryCode));
    }

    #[test]
    fn every_country_has_a_number_that_is_its_own() {
        let mut known = 0;
        for meta in DATABASE.iter() {
            let example = meta.descriptors().mobile().and_then(|mobile| mobile.example());
            let Some(example) = example.filter(|_| meta.id() != "001") else { continue };
            let text = format!("+{}{example}", meta.country_code());
            let plan = describe(&text, None).plan;
            known += usize::from(plan.is_ok_and(|plan| plan.country == Some(meta.id())));
        }
        assert!(known >= 230, "{known} countries");
    }
}
