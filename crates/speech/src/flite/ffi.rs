//! The few functions of flite that speaking takes (`flite.h`, `cst_utterance.h`, `cst_synth.h`).
#![expect(unsafe_code, reason = "flite is a C library; this module is the only door to it")]

use std::ffi::{CStr, c_char, c_float, c_int, c_short, c_void};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::flite::Voice;

type VoicePointer = *mut c_void;

/// `cst_utterance`: only its features are touched.
#[repr(C)]
struct RawUtterance {
    features: *mut c_void,
}

/// `cst_wave`.
#[repr(C)]
struct RawWave {
    kind: *const c_char,
    sample_rate: c_int,
    num_samples: c_int,
    num_channels: c_int,
    samples: *const c_short,
}

unsafe extern "C" {
    fn flite_init() -> c_int;
    fn register_cmu_us_slt(folder: *const c_char) -> VoicePointer;
    fn register_cmu_us_rms(folder: *const c_char) -> VoicePointer;
    fn new_utterance() -> *mut RawUtterance;
    fn delete_utterance(utterance: *mut RawUtterance);
    fn utt_set_input_text(utterance: *mut RawUtterance, text: *const c_char) -> c_int;
    fn utt_init(utterance: *mut RawUtterance, voice: VoicePointer) -> *mut RawUtterance;
    fn utt_synth(utterance: *mut RawUtterance) -> *mut RawUtterance;
    fn utt_synth_phones(utterance: *mut RawUtterance) -> *mut RawUtterance;
    fn utt_wave(utterance: *mut RawUtterance) -> *const RawWave;
    fn flite_feat_set_float(features: *mut c_void, name: *const c_char, value: c_float);
}

/// These four take the place of flite's player, which the build leaves out of its archive. Nothing
/// here calls them, but flite's convenience functions name them.
#[unsafe(no_mangle)]
extern "C" fn play_wave(_wave: *const c_void) -> c_int {
    -1
}

#[unsafe(no_mangle)]
extern "C" fn audio_open(_rate: c_int, _channels: c_int, _format: c_int) -> *mut c_void {
    std::ptr::null_mut()
}

#[unsafe(no_mangle)]
extern "C" fn audio_write(_device: *mut c_void, _octets: *mut c_void, _count: c_int) -> c_int {
    -1
}

#[unsafe(no_mangle)]
extern "C" fn audio_close(_device: *mut c_void) -> c_int {
    -1
}

/// The registered voices. They are never freed.
struct Voices {
    slt: VoicePointer,
    rms: VoicePointer,
}

// SAFETY: the pointers are only used under the lock around this struct.
unsafe impl Send for Voices {}

/// flite counts references without atomics, also on what voices share, so one thread speaks at a
/// time.
fn voices() -> &'static Mutex<Voices> {
    static VOICES: OnceLock<Mutex<Voices>> = OnceLock::new();
    VOICES.get_or_init(|| {
        // SAFETY: runs once, before anything else of flite; a null folder means built-in data.
        let voices = unsafe {
            flite_init();
            Voices {
                slt: register_cmu_us_slt(std::ptr::null()),
                rms: register_cmu_us_rms(std::ptr::null()),
            }
        };
        Mutex::new(voices)
    })
}

/// What is given to a voice.
pub(super) enum Input<'a> {
    /// Text.
    Text(&'a CStr),
    /// Phones in flite's notation, each of which it knows.
    Phones(&'a CStr),
}

/// Speaks one sentence. Samples and rate in Hz; nothing when flite gives no wave.
pub(super) fn speak(
    input: &Input<'_>,
    voice: Voice,
    stretch: f32,
    pitch: f32,
) -> Option<(Vec<i16>, u32)> {
    let voices = voices().lock().unwrap_or_else(PoisonError::into_inner);
    let voice = match voice {
        Voice::Slt => voices.slt,
        Voice::Rms => voices.rms,
    };
    // SAFETY: the lock is held; the utterance is ours until it is deleted, its wave lives as long
    // as it, and the samples are copied before that. Texts are NUL-terminated and copied by flite.
    unsafe {
        let utterance = new_utterance();
        let text = match input {
            Input::Text(text) | Input::Phones(text) => text,
        };
        utt_set_input_text(utterance, text.as_ptr());
        utt_init(utterance, voice);
        let features = (*utterance).features;
        flite_feat_set_float(features, c"duration_stretch".as_ptr(), stretch);
        flite_feat_set_float(features, c"f0_shift".as_ptr(), pitch);
        let made = match input {
            Input::Text(_) => utt_synth(utterance),
            Input::Phones(_) => utt_synth_phones(utterance),
        };
        let wave = if made.is_null() { std::ptr::null() } else { utt_wave(utterance) };
        let spoken = copied(wave);
        delete_utterance(utterance);
        spoken
    }
}

/// Copies a wave of one channel.
///
/// # Safety
/// The wave is null, or as flite made it.
unsafe fn copied(wave: *const RawWave) -> Option<(Vec<i16>, u32)> {
    // SAFETY: as promised by the caller.
    let wave = unsafe { wave.as_ref() }?;
    let count = usize::try_from(wave.num_samples).ok().filter(|count| *count > 0)?;
    if wave.samples.is_null() || wave.num_channels != 1 {
        return None;
    }
    // SAFETY: flite allocates `num_samples` samples for one channel.
    let samples = unsafe { std::slice::from_raw_parts(wave.samples, count) };
    Some((samples.to_vec(), u32::try_from(wave.sample_rate).ok()?))
}
