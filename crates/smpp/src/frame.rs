//! Cuts a stream of octets into PDUs, wherever TCP split it.

/// Octets of a PDU at most. The longest that carriers send is a `message_payload` of 64 KiB.
pub const PDU_MAX: usize = 70 * 1_024;

/// The stream can't be followed any more: its length field is absurd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a PDU claims {0} octets; 16 to {PDU_MAX} are possible")]
pub struct FrameError(pub u32);

/// Collects octets until a PDU is whole.
#[derive(Debug, Default)]
pub struct Framer {
    held: Vec<u8>,
    read: usize,
}

impl Framer {
    /// Takes what arrived.
    pub fn push(&mut self, octets: &[u8]) {
        if self.read > 0 {
            self.held.drain(..self.read);
            self.read = 0;
        }
        self.held.extend_from_slice(octets);
    }

    /// The next whole PDU.
    pub fn next_pdu(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let rest = &self.held[self.read..];
        let Some(length) = rest.first_chunk::<4>() else { return Ok(None) };
        let claimed = u32::from_be_bytes(*length);
        let length = usize::try_from(claimed).unwrap_or(usize::MAX);
        if !(16..=PDU_MAX).contains(&length) {
            return Err(FrameError(claimed));
        }
        let start = self.read;
        if rest.len() < length {
            return Ok(None);
        }
        self.read += length;
        Ok(Some(&self.held[start..start + length]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdu::{Body, Pdu, decode};

    #[test]
    fn pdus_are_found_however_the_stream_is_split() {
        let mut stream = Vec::new();
        for sequence in 1..=5 {
            Pdu::request(sequence, Body::EnquireLink).encode(&mut stream);
        }
        for size in 1..=stream.len() {
            let (mut framer, mut found) = (Framer::default(), Vec::new());
            for octets in stream.chunks(size) {
                framer.push(octets);
                while let Some(pdu) = framer.next_pdu().expect("a good stream") {
                    found.push(decode(pdu).expect("a good PDU").sequence);
                }
            }
            assert_eq!(found, [1, 2, 3, 4, 5], "in pieces of {size}");
        }
    }

    #[test]
    fn absurd_lengths_end_the_stream() {
        for length in [0_u32, 15, 0x4745_5420] {
            let mut framer = Framer::default();
            framer.push(&length.to_be_bytes());
            assert_eq!(framer.next_pdu(), Err(FrameError(length)));
        }
    }
}
