//! The categories of usage, by Twilio's names.

/// What is counted: a category of which others are sums. Products name theirs as constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leaf(&'static str);

impl Leaf {
    /// The leaf with Twilio's name; a name that is no category does not compile in a constant.
    pub const fn named(name: &'static str) -> Self {
        let mut index = 0;
        while index < CATEGORIES.len() {
            if same(CATEGORIES[index].name, name) {
                return Self(name);
            }
            index += 1;
        }
        panic!("no such category of usage");
    }

    /// The leaf of a message: whether it came in, carries media, and what our own address is.
    pub fn of_message(inbound: bool, media: bool, ours: &str) -> Self {
        const SMS_OUT_LONG: Leaf = Leaf::named("sms-outbound-longcode");
        const SMS_OUT_SHORT: Leaf = Leaf::named("sms-outbound-shortcode");
        const SMS_IN_LONG: Leaf = Leaf::named("sms-inbound-longcode");
        const SMS_IN_SHORT: Leaf = Leaf::named("sms-inbound-shortcode");
        const MMS_OUT_LONG: Leaf = Leaf::named("mms-outbound-longcode");
        const MMS_OUT_SHORT: Leaf = Leaf::named("mms-outbound-shortcode");
        const MMS_IN_LONG: Leaf = Leaf::named("mms-inbound-longcode");
        const MMS_IN_SHORT: Leaf = Leaf::named("mms-inbound-shortcode");
        let short = !ours.starts_with('+') && ours.bytes().all(|byte| byte.is_ascii_digit());
        match (media, inbound, short) {
            (false, false, false) => SMS_OUT_LONG,
            (false, false, true) => SMS_OUT_SHORT,
            (false, true, false) => SMS_IN_LONG,
            (false, true, true) => SMS_IN_SHORT,
            (true, false, false) => MMS_OUT_LONG,
            (true, false, true) => MMS_OUT_SHORT,
            (true, true, false) => MMS_IN_LONG,
            (true, true, true) => MMS_IN_SHORT,
        }
    }

    /// Twilio's name.
    pub fn name(self) -> &'static str {
        self.0
    }
}

/// Whether two texts are the same, in constants.
const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
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
        assert_eq!(Leaf::of_message(true, true, "72345"), Leaf::named("mms-inbound-shortcode"));
        assert_eq!(Leaf::of_message(false, false, "ACME"), Leaf::named("sms-outbound-longcode"));
        assert!(CATEGORIES.is_sorted_by_key(|category| category.name));
    }
}
