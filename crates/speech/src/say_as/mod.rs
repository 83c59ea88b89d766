//! `<say-as>`: text of a kind as words. English is written out; for other languages the text is
//! only taken apart where that is the same everywhere (digits, letters), since their engines know
//! how their numbers and dates are said.

mod date_time;
mod number;
#[cfg(test)]
mod tests;

pub(crate) use number::{
    cardinal as cardinal_words, digits as digit_words, ordinal as ordinal_words,
};

/// What becomes of text of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Words.
    Words(String),
    /// A tone in place of what is not to be heard, of this length in milliseconds.
    Beep(u32),
}

/// What is said for a text. A kind that is unknown, or a text that is not of its kind, is said as
/// it is written.
pub(crate) fn say_as(interpret_as: &str, format: &str, text: &str, english: bool) -> Said {
    let text = text.trim();
    let words = match interpret_as {
        "expletive" | "bleep" => {
            let letters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
            return Said::Beep(letters.saturating_mul(70).clamp(250, 1_000));
        }
        "characters" | "spell-out" | "verbatim" => Some(letters(text, english)),
        "digits" => Some(digits(text, english)),
        "telephone" => Some(telephone(text, english)),
        _ if !english => None,
        "cardinal" | "number" => number::written(text),
        "ordinal" => ordinal(text),
        "fraction" => fraction(text),
        "unit" => unit(text),
        "date" => date_time::date(text, format),
        "time" => date_time::time(text),
        _ => None,
    };
    Said::Words(words.unwrap_or_else(|| text.to_owned()))
}

/// Names of letters that no engine takes for words.
const LETTERS: [&str; 26] = [
    "ay",
    "bee",
    "see",
    "dee",
    "ee",
    "eff",
    "jee",
    "aitch",
    "eye",
    "jay",
    "kay",
    "ell",
    "em",
    "en",
    "oh",
    "pee",
    "cue",
    "are",
    "ess",
    "tee",
    "you",
    "vee",
    "double you",
    "ex",
    "why",
    "zee",
];

fn sign(c: char) -> Option<&'static str> {
    let name = match c {
        '-' => "dash",
        '_' => "underscore",
        '.' => "dot",
        ',' => "comma",
        '@' => "at",
        '/' => "slash",
        '\\' => "backslash",
        '#' => "hash",
        '*' => "star",
        '+' => "plus",
        '&' => "ampersand",
        '%' => "percent",
        '$' => "dollar",
        '=' => "equals",
        '!' => "exclamation mark",
        '?' => "question mark",
        ':' => "colon",
        ';' => "semicolon",
        '(' | ')' => "parenthesis",
        '\'' => "apostrophe",
        '"' => "quote",
        _ => return None,
    };
    Some(name)
}

fn letters(text: &str, english: bool) -> String {
    let name = |c: char| match c {
        _ if !english => c.to_string(),
        'a'..='z' => LETTERS[c as usize - 'a' as usize].to_owned(),
        'A'..='Z' => LETTERS[c as usize - 'A' as usize].to_owned(),
        '0'..='9' => number::digits(c.encode_utf8(&mut [0; 4])),
        c => sign(c).map_or_else(|| c.to_string(), str::to_owned),
    };
    let shown = text.chars().filter(|c| !c.is_whitespace());
    // Commas keep the names apart: run together they become words.
    shown.map(name).collect::<Vec<_>>().join(", ")
}

fn digits(text: &str, english: bool) -> String {
    if english && text.chars().any(|c| c.is_ascii_digit()) {
        return number::digits(text);
    }
    let each = text.chars().filter(|c| !c.is_whitespace());
    each.map(String::from).collect::<Vec<_>>().join(" ")
}

/// Digit by digit, in the groups that it is written in.
fn telephone(text: &str, english: bool) -> String {
    let lower = text.to_ascii_lowercase();
    let (number, extension) = match lower.split_once('x') {
        Some((number, extension)) => {
            (number.trim_end_matches(['e', '.', ' ']).to_owned(), extension.replace('t', ""))
        }
        None => (lower, String::new()),
    };
    let mut groups: Vec<String> = Vec::new();
    for group in number.split([' ', '-', '.', '(', ')', '/']).filter(|group| !group.is_empty()) {
        let plus = if !group.starts_with('+') {
            ""
        } else if english {
            "plus "
        } else {
            "+ "
        };
        groups.push(format!("{plus}{}", digits(group.trim_start_matches('+'), english)));
    }
    if extension.chars().any(|c| c.is_ascii_digit()) {
        let name = if english { "extension " } else { "" };
        groups.push(format!("{name}{}", digits(&extension, english)));
    }
    groups.join(", ")
}

fn ordinal(text: &str) -> Option<String> {
    let bare = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '.');
    let bare = bare.replace(',', "");
    let plain = !bare.is_empty() && bare.len() <= 18 && bare.bytes().all(|b| b.is_ascii_digit());
    if plain { bare.parse().ok().map(number::ordinal) } else { None }
}

/// `3/20` → `three twentieths`, `2+1/2` → `two and one half`.
fn fraction(text: &str) -> Option<String> {
    if let Some((whole, rest)) = text.split_once(['+', ' ']) {
        return Some(format!("{} and {}", number::written(whole)?, fraction(rest.trim())?));
    }
    let (above, below) = text.split_once('/')?;
    let above: u32 = above.trim().parse().ok()?;
    let below: u32 = below.trim().parse().ok()?;
    let many = above != 1;
    let name = match below {
        0 | 1 => return None,
        2 if many => "halves".to_owned(),
        2 => "half".to_owned(),
        4 if many => "quarters".to_owned(),
        4 => "quarter".to_owned(),
        _ if many => format!("{}s", number::ordinal(u64::from(below))),
        _ => number::ordinal(u64::from(below)),
    };
    Some(format!("{} {name}", number::cardinal(u64::from(above))))
}

/// Signs of units: one, and many.
const UNITS: &[(&str, &str, &str)] = &[
    ("m", "meter", "meters"),
    ("mm", "millimeter", "millimeters"),
    ("cm", "centimeter", "centimeters"),
    ("km", "kilometer", "kilometers"),
    ("in", "inch", "inches"),
    ("inch", "inch", "inches"),
    ("ft", "foot", "feet"),
    ("foot", "foot", "feet"),
    ("yd", "yard", "yards"),
    ("mi", "mile", "miles"),
    ("mg", "milligram", "milligrams"),
    ("g", "gram", "grams"),
    ("kg", "kilogram", "kilograms"),
    ("oz", "ounce", "ounces"),
    ("lb", "pound", "pounds"),
    ("lbs", "pound", "pounds"),
    ("l", "liter", "liters"),
    ("ml", "milliliter", "milliliters"),
    ("gal", "gallon", "gallons"),
    ("s", "second", "seconds"),
    ("sec", "second", "seconds"),
    ("min", "minute", "minutes"),
    ("h", "hour", "hours"),
    ("hr", "hour", "hours"),
    ("mph", "mile per hour", "miles per hour"),
    ("km/h", "kilometer per hour", "kilometers per hour"),
    ("kph", "kilometer per hour", "kilometers per hour"),
    ("%", "percent", "percent"),
    ("°c", "degree Celsius", "degrees Celsius"),
    ("°f", "degree Fahrenheit", "degrees Fahrenheit"),
    ("kb", "kilobyte", "kilobytes"),
    ("mb", "megabyte", "megabytes"),
    ("gb", "gigabyte", "gigabytes"),
    ("w", "watt", "watts"),
    ("kw", "kilowatt", "kilowatts"),
    ("v", "volt", "volts"),
    ("hz", "hertz", "hertz"),
];

/// `10kg` → `ten kilograms`. A unit without a sign here is said as it is written.
fn unit(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',' | '-' | '+'))?;
    let (count, sign) = (&text[..end], text[end..].trim().trim_start_matches('-'));
    let words = number::written(count.trim_end_matches('-'))?;
    let lower = sign.to_lowercase();
    let name = match UNITS.iter().find(|unit| unit.0 == lower) {
        Some((_, one, many)) => {
            if words == "one" {
                one
            } else {
                many
            }
        }
        None => sign,
    };
    Some(format!("{words} {name}"))
}
