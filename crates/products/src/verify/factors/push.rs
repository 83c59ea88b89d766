//! What a device signs: P-256 keys, signatures and tokens as the vendor's open push SDKs make
//! them. Pure.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Map, Value};

/// Members of a challenge that a device signs with its answer, as it is told in a header.
pub const SIGNED: [&str; 9] = [
    "sid",
    "factor_sid",
    "service_sid",
    "entity_sid",
    "identity",
    "date_created",
    "expiration_date",
    "details",
    "hidden_details",
];

/// Longest token of a device that is looked at (the API's own bound of `AuthPayload`).
const TOKEN_MAX: usize = 5_456;

/// What stands before the point in a key of P-256 (RFC 5480 §2): the algorithm and the curve.
const SPKI_P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The point of a public key in PKIX DER and Base64, uncompressed.
pub fn public_key(text: &str) -> Option<Vec<u8>> {
    let der = BASE64_STANDARD.decode(text.trim()).ok()?;
    let point = der.strip_prefix(&SPKI_P256)?;
    (point.len() == 65 && point[0] == 4).then(|| point.to_vec())
}

/// Whether `signature` (DER, Base64) is of `message` under this key: how a device shows that it
/// holds the key it registered.
pub fn verify(point: &[u8], message: &[u8], signature: &str) -> bool {
    let decoded = BASE64_STANDARD.decode(signature).or_else(|_| BASE64_URL_SAFE.decode(signature));
    let Ok(decoded) = decoded else { return false };
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, &decoded).is_ok()
}

/// A token of a device (RFC 7515), parsed and not yet verified.
pub struct Token<'a> {
    /// Its header.
    pub header: Map<String, Value>,
    /// Its claims: not to be believed before [`Token::verify`].
    pub claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Token<'a> {
    /// Parses a compact token. Only ES256 is taken, whatever the header would like.
    pub fn parse(text: &'a str) -> Option<Self> {
        if text.len() > TOKEN_MAX {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let part = |text: &str| {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
            serde_json::from_slice::<Map<String, Value>>(&bytes).ok()
        };
        let (header, claims) = (part(header)?, part(claims)?);
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
        let known = header.get("alg").and_then(Value::as_str) == Some("ES256");
        known.then_some(Self { header, claims, signed, signature })
    }

    /// Whether the holder of the key signed it.
    pub fn verify(&self, point: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        key.verify(self.signed.as_bytes(), &self.signature).is_ok()
    }

    /// Whether it is valid at a second of Unix time.
    pub fn is_current(&self, now_s: i64) -> bool {
        /// Seconds that a device's clock may be ahead.
        const AHEAD_S: i64 = 60;
        let number = |name| self.claims.get(name).and_then(Value::as_f64);
        let ends = number("exp").is_some_and(|exp| exp > now_s as f64);
        ends && number("nbf").is_none_or(|nbf| nbf <= (now_s + AHEAD_S) as f64)
    }
}

/// What a device answers to a challenge: whether it approves, when the signature and each of the
/// signed members fit.
pub fn answer(point: &[u8], challenge: &Map<String, Value>, payload: &str) -> Option<bool> {
    let token = Token::parse(payload)?;
    if !token.verify(point) {
        return None;
    }
    let same = |name: &&str| token.claims.get(*name) == challenge.get(*name);
    if !SIGNED.iter().all(same) {
        return None;
    }
    match token.claims.get("status").and_then(Value::as_str) {
        Some("approved") => Some(true),
        Some("denied") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    };
    use serde_json::json;

    use super::*;

    /// A device with a key of its own.
    pub(crate) struct Device(Vec<u8>);

    impl Device {
        pub(crate) fn new() -> Self {
            let random = SystemRandom::new();
            let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
            Self(made.expect("a key").as_ref().to_vec())
        }

        fn sign(&self, how: &'static ring::signature::EcdsaSigningAlgorithm, m: &[u8]) -> Vec<u8> {
            let random = SystemRandom::new();
            let key = EcdsaKeyPair::from_pkcs8(how, &self.0, &random).expect("its key");
            key.sign(&random, m).expect("a signature").as_ref().to_vec()
        }

        pub(crate) fn public_key(&self) -> String {
            let how = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let key = EcdsaKeyPair::from_pkcs8(how, &self.0, &SystemRandom::new()).expect("a key");
            BASE64_STANDARD.encode([&SPKI_P256, key.public_key().as_ref()].concat())
        }

        pub(crate) fn proof(&self, message: &str) -> String {
            BASE64_STANDARD.encode(self.sign(&ECDSA_P256_SHA256_ASN1_SIGNING, message.as_bytes()))
        }

        pub(crate) fn token(&self, header: &Value, claims: &Value) -> String {
            let part = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
            let signed = format!("{}.{}", part(header), part(claims));
            let signature = self.sign(&ECDSA_P256_SHA256_FIXED_SIGNING, signed.as_bytes());
            format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
        }
    }

    #[test]
    fn keys_and_proofs_are_checked() {
        let (device, other) = (Device::new(), Device::new());
        let point = public_key(&device.public_key()).expect("a point");
        assert!(verify(&point, b"YF1", &device.proof("YF1")));
        assert!(!verify(&point, b"YF2", &device.proof("YF1")));
        assert!(!verify(&point, b"YF1", &other.proof("YF1")));
        for bad in ["", "!", "MFkw", &device.public_key()[..60]] {
            assert!(public_key(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_answer_fits_its_challenge_or_is_none() {
        let device = Device::new();
        let point = public_key(&device.public_key()).expect("a point");
        let mut challenge = Map::new();
        for name in SIGNED {
            challenge.insert(name.into(), json!({ "of": name }));
        }
        let header = json!({ "typ": "JWT", "alg": "ES256" });
        let mut claims = Value::Object(challenge.clone());
        for (status, expected) in
            [("approved", Some(true)), ("denied", Some(false)), ("pending", None)]
        {
            claims["status"] = status.into();
            assert_eq!(answer(&point, &challenge, &device.token(&header, &claims)), expected);
        }
        claims["status"] = "approved".into();
        let good = device.token(&header, &claims);
        assert_eq!(answer(&point, &challenge, &Device::new().token(&header, &claims)), None);
        let none = device.token(&json!({ "alg": "none" }), &claims);
        assert_eq!(answer(&point, &challenge, &none), None);
        claims["details"] = json!("another");
        assert_eq!(answer(&point, &challenge, &device.token(&header, &claims)), None);
        assert_eq!(answer(&point, &challenge, &good[..good.len() - 4]), None);
    }

    #[test]
    fn tokens_end() {
        let device = Device::new();
        let header = json!({ "alg": "ES256" });
        let text = device.token(&header, &json!({ "nbf": 1_000, "exp": 1_600 }));
        let token = Token::parse(&text).expect("a token");
        assert!(token.is_current(1_000) && token.is_current(1_599) && token.is_current(940));
        assert!(!token.is_current(1_600) && !token.is_current(939));
        let endless = device.token(&header, &json!({}));
        assert!(!Token::parse(&endless).expect("a token").is_current(0));
    }
}
