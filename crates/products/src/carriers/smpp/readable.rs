//! PDUs as people read them, by the names of SMPP 3.4 §4.4 and §4.6; texts are left out.

use ::smpp::client::Outcome;
use ::smpp::pdu::{Address, ShortMessage};
use base::Instant;
use serde_json::{Map, Value, json};

use crate::carriers::trace::Traced;

fn traced(at: Instant, name: &'static str, fields: Value) -> Traced {
    let fields = match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    Traced { at, name, fields }
}

fn address(address: &Address) -> String {
    format!("{} (ton {}, npi {})", address.digits, address.ton, address.npi)
}

/// A segment that is handed to the carrier's binds.
pub(super) fn submit(at: Instant, (part, parts): (u8, u8), message: &ShortMessage) -> Traced {
    let mut fields = json!({
        "source_addr": address(&message.source),
        "destination_addr": address(&message.destination),
        "esm_class": format!("0x{:02x}", message.esm_class),
        "data_coding": message.data_coding,
        "registered_delivery": message.registered_delivery,
        "sm_length": message.payload().len(),
    });
    if parts > 1 {
        fields["segment"] = format!("{} of {parts}", part + 1).into();
    }
    if !message.validity.is_empty() {
        fields["validity_period"] = message.validity.as_str().into();
    }
    traced(at, "submit_sm", fields)
}

/// The carrier's answer to a segment; `None` when there was none.
pub(super) fn answer(at: Instant, outcome: &Outcome) -> Option<Traced> {
    let fields = match outcome {
        Outcome::Taken(id) => json!({ "command_status": "0x00000000", "message_id": id }),
        Outcome::Refused(status) => json!({ "command_status": format!("0x{status:08x}") }),
        Outcome::Uncertain | Outcome::Unreachable | Outcome::Expired => return None,
    };
    Some(traced(at, "submit_sm_resp", fields))
}

/// A receipt.
pub(super) fn receipt(at: Instant, message: &ShortMessage, reference: &str) -> Traced {
    let fields = json!({
        "source_addr": address(&message.source),
        "destination_addr": address(&message.destination),
        "esm_class": format!("0x{:02x}", message.esm_class),
        "receipted_message_id": reference,
        "sm_length": message.payload().len(),
    });
    traced(at, "deliver_sm", fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_in_them() {
        let message = ShortMessage { octets: b"a secret".to_vec(), ..ShortMessage::default() };
        let at = Instant::default();
        let pdus = [submit(at, (0, 2), &message), receipt(at, &message, "7")];
        assert_eq!(pdus[0].fields["segment"], "1 of 2");
        assert_eq!(pdus[0].fields["sm_length"], 8);
        assert!(pdus.iter().all(|pdu| !format!("{:?}", pdu.fields).contains("secret")));
        let refused = answer(at, &Outcome::Refused(0x58)).expect("an answer");
        assert_eq!(refused.fields["command_status"], "0x00000058");
        assert_eq!(answer(at, &Outcome::Uncertain), None);
    }
}
