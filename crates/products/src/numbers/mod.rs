//! Numbers: the inventory that the operator owns, and who holds which of them.

pub mod store;

use ::store::{Migration, Query, StoreError, Tx};
use base::{AccountSid, PhoneNumberSid};

pub use store::{InventoryNumber, NumberKind};

/// The tables of this product.
pub const MIGRATIONS: &[Migration] = store::MIGRATIONS;

/// A number that an account holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedNumber {
    /// Who holds it.
    pub account: AccountSid,
    /// Its resource.
    pub sid: PhoneNumberSid,
    /// Whether it sends and receives texts.
    pub sms: bool,
    /// Whether it sends and receives media.
    pub mms: bool,
}

/// Who holds a number, if anybody does. One indexed query: it is asked on the accept path.
pub fn sender(query: &mut impl Query, e164: &str) -> Result<Option<OwnedNumber>, StoreError> {
    store::owner(query, e164)
}

/// Whether `number` is a verified number of the account: what a trial may reach.
pub fn is_verified(
    query: &mut impl Query,
    account: AccountSid,
    number: &str,
) -> Result<bool, StoreError> {
    let sql =
        "SELECT 1 FROM resource_keys WHERE account = ? AND kind = ? AND field = ? AND value = ?";
    let account = base::Sid::bytes(account);
    let params =
        [(&account).into(), "outgoing_caller_id".into(), "PhoneNumber".into(), number.into()];
    Ok(query.row(sql, &params, |row| row.int(0))?.is_some())
}

/// Numbers for a first look: several countries, from ranges that are reserved for fiction where a
/// country has them. North American ones first.
const DEV_STOCK: &[(&str, &str, NumberKind, &str, &str)] = &[
    ("+14155550100", "US", NumberKind::Local, "CA", "San Francisco"),
    ("+14155550101", "US", NumberKind::Local, "CA", "San Francisco"),
    ("+12125550102", "US", NumberKind::Local, "NY", "New York"),
    ("+12125550103", "US", NumberKind::Local, "NY", "New York"),
    ("+13125550104", "US", NumberKind::Local, "IL", "Chicago"),
    ("+18005550105", "US", NumberKind::TollFree, "", ""),
    ("+14165550106", "CA", NumberKind::Local, "ON", "Toronto"),
    ("+447700900100", "GB", NumberKind::Mobile, "", ""),
    ("+447700900101", "GB", NumberKind::Mobile, "", ""),
    ("+442079460100", "GB", NumberKind::Local, "", "London"),
    ("+33199000100", "FR", NumberKind::Local, "", "Paris"),
    ("+33639980100", "FR", NumberKind::Mobile, "", ""),
    ("+4915700000100", "DE", NumberKind::Mobile, "", ""),
    ("+61491570100", "AU", NumberKind::Mobile, "", ""),
    ("+919999900100", "IN", NumberKind::Mobile, "", ""),
    ("+5511999990100", "BR", NumberKind::Mobile, "", ""),
];

/// Puts the numbers of `dev` into the inventory.
pub fn seed_dev(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    for (e164, country, kind, region, locality) in DEV_STOCK {
        let number = InventoryNumber {
            e164: (*e164).to_owned(),
            country: (*country).to_owned(),
            kind: *kind,
            region: (*region).to_owned(),
            locality: (*locality).to_owned(),
            sms: true,
            mms: matches!(*country, "US" | "CA"),
            voice: true,
        };
        store::add(tx, &number)?;
    }
    Ok(())
}

/// The two numbers that the main account of `dev` begins with.
pub const DEV_OWNED: [&str; 2] = ["+15550001111", "+442079460999"];

/// Gives numbers to an account, adding them to the inventory when they are not there. Numbers
/// that somebody holds stay with their holder.
pub fn own(
    tx: &mut Tx<'_>,
    account: AccountSid,
    numbers: &[String],
    _sms_url: Option<&str>,
) -> Result<(), StoreError> {
    for e164 in numbers.iter().map(|number| number.trim()).filter(|number| !number.is_empty()) {
        let country = base::E164::parse(e164).ok().and_then(|number| number.country());
        let number = InventoryNumber {
            e164: e164.to_owned(),
            country: country.unwrap_or_else(|| "US".to_owned()),
            kind: NumberKind::Local,
            region: String::new(),
            locality: String::new(),
            sms: true,
            mms: true,
            voice: true,
        };
        store::add(tx, &number)?;
        let sid = tx.new_sid();
        store::take(tx, e164, account, sid)?;
    }
    Ok(())
}
