//! What a call's media is, between SDP and the media engine.

use base::CallSid;
use sip::sdp::{self, Agreed, Codec, Direction, Local, Session};

use crate::voice::engine::Engine;

/// Nothing is heard of a peer for so long: its leg is given up.
const SILENT_MS: u32 = 60_000;

/// The payload type that we offer for digits.
const EVENTS: u8 = 101;

impl Engine {
    /// Our end of a call's audio.
    fn local(&self, call: CallSid, direction: Direction) -> Option<Local> {
        let live = self.calls.get(&call)?;
        Some(Local {
            address: self.config.media_address,
            port: live.port,
            codecs: vec![Codec::pcmu(), Codec::pcma(), Codec::events(EVENTS, 8_000)],
            ptime_ms: 20,
            direction,
            rtcp_mux: false,
        })
    }

    /// Opens a call's media, unless it is open. `false` when there is no room.
    pub(super) fn open_media(&mut self, call: CallSid) -> bool {
        let Some(live) = self.calls.get(&call) else { return false };
        if live.media.is_some() {
            return true;
        }
        let beside = match live.role {
            super::live::Role::Child { parent, .. } => {
                self.calls.get(&parent).and_then(|parent| parent.media)
            }
            super::live::Role::Main => None,
        };
        let Some(opened) = self.ports.open(beside) else { return false };
        if let Some(live) = self.calls.get_mut(&call) {
            self.by_media.insert(opened.leg, live.record.key);
            live.media = Some(opened.leg);
            live.port = opened.port;
        }
        true
    }

    /// Our offer for a call whose media is open.
    pub(super) fn offer(&mut self, call: CallSid) -> Option<Session> {
        let local = self.local(call, Direction::SendRecv)?;
        let live = self.calls.get_mut(&call)?;
        let offer = sdp::offer(&local, live.told.as_deref());
        live.told = Some(Box::new(offer.clone()));
        Some(offer)
    }

    /// Our answer to an offer; `None` when there is nothing in common.
    pub(super) fn answer_to(&mut self, call: CallSid, offer: &Session) -> Option<Session> {
        let local = self.local(call, Direction::SendRecv)?;
        let (answer, agreed) = sdp::answer(offer, &local).ok()?;
        if let Some(live) = self.calls.get_mut(&call) {
            live.told = Some(Box::new(answer.clone()));
        }
        self.agree(call, agreed);
        Some(answer)
    }

    /// Takes the answer to our offer. `false` when there is nothing in common.
    pub(super) fn take_answer(&mut self, call: CallSid, answer: &Session) -> bool {
        let Some(local) = self.local(call, Direction::SendRecv) else { return false };
        let Some(offer) = self.calls.get(&call).and_then(|live| live.told.clone()) else {
            return false;
        };
        match sdp::agree(&offer, answer, &local) {
            Ok(agreed) => {
                self.agree(call, agreed);
                true
            }
            Err(_) => false,
        }
    }

    fn agree(&mut self, call: CallSid, agreed: Agreed) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        let Some(leg) = live.media else { return };
        let config = leg_config(&agreed);
        live.agreed = Some(agreed);
        self.put(super::Output::Media(media::Command::Update(leg, config)));
    }
}

/// What was agreed on, as media takes it.
pub(in crate::voice) fn leg_config(agreed: &Agreed) -> media::LegConfig {
    let a_law = agreed.codec.name.eq_ignore_ascii_case("PCMA");
    media::LegConfig {
        law: if a_law { media::Law::A } else { media::Law::Mu },
        telephone_event: agreed.events.as_ref().map(|events| events.payload_type),
        remote: agreed.remote,
        remote_rtcp: agreed.remote_rtcp,
        rtcp_mux: agreed.rtcp_mux,
        strict: false,
        direction: match agreed.direction {
            Direction::SendRecv => media::Direction::SendReceive,
            Direction::SendOnly => media::Direction::SendOnly,
            Direction::RecvOnly => media::Direction::ReceiveOnly,
            Direction::Inactive => media::Direction::Inactive,
        },
        timeout_ms: SILENT_MS,
        send_silence: true,
    }
}
