//! Messages out of a stream: Content-Length says where each ends (RFC 3261 §18.3), empty lines
//! between them are keep-alives (RFC 5626 §3.5.1).

use crate::message::{Headers, LINE_MAX, MESSAGE_MAX, name};

/// Octets of a head at most; beyond, the stream is no SIP.
const HEAD_MAX: usize = 32_768;

/// Cuts a stream.
#[derive(Debug, Default)]
pub struct Framer {
    octets: Vec<u8>,
    /// How much of the head was searched for its end.
    searched: usize,
}

/// What was cut out of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A whole message.
    Message(Vec<u8>),
    /// Two empty lines: a keep-alive that wants one back.
    Ping,
    /// One empty line: the answer to our keep-alive.
    Pong,
}

/// A stream that can't be cut any more; its connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream is out of step")]
pub struct OutOfStep;

impl Framer {
    /// Takes what arrived.
    pub fn push(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    /// The next piece, `None` when more must arrive first.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, OutOfStep> {
        if let Some(piece) = self.blank() {
            return Ok(piece);
        }
        let from = self.searched.saturating_sub(4);
        let Some(end) = crate::message::head_end(&self.octets[from..]).map(|end| from + end) else {
            self.searched = self.octets.len();
            return if self.octets.len() > HEAD_MAX { Err(OutOfStep) } else { Ok(None) };
        };
        let length = content_length(&self.octets[..end])?;
        if end > HEAD_MAX || end + length > MESSAGE_MAX {
            return Err(OutOfStep);
        }
        if self.octets.len() < end + length {
            return Ok(None);
        }
        self.searched = 0;
        let rest = self.octets.split_off(end + length);
        Ok(Some(Piece::Message(std::mem::replace(&mut self.octets, rest))))
    }

    /// Empty lines at the beginning. The inner `None` asks for more octets, which tell a ping
    /// from a pong.
    fn blank(&mut self) -> Option<Option<Piece>> {
        match self.octets.as_slice() {
            [] | [b'\r'] | [b'\r', b'\n', b'\r'] => Some(None),
            [b'\r', b'\n', b'\r', b'\n', ..] => {
                self.octets.drain(..4);
                Some(Some(Piece::Ping))
            }
            [b'\r', b'\n', ..] => {
                self.octets.drain(..2);
                Some(Some(Piece::Pong))
            }
            [b'\n', ..] => {
                self.octets.drain(..1);
                Some(Some(Piece::Pong))
            }
            _ => None,
        }
    }
}

/// Content-Length of a head; a message without one has no body in a stream.
fn content_length(head: &[u8]) -> Result<usize, OutOfStep> {
    let text = String::from_utf8_lossy(head);
    let mut headers = Headers::default();
    for line in text.lines().filter(|line| line.len() <= LINE_MAX) {
        if let Some((field, value)) = line.split_once(':')
            && matches!(field.trim().to_ascii_lowercase().as_str(), "content-length" | "l")
        {
            headers.push(name::CONTENT_LENGTH, value);
        }
    }
    match headers.get(name::CONTENT_LENGTH) {
        None => Ok(0),
        Some(_) => headers.number(name::CONTENT_LENGTH).map(|n| n as usize).ok_or(OutOfStep),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = b"INFO sip:a@b SIP/2.0\r\nl: 3\r\n\r\nabc";

    #[test]
    fn messages_are_cut_wherever_the_octets_break() {
        let stream = [ONE, b"\r\n\r\n", ONE, b"\r\n", ONE].concat();
        for size in 1..stream.len() {
            let (mut framer, mut found) = (Framer::default(), Vec::new());
            for chunk in stream.chunks(size) {
                framer.push(chunk);
                while let Some(piece) = framer.next_piece().expect("in step") {
                    found.push(piece);
                }
            }
            let messages = found.iter().filter(|piece| **piece == Piece::Message(ONE.to_vec()));
            assert_eq!(messages.count(), 3, "chunks of {size}: {found:?}");
        }
    }

    #[test]
    fn a_stream_that_is_no_sip_ends() {
        for bad in [&b"l: x\r\n\r\n"[..], b"l: 70000\r\n\r\n", b"l: -1\r\n\r\n"] {
            let mut framer = Framer::default();
            framer.push(b"INFO sip:a@b SIP/2.0\r\n");
            framer.push(bad);
            assert_eq!(framer.next_piece(), Err(OutOfStep));
        }
        let mut framer = Framer::default();
        framer.push(&vec![b'x'; HEAD_MAX + 1]);
        assert_eq!(framer.next_piece(), Err(OutOfStep));
    }
}
