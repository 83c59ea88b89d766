//! The handsets of `dev` as phones: a SIP agent of their own on loopback, and real RTP. Numbers
//! without a carrier ring here. Calls are kept in memory.

mod api;
mod book;
mod call;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use base::ApiError;
use net::Clock;
use net::media::Media;
use net::sip::{Setup, SipHandle};
use tokio::sync::mpsc::unbounded_channel;

use crate::live::{Live, Told};
use crate::voice::edge::Legs;

pub(super) use api::routes;
use book::{Book, Output};

/// The phones.
pub struct Phones {
    clock: Arc<dyn Clock>,
    live: Live,
    line: OnceLock<Line>,
}

/// What they speak by.
struct Line {
    book: Mutex<Book>,
    sip: OnceLock<SipHandle>,
    media: Media,
    /// Where our own SIP listens: the way to numbers of ours.
    voice: sip::Uri,
}

impl Phones {
    /// Phones that are not plugged in yet.
    pub fn new(clock: Arc<dyn Clock>, live: Live) -> Arc<Self> {
        Arc::new(Self { clock, live, line: OnceLock::new() })
    }

    /// Plugs them in: `voice` is where numbers of ours are called. Answers where they listen.
    pub async fn plug(
        self: &Arc<Self>,
        media: Media,
        voice: sip::Uri,
        seed: [u8; 32],
    ) -> Result<sip::Uri, std::io::Error> {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (events, mut heard) = unbounded_channel();
        let ports = Box::new(Legs::new(media.clone(), events));
        let book = Mutex::new(Book::new(loopback, ports));
        let line = Line { book, sip: OnceLock::new(), media, voice };
        if self.line.set(line).is_err() {
            return Err(std::io::Error::other("the handsets are plugged in already"));
        }
        let phones = Arc::clone(self);
        let tell = Box::new(move |events: Vec<sip::Event>| {
            let now = phones.clock.now();
            phones.with(|book| events.into_iter().for_each(|event| book.sip(event, now)));
        });
        let listen = "udp:127.0.0.1:0".parse().map_err(std::io::Error::other)?;
        let setup = Setup { listen: vec![listen], ..Setup::default() };
        let adjust = |config: &mut sip::config::Config| {
            config.strangers = sip::config::Strangers::Admit;
            config.limits.per_second = 0;
        };
        let sip = SipHandle::start(setup, seed, adjust, tell).await?;
        let port = sip.listeners().first().map(|listener| listener.bound.port());
        if let Some(line) = self.line.get() {
            // The line was set above, by us alone.
            let _ = line.sip.set(sip);
        }
        let phones = Arc::clone(self);
        tokio::spawn(async move {
            while let Some((owner, event)) = heard.recv().await {
                if let media::Owner::Leg(leg) = owner {
                    phones.with(|book| book.media(leg, event));
                }
            }
        });
        let mut uri = sip::Uri::sip(None, &loopback.to_string(), port);
        uri.params.set("transport", "udp");
        Ok(uri)
    }

    /// Handsets that had calls: their number, how many are known of, and when the last one began.
    pub fn known(&self) -> Vec<(String, usize, base::Instant)> {
        self.line.get().map(|line| line.lock().handsets()).unwrap_or_default()
    }

    fn line(&self) -> Result<&Line, ApiError> {
        let text = "Calls are switched off on this installation: set TRUNKLINE_SIP_LISTEN";
        self.line.get().ok_or_else(|| ApiError::new(super::NO_CALLS, text))
    }

    /// Does something with the book, and carries out what it wants.
    fn with<T>(self: &Arc<Self>, change: impl FnOnce(&mut Book) -> T) -> Option<T> {
        let line = self.line.get()?;
        let mut book = line.lock();
        let result = change(&mut book);
        while let Some(output) = book.poll() {
            match output {
                Output::Sip(command) => {
                    if let Some(sip) = line.sip.get() {
                        sip.send(command);
                    }
                }
                Output::Media(command) => line.media.tell(command),
                Output::News(handset, id) => self.news(&book, &handset, id),
                Output::Wake(id, after_ms) => self.wake(id, after_ms),
            }
        }
        Some(result)
    }

    fn news(&self, book: &Book, handset: &str, id: u64) {
        let Some(call) = book.find(handset, Some(id)) else { return };
        self.live.tell(|| Told {
            account: None,
            kind: "handsets.call.changed",
            object: id.to_string(),
            at: self.clock.now(),
            facts: serde_json::json!({ "handset": handset, "call": call.view() }).to_string(),
        });
    }

    fn wake(self: &Arc<Self>, id: u64, after_ms: u32) {
        let phones = Arc::clone(self);
        tokio::spawn(async move {
            let at = phones.clock.now() + Duration::from_millis(u64::from(after_ms));
            phones.clock.sleep_until(at).await;
            let now = phones.clock.now();
            phones.with(|book| book.woken(id, now));
        });
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
