//! Codes by call: asked for by a key, and said twice, slowly.

use std::sync::Arc;

use ::store::{StoreError, Tx};
use base::{AccountSid, ApiError, CallSid, Sid};

use crate::accounts::Kind as AccountKind;
use crate::verify::channels::{Carried, Carry, Parcel, Taken};
use crate::verify::model::Kind;
use crate::verify::{rules, sms, templates};
use crate::voice::model::{
    CallKey, CallRecord, Direction, Hook, Plan, Progress, Status, StatusCallback,
};
use crate::voice::work::Draft;
use crate::voice::{self, Voice, escaped};
use crate::webhooks;

/// The job that hears of a call's way.
pub const FOLLOW_JOB: &str = "verify.call";

/// Where the code is said once a key was pressed. It is a page of the call's own plan: nobody is
/// asked for it (RFC 6761 §6.4).
const PAGE: &str = "https://plan.invalid/code";

/// Seconds that it rings.
const RING_S: u32 = 45;

/// Seconds that the call may last: both prompts and the code of ten digits fit in twice.
const LIMIT_S: u32 = 180;

/// How often a key is asked for.
const ASKED: usize = 3;

/// The number can't be called.
const UNREACHABLE: u32 = 13224;

/// The channel.
pub struct Call(pub Arc<Voice>);

impl Carry for Call {
    fn kind(&self) -> Kind {
        Kind::Call
    }

    fn speaks(&self, locale: &str) -> bool {
        self.0.shared().voices.language(&voice_of(locale, WOMAN), locale).is_some()
    }

    fn carry(&self, tx: &mut Tx<'_>, parcel: &Parcel<'_>) -> Result<Taken, StoreError> {
        let account = parcel.account;
        let from = sms::sender(tx, account.sid, (parcel.to, parcel.country), "voice")?;
        let Some(from) = from else {
            let text = "Delivery channel disabled: CALL. This account has no number that calls; \
                        buy one";
            return Ok(Err(ApiError::new(rules::CHANNEL_DISABLED, text)));
        };
        let to = match voice::rules::callee(parcel.to) {
            Ok(to) => to,
            Err(refused) => return Ok(Err(refused)),
        };
        let hook = Hook { url: webhooks::job_address(FOLLOW_JOB), get: false };
        let events =
            vec![Progress::Initiated, Progress::Ringing, Progress::Answered, Progress::Completed];
        let draft = Draft {
            account: account.sid,
            trial: account.kind == AccountKind::Trial,
            direction: Direction::OutboundApi,
            parent: None,
            from,
            passes_caller: false,
            to,
            plan: self.plan(parcel),
            callback: Some(StatusCallback { hook, events }),
        };
        Ok(self.0.call_in(tx, &draft)?.map(|call| carried(&call)))
    }

    fn look(
        &self,
        tx: &mut Tx<'_>,
        account: AccountSid,
        key: [u8; 16],
    ) -> Result<Option<Carried>, StoreError> {
        let found = voice::store::find(tx, call_key(account, key))?;
        Ok(found.as_ref().map(carried))
    }

    /// What was said stands nowhere once the call was placed; one that still waits or rings is
    /// called back.
    fn redact(
        &self,
        tx: &mut Tx<'_>,
        account: AccountSid,
        key: [u8; 16],
    ) -> Result<bool, StoreError> {
        let Some(call) = voice::store::find(tx, call_key(account, key))? else { return Ok(true) };
        if !call.status.is_final() && call.status != Status::InProgress {
            self.0.call_back_in(tx, call.key.sid);
        }
        Ok(call.status.is_final())
    }
}

impl Call {
    /// What the call does when it is answered. A machine that answers presses no key, and is told
    /// nothing.
    fn plan(&self, parcel: &Parcel<'_>) -> Plan {
        let speaker = self.speaker(parcel);
        let said = said(&speaker, parcel.around, parcel.code);
        let mut plan = Plan {
            send_digits: parcel.send_digits.map(str::to_owned),
            timeout_s: RING_S,
            time_limit_s: Some(LIMIT_S),
            ..Plan::default()
        };
        if !parcel.service.flag("DtmfInputRequired") {
            plan.twiml = Some(format!("<Response><Pause length=\"1\"/>{said}</Response>"));
            return plan;
        }
        let prompt = escaped(parcel.press_a_key);
        let asked = format!(
            "<Gather input=\"dtmf\" numDigits=\"1\" finishOnKey=\"\" timeout=\"5\" \
             action=\"{PAGE}\"><Say{speaker}>{prompt}</Say></Gather>"
        );
        plan.twiml = Some(format!("<Response>{}</Response>", asked.repeat(ASKED)));
        plan.pages.insert(PAGE.to_owned(), format!("<Response>{said}</Response>"));
        plan
    }

    /// The attributes of what is said: the service's voice where it speaks the words' language.
    fn speaker(&self, parcel: &Parcel<'_>) -> String {
        let main = |language: &str| language.split('-').next().unwrap_or_default().to_owned();
        let speaks = |name: &str| {
            let spoken = self.0.shared().voices.language(name, parcel.locale);
            spoken.is_some_and(|language| main(&language) == main(parcel.locale))
        };
        let voice = match parcel.service.given("TtsName") {
            Some("man") => voice_of(parcel.locale, MAN),
            Some(name) if name.contains('.') && speaks(name) => name.to_owned(),
            _ => voice_of(parcel.locale, WOMAN),
        };
        format!(" voice=\"{}\"", escaped(&voice))
    }
}

/// Letters of voices.
const WOMAN: char = 'A';
const MAN: char = 'B';

/// A voice of a language that understands pauses and pace, which the plainest ones don't.
fn voice_of(locale: &str, letter: char) -> String {
    format!("Google.{}-Standard-{letter}", templates::tag(locale))
}

/// The words, twice. Commas keep the digits of the code apart; letters come with their own.
fn said(speaker: &str, (before, after): (&str, &str), code: &str) -> String {
    let (kind, code) = match code.bytes().all(|byte| byte.is_ascii_digit()) {
        true => ("digits", code.chars().map(String::from).collect::<Vec<_>>().join(", ")),
        false => ("characters", code.to_owned()),
    };
    let say = format!(
        "<Say{speaker}>{}<prosody rate=\"80%\"><say-as interpret-as=\"{kind}\">{}</say-as>\
         </prosody>{}</Say>",
        escaped(before),
        escaped(&code),
        // What ends the sentence would be said alone.
        escaped(after.trim_start_matches(|c: char| c.is_ascii_punctuation() || "。।".contains(c)))
    );
    format!("{say}<Pause length=\"1\"/>{say}")
}

fn call_key(account: AccountSid, key: [u8; 16]) -> CallKey {
    CallKey { account, sid: CallSid::from_bytes(key) }
}

fn carried(call: &CallRecord) -> Carried {
    let failed = call.status == Status::Failed;
    Carried {
        key: call.key.sid.bytes(),
        status: call.status.name(),
        error: if failed { UNREACHABLE } else { 0 },
        price: call.price.map_or(0, |price| -price.micros),
        // The far end refuses with a SIP status; a restart has none.
        interrupted: failed
            && call.sip_code == 0
            && call.started_at.is_some()
            && call.answered_at.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_said_apart_and_twice_and_names_are_text() {
        let said = said(" voice=\"x\"", ("Your R&D code is ", ". Tell it to nobody."), "0123");
        let once = "<Say voice=\"x\">Your R&amp;D code is <prosody rate=\"80%\"><say-as \
                    interpret-as=\"digits\">0, 1, 2, 3</say-as></prosody> Tell it to nobody.</Say>";
        assert_eq!(said, format!("{once}<Pause length=\"1\"/>{once}"));
        assert!(super::said("", ("", "。"), "12AB").contains(">12AB<"));
    }

    #[test]
    fn voices_have_a_language_and_understand_markup() {
        assert_eq!(voice_of("en", WOMAN), "Google.en-US-Standard-A");
        assert_eq!(voice_of("pt-BR", MAN), "Google.pt-BR-Standard-B");
        let voice = voice_of("de", WOMAN);
        assert!(!speech::Utterance::plain(&voice, "", "eins").ignores_markup());
    }
}
