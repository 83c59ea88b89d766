//! The few functions of pocketsphinx that hearing takes (`pocketsphinx.h`, `cmd_ln.h`, `err.h`).
#![expect(unsafe_code, reason = "pocketsphinx is a C library; this module is the only door to it")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::{Mutex, PoisonError};

unsafe extern "C" {
    fn err_set_logfp(stream: *mut c_void);
    fn ps_args() -> *const c_void;
    fn cmd_ln_parse_r(
        previous: *mut c_void,
        definitions: *const c_void,
        count: i32,
        arguments: *const *mut c_char,
        strict: i32,
    ) -> *mut c_void;
    fn cmd_ln_set_float_r(config: *mut c_void, name: *const c_char, value: f64);
    fn ps_get_config(decoder: *mut c_void) -> *mut c_void;
    fn cmd_ln_free_r(config: *mut c_void) -> c_int;
    fn ps_init(config: *mut c_void) -> *mut c_void;
    fn ps_free(decoder: *mut c_void) -> c_int;
    fn ps_add_word(
        decoder: *mut c_void,
        word: *const c_char,
        phones: *const c_char,
        update: c_int,
    ) -> c_int;
    fn ps_set_jsgf_string(
        decoder: *mut c_void,
        name: *const c_char,
        grammar: *const c_char,
    ) -> c_int;
    fn ps_set_search(decoder: *mut c_void, name: *const c_char) -> c_int;
    fn ps_start_utt(decoder: *mut c_void) -> c_int;
    fn ps_process_raw(
        decoder: *mut c_void,
        samples: *const i16,
        count: usize,
        no_search: c_int,
        whole: c_int,
    ) -> c_int;
    fn ps_end_utt(decoder: *mut c_void) -> c_int;
    fn ps_get_hyp(decoder: *mut c_void, score: *mut i32) -> *const c_char;
    fn ps_seg_iter(decoder: *mut c_void) -> *mut c_void;
    fn ps_seg_next(segment: *mut c_void) -> *mut c_void;
    fn ps_seg_word(segment: *mut c_void) -> *const c_char;
    fn ps_seg_frames(segment: *mut c_void, first: *mut c_int, last: *mut c_int);
    fn ps_seg_prob(
        segment: *mut c_void,
        acoustic: *mut i32,
        language: *mut i32,
        backoff: *mut i32,
    ) -> i32;
}

/// Three functions of LAPACK that sphinxbase names for training and adaptation, neither of which
/// happens here. They fail, as LAPACK would, were they ever called.
macro_rules! absent {
    ($($name:ident),*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $name() {
            std::process::abort();
        }
    )*};
}

absent!(sposv_, spotrf_, ssymm_);

/// A decoder with a model, and the words and grammars that it was given. One thread at a time.
pub(super) struct Decoder(*mut c_void);

// SAFETY: a decoder has no tie to the thread that made it. What the library shares between decoders
// (its log) is set once, under the lock of `open`.
unsafe impl Send for Decoder {}

/// One word of what was heard.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Segment {
    pub(super) word: String,
    /// Frames of 10 ms, the last one counted.
    pub(super) first: i32,
    pub(super) last: i32,
    /// Acoustic score: the logarithm of a likelihood, in the model's base.
    pub(super) acoustic: i32,
}

impl Decoder {
    /// Opens a model by its command line: names and values in turn.
    pub(super) fn open(arguments: &[&str]) -> Option<Self> {
        static OPENING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
        let arguments: Vec<CString> =
            arguments.iter().map(|text| CString::new(*text)).collect::<Result<_, _>>().ok()?;
        let mut pointers = vec![c"".as_ptr().cast_mut()];
        pointers.extend(arguments.iter().map(|text| text.as_ptr().cast_mut()));
        let count = i32::try_from(pointers.len()).ok()?;
        // SAFETY: the strings outlive the call, which copies them; the decoder keeps a reference of
        // its own to the configuration.
        let decoder = unsafe {
            err_set_logfp(std::ptr::null_mut());
            let config =
                cmd_ln_parse_r(std::ptr::null_mut(), ps_args(), count, pointers.as_ptr(), 1);
            if config.is_null() {
                return None;
            }
            let decoder = ps_init(config);
            cmd_ln_free_r(config);
            decoder
        };
        (!decoder.is_null()).then_some(Self(decoder))
    }

    /// Adds a word with its phones. False when it is there already, or a phone is unknown.
    pub(super) fn add_word(&mut self, word: &CStr, phones: &CStr) -> bool {
        // SAFETY: the decoder is ours; both strings are copied.
        unsafe { ps_add_word(self.0, word.as_ptr(), phones.as_ptr(), 0) >= 0 }
    }

    /// How far behind the best a path may fall before it is given up (a likelihood: 1 is not at
    /// all). Holds for grammars that are set after this.
    pub(super) fn set_beam(&mut self, beam: f64) {
        // SAFETY: the decoder is ours, and so is its configuration, which has these names.
        unsafe {
            let config = ps_get_config(self.0);
            for name in [c"-beam", c"-pbeam", c"-wbeam"] {
                cmd_ln_set_float_r(config, name.as_ptr(), beam);
            }
        }
    }

    /// Sets a grammar in place of the one before.
    pub(super) fn set_grammar(&mut self, grammar: &CStr) -> bool {
        let name = c"hints".as_ptr();
        // SAFETY: the decoder is ours; both strings are copied.
        unsafe {
            ps_set_jsgf_string(self.0, name, grammar.as_ptr()) == 0
                && ps_set_search(self.0, name) == 0
        }
    }

    pub(super) fn start(&mut self) -> bool {
        // SAFETY: the decoder is ours.
        unsafe { ps_start_utt(self.0) == 0 }
    }

    /// Hears samples; `whole` says that they are the whole utterance, whose mean is then taken
    /// away.
    pub(super) fn push(&mut self, samples: &[i16], whole: bool) {
        // SAFETY: the decoder is ours; the samples are read during the call alone.
        unsafe { ps_process_raw(self.0, samples.as_ptr(), samples.len(), 0, c_int::from(whole)) };
    }

    pub(super) fn finish(&mut self) {
        // SAFETY: the decoder is ours.
        unsafe { ps_end_utt(self.0) };
    }

    /// What is heard so far, as words apart by spaces.
    pub(super) fn hypothesis(&mut self) -> Option<String> {
        let mut score = 0;
        // SAFETY: the decoder is ours; the text lives until its next call and is copied.
        unsafe { text(ps_get_hyp(self.0, &mut score)) }
    }

    /// The words of what was heard, with their places.
    pub(super) fn segments(&mut self) -> Vec<Segment> {
        let mut segments = Vec::new();
        // SAFETY: the decoder is ours, and is not called otherwise until the iterator is at its
        // end, where the library frees it.
        unsafe {
            let mut segment = ps_seg_iter(self.0);
            while !segment.is_null() {
                let (mut first, mut last) = (0, 0);
                let (mut acoustic, mut language, mut backoff) = (0, 0, 0);
                ps_seg_frames(segment, &mut first, &mut last);
                ps_seg_prob(segment, &mut acoustic, &mut language, &mut backoff);
                let word = text(ps_seg_word(segment)).unwrap_or_default();
                segments.push(Segment { word, first, last, acoustic });
                segment = ps_seg_next(segment);
            }
        }
        segments
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the decoder is ours, and this is its last use.
        unsafe { ps_free(self.0) };
    }
}

/// Copies a text.
///
/// # Safety
/// It is null, or ends with NUL.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: as promised by the caller.
    let text = unsafe { CStr::from_ptr(pointer) };
    Some(text.to_string_lossy().into_owned())
}
