//! English by flite, in the binary: the voices slt (a woman) and rms (a man), both American.
//! Where the libraries were missing at the build, there is none.

#[cfg(flite)]
mod ffi;

use crate::Speech;
use crate::plan::Run;
use crate::voice::Gender;

/// Whether flite is in this binary.
pub(crate) const PRESENT: bool = cfg!(flite);

/// A voice of flite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg(flite)]
enum Voice {
    /// A woman.
    Slt,
    /// A man.
    Rms,
}

/// Speaks one run of English. Nothing when there is nothing that flite can say of it.
#[cfg(flite)]
pub(crate) fn speak(run: &Run, gender: Gender) -> Option<Speech> {
    use crate::{phonemes, text};

    let voice = if gender == Gender::Woman { Voice::Slt } else { Voice::Rms };
    let Run { prosody, .. } = run;
    let mut speech = Speech::default();
    let mut add = |input: &ffi::Input<'_>| {
        let spoken = ffi::speak(input, voice, 1.0 / prosody.rate, prosody.pitch);
        if let Some((samples, rate_hz)) = spoken {
            speech.samples.extend(samples);
            speech.rate_hz = rate_hz;
        }
    };
    let notation = run.phonemes.as_ref().and_then(|(alphabet, notation)| {
        std::ffi::CString::new(phonemes::arpabet(alphabet, notation)?).ok()
    });
    match notation {
        Some(phones) => add(&ffi::Input::Phones(&phones)),
        None => {
            for piece in text::pieces(&text::folded(&run.text)) {
                // Folded text has no NUL.
                if let Ok(piece) = std::ffi::CString::new(piece) {
                    add(&ffi::Input::Text(&piece));
                }
            }
        }
    }
    (!speech.samples.is_empty()).then_some(speech)
}

/// Without the library nothing is said; nobody asks, see [`PRESENT`].
#[cfg(not(flite))]
pub(crate) fn speak(_run: &Run, _gender: Gender) -> Option<Speech> {
    None
}
