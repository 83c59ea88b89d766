//! Pronunciations of words that no dictionary has, letter by letter. Names and inventions come out
//! roughly; that is enough to tell a phrase from its neighbours.

/// Letters and their phones (ARPAbet of the CMU dictionary); longer ones first.
const RULES: &[(&str, &str)] = &[
    ("tion", "SH AH N"),
    ("ough", "AO"),
    ("augh", "AO"),
    ("eigh", "EY"),
    ("sch", "SH"),
    ("tch", "CH"),
    ("dge", "JH"),
    ("igh", "AY"),
    ("eau", "OW"),
    ("air", "EH R"),
    ("ear", "IH R"),
    ("eer", "IH R"),
    ("oor", "AO R"),
    ("our", "AO R"),
    ("qu", "K W"),
    ("ch", "CH"),
    ("ck", "K"),
    ("ph", "F"),
    ("sh", "SH"),
    ("th", "TH"),
    ("wh", "W"),
    ("gh", "G"),
    ("kn", "N"),
    ("ng", "NG"),
    ("wr", "R"),
    ("ai", "EY"),
    ("ay", "EY"),
    ("au", "AO"),
    ("aw", "AO"),
    ("ea", "IY"),
    ("ee", "IY"),
    ("ei", "IY"),
    ("ey", "IY"),
    ("eu", "Y UW"),
    ("ew", "Y UW"),
    ("ie", "IY"),
    ("oa", "OW"),
    ("oi", "OY"),
    ("oy", "OY"),
    ("oo", "UW"),
    ("ou", "AW"),
    ("ow", "OW"),
    ("ue", "UW"),
    ("ar", "AA R"),
    ("er", "ER"),
    ("ir", "ER"),
    ("or", "AO R"),
    ("ur", "ER"),
    ("ce", "S EH"),
    ("ci", "S IH"),
    ("cy", "S IY"),
    ("a", "AE"),
    ("b", "B"),
    ("c", "K"),
    ("d", "D"),
    ("e", "EH"),
    ("f", "F"),
    ("g", "G"),
    ("h", "HH"),
    ("i", "IH"),
    ("j", "JH"),
    ("k", "K"),
    ("l", "L"),
    ("m", "M"),
    ("n", "N"),
    ("o", "AA"),
    ("p", "P"),
    ("q", "K"),
    ("r", "R"),
    ("s", "S"),
    ("t", "T"),
    ("u", "AH"),
    ("v", "V"),
    ("w", "W"),
    ("x", "K S"),
    ("y", "Y"),
    ("z", "Z"),
];

/// Vowels that a mute e at the end makes long.
const LONG: &[(char, &str)] = &[('a', "EY"), ('e', "IY"), ('i', "AY"), ('o', "OW"), ('u', "UW")];

/// The phones of a word of the letters a to z, apart by spaces; empty for nothing.
pub(crate) fn pronounce(word: &str) -> String {
    let word: String = word.chars().filter(char::is_ascii_lowercase).collect();
    let (stem, mute) = match word.strip_suffix('e') {
        Some(stem) if stem.len() >= 2 && !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => (stem, true),
        _ => (word.as_str(), false),
    };
    let mut phones: Vec<&str> = Vec::new();
    let mut at = 0;
    while at < stem.len() {
        let rest = &stem[at..];
        let long = || {
            let vowel = rest.chars().next().filter(|_| mute && rest.len() == 2)?;
            LONG.iter().find(|long| long.0 == vowel).map(|long| (1, long.1))
        };
        let last_y = || (rest == "y" && at > 0).then_some((1, "IY"));
        let rule = || {
            let rule = RULES.iter().find(|rule| rest.starts_with(rule.0))?;
            Some((rule.0.len(), rule.1))
        };
        let Some((length, sound)) = long().or_else(last_y).or_else(rule) else { break };
        // A doubled consonant is one sound.
        if phones.last() != Some(&sound) || sound.len() > 2 {
            phones.push(sound);
        }
        at += length;
    }
    phones.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_pronounced_roughly() {
        let table = [
            ("trunkline", "T R AH N K L AY N"),
            ("zorbly", "Z AO R B L IY"),
            ("phatt", "F AE T"),
            ("quake", "K W EY K"),
            ("", ""),
        ];
        for (word, phones) in table {
            assert_eq!(pronounce(word), phones, "{word}");
        }
    }
}
