//! What a media line says.

use core::net::{IpAddr, SocketAddr};

use super::{Media, Session};

/// A codec of a media line (RFC 8866 §6.6, §6.15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    /// 0 to 127.
    pub payload_type: u8,
    /// `PCMU`, `opus`, `telephone-event`: compared without regard to case.
    pub name: String,
    /// Hz.
    pub clock_rate: u32,
    /// 1 where nothing is said.
    pub channels: u8,
    /// Its parameters.
    pub fmtp: Option<String>,
}

/// Which way media flows, seen from who says it (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both.
    #[default]
    SendRecv,
    /// It sends only: the other end is on hold.
    SendOnly,
    /// It receives only.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    const ALL: [Self; 4] = [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive];

    /// The attribute's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// From what is sent and received.
    pub fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether who says it sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether who says it receives.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// What the other end may answer at most (RFC 3264 §6.1), where it wants `wanted`.
    pub fn answered(self, wanted: Self) -> Self {
        Self::of(wanted.sends() && self.receives(), wanted.receives() && self.sends())
    }
}

/// Static payload types that need no `rtpmap` (RFC 3551 §6).
const STATIC: [(u8, &str, u32); 6] = [
    (0, "PCMU", 8_000),
    (3, "GSM", 8_000),
    (8, "PCMA", 8_000),
    (9, "G722", 8_000),
    (13, "CN", 8_000),
    (18, "G729", 8_000),
];

impl Codec {
    /// A codec by payload type, name and clock rate; one channel, no parameters.
    pub fn new(payload_type: u8, name: &str, clock_rate: u32) -> Self {
        Self { payload_type, name: name.to_owned(), clock_rate, channels: 1, fmtp: None }
    }

    /// G.711 µ-law.
    pub fn pcmu() -> Self {
        Self::new(0, "PCMU", 8_000)
    }

    /// G.711 A-law.
    pub fn pcma() -> Self {
        Self::new(8, "PCMA", 8_000)
    }

    /// DTMF as events 0 to 15 (RFC 4733).
    pub fn events(payload_type: u8, clock_rate: u32) -> Self {
        let events = Self::new(payload_type, "telephone-event", clock_rate);
        Self { fmtp: Some("0-15".to_owned()), ..events }
    }

    /// Whether it carries DTMF.
    pub fn is_events(&self) -> bool {
        self.name.eq_ignore_ascii_case("telephone-event")
    }

    /// The same codec under any number. Parameters are the codec's own business.
    pub fn is_same(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(&other.name)
            && self.clock_rate == other.clock_rate
            && self.channels == other.channels
    }
}

/// The codecs of a line in its order, those that we don't know too. A dynamic number without a
/// name is left out.
pub fn codecs(media: &Media) -> Vec<Codec> {
    let formats = media.fmt.split_whitespace().filter_map(|format| format.parse::<u8>().ok());
    formats.filter(|number| *number < 128).filter_map(|number| codec(media, number)).collect()
}

fn codec(media: &Media, number: u8) -> Option<Codec> {
    let of = |attribute: &str| {
        let all = media.attributes.iter().filter(move |known| known.attribute == attribute);
        let values = all.filter_map(|known| known.value.as_deref()?.trim().split_once(' '));
        let mut values = values.filter(|(format, _)| format.parse() == Ok(number));
        values.next().map(|(_, value)| value.trim().to_owned())
    };
    let mut read = match of("rtpmap") {
        Some(map) => {
            let mut parts = map.split('/').map(str::trim);
            let (name, rate) = (parts.next()?, parts.next()?.parse().ok()?);
            let channels = parts.next().and_then(|channels| channels.parse().ok()).unwrap_or(1);
            Codec { channels, ..Codec::new(number, name, rate) }
        }
        None => {
            let (_, name, rate) = STATIC.iter().find(|(known, _, _)| *known == number)?;
            Codec::new(number, name, *rate)
        }
    };
    read.fmtp = of("fmtp");
    Some(read)
}

/// Which way media flows on a line: its own word, else the session's (RFC 8866 §6.7).
pub fn direction(session: &Session, media: &Media) -> Direction {
    let of = |attributes: &[super::Attribute]| {
        let mut names = attributes.iter().map(|known| known.attribute.as_str());
        names.find_map(|name| Direction::ALL.into_iter().find(|known| known.as_str() == name))
    };
    of(&media.attributes).or_else(|| of(&session.attributes)).unwrap_or_default()
}

/// Where media of a line goes: the line's address, else the session's. `None` for a host name
/// and for a line that is off.
pub fn endpoint(session: &Session, media: &Media) -> Option<SocketAddr> {
    let connection = media.connections.first().or(session.connection.as_ref())?;
    let address = connection.connection_address.split('/').next()?;
    let address: IpAddr = address.parse().ok()?;
    (media.port != 0).then(|| SocketAddr::new(address, media.port))
}

/// Milliseconds of one packet, where the line asks for some.
pub fn ptime_ms(media: &Media) -> Option<u32> {
    let found = media.attributes.iter().find(|known| known.attribute == "ptime")?;
    let value: u32 = found.value.as_deref()?.trim().parse().ok()?;
    (10..=200).contains(&value).then_some(value)
}
