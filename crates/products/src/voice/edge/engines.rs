//! Engines of speech elsewhere, by settings: spoken by HTTP, heard by HTTP or a WebSocket. One that
//! fails again and again is left alone for a while, and those of this machine do its work.

use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant as Monotonic};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use net::websocket::{SocketError, WebSocket};
use net::{Address, Answer, Client, ClientConfig, Limits, Outbound};
use speech::http::{
    ANSWER_MAX, Endpoint, HearingEngine, HearingForm, Request, SpeechEngine, SpeechForm,
};
use speech::recognition::{PocketSphinx, RecognitionError, Session, Settings as Model};
use speech::socket::{self, Dictation};
use speech::{Listening, Recognized, Recognizer as _, SpeakError, Speech, Utterance};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use url::Url;

use crate::registry::{Setting, Values};

/// The settings of engines elsewhere.
pub(super) const SETTINGS: &[Setting] = &[
    Setting::new("tts_url", "Where speech is made: the whole URL of an engine that answers WAV"),
    Setting::new(
        "tts_form",
        "How it is asked: `openai` (the default of URLs that end in /v1/audio/speech), `json`, \
         `ssml` or `text`",
    ),
    Setting::new("tts_key", "Sent to it as `Authorization: Bearer`").secret(),
    Setting::new("tts_model", "`model` of an OpenAI-like engine").or("tts-1"),
    Setting::new("tts_voice", "`voice` of an OpenAI-like engine").or("alloy"),
    Setting::new(
        "asr_url",
        "Where speech is heard: `https:` gets the whole utterance as WAV, `wss:` hears while \
         somebody speaks (Vosk's protocol) and so has partial results",
    ),
    Setting::new(
        "asr_form",
        "How an `https:` one is asked: `openai` (the default of URLs that end in \
         /v1/audio/transcriptions) or `wav`",
    ),
    Setting::new("asr_key", "Sent to it as `Authorization: Bearer`").secret(),
    Setting::new("asr_model", "`model` of an OpenAI-like engine").or("whisper-1"),
];

/// How long one utterance may take to be spoken or understood.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(3),
    read: Duration::from_secs(10),
    total: Duration::from_secs(15),
    body_max: ANSWER_MAX,
    redirects_max: 0,
};

/// How long a connection, and the last word, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Failures in a row after which an engine is left alone, and for how long.
const FAILURES_MAX: u32 = 3;
const PAUSE: Duration = Duration::from_secs(30);

/// Samples of one utterance that are kept: two minutes.
const SAMPLES_MAX: usize = 120 * media::RATE as usize;

/// Leaves alone what fails.
#[derive(Debug, Default)]
struct Breaker(Mutex<(u32, Option<Monotonic>)>);

impl Breaker {
    fn lock(&self) -> MutexGuard<'_, (u32, Option<Monotonic>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn may_ask(&self, now: Monotonic) -> bool {
        self.lock().1.is_none_or(|until| until <= now)
    }

    fn answered(&self, well: bool, now: Monotonic) {
        let mut state = self.lock();
        *state = match (well, state.0 + 1) {
            (true, _) => (0, None),
            (false, failures) if failures >= FAILURES_MAX => (failures, Some(now + PAUSE)),
            (false, failures) => (failures, None),
        };
    }
}

/// What was said of engines elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Engines {
    speech: Option<SpeechEngine>,
    hearing: Option<Hearing>,
}

#[derive(Clone, Debug)]
enum Hearing {
    Whole(HearingEngine),
    Streaming(Endpoint),
}

impl Engines {
    /// Reads what was said.
    pub(super) fn of(said: &Values) -> Result<Self, String> {
        let endpoint = |url: &str, key: &str| {
            let bearer = said.get(key).map(|key| format!("Bearer {key}"));
            let headers = bearer.map(|value| ("Authorization".to_owned(), value));
            Endpoint { url: url.to_owned(), headers: headers.into_iter().collect() }
        };
        let text = |key| said.get(key).unwrap_or_default().to_owned();
        let speech = said.get("tts_url").map(|url| {
            scheme(url, "TTS", &["http", "https"])?;
            let usual = if url.ends_with("/audio/speech") { "openai" } else { "json" };
            let form = match said.get("tts_form").unwrap_or(usual) {
                "openai" => {
                    SpeechForm::OpenAi { model: text("tts_model"), voice: text("tts_voice") }
                }
                "json" => SpeechForm::Json,
                "ssml" => SpeechForm::Ssml,
                "text" => SpeechForm::Text,
                other => return Err(format!("TRUNKLINE_TTS_FORM: '{other}' is not known")),
            };
            Ok(SpeechEngine { endpoint: endpoint(url, "tts_key"), form, rate_hz: media::RATE })
        });
        let hearing = said.get("asr_url").map(|url| {
            let endpoint = endpoint(url, "asr_key");
            if scheme(url, "ASR", &["http", "https", "ws", "wss"])?.starts_with("ws") {
                return Ok(Hearing::Streaming(endpoint));
            }
            let usual = if url.ends_with("/audio/transcriptions") { "openai" } else { "wav" };
            let form = match said.get("asr_form").unwrap_or(usual) {
                "openai" => HearingForm::OpenAi { model: text("asr_model") },
                "wav" => HearingForm::Wav,
                other => return Err(format!("TRUNKLINE_ASR_FORM: '{other}' is not known")),
            };
            Ok(Hearing::Whole(HearingEngine { endpoint, form }))
        });
        Ok(Self { speech: speech.transpose()?, hearing: hearing.transpose()? })
    }
}

fn scheme(url: &str, name: &str, known: &[&str]) -> Result<String, String> {
    let parsed = Url::parse(url).ok().filter(|parsed| parsed.host_str().is_some());
    let scheme = parsed.map(|parsed| parsed.scheme().to_owned());
    let bad = || format!("TRUNKLINE_{name}_URL: '{url}' is no address of {}", known.join(", "));
    scheme.filter(|scheme| known.contains(&scheme.as_str())).ok_or_else(bad)
}

/// Engines elsewhere, ready to be asked.
pub struct Elsewhere {
    engines: Engines,
    client: Arc<Client>,
    speaks: Breaker,
    hears: Arc<Breaker>,
}

impl Elsewhere {
    /// Engines that the operator names: any address may be theirs.
    pub(super) fn new(engines: Engines) -> Self {
        let guard = "0.0.0.0/0,::/0".parse().unwrap_or_default();
        let client = Client::new(ClientConfig { guard, ..ClientConfig::default() });
        Self { engines, client, speaks: Breaker::default(), hears: Arc::default() }
    }

    /// What tells the engine that speaks from others; nothing where there is none.
    pub(super) fn identity(&self) -> Option<String> {
        self.engines.speech.as_ref().map(SpeechEngine::identity)
    }

    /// Speaks; nothing where nobody is asked, or whoever was asked failed.
    pub(super) async fn speak(&self, utterance: &Utterance) -> Option<Result<Speech, SpeakError>> {
        let engine = self.engines.speech.as_ref()?;
        if !self.speaks.may_ask(Monotonic::now()) {
            return None;
        }
        let request = match engine.request_for(utterance) {
            Ok(request) => request,
            // Nobody else would speak it either.
            Err(error) => return Some(Err(error)),
        };
        let answer = post(&self.client, request).await;
        let spoken = answer.and_then(|it| {
            engine.parse_answer(it.status.as_u16(), &it.body).map_err(|error| error.to_string())
        });
        self.speaks.answered(spoken.is_ok(), Monotonic::now());
        match spoken {
            Ok(speech) => Some(Ok(speech)),
            Err(error) => {
                tracing::warn!(error, "the engine that speaks failed: this machine's own speaks");
                None
            }
        }
    }

    /// Begins to listen: elsewhere if there is an engine that answers, else on this machine.
    pub(super) fn listen(
        self: &Arc<Self>,
        listening: &Listening,
        handle: &Handle,
    ) -> Result<Box<dyn Session>, RecognitionError> {
        let hearing = self.engines.hearing.clone();
        let Some(hearing) = hearing.filter(|_| self.hears.may_ask(Monotonic::now())) else {
            return here(listening);
        };
        let kept = Kept { listening: listening.clone(), samples: Vec::new() };
        Ok(match hearing {
            Hearing::Whole(engine) => {
                let (elsewhere, handle) = (Arc::clone(self), handle.clone());
                Box::new(Whole { elsewhere, engine, kept, handle })
            }
            Hearing::Streaming(endpoint) => {
                Box::new(Streaming::begin(endpoint, kept, Arc::clone(&self.hears), handle))
            }
        })
    }
}

fn here(listening: &Listening) -> Result<Box<dyn Session>, RecognitionError> {
    PocketSphinx::open(&Model::default())?.start(listening)
}

async fn post(client: &Client, request: Request) -> Result<Answer, String> {
    let parsed = Url::parse(&request.url).map_err(|error| error.to_string())?;
    let to = Arc::new(Address::of(parsed).map_err(|error| error.to_string())?);
    let mut headers = Vec::with_capacity(request.headers.len());
    for (name, value) in &request.headers {
        let name: HeaderName = name.parse().map_err(|_| "a header can't be sent")?;
        headers.push((name, HeaderValue::from_str(value).map_err(|_| "a header can't be sent")?));
    }
    let body = Bytes::from(request.body);
    let outbound = Outbound { method: Method::POST, to, headers, body, limits: LIMITS };
    client.send(outbound).await.map_err(|error| error.to_string())
}

/// What was said, for whoever must hear it after all.
struct Kept {
    listening: Listening,
    samples: Vec<i16>,
}

impl Kept {
    fn push(&mut self, samples: &[i16]) {
        let room = SAMPLES_MAX - self.samples.len();
        self.samples.extend_from_slice(&samples[..samples.len().min(room)]);
    }

    /// Heard on this machine.
    fn hear(&self) -> Recognized {
        match here(&self.listening) {
            Ok(mut session) => {
                session.push(&self.samples);
                session.finish()
            }
            Err(error) => {
                tracing::warn!(%error, "speech can't be understood");
                Recognized::default()
            }
        }
    }
}

/// Heard at its end, by HTTP.
struct Whole {
    elsewhere: Arc<Elsewhere>,
    engine: HearingEngine,
    kept: Kept,
    handle: Handle,
}

impl Session for Whole {
    fn push(&mut self, samples: &[i16]) {
        self.kept.push(samples);
    }

    fn partial(&mut self) -> Option<String> {
        None
    }

    fn ignored(&self) -> &[String] {
        &[]
    }

    fn finish(self: Box<Self>) -> Recognized {
        let request = self.engine.request_for(&self.kept.listening, &self.kept.samples);
        let answer = self.handle.block_on(post(&self.elsewhere.client, request));
        let heard = answer.and_then(|it| {
            let status = it.status.as_u16();
            self.engine.parse_answer(status, &it.body).map_err(|error| error.to_string())
        });
        self.elsewhere.hears.answered(heard.is_ok(), Monotonic::now());
        heard.unwrap_or_else(|error| {
            tracing::warn!(error, "the engine that hears failed: this machine's own hears");
            self.kept.hear()
        })
    }
}

/// Heard while somebody speaks, by a WebSocket.
struct Streaming {
    kept: Kept,
    audio: UnboundedSender<Vec<u8>>,
    heard: Arc<Mutex<Dictation>>,
    done: mpsc::Receiver<Result<Recognized, SocketError>>,
    breaker: Arc<Breaker>,
}

impl Streaming {
    fn begin(endpoint: Endpoint, kept: Kept, breaker: Arc<Breaker>, handle: &Handle) -> Self {
        let (audio, outgoing) = unbounded_channel();
        let (tell, done) = mpsc::channel();
        let heard = Arc::new(Mutex::new(Dictation::default()));
        let (begin, shared) = (socket::begin(&kept.listening), Arc::clone(&heard));
        handle.spawn(async move {
            let told = converse(endpoint, begin, outgoing, &shared).await;
            // A listener that was hung up on is gone.
            let _ = tell.send(told);
        });
        Self { kept, audio, heard, done, breaker }
    }
}

fn lock(heard: &Mutex<Dictation>) -> MutexGuard<'_, Dictation> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One utterance, until its audio ends and the last word is there.
async fn converse(
    endpoint: Endpoint,
    begin: String,
    mut outgoing: UnboundedReceiver<Vec<u8>>,
    heard: &Mutex<Dictation>,
) -> Result<Recognized, SocketError> {
    let mut socket = WebSocket::connect(&endpoint.url, &endpoint.headers, PATIENCE).await?;
    socket.text(&begin).await?;
    loop {
        tokio::select! {
            audio = outgoing.recv() => match audio {
                Some(audio) => socket.octets(audio).await?,
                None => break,
            },
            answer = socket.next() => match answer? {
                Some(answer) => drop(lock(heard).take(&answer)),
                None => break,
            },
        }
    }
    socket.text(socket::END).await?;
    let last = async {
        while let Some(answer) = socket.next().await? {
            if lock(heard).take(&answer) {
                break;
            }
        }
        Ok::<_, SocketError>(())
    };
    tokio::time::timeout(PATIENCE, last).await.map_err(|_| SocketError::TimedOut)??;
    let whole = lock(heard).clone();
    Ok(whole.finish())
}

impl Session for Streaming {
    fn push(&mut self, samples: &[i16]) {
        self.kept.push(samples);
        // A connection that is gone is noticed at the end.
        let _ = self.audio.send(socket::audio(samples));
    }

    fn partial(&mut self) -> Option<String> {
        lock(&self.heard).partial()
    }

    fn ignored(&self) -> &[String] {
        &[]
    }

    fn finish(self: Box<Self>) -> Recognized {
        let Self { kept, audio, done, breaker, .. } = *self;
        drop(audio);
        let told = done.recv_timeout(PATIENCE + PATIENCE);
        let heard = match told {
            Ok(Ok(heard)) => Ok(heard),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(SocketError::TimedOut.to_string()),
        };
        breaker.answered(heard.is_ok(), Monotonic::now());
        heard.unwrap_or_else(|error| {
            tracing::warn!(error, "the engine that hears failed: this machine's own hears");
            kept.hear()
        })
    }
}

#[cfg(test)]
mod tests;
