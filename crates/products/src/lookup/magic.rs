//! Test credentials: magic numbers, nothing asked, nothing counted.

use base::Params;
use serde_json::{Map, Value, json};

use crate::lookup::model::{Description, NOT_MAGIC, Package};
use crate::lookup::packages::{Object, day, missing};

/// SIMs that were not changed, with the period that was looked at.
const NOT_SWAPPED: [(&str, &str); 4] = [
    ("+12345678900", "PT48H"),
    ("+12345678901", "PT24H"),
    ("+12345678904", "PT48H"),
    ("+12345678907", "PT24H"),
];

/// Its carrier says too little about the SIM.
const INCOMPLETE: (&str, u32) = ("+12345678916", 60620);

/// The number of Twilio's examples, and the days for which it is known whose it was.
const EXAMPLE: &str = "+14159929960";
const REASSIGNED: [(&str, &str); 3] =
    [("20201227", "yes"), ("20190924", "no"), ("20211224", "no_data_available")];

/// What a package says of a magic number.
pub fn object(package: Package, described: &Description, params: &Params) -> Object {
    if let Some(code) = missing(package, params) {
        return Err(code);
    }
    let number = described.number();
    match package {
        Package::SimSwap if *number == *INCOMPLETE.0 => Err(INCOMPLETE.1),
        Package::SimSwap => {
            let known = NOT_SWAPPED.iter().find(|(known, _)| *known == number);
            let (_, period) = known.ok_or(NOT_MAGIC)?;
            Ok(members(json!({ "swapped_period": period, "swapped_in_period": false })))
        }
        Package::ReassignedNumber if number == EXAMPLE => {
            let asked = params.get("LastVerifiedDate").unwrap_or_default();
            let known = REASSIGNED.iter().find(|(day, _)| *day == asked);
            let (_, word) = known.ok_or(NOT_MAGIC)?;
            let day = day(asked);
            Ok(members(json!({ "last_verified_date": day, "is_number_reassigned": word })))
        }
        Package::SmsPumpingRisk if number == EXAMPLE => Ok(members(json!({
            "carrier_risk_category": "moderate",
            "number_blocked": false,
            "sms_pumping_risk_score": 61,
        }))),
        _ => Err(NOT_MAGIC),
    }
}

fn members(json: Value) -> Map<String, Value> {
    match json {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
