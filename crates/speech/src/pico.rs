//! SVOX Pico's `pico2wave`: six languages, one woman each. It writes to a file alone, which lies in
//! a folder that only we may enter.

use std::fs::{self, DirBuilder, File};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::plan::Run;
use crate::voice::Gender;
use crate::{SpeakError, Speech, program, text, wav};

/// The program.
#[derive(Clone, Debug)]
pub(crate) struct Pico {
    program: PathBuf,
}

/// The languages that it has.
const LANGUAGES: [&str; 6] = ["en-GB", "de-DE", "es-ES", "fr-FR", "it-IT", "en-US"];

/// What a woman's voice is turned down by to be a man's.
const MAN_PITCH: f32 = 0.68;

impl Pico {
    pub(crate) fn open(program: &Path) -> Self {
        Self { program: program.to_owned() }
    }

    /// Its name of a language (BCP 47): that of the same region, else of the same language where
    /// there is one only.
    pub(crate) fn language(tag: &str) -> Option<&'static str> {
        if let Some(exact) = LANGUAGES.iter().find(|name| **name == tag) {
            return Some(exact);
        }
        let first = tag.split('-').next().filter(|first| *first != "en")?;
        LANGUAGES.iter().find(|name| name.starts_with(first)).copied()
    }

    /// Speaks one run in one of its languages.
    pub(crate) fn speak(
        &self,
        run: &Run,
        language: &str,
        gender: Gender,
    ) -> Result<Speech, SpeakError> {
        let failed = |error: &dyn std::fmt::Display| {
            SpeakError::Engine(format!("{}: {error}", self.program.display()))
        };
        let folder = Folder::create().map_err(|error| failed(&error))?;
        let file = folder.0.join("out.wav");
        let arguments = ["-l", language, "-w", &file.to_string_lossy()];
        program::run(&self.program, &arguments, &marked_up(run, gender))?;
        let mut octets = Vec::new();
        let opened = File::open(&file).map_err(|error| failed(&error))?;
        let read = opened.take(program::OUTPUT_MAX as u64).read_to_end(&mut octets);
        read.map_err(|error| failed(&error))?;
        wav::read_wav(&octets).map_err(|error| failed(&error))
    }
}

/// The text in its own markup; markup in the text is taken out.
fn marked_up(run: &Run, gender: Gender) -> String {
    let text = run.text.replace(['<', '>', '&'], " ");
    let voice = if gender == Gender::Man { MAN_PITCH } else { 1.0 };
    let pitch = (100.0 * run.prosody.pitch * voice).clamp(50.0, 200.0).round();
    let speed = (100.0 * run.prosody.rate).clamp(20.0, 500.0).round();
    // It reads a line at a time, and knows nothing of sentences beyond it.
    let lines = text::pieces(&text).join(" ");
    format!("<pitch level=\"{pitch}\"><speed level=\"{speed}\">{lines}</speed></pitch>\n")
}

/// A folder for one file, gone with this value.
struct Folder(PathBuf);

impl Folder {
    fn create() -> std::io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("trunkline-speech-{}-{count}", std::process::id());
            let path = std::env::temp_dir().join(name);
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                // Left by a process of the same number, or put there by somebody.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be removed is the operator's to see; the speech is not lost over it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_the_nearest() {
        let table = [
            ("de-AT", Some("de-DE")),
            ("en-GB", Some("en-GB")),
            ("en-IN", None),
            ("fr-CA", Some("fr-FR")),
            ("pt-BR", None),
        ];
        for (tag, name) in table {
            assert_eq!(Pico::language(tag), name, "{tag}");
        }
    }

    #[test]
    fn folders_are_private_and_go() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::create().expect("a folder");
        let path = folder.0.clone();
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        drop(folder);
        assert!(!path.exists());
    }
}
