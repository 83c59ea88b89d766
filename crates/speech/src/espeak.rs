//! `espeak-ng`: a hundred languages, by a program.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::plan::Run;
use crate::voice::Gender;
use crate::{SpeakError, Speech, program, wav};

/// The program and the languages that it speaks.
#[derive(Clone, Debug)]
pub(crate) struct Espeak {
    program: PathBuf,
    languages: BTreeSet<String>,
}

impl Espeak {
    /// Asks the program for its languages. Nothing when it does not answer.
    pub(crate) fn open(program: &Path) -> Option<Self> {
        let output = program::run(program, &["--voices"], "").ok()?;
        let text = String::from_utf8_lossy(&output);
        let languages = text.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1));
        let languages = languages.map(str::to_owned).collect();
        Some(Self { program: program.to_owned(), languages })
    }

    /// Its name of a language (BCP 47), the nearest that it has.
    pub(crate) fn language(&self, tag: &str) -> Option<&str> {
        let lower = tag.to_ascii_lowercase();
        let (first, rest) = lower.split_once('-').unwrap_or((&lower, ""));
        let names: &[&str] = match (first, rest) {
            ("zh" | "yue", "hk" | "mo" | "cn") if first == "yue" || rest != "cn" => &["yue"],
            ("zh" | "cmn", _) => &["cmn"],
            ("no" | "nb", _) => &["nb"],
            ("arb", _) => &["ar"],
            ("pt", "pt") => &["pt"],
            ("fr", "be") => &["fr-be", "fr-fr"],
            ("fr", "ch") => &["fr-ch", "fr-fr"],
            ("fr", _) => &["fr-fr"],
            ("es", "" | "es") => &["es"],
            ("es", _) => &["es-419", "es"],
            ("en", "gb" | "ie" | "in" | "au" | "nz" | "za") => &["en-gb"],
            ("en", _) => &["en-us"],
            ("iw", _) => &["he"],
            _ => &[lower.as_str(), first],
        };
        names.iter().find_map(|name| self.languages.get(*name)).map(String::as_str)
    }

    /// Speaks one run in one of its languages.
    pub(crate) fn speak(
        &self,
        run: &Run,
        language: &str,
        gender: Gender,
    ) -> Result<Speech, SpeakError> {
        let voice = match gender {
            Gender::Woman => format!("{language}+f2"),
            Gender::Man => language.to_owned(),
        };
        // Its usual values are 175 words a minute and a pitch of 50 of 99. An octave is about 50.
        let rate = (175.0 * run.prosody.rate).round().to_string();
        let pitch = (50.0 + 50.0 * run.prosody.pitch.log2()).clamp(0.0, 99.0).round().to_string();
        let arguments = ["--stdin", "--stdout", "-b", "1", "-v", &voice, "-s", &rate, "-p", &pitch];
        let output = program::run(&self.program, &arguments, &run.text)?;
        let wrong = |error| SpeakError::Engine(format!("{}: {error}", self.program.display()));
        wav::read_wav(&output).map_err(wrong)
    }
}
