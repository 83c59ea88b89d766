//! What is written when calls are made, end, and prove numbers.

use std::time::Duration;

use ::store::{Ledger, Query as _};
use base::{ConferenceSid, Params, Sid as _};

use super::*;
use crate::resource::Refusal;
use crate::voice::caller_ids::{self, Validation};
use crate::voice::conferences::{self, Callback};
use crate::voice::model::Hook;
use crate::webhooks::store::{Recorded, recorded};

const OURS: &str = "+15550001111";
const OTHER: &str = "+15550002222";
const OUTSIDE: &str = "+15558675310";

fn account() -> AccountSid {
    AccountSid::from_bytes([1; 16])
}

fn at(seconds: u64) -> Instant {
    Instant::from_micros(1_700_000_000_000_000) + Duration::from_secs(seconds)
}

struct World {
    ledger: Ledger,
    context: Context,
}

impl World {
    /// An account with two numbers, whose calls may cost one dollar a day.
    fn new() -> Self {
        let master = Arc::new(MasterKey::new([9; 32]));
        let outbox = Outbox::new(Arc::clone(&master), Arc::new(|_| {}), Arc::new(|_| {}));
        let context = Context {
            master,
            prices: Prices::default(),
            outbox,
            home: Home::everywhere(),
            node: "test".into(),
            spend_max: Some(1_000_000),
            public_url: "http://ours".into(),
        };
        let mut ledger = Ledger::in_memory(1, &crate::migrations()).expect("a ledger");
        let numbers = [OURS, OTHER].map(str::to_owned);
        let owned = ledger
            .run::<_, Refusal>(at(0), |tx| crate::numbers::own(tx, account(), &numbers, None));
        owned.expect("numbers");
        Self { ledger, context }
    }

    fn accept(&mut self, to: &str, path: &[&str]) -> Result<(CallRecord, Plan), u32> {
        let path = path.iter().map(|number| (*number).to_owned()).collect();
        let draft = Draft {
            account: account(),
            trial: false,
            direction: Direction::OutboundApi,
            parent: None,
            from: OURS.to_owned(),
            passes_caller: false,
            to: rules::callee(to).expect("a number"),
            plan: Plan { path, ..Plan::default() },
            callback: None,
        };
        let context = &self.context;
        let made = self.ledger.run::<_, StoreError>(at(1), |tx| accept(tx, context, &draft));
        made.expect("a write").map_err(|refused| refused.code)
    }

    fn steps(&mut self, call: &CallRecord, steps: &[(Status, u64)]) {
        for (status, second) in steps {
            let (key, at) = (call.key, at(*second));
            let change = Change { key, status: *status, at, sip_code: 0, price: None };
            let context = &self.context;
            let done = self.ledger.run::<_, StoreError>(at, |tx| step(tx, context, &[change]));
            done.expect("a step");
        }
    }

    fn told(&mut self, object: base::AnySid, salt: &[u8; 16]) -> Vec<(Recorded, Params)> {
        let told = self.ledger.read(|reader| recorded(reader, account(), object)).expect("a read");
        let key = ObjectKey::derive(&self.context.master, salt);
        let form = |one: &Recorded| {
            Params::parse_form(&key.open(&one.request).expect("ours"), 100).expect("a form")
        };
        told.into_iter().map(|one| (form(&one), one)).map(|(form, one)| (one, form)).collect()
    }

    fn alerts(&mut self) -> i64 {
        let sql = "SELECT COUNT(*) FROM alerts WHERE code = 10005";
        let counted = self.ledger.read(|reader| reader.row(sql, &[], |row| row.int(0)));
        counted.expect("a read").unwrap_or_default()
    }
}

#[test]
fn own_numbers_are_called_inside_and_never_twice_in_one_call() {
    let mut world = World::new();
    let (_, plan) = world.accept(OTHER, &[]).expect("a call");
    assert_eq!(plan.onnet, Some(OnNet::Number));
    let (_, plan) = world.accept(OUTSIDE, &[OTHER]).expect("a call");
    assert_eq!(plan.onnet, None);
    assert_eq!(world.accept(OTHER, &[OTHER]).map(drop), Err(13224));
}

#[test]
fn a_days_cost_has_a_cap_that_is_told_once_and_refuses_what_is_new() {
    let mut world = World::new();
    // Eighty minutes cost more than a dollar; two calls go on beyond the cap.
    let calls = [(); 2].map(|()| world.accept(OUTSIDE, &[]).expect("a call").0);
    for call in &calls {
        assert_eq!(world.alerts(), i64::from(call.key != calls[0].key));
        world.steps(call, &[(Status::InProgress, 2), (Status::Completed, 2 + 80 * 60)]);
    }
    assert_eq!(world.alerts(), 1);
    assert_eq!(world.accept(OUTSIDE, &[]).map(drop), Err(rules::SPENT));
    world.context.spend_max = None;
    assert!(world.accept(OUTSIDE, &[]).is_ok(), "without a cap there is none");
}

#[test]
fn a_number_is_proved_once_and_its_end_is_told() {
    let mut world = World::new();
    let (call, _) = world.accept(OUTSIDE, &[]).expect("a call");
    let validation = Validation {
        number: OUTSIDE.to_owned(),
        name: "me".to_owned(),
        code: "123456".to_owned(),
        callback: Some(Hook { url: "http://app/proved".to_owned(), get: true }),
    };
    let context = &world.context;
    let failed = world
        .ledger
        .run::<_, StoreError>(at(2), |tx| caller_ids::fail(tx, context, call.key, &validation));
    failed.expect("a write");
    let prove = |world: &mut World| {
        let context = &world.context;
        let prove = |tx: &mut Tx<'_>| caller_ids::prove(tx, context, call.key, &validation);
        world.ledger.run::<_, Refusal>(at(3), prove)
    };
    prove(&mut world).expect("it is proved");
    let again = prove(&mut world).map_err(|refused| ApiError::from(refused).code);
    assert_eq!(again, Err(21450));
    let proved =
        world.ledger.read(|reader| crate::numbers::is_verified(reader, account(), OUTSIDE));
    assert!(proved.expect("a read"));
    let told = world.told(call.key.sid.into(), &call.salt);
    let statuses: Vec<_> = told.iter().map(|(_, form)| form.get("VerificationStatus")).collect();
    assert_eq!(statuses, [Some("failed"), Some("success")]);
    assert!(told.iter().all(|(one, _)| one.get), "by GET, as it was asked for");
    assert!(told[1].1.get("OutgoingCallerIdSid").is_some_and(|sid| sid.starts_with("PN")));
}

#[test]
fn who_never_came_into_a_conference_is_told_of() {
    let mut world = World::new();
    let (call, _) = world.accept(OUTSIDE, &[]).expect("a call");
    world.steps(&call, &[(Status::Initiated, 2), (Status::Busy, 3)]);
    let callback = Callback {
        hook: Hook { url: "http://app/room".to_owned(), get: false },
        events: vec!["leave".to_owned()],
    };
    let context = &world.context;
    let conference = world.ledger.run::<_, StoreError>(at(4), |tx| {
        let made = conferences::promise(tx, "test", account(), "room", Some(&callback))?;
        conferences::add_failed(tx, context, call.key, made.sid, Some("p1"))?;
        Ok(made)
    });
    let conference = conference.expect("a conference");
    let sid: ConferenceSid = conference.sid;
    let told = world.told(sid.into(), &conference.salt);
    let form = &told[0].1;
    let wanted = [
        ("StatusCallbackEvent", "participant-leave"),
        ("ReasonParticipantLeft", "participant_add_failed"),
        ("ParticipantCallStatus", "busy"),
        ("ParticipantLabel", "p1"),
    ];
    for (name, value) in wanted {
        assert_eq!(form.get(name), Some(value), "{name}");
    }
}
