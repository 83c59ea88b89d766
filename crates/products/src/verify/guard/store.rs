//! The SQL of tallies and decisions.

use ::store::{Migration, Query, Row, StoreError, Tx};
use base::{AccountSid, AnySid, Instant, Sid};

use crate::verify::guard::rules::{Book, Scope, Tally};

/// The tables.
pub const MIGRATIONS: &[Migration] = &[Migration {
    name: "verify/guard/1",
    sql: "
    CREATE TABLE verify_tallies (
        account {blob} NOT NULL,
        scope {text} NOT NULL,
        counted {text} NOT NULL,
        at {int} NOT NULL,
        sends {int} NOT NULL,
        answered {int} NOT NULL,
        last {int} NOT NULL,
        run {int} NOT NULL,
        known {int} NOT NULL,
        PRIMARY KEY (account, scope, counted)
    ) {clustered};
    CREATE INDEX verify_tallies_old ON verify_tallies (at);
    CREATE TABLE verify_decisions (
        account {blob} NOT NULL,
        sid {blob} NOT NULL,
        service {blob} NOT NULL,
        target {text} NOT NULL,
        country {text} NOT NULL,
        ip {text},
        device {text},
        level {text} NOT NULL,
        allowed {int} NOT NULL,
        rule {text} NOT NULL,
        why {text} NOT NULL,
        answered_at {int},
        PRIMARY KEY (account, sid)
    ) {clustered};
    ",
}];

/// Tallies in the table of an account.
pub struct Tallies<'a, 't> {
    /// The transaction.
    pub tx: &'a mut Tx<'t>,
    /// Whose they are.
    pub account: AccountSid,
}

/// Weights are kept in thousandths.
const THOUSAND: f64 = 1_000.0;

impl Book for Tallies<'_, '_> {
    type Error = StoreError;

    fn get(&mut self, scope: Scope, key: &str) -> Result<Tally, StoreError> {
        let sql = "SELECT at, sends, answered, last, run, known FROM verify_tallies \
                   WHERE account = ? AND scope = ? AND counted = ?";
        let account = self.account.bytes();
        let params = [(&account).into(), scope.name().into(), key.into()];
        let found = self.tx.row(sql, &params, |row| {
            Ok(Tally {
                at: row.instant(0)?,
                sends: row.int(1)? as f64 / THOUSAND,
                answered: row.int(2)? as f64 / THOUSAND,
                last: row.int(3)?,
                run: row.int(4)?,
                known: row.bool(5)?,
            })
        })?;
        Ok(found.unwrap_or_default())
    }

    fn put(&mut self, scope: Scope, key: &str, tally: Tally) -> Result<(), StoreError> {
        let account = self.account.bytes();
        let thousandths = |weight: f64| (weight * THOUSAND).round() as i64;
        self.tx.execute(
            "INSERT INTO verify_tallies (account, scope, counted, at, sends, answered, last, run, \
             known) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT (account, scope, counted) DO UPDATE SET at = excluded.at, \
             sends = excluded.sends, answered = excluded.answered, \
             last = excluded.last, run = excluded.run, known = excluded.known",
            &[
                (&account).into(),
                scope.name().into(),
                key.into(),
                tally.at.into(),
                thousandths(tally.sends).into(),
                thousandths(tally.answered).into(),
                tally.last.into(),
                tally.run.into(),
                tally.known.into(),
            ],
        )?;
        Ok(())
    }
}

/// A decision as it stands in the log.
#[derive(Clone, Debug)]
pub struct Logged {
    /// Whose verification it was about.
    pub account: AccountSid,
    /// Its key (`VD`); made when it was decided.
    pub sid: [u8; 16],
    /// The service.
    pub service: [u8; 16],
    /// The recipient.
    pub target: String,
    /// Its country.
    pub country: String,
    /// Digests of the device's address and hint.
    pub ip: Option<String>,
    /// The same.
    pub device: Option<String>,
    /// How strict the service was.
    pub level: String,
    /// Whether the code was sent.
    pub allowed: bool,
    /// By which rule.
    pub rule: String,
    /// What it saw.
    pub why: String,
    /// When the code was answered.
    pub answered_at: Option<Instant>,
}

impl Logged {
    /// As it is shown.
    pub fn sid(&self) -> AnySid {
        AnySid { prefix: *b"VD", bytes: self.sid }
    }

    /// When it was decided.
    pub fn at(&self) -> Instant {
        base::EventSid::from_bytes(self.sid).created_at()
    }
}

/// Writes a decision.
pub fn log(tx: &mut Tx<'_>, new: &Logged) -> Result<(), StoreError> {
    let account = new.account.bytes();
    tx.execute(
        "INSERT INTO verify_decisions (account, sid, service, target, country, ip, device, level, \
         allowed, rule, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            (&account).into(),
            (&new.sid).into(),
            (&new.service).into(),
            (&new.target).into(),
            (&new.country).into(),
            new.ip.as_ref().into(),
            new.device.as_ref().into(),
            (&new.level).into(),
            new.allowed.into(),
            (&new.rule).into(),
            (&new.why).into(),
        ],
    )?;
    Ok(())
}

const COLUMNS: &str = "account, sid, service, target, country, ip, device, level, allowed, rule, \
                       why, answered_at";

/// The decisions about a recipient since an instant that let a code be sent, newest first.
pub fn let_pass(
    query: &mut impl Query,
    account: AccountSid,
    target: &str,
    since: Instant,
) -> Result<Vec<Logged>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM verify_decisions WHERE account = ? AND sid >= ? AND target = ? \
         AND allowed = 1 ORDER BY sid DESC"
    );
    let (account, from) = (account.bytes(), base::EventSid::new(since, [0; 10]).bytes());
    query.rows(&sql, &[(&account).into(), (&from).into(), target.into()], from_row)
}

/// Writes that the code of a decision was answered.
pub fn answered(tx: &mut Tx<'_>, decision: &Logged) -> Result<(), StoreError> {
    let (now, account) = (tx.now(), decision.account.bytes());
    tx.execute(
        "UPDATE verify_decisions SET answered_at = ? WHERE account = ? AND sid = ?",
        &[now.into(), (&account).into(), (&decision.sid).into()],
    )?;
    Ok(())
}

/// A page of an account's decisions, newest first, or the other way round; those of one rule.
pub fn list(
    query: &mut impl Query,
    account: AccountSid,
    rule: Option<&str>,
    cursor: Option<(bool, [u8; 16])>,
    limit: u32,
) -> Result<Vec<Logged>, StoreError> {
    let account = account.bytes();
    let forward = cursor.is_none_or(|(forward, _)| forward);
    let after = cursor.map(|(_, sid)| sid);
    let mut sql = format!("SELECT {COLUMNS} FROM verify_decisions WHERE account = ?");
    let mut values: Vec<::store::Value<'_>> = vec![(&account).into()];
    if let Some(rule) = rule {
        sql.push_str(" AND rule = ?");
        values.push(rule.into());
    }
    if let Some(after) = &after {
        sql.push_str(if forward { " AND sid < ?" } else { " AND sid > ?" });
        values.push(after.into());
    }
    sql.push_str(if forward { " ORDER BY sid DESC" } else { " ORDER BY sid" });
    sql.push_str(&format!(" LIMIT {limit}"));
    query.rows(&sql, &values, from_row)
}

/// Decisions after `cursor`, the oldest first: what a replay reads.
pub fn past(
    query: &mut impl Query,
    cursor: [u8; 16],
    limit: u32,
) -> Result<Vec<Logged>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM verify_decisions WHERE sid > ? ORDER BY sid LIMIT {limit}");
    query.rows(&sql, &[(&cursor).into()], from_row)
}

/// Forgets what is older than it is kept.
pub fn forget(tx: &mut Tx<'_>, before: Option<Instant>) -> Result<(), StoreError> {
    let Some(before) = before else { return Ok(()) };
    let sid = base::EventSid::new(before, [0; 10]).bytes();
    tx.execute("DELETE FROM verify_decisions WHERE sid < ?", &[(&sid).into()])?;
    tx.execute("DELETE FROM verify_tallies WHERE at < ?", &[before.into()])?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> Result<Logged, StoreError> {
    Ok(Logged {
        account: row.sid(0)?,
        sid: row.bytes16(1)?,
        service: row.bytes16(2)?,
        target: row.text(3)?,
        country: row.text(4)?,
        ip: row.text_or_null(5)?,
        device: row.text_or_null(6)?,
        level: row.text(7)?,
        allowed: row.bool(8)?,
        rule: row.text(9)?,
        why: row.text(10)?,
        answered_at: row.instant_or_null(11)?,
    })
}
