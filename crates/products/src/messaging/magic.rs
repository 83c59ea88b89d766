//! Test credentials: magic numbers, no state, no callbacks.

use base::{ApiError, Instant, MessageSid, Sid, code};
use ring::rand::SecureRandom;

use crate::gateway::{ApiResult, Response};
use crate::messaging::model::{Draft, Flags, Message, MessageKey, Status};
use crate::messaging::rules::{self, Facts, Prices, SenderFacts};
use crate::messaging::view;

/// Answers a create under test credentials.
pub fn create(draft: &Draft, now: Instant) -> ApiResult {
    let refuse = |code: u32| {
        let meaning = base::meaning(code).unwrap_or("refused");
        Err(ApiError::new(code, format!("Test credentials: {meaning}")))
    };
    match draft.from.as_str() {
        "+15005550001" => return refuse(code::INVALID_FROM),
        "+15005550008" => return refuse(code::QUEUE_FULL),
        "+15005550006" => {}
        _ => return refuse(code::FROM_NOT_OURS),
    }
    match draft.to.as_str() {
        "+15005550001" => return refuse(code::INVALID_TO),
        "+15005550002" => return refuse(code::UNREACHABLE_TO),
        "+15005550003" => return refuse(code::REGION_NOT_PERMITTED),
        "+15005550004" => return refuse(code::OPTED_OUT),
        "+15005550009" => return refuse(code::NOT_MOBILE),
        _ => {}
    }
    let sender = SenderFacts { account: draft.account, sms: true, mms: true };
    let facts = Facts { sender: Some(sender), ..Facts::default() };
    let accepted = rules::accept(draft, &facts, &Prices::default(), now)?;
    let mut random = [0; 10];
    ring::rand::SystemRandom::new().fill(&mut random).map_err(|_| ApiError::internal())?;
    let message = Message {
        key: MessageKey {
            account: draft.account,
            sid: MessageSid::new(now, random).without_media(),
        },
        direction: draft.direction,
        status: Status::Queued,
        from: accepted.from,
        to: accepted.to,
        segments: accepted.segments,
        media: u32::try_from(draft.media.len()).unwrap_or_default(),
        error: 0,
        price: None,
        created_at: now,
        updated_at: now,
        sent_at: None,
        expires_at: None,
        callback: None,
        event: (0, 0),
        salt: None,
        body: None,
        flags: Flags::default(),
    };
    Ok(Response::created(&view::MessageView::new(&message, &draft.body)))
}
