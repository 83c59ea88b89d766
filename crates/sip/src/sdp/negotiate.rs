//! Offers and answers (RFC 3264), as pure functions.

use core::net::{IpAddr, SocketAddr};

use super::media::{Codec, Direction, codecs, direction, endpoint, ptime_ms};
use super::{Attribute, Connection, Media, Origin, Session};

/// Our end of a call's audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where we receive, as the other end can reach it.
    pub address: IpAddr,
    /// Our RTP port.
    pub port: u16,
    /// What we speak, best first; `Codec::events` among them for DTMF.
    pub codecs: Vec<Codec>,
    /// Milliseconds of a packet, 20 as a rule.
    pub ptime_ms: u32,
    /// What we want to do.
    pub direction: Direction,
    /// RTP and RTCP on one port (RFC 5761).
    pub rtcp_mux: bool,
}

/// What both ends agreed on for audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Which media line.
    pub line: usize,
    /// Where we send RTP; `None` where the other end gave a name.
    pub remote: Option<SocketAddr>,
    /// Where we send RTCP.
    pub remote_rtcp: Option<SocketAddr>,
    /// What we send, by the other end's numbers; DTMF is not among them.
    pub codec: Codec,
    /// What may arrive, by our numbers, in the order of preference; DTMF among them.
    pub receives: Vec<Codec>,
    /// How we send DTMF, if the other end takes events.
    pub events: Option<Codec>,
    /// Milliseconds of a packet that we send.
    pub ptime_ms: u32,
    /// What we do.
    pub direction: Direction,
    /// RTP and RTCP on one port.
    pub rtcp_mux: bool,
}

/// No audio line that both ends can use: 488.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no audio codec in common")]
pub struct NoCommon;

const PROTOCOL: &str = "RTP/AVP";

fn is_audio(media: &Media) -> bool {
    media.media.eq_ignore_ascii_case("audio") && media.proto.eq_ignore_ascii_case(PROTOCOL)
}

fn has(media: &Media, attribute: &str) -> bool {
    media.attributes.iter().any(|known| known.attribute == attribute)
}

fn session(local: &Local) -> Session {
    let origin =
        Origin { username: Some("-".to_owned()), ..Origin::with_ip_addr("0", 0, local.address) };
    let mut session = Session::new(origin, "-");
    session.connection = Some(Connection::from_ip_addr(local.address));
    session.times = vec![sdp_types::Time { start_time: 0, stop_time: 0, repeats: Vec::new() }];
    session
}

fn media(local: &Local, codecs: &[Codec], direction: Direction, mux: bool) -> Media {
    let mut attributes = Vec::new();
    for codec in codecs {
        let number = codec.payload_type;
        let channels = match codec.channels {
            1 => String::new(),
            channels => format!("/{channels}"),
        };
        let map = format!("{number} {}/{}{channels}", codec.name, codec.clock_rate);
        attributes.push(Attribute::with_value("rtpmap", map));
        if let Some(fmtp) = &codec.fmtp {
            attributes.push(Attribute::with_value("fmtp", format!("{number} {fmtp}")));
        }
    }
    attributes.push(Attribute::with_value("ptime", local.ptime_ms));
    attributes.push(Attribute::new(direction.as_str()));
    if mux {
        attributes.push(Attribute::new("rtcp-mux"));
    }
    let numbers: Vec<String> = codecs.iter().map(|codec| codec.payload_type.to_string()).collect();
    Media { attributes, ..line("audio", local.port, PROTOCOL, &numbers.join(" ")) }
}

fn line(kind: &str, port: u16, proto: &str, fmt: &str) -> Media {
    Media {
        media: kind.to_owned(),
        port,
        num_ports: None,
        proto: proto.to_owned(),
        fmt: fmt.to_owned(),
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    }
}

/// A line that is off, in the place of another (RFC 3264 §6, §8.2).
fn off(other: &Media) -> Media {
    line(&other.media, 0, &other.proto, &other.fmt)
}

/// An offer. Lines of the `previous` description of this call keep their places (§8).
pub fn offer(local: &Local, previous: Option<&Session>) -> Session {
    let audio = media(local, &local.codecs, local.direction, local.rtcp_mux);
    let mut session = session(local);
    let before = previous.map_or(&[][..], |previous| &previous.medias);
    let at = before.iter().position(is_audio);
    session.medias = before.iter().map(off).collect();
    match at {
        Some(at) => session.medias[at] = audio,
        None => session.medias.push(audio),
    }
    session
}

/// The answer to an offer, and what it comes to. The first audio line that has a codec in common
/// is taken, all others are refused; codecs keep the offer's order and numbers (§6.1).
pub fn answer(offer: &Session, local: &Local) -> Result<(Session, Agreed), NoCommon> {
    let usable = |media: &&Media| is_audio(media) && media.port != 0;
    let lines = offer.medias.iter().enumerate().filter(|(_, media)| usable(media));
    let mut common = lines.map(|(at, media)| (at, media, common(&codecs(media), &local.codecs)));
    let (at, offered, common) =
        common.find(|(_, _, codecs)| codecs.iter().any(|c| !c.is_events())).ok_or(NoCommon)?;
    let direction = direction(offer, offered).answered(local.direction);
    let mux = local.rtcp_mux && has(offered, "rtcp-mux");
    let mut answer = session(local);
    answer.medias = offer.medias.iter().map(off).collect();
    answer.medias[at] = media(local, &common, direction, mux);
    let agreed = agreed(offer, at, &common, common.clone(), local, direction, mux);
    Ok((answer, agreed.ok_or(NoCommon)?))
}

/// What an answer to our offer comes to (§7).
pub fn agree(offer: &Session, answer: &Session, local: &Local) -> Result<Agreed, NoCommon> {
    let at = offer.medias.iter().position(is_audio).ok_or(NoCommon)?;
    let answered = answer.medias.get(at).filter(|media| media.port != 0).ok_or(NoCommon)?;
    let theirs = common(&codecs(answered), &local.codecs);
    let ours = common(&local.codecs, &theirs);
    let direction = direction(answer, answered).answered(local.direction);
    let mux = local.rtcp_mux && has(answered, "rtcp-mux");
    agreed(answer, at, &theirs, ours, local, direction, mux).ok_or(NoCommon)
}

fn agreed(
    remote: &Session,
    line: usize,
    send: &[Codec],
    receives: Vec<Codec>,
    local: &Local,
    direction: Direction,
    rtcp_mux: bool,
) -> Option<Agreed> {
    let media = remote.medias.get(line)?;
    let codec = send.iter().find(|codec| !codec.is_events())?.clone();
    let events = || send.iter().filter(|codec| codec.is_events());
    let fitting = events().find(|events| events.clock_rate == codec.clock_rate);
    let place = endpoint(remote, media);
    // The hold of RFC 2543: an address of zeros takes nothing (RFC 3264 §8.4).
    let deaf = place.is_some_and(|place| place.ip().is_unspecified());
    let direction = Direction::of(direction.sends() && !deaf, direction.receives());
    Some(Agreed {
        line,
        remote: place,
        remote_rtcp: place.map(|place| rtcp(media, place, rtcp_mux)),
        events: fitting.or_else(|| events().next()).cloned(),
        codec,
        receives,
        ptime_ms: ptime_ms(media).unwrap_or(local.ptime_ms),
        direction,
        rtcp_mux,
    })
}

/// `a=rtcp` (RFC 3605), else the port above.
fn rtcp(media: &Media, rtp: SocketAddr, mux: bool) -> SocketAddr {
    if mux {
        return rtp;
    }
    let said = media.attributes.iter().find(|known| known.attribute == "rtcp");
    let value = said.and_then(|said| said.value.as_deref()).unwrap_or_default();
    let mut words = value.split_whitespace();
    let port = words.next().and_then(|port| port.parse().ok());
    let address = words.nth(2).and_then(|address| address.parse().ok());
    let above = rtp.port().checked_add(1).unwrap_or(rtp.port());
    SocketAddr::new(address.unwrap_or(rtp.ip()), port.unwrap_or(above))
}

/// What of `theirs` is in `ours` too, in the order and by the numbers of `theirs`.
fn common(theirs: &[Codec], ours: &[Codec]) -> Vec<Codec> {
    let known = |codec: &&Codec| ours.iter().any(|known| known.is_same(codec));
    theirs.iter().filter(known).cloned().collect()
}
