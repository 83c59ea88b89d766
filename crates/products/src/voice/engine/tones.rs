//! Tones that calls hear, made once.

use std::collections::BTreeMap;
use std::sync::Arc;

use media::{Prompt, tones};

/// Made when they are first asked for.
#[derive(Default)]
pub(super) struct Tones {
    ringing: BTreeMap<String, Arc<Prompt>>,
    beep: Option<Arc<Prompt>>,
}

impl Tones {
    /// The ringing of a country; that of the United States where it is not known.
    pub(super) fn ringback(&mut self, country: &str) -> Arc<Prompt> {
        let make = || {
            let tone = tones::ringback(country).or_else(|| tones::ringback("us"));
            Arc::new(tone.unwrap_or_else(tones::beep))
        };
        Arc::clone(self.ringing.entry(country.to_owned()).or_insert_with(make))
    }

    /// What goes before a recording.
    pub(super) fn beep(&mut self) -> Arc<Prompt> {
        Arc::clone(self.beep.get_or_insert_with(|| Arc::new(tones::beep())))
    }
}
