//! How a carrier writes numbers: what a call to it says, and what a call from it means.

use std::str::FromStr;

use base::E164;

/// A way of writing numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `+4930123456`.
    #[default]
    E164,
    /// `4930123456`.
    PlusLess,
    /// As a country (ISO 3166) dials: `030123456` within it, `0043…` to others.
    National(String),
    /// Digits behind a prefix: `004930123456`.
    Prefix(String),
}

/// Text that names no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no format of numbers: write e164, plus-less, national:DE or prefix:00")]
pub struct InvalidFormat(String);

impl FromStr for Format {
    type Err = InvalidFormat;

    fn from_str(text: &str) -> Result<Self, InvalidFormat> {
        let digits = |text: &str| {
            (1..=8).contains(&text.len())
                && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '*' | '#'))
        };
        match text.split_once(':') {
            None if text == "e164" => Ok(Self::E164),
            None if text == "plus-less" => Ok(Self::PlusLess),
            Some(("national", country)) if base::is_country(country) => {
                Ok(Self::National(country.to_ascii_uppercase()))
            }
            Some(("prefix", prefix)) if digits(prefix) => Ok(Self::Prefix(prefix.to_owned())),
            _ => Err(InvalidFormat(text.to_owned())),
        }
    }
}

impl Format {
    /// The user part for a number; what is no number in E.164 form stays as it is.
    pub fn write(&self, user: &str) -> String {
        let Ok(number) = E164::parse(user) else { return user.to_owned() };
        let digits = &number.as_str()[1..];
        match self {
            Self::E164 => user.to_owned(),
            Self::PlusLess => digits.to_owned(),
            Self::National(country) => number.dialled_in(country),
            Self::Prefix(prefix) => format!("{prefix}{digits}"),
        }
    }

    /// The number that a user part stands for. A number that says its country itself, by `+`, is
    /// taken in every format.
    pub fn read(&self, user: &str) -> Option<E164> {
        let sign = |c: &char| !matches!(c, '-' | '.' | '(' | ')' | ' ');
        let bare: String = user.chars().filter(sign).collect();
        if let Ok(number) = E164::parse(&bare) {
            return Some(number);
        }
        let full = |digits: &str| E164::parse(&format!("+{digits}")).ok();
        match self {
            Self::E164 => None,
            Self::PlusLess => full(&bare),
            Self::National(country) => E164::parse_in(country, &bare).ok(),
            Self::Prefix(prefix) => full(bare.strip_prefix(prefix.as_str())?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(text: &str) -> Format {
        text.parse().expect("a format")
    }

    #[test]
    fn numbers_are_written_and_read_back() {
        for (name, number, written) in [
            ("e164", "+493012345678", "+493012345678"),
            ("plus-less", "+493012345678", "493012345678"),
            ("prefix:00", "+493012345678", "00493012345678"),
            ("prefix:9", "+493012345678", "9493012345678"),
            ("national:DE", "+493012345678", "03012345678"),
            ("national:DE", "+14155550100", "0014155550100"),
            ("national:US", "+14155550100", "4155550100"),
            ("national:US", "+442071838750", "011442071838750"),
            ("national:IT", "+390612345678", "0612345678"),
        ] {
            let format = format(name);
            assert_eq!(format.write(number), written, "{name}");
            let read = format.read(written);
            assert_eq!(read.as_ref().map(E164::as_str), Some(number), "{name}");
            assert_eq!(format.read(number).as_ref().map(E164::as_str), Some(number), "{name}");
        }
    }

    #[test]
    fn names_and_odd_texts_stay_what_they_are() {
        assert_eq!(format("plus-less").write("alice"), "alice");
        assert_eq!(format("national:DE").read("alice"), None);
        assert_eq!(format("prefix:00").read("493012345678"), None);
        assert_eq!(format("e164").read("493012345678"), None);
        for bad in ["", "e164x", "national", "national:XX", "prefix:", "prefix:abc"] {
            assert!(bad.parse::<Format>().is_err(), "{bad}");
        }
    }
}
