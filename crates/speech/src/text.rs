//! Text as engines take it: cleaned, folded to ASCII where they know nothing else, and in pieces of
//! a sentence or less.

/// Letters and spaces as they are; control characters, marks of direction, private and unassigned
/// things are gone, runs of white space are one space.
pub(crate) fn cleaned(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            if !out.ends_with(' ') && !out.is_empty() {
                out.push(' ');
            }
        } else if !is_invisible(c) {
            out.push(c);
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Marks of direction and joining, variation selectors, tags, private use, and what stands for no
/// character.
fn is_invisible(c: char) -> bool {
    matches!(u32::from(c),
        0xAD | 0x61C | 0x180E | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F
        | 0xFE00..=0xFE0F | 0xFEFF | 0xFFF0..=0xFFFF | 0xE000..=0xF8FF | 0xE0000..)
}

/// English for the ear: accents are dropped, signs that have a name are named, everything else
/// outside ASCII is left out.
pub(crate) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' '..='~' => out.push(c),
            _ => out.push_str(fold(c)),
        }
    }
    // Engines read `<` and the like as nothing or worse.
    let plain = out.replace(['<', '>', '\\', '^', '`', '{', '}', '[', ']', '|', '~'], " ");
    plain.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn fold(c: char) -> &'static str {
    match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'À'..='Å' | 'Ā' | 'Ă' | 'Ą' => "A",
        'ç' | 'ć' | 'č' => "c",
        'Ç' | 'Ć' | 'Č' => "C",
        'ď' | 'đ' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => "e",
        'È'..='Ë' | 'Ē' | 'Ė' | 'Ę' | 'Ě' => "E",
        'ğ' => "g",
        'ì'..='ï' | 'ī' | 'ı' => "i",
        'Ì'..='Ï' | 'İ' => "I",
        'ł' => "l",
        'Ł' => "L",
        'ñ' | 'ń' | 'ň' => "n",
        'Ñ' | 'Ń' => "N",
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => "o",
        'Ò'..='Ö' | 'Ø' | 'Ō' | 'Ő' => "O",
        'ř' => "r",
        'ś' | 'ş' | 'š' => "s",
        'Ś' | 'Ş' | 'Š' => "S",
        'ť' | 'ţ' => "t",
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => "u",
        'Ù'..='Ü' | 'Ū' => "U",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'Ź' | 'Ż' | 'Ž' => "Z",
        'ß' => "ss",
        'æ' | 'Æ' => "ae",
        'œ' | 'Œ' => "oe",
        'þ' => "th",
        '‘' | '’' | 'ʼ' => "'",
        '“' | '”' | '„' | '«' | '»' => "\"",
        '–' | '—' | '…' | '·' | '•' => ", ",
        '€' => " euros ",
        '£' => " pounds ",
        '¥' => " yen ",
        '°' => " degrees ",
        '×' => " times ",
        '½' => " one half ",
        '¼' => " one quarter ",
        '¾' => " three quarters ",
        '©' => " copyright ",
        _ => " ",
    }
}

/// Characters of one piece at most.
const PIECE_MAX: usize = 300;

/// Characters of one word at most. Nobody speaks longer ones; engines grow slow over them.
const WORD_MAX: usize = 48;

/// Cuts text into sentences, and those into pieces that engines speak in one go.
pub(crate) fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut length = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let characters: Vec<char> = word.chars().collect();
        for part in characters.chunks(WORD_MAX) {
            if length + part.len() > PIECE_MAX {
                pieces.push(std::mem::take(&mut piece));
                length = 0;
            }
            if !piece.is_empty() {
                piece.push(' ');
            }
            piece.extend(part);
            length += part.len() + 1;
        }
        if ends_sentence(word) {
            pieces.push(std::mem::take(&mut piece));
            length = 0;
        }
    }
    pieces.push(piece);
    pieces.retain(|piece| piece.chars().any(char::is_alphanumeric));
    pieces
}

/// Whether a sentence is over after this word: `Mr.` and `e.g.` are not its end.
fn ends_sentence(word: &str) -> bool {
    let bare = word.trim_end_matches(['"', '\'', ')', '”', '’', '»']);
    if bare.ends_with(['!', '?', ';', ':', '。', '！', '？', '।', '؟']) {
        return true;
    }
    bare.strip_suffix('.').is_some_and(|stem| stem.chars().count() > 3 && !stem.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_cleaned() {
        assert_eq!(cleaned("a\0b\u{202e}c\r\n\t d\u{200b}"), "a bc d");
        assert_eq!(folded("Café “naïve” 5 € 😀 שלום <b>"), "Cafe \"naive\" 5 euros b");
    }

    #[test]
    fn sentences_and_long_words_are_cut() {
        assert_eq!(
            pieces("Hello there. Dr. No is in! Is he"),
            ["Hello there.", "Dr. No is in!", "Is he"]
        );
        let long = pieces(&"x".repeat(1_000));
        assert!(long.iter().all(|piece| piece.chars().count() <= PIECE_MAX + 10), "{long:?}");
        assert_eq!(long.concat().replace(' ', "").len(), 1_000, "nothing is lost");
        assert!(pieces("... !!! 😀").is_empty());
    }
}
