//! The SQL of SIP domains: whose a name is, and which phones are bound where.

use ::store::{Query, Row, StoreError, Tx};
use base::{AccountSid, AnySid, Instant, Sid};

pub(super) const TABLES: &str = "
    CREATE TABLE sip_domains (
        name {text} NOT NULL PRIMARY KEY,
        account {blob} NOT NULL,
        sid {blob} NOT NULL
    ) {clustered};
    CREATE TABLE sip_bindings (
        node {text} NOT NULL,
        aor {text} NOT NULL,
        contact {text} NOT NULL,
        account {blob} NOT NULL,
        domain {blob} NOT NULL,
        transport {text} NOT NULL,
        remote {text} NOT NULL,
        expires_at {int} NOT NULL,
        q {int} NOT NULL,
        call_id {text} NOT NULL,
        seq {int} NOT NULL,
        user_agent {text} NOT NULL,
        PRIMARY KEY (node, aor, contact)
    ) {clustered};
    ";

/// A domain's SID.
pub fn domain_sid(bytes: [u8; 16]) -> AnySid {
    AnySid { prefix: *b"SD", bytes }
}

/// Takes a name that nobody has; `false` when somebody has it.
pub fn take(
    tx: &mut Tx<'_>,
    name: &str,
    account: AccountSid,
    sid: AnySid,
) -> Result<bool, StoreError> {
    let account = account.bytes();
    let taken = tx.execute(
        "INSERT INTO sip_domains (name, account, sid) VALUES (?, ?, ?) \
         ON CONFLICT (name) DO NOTHING",
        &[name.into(), (&account).into(), (&sid.bytes).into()],
    )?;
    Ok(taken == 1)
}

/// Gives a name back.
pub fn release(tx: &mut Tx<'_>, name: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM sip_domains WHERE name = ?", &[name.into()])?;
    Ok(())
}

/// Whose a name is, and as which domain.
pub fn holder(
    query: &mut impl Query,
    name: &str,
) -> Result<Option<(AccountSid, AnySid)>, StoreError> {
    query.row("SELECT account, sid FROM sip_domains WHERE name = ?", &[name.into()], |row| {
        Ok((row.sid(0)?, domain_sid(row.bytes16(1)?)))
    })
}

/// How many documents of a kind something holds.
pub fn count(
    query: &mut impl Query,
    kind: &str,
    account: AccountSid,
    parent: [u8; 16],
) -> Result<i64, StoreError> {
    let account = account.bytes();
    let found = query.row(
        "SELECT COUNT(*) FROM resources WHERE account = ? AND kind = ? AND parent = ?",
        &[(&account).into(), kind.into(), (&parent).into()],
        |row| row.int(0),
    )?;
    Ok(found.unwrap_or_default())
}

/// Whether a list is mapped to any domain of its account.
pub fn is_mapped(
    query: &mut impl Query,
    account: AccountSid,
    list: AnySid,
) -> Result<bool, StoreError> {
    let (account, end) = (account.bytes(), format!("%:{list}"));
    let found = query.row(
        "SELECT 1 FROM resource_keys WHERE account = ? AND kind IN \
         ('sip_call_credentials', 'sip_registration_credentials', 'sip_call_addresses') \
         AND value LIKE ? LIMIT 1",
        &[(&account).into(), (&end).into()],
        |row| row.int(0),
    )?;
    Ok(found.is_some())
}

/// A binding as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Whose domain.
    pub account: AccountSid,
    /// Which domain.
    pub domain: AnySid,
    /// What SIP knows.
    pub binding: sip::Binding,
}

/// Keeps a binding, in the place of the one with the same contact.
pub fn bind(tx: &mut Tx<'_>, node: &str, bound: &Bound) -> Result<(), StoreError> {
    let binding = &bound.binding;
    let (account, contact) = (bound.account.bytes(), binding.contact.to_string());
    let remote = binding.hop.remote.to_string();
    tx.execute(
        "INSERT INTO sip_bindings (node, aor, contact, account, domain, transport, remote, \
         expires_at, q, call_id, seq, user_agent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (node, aor, contact) DO UPDATE SET account = excluded.account, \
         domain = excluded.domain, transport = excluded.transport, remote = excluded.remote, \
         expires_at = excluded.expires_at, q = excluded.q, call_id = excluded.call_id, \
         seq = excluded.seq, user_agent = excluded.user_agent",
        &[
            node.into(),
            (&binding.aor).into(),
            (&contact).into(),
            (&account).into(),
            (&bound.domain.bytes).into(),
            binding.hop.transport.as_str().into(),
            (&remote).into(),
            binding.expires_at.into(),
            i64::from(binding.q).into(),
            (&binding.call_id).into(),
            i64::from(binding.seq).into(),
            (&binding.user_agent).into(),
        ],
    )?;
    Ok(())
}

/// Forgets a binding.
pub fn unbind(tx: &mut Tx<'_>, node: &str, aor: &str, contact: &str) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM sip_bindings WHERE node = ? AND aor = ? AND contact = ?",
        &[node.into(), aor.into(), contact.into()],
    )?;
    Ok(())
}

/// The bindings of a node that begins; what is over by now is forgotten, and what led over a
/// connection of the life before.
pub fn bindings(tx: &mut Tx<'_>, node: &str, now: Instant) -> Result<Vec<Bound>, StoreError> {
    tx.execute(
        "DELETE FROM sip_bindings WHERE node = ? AND (expires_at <= ? OR transport <> 'UDP')",
        &[node.into(), now.into()],
    )?;
    let sql = "SELECT account, domain, aor, contact, transport, remote, expires_at, q, call_id, \
               seq, user_agent FROM sip_bindings WHERE node = ? ORDER BY aor, contact";
    Ok(tx.rows(sql, &[node.into()], bound)?.into_iter().flatten().collect())
}

/// A row whose addresses can't be read is none.
fn bound(row: &Row<'_>) -> Result<Option<Bound>, StoreError> {
    let contact = sip::Uri::parse(&row.text(3)?);
    let transport = sip::io::Transport::parse(&row.text(4)?);
    let (Ok(contact), Some(transport), Ok(remote)) = (contact, transport, row.text(5)?.parse())
    else {
        return Ok(None);
    };
    let name = contact.host.clone();
    let binding = sip::Binding {
        aor: row.text(2)?,
        contact,
        hop: sip::io::Hop { transport, remote, flow: None, name },
        expires_at: row.instant(6)?,
        q: u16::try_from(row.int(7)?).unwrap_or(1_000),
        call_id: row.text(8)?,
        seq: u32::try_from(row.int(9)?).unwrap_or_default(),
        user_agent: row.text(10)?,
    };
    Ok(Some(Bound { account: row.sid(0)?, domain: domain_sid(row.bytes16(1)?), binding }))
}
