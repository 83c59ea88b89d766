//! MP3 of a WAV file, by `lame`: encoders that could stand in the binary are under licences that it
//! can't be.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{SpeakError, program};

/// How long four hours may take.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Octets of an MP3 at most.
const OUTPUT_MAX: usize = 256 << 20;

/// The encoder, where it is installed.
pub fn encoder() -> Option<PathBuf> {
    program::find("lame")
}

/// A WAV file of 16 bits as MP3, 32 kbit/s a channel. The call blocks while it works.
///
/// # Errors
/// [`SpeakError::Engine`] for a program that fails, or takes too long.
pub fn encode(encoder: &Path, wav: Vec<u8>, channels: u16) -> Result<Vec<u8>, SpeakError> {
    // The two sides of a call have nothing in common: no joint stereo.
    let (mode, rate) = if channels == 2 { ("s", "64") } else { ("m", "32") };
    let arguments = ["--quiet", "--cbr", "-m", mode, "-b", rate, "-", "-"];
    program::run_with(encoder, &arguments, wav, TIMEOUT, OUTPUT_MAX)
}
