//! Messages that a carrier takes in several parts: each part has its own answer and receipt, and
//! the message's status is what they add up to.

use std::collections::BTreeSet;

use ::store::{StoreError, Tx};

use super::{Answer, Context, Step, write_steps};
use crate::carriers::SubmitOutcome;
use crate::messaging::model::{Flags, MessageKey, Status};
use crate::messaging::store::{self, Segment};

/// Writes the answers to segments, and joins them into their messages' statuses.
pub(super) fn answered(
    tx: &mut Tx<'_>,
    context: &Context,
    answers: &[Answer],
    resent: Flags,
) -> Result<(), StoreError> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut known: BTreeSet<(MessageKey, u8)> = BTreeSet::new();
    let keys: BTreeSet<MessageKey> = answers.iter().map(|answer| answer.key).collect();
    for key in &keys {
        known.extend(store::segments_of(tx, *key)?.iter().map(|s| (*key, s.part.index)));
    }
    for answer in answers {
        let (status, error, carrier_ref) = match &answer.outcome {
            SubmitOutcome::Taken { reference } => (Status::Sent, 0, Some(reference.clone())),
            SubmitOutcome::Refused { code } => (Status::Failed, *code, None),
            _ => continue,
        };
        if known.insert((answer.key, answer.part.index)) {
            let (key, part) = (answer.key, answer.part);
            segments.push(Segment { key, part, status, error, carrier_ref });
        }
    }
    let references = segments.iter().filter_map(|segment| segment.carrier_ref.as_deref());
    let early = store::take_parked(tx, &references.collect::<Vec<_>>())?;
    for segment in &mut segments {
        if let Some((status, error)) = segment.carrier_ref.as_ref().and_then(|r| early.get(r)) {
            (segment.status, segment.error, segment.carrier_ref) = (*status, *error, None);
        }
    }
    store::insert_segments(tx, &segments)?;
    super::log_placed(tx, early.keys().map(String::as_str).collect())?;
    join(tx, context, &keys, resent)
}

/// Takes receipts of segments: which one, and the last word on it.
pub(super) fn settle(
    tx: &mut Tx<'_>,
    context: &Context,
    segments: Vec<Segment>,
) -> Result<(), StoreError> {
    store::settle_segments(tx, &segments)?;
    let keys = segments.iter().map(|segment| segment.key).collect();
    join(tx, context, &keys, Flags::default())
}

/// Advances messages to what their segments add up to: first `sent`, then the last word.
fn join(
    tx: &mut Tx<'_>,
    context: &Context,
    keys: &BTreeSet<MessageKey>,
    resent: Flags,
) -> Result<(), StoreError> {
    let keys: Vec<MessageKey> = keys.iter().copied().collect();
    let mut sums = Vec::with_capacity(keys.len());
    for key in &keys {
        sums.push(sum(&store::segments_of(tx, *key)?));
    }
    for sent_first in [true, false] {
        let found = store::find_each(tx, &keys)?;
        let steps = found.into_iter().zip(&sums).filter_map(|(message, sum)| {
            let (message, (status, error)) = (message?, (*sum)?);
            let flags = message.flags.with(resent.0);
            let on_its_way = sent_first && message.status == Status::Queued;
            let (status, error) = match status {
                Status::Failed => (Status::Failed, error),
                _ if on_its_way => (Status::Sent, 0),
                status => (status, error),
            };
            Some(Step { message, status, error, carrier_ref: None, flags })
        });
        let steps = steps.collect();
        write_steps(tx, context, steps)?;
    }
    Ok(())
}

/// What segments add up to; `None` while not every one was answered.
fn sum(segments: &[Segment]) -> Option<(Status, u32)> {
    let of = segments.first()?.part.of;
    if segments.len() < usize::from(of) {
        return None;
    }
    let first = |status| segments.iter().find(|segment| segment.status == status);
    let refused = first(Status::Failed);
    if let Some(segment) = refused {
        return Some((Status::Failed, segment.error));
    }
    if first(Status::Sent).is_some() {
        return Some((Status::Sent, 0));
    }
    let undelivered = first(Status::Undelivered);
    Some(undelivered.map_or((Status::Delivered, 0), |s| (Status::Undelivered, s.error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carriers::Part;
    use base::{AccountSid, MessageSid, Sid};

    #[test]
    fn a_message_is_what_its_segments_add_up_to() {
        use Status::{Delivered, Failed, Sent, Undelivered};
        let key = MessageKey {
            account: AccountSid::from_bytes([1; 16]),
            sid: MessageSid::from_bytes([2; 16]),
        };
        type Word = (Status, u32);
        let cases: [(&[Word], Option<Word>); 7] = [
            (&[], None),
            (&[(Sent, 0), (Delivered, 0)], None),
            (&[(Sent, 0), (Delivered, 0), (Sent, 0)], Some((Sent, 0))),
            (&[(Undelivered, 30003), (Delivered, 0), (Sent, 0)], Some((Sent, 0))),
            (&[(Delivered, 0); 3], Some((Delivered, 0))),
            (&[(Delivered, 0), (Undelivered, 30005), (Delivered, 0)], Some((Undelivered, 30005))),
            (&[(Delivered, 0), (Failed, 30007), (Sent, 0)], Some((Failed, 30007))),
        ];
        for (segments, expected) in cases {
            let rows: Vec<Segment> = (0..)
                .zip(segments)
                .map(|(index, (status, error))| Segment {
                    key,
                    part: Part { index, of: 3 },
                    status: *status,
                    error: *error,
                    carrier_ref: None,
                })
                .collect();
            assert_eq!(sum(&rows), expected, "{segments:?}");
        }
    }
}
