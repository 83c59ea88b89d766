//! The SQL of the inventory.

use ::store::{Migration, Query, Row, StoreError, Tx, Value};
use base::{AccountSid, PhoneNumberSid, Sid};

use crate::numbers::OwnedNumber;

/// The tables of this product.
pub const MIGRATIONS: &[Migration] = &[Migration {
    name: "numbers/1",
    sql: "
    CREATE TABLE inventory (
        e164 {text} NOT NULL PRIMARY KEY,
        country {text} NOT NULL,
        kind {int} NOT NULL,
        region {text} NOT NULL,
        locality {text} NOT NULL,
        sms {int} NOT NULL,
        mms {int} NOT NULL,
        voice {int} NOT NULL,
        account {blob},
        sid {blob}
    ) {clustered};
    CREATE INDEX inventory_free ON inventory (country, kind, e164) WHERE account IS NULL;
    ",
}];

/// What kind of number it is, as Twilio sorts its offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberKind {
    /// Of a place.
    Local = 0,
    /// Of a mobile network.
    Mobile = 1,
    /// Free for the caller.
    TollFree = 2,
    /// Of a country, and no place in it.
    National = 3,
    /// Paid by both ends.
    SharedCost = 4,
    /// Of the internet.
    Voip = 5,
    /// Of machines.
    MachineToMachine = 6,
}

impl NumberKind {
    /// Each, as paths name it, as the JSON of a number and files do, and as lists of what a
    /// country has do.
    pub const ALL: [(Self, &'static str, &'static str, &'static str); 7] = [
        (Self::Local, "Local", "local", "local"),
        (Self::Mobile, "Mobile", "mobile", "mobile"),
        (Self::TollFree, "TollFree", "tollfree", "toll_free"),
        (Self::National, "National", "national", "national"),
        (Self::SharedCost, "SharedCost", "sharedcost", "shared_cost"),
        (Self::Voip, "Voip", "voip", "voip"),
        (Self::MachineToMachine, "MachineToMachine", "machinetomachine", "machine_to_machine"),
    ];

    /// As the tables have it.
    fn of(number: i64) -> Self {
        let found = Self::ALL.iter().find(|(kind, ..)| *kind as i64 == number);
        found.map_or(Self::Local, |(kind, ..)| *kind)
    }

    /// As the JSON of a number names it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, ..)| *kind == self).map_or("local", |(_, _, name, _)| name)
    }

    /// From that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, _, known, _)| *known == name).map(|(kind, ..)| *kind)
    }
}

/// `+14155550100` as people in its country write it: `(415) 555-0100`.
pub fn national(e164: &str) -> String {
    match e164.strip_prefix("+1").filter(|national| national.len() == 10) {
        Some(national) => {
            format!("({}) {}-{}", &national[..3], &national[3..6], &national[6..])
        }
        None => e164.to_owned(),
    }
}

/// A number that the operator owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventoryNumber {
    /// The number.
    pub e164: String,
    /// ISO 3166 code.
    pub country: String,
    /// Local, mobile or toll free.
    pub kind: NumberKind,
    /// State or province.
    pub region: String,
    /// City.
    pub locality: String,
    /// Whether it takes texts.
    pub sms: bool,
    /// Whether it takes media.
    pub mms: bool,
    /// Whether it takes calls.
    pub voice: bool,
}

/// Adds a number, if it is not there.
pub fn add(tx: &mut Tx<'_>, number: &InventoryNumber) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO inventory (e164, country, kind, region, locality, sms, mms, voice) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (e164) DO NOTHING",
        &[
            (&number.e164).into(),
            (&number.country).into(),
            Value::Int(number.kind as i64),
            (&number.region).into(),
            (&number.locality).into(),
            number.sms.into(),
            number.mms.into(),
            number.voice.into(),
        ],
    )?;
    Ok(())
}

/// Who holds a number.
pub fn owner(query: &mut impl Query, e164: &str) -> Result<Option<OwnedNumber>, StoreError> {
    let sql = "SELECT account, sid, sms, mms, voice FROM inventory \
               WHERE e164 = ? AND account IS NOT NULL";
    query.row(sql, &[e164.into()], |row| {
        Ok(OwnedNumber {
            account: row.sid(0)?,
            sid: row.sid(1)?,
            sms: row.bool(2)?,
            mms: row.bool(3)?,
            voice: row.bool(4)?,
        })
    })
}

/// Gives a free number to an account. `false` when somebody holds it, or it is not there.
pub fn take(
    tx: &mut Tx<'_>,
    e164: &str,
    account: AccountSid,
    sid: PhoneNumberSid,
) -> Result<bool, StoreError> {
    let sql = "UPDATE inventory SET account = ?, sid = ? WHERE e164 = ? AND account IS NULL";
    let (account, sid) = (account.bytes(), sid.bytes());
    Ok(tx.execute(sql, &[(&account).into(), (&sid).into(), e164.into()])? == 1)
}

/// Moves a held number to another account.
pub fn transfer(tx: &mut Tx<'_>, e164: &str, to: AccountSid) -> Result<(), StoreError> {
    let to = to.bytes();
    tx.execute("UPDATE inventory SET account = ? WHERE e164 = ?", &[(&to).into(), e164.into()])?;
    Ok(())
}

/// Gives a number back.
pub fn release(tx: &mut Tx<'_>, e164: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE inventory SET account = NULL, sid = NULL WHERE e164 = ?", &[e164.into()])?;
    Ok(())
}

/// A number of the inventory, and who holds it.
pub fn find(query: &mut impl Query, e164: &str) -> Result<Option<InventoryNumber>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM inventory WHERE e164 = ?");
    query.row(&sql, &[e164.into()], from_row)
}

const COLUMNS: &str = "e164, country, kind, region, locality, sms, mms, voice";

/// Free numbers of a country and kind, in order, at most `limit`.
pub fn free(
    query: &mut impl Query,
    country: &str,
    kind: NumberKind,
    limit: u32,
) -> Result<Vec<InventoryNumber>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM inventory WHERE country = ? AND kind = ? AND account IS NULL \
         ORDER BY e164 LIMIT {limit}"
    );
    query.rows(&sql, &[country.into(), Value::Int(kind as i64)], from_row)
}

/// The countries in which there are free numbers.
pub fn countries(query: &mut impl Query) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT DISTINCT country FROM inventory WHERE account IS NULL ORDER BY country";
    query.rows(sql, &[], |row| row.text(0))
}

fn from_row(row: &Row<'_>) -> Result<InventoryNumber, StoreError> {
    Ok(InventoryNumber {
        e164: row.text(0)?,
        country: row.text(1)?,
        kind: NumberKind::of(row.int(2)?),
        region: row.text(3)?,
        locality: row.text(4)?,
        sms: row.bool(5)?,
        mms: row.bool(6)?,
        voice: row.bool(7)?,
    })
}
