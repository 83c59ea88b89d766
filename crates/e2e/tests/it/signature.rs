//! What we sign, the official validators of both SDKs accept; what was changed, they refuse.

use base::{Params, Secret, signature};
use serde_json::{Value, json};

use crate::harness::{node, python, succeed};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn vectors() -> Value {
    let token = Secret::new(TOKEN);
    let urls = [
        "https://a.example/hook",
        "https://user:pass@a.example:8443/hook?x=1&y=%20z",
        "http://127.0.0.1:9000/",
    ];
    let forms: [&[(&str, &str)]; 4] = [
        &[],
        &[("Body", "Hello 😀 & = +"), ("From", "+15550001111"), ("MediaUrl0", "https://a/b?c#d")],
        &[("b", "2"), ("a", "1"), ("B", ""), ("é", "ü")],
        &[("Repeated", "2"), ("Repeated", "1"), ("Repeated", "2")],
    ];
    let mut found = Vec::new();
    for url in urls {
        for form in forms {
            let params: Params = form.iter().copied().collect();
            let signed = signature::sign(&token, url, &params);
            found.push(json!({ "url": url, "form": form, "signature": signed }));
        }
        for body in [r#"{"hello":"wörld"}"#, "[]"] {
            let with_hash = signature::url_for_body(url, body.as_bytes());
            let signed = signature::sign(&token, &with_hash, &Params::default());
            found.push(json!({ "url": with_hash, "body": body, "signature": signed }));
        }
    }
    Value::Array(found)
}

#[test]
fn the_official_validators_accept_our_signatures() {
    let vectors = vectors().to_string();
    for (mut command, name) in
        [(python("signature.py"), "signature.py"), (node("signature.mjs"), "signature.mjs")]
    {
        command.env("VECTORS", &vectors).env("TOKEN", TOKEN);
        succeed(command, name);
    }
}
