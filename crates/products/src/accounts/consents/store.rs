//! The SQL of consents and contacts.

use ::store::{Migration, Query, StoreError, Tx};
use base::{AccountSid, Instant, Sid};

/// The tables.
pub(in crate::accounts) const MIGRATION: Migration = Migration {
    name: "accounts.consents/1",
    sql: "
    CREATE TABLE consents (
        account {blob} NOT NULL,
        sender {text} NOT NULL,
        contact {text} NOT NULL,
        opted_out {int} NOT NULL,
        source {text} NOT NULL,
        given_at {int},
        correlation_id {text},
        updated_at {int} NOT NULL,
        PRIMARY KEY (account, sender, contact)
    ) {clustered};
    CREATE INDEX consents_opted_out ON consents (account, sender) WHERE opted_out = 1;
    CREATE INDEX consents_by_contact ON consents (account, contact) WHERE opted_out = 1;
    CREATE TABLE contacts (
        account {blob} NOT NULL,
        number {text} NOT NULL,
        correlation_id {text} NOT NULL,
        country {text} NOT NULL,
        zip_code {text} NOT NULL,
        updated_at {int} NOT NULL,
        PRIMARY KEY (account, number)
    ) {clustered};
    ",
};

/// By which medium somebody consented or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A form on the web.
    Website,
    /// On paper, at a counter.
    Offline,
    /// By a text like START.
    OptInMessage,
    /// By a text like STOP.
    OptOutMessage,
    /// Anything else.
    Others,
}

impl Source {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Website, "website"),
        (Self::Offline, "offline"),
        (Self::OptInMessage, "opt-in-message"),
        (Self::OptOutMessage, "opt-out-message"),
        (Self::Others, "others"),
    ];

    /// As the API names it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(source, _)| *source == self).map_or("others", |(_, name)| name)
    }

    /// From its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(source, _)| *source)
    }
}

/// A contact's word about the texts of one sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// A number, a short code, or the SID of a Messaging Service.
    pub sender: String,
    /// The contact's number.
    pub contact: String,
    /// Whether it wants no more texts.
    pub opted_out: bool,
    /// How the word came.
    pub source: Source,
    /// When it was given, if that was told.
    pub given_at: Option<Instant>,
    /// The id under which an application told of it.
    pub correlation_id: Option<String>,
}

/// A contact as an application describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contact {
    pub(super) number: String,
    pub(super) correlation_id: String,
    pub(super) country: String,
    pub(super) zip_code: String,
}

/// Whether a contact wants no texts from a sender.
pub fn opted_out(
    query: &mut impl Query,
    account: AccountSid,
    sender: &str,
    contact: &str,
) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM consents WHERE account = ? AND sender = ? AND contact = ? \
               AND opted_out = 1";
    let account = account.bytes();
    let params = [(&account).into(), sender.into(), contact.into()];
    Ok(query.row(sql, &params, |row| row.int(0))?.is_some())
}

/// Whether anybody at all wants no texts from a sender.
pub fn any_opted_out(
    query: &mut impl Query,
    account: AccountSid,
    sender: &str,
) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM consents WHERE account = ? AND sender = ? AND opted_out = 1 LIMIT 1";
    let account = account.bytes();
    Ok(query.row(sql, &[(&account).into(), sender.into()], |row| row.int(0))?.is_some())
}

/// From which senders a contact wants no texts, and since when; at most `limit`.
pub fn opt_outs_of(
    query: &mut impl Query,
    account: AccountSid,
    contact: &str,
    limit: u32,
) -> Result<Vec<(String, Instant)>, StoreError> {
    let sql = "SELECT sender, updated_at FROM consents WHERE account = ? AND contact = ? \
               AND opted_out = 1 ORDER BY sender LIMIT ?";
    let account = account.bytes();
    let params = [(&account).into(), contact.into(), limit.into()];
    query.rows(sql, &params, |row| Ok((row.text(0)?, row.instant(1)?)))
}

/// Keeps what contacts said; the last word of one about a sender counts.
pub fn record(
    tx: &mut Tx<'_>,
    account: AccountSid,
    consents: &[Consent],
) -> Result<(), StoreError> {
    let now = tx.now();
    for consent in consents {
        tx.execute(
            "INSERT INTO consents (account, sender, contact, opted_out, source, given_at, \
             correlation_id, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT (account, sender, contact) DO UPDATE SET \
             opted_out = excluded.opted_out, source = excluded.source, \
             given_at = excluded.given_at, correlation_id = excluded.correlation_id, \
             updated_at = excluded.updated_at",
            &[
                (&account.bytes()).into(),
                (&consent.sender).into(),
                (&consent.contact).into(),
                consent.opted_out.into(),
                consent.source.name().into(),
                consent.given_at.into(),
                consent.correlation_id.as_ref().into(),
                now.into(),
            ],
        )?;
    }
    Ok(())
}

/// Keeps what is known of contacts, in place of what was known.
pub(super) fn keep_contacts(
    tx: &mut Tx<'_>,
    account: AccountSid,
    contacts: &[Contact],
) -> Result<(), StoreError> {
    let now = tx.now();
    for contact in contacts {
        tx.execute(
            "INSERT INTO contacts (account, number, correlation_id, country, zip_code, \
             updated_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account, number) DO UPDATE SET \
             correlation_id = excluded.correlation_id, country = excluded.country, \
             zip_code = excluded.zip_code, updated_at = excluded.updated_at",
            &[
                (&account.bytes()).into(),
                (&contact.number).into(),
                (&contact.correlation_id).into(),
                (&contact.country).into(),
                (&contact.zip_code).into(),
                now.into(),
            ],
        )?;
    }
    Ok(())
}
