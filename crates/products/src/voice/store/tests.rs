//! Rows of recordings, queues and conferences, on SQLite.

use std::sync::Arc;
use std::time::Duration;

use ::store::{Ledger, StoreError};
use base::{
    AccountSid, CallSid, ConferenceSid, Instant, MasterKey, ObjectKey, Params, QueueSid, Sid,
};
use twiml::voice::ConferenceEvent;

use crate::accounts::geo::Home;
use crate::resource::Refusal;
use crate::voice::conferences::{self, Status};
use crate::voice::engine::{Conferenced, Ended, Gone, Member, Participant, Step};
use crate::voice::model::{CallKey, Hook, RecordPlan};
use crate::voice::recordings::{self, New};
use crate::voice::rules::Prices;
use crate::voice::work::{self, Context};
use crate::voice::{queues, store};
use crate::webhooks::Outbox;
use crate::webhooks::store::recorded;

const NODE: &str = "test";

fn account() -> AccountSid {
    AccountSid::from_bytes([1; 16])
}

fn call(number: u8) -> CallSid {
    CallSid::from_bytes([number; 16])
}

fn at(seconds: u64) -> Instant {
    Instant::from_micros(1_700_000_000_000_000) + Duration::from_secs(seconds)
}

fn ledger() -> Ledger {
    Ledger::in_memory(1, &crate::migrations()).expect("a ledger")
}

fn context(master: &Arc<MasterKey>) -> Context {
    Context {
        master: Arc::clone(master),
        prices: Prices::default(),
        outbox: Outbox::new(Arc::clone(master), Arc::new(|_| {}), Arc::new(|_| {})),
        home: Home::everywhere(),
        node: NODE.into(),
        spend_max: Some(1_000_000),
        public_url: "http://ours".into(),
    }
}

fn participant(number: u8) -> Participant {
    Participant {
        call: call(number),
        label: Some(format!("p{number}")),
        muted: false,
        hold: false,
        coaches: None,
        start_on_enter: true,
        end_on_exit: number == 1,
    }
}

fn opened() -> Step {
    use ConferenceEvent as E;
    let hook = Hook { url: "http://app/events".to_owned(), get: false };
    let callback = Some((hook, vec![E::Start, E::End, E::Join, E::Leave]));
    Step::Opened { name: "room".to_owned(), region: Some("ie1".to_owned()), callback }
}

#[test]
fn what_happens_in_a_conference_is_written_and_told_in_order() {
    let master = Arc::new(MasterKey::new([9; 32]));
    let (mut ledger, context) = (ledger(), context(&master));
    let sid = ConferenceSid::from_bytes([3; 16]);
    let muted = Participant { muted: true, ..participant(2) };
    let first = participant(1);
    let steps = [
        opened(),
        Step::Joined(first.clone()),
        Step::Joined(participant(2)),
        Step::Started,
        Step::Muted(muted.clone()),
    ];
    let follow = |steps: Vec<Step>, ledger: &mut Ledger| {
        for (second, step) in (0..).zip(steps) {
            let news = Conferenced { account: account(), conference: sid, at: at(second), step };
            let written = ledger.run(at(second), |tx| conferences::follow(tx, &context, &news));
            written.expect("a step");
        }
    };
    follow(steps.into(), &mut ledger);
    let seats = ledger.read(|r| store::conferences::seats(r, sid)).expect("seats");
    let seated: Vec<&Participant> = seats.iter().map(|seat| &seat.participant).collect();
    assert_eq!(seated, [&first, &muted]);
    let steps = [
        Step::Left(first.clone(), Gone::HungUp, "completed"),
        Step::Ended(Ended::ModeratorLeft, Some(first)),
    ];
    follow(steps.into(), &mut ledger);
    assert!(ledger.read(|r| store::conferences::seats(r, sid)).expect("seats").is_empty());
    let found = ledger.read(|r| store::conferences::find(r, account(), sid)).expect("a read");
    let found = found.expect("a conference");
    assert_eq!((found.status, found.callbacks), (Status::Completed, 5));
    assert_eq!(found.reason.as_deref(), Some("participant-with-end-conference-on-exit-left"));
    assert_eq!(found.ended_by, Some(call(1)));

    let told = ledger.read(|r| recorded(r, account(), sid.into())).expect("deliveries");
    let key = ObjectKey::derive(&master, &found.salt);
    let forms: Vec<Params> = told
        .iter()
        .map(|one| Params::parse_form(&key.open(&one.request).expect("ours"), 100).expect("a form"))
        .collect();
    let names: Vec<_> = forms.iter().filter_map(|form| form.get("StatusCallbackEvent")).collect();
    assert_eq!(
        names,
        [
            "participant-join",
            "participant-join",
            "conference-start",
            "participant-leave",
            "conference-end"
        ]
    );
    for (number, form) in (1..).zip(&forms) {
        assert_eq!(form.get("SequenceNumber"), Some(number.to_string().as_str()));
        assert_eq!(form.get("FriendlyName"), Some("room"));
    }
    assert_eq!(forms[0].get("ParticipantLabel"), Some("p1"));
    assert_eq!(forms[3].get("ReasonParticipantLeft"), Some("participant_hung_up"));
    assert_eq!(forms[3].get("ParticipantCallStatus"), Some("completed"));
    assert_eq!(forms[4].get("ParticipantLabelEndingConference"), Some("p1"));
}

#[test]
fn a_promised_conference_is_one_until_nobody_comes() {
    let mut ledger = ledger();
    let promise = |ledger: &mut Ledger| {
        ledger
            .run(at(0), |tx| conferences::promise(tx, NODE, account(), "room", None))
            .expect("one")
    };
    let first = promise(&mut ledger);
    assert_eq!(promise(&mut ledger).sid, first.sid);
    let over = ledger.run(at(1), |tx| conferences::abandon(tx, account(), first.sid));
    over.expect("a write");
    let second = promise(&mut ledger);
    assert_ne!(second.sid, first.sid);
    let context = context(&Arc::new(MasterKey::new([7; 32])));
    ledger.run(at(2), |tx| work::recover(tx, &context)).expect("a write");
    let all =
        ledger.read(|r| store::conferences::list(r, account(), &Default::default(), None, 10));
    let all = all.expect("a list");
    assert!(all.len() == 2 && all.iter().all(|one| one.status == Status::Completed));
}

#[test]
fn queues_are_found_or_made_by_name_and_know_who_waits() {
    let mut ledger = ledger();
    let named = |ledger: &mut Ledger, make| {
        let found =
            ledger.run::<_, Refusal>(at(0), |tx| queues::named(tx, account(), "help", make));
        found.expect("a look")
    };
    assert_eq!(named(&mut ledger, None), None);
    let made = named(&mut ledger, Some(7)).expect("it is made");
    assert_eq!(made.size_max, 7);
    assert_eq!(named(&mut ledger, Some(100)), Some(made), "it is not made again");
    assert_eq!(named(&mut ledger, None), Some(made));

    let member = |number, since: Option<Instant>, ledger: &mut Ledger| {
        let key = CallKey { account: account(), sid: call(number) };
        let member = Member { call: key, queue: made.sid, since };
        ledger.run(at(0), |tx| queues::follow(tx, NODE, &member)).expect("a write");
    };
    member(1, Some(at(10)), &mut ledger);
    member(2, Some(at(0)), &mut ledger);
    let size = |ledger: &mut Ledger| {
        ledger.read(|r| store::queues::size(r, made.sid.into(), at(20))).expect("a size")
    };
    assert_eq!(size(&mut ledger), (2, 15));
    let waiting = |ledger: &mut Ledger, of: AccountSid, queue: QueueSid| {
        let found = ledger.read(|r| store::queues::members(r, of, queue)).expect("members");
        found.into_iter().map(|one| one.call).collect::<Vec<_>>()
    };
    assert_eq!(waiting(&mut ledger, account(), made.sid), [call(2), call(1)]);
    let stranger = AccountSid::from_bytes([2; 16]);
    assert_eq!(waiting(&mut ledger, stranger, made.sid), []);
    member(2, None, &mut ledger);
    assert_eq!(size(&mut ledger), (1, 10));
    ledger.run(at(0), |tx| store::queues::forget_node(tx, NODE)).expect("a write");
    assert_eq!(size(&mut ledger), (0, 0));
}

fn new(name: Option<u64>, conference: Option<ConferenceSid>) -> New {
    New {
        account: account(),
        call: conference.is_none().then(|| call(1)),
        conference,
        name,
        source: "StartCallRecordingAPI",
        plan: RecordPlan::default(),
    }
}

#[test]
fn recordings_are_begun_once_filtered_and_deleted() {
    let mut ledger = ledger();
    let begin = |new: New, seconds, ledger: &mut Ledger| {
        let begun =
            ledger.run::<_, StoreError>(at(seconds), |tx| store::recordings::begin(tx, &new, NODE));
        begun.expect("a recording")
    };
    let reserved = begin(new(None, None), 0, &mut ledger);
    let begun = begin(new(Some(reserved.name), None), 1, &mut ledger);
    assert_eq!(begun.sid, reserved.sid, "the row was there already");
    let counted = begin(new(Some(5), None), 2, &mut ledger);
    assert_ne!(counted.sid, reserved.sid);
    let conference = ConferenceSid::from_bytes([3; 16]);
    let mixed = begin(new(None, Some(conference)), 3, &mut ledger);

    let listed = |filter: recordings::Filter, ledger: &mut Ledger| {
        let found = ledger.read(|r| recordings::list(r, account(), &filter, None, 10));
        found.expect("a list").into_iter().map(|one| one.sid).collect::<Vec<_>>()
    };
    let of_call = recordings::Filter { call: Some(call(1)), ..Default::default() };
    assert_eq!(listed(of_call.clone(), &mut ledger), [counted.sid, reserved.sid]);
    let of_room = recordings::Filter { conference: Some(conference), ..Default::default() };
    assert_eq!(listed(of_room, &mut ledger), [mixed.sid]);
    let late = recordings::Filter { created: (Some(at(2)), Some(at(3))), ..Default::default() };
    assert_eq!(listed(late, &mut ledger), [counted.sid]);

    let halt = |ledger: &mut Ledger| {
        let paused = recordings::Status::Paused;
        let sid = counted.sid;
        ledger.run(at(4), |tx| recordings::set_status(tx, account(), sid, paused)).expect("a write")
    };
    assert!(halt(&mut ledger));
    let mut gone = counted.clone();
    gone.status = recordings::Status::Deleted;
    ledger.run(at(5), |tx| recordings::delete(tx, &gone)).expect("a write");
    assert!(!halt(&mut ledger), "it is over");
    assert_eq!(listed(of_call.clone(), &mut ledger), [reserved.sid]);
    let with_deleted = recordings::Filter { deleted: true, ..of_call };
    assert_eq!(listed(with_deleted, &mut ledger), [counted.sid, reserved.sid]);
}
