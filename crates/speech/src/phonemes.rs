//! Phonemes in IPA or X-SAMPA as those of American English, in the notation that flite and the
//! dictionary of the recogniser share (ARPAbet). What English lacks has no answer here.

/// Sounds: IPA, X-SAMPA, ARPAbet; longer signs before those that they begin with.
const SOUNDS: &[(&str, &str, &str)] = &[
    ("t͡ʃ", "t_S", "ch"),
    ("tʃ", "tS", "ch"),
    ("d͡ʒ", "d_Z", "jh"),
    ("dʒ", "dZ", "jh"),
    ("aɪ", "aI", "ay"),
    ("aʊ", "aU", "aw"),
    ("eɪ", "eI", "ey"),
    ("oʊ", "oU", "ow"),
    ("əʊ", "@U", "ow"),
    ("ɔɪ", "OI", "oy"),
    ("ɝ", "3`", "er"),
    ("ɜː", "3:", "er"),
    ("ɜ", "3", "er"),
    ("ɚ", "@`", "er"),
    ("iː", "i:", "iy"),
    ("uː", "u:", "uw"),
    ("ɑː", "A:", "aa"),
    ("ɔː", "O:", "ao"),
    ("i", "i", "iy"),
    ("u", "u", "uw"),
    ("ɑ", "A", "aa"),
    ("ɒ", "Q", "aa"),
    ("ɔ", "O", "ao"),
    ("æ", "{", "ae"),
    ("a", "a", "aa"),
    ("ɛ", "E", "eh"),
    ("e", "e", "ey"),
    ("ɪ", "I", "ih"),
    ("o", "o", "ow"),
    ("ʊ", "U", "uh"),
    ("ʌ", "V", "ah"),
    ("ə", "@", "ax"),
    ("p", "p", "p"),
    ("b", "b", "b"),
    ("t", "t", "t"),
    ("d", "d", "d"),
    ("k", "k", "k"),
    ("ɡ", "g", "g"),
    ("g", "g", "g"),
    ("f", "f", "f"),
    ("v", "v", "v"),
    ("θ", "T", "th"),
    ("ð", "D", "dh"),
    ("s", "s", "s"),
    ("z", "z", "z"),
    ("ʃ", "S", "sh"),
    ("ʒ", "Z", "zh"),
    ("h", "h", "hh"),
    ("m", "m", "m"),
    ("n", "n", "n"),
    ("ŋ", "N", "ng"),
    ("l", "l", "l"),
    ("ɫ", "5", "l"),
    ("ɹ", "r\\", "r"),
    ("r", "r", "r"),
    ("ɾ", "4", "t"),
    ("w", "w", "w"),
    ("j", "j", "y"),
];

/// Sounds of one word at most.
const SOUNDS_MAX: usize = 60;

/// Stress, syllables, length and spaces, which are not followed.
fn is_mark(c: char, ipa: bool) -> bool {
    match c {
        ' ' | '.' | '-' => true,
        'ˈ' | 'ˌ' | 'ː' | '͡' | '‿' | '\'' => ipa,
        '"' | '%' | ':' | '_' => !ipa,
        _ => false,
    }
}

/// Phonemes in ARPAbet, apart by spaces, between pauses. Nothing when one of them is not English,
/// or the alphabet is another.
pub(crate) fn arpabet(alphabet: &str, notation: &str) -> Option<String> {
    let ipa = match alphabet {
        "ipa" | "" => true,
        "x-sampa" => false,
        _ => return None,
    };
    let sign = |sound: &(&'static str, &'static str, _)| if ipa { sound.0 } else { sound.1 };
    let mut out = vec!["pau"];
    let mut rest = notation;
    while let Some(first) = rest.chars().next() {
        if let Some(sound) = SOUNDS.iter().find(|sound| rest.starts_with(sign(sound))) {
            out.push(sound.2);
            rest = &rest[sign(sound).len()..];
        } else if is_mark(first, ipa) {
            rest = &rest[first.len_utf8()..];
        } else {
            return None;
        }
        if out.len() > SOUNDS_MAX {
            return None;
        }
    }
    if out.len() == 1 {
        return None;
    }
    out.push("pau");
    Some(out.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_are_read() {
        let wanted = Some("pau p ih k aa n pau".to_owned());
        assert_eq!(arpabet("ipa", "pɪˈkɑːn"), wanted);
        assert_eq!(arpabet("x-sampa", "pI\"kA:n"), wanted);
        assert_eq!(arpabet("ipa", "ˈtʃaɪ"), Some("pau ch ay pau".to_owned()));
        assert_eq!(arpabet("ipa", "ʁy"), None, "not English");
        assert_eq!(arpabet("x-amazon-pinyin", "ma1"), None);
        assert_eq!(arpabet("ipa", "ˈ"), None);
    }
}
