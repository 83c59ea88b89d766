//! Recordings as they grow: a blob for each second, sealed; one file when they end. A crash loses
//! the last second at most: the next start joins what is there.

use std::sync::Arc;

use ::store::{BlobKey, StoreError, Tx};
use base::{AccountSid, ApiError, ObjectKey, RecordingSid};
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use twiml::voice;

use crate::accounts::store_error;
use crate::voice::edge::{Edge, Shared};
use crate::voice::engine::{Input, Recorded, RecordingSource};
use crate::voice::model::RecordPlan;
use crate::voice::recordings::{self, New, Recording, Status};

/// A recording under way: its parts go to a task of its own.
pub(super) struct Take(UnboundedSender<Part>);

enum Part {
    Octets(Vec<u8>),
    Over(u64),
}

impl Edge {
    /// A recording begins.
    pub(super) fn begin_take(
        &mut self,
        name: media::RecordingId,
        account: AccountSid,
        of: Recorded,
        source: RecordingSource,
        plan: RecordPlan,
    ) {
        let (sender, parts) = unbounded_channel();
        self.takes.insert(name, Take(sender));
        let (shared, desk) = (Arc::clone(&self.shared), self.desk.clone());
        let (call, conference) = match of {
            Recorded::Call(call) => (Some(call), None),
            Recorded::Conference(conference) => (None, Some(conference)),
        };
        tokio::spawn(async move {
            let new =
                New { account, call, conference, name: Some(name.0), source: source.name(), plan };
            let saved = record(&shared, new, parts).await.unwrap_or_else(|error| {
                tracing::error!(%error, "a recording could not be kept");
                None
            });
            desk.input(Input::Saved { recording: name, saved });
        });
    }

    /// A recording was asked for, and its call is over: there is nothing in it.
    pub(super) fn abandon(&self, name: media::RecordingId) {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            if let Err(error) = end_named(&shared, name).await {
                tracing::error!(%error, "a recording that never began could not be ended");
            }
        });
    }

    /// A second of it.
    pub(super) fn chunk(&self, name: media::RecordingId, octets: Vec<u8>) {
        if let Some(Take(sender)) = self.takes.get(&name) {
            let _ = sender.send(Part::Octets(octets));
        }
    }

    /// It is over.
    pub(super) fn end_take(&mut self, name: media::RecordingId, duration_ms: u64) {
        if let Some(Take(sender)) = self.takes.remove(&name) {
            let _ = sender.send(Part::Over(duration_ms));
        }
    }
}

/// Keeps a recording until its end, and answers how it can be had.
async fn record(
    shared: &Shared,
    new: New,
    mut parts: UnboundedReceiver<Part>,
) -> Result<Option<voice::Recording>, StoreError> {
    let context = Arc::clone(&shared.context);
    let begin = move |tx: &mut Tx<'_>| recordings::begin(tx, &context, &new);
    let mut recording = shared.store.write::<_, StoreError, _>(begin).await?;
    let (mut number, mut duration_ms) = (0, 0);
    while let Some(part) = parts.recv().await {
        match part {
            Part::Octets(octets) => {
                put_part(shared, &recording, number, &octets).await?;
                number += 1;
            }
            Part::Over(ms) => {
                duration_ms = ms;
                break;
            }
        }
    }
    finish(shared, &mut recording, number, duration_ms).await?;
    Ok((recording.status == Status::Completed).then(|| voice::Recording {
        url: recordings::address(&shared.public_url, &recording),
        sid: recording.sid.to_string(),
        duration_s: recording.duration_s(),
    }))
}

fn part_key(recording: &Recording, number: u32) -> Result<BlobKey, StoreError> {
    blob(recording.account, recording.sid, &format!("part-{number:06}"))
}

/// The blob of a recording.
pub fn blob(account: AccountSid, sid: RecordingSid, name: &str) -> Result<BlobKey, StoreError> {
    BlobKey::new(account, sid, name).map_err(|_| StoreError::Corrupt("a blob's name"))
}

async fn put_part(
    shared: &Shared,
    recording: &Recording,
    number: u32,
    octets: &[u8],
) -> Result<(), StoreError> {
    let key = ObjectKey::derive(&shared.master, &recording.salt);
    let sealed = key.seal(recordings::nonce(), octets);
    shared.blobs.put(&part_key(recording, number)?, sealed.into()).await
}

/// Joins the parts to one file, and removes them.
async fn finish(
    shared: &Shared,
    recording: &mut Recording,
    parts: u32,
    duration_ms: u64,
) -> Result<(), StoreError> {
    let (channels, trim) = (recording.channels, recording.trim);
    let key = ObjectKey::derive(&shared.master, &recording.salt);
    let mut samples: Vec<i16> = Vec::new();
    for number in 0..parts {
        let sealed = shared.blobs.get(&part_key(recording, number)?).await?;
        let octets = key.open(&sealed).map_err(|_| StoreError::Corrupt("a recording's part"))?;
        let pairs = octets.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
        samples.extend(pairs);
    }
    let layout = if channels == 2 { media::Channels::Dual } else { media::Channels::Mono };
    if trim {
        let kept = media::trim_silence(&samples, layout);
        samples = samples[kept].to_vec();
    }
    let whole_ms = samples.len() as u64 * 1_000 / u64::from(media::RATE) / u64::from(channels);
    recording.duration_ms = if trim { whole_ms } else { duration_ms.max(whole_ms) };
    recording.status = if samples.is_empty() { Status::Absent } else { Status::Completed };
    if recording.status == Status::Completed {
        let file = media::wav::file(layout, &samples);
        recording.size = file.len() as u64;
        let sealed = key.seal(recordings::nonce(), &file);
        let whole = blob(recording.account, recording.sid, "recording.wav")?;
        shared.blobs.put(&whole, sealed.into()).await?;
    }
    let (done, context) = (recording.clone(), Arc::clone(&shared.context));
    shared.store.write::<_, StoreError, _>(move |tx| recordings::end(tx, &context, &done)).await?;
    for number in 0..parts {
        shared.blobs.delete(&part_key(recording, number)?).await?;
    }
    Ok(())
}

/// The file of a recording that is completed, opened.
pub async fn file(shared: &Shared, recording: &Recording) -> Result<Bytes, StoreError> {
    let whole = blob(recording.account, recording.sid, "recording.wav")?;
    let sealed = shared.blobs.get(&whole).await?;
    let key = ObjectKey::derive(&shared.master, &recording.salt);
    let opened = key.open(&sealed).map_err(|_| StoreError::Corrupt("a recording"))?;
    Ok(opened.into())
}

/// Encoders that run at once.
static ENCODERS: Semaphore = Semaphore::const_new(2);

/// A recording that is completed, as MP3: made when it is first asked for, and kept beside it.
/// `None` where there is no encoder.
pub async fn mp3(shared: &Shared, recording: &Recording) -> Result<Option<Bytes>, ApiError> {
    let key = ObjectKey::derive(&shared.master, &recording.salt);
    let kept = blob(recording.account, recording.sid, "recording.mp3").map_err(store_error)?;
    if let Ok(sealed) = shared.blobs.get(&kept).await
        && let Ok(opened) = key.open(&sealed)
    {
        return Ok(Some(opened.into()));
    }
    let Some(encoder) = speech::mp3::encoder() else { return Ok(None) };
    let wav = file(shared, recording).await.map_err(store_error)?;
    let _turn = ENCODERS.acquire().await.map_err(|_| ApiError::internal())?;
    let channels = recording.channels;
    let encode = move || speech::mp3::encode(&encoder, wav.to_vec(), channels);
    let encoded = tokio::task::spawn_blocking(encode).await;
    let encoded = encoded.map_err(|_| ApiError::internal())?.map_err(|error| {
        tracing::warn!(%error, recording = %recording.sid, "MP3 could not be made");
        ApiError::internal()
    })?;
    let sealed = key.seal(recordings::nonce(), &encoded);
    shared.blobs.put(&kept, sealed.into()).await.map_err(store_error)?;
    Ok(Some(encoded.into()))
}

/// The file behind an address of ours, if the account may hear it: its own documents need no
/// credentials for its own recordings.
pub(super) async fn at_address(
    shared: &Shared,
    account: AccountSid,
    url: &str,
) -> Result<Option<Bytes>, StoreError> {
    let ours = format!("{}/2010-04-01/Accounts/{account}/Recordings/", shared.public_url);
    let Some(name) = url.strip_prefix(&ours) else { return Ok(None) };
    let name = [".wav", ".mp3"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    let Ok(sid) = name.parse() else { return Ok(None) };
    let read = shared.store.read(move |reader| recordings::find(reader, account, sid)).await?;
    match read.filter(|recording| recording.status == Status::Completed) {
        Some(recording) => file(shared, &recording).await.map(Some),
        None => Ok(None),
    }
}

/// Ends a recording that never began.
async fn end_named(shared: &Shared, name: media::RecordingId) -> Result<(), StoreError> {
    let node = Arc::clone(&shared.context.node);
    let open = shared.store.read(move |reader| recordings::open_on(reader, &node)).await?;
    let named = open.into_iter().filter(|recording| recording.name == name.0);
    for mut recording in named {
        finish(shared, &mut recording, 0, 0).await?;
    }
    Ok(())
}

/// Joins what a crash left of recordings.
pub(super) async fn recover(shared: &Shared) -> Result<(), StoreError> {
    let node = Arc::clone(&shared.context.node);
    let open = shared.store.read(move |reader| recordings::open_on(reader, &node)).await?;
    for mut recording in open {
        let mut parts = 0;
        while shared.blobs.get(&part_key(&recording, parts)?).await.is_ok() {
            parts += 1;
        }
        finish(shared, &mut recording, parts, 0).await?;
    }
    Ok(())
}
