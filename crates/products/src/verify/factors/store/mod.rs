//! The SQL of factors.

mod challenges;
mod factors;

pub(super) use challenges::*;
pub(super) use factors::*;

use ::store::{Migration, NewEvent, Query, Row, StoreError, Tx, Value};
use base::{AccessTokenSid, AccountSid, AnySid, ChallengeNoticeSid, Instant, Sid};

use crate::verify::factors::model::Entity;

/// The tables of factors.
pub const MIGRATIONS: &[Migration] = &[Migration {
    name: "verify_factors/1",
    sql: "
    CREATE TABLE verify_entities (
        service {blob} NOT NULL,
        identity {text} NOT NULL,
        account {blob} NOT NULL,
        sid {blob} NOT NULL,
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL,
        event {int} NOT NULL,
        event_seq {int} NOT NULL,
        PRIMARY KEY (service, identity)
    ) {clustered};
    CREATE INDEX verify_entities_by_sid ON verify_entities (service, sid);
    CREATE TABLE verify_factors (
        sid {blob} NOT NULL,
        account {blob} NOT NULL,
        service {blob} NOT NULL,
        entity {blob} NOT NULL,
        identity {text} NOT NULL,
        kind {text} NOT NULL,
        friendly_name {text} NOT NULL,
        verified {int} NOT NULL,
        config {text} NOT NULL,
        metadata {text} NOT NULL,
        salt {blob} NOT NULL,
        binding {blob} NOT NULL,
        credential {text},
        used {int} NOT NULL,
        wrong {int} NOT NULL,
        wrong_since {int} NOT NULL,
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL,
        event {int} NOT NULL,
        event_seq {int} NOT NULL,
        PRIMARY KEY (sid)
    ) {clustered};
    CREATE INDEX verify_factors_of ON verify_factors (entity, sid);
    CREATE UNIQUE INDEX verify_credentials ON verify_factors (service, credential)
        WHERE credential IS NOT NULL;
    CREATE TABLE verify_challenges (
        sid {blob} NOT NULL,
        account {blob} NOT NULL,
        service {blob} NOT NULL,
        entity {blob},
        identity {text} NOT NULL,
        factor {blob},
        kind {text} NOT NULL,
        status {text} NOT NULL,
        salt {blob} NOT NULL,
        content {blob} NOT NULL,
        expires_at {int} NOT NULL,
        responded_at {int},
        wrong {int} NOT NULL,
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL,
        event {int} NOT NULL,
        event_seq {int} NOT NULL,
        PRIMARY KEY (sid)
    ) {clustered};
    CREATE INDEX verify_challenges_of ON verify_challenges (entity, sid);
    CREATE INDEX verify_challenges_in ON verify_challenges (service, sid);
    CREATE TABLE verify_challenge_notices (
        challenge {blob} NOT NULL,
        sid {blob} NOT NULL,
        ttl_s {int} NOT NULL,
        created_at {int} NOT NULL,
        PRIMARY KEY (challenge, sid)
    ) {clustered};
    CREATE TABLE verify_access_tokens (
        sid {blob} NOT NULL,
        account {blob} NOT NULL,
        service {blob} NOT NULL,
        identity {text} NOT NULL,
        friendly_name {text},
        ttl_s {int} NOT NULL,
        token {blob} NOT NULL,
        created_at {int} NOT NULL,
        PRIMARY KEY (sid)
    ) {clustered};
    CREATE INDEX verify_access_tokens_in ON verify_access_tokens (service, created_at);
    ",
}];

/// Writes an event of an object and answers it with its number.
pub(super) fn emit(
    tx: &mut Tx<'_>,
    account: AccountSid,
    object: AnySid,
    (previous, seq): (i64, i64),
    kind: &'static str,
    facts: &str,
) -> Result<(i64, i64), StoreError> {
    let object_seq = seq + 1;
    let event = NewEvent { account, object, object_seq, previous, kind, facts };
    Ok((tx.emit(event)?, object_seq))
}

const ENTITY: &str = "sid, account, service, identity, created_at, updated_at, event, event_seq";

fn entity_from(row: &Row<'_>) -> Result<Entity, StoreError> {
    Ok(Entity {
        sid: row.sid(0)?,
        account: row.sid(1)?,
        service: row.bytes16(2)?,
        identity: row.text(3)?,
        created_at: row.instant(4)?,
        updated_at: row.instant(5)?,
        event: (row.int(6)?, row.int(7)?),
    })
}

/// The entity of this name.
pub(super) fn find_entity(
    query: &mut impl Query,
    account: AccountSid,
    service: [u8; 16],
    identity: &str,
) -> Result<Option<Entity>, StoreError> {
    let sql = format!(
        "SELECT {ENTITY} FROM verify_entities WHERE service = ? AND identity = ? AND account = ?"
    );
    let account = account.bytes();
    query.row(&sql, &[(&service).into(), identity.into(), (&account).into()], entity_from)
}

/// A page of a service's entities, newest first.
pub(super) fn list_entities(
    query: &mut impl Query,
    account: AccountSid,
    service: [u8; 16],
    cursor: Option<(bool, AnySid)>,
    limit: u32,
) -> Result<Vec<Entity>, StoreError> {
    let account = account.bytes();
    let sql = format!("SELECT {ENTITY} FROM verify_entities WHERE service = ? AND account = ?");
    let mut params: Vec<Value<'_>> = vec![(&service).into(), (&account).into()];
    let after = cursor.map(|(_, sid)| sid.bytes);
    let sql = paged(sql, cursor.is_none_or(|(forward, _)| forward), after.is_some(), limit);
    params.extend(after.as_ref().map(Value::from));
    query.rows(&sql, &params, entity_from)
}

/// Adds what a page needs: where it begins, its order and its length.
fn paged(mut sql: String, descending: bool, after: bool, limit: u32) -> String {
    if after {
        sql.push_str(if descending { " AND sid < ?" } else { " AND sid > ?" });
    }
    sql.push_str(if descending { " ORDER BY sid DESC" } else { " ORDER BY sid" });
    sql.push_str(&format!(" LIMIT {limit}"));
    sql
}

/// Makes an entity.
pub(super) fn insert_entity(
    tx: &mut Tx<'_>,
    account: AccountSid,
    service: [u8; 16],
    identity: &str,
) -> Result<Entity, StoreError> {
    let (sid, now) = (tx.new_sid::<base::EntitySid>(), tx.now());
    let event = emit(tx, account, sid.into(), (0, 0), "verify.entity.created", "{}")?;
    tx.execute(
        "INSERT INTO verify_entities (service, identity, account, sid, created_at, updated_at, \
         event, event_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            (&service).into(),
            identity.into(),
            (&account.bytes()).into(),
            (&sid.bytes()).into(),
            now.into(),
            now.into(),
            event.0.into(),
            event.1.into(),
        ],
    )?;
    let identity = identity.to_owned();
    Ok(Entity { sid, account, service, identity, created_at: now, updated_at: now, event })
}

/// Removes an entity; its factors and challenges are removed before.
pub(super) fn delete_entity(tx: &mut Tx<'_>, entity: &Entity) -> Result<(), StoreError> {
    let of = (entity.account, AnySid::from(entity.sid));
    emit(tx, of.0, of.1, entity.event, "verify.entity.deleted", "{}")?;
    let sql = "DELETE FROM verify_entities WHERE service = ? AND identity = ?";
    tx.execute(sql, &[(&entity.service).into(), (&entity.identity).into()])?;
    Ok(())
}

/// Removes all that a service holds, without a word: the service's own event tells.
pub(super) fn delete_service(tx: &mut Tx<'_>, service: [u8; 16]) -> Result<(), StoreError> {
    let of = [(&service).into()];
    tx.execute(
        "DELETE FROM verify_challenge_notices WHERE challenge IN \
         (SELECT sid FROM verify_challenges WHERE service = ?)",
        &of,
    )?;
    tx.execute("DELETE FROM verify_challenges WHERE service = ?", &of)?;
    tx.execute(
        "DELETE FROM verify_factors WHERE entity IN \
         (SELECT sid FROM verify_entities WHERE service = ?)",
        &of,
    )?;
    tx.execute("DELETE FROM verify_entities WHERE service = ?", &of)?;
    tx.execute("DELETE FROM verify_access_tokens WHERE service = ?", &of)?;
    Ok(())
}

/// Writes a notification, unless the challenge has had `max` of them.
pub(super) fn insert_notice(
    tx: &mut Tx<'_>,
    challenge: base::ChallengeSid,
    ttl_s: i64,
    max: i64,
) -> Result<Option<ChallengeNoticeSid>, StoreError> {
    let challenge = challenge.bytes();
    let sql = "SELECT COUNT(*) FROM verify_challenge_notices WHERE challenge = ?";
    let so_far = tx.row(sql, &[(&challenge).into()], |row| row.int(0))?.unwrap_or_default();
    if so_far >= max {
        return Ok(None);
    }
    let (sid, now) = (tx.new_sid::<ChallengeNoticeSid>(), tx.now());
    tx.execute(
        "INSERT INTO verify_challenge_notices (challenge, sid, ttl_s, created_at) \
         VALUES (?, ?, ?, ?)",
        &[(&challenge).into(), (&sid.bytes()).into(), ttl_s.into(), now.into()],
    )?;
    Ok(Some(sid))
}

/// A token by which a device may register itself.
#[derive(Clone, Debug)]
pub(super) struct AccessToken {
    pub(super) sid: AccessTokenSid,
    pub(super) account: AccountSid,
    pub(super) service: [u8; 16],
    pub(super) identity: String,
    pub(super) friendly_name: Option<String>,
    pub(super) ttl_s: i64,
    /// Sealed.
    pub(super) token: Vec<u8>,
    pub(super) created_at: Instant,
}

/// Writes a token, and removes those of the service that were made before `old`.
pub(super) fn insert_token(
    tx: &mut Tx<'_>,
    token: &AccessToken,
    old: Instant,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM verify_access_tokens WHERE service = ? AND created_at < ?";
    tx.execute(sql, &[(&token.service).into(), old.into()])?;
    tx.execute(
        "INSERT INTO verify_access_tokens (sid, account, service, identity, friendly_name, ttl_s, \
         token, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            (&token.sid.bytes()).into(),
            (&token.account.bytes()).into(),
            (&token.service).into(),
            (&token.identity).into(),
            token.friendly_name.as_ref().into(),
            token.ttl_s.into(),
            (&token.token).into(),
            token.created_at.into(),
        ],
    )?;
    Ok(())
}

/// The token with this SID.
pub(super) fn find_token(
    query: &mut impl Query,
    account: AccountSid,
    sid: AccessTokenSid,
) -> Result<Option<AccessToken>, StoreError> {
    let sql = "SELECT service, identity, friendly_name, ttl_s, token, created_at \
               FROM verify_access_tokens WHERE sid = ? AND account = ?";
    let (bytes, owner) = (sid.bytes(), account.bytes());
    query.row(sql, &[(&bytes).into(), (&owner).into()], |row| {
        Ok(AccessToken {
            sid,
            account,
            service: row.bytes16(0)?,
            identity: row.text(1)?,
            friendly_name: row.text_or_null(2)?,
            ttl_s: row.int(3)?,
            token: row.blob(4)?,
            created_at: row.instant(5)?,
        })
    })
}
