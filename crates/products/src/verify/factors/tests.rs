//! An authenticator in memory, and what a relying party says to it.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ciborium::{Value as Cbor, cbor};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;

use crate::verify::factors::webauthn::{self, Credential, Expected};

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const INCLUDED: u8 = 0x40;

struct Authenticator(EcdsaKeyPair);

impl Authenticator {
    fn new() -> Self {
        let random = SystemRandom::new();
        let how = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(how, &random).expect("a key");
        Self(EcdsaKeyPair::from_pkcs8(how, made.as_ref(), &random).expect("its key"))
    }

    fn data(&self, rp: &str, flags: u8, counter: u32) -> Vec<u8> {
        let mut data = digest(&SHA256, rp.as_bytes()).as_ref().to_vec();
        data.push(flags);
        data.extend(counter.to_be_bytes());
        if flags & INCLUDED != 0 {
            data.extend([0; 16]);
            data.extend([0, 4]);
            data.extend(b"cred");
            let point = self.0.public_key().as_ref();
            let (x, y) = (Cbor::Bytes(point[1..33].into()), Cbor::Bytes(point[33..].into()));
            let key = cbor!({ 1 => 2, 3 => -7, -1 => 1, -2 => x, -3 => y }).expect("CBOR");
            ciborium::into_writer(&key, &mut data).expect("memory");
        }
        data
    }

    fn attestation(&self, rp: &str, flags: u8) -> Vec<u8> {
        let data = Cbor::Bytes(self.data(rp, flags, 0));
        let object = cbor!({ "fmt" => "none", "attStmt" => {}, "authData" => data });
        let mut bytes = Vec::new();
        ciborium::into_writer(&object.expect("CBOR"), &mut bytes).expect("memory");
        bytes
    }

    fn sign(&self, client: &[u8], data: &[u8]) -> Vec<u8> {
        let signed = [data, digest(&SHA256, client).as_ref()].concat();
        self.0.sign(&SystemRandom::new(), &signed).expect("a signature").as_ref().to_vec()
    }
}

/// An attestation object of a fresh credential.
pub(super) fn attestation(rp: &str) -> Vec<u8> {
    Authenticator::new().attestation(rp, PRESENT | INCLUDED)
}

fn client(kind: &str, origin: &str) -> Vec<u8> {
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(b"challenge");
    json!({ "type": kind, "challenge": challenge, "origin": origin }).to_string().into_bytes()
}

fn origins() -> [String; 1] {
    ["https://owl.example".to_owned()]
}

fn expected(origins: &[String], user_verified: bool) -> Expected<'_> {
    Expected { rp_id: "owl.example", origins, user_verified }
}

#[test]
fn a_registration_is_taken_or_refused() {
    let (key, origins) = (Authenticator::new(), origins());
    let ours = client("webauthn.create", &origins[0]);
    let flags = PRESENT | VERIFIED | INCLUDED;
    let good = key.attestation("owl.example", flags);
    let made = webauthn::register(&ours, &good, &expected(&origins, true)).expect("a credential");
    assert_eq!(made.id, BASE64_URL_SAFE_NO_PAD.encode("cred"));
    assert_eq!(webauthn::challenge_of(&ours).as_deref(), Some(&b"challenge"[..]));
    let framed = json!({ "type": "webauthn.create", "challenge": "AA", "crossOrigin": true,
        "origin": origins[0] });
    let refused = [
        (client("webauthn.get", &origins[0]), good.clone()),
        (client("webauthn.create", "https://evil.example"), good.clone()),
        (framed.to_string().into_bytes(), good.clone()),
        (b"{}".to_vec(), good.clone()),
        (ours.clone(), key.attestation("evil.example", flags)),
        (ours.clone(), key.attestation("owl.example", VERIFIED | INCLUDED)),
        (ours.clone(), key.attestation("owl.example", PRESENT | INCLUDED)),
        (ours.clone(), key.attestation("owl.example", PRESENT | VERIFIED)),
        (ours.clone(), good[..good.len() - 1].to_vec()),
        (ours.clone(), [&good[..], b"x"].concat()),
        (ours, vec![0xa1; 10_000]),
    ];
    for (index, (client, object)) in refused.iter().enumerate() {
        let outcome = webauthn::register(client, object, &expected(&origins, true));
        assert!(outcome.is_err(), "{index}: {outcome:?}");
    }
}

#[test]
fn an_assertion_is_of_its_credential_and_counts_up() {
    let (key, origins) = (Authenticator::new(), origins());
    let flags = PRESENT | INCLUDED;
    let object = key.attestation("owl.example", flags);
    let made = client("webauthn.create", &origins[0]);
    let credential = webauthn::register(&made, &object, &expected(&origins, false));
    let credential = credential.expect("a credential");
    let ours = client("webauthn.get", &origins[0]);
    let assert = |client: &[u8], data: &[u8], signature: &[u8], of: &Credential, verified| {
        webauthn::assert(client, data, signature, of, &expected(&origins, verified))
    };
    let data = key.data("owl.example", PRESENT, 7);
    let signature = key.sign(&ours, &data);
    assert_eq!(assert(&ours, &data, &signature, &credential, false), Ok(7));
    assert!(assert(&ours, &data, &signature, &credential, true).is_err(), "not verified");
    let later = Credential { counter: 7, ..credential.clone() };
    assert!(assert(&ours, &data, &signature, &later, false).is_err(), "replayed");
    let zero = key.data("owl.example", PRESENT, 0);
    let unsigned = key.sign(&ours, &zero);
    assert_eq!(assert(&ours, &zero, &unsigned, &credential, false), Ok(0), "it does not count");
    assert!(assert(&ours, &zero, &unsigned, &later, false).is_err(), "it went back");
    let other = Authenticator::new();
    assert!(assert(&ours, &data, &other.sign(&ours, &data), &credential, false).is_err());
    let elsewhere = key.data("evil.example", PRESENT, 8);
    let signed = key.sign(&ours, &elsewhere);
    assert!(assert(&ours, &elsewhere, &signed, &credential, false).is_err());
    assert!(assert(&made, &data, &key.sign(&made, &data), &credential, false).is_err());
    let spare = client("webauthn.get", "https://owl.example.evil.example");
    assert!(assert(&spare, &data, &key.sign(&spare, &data), &credential, false).is_err());
}
