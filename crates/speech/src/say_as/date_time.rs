//! Dates and times in English words.

use super::number::{cardinal, ordinal, year};

const MONTHS: [&str; 12] = [
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

/// A date by its format (`mdy`, `dmy`, `ymd`, `md`, `dm`, `ym`, `my`, `d`, `m`, `y`, `yyyymmdd`,
/// where `?` stands for what is not said). Without a format: year first when it has four digits,
/// else the American order. Nothing when it is no such date.
pub(super) fn date(text: &str, format: &str) -> Option<String> {
    let compact = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit() || b == b'?');
    let parts: Vec<&str> = match compact {
        true => vec![&text[..4], &text[4..6], &text[6..]],
        false => text.split(['/', '-', '.', ' ']).filter(|part| !part.is_empty()).collect(),
    };
    let format = match format {
        "yyyymmdd" => "ymd",
        "" if compact || parts.first().is_some_and(|part| part.len() == 4) => "ymd",
        "" => "mdy",
        format => format,
    };
    if format.len() != parts.len() {
        return None;
    }
    let (mut day, mut month, mut said_year) = (None, None, None);
    for (field, part) in format.chars().zip(parts) {
        if part.starts_with('?') {
            continue;
        }
        match field {
            'd' => day = Some(number(part).filter(|day| (1..=31).contains(day))?),
            'm' => month = Some(month_name(part)?),
            'y' => said_year = Some(number(part)?),
            _ => return None,
        }
    }
    let day = day.map(|day| ordinal(u64::from(day)));
    let said_year = said_year.map(|said_year| year(u64::from(said_year)));
    let words = match (month, day, said_year) {
        (Some(month), Some(day), Some(year)) => format!("{month} {day}, {year}"),
        (Some(month), Some(day), None) => format!("{month} {day}"),
        (Some(month), None, Some(year)) => format!("{month} {year}"),
        (Some(month), None, None) => month.to_owned(),
        (None, Some(day), None) => day,
        (None, None, Some(year)) => year,
        (None, Some(day), Some(year)) => format!("{day}, {year}"),
        (None, None, None) => return None,
    };
    Some(words)
}

fn number(text: &str) -> Option<u32> {
    let plain = text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn month_name(text: &str) -> Option<&'static str> {
    if let Some(number) = number(text) {
        return MONTHS.get((number as usize).checked_sub(1)?).copied();
    }
    let text = text.to_ascii_lowercase();
    let named = |name: &&&str| text.len() >= 3 && name.to_ascii_lowercase().starts_with(&text);
    MONTHS.iter().find(named).copied()
}

/// A time of day (`14:30`, `2:30pm`, `2:30:15`), or a duration (`1'21"`). Nothing when it is
/// neither.
pub(super) fn time(text: &str) -> Option<String> {
    if let Some((minutes, seconds)) = text.split_once('\'') {
        let minutes = counted(number(minutes.trim())?, "minute");
        let seconds = seconds.trim().trim_end_matches(['"', '\'']);
        return match seconds {
            "" => Some(minutes),
            seconds => Some(format!("{minutes} {}", counted(number(seconds)?, "second"))),
        };
    }
    let lower = text.to_ascii_lowercase().replace(['.', ' '], "");
    let (clock, half) = match lower.strip_suffix("am") {
        Some(clock) => (clock, "ay em"),
        None => match lower.strip_suffix("pm") {
            Some(clock) => (clock, "pee em"),
            None => (lower.as_str(), ""),
        },
    };
    let fields: Vec<u32> = clock.split(':').map(number).collect::<Option<_>>()?;
    let (hours, minutes, seconds) = match fields[..] {
        [hours] if !half.is_empty() => (hours, 0, 0),
        [hours, minutes] => (hours, minutes, 0),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return None,
    };
    if hours > 24 || minutes > 59 || seconds > 59 {
        return None;
    }
    let hour = cardinal(u64::from(hours));
    let mut words = match minutes {
        0 if half.is_empty() && (1..=12).contains(&hours) => format!("{hour} o'clock"),
        0 if half.is_empty() => format!("{hour} hundred hours"),
        0 => hour,
        1..=9 => format!("{hour} oh {}", cardinal(u64::from(minutes))),
        _ => format!("{hour} {}", cardinal(u64::from(minutes))),
    };
    if seconds > 0 {
        words = format!("{words} and {}", counted(seconds, "second"));
    }
    Some(if half.is_empty() { words } else { format!("{words} {half}") })
}

fn counted(count: u32, name: &str) -> String {
    let words = cardinal(u64::from(count));
    if count == 1 { format!("{words} {name}") } else { format!("{words} {name}s") }
}
