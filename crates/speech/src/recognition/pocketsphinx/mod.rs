//! English phrases by pocketsphinx and its American model of 16 kHz. Telephone audio is brought to
//! that rate: the model's own filters end at 6,800 Hz, and it does not open at 8 kHz.
//!
//! A session has a decoder of its own (opening takes some 10 ms of a core), so that nothing of one
//! caller's voice is left for the next. While somebody speaks, the decoder follows for partial
//! hypotheses; at the end the whole utterance is heard once more with its own mean taken away, and
//! once as mere sounds. How much better the phrase explains it than any row of sounds is the
//! confidence. Measured: 10 ms of a core a second while it listens, 50 ms a second at the end.

#[cfg(pocketsphinx)]
mod ffi;
#[cfg(pocketsphinx)]
mod session;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::dictionary::Dictionary;
use super::{Hints, Listening, RecognitionError, Recognizer, Session};

/// Where the model is, and how many may be listened to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folders that are looked at in turn: each may hold the acoustic model in `en-us` and the
    /// dictionary `cmudict-en-us.dict`.
    pub folders: Vec<PathBuf>,
    /// Sessions at once. Each takes about 7 MiB.
    pub sessions_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let folders =
            ["/usr/share/pocketsphinx/model/en-us", "/usr/local/share/pocketsphinx/model/en-us"];
        Self { folders: folders.map(PathBuf::from).to_vec(), sessions_max: 64 }
    }
}

/// The recogniser: a model on disk and its dictionary.
#[derive(Debug)]
#[cfg_attr(not(pocketsphinx), expect(dead_code, reason = "nothing is opened without the library"))]
pub struct PocketSphinx {
    model: PathBuf,
    dictionary: Dictionary,
    sessions: Arc<AtomicUsize>,
    sessions_max: usize,
}

impl PocketSphinx {
    /// Finds the model and reads its dictionary, which takes a few tenths of a second.
    ///
    /// # Errors
    /// [`RecognitionError::Absent`] when the library is not in this binary, or no folder holds a
    /// model.
    pub fn open(settings: &Settings) -> Result<Self, RecognitionError> {
        if !cfg!(pocketsphinx) {
            return Err(RecognitionError::Absent("built without pocketsphinx".to_owned()));
        }
        let opened = settings.folders.iter().find_map(|folder| {
            let (model, text) = read(folder)?;
            Some((model, Dictionary::new(text)?))
        });
        let (model, dictionary) = opened.ok_or_else(|| {
            let folders = settings.folders.iter().map(|folder| folder.display().to_string());
            let folders = folders.collect::<Vec<_>>().join(", ");
            RecognitionError::Absent(format!("no model in {folders}"))
        })?;
        let sessions_max = settings.sessions_max;
        Ok(Self { model, dictionary, sessions: Arc::default(), sessions_max })
    }
}

/// The acoustic model's folder and the dictionary, when a folder holds both.
fn read(folder: &Path) -> Option<(PathBuf, String)> {
    let model = folder.join("en-us");
    if !model.join("mdef").is_file() {
        return None;
    }
    let text = std::fs::read_to_string(folder.join("cmudict-en-us.dict")).ok()?;
    Some((model, text))
}

impl Recognizer for PocketSphinx {
    fn start(&self, listening: &Listening) -> Result<Box<dyn Session>, RecognitionError> {
        if !crate::plan::is_english(&listening.language) {
            return Err(RecognitionError::Language(listening.language.clone()));
        }
        if !matches!(listening.rate_hz, 8_000 | 16_000) {
            return Err(RecognitionError::Rate(listening.rate_hz));
        }
        let hints = Hints::new(&listening.hints, &self.dictionary);
        if hints.is_empty() {
            return Err(RecognitionError::NoHints);
        }
        self.listen(hints, listening.rate_hz)
    }
}

impl PocketSphinx {
    #[cfg(pocketsphinx)]
    fn listen(&self, hints: Hints, rate_hz: u32) -> Result<Box<dyn Session>, RecognitionError> {
        let place = session::Place::take(&self.sessions, self.sessions_max)?;
        Ok(Box::new(session::Listener::open(&self.model, hints, rate_hz, place)?))
    }

    #[cfg(not(pocketsphinx))]
    fn listen(&self, _hints: Hints, _rate_hz: u32) -> Result<Box<dyn Session>, RecognitionError> {
        Err(RecognitionError::Absent("built without pocketsphinx".to_owned()))
    }
}
