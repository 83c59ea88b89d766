//! RTCP (RFC 3550 §6): compound packets of sender and receiver reports, descriptions and goodbyes.

use base::Instant;

/// A report of the losses of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The stream.
    pub ssrc: u32,
    /// Lost since the last report, of 256.
    pub fraction: u8,
    /// Lost in all; negative with duplicates.
    pub lost: i32,
    /// Highest sequence number, with its wraps above.
    pub highest: u32,
    /// In samples.
    pub jitter: u32,
    /// Middle of the NTP time of the last sender report.
    pub last_report: u32,
    /// Since then, in 1/65536 s.
    pub delay: u32,
}

/// What a sender says of its own stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// NTP time: seconds since 1900 above, fractions below.
    pub ntp: u64,
    /// The same instant in the stream.
    pub timestamp: u32,
    /// Packets so far.
    pub packets: u32,
    /// Octets of payload so far.
    pub octets: u32,
}

/// One packet of a compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report<'a> {
    /// SR.
    Sender(u32, SenderInfo),
    /// RR.
    Receiver(u32),
    /// A block within an SR or RR.
    Block(Block),
    /// SDES: the canonical name of a source.
    Name(u32, &'a [u8]),
    /// BYE.
    Goodbye(u32),
}

/// Tells the parts of a compound; false when it is none or broken. What is of another type is
/// skipped.
pub fn parse<'a>(data: &'a [u8], mut tell: impl FnMut(Report<'a>)) -> bool {
    let mut rest = data;
    while !rest.is_empty() {
        let Some(header) = rest.first_chunk::<4>() else { return false };
        let len = 4 + 4 * usize::from(u16::from_be_bytes([header[2], header[3]]));
        if header[0] >> 6 != 2 || rest.len() < len {
            return false;
        }
        let (packet, others) = rest.split_at(len);
        let count = usize::from(header[0] & 0x1f);
        let body = &packet[4..];
        let read = match header[1] {
            200 => sender(body, count, &mut tell),
            201 => receiver(body, count, &mut tell),
            202 => descriptions(body, count, &mut tell),
            203 => goodbye(body, count, &mut tell),
            _ => Some(()),
        };
        if read.is_none() {
            return false;
        }
        rest = others;
    }
    !data.is_empty()
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    data.get(at * 4..at * 4 + 4)?.first_chunk().map(|word| u32::from_be_bytes(*word))
}

fn sender<'a>(body: &'a [u8], count: usize, tell: &mut impl FnMut(Report<'a>)) -> Option<()> {
    let ntp = u64::from(word(body, 1)?) << 32 | u64::from(word(body, 2)?);
    let (timestamp, packets, octets) = (word(body, 3)?, word(body, 4)?, word(body, 5)?);
    tell(Report::Sender(word(body, 0)?, SenderInfo { ntp, timestamp, packets, octets }));
    blocks(body.get(24..)?, count, tell)
}

fn receiver<'a>(body: &'a [u8], count: usize, tell: &mut impl FnMut(Report<'a>)) -> Option<()> {
    tell(Report::Receiver(word(body, 0)?));
    blocks(body.get(4..)?, count, tell)
}

fn blocks<'a>(data: &'a [u8], count: usize, tell: &mut impl FnMut(Report<'a>)) -> Option<()> {
    for at in 0..count {
        let block = data.get(at * 24..at * 24 + 24)?;
        let second = word(block, 1)?;
        tell(Report::Block(Block {
            ssrc: word(block, 0)?,
            fraction: (second >> 24) as u8,
            lost: (second << 8) as i32 >> 8,
            highest: word(block, 2)?,
            jitter: word(block, 3)?,
            last_report: word(block, 4)?,
            delay: word(block, 5)?,
        }));
    }
    Some(())
}

fn descriptions<'a>(body: &'a [u8], count: usize, tell: &mut impl FnMut(Report<'a>)) -> Option<()> {
    let mut at = 0;
    for _ in 0..count {
        let ssrc = word(body.get(at..)?, 0)?;
        at += 4;
        loop {
            let kind = *body.get(at)?;
            if kind == 0 {
                at = (at / 4 + 1) * 4;
                break;
            }
            let len = usize::from(*body.get(at + 1)?);
            let text = body.get(at + 2..at + 2 + len)?;
            if kind == 1 {
                tell(Report::Name(ssrc, text));
            }
            at += 2 + len;
        }
    }
    Some(())
}

fn goodbye<'a>(body: &'a [u8], count: usize, tell: &mut impl FnMut(Report<'a>)) -> Option<()> {
    (0..count).try_for_each(|at| word(body, at).map(|ssrc| tell(Report::Goodbye(ssrc))))
}

/// The NTP time of an instant: seconds since 1900 above, fractions below.
pub fn ntp(at: Instant) -> u64 {
    let micros = at.micros().max(0) as u64;
    let seconds = micros / 1_000_000 + 2_208_988_800;
    (seconds << 32) | (((micros % 1_000_000) << 32) / 1_000_000)
}

/// Octets that a compound of ours takes at most.
pub const COMPOUND_MAX: usize = 28 + 24 + 8 + 20 + 8;

/// Writes a compound: SR (RR while nothing was sent), one block, the name, and a goodbye where
/// this is the last one. How many octets it took.
pub fn write(
    ssrc: u32,
    info: Option<SenderInfo>,
    block: Option<Block>,
    name: &[u8; 16],
    goodbye: bool,
    out: &mut [u8; COMPOUND_MAX],
) -> usize {
    let mut at = 0;
    let mut put = |word: u32| {
        out[at..at + 4].copy_from_slice(&word.to_be_bytes());
        at += 4;
    };
    let count = u32::from(block.is_some());
    let kind = if info.is_some() { 200 } else { 201 };
    let words = if info.is_some() { 6 } else { 1 } + 6 * count;
    put(0x8000_0000 | count << 24 | kind << 16 | words);
    put(ssrc);
    if let Some(info) = info {
        put((info.ntp >> 32) as u32);
        put(info.ntp as u32);
        put(info.timestamp);
        put(info.packets);
        put(info.octets);
    }
    if let Some(block) = block {
        put(block.ssrc);
        put(u32::from(block.fraction) << 24 | block.lost as u32 & 0xff_ffff);
        put(block.highest);
        put(block.jitter);
        put(block.last_report);
        put(block.delay);
    }
    // SDES with one item: CNAME, 16 octets, and its end.
    put(0x8100_0000 | 202 << 16 | 6);
    put(ssrc);
    let mut item = [0; 20];
    item[0] = 1;
    item[1] = 16;
    item[2..18].copy_from_slice(name);
    item.chunks_exact(4)
        .for_each(|four| put(u32::from_be_bytes([four[0], four[1], four[2], four[3]])));
    if goodbye {
        put(0x8100_0000 | 203 << 16 | 1);
        put(ssrc);
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compound_is_read_as_it_was_written() {
        let info =
            SenderInfo { ntp: ntp(Instant::from_secs(1)), timestamp: 2, packets: 3, octets: 4 };
        let block = Block {
            ssrc: 9,
            fraction: 1,
            lost: -2,
            highest: 70_000,
            jitter: 5,
            last_report: 6,
            delay: 7,
        };
        let mut out = [0; COMPOUND_MAX];
        let len = write(8, Some(info), Some(block), b"0123456789abcdef", true, &mut out);
        let mut told = Vec::new();
        assert!(parse(&out[..len], |report| told.push(report)));
        let wanted = [
            Report::Sender(8, info),
            Report::Block(block),
            Report::Name(8, b"0123456789abcdef"),
            Report::Goodbye(8),
        ];
        assert_eq!(told, wanted);
        assert_eq!(len, COMPOUND_MAX);
        let mut short = [0; COMPOUND_MAX];
        let len = write(8, None, None, b"0123456789abcdef", false, &mut short);
        told.clear();
        assert!(parse(&short[..len], |report| told.push(report)));
        assert_eq!(told[0], Report::Receiver(8));
    }

    #[test]
    fn what_is_cut_is_refused() {
        let mut out = [0; COMPOUND_MAX];
        let len = write(8, None, Some(Block::default()), &[0; 16], false, &mut out);
        assert!((1..len).filter(|len| ![32].contains(len)).all(|len| !parse(&out[..len], |_| {})));
        assert!(!parse(&[], |_| {}));
    }

    #[test]
    fn the_time_counts_from_1900() {
        assert_eq!(ntp(Instant::from_micros(500_000)), 2_208_988_800 << 32 | 1 << 31);
    }
}
