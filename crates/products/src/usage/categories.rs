//! The categories of usage, by Twilio's names.

/// What is counted. Everything else is a sum of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leaf {
    /// Texts out, from a long number or a name.
    SmsOutboundLongcode,
    /// Texts out, from a short code.
    SmsOutboundShortcode,
    /// Texts in, to a long number.
    SmsInboundLongcode,
    /// Texts in, to a short code.
    SmsInboundShortcode,
    /// Pictures out, from a long number or a name.
    MmsOutboundLongcode,
    /// Pictures out, from a short code.
    MmsOutboundShortcode,
    /// Pictures in, to a long number.
    MmsInboundLongcode,
    /// Pictures in, to a short code.
    MmsInboundShortcode,
    /// Calls out, to numbers.
    CallsOutbound,
    /// Calls in, to our numbers.
    CallsInbound,
    /// Calls out, to SIP addresses and clients.
    CallsSipOutbound,
    /// Calls in, from SIP addresses and clients.
    CallsSipInbound,
    /// Recordings of calls.
    CallsRecordings,
}

impl Leaf {
    /// The leaf of a message: whether it came in, carries media, and what our own address is.
    pub fn of_message(inbound: bool, media: bool, ours: &str) -> Self {
        let short = !ours.starts_with('+') && ours.bytes().all(|byte| byte.is_ascii_digit());
        match (media, inbound, short) {
            (false, false, false) => Self::SmsOutboundLongcode,
            (false, false, true) => Self::SmsOutboundShortcode,
            (false, true, false) => Self::SmsInboundLongcode,
            (false, true, true) => Self::SmsInboundShortcode,
            (true, false, false) => Self::MmsOutboundLongcode,
            (true, false, true) => Self::MmsOutboundShortcode,
            (true, true, false) => Self::MmsInboundLongcode,
            (true, true, true) => Self::MmsInboundShortcode,
        }
    }

    /// The leaf of a call: whether it came in, and who is at the far end.
    pub fn of_call(inbound: bool, far: &str) -> Self {
        match (far.starts_with('+'), inbound) {
            (true, false) => Self::CallsOutbound,
            (true, true) => Self::CallsInbound,
            (false, false) => Self::CallsSipOutbound,
            (false, true) => Self::CallsSipInbound,
        }
    }

    /// Twilio's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SmsOutboundLongcode => "sms-outbound-longcode",
            Self::SmsOutboundShortcode => "sms-outbound-shortcode",
            Self::SmsInboundLongcode => "sms-inbound-longcode",
            Self::SmsInboundShortcode => "sms-inbound-shortcode",
            Self::MmsOutboundLongcode => "mms-outbound-longcode",
            Self::MmsOutboundShortcode => "mms-outbound-shortcode",
            Self::MmsInboundLongcode => "mms-inbound-longcode",
            Self::MmsInboundShortcode => "mms-inbound-shortcode",
            Self::CallsOutbound => "calls-outbound",
            Self::CallsInbound => "calls-inbound-local",
            Self::CallsSipOutbound => "calls-sip-outbound",
            Self::CallsSipInbound => "calls-sip-inbound",
            Self::CallsRecordings => "calls-recordings",
        }
    }
}

/// A category as records show it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Category {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) count_unit: &'static str,
    pub(super) usage_unit: &'static str,
}

/// The sum of all prices; its leaves are all there are.
pub(super) const TOTAL: &str = "totalprice";

macro_rules! categories {
    ($($name:literal $description:literal $count:literal $usage:literal;)*) => {
        /// Every category of which something can be said, in the order in which they are listed.
        /// What this installation has no product for yet is zero.
        pub(super) const CATEGORIES: &[Category] = &[$(Category {
            name: $name,
            description: $description,
            count_unit: $count,
            usage_unit: $usage,
        }),*];
    };
}

categories! {
    "authy-authentications" "Authy Authentications" "" "";
    "calleridlookups" "Caller ID Lookups" "lookups" "lookups";
    "calls" "Voice Minutes" "calls" "minutes";
    "calls-client" "Client Voice Minutes" "calls" "minutes";
    "calls-inbound" "Inbound Voice Minutes" "calls" "minutes";
    "calls-inbound-local" "Inbound Local Calls" "calls" "minutes";
    "calls-inbound-mobile" "Inbound Mobile Calls" "calls" "minutes";
    "calls-inbound-tollfree" "Inbound Toll Free Calls" "calls" "minutes";
    "calls-outbound" "Outbound Voice Minutes" "calls" "minutes";
    "calls-recordings" "Call Recordings" "recordings" "minutes";
    "calls-sip" "SIP Minutes" "calls" "minutes";
    "calls-sip-inbound" "SIP Inbound Minutes" "calls" "minutes";
    "calls-sip-outbound" "SIP Outbound Minutes" "calls" "minutes";
    "carrier-lookups" "Carrier Lookups" "lookups" "lookups";
    "conversations" "Conversations" "" "";
    "group-rooms" "Group Rooms" "" "";
    "lookups" "Lookups" "lookups" "lookups";
    "mediastorage" "Media Storage" "megabytes" "megabytes";
    "mms" "MMS" "messages" "messages";
    "mms-inbound" "Inbound MMS" "messages" "messages";
    "mms-inbound-longcode" "Inbound Long Code MMS" "messages" "messages";
    "mms-inbound-shortcode" "Inbound Short Code MMS" "messages" "messages";
    "mms-outbound" "Outbound MMS" "messages" "messages";
    "mms-outbound-longcode" "Outbound Long Code MMS" "messages" "messages";
    "mms-outbound-shortcode" "Outbound Short Code MMS" "messages" "messages";
    "phonenumbers" "Phone Numbers" "numbers" "numbers";
    "phonenumbers-local" "Local Phone Numbers" "numbers" "numbers";
    "phonenumbers-mobile" "Mobile Phone Numbers" "numbers" "numbers";
    "phonenumbers-tollfree" "Toll Free Phone Numbers" "numbers" "numbers";
    "recordings" "Recordings" "recordings" "minutes";
    "recordingstorage" "Recording Storage" "minutes" "minutes";
    "shortcodes" "Short Codes" "codes" "codes";
    "sms" "SMS" "messages" "segments";
    "sms-inbound" "Inbound SMS" "messages" "segments";
    "sms-inbound-longcode" "Inbound Long Code SMS" "messages" "segments";
    "sms-inbound-shortcode" "Inbound Short Code SMS" "messages" "segments";
    "sms-outbound" "Outbound SMS" "messages" "segments";
    "sms-outbound-longcode" "Outbound Long Code SMS" "messages" "segments";
    "sms-outbound-shortcode" "Outbound Short Code SMS" "messages" "segments";
    "taskrouter-tasks" "TaskRouter Tasks" "tasks" "tasks";
    "totalprice" "Total Price" "" "usd";
    "transcriptions" "Transcriptions" "transcriptions" "minutes";
    "trunking-origination" "Trunking Origination" "calls" "minutes";
    "trunking-termination" "Trunking Termination" "calls" "minutes";
    "verify-push" "Verify Push" "" "";
}

/// The category with this name.
pub(super) fn find(name: &str) -> Option<&'static Category> {
    CATEGORIES.iter().find(|category| category.name == name)
}

/// Whether what is counted under `leaf` belongs to `category`: a name holds all that go on with a
/// dash.
pub(super) fn holds(category: &str, leaf: &str) -> bool {
    category == TOTAL
        || leaf.strip_prefix(category).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_holds_its_leaves_and_no_others() {
        let leaf = Leaf::of_message(false, false, "+15550001111").name();
        let holding: Vec<&str> =
            CATEGORIES.iter().map(|c| c.name).filter(|name| holds(name, leaf)).collect();
        assert_eq!(holding, ["sms", "sms-outbound", "sms-outbound-longcode", "totalprice"]);
        assert_eq!(Leaf::of_message(true, true, "72345"), Leaf::MmsInboundShortcode);
        assert_eq!(Leaf::of_message(false, false, "ACME"), Leaf::SmsOutboundLongcode);
        assert!(CATEGORIES.is_sorted_by_key(|category| category.name));
    }
}
