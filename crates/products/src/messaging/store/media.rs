//! Media files of messages.

use ::store::{Query, StoreError, Tx, Value};
use base::{Instant, Sid};

use crate::messaging::model::MessageKey;

/// A media file of a message.
#[derive(Clone, Debug)]
pub struct Media {
    /// Its SID.
    pub sid: base::MediaSid,
    /// Which message it belongs to.
    pub message: MessageKey,
    /// `image/png`, …
    pub content_type: String,
    /// Where it came from.
    pub source: String,
    /// Octets; 0 until it is stored here.
    pub size: i64,
    /// When it was made.
    pub created_at: Instant,
}

impl Media {
    /// Whether its content is here.
    pub fn is_kept(&self) -> bool {
        self.size > 0
    }
}

/// Writes media of messages.
pub fn insert_media(tx: &mut Tx<'_>, media: &[Media]) -> Result<(), StoreError> {
    for media in media {
        tx.execute(
            "INSERT INTO message_media (account, message, sid, content_type, source, size, \
             created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            &[
                (&media.message.account.bytes()).into(),
                (&media.message.sid.bytes()).into(),
                (&media.sid.bytes()).into(),
                (&media.content_type).into(),
                (&media.source).into(),
                media.size.into(),
                media.created_at.into(),
            ],
        )?;
    }
    Ok(())
}

/// The media of a message, in order.
pub fn media_of(query: &mut impl Query, key: MessageKey) -> Result<Vec<Media>, StoreError> {
    let sql = "SELECT sid, content_type, source, size, created_at FROM message_media \
               WHERE account = ? AND message = ? ORDER BY sid";
    let (account, message) = (key.account.bytes(), key.sid.bytes());
    let params = [(&account).into(), (&message).into()];
    query.rows(sql, &params, |row| {
        Ok(Media {
            sid: row.sid(0)?,
            message: key,
            content_type: row.text(1)?,
            source: row.text(2)?,
            size: row.int(3)?,
            created_at: row.instant(4)?,
        })
    })
}

/// Removes one media file, or all of a message.
pub fn delete_media(
    tx: &mut Tx<'_>,
    key: MessageKey,
    sid: Option<base::MediaSid>,
) -> Result<u64, StoreError> {
    let (account, message) = (key.account.bytes(), key.sid.bytes());
    let mut params: Vec<Value<'_>> = vec![(&account).into(), (&message).into()];
    let sid = sid.map(Sid::bytes);
    match &sid {
        None => tx.execute("DELETE FROM message_media WHERE account = ? AND message = ?", &params),
        Some(sid) => {
            params.push(sid.into());
            let sql = "DELETE FROM message_media WHERE account = ? AND message = ? AND sid = ?";
            tx.execute(sql, &params)
        }
    }
}

/// Notes that a file's content is here. `false` when the file was removed in the meantime.
pub fn media_kept(
    tx: &mut Tx<'_>,
    key: MessageKey,
    sid: base::MediaSid,
    content_type: &str,
    size: i64,
) -> Result<bool, StoreError> {
    let sql = "UPDATE message_media SET content_type = ?, size = ? \
               WHERE account = ? AND message = ? AND sid = ?";
    let (account, message, sid) = (key.account.bytes(), key.sid.bytes(), sid.bytes());
    let params =
        [content_type.into(), size.into(), (&account).into(), (&message).into(), (&sid).into()];
    Ok(tx.execute(sql, &params)? == 1)
}
