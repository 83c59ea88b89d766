//! Entities, their factors, and the challenges that factors answer.

use base::{AccountSid, ChallengeSid, EntitySid, FactorSid, Instant, MasterKey, ObjectKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::verify::factors::totp::{Algorithm, Settings};

/// What somebody proves to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An authenticator app.
    Totp,
    /// A device that holds a key.
    Push,
    /// A passkey.
    Passkeys,
}

impl Kind {
    /// As the API names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Push => "push",
            Self::Passkeys => "passkeys",
        }
    }

    /// From its name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Totp, Self::Push, Self::Passkeys].into_iter().find(|kind| kind.name() == name)
    }
}

/// Somebody who is verified, by the name that the application gave.
#[derive(Clone, Debug)]
pub struct Entity {
    /// Its SID.
    pub sid: EntitySid,
    /// Whose it is.
    pub account: AccountSid,
    /// The service that holds it.
    pub service: [u8; 16],
    /// The application's name for it.
    pub identity: String,
    /// When it was made.
    pub created_at: Instant,
    /// When it was changed last.
    pub updated_at: Instant,
    /// Its last event and that event's number.
    pub event: (i64, i64),
}

/// A factor of an entity.
#[derive(Clone, Debug)]
pub struct Factor {
    /// Its SID.
    pub sid: FactorSid,
    /// Whose it is.
    pub account: AccountSid,
    /// The service that holds it.
    pub service: [u8; 16],
    /// Whose proof it is.
    pub entity: EntitySid,
    /// The application's name for that.
    pub identity: String,
    /// What kind.
    pub kind: Kind,
    /// Its name for people.
    pub friendly_name: String,
    /// Whether it was proved once.
    pub verified: bool,
    /// How it works, as the API shows it.
    pub config: Map<String, Value>,
    /// What the device says of itself.
    pub metadata: Value,
    /// Salt of its own key.
    pub salt: [u8; 16],
    /// Its secret or public key, sealed under its own key.
    pub binding: Vec<u8>,
    /// A passkey's credential id.
    pub credential: Option<String>,
    /// The last time step, or the last count of signatures, that was used.
    pub used: i64,
    /// Wrong answers since `wrong_since`.
    pub wrong: i64,
    /// When the first of these was.
    pub wrong_since: Instant,
    /// When it was made.
    pub created_at: Instant,
    /// When it was changed last.
    pub updated_at: Instant,
    /// Its last event and that event's number.
    pub event: (i64, i64),
}

impl Factor {
    /// Its secret or public key; `None` when it does not open any more.
    pub fn open(&self, master: &MasterKey) -> Option<Vec<u8>> {
        ObjectKey::derive(master, &self.salt).open(&self.binding).ok()
    }

    /// Seals a new secret or public key.
    pub fn seal(&mut self, master: &MasterKey, nonce: [u8; 12], binding: &[u8]) {
        self.binding = ObjectKey::derive(master, &self.salt).seal(nonce, binding);
    }

    /// A member of its config that is text; empty when there is none.
    pub fn setting(&self, name: &str) -> &str {
        self.config.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// How its codes are made.
    pub fn totp(&self) -> Settings {
        let number = |name, or| self.config.get(name).and_then(Value::as_i64).unwrap_or(or);
        Settings {
            algorithm: Algorithm::from_name(self.setting("alg")).unwrap_or(Algorithm::Sha1),
            digits: u32::try_from(number("code_length", 6)).unwrap_or(6),
            step_s: number("time_step", 30),
            skew: number("skew", 1),
        }
    }
}

/// How a challenge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It waits for an answer.
    Pending,
    /// Its time ran out.
    Expired,
    /// It was answered rightly.
    Approved,
    /// It was refused on the device.
    Denied,
}

impl Status {
    /// As the API names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Expired => "expired",
            Self::Approved => "approved",
            Self::Denied => "denied",
        }
    }

    /// From its name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Pending, Self::Expired, Self::Approved, Self::Denied];
        all.into_iter().find(|status| status.name() == name)
    }
}

/// One use of a factor.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// Its SID.
    pub sid: ChallengeSid,
    /// Whose it is.
    pub account: AccountSid,
    /// The service that holds it.
    pub service: [u8; 16],
    /// Who is asked; unknown until the answer when any passkey may answer.
    pub entity: Option<EntitySid>,
    /// The application's name for that; empty when unknown.
    pub identity: String,
    /// Which factor is asked, when one is.
    pub factor: Option<FactorSid>,
    /// What kind of factor.
    pub kind: Kind,
    /// As it was written last: what runs out is not written, see [`Challenge::status_at`].
    pub status: Status,
    /// Salt of its own key.
    pub salt: [u8; 16],
    /// What is asked, sealed under its own key.
    pub content: Vec<u8>,
    /// When it runs out.
    pub expires_at: Instant,
    /// When it was answered.
    pub responded_at: Option<Instant>,
    /// Wrong answers so far.
    pub wrong: i64,
    /// When it was made.
    pub created_at: Instant,
    /// When it was changed last.
    pub updated_at: Instant,
    /// Its last event and that event's number.
    pub event: (i64, i64),
}

impl Challenge {
    /// How it stands: a pending one that was not answered in time is expired.
    pub fn status_at(&self, now: Instant) -> Status {
        match self.status {
            Status::Pending if now >= self.expires_at => Status::Expired,
            status => status,
        }
    }

    /// What is asked; nothing when it does not open any more.
    pub fn open(&self, master: &MasterKey) -> Content {
        let opened = ObjectKey::derive(master, &self.salt).open(&self.content);
        let parsed = opened.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        parsed.unwrap_or_default()
    }

    /// Seals what is asked.
    pub fn seal(&mut self, master: &MasterKey, nonce: [u8; 12], content: &Content) {
        let text = serde_json::to_vec(content).unwrap_or_default();
        self.content = ObjectKey::derive(master, &self.salt).seal(nonce, &text);
    }
}

/// What a challenge asks, and what is known about it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Content {
    /// Shown to the user.
    pub details: Value,
    /// Not shown to the user.
    pub hidden_details: Value,
    /// What the device says of itself.
    pub metadata: Value,
}
