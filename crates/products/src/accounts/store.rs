//! The SQL of accounts and keys.

use ::store::{Migration, NewEvent, Query, Row, StoreError, Tx, Value};
use base::{AccountSid, AnySid, Instant, KeySid, MasterKey, Secret, Sid};

use crate::accounts::sessions::Opens;
use crate::accounts::{
    Account, Credentials, Key, KeyKind, Kind, Retention, Status, consents, geo, resources,
};
use crate::resource;

/// The tables of this product.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "accounts/1",
        sql: "
    CREATE TABLE accounts (
        sid {blob} NOT NULL PRIMARY KEY,
        parent {blob},
        friendly_name {text} NOT NULL,
        status {int} NOT NULL,
        kind {int} NOT NULL,
        auth_token {blob} NOT NULL,
        secondary_token {blob},
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL,
        event {int} NOT NULL,
        event_seq {int} NOT NULL
    ) {clustered};
    CREATE INDEX accounts_by_parent ON accounts (parent, sid);
    ",
    },
    Migration {
        name: "accounts/2",
        sql: "
    CREATE TABLE doors (
        hash {blob} NOT NULL PRIMARY KEY,
        opens {int} NOT NULL,
        account {blob} NOT NULL,
        person {text},
        expires_at {int} NOT NULL
    ) {clustered};
    CREATE TABLE people (
        email {text} NOT NULL PRIMARY KEY,
        account {blob} NOT NULL,
        password {text} NOT NULL,
        created_at {int} NOT NULL
    ) {clustered};
    ",
    },
    Migration {
        name: "accounts/3",
        sql: "ALTER TABLE accounts ADD COLUMN at_most_once {int} NOT NULL DEFAULT 0;",
    },
    Migration {
        name: "accounts/4",
        sql: "ALTER TABLE accounts ADD COLUMN credit {int} NOT NULL DEFAULT 0;",
    },
    Migration {
        name: "accounts/5",
        sql: "
        ALTER TABLE accounts ADD COLUMN retain_messages {int} NOT NULL DEFAULT 0;
        ALTER TABLE accounts ADD COLUMN retain_alerts {int} NOT NULL DEFAULT 0;
        ",
    },
    consents::MIGRATION,
    geo::MIGRATION,
];

/// An account has another token than before.
pub const TOKEN_CHANGED: &str = "accounts.auth_token.changed";

const COLUMNS: &str = "sid, parent, friendly_name, status, kind, auth_token, secondary_token, \
                       created_at, updated_at, event, event_seq, at_most_once, credit, \
                       retain_messages, retain_alerts";

/// The account with this SID.
pub fn find(
    query: &mut impl Query,
    master: &MasterKey,
    sid: AccountSid,
) -> Result<Option<Account>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts WHERE sid = ?");
    query.row(&sql, &[(&sid.bytes()).into()], |row| from_row(row, master))
}

/// The API key with this SID.
pub fn find_key(
    query: &mut impl Query,
    master: &MasterKey,
    sid: KeySid,
) -> Result<Option<Key>, StoreError> {
    let found = resource::store::find_anywhere(query, &resources::KEY, AnySid::from(sid))?;
    let Some(document) = found else { return Ok(None) };
    let kind = match document.text("KeyType") {
        "main" => KeyKind::Main,
        "restricted" => KeyKind::Restricted(allowed(document.text("Policy"))),
        _ => KeyKind::Standard,
    };
    let sealed = unhex(document.text("SecretSealed"));
    let secret = unseal(master, sid.bytes(), &sealed)?;
    Ok(Some(Key { sid, account: document.account, kind, secret }))
}

/// What a restricted key's policy lists.
fn allowed(policy: &str) -> std::collections::BTreeSet<String> {
    let policy = serde_json::from_str::<serde_json::Value>(policy).unwrap_or_default();
    let listed = policy.get("allow").and_then(serde_json::Value::as_array);
    let texts = listed.into_iter().flatten().filter_map(serde_json::Value::as_str);
    texts.map(str::to_owned).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_default() as u8;
    text.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// Makes the account with these credentials, or leaves an existing one its token unless
/// `overrule`. Answers the token.
pub fn ensure(
    tx: &mut Tx<'_>,
    master: &MasterKey,
    credentials: &Credentials,
    overrule: bool,
    kind: Kind,
    name: &str,
) -> Result<Secret, StoreError> {
    let Credentials { sid, token } = credentials;
    match find(tx, master, *sid)? {
        Some(mut account) if overrule && account.auth_token != *token => {
            account.auth_token = token.clone();
            save(tx, master, &account, TOKEN_CHANGED)?;
        }
        Some(account) => return Ok(account.auth_token),
        None => insert(tx, master, credentials, None, kind, name)?,
    }
    Ok(token.clone())
}

/// Makes an account.
pub fn insert(
    tx: &mut Tx<'_>,
    master: &MasterKey,
    credentials: &Credentials,
    parent: Option<AccountSid>,
    kind: Kind,
    name: &str,
) -> Result<(), StoreError> {
    let sid = credentials.sid;
    let event = emit(tx, sid, (0, 0), "accounts.account.created")?;
    let sealed = seal(tx, master, sid.bytes(), &credentials.token);
    let parent = parent.map(Sid::bytes);
    let now = tx.now();
    tx.execute(
        "INSERT INTO accounts (sid, parent, friendly_name, status, kind, auth_token, \
         secondary_token, created_at, updated_at, event, event_seq) \
         VALUES (?, ?, ?, 0, ?, ?, NULL, ?, ?, ?, 1)",
        &[
            (&sid.bytes()).into(),
            parent.as_ref().into(),
            name.into(),
            kind_number(kind).into(),
            (&sealed).into(),
            now.into(),
            now.into(),
            event.into(),
        ],
    )?;
    Ok(())
}

/// Writes what a change left of an account, and the event of `kind`.
pub fn save(
    tx: &mut Tx<'_>,
    master: &MasterKey,
    account: &Account,
    kind: &'static str,
) -> Result<(), StoreError> {
    let bytes = account.sid.bytes();
    let event = emit(tx, account.sid, account.event, kind)?;
    let primary = seal(tx, master, bytes, &account.auth_token);
    let secondary = account.secondary_token.as_ref().map(|token| seal(tx, master, bytes, token));
    let now = tx.now();
    tx.execute(
        "UPDATE accounts SET friendly_name = ?, status = ?, kind = ?, auth_token = ?, \
         secondary_token = ?, at_most_once = ?, credit = ?, retain_messages = ?, \
         retain_alerts = ?, updated_at = ?, event = ?, event_seq = ? WHERE sid = ?",
        &[
            (&account.friendly_name).into(),
            status_number(account.status).into(),
            kind_number(account.kind).into(),
            (&primary).into(),
            secondary.as_ref().into(),
            account.at_most_once.into(),
            account.credit.into(),
            account.retention.messages.unwrap_or(0).into(),
            account.retention.alerts.unwrap_or(0).into(),
            now.into(),
            event.into(),
            (account.event.1 + 1).into(),
            (&bytes).into(),
        ],
    )?;
    Ok(())
}

/// An account and its subaccounts, newest first (or the other way round), beyond `cursor`.
pub fn family(
    query: &mut impl Query,
    master: &MasterKey,
    parent: AccountSid,
    filter: &Filter,
    cursor: Option<(bool, AccountSid)>,
    limit: u32,
) -> Result<Vec<Account>, StoreError> {
    let parent = parent.bytes();
    let mut sql = format!("SELECT {COLUMNS} FROM accounts WHERE (sid = ? OR parent = ?)");
    let mut params: Vec<Value<'_>> = vec![(&parent).into(), (&parent).into()];
    if let Some(name) = &filter.friendly_name {
        sql.push_str(" AND friendly_name = ?");
        params.push(name.into());
    }
    if let Some(status) = filter.status {
        sql.push_str(" AND status = ?");
        params.push(status_number(status).into());
    }
    let (forward, after) = cursor.map_or((true, None), |(way, sid)| (way, Some(sid.bytes())));
    if let Some(after) = &after {
        sql.push_str(if forward { " AND sid < ?" } else { " AND sid > ?" });
        params.push(after.into());
    }
    sql.push_str(if forward { " ORDER BY sid DESC" } else { " ORDER BY sid" });
    sql.push_str(&format!(" LIMIT {limit}"));
    query.rows(&sql, &params, |row| from_row(row, master))
}

/// Accounts that don't keep everything for ever.
pub fn retaining(query: &mut impl Query) -> Result<Vec<(AccountSid, Retention)>, StoreError> {
    let sql = "SELECT sid, retain_messages, retain_alerts FROM accounts \
               WHERE retain_messages > 0 OR retain_alerts > 0 ORDER BY sid";
    query.rows(sql, &[], |row| {
        let retention = Retention { messages: days(row.int(1)?), alerts: days(row.int(2)?) };
        Ok((row.sid(0)?, retention))
    })
}

/// Zero days mean for ever.
fn days(stored: i64) -> Option<u32> {
    u32::try_from(stored).ok().filter(|days| *days > 0)
}

/// The subaccounts of an account.
pub fn children(query: &mut impl Query, parent: AccountSid) -> Result<Vec<AccountSid>, StoreError> {
    let sql = "SELECT sid FROM accounts WHERE parent = ? ORDER BY sid";
    query.rows(sql, &[(&parent.bytes()).into()], |row| row.sid(0))
}

/// Every account of the installation, oldest first: for the operator.
pub fn all(query: &mut impl Query, master: &MasterKey) -> Result<Vec<Account>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts ORDER BY created_at, sid");
    query.rows(&sql, &[], |row| from_row(row, master))
}

/// Which accounts a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// With just this name.
    pub friendly_name: Option<String>,
    /// In this state.
    pub status: Option<Status>,
}

fn emit(
    tx: &mut Tx<'_>,
    sid: AccountSid,
    (previous, seq): (i64, i64),
    kind: &'static str,
) -> Result<i64, StoreError> {
    let object = AnySid::from(sid);
    tx.emit(NewEvent { account: sid, object, object_seq: seq + 1, previous, kind, facts: "{}" })
}

/// Seals a secret of the object `sid` under the master key.
pub fn seal(tx: &mut Tx<'_>, master: &MasterKey, sid: [u8; 16], secret: &Secret) -> Vec<u8> {
    let nonce = tx.random().nonce();
    master.seal(&sid, nonce, secret.expose().as_bytes())
}

fn unseal(master: &MasterKey, sid: [u8; 16], sealed: &[u8]) -> Result<Secret, StoreError> {
    let plain = master
        .open(&sid, sealed)
        .map_err(|_| StoreError::Corrupt("a secret does not open under this master key"))?;
    let text = String::from_utf8(plain).map_err(|_| StoreError::Corrupt("a secret is no text"))?;
    Ok(Secret::new(text))
}

fn from_row(row: &Row<'_>, master: &MasterKey) -> Result<Account, StoreError> {
    let sid: AccountSid = row.sid(0)?;
    let parent = row.blob_or_null(1)?.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    let second = row.blob_or_null(6)?;
    Ok(Account {
        sid,
        parent: parent.map(AccountSid::from_bytes),
        friendly_name: row.text(2)?,
        status: match row.int(3)? {
            0 => Status::Active,
            1 => Status::Suspended,
            _ => Status::Closed,
        },
        kind: match row.int(4)? {
            0 => Kind::Full,
            1 => Kind::Trial,
            _ => Kind::Test,
        },
        auth_token: unseal(master, sid.bytes(), &row.blob(5)?)?,
        at_most_once: row.bool(11)?,
        credit: row.int(12)?,
        retention: Retention { messages: days(row.int(13)?), alerts: days(row.int(14)?) },
        secondary_token: second.map(|sealed| unseal(master, sid.bytes(), &sealed)).transpose()?,
        created_at: row.instant(7)?,
        updated_at: row.instant(8)?,
        event: (row.int(9)?, row.int(10)?),
    })
}

fn status_number(status: Status) -> i64 {
    match status {
        Status::Active => 0,
        Status::Suspended => 1,
        Status::Closed => 2,
    }
}

fn kind_number(kind: Kind) -> i64 {
    match kind {
        Kind::Full => 0,
        Kind::Trial => 1,
        Kind::Test => 2,
    }
}

/// Writes a session or a link, by the hash of its token.
pub(super) fn insert_door(
    tx: &mut Tx<'_>,
    opens: Opens,
    hash: &[u8; 32],
    account: AccountSid,
    person: Option<&str>,
    expires_at: Instant,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO doors (hash, opens, account, person, expires_at) \
               VALUES (?, ?, ?, ?, ?)";
    let account = account.bytes();
    let params = [
        Value::Blob(hash),
        (opens as i64).into(),
        (&account).into(),
        person.into(),
        expires_at.into(),
    ];
    tx.execute(sql, &params)?;
    Ok(())
}

/// Whose session or link it is, while it lasts.
pub(super) fn door(
    query: &mut impl Query,
    opens: Opens,
    hash: &[u8; 32],
    now: Instant,
) -> Result<Option<(AccountSid, Option<String>)>, StoreError> {
    let sql = "SELECT account, person FROM doors WHERE hash = ? AND opens = ? AND expires_at > ?";
    let params = [Value::Blob(hash), (opens as i64).into(), now.into()];
    query.row(sql, &params, |row| Ok((row.sid(0)?, row.text_or_null(1)?)))
}

/// Ends a session or link.
pub(super) fn close_door(tx: &mut Tx<'_>, hash: &[u8; 32]) -> Result<(), StoreError> {
    tx.execute("DELETE FROM doors WHERE hash = ?", &[Value::Blob(hash)])?;
    Ok(())
}

/// Forgets sessions and links that have ended.
pub(super) fn sweep_doors(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute("DELETE FROM doors WHERE expires_at <= ?", &[now.into()])?;
    Ok(())
}

/// The account that a person looks after, and the hash of their password.
pub(super) fn person(
    query: &mut impl Query,
    email: &str,
) -> Result<Option<(AccountSid, String)>, StoreError> {
    let sql = "SELECT account, password FROM people WHERE email = ?";
    query.row(sql, &[email.into()], |row| Ok((row.sid(0)?, row.text(1)?)))
}

/// Lets a person sign in, or changes their password and account.
pub(super) fn put_person(
    tx: &mut Tx<'_>,
    email: &str,
    account: AccountSid,
    password: &str,
) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO people (email, account, password, created_at) VALUES (?, ?, ?, ?) \
         ON CONFLICT (email) DO UPDATE SET account = excluded.account, \
         password = excluded.password",
        &[email.into(), (&account.bytes()).into(), password.into(), now.into()],
    )?;
    Ok(())
}
