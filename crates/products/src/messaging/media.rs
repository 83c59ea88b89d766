//! Media: fetched once through the guard, sealed under its message's key, kept as blobs and
//! served from here. A message with media is queued when all of it is here.

use std::sync::Arc;
use std::time::Duration;

use ::store::{BlobKey, StoreError, Tx, job::Job};
use base::{AnySid, ApiError, MediaSid, MessageSid, ObjectKey, code};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Method, StatusCode, header};
use net::{Address, Limits, Outbound};
use ring::rand::{SecureRandom, SystemRandom};
use url::Url;

use crate::accounts::store_error;
use crate::gateway::{ApiResult, Response};
use crate::messaging::model::{Message, MessageKey, Status};
use crate::messaging::store::{self, Media};
use crate::messaging::{Messaging, work};
use crate::webhooks::alerts::NewAlert;

/// The kind of job that fetches the media of an outbound message and then queues it.
pub const FETCH_JOB: &str = "messaging.media";

/// The kind of job that removes the blobs of what was redacted or deleted.
pub const REMOVE_JOB: &str = "messaging.media.remove";

/// Octets of one media file at most (Twilio takes 5 MB for a message).
const SIZE_MAX: usize = 5 << 20;

/// Tries to fetch one file.
const TRIES_MAX: u32 = 2;

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(5),
    read: Duration::from_secs(15),
    total: Duration::from_secs(30),
    body_max: SIZE_MAX,
    redirects_max: 10,
};

/// The content is larger than carriers take.
const TOO_LARGE: u32 = 30019;

/// Why a file could not be had.
pub(super) struct Refused {
    url: String,
    code: u32,
    text: String,
}

/// A file as it was fetched.
struct Fetched {
    content: Bytes,
    content_type: String,
}

impl Messaging {
    /// Does the job of an outbound message with media. Safe to repeat: what is here is not
    /// fetched again.
    pub(super) async fn do_fetch(self: Arc<Self>, job: Job) -> Result<(), StoreError> {
        let Some((key, _)) = named(&job) else { return Ok(()) };
        let found = self.store.read(move |reader| store::find(reader, key)).await?;
        let Some(message) = found.filter(|message| message.status == Status::Queued) else {
            return Ok(());
        };
        match self.keep_media(&message).await? {
            None => self.queue(key).await,
            Some(refused) => self.fail_for(key, refused).await,
        }
    }

    /// Fetches what is not here yet. Answers the first file that could not be had.
    pub(super) async fn keep_media(
        &self,
        message: &Message,
    ) -> Result<Option<Refused>, StoreError> {
        let key = message.key;
        let Some(salt) = message.salt else { return Ok(None) };
        let media = self.store.read(move |reader| store::media_of(reader, key)).await?;
        for media in media.into_iter().filter(|media| !media.is_kept()) {
            let fetched = match self.fetch(&media.source).await {
                Ok(fetched) => fetched,
                Err(refused) => return Ok(Some(refused)),
            };
            let sealed = ObjectKey::derive(&self.master, &salt).seal(nonce(), &fetched.content);
            let blob = blob_of(&media)?;
            self.blobs.put(&blob, sealed.into()).await?;
            let size = i64::try_from(fetched.content.len()).unwrap_or_default();
            let (key, sid, content_type) = (media.message, media.sid, fetched.content_type);
            let unit = move |tx: &mut Tx<'_>| store::media_kept(tx, key, sid, &content_type, size);
            // Redacted in the meantime: nothing of it stays.
            if !self.store.write::<_, StoreError, _>(unit).await? {
                self.blobs.delete(&blob).await?;
            }
        }
        Ok(None)
    }

    async fn fetch(&self, source: &str) -> Result<Fetched, Refused> {
        // What a carrier handed over with the message may be long.
        let shown: String = source.chars().take(200).collect();
        let refuse = |code, text: String| Refused { url: shown.clone(), code, text };
        if let Some(inline) = source.strip_prefix("data:") {
            let text = || refuse(code::BAD_MEDIA_URL, "is no usable data".into());
            let (kind, content) = inlined(inline).ok_or_else(text)?;
            let content_type = accepted_type(&kind).ok_or_else(|| {
                refuse(code::BAD_CONTENT_TYPE, format!("has the content type '{kind}'"))
            })?;
            return Ok(Fetched { content, content_type });
        }
        let address = Url::parse(source).ok().and_then(|url| Address::of(url).ok());
        let to = address.ok_or_else(|| refuse(code::BAD_MEDIA_URL, "is no usable URL".into()))?;
        let to = Arc::new(to);
        let mut tries = 0;
        let answer = loop {
            tries += 1;
            let (to, limits) = (Arc::clone(&to), LIMITS);
            let (method, headers, body) = (Method::GET, Vec::new(), Bytes::new());
            let sent = self.client.send(Outbound { method, to, headers, body, limits }).await;
            match sent {
                Ok(answer) if answer.status.is_server_error() && tries < TRIES_MAX => {}
                Err(error) if error.never_reached() && tries < TRIES_MAX => {}
                Err(net::SendError::TooLarge) => {
                    let text = format!("is larger than {SIZE_MAX} bytes");
                    return Err(refuse(TOO_LARGE, text));
                }
                Err(error) => return Err(refuse(error.code(), error.to_string())),
                Ok(answer) => break answer,
            }
        };
        if !answer.status.is_success() {
            let text = format!("answered {}", answer.status.as_u16());
            return Err(refuse(code::FETCH_FAILED, text));
        }
        let given = answer.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = given.and_then(accepted_type).ok_or_else(|| {
            let text = format!("has the content type '{}'", given.unwrap_or_default());
            refuse(code::BAD_CONTENT_TYPE, text)
        })?;
        if answer.body.is_empty() {
            return Err(refuse(code::FETCH_FAILED, "is empty".into()));
        }
        Ok(Fetched { content: answer.body, content_type })
    }

    /// Hands a message whose media is here to the dispatcher.
    async fn queue(&self, key: MessageKey) -> Result<(), StoreError> {
        let (context, dispatchers) = (Arc::clone(&self.context), self.dispatchers.clone());
        let unit = move |tx: &mut Tx<'_>| {
            if let Some(waiting) = work::queue(tx, &context, key)? {
                tx.after_commit(move || {
                    dispatchers.offer(vec![waiting]);
                });
            }
            Ok(())
        };
        self.store.write::<_, StoreError, _>(unit).await
    }

    async fn fail_for(&self, key: MessageKey, why: Refused) -> Result<(), StoreError> {
        let (context, alert) = (Arc::clone(&self.context), why.into_alert(key));
        let unit = move |tx: &mut Tx<'_>| work::fail_for_file(tx, &context, key, alert);
        self.store.write::<_, StoreError, _>(unit).await
    }

    /// Does the job of removing blobs: of one file, or of a whole message.
    pub(super) async fn do_remove(self: Arc<Self>, job: Job) -> Result<(), StoreError> {
        let Some((key, media)) = named(&job) else { return Ok(()) };
        match media {
            None => {
                let object = AnySid::from(key.sid);
                self.blobs.delete_prefix(key.account, Some(object)).await?;
            }
            Some(sid) => self.blobs.delete(&blob_key(key, sid)?).await?,
        }
        Ok(())
    }

    /// A file, as it came. It is open to whoever knows its address, as Twilio's are.
    pub(super) async fn media_content(
        &self,
        key: MessageKey,
        sid: MediaSid,
        missing: ApiError,
    ) -> ApiResult {
        let read = self.store.read(move |reader| {
            let salt = store::find(reader, key)?.and_then(|message| message.salt);
            let media = store::media_of(reader, key)?.into_iter().find(|media| media.sid == sid);
            Ok::<_, StoreError>(salt.zip(media))
        });
        let found = read.await.map_err(store_error)?;
        let Some((salt, media)) = found.filter(|(_, media)| media.is_kept()) else {
            return Err(missing);
        };
        let blob = blob_of(&media).map_err(store_error)?;
        let sealed = self.blobs.get(&blob).await.map_err(store_error)?;
        let content = ObjectKey::derive(&self.master, &salt).open(&sealed).map_err(|_| missing)?;
        // It came from strangers and is served under our name: nothing in it may run.
        Ok(Response::bytes(StatusCode::OK, media.content_type, content.into())
            .with("x-content-type-options", "nosniff")
            .with("content-security-policy", "sandbox; default-src 'none'")
            .with("cache-control", "private, max-age=3600"))
    }
}

/// Type and content of a `data:` address (RFC 2397), in base64: what carriers hand over with a
/// message that comes in.
pub(crate) fn inlined(rest: &str) -> Option<(String, Bytes)> {
    let (kind, data) = rest.split_once(',')?;
    let kind = kind.strip_suffix(";base64")?;
    let content = BASE64_STANDARD.decode(data).ok().filter(|content| !content.is_empty())?;
    Some((kind.to_owned(), content.into())).filter(|_| data.len() <= SIZE_MAX * 4 / 3 + 4)
}

impl Refused {
    /// What is told to the account.
    pub(super) fn into_alert(self, key: MessageKey) -> NewAlert {
        NewAlert {
            account: key.account,
            resource: key.sid.into(),
            code: self.code,
            warning: false,
            method: "GET",
            message: format!("The media file at {} {}", self.url, self.text),
            url: self.url,
        }
    }
}

/// Writes the job that removes the blobs of a message, or of one file of it.
pub(super) fn remove_later(
    tx: &mut Tx<'_>,
    key: MessageKey,
    sid: Option<MediaSid>,
) -> Result<::store::job::JobId, StoreError> {
    let payload = serde_json::json!({
        "message": key.sid.to_string(),
        "media": sid.map(|sid| sid.to_string()),
    });
    let now = tx.now();
    ::store::job::add(tx, key.account, REMOVE_JOB, now, &payload.to_string())
}

/// The message (and file) that a job is about.
fn named(job: &Job) -> Option<(MessageKey, Option<MediaSid>)> {
    let payload: serde_json::Value = serde_json::from_str(&job.payload).ok()?;
    let sid: MessageSid = payload["message"].as_str()?.parse().ok()?;
    let media = payload["media"].as_str().and_then(|sid| sid.parse().ok());
    Some((MessageKey { account: job.account, sid }, media))
}

fn blob_of(media: &Media) -> Result<BlobKey, StoreError> {
    blob_key(media.message, media.sid)
}

fn blob_key(key: MessageKey, sid: MediaSid) -> Result<BlobKey, StoreError> {
    BlobKey::new(key.account, key.sid, &sid.to_string())
        .map_err(|_| StoreError::Corrupt("a media file's key"))
}

fn nonce() -> [u8; 12] {
    let mut bytes = [0; 12];
    // Without randomness nothing here can be done safely; the system has it since boot.
    SystemRandom::new().fill(&mut bytes).expect("the operating system has randomness");
    bytes
}

/// The content types that messages carry; parameters are cut off.
fn accepted_type(given: &str) -> Option<String> {
    let kind = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let plain = kind.bytes().all(|b| b.is_ascii_alphanumeric() || b"/+-.".contains(&b));
    let (family, name) = kind.split_once('/')?;
    let fits = match family {
        "image" | "audio" | "video" => !name.is_empty(),
        "text" => matches!(
            name,
            "plain" | "vcard" | "x-vcard" | "csv" | "rtf" | "richtext" | "calendar" | "directory"
        ),
        "application" => matches!(name, "pdf" | "vcard" | "vnd.apple.pkpass" | "ogg"),
        _ => false,
    };
    (fits && plain && kind.len() <= 100).then_some(kind)
}

/// Where a file is served, for webhooks and carriers.
pub(super) fn address(public_url: &str, media: &Media) -> String {
    let (account, message) = (media.message.account, media.message.sid);
    format!("{public_url}/2010-04-01/Accounts/{account}/Messages/{message}/Media/{}", media.sid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_taken_or_refused() {
        assert_eq!(accepted_type("Image/PNG; charset=x").as_deref(), Some("image/png"));
        for good in ["video/mp4", "audio/ogg", "text/vcard", "application/pdf"] {
            assert_eq!(accepted_type(good).as_deref(), Some(good));
        }
        for bad in ["text/html", "application/json", "image/", "image", "", "image/\u{e9}"] {
            assert_eq!(accepted_type(bad), None, "{bad}");
        }
    }
}
