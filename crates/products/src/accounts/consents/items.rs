//! The items of bulk requests: each is read by itself, and says by itself what is wrong with it.

use std::collections::BTreeSet;

use base::{Address, AnySid, E164, Instant};
use serde_json::{Map, Value, json};

use super::store::{Consent, Contact, Source};

/// Twilio's code of a consent that can't be taken.
pub(super) const CONSENT: u32 = 30646;

/// Twilio's code of a contact that can't be taken.
pub(super) const CONTACT: u32 = 30647;

/// Characters of a postal code at most.
const ZIP_MAX: usize = 20;

/// An item's correlation id and what is wrong with it, as Twilio names it.
pub(super) type Outcome = (String, Vec<&'static str>);

/// What a request's items were.
pub(super) struct Read<T> {
    /// Those that can be taken, in their order.
    pub(super) good: Vec<T>,
    /// Of each item.
    pub(super) outcomes: Vec<Outcome>,
}

type Item = Map<String, Value>;

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Reads each item. The second item under one correlation id can't be told from the first.
pub(super) fn read<T>(
    items: &[Item],
    one: impl Fn(&Item) -> Result<T, Vec<&'static str>>,
) -> Read<T> {
    let mut read = Read { good: Vec::new(), outcomes: Vec::new() };
    let mut known = BTreeSet::new();
    for item in items {
        let id = text(item, "correlation_id");
        let fits = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let mut wrong = Vec::new();
        if !fits || !known.insert(id) {
            wrong.push("INVALID_CORRELATION_ID");
        }
        match one(item) {
            Ok(good) if wrong.is_empty() => read.good.push(good),
            Ok(_) => {}
            Err(more) => wrong.extend(more),
        }
        read.outcomes.push((id.chars().take(64).collect(), wrong));
    }
    read
}

/// The answer to each item.
pub(super) fn answers(outcomes: &[Outcome], code: u32) -> Value {
    let answer = |(id, wrong): &Outcome| {
        let code = if wrong.is_empty() { 0 } else { code };
        json!({ "correlation_id": id, "error_code": code, "error_messages": wrong })
    };
    outcomes.iter().map(answer).collect()
}

/// A number, a short code, or the SID of a Messaging Service.
fn sender(text: &str) -> Option<String> {
    if text.parse::<AnySid>().is_ok_and(|sid| sid.prefix == *b"MG") {
        return Some(text.to_owned());
    }
    match Address::parse(text).ok()? {
        Address::Phone(number) if text.starts_with('+') => Some(number.to_string()),
        Address::ShortCode(short) if short.len() >= 5 => Some(short),
        _ => None,
    }
}

/// A moment, not a day, and none that is still to come.
fn date(text: &str, now: Instant) -> Option<Instant> {
    let fits = !Instant::is_day(text);
    Instant::parse_date(text).ok().filter(|at| fits && *at <= now)
}

/// A consent, or what is wrong with it.
pub(super) fn consent(item: &Item, now: Instant) -> Result<Consent, Vec<&'static str>> {
    let contact = E164::parse(text(item, "contact_id")).ok();
    let sender = sender(text(item, "sender_id"));
    let opted_out = match text(item, "status") {
        "opt-out" => Some(true),
        "opt-in" => Some(false),
        _ => None,
    };
    let source = Source::from_name(text(item, "source"));
    let given_at = match text(item, "date_of_consent") {
        "" => Some(None),
        given => date(given, now).map(Some),
    };
    let wrong = [
        (sender.is_none(), "INVALID_SENDER_ID"),
        (contact.is_none(), "INVALID_CONTACT_ID"),
        (opted_out.is_none(), "INVALID_STATUS"),
        (source.is_none(), "INVALID_SOURCE"),
        (given_at.is_none(), "INVALID_DATE_OF_CONSENT"),
    ];
    let all = || {
        let (sender, contact) = (sender?, contact?.as_str().to_owned());
        let (opted_out, source, given_at) = (opted_out?, source?, given_at?);
        let correlation_id = Some(text(item, "correlation_id").to_owned());
        Some(Consent { sender, contact, opted_out, source, given_at, correlation_id })
    };
    all().ok_or_else(|| names(&wrong))
}

/// American codes are five digits, and four more; others are letters, digits and what parts them.
fn zip_fits(country: &str, zip: &str) -> bool {
    if country == "US" {
        let digits = zip.bytes().filter(u8::is_ascii_digit).count();
        return matches!((zip.len(), digits), (5, 5))
            || (zip.len(), digits, zip.find('-')) == (10, 9, Some(5));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-');
    (1..=ZIP_MAX).contains(&zip.len()) && zip.chars().all(allowed)
}

/// A contact, or what is wrong with it.
pub(super) fn contact(item: &Item) -> Result<Contact, Vec<&'static str>> {
    let number = E164::parse(text(item, "contact_id")).ok();
    let country = text(item, "country_iso_code");
    let country_fits = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    let zip_code = text(item, "zip_code");
    let zip_fits = zip_fits(country, zip_code);
    let wrong = [
        (number.is_none(), "INVALID_CONTACT_ID"),
        (!country_fits, "INVALID_COUNTRY_ISO_CODE"),
        (!zip_fits, "INVALID_ZIP_CODE"),
    ];
    match number {
        Some(number) if country_fits && zip_fits => Ok(Contact {
            number: number.as_str().to_owned(),
            correlation_id: text(item, "correlation_id").to_owned(),
            country: country.to_owned(),
            zip_code: zip_code.to_owned(),
        }),
        _ => Err(names(&wrong)),
    }
}

fn names(wrong: &[(bool, &'static str)]) -> Vec<&'static str> {
    wrong.iter().filter(|(wrong, _)| *wrong).map(|(_, name)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(json: Value) -> Item {
        json.as_object().cloned().unwrap_or_default()
    }

    fn good() -> Value {
        json!({
            "contact_id": "+19999999999", "correlation_id": "ad388b5a46b33b874b0d41f7226db2ef",
            "sender_id": "MG00000000000000000000000000000001", "status": "opt-out",
            "date_of_consent": "2025-02-28T10:05:27Z", "source": "website",
        })
    }

    fn now() -> Instant {
        Instant::parse_date("2026-01-01T00:00:00Z").expect("a date")
    }

    #[test]
    fn each_item_says_what_is_wrong_with_it() {
        // The example of Twilio's document, and a second item under the first one's id.
        let bad = json!({
            "contact_id": "+19", "correlation_id": "02520cfa6c432f0e3ec3a38c122d428d",
            "sender_id": "12", "date_of_consent": "2025-03-25", "status": "re-opt-in",
            "source": "rumour",
        });
        let items = [item(good()), item(bad), item(good())];
        let read = read(&items, |item| consent(item, now()));
        assert_eq!(read.good.len(), 1);
        let answers = answers(&read.outcomes, CONSENT);
        assert_eq!(answers[0]["error_code"], 0);
        assert_eq!(answers[1]["error_code"], 30646);
        let all = [
            "INVALID_SENDER_ID",
            "INVALID_CONTACT_ID",
            "INVALID_STATUS",
            "INVALID_SOURCE",
            "INVALID_DATE_OF_CONSENT",
        ];
        assert_eq!(answers[1]["error_messages"], json!(all));
        assert_eq!(answers[2]["error_messages"], json!(["INVALID_CORRELATION_ID"]));
    }

    #[test]
    fn a_date_may_be_left_out_but_not_lie_ahead() {
        let mut given = good();
        given["date_of_consent"] = Value::Null;
        assert_eq!(consent(&item(given.clone()), now()).expect("a consent").given_at, None);
        given["date_of_consent"] = "2026-01-01T00:00:01Z".into();
        let wrong = consent(&item(given), now()).expect_err("ahead");
        assert_eq!(wrong, ["INVALID_DATE_OF_CONSENT"]);
    }

    #[test]
    fn contacts_have_a_country_and_a_postal_code() {
        let given = json!({ "contact_id": "+447700900123", "country_iso_code": "GB",
            "zip_code": "SW1A 1AA" });
        assert_eq!(contact(&item(given)).expect("a contact").country, "GB");
        let wrong = contact(&item(json!({ "contact_id": "07700" }))).expect_err("nothing fits");
        assert_eq!(wrong.len(), 3);
        let zips = ["12345", "12345-6789", "1234", "1234-56789", "ABCDE"];
        let fits = zips.map(|zip| zip_fits("US", zip));
        assert_eq!(fits, [true, true, false, false, false]);
    }
}
