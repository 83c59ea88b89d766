//! What a fuzzer calls: any bytes must end in a value or an error, and a value must survive being
//! written and read again.

use crate::{Address, AnySid, Currency, E164, Instant, Money, Params, Secret, signature};

const FIELDS_MAX: usize = 1_000;

/// Forms, queries and JSON objects.
pub fn params(data: &[u8]) {
    for parsed in [Params::parse_form(data, FIELDS_MAX), Params::parse_json(data, FIELDS_MAX)] {
        let Ok(params) = parsed else { continue };
        assert!(params.iter().count() <= FIELDS_MAX, "bounded");
        assert!(params.iter().all(|(n, v)| !n.contains('\0') && !v.contains('\0')), "no NUL");
        let again = Params::parse_form(params.encode().as_bytes(), FIELDS_MAX);
        assert_eq!(again.as_ref(), Ok(&params), "what was written is read again");
    }
}

/// Numbers and other addresses.
pub fn address(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(number) = E164::parse(text) {
        assert!(number.as_str().starts_with('+') && number.as_str().len() <= 16, "E.164");
        assert_eq!(E164::parse(number.as_str()).as_ref(), Ok(&number));
    }
    if let Ok(address) = Address::parse(text) {
        assert_eq!(Address::parse(&address.to_string()).as_ref(), Ok(&address));
    }
}

/// Dates, amounts and SIDs.
pub fn scalars(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(at) = Instant::parse_date(text) {
        let second = Instant::from_micros(at.micros().div_euclid(1_000_000) * 1_000_000);
        let written = at.to_iso8601();
        // Years of other than four digits are written, but are no RFC 3339.
        if written.len() == 20 {
            assert_eq!(Instant::parse_date(&written), Ok(second), "{written}");
        }
        assert!(!at.to_rfc2822().is_empty());
    }
    if let Ok(money) = Money::parse(text, Currency::USD) {
        let again = Money::parse(&money.to_string(), Currency::USD);
        let close = again.is_ok_and(|again| (again.micros - money.micros).abs() < 10);
        assert!(close, "five decimals are kept: {money}");
    }
    if let Ok(sid) = text.parse::<AnySid>() {
        assert_eq!(sid.to_string()[2..], text[2..].to_ascii_lowercase(), "any case of digits");
        assert_eq!(AnySid::from_bytes18(sid.to_bytes18()), sid);
    }
}

/// Signatures that come with requests.
pub fn signed(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (form, signature) = text.split_once('|').unwrap_or((&text, ""));
    let Ok(params) = Params::parse_form(form.as_bytes(), FIELDS_MAX) else { return };
    let (token, url) = (Secret::new("token"), "https://a.example/");
    let good = signature::sign(&token, url, &params);
    assert!(signature::verify(&token, url, &params, &good), "our own signature holds");
    assert_eq!(signature::verify(&token, url, &params, signature), signature == good);
}

#[cfg(test)]
mod tests {
    use machine::fuzz::mutations;

    const ROUNDS: usize = 400_000;

    #[test]
    fn mutated_params_are_taken_or_refused() {
        let seeds: [&[u8]; 4] = [
            b"To=%2B15558675310&From=%2B15550001111&Body=caf%C3%A9+%F0%9F%98%80&MediaUrl=a&MediaUrl=b",
            br#"{"To":"+1555","Tags":["a",1,null,{"x":[true]}],"N":1e3,"B":false}"#,
            b"=&&=a&b",
            b"",
        ];
        mutations(&seeds, ROUNDS, super::params);
    }

    #[test]
    fn mutated_addresses_are_taken_or_refused() {
        let seeds: [&[u8]; 6] = [
            b"+15558675310",
            b"+44 20 7946 0100",
            b"(415) 555-0100",
            b"My Shop",
            b"whatsapp:+15558675310",
            b"12345",
        ];
        mutations(&seeds, ROUNDS, super::address);
    }

    #[test]
    fn mutated_scalars_are_taken_or_refused() {
        let seeds: [&[u8]; 6] = [
            b"2024-01-02",
            b"2024-01-02T03:04:05.678Z",
            b"Thu, 24 Aug 2023 05:01:45 +0000",
            b"-0.00790",
            b"SM0123456789abcdef0123456789abcdef",
            b"922337203685.99999",
        ];
        mutations(&seeds, ROUNDS, super::scalars);
    }

    #[test]
    fn mutated_signatures_are_refused() {
        let seeds: [&[u8]; 2] = [b"A=1&B=2&A=3|RSOYDt4T1cUTdK1PDd93/VVr8B8=", b"|"];
        mutations(&seeds, ROUNDS / 4, super::signed);
    }
}
