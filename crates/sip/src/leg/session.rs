//! Session timers (RFC 4028): either end refreshes, so that a dead call does not last for ever.

use std::time::Duration;

use base::Instant;

use super::reoffer::Exchange;
use super::{Leg, State, TRIES_MAX};
use crate::command::Fields;
use crate::config::Config;
use crate::event::By;
use crate::message::{Headers, Method, Request, Response, name};
use crate::wire::{TxId, Wire};

/// The timer of one leg.
#[derive(Debug, Default)]
pub(super) struct Timer {
    /// The shortest that somebody on the way accepts, in seconds.
    min_s: u32,
    /// What the other end asked for: seconds, and who refreshes.
    asked: Option<(u32, Option<bool>)>,
    /// It knows session timers.
    supported: bool,
    /// What holds.
    expires: Option<Duration>,
    ours: bool,
    refresh_at: Option<Instant>,
    over_at: Option<Instant>,
    /// Our refresh that is not answered.
    pub(super) refresh: Option<TxId>,
}

/// Seconds and refresher of Session-Expires: whether it is the one who asked (`uac`).
fn read(headers: &Headers) -> Option<(u32, Option<bool>)> {
    let seconds = headers.number(name::SESSION_EXPIRES)?;
    let value = headers.get(name::SESSION_EXPIRES)?.to_ascii_lowercase();
    let value: String = value.split_whitespace().collect();
    let refresher = match value.split_once("refresher=") {
        Some((_, who)) if who.starts_with("uac") => Some(true),
        Some((_, who)) if who.starts_with("uas") => Some(false),
        _ => None,
    };
    Some((seconds, refresher))
}

impl Timer {
    pub(super) fn wake_at(&self) -> Option<Instant> {
        [self.refresh_at, self.over_at].into_iter().flatten().min()
    }

    /// Asks for a session timer in a request of ours (§7.1).
    pub(super) fn ask(&self, config: &Config, headers: &mut Headers) {
        if config.session_expires.is_zero() {
            return;
        }
        let seconds = config.session_expires.as_secs().max(u64::from(self.min_s));
        headers.push(name::SESSION_EXPIRES, &seconds.to_string());
        if self.min_s > 0 {
            headers.push(name::MIN_SE, &self.min_s.to_string());
        }
    }

    /// Notes what a request asks for.
    pub(super) fn asked(&mut self, headers: &Headers) {
        self.supported = headers.lists(name::SUPPORTED, "timer");
        self.asked = read(headers);
        self.min_s = self.min_s.max(headers.number(name::MIN_SE).unwrap_or(0));
    }

    fn begin(&mut self, now: Instant, seconds: u32, ours: bool) {
        let expires = Duration::from_secs(u64::from(seconds.max(1)));
        self.expires = Some(expires);
        self.ours = ours;
        self.refresh = None;
        // §10: the one who does not refresh ends the call a little before its time is over.
        let margin = (expires / 3).min(Duration::from_secs(32));
        self.refresh_at = ours.then(|| now + expires / 2);
        self.over_at = Some(now + expires - margin);
    }
}

/// Whether a request asks for a session that is too short for us (§6): then 422.
pub(crate) fn is_too_short(config: &Config, request: &Request) -> bool {
    let min = config.session_min.as_secs();
    let short = read(&request.headers).is_some_and(|(seconds, _)| u64::from(seconds) < min);
    short && request.headers.lists(name::SUPPORTED, "timer")
}

impl Leg {
    /// Puts what holds into a success of ours (§9), and begins it.
    pub(super) fn session_answered(&mut self, wire: &mut Wire, headers: &mut Headers) {
        let usual = u32::try_from(wire.config.session_expires.as_secs()).unwrap_or(u32::MAX);
        let timer = &mut self.session;
        let min = u32::try_from(wire.config.session_min.as_secs()).unwrap_or(90).max(timer.min_s);
        let seconds = match timer.asked {
            Some((seconds, _)) if usual > 0 => seconds.min(usual.max(min)).max(min),
            Some((seconds, _)) => seconds.max(min),
            None if usual > 0 => usual.max(min),
            None => return,
        };
        // One that does not know timers can't refresh.
        let theirs = match timer.asked {
            Some((_, Some(theirs))) => theirs && timer.supported,
            _ => timer.supported,
        };
        let who = if theirs { "uac" } else { "uas" };
        headers.push(name::SESSION_EXPIRES, &format!("{seconds};refresher={who}"));
        if theirs {
            headers.push(name::REQUIRE, "timer");
        }
        timer.begin(wire.now, seconds, !theirs);
    }

    /// Takes over what a success to a request of ours says (§7.2).
    pub(super) fn session_agreed(&mut self, wire: &Wire, headers: &Headers, asked: bool) {
        let usual = u32::try_from(wire.config.session_expires.as_secs()).unwrap_or(u32::MAX);
        match read(headers) {
            Some((seconds, refresher)) => {
                let ours = refresher.unwrap_or(true);
                self.session.begin(wire.now, seconds, ours);
            }
            // The other end does not know timers: we refresh for both.
            None if asked && usual > 0 => {
                let seconds = usual.max(self.session.min_s);
                self.session.begin(wire.now, seconds, true);
            }
            None => self.session = Timer { min_s: self.session.min_s, ..Timer::default() },
        }
    }

    /// 422: asks for a longer session (§7.4).
    pub(super) fn longer(
        &mut self,
        wire: &mut Wire,
        tx: TxId,
        response: &Response,
    ) -> Option<TxId> {
        let min = response.headers.number(name::MIN_SE)?;
        let mut request = wire.request_of(tx)?.clone();
        if min <= self.session.min_s || self.tries >= TRIES_MAX {
            return None;
        }
        self.tries += 1;
        self.session.min_s = min;
        request.headers.remove(name::SESSION_EXPIRES);
        request.headers.remove(name::MIN_SE);
        self.session.ask(&wire.config, &mut request.headers);
        self.again(wire, tx, request)
    }

    pub(super) fn session_due(&mut self, wire: &mut Wire) {
        let now = wire.now;
        if self.state != State::Up {
            if self.session.wake_at().is_some_and(|at| at <= now) {
                // Not before the call stands; then soon.
                let soon = now + Duration::from_secs(1);
                self.session.refresh_at = self.session.refresh_at.map(|at| at.max(soon));
                self.session.over_at = self.session.over_at.map(|at| at.max(soon));
            }
            return;
        }
        if self.session.over_at.is_some_and(|at| at <= now) {
            let fields = vec![(
                name::REASON.to_owned(),
                "SIP;cause=408;text=\"Session expired\"".to_owned(),
            )];
            self.bye(wire, &fields);
            return self.ended(wire, By::Timeout, 408, Headers::default());
        }
        if self.session.refresh_at.is_some_and(|at| at <= now) {
            self.session.refresh_at = Some(now + Duration::from_secs(5));
            if self.session.refresh.is_none() && matches!(self.exchange, Exchange::Idle) {
                self.refresh_session(wire);
            }
        }
    }

    /// UPDATE where the other end knows it, else INVITE with the description that holds (§7.4).
    fn refresh_session(&mut self, wire: &mut Wire) {
        let seconds = self.session.expires.map_or(1_800, |expires| expires.as_secs());
        let min = self.session.min_s;
        let fill = move |request: &mut Request| {
            request.headers.push(name::SESSION_EXPIRES, &format!("{seconds};refresher=uac"));
            request.headers.push(name::SUPPORTED, super::SUPPORTED);
            request.headers.push(name::ALLOW, super::ALLOW);
            if min > 0 {
                request.headers.push(name::MIN_SE, &min.to_string());
            }
        };
        self.tries = 0;
        if self.peer.update {
            self.session.refresh = self.send(wire, Method::Update, fill);
            return;
        }
        let Some(sdp) = self.local_sdp.clone() else { return };
        let mut headers = Headers::default();
        let body = self.put_sdp(&mut headers, sdp);
        self.session.refresh = self.send(wire, Method::Invite, |request| {
            fill(request);
            headers.iter().for_each(|header| request.headers.push(&header.name, &header.value));
            request.body = body;
        });
    }

    /// The answer to a refresh.
    pub(super) fn refreshed(&mut self, wire: &mut Wire, tx: TxId, response: &Response) {
        if response.is_provisional() {
            return;
        }
        self.session.refresh = None;
        match response.status {
            200..=299 => self.session_agreed(wire, &response.headers, true),
            401 | 407 => self.session.refresh = self.authenticate(wire, tx, response),
            422 => self.session.refresh = self.longer(wire, tx, response),
            408 | 481 => self.lost(wire, response.status),
            // A refusal alone ends nothing; it is tried again until the session is over.
            _ => {}
        }
    }

    /// The dialog is gone at the other end (RFC 3261 §12.2.1.2).
    pub(super) fn lost(&mut self, wire: &mut Wire, status: u16) {
        if self.state == State::Up {
            self.bye(wire, &Fields::new());
            self.ended(wire, By::Timeout, status, Headers::default());
        }
    }
}
