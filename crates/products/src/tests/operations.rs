//! Twilio's operations on the hosts that the first product stands on, and which of them are not
//! there yet: what README's table says is held against the routes.

use std::collections::BTreeSet;

use http::Method;

use crate::gateway::Operations;
use crate::tests::house::House;

/// The hosts whose every operation is there or named below.
const HOSTS: [&str; 4] = ["accounts", "api", "events", "monitor"];

/// Where operations that are not there yet begin, without the account, and why.
const NOT_YET: &[(&str, &str)] = &[
    ("api GET /AuthorizedConnectApps", "a page where people authorise apps comes first"),
    ("api GET /ConnectApps", "a page where people authorise apps comes first"),
    ("api POST /ConnectApps", "a page where people authorise apps comes first"),
    ("api DELETE /ConnectApps", "a page where people authorise apps comes first"),
    ("api GET /IncomingPhoneNumbers/{ResourceSid}/AssignedAddOns", "no market of add-ons"),
    ("api POST /IncomingPhoneNumbers/{ResourceSid}/AssignedAddOns", "no market of add-ons"),
    ("api DELETE /IncomingPhoneNumbers/{ResourceSid}/AssignedAddOns", "no market of add-ons"),
    ("monitor GET /v2/Alarms", "thresholds over alerts"),
    ("monitor POST /v2/Alarms", "thresholds over alerts"),
    ("monitor PUT /v2/Alarms", "thresholds over alerts"),
    ("monitor DELETE /v2/Alarms", "thresholds over alerts"),
    ("api POST /Calls", "voice"),
    ("api DELETE /Calls", "voice"),
    ("api GET /Recordings", "voice"),
    ("api DELETE /Recordings", "voice"),
    ("api GET /Transcriptions", "voice"),
    ("api DELETE /Transcriptions", "voice"),
];

#[tokio::test]
async fn what_is_not_there_yet_is_named() {
    let house = House::build("operations").await;
    let routes = house.gateway.routes();
    let (mut missing, mut there) = (Vec::new(), 0);
    let mut unused: BTreeSet<&str> = NOT_YET.iter().map(|(start, _)| *start).collect();
    for (host, method, path) in Operations::listed().filter(|(host, ..)| HOSTS.contains(host)) {
        let method: Method = method.parse().expect("a method");
        if routes.has(host, &method, path) {
            there += 1;
            continue;
        }
        let rest = path.strip_prefix("/2010-04-01/Accounts/{AccountSid}").unwrap_or(path);
        let name = format!("{host} {method} {rest}");
        let known = NOT_YET.iter().filter(|(start, _)| {
            name.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        let known: Vec<&str> = known.map(|(start, _)| *start).collect();
        if known.is_empty() {
            missing.push(name);
        }
        known.iter().for_each(|start| {
            unused.remove(start);
        });
    }
    assert!(missing.is_empty(), "{} are missing:\n{}", missing.len(), missing.join("\n"));
    assert!(unused.is_empty(), "nothing is missing any more below {unused:?}");
    assert!(there > 100, "{there} operations are there");
}
