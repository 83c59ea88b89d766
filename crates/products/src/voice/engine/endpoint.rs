//! What a `Dial` asks of each of its endpoints.

use twiml::voice::{self, Destination, Dial, Endpoint};

use crate::voice::engine::io;
use crate::voice::model::{ApplicationCall, CallRecord, Direction, OnNet, Plan};
use crate::voice::rules::{self, Callee};
use crate::voice::work::Draft;

/// Attributes of a dial that nothing here serves.
pub(super) fn unserved(dial: &Dial) -> Vec<&'static str> {
    let conference = match &dial.to {
        voice::Target::Conference(conference) => Some(conference),
        _ => None,
    };
    let event_callback = conference.and_then(|it| it.event_callback.as_ref());
    let configured = conference.and_then(|it| it.recording_configuration.as_ref());
    let named = [
        ("events", dial.events.is_some()),
        ("passports", dial.passports.is_some()),
        ("eventCallbackUrl", event_callback.is_some()),
        (
            "recordingConfigurationId",
            dial.recording_configuration.is_some() || configured.is_some(),
        ),
    ];
    named.into_iter().filter_map(|(name, given)| given.then_some(name)).collect()
}

pub(super) type Headers = Vec<(String, String)>;

/// The call of an endpoint, and header fields for it; or why it can't be.
pub(super) fn draft(
    parent: &CallRecord,
    of: &Plan,
    dial: &Dial,
    endpoint: &Endpoint,
) -> Result<(Draft, Headers), String> {
    let (mut sip_auth, mut fields, mut send_digits, mut onnet) = (None, Vec::new(), None, None);
    let to = match &endpoint.to {
        Destination::Number { number, send_digits: digits } => {
            send_digits.clone_from(digits);
            rules::callee(number).map_err(|error| error.message)?
        }
        Destination::Sip { uris, headers } => {
            let uri = uris.first().ok_or("a SIP endpoint has no address")?;
            let password = uri.password.clone().unwrap_or_default();
            sip_auth = uri.username.clone().map(|user| (user, password));
            fields.clone_from(headers);
            Callee::Sip(uri.uri.clone())
        }
        Destination::Client { identity, .. } => Callee::Client(identity.clone()),
        Destination::Application { sid, params, customer, copy_parent_to } => {
            let customer = customer.clone().unwrap_or_else(|| parent.key.account.to_string());
            let (sid, params) = (sid.clone(), params.clone());
            let to = if *copy_parent_to { parent.to.clone() } else { sid.clone() };
            onnet = Some(OnNet::Application(ApplicationCall { sid, customer, params }));
            Callee::Application(to)
        }
    };
    let mut path = of.path.clone();
    if parent.direction == Direction::Inbound && !path.contains(&parent.to) {
        path.push(parent.to.clone());
    }
    let plan = Plan {
        send_digits,
        timeout_s: dial.timeout_s,
        sip_auth,
        reason: dial.reason.clone(),
        onnet,
        path,
        ..Plan::default()
    };
    let draft = Draft {
        account: parent.key.account,
        trial: false,
        direction: Direction::OutboundDial,
        parent: Some(parent.key.sid),
        from: dial.caller_id.clone().unwrap_or_else(|| parent.from.clone()),
        passes_caller: dial.caller_id.is_none(),
        to,
        plan,
        callback: io::status_callback(endpoint.status.clone()),
    };
    Ok((draft, fields))
}
