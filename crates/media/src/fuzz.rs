//! What a fuzzer calls: any octets are read as packets, reports and audio files, or refused.

use crate::{decode, rtcp, rtp};

/// What is read as a packet, written again and read again is the same.
pub fn rtp(data: &[u8]) {
    let Some(packet) = rtp::parse(data) else { return };
    let mut out = vec![0; rtp::HEADER + packet.payload.len()];
    let len = rtp::write(&packet, &mut out);
    assert_eq!(rtp::parse(&out[..len]), Some(packet));
}

/// A compound is read to its end, and nothing beyond it.
pub fn rtcp(data: &[u8]) {
    let mut parts = 0;
    rtcp::parse(data, |_| parts += 1);
    assert!(parts <= data.len() / 4 + 1);
}

/// A file becomes a prompt within its limits, or an error.
pub fn audio(data: &[u8]) {
    let limits = decode::Limits { octets_max: 1 << 20, seconds_max: 10 };
    if let Ok(prompt) = decode::decode(data, None, limits) {
        assert!(prompt.len() <= 10 * crate::RATE as usize);
    }
}
