//! SDP (RFC 8866) and its offers and answers (RFC 3264). Lines are read and written by
//! `sdp-types`; what they mean for a call is here.

mod media;
mod negotiate;
#[cfg(test)]
mod tests;

pub use media::{Codec, Direction, codecs, direction, endpoint, ptime_ms};
pub use negotiate::{Agreed, Local, NoCommon, agree, answer, offer};
pub use sdp_types::{Attribute, Connection, Media, Origin, Session};

/// Octets of a description at most.
pub const SDP_MAX: usize = 32_768;

/// Media lines of a description at most.
pub const MEDIA_MAX: usize = 32;

/// The type of a body with a description.
pub const CONTENT_TYPE: &str = "application/sdp";

/// Octets that are no description.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bad SDP: {0}")]
pub struct InvalidSdp(String);

/// Reads a description. Octets outside UTF-8 are replaced, and an origin that can't be read gives
/// way to an empty one: no call fails by either.
pub fn read(octets: &[u8]) -> Result<Session, InvalidSdp> {
    if octets.len() > SDP_MAX {
        return Err(InvalidSdp("too long".to_owned()));
    }
    let text = String::from_utf8_lossy(octets);
    let first = Session::parse(text.as_bytes());
    let session = first.or_else(|_| Session::parse(without_origin(&text).as_bytes()));
    let session = session.map_err(|error| InvalidSdp(error.to_string()))?;
    if session.medias.len() > MEDIA_MAX {
        return Err(InvalidSdp("too many media lines".to_owned()));
    }
    Ok(session)
}

fn without_origin(text: &str) -> String {
    let neutral = |line: &str| match line.trim() {
        line if line.starts_with("o=") => "o=- 0 0 IN IP4 0.0.0.0\r\n".to_owned(),
        line => format!("{line}\r\n"),
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(neutral).collect()
}

/// Writes a description. Line breaks inside values become spaces.
pub fn write(session: &Session) -> Vec<u8> {
    let mut octets = Vec::new();
    // Writing to memory does not fail.
    let _ = session.write(&mut octets);
    octets
}
