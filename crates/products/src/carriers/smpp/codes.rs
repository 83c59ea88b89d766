//! What carriers' reasons are in Twilio's codes.

use ::smpp::pdu::status;
use ::smpp::receipt::{Receipt, State};
use base::code;

use super::Settings;
use crate::carriers::ReceiptStatus;

/// Twilio's code of a submission that was refused with this status.
pub(super) fn refused(settings: &Settings, status: u32) -> u32 {
    let own = settings.status_codes.iter().find(|(known, _)| *known == status);
    own.map(|(_, code)| *code).unwrap_or(match status {
        status::BAD_DESTINATION => code::UNKNOWN_HANDSET,
        status::BAD_SOURCE | status::REJECTED => code::FILTERED,
        _ => code::UNKNOWN_DELIVERY_ERROR,
    })
}

/// The last word of a receipt; `None` while more will follow.
pub(super) fn word(settings: &Settings, receipt: &Receipt) -> Option<ReceiptStatus> {
    let own = settings.receipt_codes.iter().find(|(known, _)| *known == receipt.error);
    let failed = |usual| ReceiptStatus::Undelivered(own.map_or(usual, |(_, code)| *code));
    match receipt.state {
        State::Enroute | State::Accepted => None,
        State::Delivered => Some(ReceiptStatus::Delivered),
        State::Undeliverable | State::Expired => Some(failed(code::HANDSET_UNREACHABLE)),
        State::Rejected => Some(failed(code::FILTERED)),
        State::Deleted | State::Unknown => Some(failed(code::UNKNOWN_DELIVERY_ERROR)),
    }
}
