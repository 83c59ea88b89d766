//! One connection, seen from either end: frames, sequence numbers, requests that wait for their
//! responses, `enquire_link`, `unbind`, `generic_nack` (SMPP 3.4 §2, §4.3, §4.11). Who binds and
//! what is done with texts is the owner's business.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use base::Instant;

use crate::frame::{FrameError, Framer};
use crate::pdu::{self, Body, Pdu, status};

/// How patient a session is.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// After this long in silence the other end is asked whether it is there.
    pub enquire_every: Duration,
    /// A request without its response for this long ends the session.
    pub response_timeout: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let (enquire_every, response_timeout) = (Duration::from_secs(30), Duration::from_secs(60));
        Self { enquire_every, response_timeout }
    }
}

/// What the other end said.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// A request that waits for `respond`.
    Request(u32, Body),
    /// The response to the request with this token; a `generic_nack` is one too.
    Response {
        /// The owner's own.
        token: u64,
        /// `pdu::status`.
        status: u32,
        /// `GenericNack` when the request could not be read.
        body: Body,
    },
    /// The session is over; the connection is to be closed once the output is written.
    Ended(Ending),
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The other end wished so.
    Unbound,
    /// The other end did not answer.
    Silent,
    /// The stream makes no sense.
    Garbled(FrameError),
}

/// PDUs that can't be read, at most, before the stream is given up.
const UNREADABLE_MAX: u32 = 20;

/// One connection's protocol.
#[derive(Debug)]
pub struct Session {
    timing: Timing,
    framer: Framer,
    output: Vec<u8>,
    next_sequence: u32,
    pending: BTreeMap<u32, Token>,
    oldest: VecDeque<(Instant, u32)>,
    heard_at: Instant,
    unreadable: u32,
    enquiring: bool,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Owner(u64),
    Enquire,
    Unbind,
}

impl Session {
    /// A session over a fresh connection.
    pub fn new(timing: Timing, now: Instant) -> Self {
        Self {
            timing,
            framer: Framer::default(),
            output: Vec::new(),
            next_sequence: 1,
            pending: BTreeMap::new(),
            oldest: VecDeque::new(),
            heard_at: now,
            unreadable: 0,
            enquiring: false,
            ended: false,
        }
    }

    /// Sends a request; its response comes with `token`.
    pub fn request(&mut self, now: Instant, token: u64, body: Body) {
        self.send(now, Token::Owner(token), body);
    }

    /// Asks the other end to end the session.
    pub fn unbind(&mut self, now: Instant) {
        self.send(now, Token::Unbind, Body::Unbind);
    }

    /// Sends a request that has no response: `outbind` alone.
    pub fn invite(&mut self, body: Body) {
        let sequence = self.next_sequence;
        self.next_sequence = following(sequence);
        Pdu::request(sequence, body).encode(&mut self.output);
    }

    fn send(&mut self, now: Instant, token: Token, body: Body) {
        while self.pending.contains_key(&self.next_sequence) {
            self.next_sequence = following(self.next_sequence);
        }
        let sequence = self.next_sequence;
        self.next_sequence = following(sequence);
        self.pending.insert(sequence, token);
        self.oldest.push_back((now, sequence));
        Pdu::request(sequence, body).encode(&mut self.output);
    }

    /// Answers a request.
    pub fn respond(&mut self, sequence: u32, status: u32, body: Body) {
        Pdu::response(sequence, status, body).encode(&mut self.output);
    }

    /// What is to be written to the connection.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Whether anything is to be written.
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Takes what arrived; tells what it means, in order.
    pub fn receive(&mut self, now: Instant, octets: &[u8], heard: &mut Vec<Heard>) {
        self.heard_at = now;
        self.framer.push(octets);
        let mut framer = std::mem::take(&mut self.framer);
        while !self.ended {
            match framer.next_pdu() {
                Ok(Some(octets)) => self.take(octets, heard),
                Ok(None) => break,
                Err(error) => {
                    Pdu::response(0, status::BAD_LENGTH, Body::GenericNack)
                        .encode(&mut self.output);
                    self.end(Ending::Garbled(error), heard);
                }
            }
        }
        self.framer = framer;
    }

    fn take(&mut self, octets: &[u8], heard: &mut Vec<Heard>) {
        let pdu = match pdu::decode(octets) {
            Ok(pdu) => pdu,
            Err(error) => return self.unreadable(error, heard),
        };
        match pdu.body {
            Body::EnquireLink => self.respond(pdu.sequence, status::OK, Body::EnquireLinkResp),
            Body::Unbind => {
                self.respond(pdu.sequence, status::OK, Body::UnbindResp);
                self.end(Ending::Unbound, heard);
            }
            Body::Other { command } if command & 0x8000_0000 == 0 => {
                self.respond(pdu.sequence, status::BAD_COMMAND, Body::GenericNack);
            }
            body if body.is_response() => self.response(pdu.sequence, pdu.status, body, heard),
            body => heard.push(Heard::Request(pdu.sequence, body)),
        }
    }

    fn response(&mut self, sequence: u32, status: u32, body: Body, heard: &mut Vec<Heard>) {
        match self.pending.remove(&sequence) {
            Some(Token::Owner(token)) => heard.push(Heard::Response { token, status, body }),
            Some(Token::Unbind) => self.end(Ending::Unbound, heard),
            Some(Token::Enquire) => self.enquiring = false,
            // A response twice, or to what was never asked, changes nothing.
            None => {}
        }
    }

    fn unreadable(&mut self, error: pdu::DecodeError, heard: &mut Vec<Heard>) {
        if error.command & 0x8000_0000 == 0 {
            self.respond(error.sequence, error.status, Body::GenericNack);
        }
        self.unreadable += 1;
        if self.unreadable > UNREADABLE_MAX {
            self.end(Ending::Garbled(FrameError(0)), heard);
        }
    }

    fn end(&mut self, why: Ending, heard: &mut Vec<Heard>) {
        if !self.ended {
            self.ended = true;
            heard.push(Heard::Ended(why));
        }
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Instant, heard: &mut Vec<Heard>) {
        while let Some((_, sequence)) = self.oldest.front() {
            if self.pending.contains_key(sequence) {
                break;
            }
            self.oldest.pop_front();
        }
        let overdue =
            self.oldest.front().is_some_and(|(at, _)| *at + self.timing.response_timeout <= now);
        if overdue {
            self.end(Ending::Silent, heard);
        }
        if !self.ended && !self.enquiring && self.heard_at + self.timing.enquire_every <= now {
            self.enquiring = true;
            self.send(now, Token::Enquire, Body::EnquireLink);
        }
    }

    /// When `tick` has something to do.
    pub fn wake_at(&self) -> Option<Instant> {
        let overdue = self.oldest.front().map(|(at, _)| *at + self.timing.response_timeout);
        let enquire = (!self.enquiring).then_some(self.heard_at + self.timing.enquire_every);
        [overdue, enquire].into_iter().flatten().min()
    }
}

/// Sequence numbers go from 1 to 0x7FFFFFFF and begin again (SMPP 3.4 §3.2).
fn following(sequence: u32) -> u32 {
    if sequence >= 0x7fff_ffff { 1 } else { sequence + 1 }
}

#[cfg(test)]
mod tests;
