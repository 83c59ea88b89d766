//! What a fuzzer calls: what devices, browsers and authenticator apps bring.

use crate::verify::factors::{push, tokens, totp, webauthn};

/// Secrets and keys.
pub fn binding(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(secret) = totp::decode(&text) {
        assert_eq!(totp::decode(&totp::encode(&secret)).as_ref(), Some(&secret));
    }
    if let Some(point) = push::public_key(&text) {
        assert_eq!(point.len(), 65, "an uncompressed point");
        assert!(!push::verify(&point, b"x", &text));
    }
}

/// Tokens that devices sign, and tokens that we would have made.
pub fn token(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(token) = push::Token::parse(&text) {
        assert!(!token.verify(&[4; 65]), "nobody has that key");
    }
    let master = base::MasterKey::new([1; 32]);
    assert!(tokens::holder(&master, &text, base::Instant::from_secs(0)).is_none());
}

/// What authenticators send: the attestation object after `|`, the client's data before it.
pub fn ceremony(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'|').unwrap_or(data.len());
    let (client, object) = (&data[..at], data.get(at + 1..).unwrap_or_default());
    let origins = ["http://localhost".to_owned()];
    let expected =
        webauthn::Expected { rp_id: "localhost", origins: &origins, user_verified: false };
    let _ = webauthn::challenge_of(client);
    if let Ok(credential) = webauthn::register(client, object, &expected) {
        assert!(!credential.id.is_empty());
        let refused = webauthn::assert(client, object, object, &credential, &expected);
        assert!(refused.is_err(), "nobody signed it");
    }
}

#[cfg(test)]
mod tests {
    use machine::fuzz::mutations;

    const ROUNDS: usize = 100_000;

    #[test]
    fn mutated_secrets_and_keys_are_taken_or_refused() {
        let seeds: [&[u8]; 2] = [
            b"GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ",
            b"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8GdwtibWe0kpgsFl6xPQBwhtwUEyeJkeozFmi2jiJDzxFSMw\
              Vy3kVR1h/dPVYOfgkC0EkfBRJ0J/6xW47FD5vA==",
        ];
        mutations(&seeds, ROUNDS, super::binding);
    }

    #[test]
    fn mutated_tokens_are_refused() {
        let seeds: [&[u8]; 2] = [
            b"eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJBQzEiLCJleHAiOjF9.AAAA",
            b"eyJhbGciOiJkaXIifQ..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA",
        ];
        mutations(&seeds, ROUNDS, super::token);
    }

    #[test]
    fn mutated_ceremonies_are_refused() {
        let client: &[u8] =
            br#"{"type":"webauthn.create","challenge":"AAAA","origin":"http://localhost"}|"#;
        let object = crate::verify::factors::tests::attestation("localhost");
        let whole = [client, &object].concat();
        mutations(&[&whole, client, b"|\xa1\x61"], ROUNDS, super::ceremony);
    }
}
