//! Challenges.

use ::store::{Query, Row, StoreError, Tx, Value};
use base::{AccountSid, AnySid, ChallengeSid, EntitySid, FactorSid, Instant, Sid};

use super::{emit, paged};
use crate::verify::factors::model::{Challenge, Kind, Status};

const COLUMNS: &str = "sid, account, service, entity, identity, factor, kind, status, salt, \
                       content, expires_at, responded_at, wrong, created_at, updated_at, event, \
                       event_seq";

fn sid_or_null<T: Sid>(row: &Row<'_>, column: usize) -> Result<Option<T>, StoreError> {
    let bytes = row.blob_or_null(column)?.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    Ok(bytes.map(T::from_bytes))
}

fn from_row(row: &Row<'_>) -> Result<Challenge, StoreError> {
    let corrupt = || StoreError::Corrupt("a challenge's row is not one");
    Ok(Challenge {
        sid: row.sid(0)?,
        account: row.sid(1)?,
        service: row.bytes16(2)?,
        entity: sid_or_null(row, 3)?,
        identity: row.text(4)?,
        factor: sid_or_null(row, 5)?,
        kind: Kind::from_name(&row.text(6)?).ok_or_else(corrupt)?,
        status: Status::from_name(&row.text(7)?).ok_or_else(corrupt)?,
        salt: row.bytes16(8)?,
        content: row.blob(9)?,
        expires_at: row.instant(10)?,
        responded_at: row.instant_or_null(11)?,
        wrong: row.int(12)?,
        created_at: row.instant(13)?,
        updated_at: row.instant(14)?,
        event: (row.int(15)?, row.int(16)?),
    })
}

/// The challenge with this SID.
pub(crate) fn find_challenge(
    query: &mut impl Query,
    account: AccountSid,
    sid: ChallengeSid,
) -> Result<Option<Challenge>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM verify_challenges WHERE sid = ? AND account = ?");
    query.row(&sql, &[(&sid.bytes()).into(), (&account.bytes()).into()], from_row)
}

/// Which of an entity's challenges are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// Whose.
    pub(crate) entity: EntitySid,
    /// Of one factor.
    pub(crate) factor: Option<FactorSid>,
    /// That stand so at the instant.
    pub(crate) status: Option<(Status, Instant)>,
    /// The newest first.
    pub(crate) descending: bool,
}

/// A page of challenges. A cursor that goes back turns the order round.
pub(crate) fn list_challenges(
    query: &mut impl Query,
    filter: &Filter,
    cursor: Option<(bool, AnySid)>,
    limit: u32,
) -> Result<Vec<Challenge>, StoreError> {
    let entity = filter.entity.bytes();
    let factor = filter.factor.map(Sid::bytes);
    let mut sql = format!("SELECT {COLUMNS} FROM verify_challenges WHERE entity = ?");
    let mut params: Vec<Value<'_>> = vec![(&entity).into()];
    if let Some(factor) = &factor {
        sql.push_str(" AND factor = ?");
        params.push(factor.into());
    }
    match filter.status {
        None => {}
        Some((Status::Expired, now)) => {
            sql.push_str(" AND status = 'pending' AND expires_at <= ?");
            params.push(now.into());
        }
        Some((Status::Pending, now)) => {
            sql.push_str(" AND status = 'pending' AND expires_at > ?");
            params.push(now.into());
        }
        Some((status, _)) => {
            sql.push_str(" AND status = ?");
            params.push(status.name().into());
        }
    }
    let forward = cursor.is_none_or(|(forward, _)| forward);
    let after = cursor.map(|(_, sid)| sid.bytes);
    let sql = paged(sql, filter.descending == forward, after.is_some(), limit);
    params.extend(after.as_ref().map(Value::from));
    query.rows(&sql, &params, from_row)
}

/// How many challenges an entity was given since an instant.
pub(crate) fn count_challenges(
    query: &mut impl Query,
    entity: EntitySid,
    since: Instant,
) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM verify_challenges WHERE entity = ? AND created_at > ?";
    let count = query.row(sql, &[(&entity.bytes()).into(), since.into()], |row| row.int(0))?;
    Ok(count.unwrap_or_default())
}

/// Writes a new challenge; its event is written here.
pub(crate) fn insert_challenge(
    tx: &mut Tx<'_>,
    challenge: &mut Challenge,
) -> Result<(), StoreError> {
    let facts = serde_json::json!({ "factorType": challenge.kind.name() }).to_string();
    let of = (challenge.account, AnySid::from(challenge.sid));
    challenge.event = emit(tx, of.0, of.1, (0, 0), "verify.challenge.created", &facts)?;
    let (entity, factor) = (challenge.entity.map(Sid::bytes), challenge.factor.map(Sid::bytes));
    tx.execute(
        "INSERT INTO verify_challenges (sid, account, service, entity, identity, factor, kind, \
         status, salt, content, expires_at, responded_at, wrong, created_at, updated_at, event, \
         event_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            (&challenge.sid.bytes()).into(),
            (&challenge.account.bytes()).into(),
            (&challenge.service).into(),
            entity.as_ref().into(),
            (&challenge.identity).into(),
            factor.as_ref().into(),
            challenge.kind.name().into(),
            challenge.status.name().into(),
            (&challenge.salt).into(),
            (&challenge.content).into(),
            challenge.expires_at.into(),
            challenge.responded_at.into(),
            challenge.wrong.into(),
            challenge.created_at.into(),
            challenge.updated_at.into(),
            challenge.event.0.into(),
            challenge.event.1.into(),
        ],
    )?;
    Ok(())
}

/// Writes a change of a challenge, with its event when it was answered.
pub(crate) fn save_challenge(
    tx: &mut Tx<'_>,
    challenge: &mut Challenge,
    kind: Option<&'static str>,
) -> Result<(), StoreError> {
    if let Some(kind) = kind {
        let of = (challenge.account, AnySid::from(challenge.sid));
        let facts = serde_json::json!({ "factorType": challenge.kind.name() }).to_string();
        challenge.event = emit(tx, of.0, of.1, challenge.event, kind, &facts)?;
        challenge.updated_at = tx.now();
    }
    let (entity, factor) = (challenge.entity.map(Sid::bytes), challenge.factor.map(Sid::bytes));
    tx.execute(
        "UPDATE verify_challenges SET entity = ?, identity = ?, factor = ?, status = ?, \
         content = ?, responded_at = ?, wrong = ?, updated_at = ?, event = ?, event_seq = ? \
         WHERE sid = ?",
        &[
            entity.as_ref().into(),
            (&challenge.identity).into(),
            factor.as_ref().into(),
            challenge.status.name().into(),
            (&challenge.content).into(),
            challenge.responded_at.into(),
            challenge.wrong.into(),
            challenge.updated_at.into(),
            challenge.event.0.into(),
            challenge.event.1.into(),
            (&challenge.sid.bytes()).into(),
        ],
    )?;
    Ok(())
}

/// Removes the challenges of an entity.
pub(crate) fn delete_challenges(tx: &mut Tx<'_>, entity: EntitySid) -> Result<(), StoreError> {
    let entity = entity.bytes();
    tx.execute(
        "DELETE FROM verify_challenge_notices WHERE challenge IN \
         (SELECT sid FROM verify_challenges WHERE entity = ?)",
        &[(&entity).into()],
    )?;
    tx.execute("DELETE FROM verify_challenges WHERE entity = ?", &[(&entity).into()])?;
    Ok(())
}
