//! RTP headers (RFC 3550 §5.1): read with their options skipped, written without any.

/// Octets of the header that we write.
pub const HEADER: usize = 12;

/// What a packet says; the payload is a part of what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// 0 to 127.
    pub payload_type: u8,
    /// The first packet of a talk spurt, or of a digit.
    pub marker: bool,
    /// Wraps at 2^16.
    pub sequence: u16,
    /// In samples; wraps at 2^32.
    pub timestamp: u32,
    /// Who sends.
    pub ssrc: u32,
    /// Without padding.
    pub payload: &'a [u8],
}

/// Whether a datagram on a port shared with RTCP is RTCP (RFC 5761 §4).
pub fn is_rtcp(data: &[u8]) -> bool {
    data.len() >= 8 && data[0] >> 6 == 2 && (192..=223).contains(&data[1])
}

/// Reads a packet; `None` for anything that is none of version 2.
pub fn parse(data: &[u8]) -> Option<Packet<'_>> {
    let header = data.first_chunk::<HEADER>()?;
    if header[0] >> 6 != 2 {
        return None;
    }
    let mut start = HEADER + 4 * usize::from(header[0] & 0x0f);
    if header[0] & 0x10 != 0 {
        let extension = data.get(start..start + 4)?;
        start += 4 + 4 * usize::from(u16::from_be_bytes([extension[2], extension[3]]));
    }
    let mut end = data.len();
    if header[0] & 0x20 != 0 {
        let padding = usize::from(*data.last()?);
        if padding == 0 {
            return None;
        }
        end = end.checked_sub(padding)?;
    }
    Some(Packet {
        payload_type: header[1] & 0x7f,
        marker: header[1] & 0x80 != 0,
        sequence: u16::from_be_bytes([header[2], header[3]]),
        timestamp: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        ssrc: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
        payload: data.get(start..end)?,
    })
}

/// Writes header and payload to the beginning of `out`; how many octets it took. What does not
/// fit is cut; `out` has room for the header at least.
pub fn write(packet: &Packet<'_>, out: &mut [u8]) -> usize {
    let room = out.len().saturating_sub(HEADER).min(packet.payload.len());
    Head::of(packet).write(out);
    out[HEADER..HEADER + room].copy_from_slice(&packet.payload[..room]);
    HEADER + room
}

/// The header alone, where the payload already lies in its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

impl Head {
    fn of(packet: &Packet<'_>) -> Self {
        Self {
            payload_type: packet.payload_type,
            marker: packet.marker,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
        }
    }

    #[inline]
    pub(crate) fn write(&self, out: &mut [u8]) {
        let out = &mut out[..HEADER];
        out[0] = 0x80;
        out[1] = self.payload_type & 0x7f | u8::from(self.marker) << 7;
        out[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        out[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let packet = Packet {
            payload_type: 8,
            marker: true,
            sequence: 65_535,
            timestamp: u32::MAX - 1,
            ssrc: 7,
            payload: &[1, 2, 3],
        };
        let mut out = [0; 64];
        let len = write(&packet, &mut out);
        assert_eq!(parse(&out[..len]), Some(packet));
    }

    #[test]
    fn sources_extensions_and_padding_are_skipped() {
        let mut data = vec![0x80 | 0x20 | 0x10 | 2, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        data.extend([9; 8]);
        data.extend([0xbe, 0xde, 0, 1, 5, 5, 5, 5]);
        data.extend([42, 43, 0, 0, 3]);
        assert_eq!(parse(&data).map(|packet| packet.payload), Some(&[42u8, 43][..]));
    }

    #[test]
    fn what_is_cut_or_foreign_is_refused() {
        assert_eq!(parse(&[0x80; 11]), None);
        assert_eq!(parse(&[0x40; 12]), None);
        assert_eq!(parse(&[0x8f; 12]), None, "fifteen sources that are not there");
        assert_eq!(parse(&[0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None, "padding of nothing");
        assert!(is_rtcp(&[0x80, 200, 0, 1, 0, 0, 0, 0]) && !is_rtcp(&[0x80, 0, 0, 1, 0, 0, 0, 0]));
    }
}
