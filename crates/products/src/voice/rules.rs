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

/// Voice is switched off for the account.
pub const SPENT: u32 = 10005;

/// Where a call goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callee {
    /// A number.
    Number(E164),
    /// A SIP address.
    Sip(String),
    /// A client of the account's own.
    Client(String),
    /// An application; what stands in `To`.
    Application(String),
}

impl Callee {
    /// As it stands in `To`.
    pub fn address(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Sip(uri) => uri.clone(),
            Self::Client(name) => format!("client:{name}"),
            Self::Application(to) => to.clone(),
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
    /// Whether `To` is no premium number, or one that the account may call.
    pub special: bool,
    /// What the account's calls of today cost, and what they may; in millionths.
    pub spent: (i64, Option<i64>),
    /// Whether the account is a trial.
    pub trial: bool,
}

/// A call that came back to where it was, or through too much.
const GOES_ROUND: u32 = 13224;

/// Numbers and applications of ours that a call may come through.
pub const PATH_MAX: usize = 10;

/// Refuses a call that would come through a number or an application a second time.
pub fn goes_on(path: &[String], next: &str) -> Result<(), ApiError> {
    let text = match path.iter().any(|before| before == next) {
        true => format!("The call has come through {next} already: it would go round for ever"),
        false if path.len() >= PATH_MAX => format!("The call came through {PATH_MAX} others"),
        false => return Ok(()),
    };
    Err(ApiError::new(GOES_ROUND, text))
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
    spent(facts.spent.0, facts.spent.1)?;
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
    if !facts.special {
        let text = format!(
            "{to} is in a range of premium or satellite numbers: calls are refused, unless the \
             dialling permissions of its country let them"
        );
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

/// Why no more calls are made today, if their cost has reached the cap.
pub fn spent(sum: i64, most: Option<i64>) -> Result<(), ApiError> {
    let Some(most) = most.filter(|most| sum >= *most) else { return Ok(()) };
    let whole = |micros: i64| format!("{:.2}", micros as f64 / 1e6);
    let text = format!(
        "Calls are refused until tomorrow (UTC): today's cost {}, of {} that an account may spend",
        whole(sum),
        whole(most)
    );
    Err(ApiError::new(SPENT, text))
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

/// SIP error: whom we dial is not registered.
pub const NOT_REGISTERED: u32 = 32009;

/// The SIP status that stands in the row of a call that can't be placed.
pub fn sip_code(error: &ApiError) -> u16 {
    if error.code == NOT_REGISTERED { 480 } else { 0 }
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
    fn a_call_comes_through_a_number_once() {
        let path = ["+15550001111".to_owned()];
        assert_eq!(goes_on(&path, "+15550002222"), Ok(()));
        assert_eq!(goes_on(&path, "+15550001111").map_err(|e| e.code), Err(GOES_ROUND));
        let long: Vec<String> = (0..PATH_MAX).map(|number| number.to_string()).collect();
        assert_eq!(goes_on(&long, "+15550002222").map_err(|e| e.code), Err(GOES_ROUND));
    }

    #[test]
    fn calls_come_from_own_or_verified_numbers_to_where_they_may_go() {
        let account = AccountSid::from_bytes([1; 16]);
        let to = callee("+15558675310").expect("a number");
        let own = (PhoneNumberSid::from_bytes([2; 16]), account, true);
        let good = Facts { number: Some(own), permitted: true, special: true, ..Facts::default() };
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
        let premium = Facts { special: false, ..good.clone() };
        assert_eq!(asked(&premium, &to), Err(HIGH_RISK));
        let below = Facts { spent: (9_999_999, Some(10_000_000)), ..good.clone() };
        assert_eq!(asked(&below, &to), Ok(()));
        let reached = Facts { spent: (10_000_000, Some(10_000_000)), ..good };
        assert_eq!(asked(&reached, &to), Err(SPENT));
        assert_eq!(asked(&reached, &callee("sip:a@b.example").expect("SIP")), Err(SPENT));
    }
}
