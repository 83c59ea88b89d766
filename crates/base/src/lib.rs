//! The vocabulary everything speaks: typed SIDs, addresses, money, instants, coded errors,
//! parameters, secrets and the signature of webhooks. No IO, no clock, no randomness.

mod error;
mod form;
pub mod fuzz;
mod instant;
mod money;
mod number;
mod secret;
mod sid;
pub mod signature;

pub use error::{ApiError, code, meaning};
pub use form::{FormError, Params};
pub use instant::{Instant, InvalidDate};
pub use money::{Currency, InvalidMoney, Money};
pub use number::{Address, E164, InvalidAddress, countries, is_country};
pub use secret::{MasterKey, ObjectKey, Pepper, SealBroken, Secret};
pub use sid::{
    AccessTokenSid, AccountSid, AddressSid, AnySid, ApplicationSid, CallSid, ChallengeNoticeSid,
    ChallengeSid, ConferenceSid, EntitySid, EventSid, FactorSid, HandsetMessageSid, InvalidSid,
    KeySid, MediaSid, MessageSid, NotificationSid, PhoneNumberSid, QueueSid, RecordingSid,
    RequestSid, ServiceSid, ShortCodeSid, Sid, UserSid,
};
