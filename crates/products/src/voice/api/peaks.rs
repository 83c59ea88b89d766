//! What a recording looks like: the loudest sample of each of so many parts, for every channel.

use std::sync::Arc;

use base::{ApiError, RecordingSid, code};
use http::Method;
use serde_json::json;

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::{ApiResult, Call, Response, Routes};
use crate::voice::Voice;
use crate::voice::api::calls::given;
use crate::voice::edge::recording_file;
use crate::voice::recordings::Status;
use crate::voice::store::recordings;

const ONE: &str = "/trunkline/v1/Recordings/{Sid}/Peaks";

/// Parts when nobody says otherwise, and at most.
const POINTS: usize = 400;
const POINTS_MAX: usize = 4_000;

pub(super) fn routes(routes: &mut Routes, voice: &Arc<Voice>) {
    let permission = Permission::new("voice/recordings", Verb::Read);
    routes.on("", Method::GET, ONE, permission, voice, show);
}

async fn show(voice: Arc<Voice>, call: Call) -> ApiResult {
    let (account, sid) = (call.caller.account_sid(), call.request.sid::<RecordingSid>("Sid")?);
    let points = match given(&call.request.query, "Points").map(str::parse::<usize>) {
        None => POINTS,
        Some(Ok(points)) if (1..=POINTS_MAX).contains(&points) => points,
        Some(_) => {
            let text = format!("Points must be a number from 1 to {POINTS_MAX}");
            return Err(ApiError::new(code::BAD_REQUEST, text));
        }
    };
    let read = voice.shared().store.read(move |reader| recordings::find(reader, account, sid));
    let found = read.await.map_err(store_error)?;
    let recording = found.filter(|recording| recording.status == Status::Completed);
    let recording = recording.ok_or_else(|| call.request.not_found())?;
    let file = recording_file(voice.shared(), &recording).await.map_err(store_error)?;
    let samples = file.get(media::wav::HEADER..).unwrap_or_default();
    let channels = peaks(samples, usize::from(recording.channels), points);
    Ok(Response::ok(&json!({
        "recording_sid": sid.to_string(),
        "duration_ms": recording.duration_ms,
        "points": points,
        "channels": channels,
    })))
}

/// The peaks of interleaved 16-bit samples, from 0 to 32,767. Fewer where there are fewer samples.
fn peaks(octets: &[u8], channels: usize, points: usize) -> Vec<Vec<u16>> {
    let channels = channels.max(1);
    let frames = octets.len() / (2 * channels);
    let of = |frame: usize, channel: usize| {
        let at = 2 * (frame * channels + channel);
        i16::from_le_bytes([octets[at], octets[at + 1]]).unsigned_abs().min(i16::MAX as u16)
    };
    let points = points.min(frames);
    let part = |point: usize, channel: usize| {
        let (from, to) = (point * frames / points, (point + 1) * frames / points);
        (from..to).map(|frame| of(frame, channel)).max().unwrap_or_default()
    };
    (0..channels).map(|channel| (0..points).map(|point| part(point, channel)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_each_channel_has_its_loudest_sample() {
        let samples: [i16; 12] = [1, -9, 5, 2, 0, 3, i16::MIN, 4, 7, 1, 2, -6];
        let octets: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        assert_eq!(peaks(&octets, 1, 3), [[9, 32_767, 7]]);
        assert_eq!(peaks(&octets, 2, 2), [[5, 32_767], [9, 6]]);
        assert_eq!(peaks(&octets, 1, 100)[0].len(), 12, "no more than there are samples");
        assert!(peaks(&[], 2, 400).iter().all(Vec::is_empty));
    }
}
