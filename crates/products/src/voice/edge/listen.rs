//! Speech of callers: heard on threads of its own, understood with the hints of the document.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant as Monotonic};

use base::CallSid;
use speech::Listening;
use speech::recognition::{RecognitionError, Session};
use tokio::runtime::Handle;
use twiml::voice::{Heard, Id, Listen, SpeechTimeout};

use crate::voice::edge::{Desk, Edge};
use crate::voice::engine::Input;

/// The silence that ends what is said, when the engine decides.
const AUTO_SILENCE: Duration = Duration::from_millis(1_000);

/// Louder than this mean square is speech (about -45 dBm0).
const LOUD: f32 = 120.0 * 120.0;

/// Where a tap's audio goes; hung up by dropping it.
pub(super) struct Ear(mpsc::Sender<Vec<i16>>);

impl Edge {
    /// Begins to listen.
    pub(super) fn listen(&mut self, call: CallSid, id: Id, listen: Listen, tap: media::TapId) {
        let (sender, audio) = mpsc::channel();
        self.ears.insert(tap, Ear(sender));
        let (desk, elsewhere) = (self.desk.clone(), Arc::clone(&self.shared.voices.elsewhere));
        let handle = Handle::current();
        let thread = std::thread::Builder::new().name("listener".to_owned());
        let heard = thread.spawn(move || {
            let begin = |listening: &Listening| elsewhere.listen(listening, &handle);
            hear(&desk, (call, id), &listen, begin, &audio);
        });
        if let Err(error) = heard {
            tracing::error!(%error, "no thread to listen on");
            self.ears.remove(&tap);
        }
    }

    /// Audio of a caller.
    pub(super) fn tapped(&mut self, tap: media::TapId, samples: Vec<i16>) {
        if let Some(Ear(sender)) = self.ears.get(&tap) {
            // A listener that has heard enough is gone.
            let _ = sender.send(samples);
        }
    }
}

/// Listens until the caller has said something, or is listened to no more.
fn hear(
    desk: &Desk,
    (call, id): (CallSid, Id),
    listen: &Listen,
    begin: impl Fn(&Listening) -> Result<Box<dyn Session>, RecognitionError>,
    audio: &mpsc::Receiver<Vec<i16>>,
) {
    let tell = |heard| desk.input(Input::Heard { call, id, heard });
    let listening = Listening {
        language: listen.language.clone(),
        hints: listen.hints.clone(),
        rate_hz: media::RATE,
    };
    let mut session = match begin(&listening) {
        Ok(session) => session,
        Err(error) => {
            tracing::warn!(%error, "speech can't be understood");
            return tell(Heard::Nothing);
        }
    };
    let silence = match listen.silence {
        SpeechTimeout::Auto => AUTO_SILENCE,
        SpeechTimeout::Seconds(seconds) => Duration::from_secs(u64::from(seconds)),
    };
    let longest = Duration::from_secs(u64::from(listen.max_s));
    let (mut began, mut quiet_since, mut partial) = (None::<Monotonic>, None, String::new());
    // The caller is gone, or a key was pressed, when nothing comes any more.
    while let Ok(samples) = audio.recv() {
        let energy: f32 = samples.iter().map(|s| f32::from(*s) * f32::from(*s)).sum();
        let loud = energy / samples.len().max(1) as f32 > LOUD;
        let now = Monotonic::now();
        if loud {
            quiet_since = None;
            if began.is_none() {
                began = Some(now);
                tell(Heard::Began);
            }
        } else if began.is_some() {
            quiet_since = quiet_since.or(Some(now));
        }
        session.push(&samples);
        if listen.partial
            && let Some(text) = session.partial().filter(|text| *text != partial)
        {
            partial.clone_from(&text);
            let unstable = String::new();
            tell(Heard::Partial { stable: text, unstable, stability: 0.8 });
        }
        let ended = quiet_since.is_some_and(|since: Monotonic| now - since >= silence);
        if ended || began.is_some_and(|began| now - began >= longest) {
            let heard = session.finish();
            return tell(match heard.text.is_empty() {
                true => Heard::Nothing,
                false => Heard::Final { text: heard.text, confidence: heard.confidence },
            });
        }
    }
}
