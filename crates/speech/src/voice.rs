//! Voices by the names that Twilio gives them, and who speaks for them here.
//!
//! | written | language |
//! |---|---|
//! | `man`, `woman`, `alice` (a woman), none (a man) | that of the request, else `en-US` |
//! | `Polly.Joanna`, `Polly.Joanna-Neural`, … | the voice's own (`data/voices.tsv`) |
//! | `Google.de-DE-Standard-A`, `Google.en-US-Chirp3-HD-Kore`, … | that in its name |
//!
//! Polly's Aditi and Kajal speak Hindi where the request says so. Google's lone letters are women
//! for A, C, E, F, G and H, and men else. Then, whatever the name:
//!
//! | language | woman | man |
//! |---|---|---|
//! | English | flite's slt (American) | flite's rms (American) |
//! | British English | `pico2wave`, else flite's slt | flite's rms |
//! | German, Spanish, French, Italian | `pico2wave`, else `espeak-ng` | the same, pitched lower |
//! | others | `espeak-ng`, its variant f2 | `espeak-ng` |
//!
//! Regions fall back to their language (`es-MX` to `es-419` to `es`), never to another one. Without
//! flite in the binary, English is spoken as the other languages are.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::SpeakError;

/// How a voice sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gender {
    /// A woman.
    Woman,
    /// A man.
    Man,
}

/// What a voice's name and a language ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// How it sounds.
    pub gender: Gender,
    /// BCP 47, in the case that it is usually written in: `en-US`, `cmn-CN`.
    pub language: String,
}

/// One line of the table of names.
#[derive(Clone, Copy)]
struct Named {
    language: &'static str,
    gender: Gender,
}

fn named(family: &str, name: &str) -> Option<Named> {
    static NAMES: OnceLock<BTreeMap<(&str, &str), Named>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let lines = include_str!("../data/voices.tsv").lines();
        let fields = lines.filter_map(|line| {
            let mut fields = line.split('\t');
            Some((fields.next()?, fields.next()?, fields.next()?, fields.next()?))
        });
        let named = fields.map(|(family, name, language, gender)| {
            let gender = if gender == "man" { Gender::Man } else { Gender::Woman };
            ((family, name), Named { language, gender })
        });
        named.collect()
    });
    names.get(&(family, name)).copied()
}

/// What is asked for. `language` may be empty.
///
/// # Errors
/// [`SpeakError::Voice`] for a name that nobody has, [`SpeakError::Language`] for what is no tag of
/// BCP 47.
pub fn wanted(voice: &str, language: &str) -> Result<Wanted, SpeakError> {
    let given = match language {
        "" => None,
        language => Some(tag(language).ok_or_else(|| SpeakError::Language(language.to_owned()))?),
    };
    let unknown = || SpeakError::Voice(voice.to_owned());
    let (gender, own) = match voice.split_once('.') {
        None => match voice {
            "" | "man" => (Gender::Man, None),
            "woman" | "alice" => (Gender::Woman, None),
            _ => return Err(unknown()),
        },
        Some(("Polly", name)) => {
            let name = name.split('-').next().unwrap_or_default();
            let named = named("Polly", name).ok_or_else(unknown)?;
            let bilingual = matches!(name, "Aditi" | "Kajal");
            let hindi = given.as_deref().is_some_and(|given| given.starts_with("hi"));
            let language = if bilingual && hindi { "hi-IN" } else { named.language };
            (named.gender, Some(language.to_owned()))
        }
        Some(("Google", name)) => google(name).ok_or_else(unknown)?,
        Some(_) => return Err(unknown()),
    };
    let language = own.or(given).unwrap_or_else(|| "en-US".to_owned());
    Ok(Wanted { gender, language })
}

/// `de-DE-Standard-A`, `en-US-Chirp3-HD-Kore`, `cmn-CN-Wavenet-B`.
fn google(name: &str) -> Option<(Gender, Option<String>)> {
    let mut parts = name.split('-');
    let language = tag(&format!("{}-{}", parts.next()?, parts.next()?))?;
    let last = parts.next_back()?;
    let gender = match last {
        _ if parts.next().is_none() => return None,
        "A" | "C" | "E" | "F" | "G" | "H" => Gender::Woman,
        _ if last.len() == 1 && last.bytes().all(|b| b.is_ascii_uppercase()) => Gender::Man,
        _ => named("Google", last)?.gender,
    };
    Some((gender, Some(language)))
}

/// A tag of BCP 47 in its usual case: language, perhaps a script, perhaps a region; nothing else is
/// asked for by Twilio's lists. Nothing when it is no such tag.
pub(crate) fn tag(text: &str) -> Option<String> {
    let mut out = String::new();
    for (index, part) in text.split(['-', '_']).enumerate() {
        let letters = part.bytes().all(|b| b.is_ascii_alphabetic());
        let digits = part.bytes().all(|b| b.is_ascii_digit());
        match (index, part.len()) {
            (0, 2..=3) if letters => out.push_str(&part.to_ascii_lowercase()),
            (1, 4) if letters => {
                out.push('-');
                out.push_str(&part[..1].to_ascii_uppercase());
                out.push_str(&part[1..].to_ascii_lowercase());
            }
            (1 | 2, 2) if letters => {
                out.push('-');
                out.push_str(&part.to_ascii_uppercase());
            }
            (1 | 2, 3) if digits => {
                out.push('-');
                out.push_str(part);
            }
            _ => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(voice: &str, language: &str) -> Result<(Gender, String), SpeakError> {
        wanted(voice, language).map(|wanted| (wanted.gender, wanted.language))
    }

    #[test]
    fn names_tell_gender_and_language() {
        use Gender::{Man, Woman};
        let table = [
            ("", "", Man, "en-US"),
            ("man", "fr", Man, "fr"),
            ("woman", "en-gb", Woman, "en-GB"),
            ("alice", "zh-HK", Woman, "zh-HK"),
            ("Polly.Joanna", "", Woman, "en-US"),
            ("Polly.Matthew-Neural", "de-DE", Man, "en-US"),
            ("Polly.Vitória", "", Woman, "pt-BR"),
            ("Polly.Aditi", "hi-IN", Woman, "hi-IN"),
            ("Polly.Aditi", "", Woman, "en-IN"),
            ("Google.de-DE-Standard-A", "", Woman, "de-DE"),
            ("Google.en-GB-Wavenet-B", "", Man, "en-GB"),
            ("Google.cmn-CN-Chirp3-HD-Kore", "", Woman, "cmn-CN"),
            ("Google.es-419-Chirp3-HD-Puck", "", Man, "es-419"),
        ];
        for (voice, language, gender, spoken) in table {
            assert_eq!(of(voice, language), Ok((gender, spoken.to_owned())), "{voice} {language}");
        }
    }

    #[test]
    fn unknown_names_and_languages_have_their_codes() {
        for voice in ["robot", "Polly.Nobody", "Google.en-US", "Google.x", "Acme.Ann", "Polly."] {
            assert_eq!(of(voice, "").map_err(|error| error.code()), Err(Some(13511)), "{voice}");
        }
        for language in ["english", "e", "en-US-posh-x", "../de", "🇩🇪"] {
            let answer = of("man", language).map_err(|error| error.code());
            assert_eq!(answer, Err(Some(13512)), "{language}");
        }
    }
}
