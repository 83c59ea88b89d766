//! Coded errors: Twilio's numbers, statuses and JSON shape.

use std::collections::HashMap;
use std::sync::LazyLock;

/// `code status product meaning`, a line each; the status is empty for codes that are only seen
/// in alerts and receipts.
const CATALOGUE: &str = include_str!("../data/errors.tsv");

static MEANINGS: LazyLock<HashMap<u32, (u16, &'static str)>> = LazyLock::new(|| {
    let parse = |line: &'static str| {
        let mut fields = line.split('\t');
        let code = fields.next()?.parse().ok()?;
        let status = fields.next()?.trim_end_matches('?').parse().unwrap_or(400);
        Some((code, (status, fields.nth(1)?)))
    };
    CATALOGUE.lines().filter_map(parse).collect()
});

/// What a code means, in a few words.
pub fn meaning(code: u32) -> Option<&'static str> {
    MEANINGS.get(&code).map(|(_, meaning)| *meaning)
}

/// The codes that the product answers by name.
pub mod code {
    macro_rules! codes {
        ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
            $($(#[$doc])* pub const $name: u32 = $code;)*
        };
    }
    codes! {
        /// A parameter is unknown or unusable.
        BAD_REQUEST = 20001;
        /// No or wrong credentials.
        UNAUTHORIZED = 20003;
        /// The path does not take this method.
        METHOD_NOT_ALLOWED = 20004;
        /// The account may not act.
        ACCOUNT_NOT_ACTIVE = 20005;
        /// The caller may not do this.
        FORBIDDEN = 20006;
        /// Not open to test credentials.
        TEST_CREDENTIALS = 20008;
        /// It cannot be changed or removed yet.
        NOT_COMPLETE = 20009;
        /// Nothing there.
        NOT_FOUND = 20404;
        /// It clashes with what is there.
        CONFLICT = 20409;
        /// The body is too large.
        TOO_LARGE = 20413;
        /// Too many requests.
        TOO_MANY_REQUESTS = 20429;
        /// Our fault.
        INTERNAL = 20500;
        /// Overloaded or stopping.
        UNAVAILABLE = 20503;
        /// `To` is no valid number.
        INVALID_TO = 21211;
        /// `From` is no valid sender.
        INVALID_FROM = 21212;
        /// `To` may not be a short code.
        TO_IS_SHORT_CODE = 21265;
        /// `To` and `From` are the same.
        TO_EQUALS_FROM = 21266;
        /// Trial accounts have no alphanumeric senders.
        TRIAL_ALPHA = 21267;
        /// Messaging to this region is not permitted.
        REGION_NOT_PERMITTED = 21408;
        /// The page token does not parse.
        PAGE_TOKEN = 21481;
        /// There is neither a text nor media.
        BODY_MISSING = 21602;
        /// `From` is missing.
        FROM_MISSING = 21603;
        /// `To` is missing.
        TO_MISSING = 21604;
        /// `From` is not a number of this installation.
        FROM_NOT_OURS = 21606;
        /// Trial: `To` is not verified.
        TRIAL_TO_UNVERIFIED = 21608;
        /// `StatusCallback` is no usable address.
        BAD_CALLBACK = 21609;
        /// The recipient said STOP.
        OPTED_OUT = 21610;
        /// The sender's queue is full.
        QUEUE_FULL = 21611;
        /// `To` can't be reached from this sender.
        UNREACHABLE_TO = 21612;
        /// `To` is not a mobile number.
        NOT_MOBILE = 21614;
        /// The text has more than 1,600 characters.
        BODY_TOO_LONG = 21617;
        /// A media address is not usable.
        BAD_MEDIA_URL = 21620;
        /// `From` can't send media.
        FROM_WITHOUT_MMS = 21621;
        /// More than ten media files.
        TOO_MANY_MEDIA = 21623;
        /// `ValidityPeriod` is out of range.
        BAD_VALIDITY = 21624;
        /// `MaxPrice` is no amount.
        BAD_MAX_PRICE = 21627;
        /// `ContentSid` is not usable.
        BAD_CONTENT_SID = 21655;
        /// `From` belongs to another account.
        FROM_OF_ANOTHER = 21660;
        /// The messaging service does not exist.
        NO_SUCH_SERVICE = 21701;
        /// `From` and `To` are on different channels.
        CHANNELS_DIFFER = 21910;
        /// The queue overflowed.
        QUEUE_OVERFLOW = 30001;
        /// The handset is off or out of coverage.
        HANDSET_UNREACHABLE = 30003;
        /// Nobody knows the recipient.
        UNKNOWN_HANDSET = 30005;
        /// No carrier reaches it.
        CARRIER_UNREACHABLE = 30006;
        /// A carrier's filter refused it.
        FILTERED = 30007;
        /// The reason is not known.
        UNKNOWN_DELIVERY_ERROR = 30008;
        /// A part of an inbound message did not come.
        PART_MISSING = 30009;
        /// It would cost more than `MaxPrice`.
        PRICE_ABOVE_MAX = 30010;
        /// Its validity ran out.
        VALIDITY_EXPIRED = 30036;
        /// The document could not be fetched.
        FETCH_FAILED = 11200;
        /// The document does not parse.
        BAD_XML = 12100;
        /// Its content type is not usable.
        BAD_CONTENT_TYPE = 12300;
    }
}

/// An error as the API answers it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// Twilio's number.
    pub code: u32,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong and what to do.
    pub message: String,
    /// Seconds after which to try again.
    pub retry_after_s: Option<u32>,
}

impl ApiError {
    /// An error with the status that its code has in the catalogue.
    pub fn new(code: u32, message: impl Into<String>) -> Self {
        let status = MEANINGS.get(&code).map_or(400, |(status, _)| *status);
        Self { code, status, message: message.into(), retry_after_s: None }
    }

    /// Nothing at this path.
    pub fn not_found(path: &str) -> Self {
        Self::new(code::NOT_FOUND, format!("The requested resource {path} was not found"))
    }

    /// No or wrong credentials. The text is Twilio's.
    pub fn unauthorized() -> Self {
        Self::new(code::UNAUTHORIZED, "Authenticate")
    }

    /// Good credentials that may not do this.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self { status: 403, ..Self::new(code::UNAUTHORIZED, message) }
    }

    /// The path does not take this method.
    pub fn method_not_allowed() -> Self {
        let text = "This method is not supported by this resource";
        Self { status: 405, ..Self::new(code::METHOD_NOT_ALLOWED, text) }
    }

    /// A suspended or closed account.
    pub fn account_not_active() -> Self {
        Self { status: 403, ..Self::new(code::ACCOUNT_NOT_ACTIVE, "The account is not active") }
    }

    /// Test credentials where they don't reach.
    pub fn test_credentials() -> Self {
        let text = "This resource is not reachable with test credentials";
        Self { status: 403, ..Self::new(code::TEST_CREDENTIALS, text) }
    }

    /// A clash with what is there.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(code::CONFLICT, message)
    }

    /// Too many requests; try again in so many seconds.
    pub fn too_many_requests(retry_after_s: u32) -> Self {
        let mut error = Self::new(code::TOO_MANY_REQUESTS, "Too Many Requests");
        error.retry_after_s = Some(retry_after_s);
        error
    }

    /// Our fault.
    pub fn internal() -> Self {
        Self::new(code::INTERNAL, "An internal server error has occurred")
    }

    /// Overloaded or stopping: nothing was done.
    pub fn unavailable() -> Self {
        let mut error = Self::new(code::UNAVAILABLE, "Service unavailable; nothing was done");
        error.retry_after_s = Some(1);
        error
    }

    /// The body of the answer.
    pub fn to_json(&self) -> String {
        serde_json::json!({
            "code": self.code,
            "message": self.message,
            "more_info": format!("https://www.twilio.com/docs/errors/{}", self.code),
            "status": self.status,
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_a_meaning_and_twilios_status() {
        assert!(MEANINGS.len() > 1_300, "the catalogue is whole");
        assert_eq!(ApiError::new(21211, "x").status, 400);
        assert_eq!(ApiError::unauthorized().status, 401);
        assert_eq!(ApiError::not_found("/x").status, 404);
        assert_eq!(ApiError::too_many_requests(1).status, 429);
        assert_eq!(meaning(30003), Some("handset unreachable (off or out of coverage)"));
    }

    #[test]
    fn the_body_has_twilios_shape() {
        let body: serde_json::Value =
            serde_json::from_str(&ApiError::new(21211, "bad").to_json()).expect("JSON");
        let expected = serde_json::json!({"code": 21211, "message": "bad", "status": 400,
            "more_info": "https://www.twilio.com/docs/errors/21211"});
        assert_eq!(body, expected);
    }
}
