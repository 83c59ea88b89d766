//! A file of number ranges: which prefix is what kind of line, and whose. Pure.
//!
//! A heading names the columns, `prefix` first: `prefix,type,carrier,mcc,mnc`. The longest prefix
//! of a number tells of it.

use std::collections::HashMap;

use crate::lookup::model::LineType;

/// Ranges of a file at most.
const RANGES_MAX: usize = 2_000_000;

/// Digits of a number at most (ITU-T E.164 §6.2.1).
const DIGITS_MAX: usize = 15;

/// Characters of a carrier's name at most.
const NAME_MAX: usize = 100;

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {text}")]
pub struct BadRanges {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub text: String,
}

/// What is known of a range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The kind of its lines.
    pub line: Option<LineType>,
    /// Who runs it.
    pub carrier: Option<String>,
    /// The carrier's country in mobile networks (ITU-T E.212).
    pub mcc: Option<String>,
    /// The carrier's network in it.
    pub mnc: Option<String>,
}

/// The ranges of a file, by their prefixes.
#[derive(Debug, Default)]
pub struct Ranges {
    by_prefix: HashMap<u64, Range>,
    longest: usize,
}

impl Ranges {
    /// The range with the longest prefix of a number in E.164 form.
    pub fn find(&self, e164: &str) -> Option<&Range> {
        let digits = e164.trim_start_matches('+');
        let longest = self.longest.min(digits.len());
        (1..=longest).rev().find_map(|length| {
            let key = key_of(digits.get(..length)?)?;
            self.by_prefix.get(&key)
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_prefix.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_prefix.is_empty()
    }
}

/// A prefix as a number; a one before it keeps its zeros.
fn key_of(digits: &str) -> Option<u64> {
    let fine = (1..=DIGITS_MAX).contains(&digits.len());
    let fine = fine && digits.bytes().all(|byte| byte.is_ascii_digit());
    let value = |key: u64, byte: u8| key * 10 + u64::from(byte - b'0');
    fine.then(|| digits.bytes().fold(1, value))
}

/// Parses a file. Empty lines and `#` comments are passed over; a prefix that comes twice is a
/// mistake.
pub fn parse(text: &str) -> Result<Ranges, BadRanges> {
    let mut ranges = Ranges::default();
    let mut columns: Option<Vec<Column>> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim().trim_start_matches('\u{feff}');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let bad = |text: String| BadRanges { line: index + 1, text };
        let Some(columns) = &columns else {
            columns = Some(heading(line).map_err(bad)?);
            continue;
        };
        let (prefix, range) = row(line, columns).map_err(bad)?;
        let key = key_of(prefix.trim_start_matches('+')).ok_or_else(|| {
            bad(format!("'{prefix}' is no prefix: 1 to {DIGITS_MAX} digits of E.164"))
        })?;
        if ranges.by_prefix.len() == RANGES_MAX {
            return Err(bad(format!("more than {RANGES_MAX} ranges")));
        }
        ranges.longest = ranges.longest.max(prefix.trim_start_matches('+').len());
        if ranges.by_prefix.insert(key, range).is_some() {
            return Err(bad(format!("the prefix {prefix} was there before")));
        }
    }
    Ok(ranges)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Prefix,
    Type,
    Carrier,
    Mcc,
    Mnc,
}

fn heading(line: &str) -> Result<Vec<Column>, String> {
    let column = |name: &str| match name.trim() {
        "prefix" => Ok(Column::Prefix),
        "type" => Ok(Column::Type),
        "carrier" => Ok(Column::Carrier),
        "mcc" => Ok(Column::Mcc),
        "mnc" => Ok(Column::Mnc),
        other => Err(format!("'{other}' is no column; there are prefix, type, carrier, mcc, mnc")),
    };
    let columns = line.split(',').map(column).collect::<Result<Vec<_>, _>>()?;
    match columns.first() {
        Some(Column::Prefix) => Ok(columns),
        _ => Err("the first column must be prefix".to_owned()),
    }
}

fn row<'a>(line: &'a str, columns: &[Column]) -> Result<(&'a str, Range), String> {
    let (mut prefix, mut range) = ("", Range::default());
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    if fields.len() > columns.len() {
        return Err(format!("{} fields in {} columns", fields.len(), columns.len()));
    }
    for (column, field) in columns.iter().zip(fields) {
        let said = Some(field).filter(|field| !field.is_empty());
        match column {
            Column::Prefix => prefix = field,
            Column::Type => {
                let line = |name| LineType::from_name(name).ok_or(format!("'{name}' is no type"));
                range.line = said.map(line).transpose()?;
            }
            Column::Carrier if field.chars().count() > NAME_MAX => {
                return Err(format!("a carrier's name has at most {NAME_MAX} characters"));
            }
            Column::Carrier => range.carrier = said.map(str::to_owned),
            Column::Mcc => range.mcc = code(said, 3..=3)?,
            Column::Mnc => range.mnc = code(said, 2..=3)?,
        }
    }
    Ok((prefix, range))
}

fn code(
    said: Option<&str>,
    lengths: std::ops::RangeInclusive<usize>,
) -> Result<Option<String>, String> {
    let Some(said) = said else { return Ok(None) };
    let fine = lengths.contains(&said.len()) && said.bytes().all(|byte| byte.is_ascii_digit());
    let refused = || format!("'{said}' is no code of {lengths:?} digits");
    if fine { Ok(Some(said.to_owned())) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_tells() {
        let text = "# ours\nprefix,type,carrier,mcc,mnc\n44,unknown\n+447700,mobile,Acme,234,15\n\
                    4477009,mobile,Beta,234,20\n";
        let ranges = parse(text).expect("a good file");
        let carrier = |number| ranges.find(number).and_then(|range| range.carrier.as_deref());
        assert_eq!(carrier("+447700900123"), Some("Beta"));
        assert_eq!(carrier("+447700100123"), Some("Acme"));
        assert_eq!(carrier("+442071838750"), None);
        assert_eq!(ranges.find("+442071838750").and_then(|r| r.line), Some(LineType::Unknown));
        assert!(ranges.find("+4").is_none() && ranges.find("+15551230001").is_none());
        assert_eq!(ranges.len(), 3);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, wrong) in [
            ("type,prefix\n", "line 1: the first column"),
            ("prefix,colour\n", "line 1: 'colour'"),
            ("prefix,type\n44,radio\n", "line 2: 'radio'"),
            ("prefix\n44x\n", "line 2: '44x'"),
            ("prefix\n1234567890123456\n", "line 2: '1234567890123456'"),
            ("prefix\n44\n\n+44\n", "line 4: the prefix +44"),
            ("prefix,mcc\n44,23\n", "line 2: '23'"),
            ("prefix\n44,mobile\n", "line 2: 2 fields"),
        ] {
            let refused = parse(text).expect_err(text).to_string();
            assert!(refused.starts_with(wrong), "{text}: {refused}");
        }
        assert!(parse("").expect("nothing").is_empty());
    }
}
