//! Reliable provisional responses and PRACK (RFC 3262), on both sides.

use std::collections::VecDeque;
use std::time::Duration;

use base::Instant;

use super::{Leg, State, description};
use crate::command::Fields;
use crate::config;
use crate::io::Hop;
use crate::message::{Method, Request, Response, name};
use crate::wire::{TxId, Wire};

/// Provisional responses that wait at most.
const QUEUE_MAX: usize = 16;

/// Reliable provisional responses of ours.
#[derive(Default)]
pub(super) struct Reliable {
    /// The INVITE had an offer.
    pub(super) offered: bool,
    last: u32,
    pending: Option<Pending>,
    queue: VecDeque<(Response, bool)>,
    /// The success that waits for a PRACK.
    held: Option<Response>,
}

/// One that is not acknowledged.
struct Pending {
    rseq: u32,
    response: Response,
    described: bool,
    repeat_at: Instant,
    interval: Duration,
    over_at: Instant,
}

impl Reliable {
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.pending.as_ref().map(|pending| pending.repeat_at.min(pending.over_at))
    }

    /// Keeps a success back where an answer in a provisional response is not acknowledged (§5).
    pub(super) fn holds(&mut self, response: &Response) -> bool {
        let open = self.pending.as_ref().is_some_and(|pending| pending.described)
            || self.queue.iter().any(|(_, described)| *described);
        if open {
            self.held = Some(response.clone());
        }
        open
    }
}

impl Leg {
    /// Sends a provisional response; reliably where the other end wants or we prefer it.
    pub(super) fn provide(&mut self, wire: &mut Wire, response: Response, described: bool) {
        let wanted = wire.config.reliable == config::Reliable::Supported && self.peer.reliable;
        if !(wanted || self.peer.reliable_required) {
            wire.respond(self.invite, &response);
            return;
        }
        if self.reliable.queue.len() < QUEUE_MAX {
            self.reliable.queue.push_back((response, described));
            self.provide_next(wire);
        }
    }

    /// §3: one at a time.
    fn provide_next(&mut self, wire: &mut Wire) {
        if self.reliable.pending.is_some() || self.state != State::Offered {
            return;
        }
        let Some((mut response, described)) = self.reliable.queue.pop_front() else { return };
        let rseq = match self.reliable.last {
            0 => 1 + u32::try_from(wire.random.below(1 << 30)).unwrap_or(0),
            last => last + 1,
        };
        self.reliable.last = rseq;
        response.headers.push(name::REQUIRE, "100rel");
        response.headers.push(name::RSEQ, &rseq.to_string());
        wire.respond(self.invite, &response);
        let timing = wire.config.timing;
        self.reliable.pending = Some(Pending {
            rseq,
            response,
            described,
            repeat_at: wire.now + timing.t1,
            interval: timing.t1,
            over_at: wire.now + timing.patience(),
        });
    }

    pub(super) fn reliable_due(&mut self, wire: &mut Wire) {
        let now = wire.now;
        let due = self.reliable.wake_at().is_some_and(|at| at <= now);
        let Some(pending) = self.reliable.pending.as_mut().filter(|_| due) else { return };
        if pending.over_at <= now {
            // §3: the call is refused.
            return self.reject(wire, 504, None, &Fields::new());
        }
        pending.interval *= 2;
        pending.repeat_at = now + pending.interval;
        let response = pending.response.clone();
        wire.respond(self.invite, &response);
    }

    /// A PRACK came.
    pub(super) fn pracked(&mut self, wire: &mut Wire, tx: TxId, request: &Request, from: &Hop) {
        let rack = request.headers.get(name::RACK).unwrap_or_default();
        let rseq: Option<u32> = rack.split_whitespace().next().and_then(|n| n.parse().ok());
        let pending = self.reliable.pending.take_if(|pending| Some(pending.rseq) == rseq);
        if pending.is_none() {
            wire.answer(tx, 481);
            return;
        }
        match description(&request.headers, &request.body) {
            // The answer to our offer, or a further offer: the second is answered in the 200.
            Some(Ok(sdp)) if self.reliable.offered => {
                self.reoffer_came(wire, tx, request, Some(sdp), from);
            }
            Some(Err(())) => {
                wire.answer(tx, 400);
            }
            _ => {
                wire.answer(tx, 200);
            }
        }
        self.provide_next(wire);
        if self.reliable.pending.is_none()
            && let Some(held) = self.reliable.held.take()
        {
            let wants_answer = !self.reliable.offered;
            self.succeed(wire, self.invite, &held, wants_answer);
        }
    }

    /// Acknowledges a reliable provisional response that we heard; false when it was heard
    /// before, or comes out of order (§4).
    pub(super) fn heard_reliably(&mut self, wire: &mut Wire, response: &Response) -> bool {
        if !response.headers.lists(name::REQUIRE, "100rel") {
            return true;
        }
        let owner = self.owner();
        let rseq = response.headers.number(name::RSEQ);
        let (Some(early), Some(rseq)) = (self.early.last_mut(), rseq) else { return true };
        if early.rseq.is_some_and(|last| rseq != last + 1) {
            return false;
        }
        early.rseq = Some(rseq);
        let invite = response.headers.get(name::CSEQ).unwrap_or_default().to_owned();
        let (mut prack, dest) = early.dialog.request(Method::Prack, None);
        prack.headers.push(name::RACK, &format!("{rseq} {invite}"));
        wire.request(prack, dest, owner);
        true
    }
}
