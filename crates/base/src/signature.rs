//! `X-Twilio-Signature`: proves to an application that a request is ours.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::{digest, hmac};

use crate::{Params, Secret};

/// What is signed of a form: each name and value in the order of the names. A name that was sent
/// more than once counts once for each distinct value, in order.
pub fn sorted<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut pairs: Vec<(&str, &str)> = pairs.collect();
    pairs.sort_unstable();
    pairs.dedup();
    let length = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
    let mut text = String::with_capacity(length);
    for (name, value) in pairs {
        text.push_str(name);
        text.push_str(value);
    }
    text
}

/// Signs a request with a form (or, without one, a GET) to `url`, which carries no fragment.
pub fn sign(token: &Secret, url: &str, form: &Params) -> String {
    sign_sorted(token, url, &sorted(form.iter()))
}

/// The same with a form that [`sorted`] has put in order: what is signed is the address and then
/// that.
pub fn sign_sorted(token: &Secret, url: &str, sorted: &str) -> String {
    BASE64_STANDARD.encode(tag(token, url, sorted).as_ref())
}

fn tag(token: &Secret, url: &str, sorted: &str) -> hmac::Tag {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.expose().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(url.as_bytes());
    context.update(sorted.as_bytes());
    context.sign()
}

/// Checks a signature in constant time.
pub fn verify(token: &Secret, url: &str, form: &Params, signature: &str) -> bool {
    let Ok(signature) = BASE64_STANDARD.decode(signature) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.expose().as_bytes());
    let text = format!("{url}{}", sorted(form.iter()));
    hmac::verify(&key, text.as_bytes(), &signature).is_ok()
}

/// The address to which a JSON body is sent: `bodySHA256` joins the query, and is signed with it.
pub fn url_for_body(url: &str, body: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, body);
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}bodySHA256={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vectors_hold() {
        let token = Secret::new("12345");
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let form: Params = [
            ("To", "+18005551212"),
            ("From", "+14158675309"),
            ("Digits", "1234"),
            ("Caller", "+14158675309"),
            ("CallSid", "CA1234567890ABCDE"),
        ]
        .into_iter()
        .collect();
        let signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
        assert_eq!(sign(&token, url, &form), signature);
        assert!(verify(&token, url, &form, signature));
        assert!(!verify(&token, "https://mycompany.com/", &form, signature));
        let url = url_for_body("https://mycompany.com/hook", br#"{"hello":"world"}"#);
        assert_eq!(sign(&token, &url, &Params::default()), "JiqUKTDbTywmiZGgk+3L62u4qHg=");
    }

    #[test]
    fn repeated_names_count_once_for_each_value() {
        let form: Params = [("A", "2"), ("A", "1"), ("A", "2")].into_iter().collect();
        assert_eq!(sorted(form.iter()), "A1A2");
    }
}
