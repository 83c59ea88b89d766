//! Factors.

use ::store::{Query, Row, StoreError, Tx, Value};
use base::{AccountSid, AnySid, EntitySid, FactorSid, Instant, Sid};

use super::{emit, paged};
use crate::verify::factors::model::{Factor, Kind};

const COLUMNS: &str = "sid, account, service, entity, identity, kind, friendly_name, verified, \
                       config, metadata, salt, binding, credential, used, wrong, wrong_since, \
                       created_at, updated_at, event, event_seq";

fn from_row(row: &Row<'_>) -> Result<Factor, StoreError> {
    let corrupt = StoreError::Corrupt("a factor's row is not one");
    let kind = Kind::from_name(&row.text(5)?).ok_or(corrupt)?;
    let json = |text: String| serde_json::from_str(&text).unwrap_or(serde_json::Value::Null);
    Ok(Factor {
        sid: row.sid(0)?,
        account: row.sid(1)?,
        service: row.bytes16(2)?,
        entity: row.sid(3)?,
        identity: row.text(4)?,
        kind,
        friendly_name: row.text(6)?,
        verified: row.bool(7)?,
        config: json(row.text(8)?).as_object().cloned().unwrap_or_default(),
        metadata: json(row.text(9)?),
        salt: row.bytes16(10)?,
        binding: row.blob(11)?,
        credential: row.text_or_null(12)?,
        used: row.int(13)?,
        wrong: row.int(14)?,
        wrong_since: row.instant(15)?,
        created_at: row.instant(16)?,
        updated_at: row.instant(17)?,
        event: (row.int(18)?, row.int(19)?),
    })
}

/// The factor with this SID, wherever in the account it is.
pub(crate) fn find_factor(
    query: &mut impl Query,
    account: AccountSid,
    sid: FactorSid,
) -> Result<Option<Factor>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM verify_factors WHERE sid = ? AND account = ?");
    query.row(&sql, &[(&sid.bytes()).into(), (&account.bytes()).into()], from_row)
}

/// The factor of a service that has this credential.
pub(crate) fn factor_by_credential(
    query: &mut impl Query,
    account: AccountSid,
    service: [u8; 16],
    credential: &str,
) -> Result<Option<Factor>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM verify_factors WHERE service = ? AND credential = ? AND account = ?"
    );
    let account = account.bytes();
    let params = [(&service).into(), credential.into(), (&account).into()];
    query.row(&sql, &params, from_row)
}

/// A page of an entity's factors, newest first.
pub(crate) fn list_factors(
    query: &mut impl Query,
    entity: EntitySid,
    cursor: Option<(bool, AnySid)>,
    limit: u32,
) -> Result<Vec<Factor>, StoreError> {
    let entity = entity.bytes();
    let sql = format!("SELECT {COLUMNS} FROM verify_factors WHERE entity = ?");
    let mut params: Vec<Value<'_>> = vec![(&entity).into()];
    let after = cursor.map(|(_, sid)| sid.bytes);
    let sql = paged(sql, cursor.is_none_or(|(forward, _)| forward), after.is_some(), limit);
    params.extend(after.as_ref().map(Value::from));
    query.rows(&sql, &params, from_row)
}

/// How many factors of a kind an entity has, and how many of any kind wait for their first proof
/// since `since`.
pub(crate) fn count_factors(
    query: &mut impl Query,
    entity: EntitySid,
    kind: Kind,
    since: Instant,
) -> Result<(i64, i64), StoreError> {
    let entity = entity.bytes();
    let of_kind = "SELECT COUNT(*) FROM verify_factors WHERE entity = ? AND kind = ?";
    let params = [(&entity).into(), kind.name().into()];
    let kinds = query.row(of_kind, &params, |row| row.int(0))?;
    let fresh = "SELECT COUNT(*) FROM verify_factors \
                 WHERE entity = ? AND verified = 0 AND created_at > ?";
    let waiting = query.row(fresh, &[(&entity).into(), since.into()], |row| row.int(0))?;
    Ok((kinds.unwrap_or_default(), waiting.unwrap_or_default()))
}

/// Factors of an entity that were not proved since `before`.
pub(crate) fn stale_factors(
    query: &mut impl Query,
    entity: EntitySid,
    before: Instant,
) -> Result<Vec<Factor>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM verify_factors \
         WHERE entity = ? AND verified = 0 AND created_at < ? ORDER BY sid"
    );
    query.rows(&sql, &[(&entity.bytes()).into(), before.into()], from_row)
}

/// Writes a new factor; its event is written here.
pub(crate) fn insert_factor(tx: &mut Tx<'_>, factor: &mut Factor) -> Result<(), StoreError> {
    let facts = serde_json::json!({ "factorType": factor.kind.name() }).to_string();
    let of = (factor.account, AnySid::from(factor.sid));
    factor.event = emit(tx, of.0, of.1, (0, 0), "verify.factor.created", &facts)?;
    tx.execute(
        "INSERT INTO verify_factors (sid, account, service, entity, identity, kind, \
         friendly_name, verified, config, metadata, salt, binding, credential, used, wrong, \
         wrong_since, created_at, updated_at, event, event_seq) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            (&factor.sid.bytes()).into(),
            (&factor.account.bytes()).into(),
            (&factor.service).into(),
            (&factor.entity.bytes()).into(),
            (&factor.identity).into(),
            factor.kind.name().into(),
            (&factor.friendly_name).into(),
            factor.verified.into(),
            (&serde_json::Value::from(factor.config.clone()).to_string()).into(),
            (&factor.metadata.to_string()).into(),
            (&factor.salt).into(),
            (&factor.binding).into(),
            factor.credential.as_ref().into(),
            factor.used.into(),
            factor.wrong.into(),
            factor.wrong_since.into(),
            factor.created_at.into(),
            factor.updated_at.into(),
            factor.event.0.into(),
            factor.event.1.into(),
        ],
    )?;
    Ok(())
}

/// Writes a change of a factor, with its event when it is one to tell.
pub(crate) fn save_factor(
    tx: &mut Tx<'_>,
    factor: &mut Factor,
    kind: Option<&'static str>,
) -> Result<(), StoreError> {
    if let Some(kind) = kind {
        let of = (factor.account, AnySid::from(factor.sid));
        let facts = serde_json::json!({ "factorType": factor.kind.name() }).to_string();
        factor.event = emit(tx, of.0, of.1, factor.event, kind, &facts)?;
        factor.updated_at = tx.now();
    }
    tx.execute(
        "UPDATE verify_factors SET friendly_name = ?, verified = ?, config = ?, binding = ?, \
         credential = ?, used = ?, wrong = ?, wrong_since = ?, updated_at = ?, event = ?, \
         event_seq = ? WHERE sid = ?",
        &[
            (&factor.friendly_name).into(),
            factor.verified.into(),
            (&serde_json::Value::from(factor.config.clone()).to_string()).into(),
            (&factor.binding).into(),
            factor.credential.as_ref().into(),
            factor.used.into(),
            factor.wrong.into(),
            factor.wrong_since.into(),
            factor.updated_at.into(),
            factor.event.0.into(),
            factor.event.1.into(),
            (&factor.sid.bytes()).into(),
        ],
    )?;
    Ok(())
}

/// Removes a factor with its challenges; its secret's salt goes with it.
pub(crate) fn delete_factor(tx: &mut Tx<'_>, factor: &mut Factor) -> Result<(), StoreError> {
    let of = (factor.account, AnySid::from(factor.sid));
    let facts = serde_json::json!({ "factorType": factor.kind.name() }).to_string();
    factor.event = emit(tx, of.0, of.1, factor.event, "verify.factor.deleted", &facts)?;
    let sid = factor.sid.bytes();
    let (entity, own) = (factor.entity.bytes(), [(&sid).into()]);
    let asked = [(&entity).into(), (&sid).into()];
    tx.execute(
        "DELETE FROM verify_challenge_notices WHERE challenge IN \
         (SELECT sid FROM verify_challenges WHERE entity = ? AND factor = ?)",
        &asked,
    )?;
    tx.execute("DELETE FROM verify_challenges WHERE entity = ? AND factor = ?", &asked)?;
    tx.execute("DELETE FROM verify_factors WHERE sid = ?", &own)?;
    Ok(())
}
