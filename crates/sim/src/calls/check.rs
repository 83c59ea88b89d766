//! The invariants of calls, recordings, conferences and queues.

use std::collections::BTreeMap;

use base::{AccountSid, AnySid, Instant, ObjectKey, Params};
use products::voice::conferences::{self, Conference};
use products::voice::model::{CallRecord, Status};
use products::voice::recordings::{self, Recording};
use products::voice::{params, store as calls};
use products::webhooks::store as hooks;
use store::{Query, StoreError, events_of};

use crate::calls::world::{Outcome, World};
use crate::world::{TENANTS, account};

/// Rows of a list at most.
const ROWS_MAX: u32 = 1_000;

/// A callback as it stands in the record.
struct Told {
    form: Params,
}

impl Told {
    fn get(&self, name: &str) -> &str {
        self.form.get(name).unwrap_or_default()
    }
}

fn words(error: StoreError) -> String {
    error.to_string()
}

/// After the run: what must hold of everything in the record.
pub(super) fn at_the_end(world: &mut World) -> Result<Outcome, String> {
    let mut outcome = Outcome {
        trace: world.trace(),
        calls: 0,
        answered: 0,
        kills: world.kills,
        recordings: 0,
        conferences: 0,
        callbacks: 0,
    };
    for (number, _) in TENANTS {
        of_account(world, account(number), &mut outcome)?;
    }
    // One that was killed right behind its commit is there, and nobody was told.
    if outcome.calls < world.known.len() {
        return Err(format!("{} calls were made, {} are there", world.known.len(), outcome.calls));
    }
    every_charge(world)?;
    let waiting = count(world, "SELECT count(*) FROM queue_members")?;
    if waiting != 0 {
        return Err(format!("{waiting} still wait in queues"));
    }
    let seated = count(world, "SELECT count(*) FROM participants WHERE left_at IS NULL")?;
    if seated != 0 {
        return Err(format!("{seated} still sit in conferences"));
    }
    Ok(outcome)
}

fn of_account(world: &mut World, account: AccountSid, outcome: &mut Outcome) -> Result<(), String> {
    let filter = calls::Filter::default();
    let found = world.ledger.read(|r| calls::list(r, account, &filter, None, ROWS_MAX));
    for call in found.map_err(words)? {
        let told = told(world, account, call.key.sid.into())?;
        outcome.callbacks += told.len();
        outcome.calls += 1;
        outcome.answered += usize::from(call.answered_at.is_some());
        every_step(world, &call, &told)?;
        lasts(world, &call)?;
    }
    let filter = recordings::Filter::default();
    let found = world.ledger.read(|r| recordings::list(r, account, &filter, None, ROWS_MAX));
    for recording in found.map_err(words)? {
        outcome.recordings += 1;
        every_recording(world, &recording)?;
    }
    let filter = calls::conferences::Filter::default();
    let read =
        |r: &mut store::Reader<'_>| calls::conferences::list(r, account, &filter, None, ROWS_MAX);
    for conference in world.ledger.read(read).map_err(words)? {
        outcome.conferences += 1;
        every_conference(world, &conference)?;
    }
    Ok(())
}

fn count(world: &mut World, sql: &'static str) -> Result<i64, String> {
    let read = world.ledger.read(|reader| reader.row(sql, &[], |row| row.int_or_null(0)));
    Ok(read.map_err(words)?.flatten().unwrap_or_default())
}

/// The callbacks about an object, in order.
fn told(world: &mut World, account: AccountSid, object: AnySid) -> Result<Vec<Told>, String> {
    let recorded = world.ledger.read(|reader| hooks::recorded(reader, account, object));
    let mut told = Vec::new();
    for one in recorded.map_err(words)? {
        let salt = one.salt.ok_or_else(|| format!("a callback of {object} is not sealed"))?;
        let opened = ObjectKey::derive(&world.master, &salt).open(&one.request);
        let opened = opened.map_err(|_| format!("a callback of {object} can't be opened"))?;
        let form = Params::parse_form(&opened, 1_000).map_err(|error| error.to_string())?;
        told.push(Told { form });
    }
    Ok(told)
}

/// A call has ended; its events are a chain of statuses that never go back, and just those that
/// were asked for were told, in their order, numbered from 0.
fn every_step(world: &mut World, call: &CallRecord, told: &[Told]) -> Result<(), String> {
    let sid = call.key.sid;
    if !call.status.is_final() || call.ended_at.is_none() {
        return Err(format!("{sid} is still {:?}", call.status));
    }
    let events = world.ledger.read(|reader| events_of(reader, call.event.0, 100));
    let mut events = events.map_err(words)?;
    events.sort_by_key(|event| event.object_seq);
    let mut asked = Vec::new();
    let mut before = None::<Status>;
    for event in &events {
        let all = (0..9).filter_map(Status::from_number);
        let status = all.into_iter().find(|status| status.event() == event.kind);
        let status = status.ok_or_else(|| format!("{sid}: what is {}?", event.kind))?;
        if before.is_some_and(|before| !before.may_become(status)) {
            return Err(format!("{sid} went from {before:?} to {status:?}"));
        }
        // An inbound call rings from the first: nobody is told.
        let wanted = call.callback.as_ref().zip(status.progress());
        if before.is_some() && wanted.is_some_and(|(back, step)| back.events.contains(&step)) {
            asked.push(status.name());
        }
        before = Some(status);
    }
    let steps = told.iter().filter(|one| one.get("CallbackSource") == "call-progress-events");
    let heard: Vec<&str> = steps.clone().map(|one| one.get("CallStatus")).collect();
    if heard != asked {
        return Err(format!("{sid} was to tell {asked:?} and told {heard:?}"));
    }
    for (number, one) in steps.enumerate() {
        if one.get("SequenceNumber") != number.to_string() {
            return Err(format!("{sid}: callback {number} says {}", one.get("SequenceNumber")));
        }
    }
    Ok(())
}

/// A call does not end after its life of the process, nor before it was answered, and is charged
/// for what it lasted.
fn lasts(world: &World, call: &CallRecord) -> Result<(), String> {
    let (sid, ended_at) = (call.key.sid, call.ended_at.unwrap_or_default());
    let life = world.known.get(&call.key).copied().unwrap_or_default();
    let death: Option<Instant> = world.deaths.get(&life).copied();
    if call.answered_at.is_some_and(|at| at > ended_at) {
        return Err(format!("{sid} ended before it was answered"));
    }
    if call.answered_at.is_some() && death.is_some_and(|death| ended_at > death) {
        return Err(format!("{sid} ended at {ended_at:?}, after its process"));
    }
    let completed = call.status == Status::Completed;
    let free = call.price.is_none_or(|price| price.micros == 0);
    if !completed && !free {
        return Err(format!("{sid} is {:?} and costs something", call.status));
    }
    if completed && call.answered_at.is_none() {
        return Err(format!("{sid} is completed and was never answered"));
    }
    if completed && params::minutes(call) > 0 && free && call.price.is_none() {
        return Err(format!("{sid} lasted and has no price"));
    }
    Ok(())
}

/// What accounts have used of calls costs just what their calls were charged.
fn every_charge(world: &mut World) -> Result<(), String> {
    let used = count(world, "SELECT sum(price) FROM usage_days")?;
    let charged = count(world, "SELECT -sum(price) FROM calls")?;
    if used == charged { Ok(()) } else { Err(format!("used {used}, charged {charged}")) }
}

/// A recording is over, and its end was told once.
fn every_recording(world: &mut World, recording: &Recording) -> Result<(), String> {
    let sid = recording.sid;
    let ends = [recordings::Status::Completed, recordings::Status::Absent];
    if !ends.contains(&recording.status) {
        return Err(format!("{sid} of {:?} is still {:?}", recording.call, recording.status));
    }
    let object = recording.call.map_or(sid.into(), Into::into);
    let name = sid.to_string();
    let told = told(world, recording.account, object)?;
    let about = told.iter().filter(|one| one.get("RecordingSid") == name);
    let steps: Vec<&str> = about.map(|one| one.get("RecordingStatus")).collect();
    let end = recording.status.name();
    let expected: &[&[&str]] = match recording.callback {
        None => &[&[]],
        // One that was asked for and never began is only told as absent.
        Some(_) => &[&["in-progress", end], &[end]],
    };
    if expected.contains(&&steps[..]) { Ok(()) } else { Err(format!("{sid} told {steps:?}")) }
}

/// A conference is over; whoever came also left, and its end was told once, at last.
fn every_conference(world: &mut World, conference: &Conference) -> Result<(), String> {
    let sid = conference.sid;
    if conference.status != conferences::Status::Completed {
        return Err(format!("{sid} is still {:?}", conference.status));
    }
    let told = told(world, conference.account, sid.into())?;
    let steps: Vec<&str> = told.iter().map(|one| one.get("StatusCallbackEvent")).collect();
    let mut seats: BTreeMap<&str, i32> = BTreeMap::new();
    for one in &told {
        let step = match one.get("StatusCallbackEvent") {
            "participant-join" => 1,
            "participant-leave" => -1,
            _ => continue,
        };
        let seat = seats.entry(one.get("CallSid")).or_default();
        *seat += step;
        if !(0..=1).contains(seat) {
            return Err(format!("{sid}: {} came or left twice", one.get("CallSid")));
        }
    }
    if conference.callback.is_none() {
        return Ok(());
    }
    let ends = steps.iter().filter(|step| **step == "conference-end").count();
    if ends != 1 || steps.last() != Some(&"conference-end") || seats.values().any(|seat| *seat != 0)
    {
        return Err(format!("{sid} told {steps:?}"));
    }
    Ok(())
}
