//! Addresses of messages and calls: E.164 numbers, short codes, alphanumeric senders, channels.

use std::fmt;

/// Digits of an E.164 number at most (ITU-T E.164 §6.2.1).
const DIGITS_MAX: usize = 15;

/// Digits of a number that could exist at all.
const DIGITS_MIN: usize = 7;

/// A number in E.164 form: `+`, then 7 to 15 digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E164(String);

/// Text that is no address of the wanted kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid number or address")]
pub struct InvalidAddress;

impl E164 {
    /// Parses strictly: `+` and digits, no more.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let digits = text.strip_prefix('+').ok_or(InvalidAddress)?;
        let fine = (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if fine { Ok(Self(text.to_owned())) } else { Err(InvalidAddress) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the numbering plan of its country has numbers of this length. Numbers reserved for
    /// fiction and tests are possible.
    pub fn is_possible(&self) -> bool {
        let digits = &self.0[1..];
        // North America is by far the most frequent and is simple: ten digits, area code from 2.
        if let Some(national) = digits.strip_prefix('1') {
            let lead = national.as_bytes().first().copied().unwrap_or_default();
            return national.len() == 10 && lead.is_ascii_digit() && lead >= b'2';
        }
        phonenumber::parse(None, &self.0).is_ok_and(|number| {
            let length = digits.len() - number.code().value().to_string().len();
            (4..=14).contains(&length)
        })
    }

    /// As it is dialled within a country (ISO 3166): with the country's own prefix where it is one
    /// of its numbers, else after the prefix of calls abroad, 011 in North America and 00
    /// elsewhere.
    pub fn dialled_in(&self, country: &str) -> String {
        let digits = &self.0[1..];
        let code = calling_code(country);
        let ours = code.is_some_and(|code| digits.starts_with(&code.to_string()));
        let own = ours && (code != Some(1) || self.country().as_deref() == Some(country));
        let number = phonenumber::parse(None, &self.0).ok().filter(|_| own);
        if let Some(number) = number {
            let text = number.format().mode(phonenumber::Mode::National).to_string();
            return text.chars().filter(char::is_ascii_digit).collect();
        }
        // All of North America is dialled by its ten digits.
        match (code, digits.strip_prefix('1')) {
            (Some(1), Some(rest)) => rest.to_owned(),
            (Some(1), None) => format!("011{digits}"),
            _ => format!("00{digits}"),
        }
    }

    /// Reads a number as it is dialled within a country (ISO 3166).
    pub fn parse_in(country: &str, text: &str) -> Result<Self, InvalidAddress> {
        let country = country.parse().map_err(|_| InvalidAddress)?;
        let number = phonenumber::parse(Some(country), text).map_err(|_| InvalidAddress)?;
        Self::parse(&number.format().mode(phonenumber::Mode::E164).to_string())
    }

    /// ISO 3166 code of its country, where the plan tells.
    pub fn country(&self) -> Option<String> {
        let number = phonenumber::parse(None, &self.0).ok()?;
        if let Some(id) = number.country().id() {
            return Some(id.as_ref().to_owned());
        }
        // A number in no range of its plan: the first country under its code is the main one.
        let regions = phonenumber::metadata::DATABASE.region(&number.code().value());
        regions.and_then(|regions| regions.first().map(|id| (*id).to_owned()))
    }
}

/// The code before the numbers of a country (ISO 3166, in any case): 49 for `DE`.
fn calling_code(country: &str) -> Option<u16> {
    let id = country.to_ascii_uppercase();
    countries().into_iter().find(|(known, _)| *known == id).map(|(_, code)| code)
}

/// Whether a country (ISO 3166, in any case) has numbers of its own.
pub fn is_country(country: &str) -> bool {
    calling_code(country).is_some()
}

/// Every country with numbers of its own, and the code before them: `("GB", 44)`, by code.
pub fn countries() -> Vec<(&'static str, u16)> {
    let regions = |code: u16| {
        let regions = phonenumber::metadata::DATABASE.region(&code).unwrap_or_default();
        regions.into_iter().filter(|id| id.len() == 2).map(move |id| (id, code))
    };
    (1..1_000).flat_map(regions).collect()
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What may stand in `From` and `To`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A number.
    Phone(E164),
    /// Three to six digits of one country.
    ShortCode(String),
    /// One to eleven characters with at least one letter; can't be answered.
    Alpha(String),
    /// `whatsapp:+1…` and the like.
    Channel {
        /// Before the colon.
        scheme: String,
        /// After it.
        rest: String,
    },
}

impl Address {
    /// Parses as Twilio does: spaces, dashes, dots and parentheses inside a number are passed
    /// over, and ten digits without a `+` are a North American number.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let text = text.trim();
        if let Some((scheme, rest)) = text.split_once(':') {
            let fine = !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_lowercase());
            if !fine || rest.is_empty() || rest.len() > 256 {
                return Err(InvalidAddress);
            }
            return Ok(Self::Channel { scheme: scheme.to_owned(), rest: rest.to_owned() });
        }
        if text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
            return Self::alpha(text);
        }
        let plus = text.starts_with('+');
        let bare: String =
            text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '+')).collect();
        if bare.is_empty() || !bare.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidAddress);
        }
        match (plus, bare.len()) {
            (true, _) => E164::parse(&format!("+{bare}")).map(Self::Phone),
            (false, 3..=6) => Ok(Self::ShortCode(bare)),
            (false, 10) => E164::parse(&format!("+1{bare}")).map(Self::Phone),
            (false, _) => E164::parse(&format!("+{bare}")).map(Self::Phone),
        }
    }

    /// GSM 03.38 senders: letters, digits, space and a few signs; eleven at most.
    fn alpha(text: &str) -> Result<Self, InvalidAddress> {
        let allowed =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '+' | '-' | '_' | '&' | '.');
        if text.len() <= 11 && text.chars().all(allowed) {
            return Ok(Self::Alpha(text.to_owned()));
        }
        Err(InvalidAddress)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phone(number) => number.fmt(f),
            Self::ShortCode(text) | Self::Alpha(text) => f.write_str(text),
            Self::Channel { scheme, rest } => write!(f, "{scheme}:{rest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_twilio_reads_them() {
        let phone = |text: &str| Address::Phone(E164(text.to_owned()));
        let cases = [
            ("+15551230001", Ok(phone("+15551230001"))),
            ("+1 (555) 123-0001", Ok(phone("+15551230001"))),
            ("5551230001", Ok(phone("+15551230001"))),
            ("442071234567", Ok(phone("+442071234567"))),
            ("12345", Ok(Address::ShortCode("12345".into()))),
            ("Acme Shop", Ok(Address::Alpha("Acme Shop".into()))),
            (
                "whatsapp:+15551230001",
                Ok(Address::Channel { scheme: "whatsapp".into(), rest: "+15551230001".into() }),
            ),
            ("", Err(InvalidAddress)),
            ("+", Err(InvalidAddress)),
            ("+12", Err(InvalidAddress)),
            ("+1234567890123456", Err(InvalidAddress)),
            ("TwelveLetter", Err(InvalidAddress)),
            ("héllo", Err(InvalidAddress)),
        ];
        for (text, expected) in cases {
            assert_eq!(Address::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn impossible_numbers_are_told_from_possible_ones() {
        for (text, possible) in [
            ("+15551230001", true),
            ("+1555123", false),
            ("+11551230001", false),
            ("+447700900123", true),
            ("+33612345678", true),
        ] {
            assert_eq!(E164::parse(text).is_ok_and(|n| n.is_possible()), possible, "{text}");
        }
        let london = E164::parse("+442071838750").expect("a London number");
        assert_eq!(london.country().as_deref(), Some("GB"));
    }
}
