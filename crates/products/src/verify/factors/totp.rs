//! One-time codes of an authenticator app: RFC 6238 on RFC 4226. Pure: the instant is handed in.

use base::{Instant, Secret};
use data_encoding::{BASE32, BASE32_NOPAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;

/// Octets of a secret that we make: the 160 bits that RFC 4226 §4 recommends.
pub const SECRET_LEN: usize = 20;

/// Octets of a secret that is brought along: what apps have held, and what they can.
const GIVEN: std::ops::RangeInclusive<usize> = 10..=64;

/// Longest text of a secret that is looked at.
const TEXT_MAX: usize = 256;

/// What a URI leaves as it is (RFC 3986 §2.3).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The hash that makes codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// What every app knows.
    Sha1,
    /// RFC 6238 §1.2.
    Sha256,
    /// RFC 6238 §1.2.
    Sha512,
}

impl Algorithm {
    /// From its name in the API.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha512].into_iter().find(|one| one.name() == name)
    }

    /// As the API names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

/// How codes are made and judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The hash.
    pub algorithm: Algorithm,
    /// Digits of a code, 3 to 8.
    pub digits: u32,
    /// Seconds of a time step, 20 to 60.
    pub step_s: i64,
    /// Steps that a clock may be off, 0 to 2.
    pub skew: i64,
}

/// The code of one time step.
fn code(secret: &[u8], settings: Settings, step: i64) -> String {
    let key = hmac::Key::new(settings.algorithm.hmac(), secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let hash = tag.as_ref();
    // Dynamic truncation (RFC 4226 §5.3): the last four bits say where to read.
    let at = usize::from(hash[hash.len() - 1] & 0x0f);
    let word = u32::from_be_bytes([hash[at] & 0x7f, hash[at + 1], hash[at + 2], hash[at + 3]]);
    let (digits, number) = (settings.digits, word % 10_u32.pow(settings.digits));
    format!("{number:0width$}", width = digits as usize)
}

/// The time step that `given` is the code of, if it is one that may still be used: within the
/// skew and later than `used`. Every step is tried, and compared in constant time, whatever is
/// found.
pub fn check(
    secret: &[u8],
    settings: Settings,
    now: Instant,
    used: i64,
    given: &str,
) -> Option<i64> {
    let current = now.micros().div_euclid(1_000_000).div_euclid(settings.step_s);
    let given = Secret::new(given);
    let mut found = None;
    for step in (current - settings.skew)..=(current + settings.skew) {
        let same = Secret::new(code(secret, settings, step)) == given;
        if same && step > used && found.is_none() {
            found = Some(step);
        }
    }
    found
}

/// A secret as apps take it: Base32 without padding.
pub fn encode(secret: &[u8]) -> String {
    BASE32_NOPAD.encode(secret)
}

/// A secret that an application brings along; spaces, case and padding don't matter.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() > TEXT_MAX {
        return None;
    }
    let plain: String =
        text.chars().filter(|c| !matches!(c, ' ' | '-')).map(|c| c.to_ascii_uppercase()).collect();
    let encoding = if plain.ends_with('=') { BASE32 } else { BASE32_NOPAD };
    let secret = encoding.decode(plain.as_bytes()).ok()?;
    GIVEN.contains(&secret.len()).then_some(secret)
}

/// The address that an app reads from a QR code, in the form that authenticator apps agree on.
pub fn uri(secret: &[u8], settings: Settings, issuer: &str, account: &str) -> String {
    let plain = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
    format!(
        "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm={algorithm}\
         &digits={digits}&period={period}",
        issuer = plain(issuer),
        account = plain(account),
        secret = encode(secret),
        algorithm = settings.algorithm.name().to_ascii_uppercase(),
        digits = settings.digits,
        period = settings.step_s,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const EIGHT: Settings = Settings { algorithm: Algorithm::Sha1, digits: 8, step_s: 30, skew: 1 };

    #[test]
    fn the_vectors_of_rfc_6238_hold() {
        let seed = b"1234567890".repeat(7);
        let rows = [
            (59, "94287082", "46119246", "90693936"),
            (1_111_111_109, "07081804", "68084774", "25091201"),
            (1_111_111_111, "14050471", "67062674", "99943326"),
            (1_234_567_890, "89005924", "91819424", "93441116"),
            (2_000_000_000, "69279037", "90698825", "38618901"),
            (20_000_000_000, "65353130", "77737706", "47863826"),
        ];
        for (at, sha1, sha256, sha512) in rows {
            for (algorithm, length, expected) in [
                (Algorithm::Sha1, 20, sha1),
                (Algorithm::Sha256, 32, sha256),
                (Algorithm::Sha512, 64, sha512),
            ] {
                let settings = Settings { algorithm, ..EIGHT };
                assert_eq!(code(&seed[..length], settings, at / 30), expected, "{at}");
            }
        }
    }

    #[test]
    fn a_step_is_used_once_and_within_its_skew() {
        let (secret, at) = (b"12345678901234567890", Instant::from_secs(59));
        assert_eq!(check(secret, EIGHT, at, 0, "94287082"), Some(1));
        assert_eq!(check(secret, EIGHT, at, 1, "94287082"), None, "used");
        let later = Instant::from_secs(89);
        assert_eq!(check(secret, EIGHT, later, 0, "94287082"), Some(1), "one step late");
        assert_eq!(check(secret, EIGHT, Instant::from_secs(90), 0, "94287082"), None);
        let strict = Settings { skew: 0, ..EIGHT };
        assert_eq!(check(secret, strict, later, 0, "94287082"), None);
        for wrong in ["", "9428708", "942870820", "94287083", "९४२८७०८२"] {
            assert_eq!(check(secret, EIGHT, at, 0, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn secrets_are_read_as_apps_show_them() {
        let secret = b"12345678901234567890".to_vec();
        assert_eq!(encode(&secret), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let spaced = "gezd gnbv gy3t qojq GEZD GNBV GY3T QOJQ";
        assert_eq!(decode(spaced), Some(secret));
        for bad in ["", "GEZDGNBV", "01189998", &"A".repeat(300), "GEZDGNBVGY3TQOJQ1"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_address_names_issuer_and_account() {
        let settings = Settings { digits: 6, ..EIGHT };
        let uri = uri(b"12345678901234567890", settings, "Owl & Co", "a@b.example");
        let expected = "otpauth://totp/Owl%20%26%20Co:a%40b.example?\
                        secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Owl%20%26%20Co\
                        &algorithm=SHA1&digits=6&period=30";
        assert_eq!(uri, expected);
    }
}
