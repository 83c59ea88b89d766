//! What is known of a number, in types: line types, reasons, packages.

use std::borrow::Cow;

/// No source covers the number.
pub const NOT_COVERED: u32 = 60600;
/// Line types of Canada are told by those alone who may ask its registry.
pub const CANADA: u32 = 60601;
/// No source of this package is configured.
pub const NOT_ENABLED: u32 = 60606;
/// A source answered with an error.
pub const SOURCE_ERROR: u32 = 60608;
/// A source does not answer, or is left alone for a while because it did not.
pub const SOURCE_DOWN: u32 = 60613;
/// More look-ups than a bucket holds. Status 429.
pub const TOO_MANY: u32 = 60616;
/// The package needs a parameter that is not there.
pub const PARAMETER_MISSING: u32 = 60617;
/// A parameter of the package is malformed.
pub const PARAMETER_BAD: u32 = 60618;
/// Test credentials know no such magic number.
pub const NOT_MAGIC: u32 = 60622;

/// What kind of line a number is, by Twilio's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineType {
    /// A mobile phone.
    Mobile,
    /// A fixed line.
    Landline,
    /// Free for the caller.
    TollFree,
    /// IP telephony at one place.
    FixedVoip,
    /// IP telephony anywhere.
    NonFixedVoip,
    /// Follows a person.
    Personal,
    /// Dear for the caller.
    Premium,
    /// A mailbox.
    Voicemail,
    /// Caller and called pay.
    SharedCost,
    /// A company's number for all its places.
    Uan,
    /// A pager.
    Pager,
    /// Valid, and no more is known.
    Unknown,
}

impl LineType {
    /// All there are.
    pub const ALL: [Self; 12] = [
        Self::Mobile,
        Self::Landline,
        Self::TollFree,
        Self::FixedVoip,
        Self::NonFixedVoip,
        Self::Personal,
        Self::Premium,
        Self::Voicemail,
        Self::SharedCost,
        Self::Uan,
        Self::Pager,
        Self::Unknown,
    ];

    /// As version 2 names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mobile => "mobile",
            Self::Landline => "landline",
            Self::TollFree => "tollFree",
            Self::FixedVoip => "fixedVoip",
            Self::NonFixedVoip => "nonFixedVoip",
            Self::Personal => "personal",
            Self::Premium => "premium",
            Self::Voicemail => "voicemail",
            Self::SharedCost => "sharedCost",
            Self::Uan => "uan",
            Self::Pager => "pager",
            Self::Unknown => "unknown",
        }
    }

    /// From its name, whatever its case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|line| line.name().eq_ignore_ascii_case(name))
    }

    /// As version 1 names it, which knows three kinds.
    pub const fn old_name(self) -> Option<&'static str> {
        match self {
            Self::Mobile | Self::Personal | Self::Pager => Some("mobile"),
            Self::FixedVoip | Self::NonFixedVoip => Some("voip"),
            Self::Unknown => None,
            _ => Some("landline"),
        }
    }
}

/// Why a number is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Fewer digits than any number of its country.
    TooShort,
    /// More digits than any number of its country.
    TooLong,
    /// Of a good length, in no range of its country.
    InvalidButPossible,
    /// No country has this code.
    InvalidCountryCode,
    /// Between the shortest and the longest number, and as long as none.
    InvalidLength,
    /// Something else altogether.
    NotANumber,
}

impl Reason {
    /// As the API names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooShort => "TOO_SHORT",
            Self::TooLong => "TOO_LONG",
            Self::InvalidButPossible => "INVALID_BUT_POSSIBLE",
            Self::InvalidCountryCode => "INVALID_COUNTRY_CODE",
            Self::InvalidLength => "INVALID_LENGTH",
            Self::NotANumber => "NOT_A_NUMBER",
        }
    }
}

/// What the numbering plans tell of a valid number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In E.164 form.
    pub e164: String,
    /// ISO 3166 code of its country; none for numbers of no country (`+800`).
    pub country: Option<&'static str>,
    /// The country's calling code.
    pub calling_code: u16,
    /// As people of its country write it.
    pub national: String,
    /// Its kind, where the plan tells it: North America's does not tell mobile from fixed.
    pub line: Option<LineType>,
}

/// A number as it was asked for, and what the plans say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// As it was asked for.
    pub asked: String,
    /// What is known, or why it is no number.
    pub plan: Result<Plan, Reason>,
}

impl Description {
    /// The number in E.164 form, or as it was asked for.
    pub fn number(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.plan.as_ref().map_or(&self.asked, |plan| &plan.e164))
    }
}

/// A package of data beside validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Package {
    /// Whose name is shown to those that are called.
    CallerName,
    /// When the SIM was changed last.
    SimSwap,
    /// Whether calls go on elsewhere.
    CallForwarding,
    /// Whether the number is in use and reachable.
    LineStatus,
    /// The kind of line, and whose.
    LineTypeIntelligence,
    /// Whether somebody's data are those of the number's owner.
    IdentityMatch,
    /// Whether the number was given to somebody else.
    ReassignedNumber,
    /// Whether texts to it are sent for the fees.
    SmsPumpingRisk,
    /// How good the number is.
    PhoneNumberQualityScore,
    /// The owner's data, for a form.
    PreFill,
}

impl Package {
    /// All there are, in the order in which answers have them.
    pub const ALL: [Self; 10] = [
        Self::CallerName,
        Self::SimSwap,
        Self::CallForwarding,
        Self::LineStatus,
        Self::LineTypeIntelligence,
        Self::IdentityMatch,
        Self::ReassignedNumber,
        Self::SmsPumpingRisk,
        Self::PhoneNumberQualityScore,
        Self::PreFill,
    ];

    /// As `Fields` names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CallerName => "caller_name",
            Self::SimSwap => "sim_swap",
            Self::CallForwarding => "call_forwarding",
            Self::LineStatus => "line_status",
            Self::LineTypeIntelligence => "line_type_intelligence",
            Self::IdentityMatch => "identity_match",
            Self::ReassignedNumber => "reassigned_number",
            Self::SmsPumpingRisk => "sms_pumping_risk",
            Self::PhoneNumberQualityScore => "phone_number_quality_score",
            Self::PreFill => "pre_fill",
        }
    }

    /// From its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|package| package.name() == name)
    }

    /// Whether its answer is about a person: it is never kept.
    pub const fn is_personal(self) -> bool {
        matches!(self, Self::IdentityMatch | Self::ReassignedNumber | Self::PreFill)
    }

    /// The members of its object beside `error_code`, with their types.
    pub const fn members(self) -> &'static [(&'static str, Form)] {
        use Form::{Flag, Number, Text};
        match self {
            Self::CallerName => &[("caller_name", Text), ("caller_type", Text)],
            Self::SimSwap => &[
                ("last_sim_swap_date", Text),
                ("swapped_period", Text),
                ("swapped_in_period", Flag),
                ("carrier_name", Text),
                ("mobile_country_code", Text),
                ("mobile_network_code", Text),
            ],
            Self::CallForwarding => &[("call_forwarding_enabled", Flag)],
            Self::LineStatus => &[("status", Text)],
            Self::LineTypeIntelligence => &[
                ("mobile_country_code", Text),
                ("mobile_network_code", Text),
                ("carrier_name", Text),
                ("type", Text),
            ],
            Self::IdentityMatch => &[
                ("first_name_match", Text),
                ("last_name_match", Text),
                ("address_lines_match", Text),
                ("city_match", Text),
                ("state_match", Text),
                ("postal_code_match", Text),
                ("address_country_match", Text),
                ("national_id_match", Text),
                ("date_of_birth_match", Text),
                ("summary_score", Number),
                ("error_message", Text),
            ],
            Self::ReassignedNumber => {
                &[("last_verified_date", Text), ("is_number_reassigned", Text)]
            }
            Self::SmsPumpingRisk => &[
                ("carrier_risk_category", Text),
                ("number_blocked", Flag),
                ("number_blocked_date", Text),
                ("number_blocked_last_3_months", Flag),
                ("sms_pumping_risk_score", Number),
            ],
            Self::PhoneNumberQualityScore => &[
                ("carrier_risk_score", Number),
                ("carrier_risk_category", Text),
                ("disposable_phone_risk_score", Number),
                ("disposable_phone_risk_category", Text),
                ("quality_score", Number),
                ("quality_category", Text),
                ("velocity_risk_score", Number),
                ("velocity_risk_category", Text),
            ],
            Self::PreFill => &[
                ("first_name", Text),
                ("last_name", Text),
                ("address_line", Text),
                ("country_code", Text),
                ("state", Text),
                ("postal_code", Text),
            ],
        }
    }
}

/// The type of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text.
    Text,
    /// Yes or no.
    Flag,
    /// A whole number.
    Number,
}
