//! Ways to deliver a code. A channel is a piece that carries it: what is not in the list is
//! refused (60223), what fails moves on to the next of the service's order.

use std::time::Duration;

use ::store::{StoreError, Tx};
use base::ApiError;

use crate::accounts::Account;
use crate::resource::Document;
use crate::verify::model::Kind;
use crate::verify::rules;

/// A code about to be delivered.
pub struct Parcel<'a> {
    /// Whose verification it is.
    pub account: &'a Account,
    /// Its service, with the settings of each channel.
    pub service: &'a Document,
    /// Where to.
    pub to: &'a str,
    /// ISO 3166 code of the number's country; empty where there is none.
    pub country: &'a str,
    /// The words, with the code in its place.
    pub words: &'a str,
    /// The words that are said before and after the code.
    pub around: (&'a str, &'a str),
    /// What is said to ask for a key.
    pub press_a_key: &'a str,
    /// The code alone, for what says it in its own way.
    pub code: &'a str,
    /// The language of the words.
    pub locale: &'a str,
    /// For how long it is worth delivering.
    pub lives: Duration,
    /// Digits to dial once a call is answered.
    pub send_digits: Option<&'a str>,
}

/// What a channel knows of a delivery: the name it gave it, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The channel's own key of it.
    pub key: [u8; 16],
    /// Twilio's word: `queued`, `delivered`.
    pub status: &'static str,
    /// Why it failed; 0 when it did not.
    pub error: u32,
    /// What it costs, in millionths of a dollar; not negative.
    pub price: i64,
    /// A restart of this program cut it off before it reached anybody.
    pub interrupted: bool,
}

/// Delivers codes in one way, inside the unit of work that makes the attempt.
pub trait Carry: Send + Sync {
    /// Which way.
    fn kind(&self) -> Kind;

    /// Whether it can say words in a language; English is said in its place.
    fn speaks(&self, _locale: &str) -> bool {
        true
    }

    /// Takes a code to be delivered, or says why it can't.
    fn carry(&self, tx: &mut Tx<'_>, parcel: &Parcel<'_>) -> Result<Taken, StoreError>;

    /// How a delivery stands now.
    fn look(
        &self,
        tx: &mut Tx<'_>,
        account: base::AccountSid,
        key: [u8; 16],
    ) -> Result<Option<Carried>, StoreError>;

    /// Destroys what was said. `false` while it must wait for the delivery's end; the channel
    /// then tells of that end.
    fn redact(
        &self,
        tx: &mut Tx<'_>,
        account: base::AccountSid,
        key: [u8; 16],
    ) -> Result<bool, StoreError>;
}

/// Whether a channel took a code.
pub type Taken = Result<Carried, ApiError>;

/// The channels of an installation.
pub struct Channels(Vec<Box<dyn Carry>>);

impl Channels {
    /// These, and no others.
    pub fn new(list: Vec<Box<dyn Carry>>) -> Self {
        Self(list)
    }

    /// The piece of one kind.
    pub fn find(&self, kind: Kind) -> Option<&dyn Carry> {
        self.0.iter().find(|channel| channel.kind() == kind).map(|channel| &**channel)
    }

    /// The ways that are there, the best first.
    pub fn available(&self) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|kind| self.find(*kind).is_some()).collect()
    }
}

/// The channels to try, in order: the wanted one (the best for `auto`), then those of the
/// service's order. What is not there is refused when it is asked for, and passed over else.
pub fn plan(wanted: Option<Kind>, order: &str, there: &[Kind]) -> Result<Vec<Kind>, ApiError> {
    let disabled = |name: &str| {
        let text = format!("Delivery channel disabled: {}", name.to_uppercase());
        ApiError::new(rules::CHANNEL_DISABLED, text)
    };
    let first = match wanted {
        Some(kind) if there.contains(&kind) => kind,
        Some(kind) => return Err(disabled(kind.name())),
        // Mail needs an address of its own kind.
        None => {
            let phone = there.iter().find(|kind| **kind != Kind::Email);
            *phone.ok_or_else(|| disabled("auto"))?
        }
    };
    let mut plan = vec![first];
    let later = order.split(',').filter_map(|name| Kind::from_name(name.trim()));
    for kind in later.filter(|kind| there.contains(kind)) {
        let same_kind_of_address = (kind == Kind::Email) == (first == Kind::Email);
        if same_kind_of_address && !plan.contains(&kind) {
            plan.push(kind);
        }
    }
    Ok(plan)
}

/// What is tried after `tried` failed.
pub fn next(first: Kind, order: &str, there: &[Kind], tried: &[Kind]) -> Option<Kind> {
    let plan = plan(Some(first), order, there).unwrap_or_default();
    plan.into_iter().find(|kind| !tried.contains(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_refused_when_asked_for_and_passed_over_else() {
        let there = [Kind::Sms, Kind::Call];
        let plan = |wanted, order| plan(wanted, order, &there).map_err(|error| error.code);
        assert_eq!(plan(Some(Kind::Sms), ""), Ok(vec![Kind::Sms]));
        assert_eq!(plan(None, "whatsapp, call,sms"), Ok(vec![Kind::Sms, Kind::Call]));
        assert_eq!(plan(Some(Kind::Call), "sms"), Ok(vec![Kind::Call, Kind::Sms]));
        assert_eq!(plan(Some(Kind::Whatsapp), "sms"), Err(60223));
    }

    #[test]
    fn each_channel_is_tried_once() {
        let there = [Kind::Sms, Kind::Whatsapp, Kind::Call];
        let next = |tried: &[Kind]| next(Kind::Sms, "whatsapp,call", &there, tried);
        assert_eq!(next(&[Kind::Sms]), Some(Kind::Whatsapp));
        assert_eq!(next(&[Kind::Sms, Kind::Whatsapp]), Some(Kind::Call));
        assert_eq!(next(&there), None);
    }

    #[test]
    fn mail_and_numbers_dont_mix() {
        let there = [Kind::Sms, Kind::Email];
        assert_eq!(plan(Some(Kind::Sms), "email", &there).ok(), Some(vec![Kind::Sms]));
        assert!(plan(None, "", &[Kind::Email]).is_err());
    }
}
