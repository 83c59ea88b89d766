//! Blobs: media, recordings and whatever else is too large for a row. Contents come sealed under
//! the key of their object, so that destroying the key redacts every copy; here they are bytes.

use std::ops::Range;
use std::path::Path as FilePath;
use std::str::FromStr;
use std::sync::Arc;

use base::{AccountSid, AnySid, InvalidSid};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};

use crate::StoreError;

/// Bytes of a stream that are sent as one part; object stores demand five mebibytes or more.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// Parts of one stream that may be under way.
const PARTS_MAX: usize = 2;

/// Characters of a blob's name at most.
const NAME_MAX: usize = 128;

/// Where a blob is: its account, the object it belongs to, and a name within that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobKey {
    account: AccountSid,
    object: AnySid,
    name: String,
}

/// A text that is no key of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid key of a blob")]
pub struct InvalidBlobKey;

impl From<InvalidSid> for InvalidBlobKey {
    fn from(_: InvalidSid) -> Self {
        Self
    }
}

impl BlobKey {
    /// A key; `name` has 1 to 128 of the characters `A-Z a-z 0-9 - _ .` and does not begin with a
    /// dot, so that it is a plain file name everywhere.
    pub fn new(
        account: AccountSid,
        object: impl Into<AnySid>,
        name: &str,
    ) -> Result<Self, InvalidBlobKey> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let valid = (1..=NAME_MAX).contains(&name.len())
            && !name.starts_with('.')
            && name.bytes().all(plain);
        if !valid {
            return Err(InvalidBlobKey);
        }
        Ok(Self { account, object: object.into(), name: name.to_owned() })
    }

    /// Whose it is.
    pub fn account(&self) -> AccountSid {
        self.account
    }

    /// What it belongs to.
    pub fn object(&self) -> AnySid {
        self.object
    }

    /// Its name among the blobs of its object.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl std::fmt::Display for BlobKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.account, self.object, self.name)
    }
}

impl FromStr for BlobKey {
    type Err = InvalidBlobKey;

    /// Reads `account/object/name`.
    fn from_str(text: &str) -> Result<Self, InvalidBlobKey> {
        let mut parts = text.splitn(3, '/');
        let mut part = || parts.next().ok_or(InvalidBlobKey);
        let (account, object, name) = (part()?, part()?, part()?);
        Self::new(account.parse()?, object.parse::<AnySid>()?, name)
    }
}

/// A place for blobs: a folder, memory, or a bucket. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Blobs {
    /// Opens the place at `url` (`file:///folder`, `memory:`), or the folder `blobs` of the data
    /// folder when there is none. What is put into a folder is synced to disk before the answer.
    pub fn open(url: Option<&str>, data: &FilePath) -> Result<Self, StoreError> {
        match url {
            None => Self::in_folder(&data.join("blobs")),
            Some("memory:") => Ok(Self::of(Arc::new(InMemory::new()), Path::default())),
            Some(url) => match url.strip_prefix("file://") {
                Some(folder) if folder.starts_with('/') => Self::in_folder(FilePath::new(folder)),
                _ => Err(StoreError::Address(format!("no place for blobs: {url}"))),
            },
        }
    }

    fn in_folder(folder: &FilePath) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder)?;
        let files = LocalFileSystem::new_with_prefix(folder)?;
        let files = files.with_fsync(true).with_automatic_cleanup(true);
        Ok(Self::of(Arc::new(files), Path::default()))
    }

    fn of(objects: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Self { objects, prefix }
    }

    /// Stores a blob, in the place of one that may have the same key.
    pub async fn put(&self, key: &BlobKey, content: Bytes) -> Result<(), StoreError> {
        self.objects.put(&self.path(key), content.into()).await?;
        Ok(())
    }

    /// Stores a blob whose content comes by and by, and answers its size. When `content` ends
    /// with an error, nothing is stored and the error is answered.
    pub async fn put_stream(
        &self,
        key: &BlobKey,
        content: impl Stream<Item = Result<Bytes, StoreError>>,
    ) -> Result<u64, StoreError> {
        let upload = self.objects.put_multipart(&self.path(key)).await?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        match fill(&mut upload, content).await {
            Ok(size) => {
                upload.finish().await?;
                Ok(size)
            }
            Err(error) => {
                upload.abort().await?;
                Err(error)
            }
        }
    }

    /// A whole blob.
    pub async fn get(&self, key: &BlobKey) -> Result<Bytes, StoreError> {
        Ok(self.objects.get(&self.path(key)).await?.bytes().await?)
    }

    /// Some bytes of a blob; fewer when it ends before the range does.
    pub async fn get_range(&self, key: &BlobKey, range: Range<u64>) -> Result<Bytes, StoreError> {
        Ok(self.objects.get_range(&self.path(key), range).await?)
    }

    /// Deletes a blob; one that is not there is fine.
    pub async fn delete(&self, key: &BlobKey) -> Result<(), StoreError> {
        match self.objects.delete(&self.path(key)).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            outcome => Ok(outcome?),
        }
    }

    /// Deletes the blobs of one object, or of a whole account; answers how many there were.
    pub async fn delete_prefix(
        &self,
        account: AccountSid,
        object: Option<AnySid>,
    ) -> Result<u64, StoreError> {
        let mut prefix = self.prefix.clone().join(account.to_string());
        if let Some(object) = object {
            prefix = prefix.join(object.to_string());
        }
        let found = self.objects.list(Some(&prefix)).map_ok(|blob| blob.location).boxed();
        let mut deleted = 0;
        let mut outcomes = self.objects.delete_stream(found);
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                // Somebody else was faster.
                Err(object_store::Error::NotFound { .. }) => {}
                outcome => {
                    outcome?;
                    deleted += 1;
                }
            }
        }
        Ok(deleted)
    }

    fn path(&self, key: &BlobKey) -> Path {
        let path = self.prefix.clone().join(key.account.to_string());
        path.join(key.object.to_string()).join(key.name.as_str())
    }
}

async fn fill(
    upload: &mut WriteMultipart,
    content: impl Stream<Item = Result<Bytes, StoreError>>,
) -> Result<u64, StoreError> {
    let mut content = std::pin::pin!(content);
    let mut size = 0;
    while let Some(bytes) = content.next().await {
        let bytes = bytes?;
        upload.wait_for_capacity(PARTS_MAX).await?;
        size += bytes.len() as u64;
        upload.put(bytes);
    }
    Ok(size)
}
