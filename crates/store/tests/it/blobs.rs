//! Blobs in a folder and in memory.

use base::{AccountSid, AnySid, MessageSid, Sid};
use bytes::Bytes;
use futures_util::stream;
use store::{BlobKey, Blobs, InvalidBlobKey, StoreError};

use crate::support::{block_on, temporary_folder};

fn key(account: u8, object: u8, name: &str) -> BlobKey {
    let object = MessageSid::from_bytes([object; 16]);
    BlobKey::new(AccountSid::from_bytes([account; 16]), object, name).unwrap()
}

fn on_each_place(case: impl AsyncFn(&Blobs)) {
    let folder = temporary_folder();
    let url = format!("file://{}/elsewhere", folder.display());
    for url in [None, Some("memory:"), Some(url.as_str())] {
        let blobs = Blobs::open(url, &folder).unwrap();
        block_on(case(&blobs));
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_is_put_is_got() {
    on_each_place(async |blobs| {
        let (one, other) = (key(1, 1, "body"), key(1, 1, "media-0.bin"));
        blobs.put(&one, Bytes::from_static(b"first")).await.unwrap();
        blobs.put(&one, Bytes::from_static(b"hello world")).await.unwrap();
        blobs.put(&other, Bytes::new()).await.unwrap();
        assert_eq!(blobs.get(&one).await.unwrap(), "hello world");
        assert_eq!(blobs.get_range(&one, 6..9).await.unwrap(), "wor");
        assert_eq!(blobs.get_range(&one, 6..99).await.unwrap(), "world");
        assert!(blobs.get(&other).await.unwrap().is_empty());
        let missing = blobs.get(&key(2, 1, "body")).await.unwrap_err();
        assert!(missing.is_not_found(), "{missing:?}");
    });
}

#[test]
fn streams_are_stored_as_a_whole_or_not_at_all() {
    on_each_place(async |blobs| {
        let recording = key(1, 1, "recording.wav");
        let part = Bytes::from(vec![7; 3_000_000]);
        let parts = (0..7).map(|_| Ok(part.clone()));
        assert_eq!(blobs.put_stream(&recording, stream::iter(parts)).await.unwrap(), 21_000_000);
        let end = blobs.get_range(&recording, 20_999_999..21_000_000).await.unwrap();
        assert_eq!(end.as_ref(), [7]);
        let broken = key(1, 1, "broken");
        let parts = [Ok(part), Err(StoreError::Corrupt("the caller hung up"))];
        let outcome = blobs.put_stream(&broken, stream::iter(parts)).await;
        assert!(matches!(outcome, Err(StoreError::Corrupt(_))));
        assert!(blobs.get(&broken).await.unwrap_err().is_not_found());
    });
}

#[test]
fn deletion_reaches_what_was_meant_and_no_more() {
    on_each_place(async |blobs| {
        let all = [key(1, 1, "a"), key(1, 1, "b"), key(1, 2, "a"), key(2, 1, "a")];
        for key in &all {
            blobs.put(key, Bytes::from_static(b"x")).await.unwrap();
        }
        blobs.delete(&all[0]).await.unwrap();
        blobs.delete(&all[0]).await.unwrap();
        assert!(blobs.get(&all[0]).await.unwrap_err().is_not_found());
        let object = Some(all[1].object());
        assert_eq!(blobs.delete_prefix(all[1].account(), object).await.unwrap(), 1);
        assert!(blobs.get(&all[2]).await.is_ok());
        assert_eq!(blobs.delete_prefix(all[1].account(), None).await.unwrap(), 1);
        assert_eq!(blobs.delete_prefix(all[1].account(), None).await.unwrap(), 0);
        assert!(blobs.get(&all[3]).await.is_ok());
    });
}

#[test]
fn keys_are_plain_file_names() {
    let account = AccountSid::from_bytes([1; 16]);
    let object: AnySid = MessageSid::from_bytes([2; 16]).into();
    for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "ä", "a b", "a#1", &"x".repeat(129)] {
        assert_eq!(BlobKey::new(account, object, name), Err(InvalidBlobKey), "{name}");
    }
    let key = BlobKey::new(account, object, "media_0.JPG").unwrap();
    assert_eq!(key.to_string().parse(), Ok(key.clone()));
    assert_eq!(key.name(), "media_0.JPG");
    for text in ["", "a/b/c", &format!("{account}/{object}"), &format!("{object}/{account}/a")] {
        assert_eq!(text.parse::<BlobKey>(), Err(InvalidBlobKey), "{text}");
    }
}

#[test]
fn an_unknown_place_is_refused() {
    for url in ["ftp://x", "file://relative", ""] {
        let outcome = Blobs::open(Some(url), std::path::Path::new("/nowhere"));
        assert!(matches!(outcome, Err(StoreError::Address(_))), "{url}");
    }
}
