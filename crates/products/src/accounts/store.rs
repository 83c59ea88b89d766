//! The SQL of accounts and keys.

use ::store::{Migration, NewEvent, Query, Row, StoreError, Tx};
use base::{AccountSid, AnySid, KeySid, MasterKey, Secret, Sid};

use crate::accounts::{Account, Credentials, Key, KeyKind, Kind, Status, resources};
use crate::resource;

/// The tables of this product.
pub const MIGRATIONS: &[Migration] = &[Migration {
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
}];

const COLUMNS: &str = "sid, parent, friendly_name, status, kind, auth_token, secondary_token, \
                       created_at, updated_at, event, event_seq";

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

/// Makes the account with these credentials, or gives an existing one this token.
pub fn ensure(
    tx: &mut Tx<'_>,
    master: &MasterKey,
    credentials: &Credentials,
    kind: Kind,
    name: &str,
) -> Result<(), StoreError> {
    let Credentials { sid, token } = credentials;
    match find(tx, master, *sid)? {
        Some(account) if account.auth_token == *token => Ok(()),
        Some(account) => set_token(tx, master, &account, token),
        None => insert(tx, master, credentials, None, kind, name),
    }
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

fn set_token(
    tx: &mut Tx<'_>,
    master: &MasterKey,
    account: &Account,
    token: &Secret,
) -> Result<(), StoreError> {
    let event = emit(tx, account.sid, account.event, "accounts.auth_token.changed")?;
    let sealed = seal(tx, master, account.sid.bytes(), token);
    let now = tx.now();
    tx.execute(
        "UPDATE accounts SET auth_token = ?, updated_at = ?, event = ?, event_seq = ? WHERE sid = ?",
        &[
            (&sealed).into(),
            now.into(),
            event.into(),
            (account.event.1 + 1).into(),
            (&account.sid.bytes()).into(),
        ],
    )?;
    Ok(())
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
        secondary_token: second.map(|sealed| unseal(master, sid.bytes(), &sealed)).transpose()?,
        created_at: row.instant(7)?,
        updated_at: row.instant(8)?,
        event: (row.int(9)?, row.int(10)?),
    })
}

fn kind_number(kind: Kind) -> i64 {
    match kind {
        Kind::Full => 0,
        Kind::Trial => 1,
        Kind::Test => 2,
    }
}
