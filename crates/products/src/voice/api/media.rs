//! The audio of recordings.

use base::{ApiError, code};
use bytes::Bytes;
use http::StatusCode;

use crate::accounts::store_error;
use crate::gateway::{ApiResult, Call, Response};
use crate::voice::Voice;
use crate::voice::edge::{recording_file, recording_mp3};
use crate::voice::recordings::{Recording, Status};

/// The file, or the part that is asked for (RFC 9110 §14.2; a single range).
pub(super) async fn wav(voice: &Voice, call: &Call, recording: &Recording) -> ApiResult {
    if recording.status != Status::Completed {
        return Err(call.request.not_found());
    }
    let content = recording_file(voice.shared(), recording).await.map_err(store_error)?;
    Ok(part(call, content, "audio/x-wav"))
}

/// There is nothing here that makes MP3.
const NO_ENCODER: &str = "MP3 is made by the program lame, which is not installed here: ask for \
                          .wav instead of .mp3";

/// The same as MP3, made when it is first asked for.
pub(super) async fn mp3(voice: &Voice, call: &Call, recording: &Recording) -> ApiResult {
    if recording.status != Status::Completed {
        return Err(call.request.not_found());
    }
    let content = recording_mp3(voice.shared(), recording).await?;
    let content = content.ok_or_else(|| ApiError::new(code::NOT_FOUND, NO_ENCODER))?;
    Ok(part(call, content, "audio/mpeg"))
}

/// A file, or the part of it that is asked for.
fn part(call: &Call, content: Bytes, kind: &'static str) -> Response {
    let whole = content.len();
    let range = call.request.header("range").map(|text| range(text, whole));
    let response = match range {
        None | Some(Asked::All) => Response::bytes(StatusCode::OK, kind, content),
        Some(Asked::Part(from, to)) => {
            let part = content.slice(from..to);
            Response::bytes(StatusCode::PARTIAL_CONTENT, kind, part)
                .with("content-range", format!("bytes {from}-{}/{whole}", to - 1))
        }
        Some(Asked::Beyond) => {
            Response::bytes(StatusCode::RANGE_NOT_SATISFIABLE, kind, Bytes::new())
                .with("content-range", format!("bytes */{whole}"))
        }
    };
    response.with("accept-ranges", "bytes").with("cache-control", "private, max-age=3600")
}

/// What a `Range` asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// Everything: the field is none that we know.
    All,
    /// From one octet to before another.
    Part(usize, usize),
    /// What lies behind the end.
    Beyond,
}

fn range(text: &str, whole: usize) -> Asked {
    let Some((from, to)) = text.strip_prefix("bytes=").and_then(|rest| rest.split_once('-')) else {
        return Asked::All;
    };
    match (from.trim().parse::<usize>(), to.trim().parse::<usize>()) {
        (Ok(from), _) if from >= whole => Asked::Beyond,
        (Ok(from), Ok(to)) if to >= from => Asked::Part(from, whole.min(to.saturating_add(1))),
        (Ok(from), Err(_)) if to.trim().is_empty() => Asked::Part(from, whole),
        (Err(_), Ok(0)) if from.trim().is_empty() => Asked::Beyond,
        (Err(_), Ok(last)) if from.trim().is_empty() && whole > 0 => {
            Asked::Part(whole.saturating_sub(last), whole)
        }
        _ => Asked::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        for (text, asked) in [
            ("bytes=0-3", Asked::Part(0, 4)),
            ("bytes=4-", Asked::Part(4, 10)),
            ("bytes=4-99", Asked::Part(4, 10)),
            ("bytes=-3", Asked::Part(7, 10)),
            ("bytes=-30", Asked::Part(0, 10)),
            ("bytes=10-", Asked::Beyond),
            ("bytes=-0", Asked::Beyond),
            ("bytes=5-2", Asked::All),
            ("bytes=0-1,4-5", Asked::All),
            ("lines=0-3", Asked::All),
        ] {
            assert_eq!(range(text, 10), asked, "{text}");
        }
    }
}
