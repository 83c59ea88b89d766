//! Smart encoding: lookalikes outside the GSM alphabet are replaced when that makes the whole
//! text fit it.

use std::borrow::Cow;

use super::gsm7;

/// What a lookalike becomes.
fn replacement(character: char) -> Option<&'static str> {
    Some(match character {
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' | '\u{2032}' | '\u{2035}' | '`'
        | '\u{00b4}' | '\u{02bc}' => "'",
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{201f}' | '\u{2033}' | '\u{00ab}'
        | '\u{00bb}' => "\"",
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{00ad}' => "-",
        '\u{2026}' => "...",
        '\u{00a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => " ",
        '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => "",
        '\u{2022}' | '\u{00b7}' => "*",
        '\u{2039}' => "<",
        '\u{203a}' => ">",
        '\u{2044}' => "/",
        '\t' => " ",
        'ç' => "Ç",
        '\u{00bc}' => "1/4",
        '\u{00bd}' => "1/2",
        '\u{00be}' => "3/4",
        _ => return None,
    })
}

/// The text in the GSM alphabet, if replacements alone get it there; else as it is.
pub(super) fn encode(body: &str) -> Cow<'_, str> {
    let outside = |character: &char| gsm7::septets(*character).is_none();
    if !body.chars().any(|character| outside(&character)) {
        return Cow::Borrowed(body);
    }
    if body.chars().filter(outside).any(|character| replacement(character).is_none()) {
        return Cow::Borrowed(body);
    }
    let mut smart = String::with_capacity(body.len());
    for character in body.chars() {
        match replacement(character).filter(|_| outside(&character)) {
            Some(text) => smart.push_str(text),
            None => smart.push(character),
        }
    }
    Cow::Owned(smart)
}
