//! Secrets: never printed, compared in constant time, sealed before they are stored.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

/// A password, token or key in the clear.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: to sign with, or to show once.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Secret {
    /// Constant time in the contents: both sides are compared by their keyed digests.
    fn eq(&self, other: &Self) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"comparison");
        let expected = hmac::sign(&key, self.0.as_bytes());
        hmac::verify(&key, other.0.as_bytes(), expected.as_ref()).is_ok()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Sealed bytes that do not open: another key, or damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealed bytes do not open under this key")]
pub struct SealBroken;

/// The installation's own key: secrets are sealed under it, object keys are derived from it.
pub struct MasterKey {
    seal: LessSafeKey,
    derive: hmac::Key,
}

impl MasterKey {
    /// From 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        let derive = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        let seal = aead_key(hmac::sign(&derive, b"seal").as_ref());
        Self { seal, derive }
    }

    /// Seals `plain` so that it opens only with the same `context` (the SID it belongs to).
    pub fn seal(&self, context: &[u8], nonce: [u8; NONCE_LEN], plain: &[u8]) -> Vec<u8> {
        seal(&self.seal, context, nonce, plain)
    }

    /// Opens what `seal` made.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealBroken> {
        open(&self.seal, context, sealed)
    }

    /// The keyed digests of one `purpose` (`verify.code`): what is short can't be guessed from them
    /// without this key.
    pub fn pepper(&self, purpose: &str) -> Pepper {
        let key = hmac::sign(&self.derive, format!("pepper {purpose}").as_bytes());
        Pepper(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()))
    }
}

/// Makes and checks keyed digests (HMAC-SHA256) under a key derived from the master key.
pub struct Pepper(hmac::Key);

impl Pepper {
    /// The digest of `text` in a `context` (the SID it belongs to).
    pub fn digest(&self, context: &[u8], text: &[u8]) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.copy_from_slice(hmac::sign(&self.0, &framed(context, text)).as_ref());
        digest
    }

    /// Whether `digest` made this of the same text and context; constant time in the text.
    pub fn fits(&self, context: &[u8], text: &[u8], digest: &[u8]) -> bool {
        hmac::verify(&self.0, &framed(context, text), digest).is_ok()
    }
}

/// The context's length goes first, so that no two pairs are one text.
fn framed(context: &[u8], text: &[u8]) -> Vec<u8> {
    let mut bytes = (context.len() as u64).to_be_bytes().to_vec();
    bytes.extend_from_slice(context);
    bytes.extend_from_slice(text);
    bytes
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// The key of one object (a message): derived from the master key and the object's salt, so that
/// destroying the salt destroys the key, and with it all that was sealed under it.
pub struct ObjectKey(LessSafeKey);

impl ObjectKey {
    /// The key that belongs to `salt`.
    pub fn derive(master: &MasterKey, salt: &[u8; 16]) -> Self {
        Self(aead_key(hmac::sign(&master.derive, salt).as_ref()))
    }

    /// Seals `plain`; each nonce is used once under a key.
    pub fn seal(&self, nonce: [u8; NONCE_LEN], plain: &[u8]) -> Vec<u8> {
        seal(&self.0, b"", nonce, plain)
    }

    /// Opens what `seal` made.
    pub fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, SealBroken> {
        open(&self.0, b"", sealed)
    }
}

fn aead_key(bytes: &[u8]) -> LessSafeKey {
    let unbound = UnboundKey::new(&AES_256_GCM, bytes).expect("an HMAC-SHA256 has 32 bytes");
    LessSafeKey::new(unbound)
}

/// The nonce, then the sealed bytes, then the tag.
fn seal(key: &LessSafeKey, context: &[u8], nonce: [u8; NONCE_LEN], plain: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plain);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(context), &mut sealed[NONCE_LEN..])
        .expect("the plain text is far below the cipher's bound");
    sealed.extend_from_slice(tag.as_ref());
    sealed
}

fn open(key: &LessSafeKey, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealBroken> {
    let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or(SealBroken)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealBroken)?;
    let mut rest = rest.to_vec();
    let plain = key.open_in_place(nonce, Aad::from(context), &mut rest).map_err(|_| SealBroken)?;
    Ok(plain.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_bytes_open_under_their_key_and_context_only() {
        let master = MasterKey::new([1; 32]);
        let sealed = master.seal(b"AC1", [9; 12], b"token");
        assert_eq!(master.open(b"AC1", &sealed).as_deref(), Ok(&b"token"[..]));
        assert_eq!(master.open(b"AC2", &sealed), Err(SealBroken));
        assert_eq!(MasterKey::new([2; 32]).open(b"AC1", &sealed), Err(SealBroken));
        assert_eq!(master.open(b"AC1", &sealed[..20]), Err(SealBroken));
    }

    #[test]
    fn an_object_key_is_gone_with_its_salt() {
        let master = MasterKey::new([1; 32]);
        let sealed = ObjectKey::derive(&master, &[3; 16]).seal([9; 12], b"hello");
        let again = ObjectKey::derive(&master, &[3; 16]).open(&sealed);
        assert_eq!(again.as_deref(), Ok(&b"hello"[..]));
        assert!(ObjectKey::derive(&master, &[4; 16]).open(&sealed).is_err());
    }

    #[test]
    fn a_digest_fits_its_text_context_purpose_and_key_only() {
        let pepper = MasterKey::new([1; 32]).pepper("code");
        let digest = pepper.digest(b"VE1", b"123456");
        assert!(pepper.fits(b"VE1", b"123456", &digest));
        assert!(
            !pepper.fits(b"VE1", b"123457", &digest) && !pepper.fits(b"VE", b"1123456", &digest)
        );
        assert!(!MasterKey::new([1; 32]).pepper("other").fits(b"VE1", b"123456", &digest));
        assert!(!MasterKey::new([2; 32]).pepper("code").fits(b"VE1", b"123456", &digest));
    }

    #[test]
    fn secrets_compare_by_content_and_never_print() {
        assert_eq!(Secret::new("a"), Secret::new("a"));
        assert_ne!(Secret::new("a"), Secret::new("b"));
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
    }
}
