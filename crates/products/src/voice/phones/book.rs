//! The machine of all handsets' calls: SIP, media and what somebody does with a handset go in;
//! commands and news come out. No socket and no clock.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use base::{ApiError, Instant, code};
use sip::By;
use sip::message::{Address, Headers};
use sip::sdp::{self, Codec, Direction, Local, Session};

use crate::voice::engine::{Ports, SID_FIELD, leg_config};
use crate::voice::phones::call::{Behaviour, PhoneCall, State, surplus};

/// Calls that are remembered, live ones apart.
const CALLS_MAX: usize = 500;

/// Calls at once, of all handsets.
const LIVE_MAX: usize = 200;

/// Samples that are remembered: 64 MiB.
const SAMPLES_MAX: usize = 32 << 20;

/// Handsets that may have a behaviour of their own.
const BEHAVIOURS_MAX: usize = 10_000;

/// The call is not in the state for it.
const WRONG_STATE: u32 = 21220;

/// What the machine wants.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "handed on at once, never kept in numbers")]
pub enum Output {
    /// By SIP.
    Sip(sip::Command),
    /// By media.
    Media(media::Command),
    /// A call of this handset has changed.
    News(String, u64),
    /// The call's handset does by itself what it does, after so many milliseconds.
    Wake(u64, u32),
}

/// What somebody does with a call.
#[derive(Clone, Debug)]
pub enum Act {
    /// Picks up.
    Answer,
    /// Refuses it so.
    Refuse(Behaviour),
    /// Ends it, whatever its state.
    HangUp,
    /// Presses keys.
    Digits(String),
    /// Says or plays something.
    Play(Arc<media::Prompt>),
}

/// All handsets.
pub struct Book {
    ports: Box<dyn Ports>,
    address: IpAddr,
    calls: BTreeMap<u64, PhoneCall>,
    behaviours: BTreeMap<String, (Behaviour, u32)>,
    outputs: VecDeque<Output>,
    next: u64,
}

impl Book {
    /// Handsets whose media is at this address.
    pub fn new(address: IpAddr, ports: Box<dyn Ports>) -> Self {
        let (calls, behaviours) = (BTreeMap::new(), BTreeMap::new());
        Self { ports, address, calls, behaviours, outputs: VecDeque::new(), next: 0 }
    }

    /// What is wanted next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Handsets that had calls: their number, how many are known of, and when the last one began.
    pub fn handsets(&self) -> Vec<(String, usize, Instant)> {
        let mut found: BTreeMap<&str, (usize, Instant)> = BTreeMap::new();
        for call in self.calls.values() {
            let known = found.entry(&call.handset).or_insert((0, call.started_at));
            *known = (known.0 + 1, known.1.max(call.started_at));
        }
        found.into_iter().map(|(name, (calls, at))| (name.to_owned(), calls, at)).collect()
    }

    /// The calls of a handset, oldest first.
    pub fn of<'a>(&'a self, handset: &'a str) -> impl Iterator<Item = &'a PhoneCall> {
        self.calls.values().filter(move |call| call.handset == handset)
    }

    /// One of them; without a number the newest that is not over.
    pub fn find(&self, handset: &str, id: Option<u64>) -> Option<&PhoneCall> {
        let mut calls = self.calls.values().rev().filter(|call| call.handset == handset);
        calls.find(|call| id.map_or(call.is_live(), |id| call.id == id))
    }

    /// What a handset does by itself, and after how many milliseconds.
    pub fn behaviour(&self, handset: &str) -> (Behaviour, u32) {
        self.behaviours.get(handset).copied().unwrap_or_default()
    }

    /// Sets what a handset does by itself.
    pub fn behave(&mut self, handset: &str, behaviour: Behaviour, after_ms: u32) {
        if behaviour == Behaviour::Ignore {
            self.behaviours.remove(handset);
        } else if self.behaviours.len() < BEHAVIOURS_MAX || self.behaviours.contains_key(handset) {
            self.behaviours.insert(handset.to_owned(), (behaviour, after_ms));
        }
    }

    fn put(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    fn news(&mut self, id: u64) {
        if let Some(call) = self.calls.get(&id) {
            let handset = call.handset.clone();
            self.put(Output::News(handset, id));
        }
    }

    fn begin(
        &mut self,
        leg: Option<sip::LegId>,
        handset: &str,
        peer: &str,
        now: Instant,
    ) -> Option<u64> {
        let live = self.calls.values().filter(|call| call.is_live()).count();
        if live >= LIVE_MAX {
            return None;
        }
        self.next += 1;
        let id = self.next;
        let mut call = PhoneCall::new(id, leg.unwrap_or(sip::LegId(id)), handset, peer, now);
        call.outgoing = leg.is_none();
        self.calls.insert(id, call);
        for old in surplus(self.calls.values(), CALLS_MAX, SAMPLES_MAX) {
            self.calls.remove(&old);
        }
        Some(id)
    }

    /// A handset calls somebody; `target` is where the INVITE goes.
    pub fn call(
        &mut self,
        handset: &str,
        to: &str,
        target: sip::Uri,
        now: Instant,
    ) -> Result<u64, ApiError> {
        let full = || ApiError::new(code::BAD_REQUEST, "Too many handsets are in calls at once");
        let id = self.begin(None, handset, to, now).ok_or_else(full)?;
        if !self.open_media(id) {
            self.over(id, "us", 503, now);
            return Err(ApiError::new(code::INTERNAL, "There is no media for a call"));
        }
        let offer = self.offer(id);
        let from = sip::Uri::sip(Some(handset), &self.address.to_string(), None);
        let leg = sip::LegId(id);
        let mut invite = sip::Invite::new(leg, target, Address::new(from), offer);
        invite.contact_user = Some(handset.to_owned());
        self.put(Output::Sip(sip::Command::Invite(Box::new(invite))));
        self.news(id);
        Ok(id)
    }

    /// Somebody does something with a call.
    pub fn act(&mut self, id: u64, act: Act, now: Instant) -> Result<(), ApiError> {
        let wrong = |text: &str| ApiError::new(WRONG_STATE, text);
        let call = self.calls.get(&id).filter(|call| call.is_live());
        let Some(call) = call else { return Err(wrong("The call is over")) };
        let (leg, state, media) = (call.leg, call.state, call.media);
        let rings = state == State::Ringing && !call.outgoing;
        match act {
            Act::Answer | Act::Refuse(_) if !rings => Err(wrong("The handset does not ring")),
            Act::Answer => self.answer(id, now),
            Act::Refuse(how) => {
                self.refuse(id, how.refusal().unwrap_or(480), now);
                Ok(())
            }
            Act::HangUp => {
                self.put(Output::Sip(sip::Command::Hangup { leg, headers: Vec::new() }));
                Ok(())
            }
            Act::Digits(_) | Act::Play(_) if state != State::Answered => {
                Err(wrong("The call is not answered"))
            }
            Act::Digits(digits) => {
                let source = media::Source::Digits(digits.as_str().into());
                self.play(media, source);
                Ok(())
            }
            Act::Play(prompt) => {
                self.play(media, media::Source::Prompt { prompt, from_ms: 0, loops: 1 });
                Ok(())
            }
        }
    }

    fn play(&mut self, leg: Option<media::LegId>, source: media::Source) {
        if let Some(leg) = leg {
            let items = vec![media::Item { id: 0, source }];
            self.put(Output::Media(media::Command::Play(leg, items)));
        }
    }

    /// A handset does by itself what it does.
    pub fn woken(&mut self, id: u64, now: Instant) {
        let Some(call) = self.calls.get(&id) else { return };
        if call.state != State::Ringing || call.outgoing {
            return;
        }
        let (behaviour, _) = self.behaviour(&call.handset);
        match (behaviour, behaviour.refusal()) {
            (_, Some(status)) => self.refuse(id, status, now),
            (Behaviour::Answer, None) => {
                if let Err(error) = self.answer(id, now) {
                    tracing::warn!(%error.message, "a handset could not answer");
                }
            }
            (_, None) => {}
        }
    }

    fn answer(&mut self, id: u64, now: Instant) -> Result<(), ApiError> {
        let call = self.calls.get_mut(&id);
        let Some((leg, offer)) = call.map(|call| (call.leg, call.offer.take())) else {
            return Err(ApiError::internal());
        };
        let sdp = match (self.open_media(id), &offer) {
            (false, _) => None,
            (true, Some(offer)) => self.answer_to(id, offer),
            (true, None) => self.offer(id),
        };
        let Some(sdp) = sdp else {
            self.refuse(id, 488, now);
            return Err(ApiError::new(WRONG_STATE, "The two have no media in common"));
        };
        self.put(Output::Sip(sip::Command::Answer { leg, sdp, headers: Vec::new() }));
        self.up(id, now);
        Ok(())
    }

    fn up(&mut self, id: u64, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.state = State::Answered;
        call.answered_at = Some(now);
        if let Some(leg) = call.media {
            let config = media::TapConfig { track: media::Track::Inbound, batch_ms: 100 };
            self.put(Output::Media(media::Command::Tap(leg, media::TapId(id), config)));
        }
        self.news(id);
    }

    fn refuse(&mut self, id: u64, status: u16, now: Instant) {
        let Some(call) = self.calls.get(&id) else { return };
        let (leg, headers) = (call.leg, Vec::new());
        self.put(Output::Sip(sip::Command::Reject { leg, status, reason: None, headers }));
        self.over(id, "us", status, now);
    }

    fn over(&mut self, id: u64, by: &'static str, status: u16, now: Instant) {
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.is_live()) else { return };
        call.state = State::Ended;
        call.ended_at = Some(now);
        call.ended_by = Some(by);
        call.status = status;
        (call.offer, call.told) = (None, None);
        if let Some(leg) = call.media {
            self.put(Output::Media(media::Command::Close(leg)));
        }
        self.news(id);
    }

    fn by_leg(&self, leg: sip::LegId) -> Option<u64> {
        let mut calls = self.calls.values().rev();
        calls.find(|call| call.is_live() && call.leg == leg).map(|call| call.id)
    }

    /// What SIP tells.
    pub fn sip(&mut self, event: sip::Event, now: Instant) {
        use sip::Event as E;
        match event {
            E::Incoming(incoming) => self.incoming(*incoming, now),
            E::Progress { leg, sdp, headers, .. } => {
                let Some(id) = self.by_leg(leg) else { return };
                self.note_sid(id, &headers);
                if let Some(answer) = sdp {
                    self.take_answer(id, &answer);
                }
                self.news(id);
            }
            E::Answered { leg, sdp, headers } => {
                let Some(id) = self.by_leg(leg) else { return };
                self.note_sid(id, &headers);
                if let Some(answer) = sdp {
                    self.take_answer(id, &answer);
                }
                self.up(id, now);
            }
            E::Reanswered { leg, sdp: Some(answer) } | E::Confirmed { leg, sdp: Some(answer) } => {
                if let Some(id) = self.by_leg(leg) {
                    self.take_answer(id, &answer);
                }
            }
            E::Reoffered { leg, sdp } => self.reoffered(leg, sdp.as_ref()),
            E::Dtmf { leg, digit, .. } => {
                if let Some(call) = self.by_leg(leg).and_then(|id| self.calls.get_mut(&id)) {
                    call.digit(digit);
                }
            }
            E::Referred { leg, refer, .. } => {
                self.put(Output::Sip(sip::Command::RefuseRefer { leg, refer, status: 603 }));
            }
            E::Refused { leg, status, .. } => {
                if let Some(id) = self.by_leg(leg) {
                    self.over(id, "them", status, now);
                }
            }
            E::Ended { leg, by, status, .. } => {
                let Some(id) = self.by_leg(leg) else { return };
                let by = match by {
                    By::Us => "us",
                    By::Them => "them",
                    By::Timeout => "timeout",
                };
                self.over(id, by, status, now);
            }
            _ => {}
        }
    }

    fn incoming(&mut self, incoming: sip::Incoming, now: Instant) {
        let (leg, headers) = (incoming.leg, &incoming.request.headers);
        let handset = incoming.request.uri.user().unwrap_or_default();
        let from = headers.get("From").and_then(Address::parse).map(|from| from.uri);
        let peer = from.map_or(String::new(), |uri| uri.user().unwrap_or_else(|| uri.to_string()));
        let Some(id) = self.begin(Some(leg), &handset, &peer, now) else {
            let (status, headers) = (503, Vec::new());
            let reject = sip::Command::Reject { leg, status, reason: None, headers };
            return self.put(Output::Sip(reject));
        };
        self.note_sid(id, headers);
        let (behaviour, after_ms) = self.behaviour(&handset);
        if let Some(status) = behaviour.refusal().filter(|_| after_ms == 0) {
            return self.refuse(id, status, now);
        }
        if let Some(call) = self.calls.get_mut(&id) {
            call.offer = incoming.offer.map(Box::new);
        }
        let (status, headers) = (180, Vec::new());
        self.put(Output::Sip(sip::Command::Progress { leg, status, sdp: None, headers }));
        self.news(id);
        if behaviour != Behaviour::Ignore {
            self.put(Output::Wake(id, after_ms));
        }
    }

    fn note_sid(&mut self, id: u64, headers: &Headers) {
        let sid = headers.get(SID_FIELD).map(str::to_owned);
        if let Some(call) = self.calls.get_mut(&id) {
            call.sid = sid.or(call.sid.take());
        }
    }

    fn reoffered(&mut self, leg: sip::LegId, offer: Option<&Session>) {
        let Some(id) = self.by_leg(leg) else { return };
        let sdp = match offer {
            Some(offer) => self.answer_to(id, offer),
            None => self.offer(id),
        };
        self.put(Output::Sip(match sdp {
            Some(sdp) => sip::Command::AnswerReoffer { leg, sdp },
            None => sip::Command::RefuseReoffer { leg, status: 488 },
        }));
    }

    /// What media tells of a leg.
    pub fn media(&mut self, leg: media::LegId, event: media::Event) {
        let mut calls = self.calls.values_mut().rev();
        let Some(call) = calls.find(|call| call.media == Some(leg)) else { return };
        let id = call.id;
        match event {
            media::Event::Tapped { samples, .. } => call.hear(&samples),
            media::Event::Digit { digit } => {
                call.digit(digit);
                self.news(id);
            }
            _ => {}
        }
    }

    fn local(&self, id: u64) -> Option<Local> {
        let call = self.calls.get(&id)?;
        Some(Local {
            address: self.address,
            port: call.port,
            codecs: vec![Codec::pcmu(), Codec::pcma(), Codec::events(101, 8_000)],
            ptime_ms: 20,
            direction: Direction::SendRecv,
            rtcp_mux: false,
        })
    }

    fn open_media(&mut self, id: u64) -> bool {
        let Some(opened) = self.ports.open(None) else { return false };
        let Some(call) = self.calls.get_mut(&id) else { return false };
        call.media = Some(opened.leg);
        call.port = opened.port;
        true
    }

    fn offer(&mut self, id: u64) -> Option<Session> {
        let local = self.local(id)?;
        let call = self.calls.get_mut(&id)?;
        let offer = sdp::offer(&local, call.told.as_deref());
        call.told = Some(Box::new(offer.clone()));
        Some(offer)
    }

    fn answer_to(&mut self, id: u64, offer: &Session) -> Option<Session> {
        let (answer, agreed) = sdp::answer(offer, &self.local(id)?).ok()?;
        self.agree(id, &agreed);
        let call = self.calls.get_mut(&id)?;
        call.told = Some(Box::new(answer.clone()));
        Some(answer)
    }

    fn take_answer(&mut self, id: u64, answer: &Session) {
        let (Some(local), Some(call)) = (self.local(id), self.calls.get(&id)) else { return };
        let Some(told) = &call.told else { return };
        if let Ok(agreed) = sdp::agree(told, answer, &local) {
            self.agree(id, &agreed);
        }
    }

    fn agree(&mut self, id: u64, agreed: &sdp::Agreed) {
        let Some(leg) = self.calls.get(&id).and_then(|call| call.media) else { return };
        self.put(Output::Media(media::Command::Update(leg, leg_config(agreed))));
    }
}
