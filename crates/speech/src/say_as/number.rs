//! Numbers in English words.

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const GROUPS: [(u64, &str); 6] = [
    (1_000_000_000_000_000, "quadrillion"),
    (1_000_000_000_000, "trillion"),
    (1_000_000_000, "billion"),
    (1_000_000, "million"),
    (1_000, "thousand"),
    (100, "hundred"),
];

/// `1205` → `one thousand two hundred five`.
pub(crate) fn cardinal(number: u64) -> String {
    for (size, name) in GROUPS {
        if number >= size {
            let head = format!("{} {name}", cardinal(number / size));
            return joined(head, number % size);
        }
    }
    if number < 20 {
        return SMALL[number as usize].to_owned();
    }
    joined(TENS[(number / 10) as usize].to_owned(), number % 10)
}

fn joined(head: String, rest: u64) -> String {
    if rest == 0 { head } else { format!("{head} {}", cardinal(rest)) }
}

/// `21` → `twenty first`.
pub(crate) fn ordinal(number: u64) -> String {
    let words = cardinal(number);
    let (head, last) = words.rsplit_once(' ').map_or(("", words.as_str()), |(h, l)| (h, l));
    let last = match last {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        last => match last.strip_suffix('y') {
            Some(stem) => format!("{stem}ieth"),
            None => format!("{last}th"),
        },
    };
    if head.is_empty() { last } else { format!("{head} {last}") }
}

/// `1984` → `nineteen eighty four`, `2005` → `two thousand five`.
pub(super) fn year(number: u64) -> String {
    let (century, rest) = (number / 100, number % 100);
    match (century, rest) {
        (10..=99, 0) if century % 10 != 0 => format!("{} hundred", cardinal(century)),
        (10..=99, 1..=9) if century % 10 != 0 => {
            format!("{} oh {}", cardinal(century), cardinal(rest))
        }
        (10..=99, 10..) => format!("{} {}", cardinal(century), cardinal(rest)),
        _ => cardinal(number),
    }
}

/// A number as written, with sign, commas and decimals: `-1,234.5`. Nothing when it is none.
pub(super) fn written(text: &str) -> Option<String> {
    let (sign, bare) = match text.strip_prefix(['-', '−']) {
        Some(bare) => ("minus ", bare),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, decimals) = bare.split_once('.').unwrap_or((bare, ""));
    let whole = whole.replace(',', "");
    let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if !is_number(&whole) || !is_number(decimals) || whole.is_empty() && decimals.is_empty() {
        return None;
    }
    let words = if whole.is_empty() { "zero".to_owned() } else { whole_number(&whole) };
    Some(match decimals {
        "" => format!("{sign}{words}"),
        decimals => format!("{sign}{words} point {}", digits(decimals)),
    })
}

/// Digits as a cardinal; very long ones one by one.
pub(super) fn whole_number(text: &str) -> String {
    match text.parse() {
        Ok(number) if text.len() <= 18 => cardinal(number),
        _ => digits(text),
    }
}

/// Each digit by its name; what is none is left out.
pub(crate) fn digits(text: &str) -> String {
    let values = text.chars().filter_map(|c| c.to_digit(10));
    values.map(|value| SMALL[value as usize]).collect::<Vec<_>>().join(" ")
}
