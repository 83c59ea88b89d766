//! The carriers' ends and the registered phones: Trunkline's own routes, beside Twilio's.

use std::sync::Arc;

use base::ApiError;
use http::Method;
use serde_json::{Value, json};

use crate::accounts::{Permission, Verb};
use crate::gateway::{ApiResult, Call, Response, Routes};
use crate::voice::Voice;
use crate::voice::edge::{Line, Registration};

/// Adds the routes.
pub fn routes(routes: &mut Routes, voice: &Arc<Voice>) {
    let read = |name| Permission::new(name, Verb::Read);
    let (get, carriers) = (Method::GET, "/trunkline/v1/SipCarriers");
    routes.on("", get.clone(), carriers, read("voice/sip-carriers"), voice, list_carriers);
    let phones = "/trunkline/v1/SipPhones";
    routes.on("", get, phones, read("voice/sip-phones"), voice, list_phones);
}

/// The installation's, as its main accounts see them.
async fn list_carriers(voice: Arc<Voice>, call: Call) -> ApiResult {
    if call.caller.account.parent.is_some() {
        let text = "The installation's carriers are shown to its main accounts";
        return Err(ApiError::forbidden(text));
    }
    let lines: Vec<Value> = voice.shared().carriers.all().iter().map(line).collect();
    Ok(Response::ok(&json!({ "sip_carriers": lines })))
}

fn line(line: &Line) -> Value {
    let registration = line.registration.map(|registration| match registration {
        Registration::Pending => json!({ "state": "pending" }),
        Registration::Registered(expires) => {
            json!({ "state": "registered", "expires_s": expires.as_secs() })
        }
        Registration::Failed(status) => json!({ "state": "failed", "status": status }),
    });
    json!({
        "address": line.address,
        "up": line.up,
        "status": line.status,
        "registration": registration,
    })
}

/// The phones that are registered with the account's domains.
async fn list_phones(voice: Arc<Voice>, call: Call) -> ApiResult {
    let bound = voice.shared().bindings.held_by(call.caller.account_sid());
    let phones = bound.iter().map(|bound| {
        let binding = &bound.binding;
        json!({
            "address": binding.aor,
            "domain_sid": bound.domain.to_string(),
            "contact": binding.contact.to_string(),
            "source": binding.hop.remote.to_string(),
            "transport": binding.hop.transport.as_str(),
            "user_agent": binding.user_agent,
            "expires_at": binding.expires_at.to_iso8601(),
        })
    });
    Ok(Response::ok(&json!({ "sip_phones": phones.collect::<Vec<Value>>() })))
}
