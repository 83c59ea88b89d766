//! Accounts, keys and who calls.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::{AccountSid, AnySid, ApiError, Instant, KeySid, Secret};

use crate::accounts::{Permission, Session};

/// Whether an account may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It may.
    Active,
    /// Nothing but reading, until it is active again.
    Suspended,
    /// Nothing, for good.
    Closed,
}

impl Status {
    /// As the API names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Closed => "closed",
        }
    }

    /// From its name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Suspended, Self::Closed].into_iter().find(|s| s.name() == name)
    }
}

/// What kind of account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No limits of a trial.
    Full,
    /// Reaches verified numbers only.
    Trial,
    /// The pair of test credentials: three requests, magic numbers, no state.
    Test,
}

impl Kind {
    /// As the API names it: test credentials are those of a full account.
    pub fn name(self) -> &'static str {
        if self == Self::Trial { "Trial" } else { "Full" }
    }
}

/// How many days an account keeps things; `None` for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Messages that have come to an end, with their media and webhooks.
    pub messages: Option<u32>,
    /// Alerts.
    pub alerts: Option<u32>,
}

/// An account, as every request needs it.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its SID.
    pub sid: AccountSid,
    /// The account that owns this subaccount.
    pub parent: Option<AccountSid>,
    /// Its name for people.
    pub friendly_name: String,
    /// Whether it may act.
    pub status: Status,
    /// Full, trial or test.
    pub kind: Kind,
    /// Signs webhooks, and opens the API.
    pub auth_token: Secret,
    /// A second token that opens the API while the first is being changed.
    pub secondary_token: Option<Secret>,
    /// Messages are failed rather than submitted again when it is uncertain whether their carrier
    /// has them.
    pub at_most_once: bool,
    /// What it has paid in, in millionths of the currency; its balance is this less its usage.
    pub credit: i64,
    /// How long it keeps things.
    pub retention: Retention,
    /// When it was made.
    pub created_at: Instant,
    /// When it was changed last.
    pub updated_at: Instant,
    /// Its last event and that event's number.
    pub event: (i64, i64),
}

/// What an API key may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Everything the account's token may.
    Main,
    /// Everything but accounts and keys.
    Standard,
    /// What its policy lists.
    Restricted(BTreeSet<String>),
}

/// An API key with its secret.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its SID: the user name of HTTP Basic.
    pub sid: KeySid,
    /// Whose it is.
    pub account: AccountSid,
    /// What it may do.
    pub kind: KeyKind,
    /// The password of HTTP Basic; signs access tokens.
    pub secret: Secret,
}

/// How a caller proved who it is.
#[derive(Clone, Debug)]
pub enum Principal {
    /// By an Auth Token of this account.
    Token(AccountSid),
    /// By an API key.
    Key(Arc<Key>),
    /// By a session of the console: an owner, who may do what the Auth Token may.
    Session(Arc<Session>),
    /// By the token of a device: it reaches the routes that are open to devices, where handlers
    /// look at this SID of what the device is.
    Device(AnySid),
}

/// Who makes a request, and the account it acts for: itself, or a subaccount.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account that is acted for.
    pub account: Arc<Account>,
    /// How the caller proved itself.
    pub principal: Principal,
}

impl Caller {
    /// The account that is acted for.
    pub fn account_sid(&self) -> AccountSid {
        self.account.sid
    }

    /// Whether these are test credentials.
    pub fn is_test(&self) -> bool {
        self.account.kind == Kind::Test
    }

    /// The account whose token was shown, or whose owner asks; `None` for an API key.
    pub fn token_of(&self) -> Option<AccountSid> {
        match self.principal {
            Principal::Token(sid) => Some(sid),
            Principal::Session(ref session) => Some(session.account),
            Principal::Key(_) | Principal::Device(_) => None,
        }
    }

    /// Refuses a caller without the permission: 20003 with 403, or 20008 for test credentials.
    pub fn require(&self, permission: Permission) -> Result<(), ApiError> {
        if self.is_test() && !permission.is_open_to_test() {
            return Err(ApiError::test_credentials());
        }
        let granted = match &self.principal {
            Principal::Token(_) | Principal::Session(_) | Principal::Device(_) => true,
            Principal::Key(key) => match &key.kind {
                KeyKind::Main => true,
                KeyKind::Standard => !permission.is_administrative(),
                KeyKind::Restricted(allowed) => allowed.contains(&permission.to_string()),
            },
        };
        if granted {
            return Ok(());
        }
        Err(ApiError::forbidden(format!("This API key lacks the permission {permission}")))
    }
}
