//! What a cut or a crash left open: uncertain segments, receipts that nobody can place yet, and
//! the references of receipts that were placed in the last minutes.

use ::store::{Query, StoreError, Tx, Value};
use base::{Instant, Sid};

use crate::carriers::{CarrierId, Part};
use crate::messaging::model::{MessageKey, Status};

/// Writes down that these segments are uncertain.
pub fn insert_uncertain(
    tx: &mut Tx<'_>,
    segments: &[(CarrierId, MessageKey, Part)],
) -> Result<(), StoreError> {
    let now = tx.now();
    for (carrier, key, part) in segments {
        tx.execute(
            "INSERT INTO uncertain_segments (account, sid, part, parts, carrier, marked_at) \
             VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account, sid, part) DO NOTHING",
            &[
                (&key.account.bytes()).into(),
                (&key.sid.bytes()).into(),
                Value::Int(part.index.into()),
                Value::Int(part.of.into()),
                Value::Int(carrier.0.into()),
                now.into(),
            ],
        )?;
    }
    Ok(())
}

/// A carrier's segments that were marked at `until` or before.
pub fn uncertain_until(
    query: &mut impl Query,
    carrier: CarrierId,
    until: Instant,
) -> Result<Vec<(MessageKey, Part)>, StoreError> {
    let sql = "SELECT account, sid, part, parts FROM uncertain_segments WHERE carrier = ? \
               AND marked_at <= ? ORDER BY account, sid, part";
    let small =
        |number| u8::try_from(number).map_err(|_| StoreError::Corrupt("a segment's number"));
    query.rows(sql, &[Value::Int(carrier.0.into()), until.into()], |row| {
        let key = MessageKey { account: row.sid(0)?, sid: row.sid(1)? };
        Ok((key, Part { index: small(row.int(2)?)?, of: small(row.int(3)?)? }))
    })
}

/// Forgets a carrier's segments that were marked at `until` or before.
pub fn delete_uncertain(
    tx: &mut Tx<'_>,
    carrier: CarrierId,
    until: Instant,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM uncertain_segments WHERE carrier = ? AND marked_at <= ?";
    tx.execute(sql, &[Value::Int(carrier.0.into()), until.into()])?;
    Ok(())
}

/// Gives a message's uncertain segments to another carrier.
pub fn move_uncertain(
    tx: &mut Tx<'_>,
    key: MessageKey,
    carrier: CarrierId,
) -> Result<(), StoreError> {
    let (account, sid) = (key.account.bytes(), key.sid.bytes());
    tx.execute(
        "UPDATE uncertain_segments SET carrier = ? WHERE account = ? AND sid = ?",
        &[Value::Int(carrier.0.into()), (&account).into(), (&sid).into()],
    )?;
    Ok(())
}

/// A receipt whose message is not known (yet).
#[derive(Clone, Debug)]
pub struct Parked {
    /// The carrier's reference.
    pub reference: String,
    /// What it says.
    pub status: Status,
    /// Why the message failed; 0 when it did not.
    pub error: u32,
    /// The message's sender.
    pub sender: String,
    /// The message's recipient.
    pub recipient: String,
    /// Salt of the key under which the excerpt is sealed, and the sealed excerpt.
    pub excerpt: Option<([u8; 16], Vec<u8>)>,
    /// When it came; set by `park`.
    pub received_at: Instant,
}

/// Keeps a receipt whose message is not known (yet).
pub fn park(tx: &mut Tx<'_>, parked: &Parked) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO parked_receipts (carrier_ref, status, error, done_at, received_at, sender, \
         recipient, salt, excerpt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (carrier_ref) DO NOTHING",
        &[
            (&parked.reference).into(),
            parked.status.number().into(),
            parked.error.into(),
            now.into(),
            now.into(),
            (&parked.sender).into(),
            (&parked.recipient).into(),
            parked.excerpt.as_ref().map(|(salt, _)| salt).into(),
            parked.excerpt.as_ref().map(|(_, sealed)| sealed).into(),
        ],
    )?;
    Ok(())
}

/// Parked receipts of messages between these addresses, the earliest first.
pub fn parked_between(
    query: &mut impl Query,
    sender: &str,
    recipient: &str,
) -> Result<Vec<Parked>, StoreError> {
    let sql = "SELECT carrier_ref, status, error, salt, excerpt, received_at FROM parked_receipts \
               WHERE recipient = ? AND sender = ? ORDER BY received_at, carrier_ref";
    query.rows(sql, &[recipient.into(), sender.into()], |row| {
        let status = Status::from_number(row.int(1)?);
        let salt = row.blob_or_null(3)?.and_then(|salt| salt.try_into().ok());
        Ok(Parked {
            reference: row.text(0)?,
            status: status.ok_or(StoreError::Corrupt("a parked status"))?,
            error: u32::try_from(row.int(2)?).unwrap_or_default(),
            sender: sender.to_owned(),
            recipient: recipient.to_owned(),
            excerpt: salt.zip(row.blob_or_null(4)?),
            received_at: row.instant(5)?,
        })
    })
}

/// Forgets receipts that were parked before, and never claimed.
pub fn forget_parked(tx: &mut Tx<'_>, before: Instant) -> Result<(), StoreError> {
    tx.execute("DELETE FROM parked_receipts WHERE received_at < ?", &[before.into()])?;
    Ok(())
}

/// Remembers that receipts with these references were placed: carriers repeat what they believe
/// unacknowledged, and a repetition must not explain another message.
pub fn log_receipts(tx: &mut Tx<'_>, references: &[&str]) -> Result<(), StoreError> {
    let hashes: Vec<u8> = references.iter().flat_map(|r| hash(r).to_be_bytes()).collect();
    let id = tx.new_sid::<base::EventSid>().bytes();
    let sql = "INSERT INTO receipt_log (id, hashes) VALUES (?, ?)";
    tx.execute(sql, &[(&id).into(), (&hashes).into()])?;
    Ok(())
}

/// Which of these references were placed in the last minutes.
pub fn logged(
    query: &mut impl Query,
    references: &[&str],
) -> Result<std::collections::BTreeSet<String>, StoreError> {
    let wanted: std::collections::BTreeMap<[u8; 8], &str> =
        references.iter().map(|reference| (hash(reference).to_be_bytes(), *reference)).collect();
    let mut found = std::collections::BTreeSet::new();
    let blobs = query.rows("SELECT hashes FROM receipt_log ORDER BY id", &[], |row| row.blob(0))?;
    for hash in blobs.iter().flat_map(|blob| blob.chunks_exact(8)) {
        found.extend(wanted.get(hash).map(|reference| (*reference).to_owned()));
    }
    Ok(found)
}

/// Forgets what was logged before.
pub fn forget_logged(tx: &mut Tx<'_>, before: Instant) -> Result<(), StoreError> {
    let first = base::EventSid::new(before, [0; 10]).bytes();
    tx.execute("DELETE FROM receipt_log WHERE id < ?", &[(&first).into()])?;
    Ok(())
}

/// FNV-1a of 64 bits.
fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}
