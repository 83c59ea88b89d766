//! One program for every target; `FUZZ_TARGET` names the one to run.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

type Target = fn(&[u8]);

const TARGETS: &[(&str, Target)] = &[
    ("params", base::fuzz::params),
    ("address", base::fuzz::address),
    ("scalars", base::fuzz::scalars),
    ("signed", base::fuzz::signed),
    ("sip_message", sip::fuzz::message),
    ("sip_values", sip::fuzz::values),
    ("sip_description", sip::fuzz::description),
    ("sip_stream", sip::fuzz::stream),
    ("sip_agent", sip::fuzz::agent),
    ("text", smpp::fuzz::text),
    ("pdu", smpp::fuzz::pdu),
    ("receipt", smpp::fuzz::receipt),
    ("stream", smpp::fuzz::stream),
    ("document", twiml::fuzz::document),
    ("reply", twiml::fuzz::reply),
    ("call", twiml::fuzz::call),
    ("rtp", media::fuzz::rtp),
    ("rtcp", media::fuzz::rtcp),
    ("audio", media::fuzz::audio),
    ("utterance", speech::fuzz::utterance),
    ("wav", speech::fuzz::wav),
    ("hints", speech::fuzz::hints),
    ("dictation", speech::fuzz::dictation),
    ("basic", products::fuzz::basic),
    ("place", products::fuzz::place),
    ("page_token", products::fuzz::page_token),
    ("webhook_url", products::fuzz::webhook_url),
    ("texts", products::fuzz::texts),
    ("edges", products::fuzz::edges),
    ("number", products::fuzz::number),
    ("ranges", products::fuzz::ranges),
    ("factor_binding", products::verify::factors::fuzz::binding),
    ("factor_token", products::verify::factors::fuzz::token),
    ("factor_ceremony", products::verify::factors::fuzz::ceremony),
    ("all", all),
];

fn all(data: &[u8]) {
    TARGETS.iter().filter(|(name, _)| *name != "all").for_each(|(_, target)| target(data));
}

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let wanted = std::env::var("FUZZ_TARGET").unwrap_or_else(|_| "all".to_owned());
    let found = TARGETS.iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("FUZZ_TARGET={wanted} is none of the targets")).1
});

fuzz_target!(|data: &[u8]| TARGET(data));
