//! The relying party's side of WebAuthn (Level 3): registration without attestation, and
//! assertions. Pure: bytes and what is expected go in, a credential or a counter comes out.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ciborium::Value as Cbor;
use ring::digest::{SHA256, digest};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};

/// Levels of CBOR within each other: attestation objects have three.
const DEPTH_MAX: usize = 8;

/// Longest part of a response that is looked at, in octets of its text.
const PART_MAX: usize = 64 << 10;

/// Longest credential id (WebAuthn §7.1 step 24).
const CREDENTIAL_MAX: usize = 1_023;

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const CREDENTIAL_INCLUDED: u8 = 0x40;

/// What an authenticator's word must fit.
#[derive(Clone, Debug)]
pub struct Expected<'a> {
    /// The relying party's id: a domain.
    pub rp_id: &'a str,
    /// Where the page may be from.
    pub origins: &'a [String],
    /// Whether the user must have been verified, not only present.
    pub user_verified: bool,
}

/// A credential's public key (RFC 9053), as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PublicKey {
    /// ES256: a point of P-256, uncompressed.
    Es256(Vec<u8>),
    /// EdDSA on Ed25519.
    Ed25519(Vec<u8>),
    /// RS256: modulus and exponent.
    Rs256(Vec<u8>, Vec<u8>),
}

/// What a registration gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Its id, in Base64url.
    pub id: String,
    /// Its key.
    pub key: PublicKey,
    /// How often it has signed, if it counts.
    pub counter: u32,
}

/// Why a response is refused; told to the caller.
pub type Wrong = &'static str;

/// COSE numbers of the algorithms that we take, the preferred first.
pub const ALGORITHMS: [i64; 3] = [-7, -8, -257];

/// Base64url without padding, as WebAuthn's JSON writes bytes.
pub fn bytes_of(text: &str) -> Option<Vec<u8>> {
    if text.len() > PART_MAX {
        return None;
    }
    BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

/// What the page's browser says of a ceremony.
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: bool,
}

/// The challenge that a response is for, before anything of it is believed.
pub fn challenge_of(client_data: &[u8]) -> Option<Vec<u8>> {
    let data: ClientData = serde_json::from_slice(client_data).ok()?;
    bytes_of(&data.challenge)
}

fn check_client(client_data: &[u8], kind: &str, expected: &Expected<'_>) -> Result<(), Wrong> {
    let data: ClientData =
        serde_json::from_slice(client_data).map_err(|_| "clientDataJSON is not valid")?;
    if data.kind != kind {
        return Err("clientDataJSON is of another ceremony");
    }
    if data.cross_origin || !expected.origins.contains(&data.origin) {
        return Err("The origin is not one of the relying party's");
    }
    Ok(())
}

/// The authenticator's own data (WebAuthn §6.1).
struct AuthenticatorData<'a> {
    flags: u8,
    counter: u32,
    rest: &'a [u8],
}

fn check_authenticator<'a>(
    data: &'a [u8],
    expected: &Expected<'_>,
) -> Result<AuthenticatorData<'a>, Wrong> {
    let short = "authenticatorData is too short";
    let (hash, rest) = data.split_at_checked(32).ok_or(short)?;
    let (&flags, rest) = rest.split_first().ok_or(short)?;
    let (counter, rest) = rest.split_first_chunk::<4>().ok_or(short)?;
    if hash != digest(&SHA256, expected.rp_id.as_bytes()).as_ref() {
        return Err("The authenticator answered for another relying party");
    }
    if flags & USER_PRESENT == 0 {
        return Err("The user was not present");
    }
    if expected.user_verified && flags & USER_VERIFIED == 0 {
        return Err("The user was not verified");
    }
    Ok(AuthenticatorData { flags, counter: u32::from_be_bytes(*counter), rest })
}

/// Checks a registration (WebAuthn §7.1). Its attestation statement is not asked for and not
/// looked at: the credential is trusted because of who registers it.
pub fn register(
    client_data: &[u8],
    attestation: &[u8],
    expected: &Expected<'_>,
) -> Result<Credential, Wrong> {
    check_client(client_data, "webauthn.create", expected)?;
    let (object, rest) = cbor(attestation).ok_or("attestationObject is not valid")?;
    let data = text_member(&object, "authData").and_then(Cbor::as_bytes);
    let data = data.filter(|_| rest.is_empty()).ok_or("attestationObject is not valid")?;
    let data = check_authenticator(data, expected)?;
    if data.flags & CREDENTIAL_INCLUDED == 0 {
        return Err("There is no credential in authData");
    }
    let invalid = "The credential in authData is not valid";
    let (_aaguid, rest) = data.rest.split_at_checked(16).ok_or(invalid)?;
    let (length, rest) = rest.split_first_chunk::<2>().ok_or(invalid)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (id, rest) = rest.split_at_checked(length).ok_or(invalid)?;
    if id.is_empty() || id.len() > CREDENTIAL_MAX {
        return Err(invalid);
    }
    let (key, _extensions) = cbor(rest).ok_or(invalid)?;
    let key = public_key(&key).ok_or("The credential's algorithm is none that was offered")?;
    let id = BASE64_URL_SAFE_NO_PAD.encode(id);
    Ok(Credential { id, key, counter: data.counter })
}

/// Checks an assertion (WebAuthn §7.2) and answers the new counter.
pub fn assert(
    client_data: &[u8],
    authenticator_data: &[u8],
    signature: &[u8],
    credential: &Credential,
    expected: &Expected<'_>,
) -> Result<u32, Wrong> {
    check_client(client_data, "webauthn.get", expected)?;
    let data = check_authenticator(authenticator_data, expected)?;
    let hash = digest(&SHA256, client_data);
    let signed = [authenticator_data, hash.as_ref()].concat();
    if !credential.key.verify(&signed, signature) {
        return Err("The signature is wrong");
    }
    let counts = data.counter != 0 || credential.counter != 0;
    if counts && data.counter <= credential.counter {
        return Err("The signature counter went back: the authenticator may have been copied");
    }
    Ok(data.counter)
}

impl PublicKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let outcome = match self {
            Self::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature)
            }
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            Self::Rs256(n, e) => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
        };
        outcome.is_ok()
    }
}

/// One CBOR value, and what stands behind it.
fn cbor(bytes: &[u8]) -> Option<(Cbor, &[u8])> {
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH_MAX).ok()?;
    Some((value, rest))
}

fn text_member<'a>(map: &'a Cbor, name: &str) -> Option<&'a Cbor> {
    let mut entries = map.as_map()?.iter();
    entries.find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
}

/// A member of a COSE key, by its number (RFC 9052 §7).
fn member(key: &Cbor, label: i64) -> Option<&Cbor> {
    let mut entries = key.as_map()?.iter();
    let is = |key: &Cbor| key.as_integer().is_some_and(|number| number == label.into());
    entries.find(|(key, _)| is(key)).map(|(_, value)| value)
}

/// A COSE key of an algorithm that we take.
fn public_key(key: &Cbor) -> Option<PublicKey> {
    let number = |label| member(key, label)?.as_integer()?.try_into().ok();
    let bytes = |label| member(key, label)?.as_bytes().cloned();
    let (kind, algorithm, curve): (i64, i64, Option<i64>) = (number(1)?, number(3)?, number(-1));
    match (kind, algorithm, curve) {
        (2, -7, Some(1)) => {
            let (x, y) = (bytes(-2)?, bytes(-3)?);
            let whole = x.len() == 32 && y.len() == 32;
            whole.then(|| PublicKey::Es256([&[4][..], &x, &y].concat()))
        }
        (1, -8, Some(6)) => bytes(-2).filter(|x| x.len() == 32).map(PublicKey::Ed25519),
        (3, -257, _) => {
            let (n, e) = (bytes(-1)?, bytes(-2)?);
            let whole = (256..=1_024).contains(&n.len()) && (1..=8).contains(&e.len());
            whole.then_some(PublicKey::Rs256(n, e))
        }
        _ => None,
    }
}
