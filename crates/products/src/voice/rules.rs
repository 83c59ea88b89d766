//! The rules of placing a call: pure decisions over facts that others looked up.

use base::{AccountSid, Address, ApiError, Currency, E164, Money, PhoneNumberSid};

use crate::voice::model::CallRecord;
use crate::voice::params;

/// Seconds that a call may ring at most.
pub const TIMEOUT_MAX_S: u32 = 600;

/// Seconds that a call may last: four hours, unless something shorter is asked for.
pub const TIME_LIMIT_S: u32 = 4 * 60 * 60;

/// Seconds that a call may last at most.
pub const TIME_LIMIT_MAX_S: u32 = 24 * 60 * 60;

/// Characters of digits that are sent once a call is answered.
pub const SEND_DIGITS_MAX: usize = 32;

const TO_MISSING: u32 = 21201;
const BAD_TO: u32 = 21211;
const BAD_FROM: u32 = 21212;
const FROM_MISSING: u32 = 21213;
const NO_PERMISSION: u32 = 21215;
const FROM_NOT_OURS: u32 = 21210;
const TRIAL_TO_UNVERIFIED: u32 = 21219;
const HIGH_RISK: u32 = 21202;

/// Where a call goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callee {
    /// A number.
    Number(E164),
    /// A SIP address.
    Sip(String),
    /// A client of the account's own.
    Client(String),
}

impl Callee {
    /// As it stands in `To`.
    pub fn address(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Sip(uri) => uri.clone(),
            Self::Client(name) => format!("client:{name}"),
        }
    }
}

/// What the tables say about a call to be placed.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Our number that `From` is, with whose it is and whether it may call.
    pub number: Option<(PhoneNumberSid, AccountSid, bool)>,
    /// Whether `From` was proved to be the account's.
    pub from_verified: bool,
    /// Whether `To` was proved to be the account's.
    pub to_verified: bool,
    /// Whether calls to the country of `To` are permitted.
    pub permitted: bool,
    /// Whether the account is a trial.
    pub trial: bool,
}

/// Reads `To`.
pub fn callee(to: &str) -> Result<Callee, ApiError> {
    if to.is_empty() {
        return Err(ApiError::new(TO_MISSING, "No 'To' number is specified"));
    }
    let lower = to.to_ascii_lowercase();
    if lower.starts_with("sip:") || lower.starts_with("sips:") {
        let fits = to.len() <= 255 && to.contains(':') && !to.contains(['<', '>', ' ', '\r', '\n']);
        let rest = to.split_once(':').map_or("", |(_, rest)| rest);
        if fits && !rest.is_empty() {
            return Ok(Callee::Sip(to.to_owned()));
        }
    } else if let Some(name) = to.strip_prefix("client:") {
        let fits = (1..=121).contains(&name.len()) && !name.contains(char::is_whitespace);
        if fits {
            return Ok(Callee::Client(name.to_owned()));
        }
    } else if let Ok(Address::Phone(number)) = Address::parse(to)
        && number.is_possible()
    {
        return Ok(Callee::Number(number));
    }
    let shown: String = to.chars().take(80).collect();
    Err(ApiError::new(
        BAD_TO,
        format!("The phone number you are attempting to call, {shown}, is not valid."),
    ))
}

/// Reads `From`: a number for calls to numbers, anything short for calls to SIP and clients.
pub fn caller(from: &str, callee: &Callee) -> Result<String, ApiError> {
    if from.is_empty() {
        return Err(ApiError::new(FROM_MISSING, "No 'From' number is specified"));
    }
    let bad = || {
        let shown: String = from.chars().take(80).collect();
        ApiError::new(
            BAD_FROM,
            format!("The phone number provided in 'From', {shown}, is not valid."),
        )
    };
    match (Address::parse(from), callee) {
        (Ok(Address::Phone(number)), _) => Ok(number.to_string()),
        (_, Callee::Number(_)) => Err(bad()),
        _ if from.len() <= 255 && !from.contains(['<', '>', '"', ' ', '\r', '\n']) => {
            Ok(from.to_owned())
        }
        _ => Err(bad()),
    }
}

/// Decides whether a call may be placed.
pub fn accept(
    account: AccountSid,
    from: &str,
    callee: &Callee,
    facts: &Facts,
) -> Result<(), ApiError> {
    let Callee::Number(to) = callee else { return Ok(()) };
    match facts.number {
        Some((_, owner, true)) if owner == account => {}
        _ if facts.from_verified => {}
        _ => {
            let text = format!(
                "The source phone number provided, {from}, is not yet verified for your account. \
                 You may only make calls from phone numbers that you've verified or purchased."
            );
            return Err(ApiError::new(FROM_NOT_OURS, text));
        }
    }
    if facts.trial && !facts.to_verified {
        let text = format!(
            "The number {to} is unverified. Trial accounts may only make calls to verified numbers."
        );
        return Err(ApiError::new(TRIAL_TO_UNVERIFIED, text));
    }
    if is_high_risk(to) {
        let text = format!("{to} is in a range of premium or satellite numbers: calls are refused");
        return Err(ApiError::new(HIGH_RISK, text));
    }
    if !facts.permitted {
        let text = format!(
            "Account not authorized to call {to}: switch its country on in the geographic \
             permissions"
        );
        return Err(ApiError::new(NO_PERMISSION, text));
    }
    Ok(())
}

/// Ranges that fraud likes: satellites, international networks and shared-cost services, and
/// North American premium numbers.
const HIGH_RISK_PREFIXES: &[&str] =
    &["+870", "+878", "+881", "+882", "+883", "+888", "+979", "+1900", "+1976"];

/// Whether calls to a number cost what nobody expects.
pub fn is_high_risk(to: &E164) -> bool {
    HIGH_RISK_PREFIXES.iter().any(|prefix| to.as_str().starts_with(prefix))
}

/// What a minute of a call costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices {
    /// To a number.
    pub outbound: Money,
    /// To one of our numbers.
    pub inbound: Money,
    /// To or from SIP and clients.
    pub sip: Money,
}

impl Default for Prices {
    fn default() -> Self {
        let of = |micros| Money { micros, currency: Currency::USD };
        Self { outbound: of(14_000), inbound: of(8_500), sip: of(4_000) }
    }
}

/// What a call that has ended costs: the minutes that began; a positive amount.
pub fn price(call: &CallRecord, prices: &Prices) -> Money {
    let far = if params::is_outbound(call) { &call.to } else { &call.from };
    let rate = match (far.starts_with('+'), params::is_outbound(call)) {
        (false, _) => prices.sip,
        (true, true) => prices.outbound,
        (true, false) => prices.inbound,
    };
    let minutes = i64::try_from(params::minutes(call)).unwrap_or(i64::MAX / 1_000_000);
    Money { micros: rate.micros * minutes, currency: rate.currency }
}

/// Whether digits may be sent: `0-9 * # w W`, and A to D.
pub fn are_digits(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | 'w' | 'W' | 'A'..='D');
    text.len() <= SEND_DIGITS_MAX && text.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use base::Sid;

    use super::*;

    #[test]
    fn callees_are_numbers_sip_or_clients() {
        assert_eq!(callee("+15558675310").map(|c| c.address()), Ok("+15558675310".to_owned()));
        assert_eq!(callee("(555) 867-5310").map(|c| c.address()), Ok("+15558675310".to_owned()));
        assert!(matches!(callee("sip:bob@example.com"), Ok(Callee::Sip(_))));
        assert!(matches!(callee("client:alice"), Ok(Callee::Client(_))));
        for (bad, code) in [("", TO_MISSING), ("+1", BAD_TO), ("sip:", BAD_TO), ("client:", BAD_TO)]
        {
            assert_eq!(callee(bad).map_err(|e| e.code), Err(code), "{bad}");
        }
    }

    #[test]
    fn calls_come_from_own_or_verified_numbers_to_where_they_may_go() {
        let account = AccountSid::from_bytes([1; 16]);
        let to = callee("+15558675310").expect("a number");
        let own = (PhoneNumberSid::from_bytes([2; 16]), account, true);
        let good = Facts { number: Some(own), permitted: true, ..Facts::default() };
        let asked = |facts: &Facts, to: &Callee| {
            accept(account, "+15550001111", to, facts).map_err(|e| e.code)
        };
        assert_eq!(asked(&good, &to), Ok(()));
        assert_eq!(
            asked(&Facts { number: None, from_verified: true, ..good.clone() }, &to),
            Ok(())
        );
        assert_eq!(asked(&Facts { number: None, ..good.clone() }, &to), Err(FROM_NOT_OURS));
        assert_eq!(asked(&Facts { trial: true, ..good.clone() }, &to), Err(TRIAL_TO_UNVERIFIED));
        assert_eq!(asked(&Facts { permitted: false, ..good.clone() }, &to), Err(NO_PERMISSION));
        let satellite = callee("+870773000000").expect("a number");
        assert_eq!(asked(&good, &satellite), Err(HIGH_RISK));
    }
}
