//! Conferences as they are kept and told: the engine says what happened, in order; the rows follow
//! it, and so do the callbacks.

use ::store::{NewEvent, StoreError, Tx};
use base::{AccountSid, CallSid, ConferenceSid, Instant};
use serde::{Deserialize, Serialize};
use twiml::voice::ConferenceEvent;

use crate::voice::engine::{Announced, Conferenced, Ended, Gone, Participant, Step};
use crate::voice::model::{CallKey, Hook};
use crate::voice::params::Form;
use crate::voice::store::{self as calls, conferences as sql};
use crate::voice::work::Context;
use crate::webhooks::NewDelivery;

/// Where a conference is in its life. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Somebody waits for it to start.
    Init = 0,
    /// Started.
    InProgress = 1,
    /// Over.
    Completed = 2,
}

impl Status {
    const ALL: [Self; 3] = [Self::Init, Self::InProgress, Self::Completed];

    /// From its stored number.
    pub fn from_number(number: i64) -> Option<Self> {
        usize::try_from(number).ok().and_then(|index| Self::ALL.get(index).copied())
    }

    /// From Twilio's word for it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Twilio's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
        }
    }
}

/// Where a conference's events are told, and which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// Where.
    pub hook: Hook,
    /// Twilio's words for them: `start`, `join`…
    pub events: Vec<String>,
}

/// A conference as it stands in its row.
#[derive(Clone, Debug)]
pub struct Conference {
    /// Whose.
    pub account: AccountSid,
    /// Which.
    pub sid: ConferenceSid,
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub status: Status,
    /// Where it is mixed, as asked for.
    pub region: Option<String>,
    /// When it was made.
    pub created_at: Instant,
    /// When its row changed last.
    pub updated_at: Instant,
    /// Why it ended.
    pub reason: Option<String>,
    /// The call that it ended with.
    pub ended_by: Option<CallSid>,
    /// Where its events are told.
    pub callback: Option<Callback>,
    /// Callbacks so far.
    pub callbacks: u32,
    /// Its last event and that event's number.
    pub event: (i64, i64),
    /// Salt of its key, under which callbacks are sealed.
    pub salt: [u8; 16],
}

/// A participant as it stands in its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seated {
    /// What is known of it.
    pub participant: Participant,
    /// When it came.
    pub created_at: Instant,
    /// When it changed last.
    pub updated_at: Instant,
}

/// Twilio's word for an event that may be asked for.
fn event_name(event: ConferenceEvent) -> &'static str {
    match event {
        ConferenceEvent::Start => "start",
        ConferenceEvent::End => "end",
        ConferenceEvent::Join => "join",
        ConferenceEvent::Leave => "leave",
        ConferenceEvent::Mute => "mute",
        ConferenceEvent::Hold => "hold",
        ConferenceEvent::Modify => "modify",
        ConferenceEvent::Speaker => "speaker",
        ConferenceEvent::Announcement => "announcement",
    }
}

/// Which event a step is: the one that is asked for, its name, and the ledger's kind.
fn event_of(step: &Step) -> Option<(ConferenceEvent, &'static str, &'static str)> {
    use ConferenceEvent as E;
    const UPDATED: &str = "voice.conference.participant.updated";
    Some(match step {
        Step::Opened { .. } => return None,
        Step::Started => (E::Start, "conference-start", "voice.conference.started"),
        Step::Ended(..) => (E::End, "conference-end", "voice.conference.completed"),
        Step::Joined(_) => (E::Join, "participant-join", "voice.conference.participant.joined"),
        Step::Left(..) => (E::Leave, "participant-leave", "voice.conference.participant.left"),
        Step::Muted(of) if of.muted => (E::Mute, "participant-mute", UPDATED),
        Step::Muted(_) => (E::Mute, "participant-unmute", UPDATED),
        Step::Held(of) if of.hold => (E::Hold, "participant-hold", UPDATED),
        Step::Held(_) => (E::Hold, "participant-unhold", UPDATED),
        Step::Modified(_) => (E::Modify, "participant-modify", UPDATED),
        Step::Speaking(_, true) => (E::Speaker, "participant-speech-start", SPEECH),
        Step::Speaking(_, false) => (E::Speaker, "participant-speech-stop", SPEECH),
        Step::Announced(Announced { failed: None, .. }) => {
            (E::Announcement, "announcement-end", ANNOUNCED)
        }
        Step::Announced(_) => (E::Announcement, "announcement-fail", ANNOUNCED),
    })
}

const SPEECH: &str = "voice.conference.speech";
const ANNOUNCED: &str = "voice.conference.announced";

fn participant(of: &Participant, form: &mut Form) {
    form.extend([
        ("CallSid", of.call.to_string()),
        ("Muted", of.muted.to_string()),
        ("Hold", of.hold.to_string()),
        ("Coaching", of.coaches.is_some().to_string()),
        ("EndConferenceOnExit", of.end_on_exit.to_string()),
        ("StartConferenceOnEnter", of.start_on_enter.to_string()),
    ]);
    form.extend(of.label.iter().map(|label| ("ParticipantLabel", label.clone())));
    form.extend(of.coaches.iter().map(|call| ("CallSidToCoach", call.to_string())));
}

/// What an application is told of a step.
pub fn told(conference: &Conference, name: &str, news: &Conferenced) -> Form {
    let mut form = vec![
        ("ConferenceSid", conference.sid.to_string()),
        ("FriendlyName", conference.name.clone()),
        ("AccountSid", conference.account.to_string()),
        ("SequenceNumber", conference.callbacks.to_string()),
        ("Timestamp", news.at.to_rfc2822()),
        ("StatusCallbackEvent", name.to_owned()),
    ];
    match &news.step {
        Step::Opened { .. } | Step::Started => {}
        Step::Ended(reason, by) => {
            if let Some(by) = by {
                form.push(("CallSidEndingConference", by.call.to_string()));
                let label = by.label.iter();
                form.extend(label.map(|label| ("ParticipantLabelEndingConference", label.clone())));
            }
            form.push(("ReasonConferenceEnded", reason.name().to_owned()));
            form.push(("Reason", reason.name().replace('-', " ")));
        }
        Step::Left(of, gone, status) => {
            participant(of, &mut form);
            form.push(("ParticipantCallStatus", (*status).to_owned()));
            form.push(("ReasonParticipantLeft", gone.name().to_owned()));
        }
        Step::Joined(of)
        | Step::Muted(of)
        | Step::Held(of)
        | Step::Modified(of)
        | Step::Speaking(of, _) => participant(of, &mut form),
        Step::Announced(announced) => {
            announced.to.iter().for_each(|of| participant(of, &mut form));
            form.push(("AnnounceUrl", announced.url.clone()));
            let failed = announced.failed.iter();
            form.extend(failed.map(|why| ("ReasonAnnouncementFailed", why.clone())));
        }
    }
    form
}

/// Writes what happened: the rows, the event, and the callback of who asked for it.
pub fn follow(tx: &mut Tx<'_>, context: &Context, news: &Conferenced) -> Result<(), StoreError> {
    if let Step::Opened { name, region, callback } = &news.step {
        let callback = callback.as_ref().map(|(hook, events)| Callback {
            hook: hook.clone(),
            events: events.iter().map(|event| event_name(*event).to_owned()).collect(),
        });
        let (account, sid) = (news.account, news.conference);
        let mut conference = open(tx, &context.node, account, sid, name)?;
        // Who was promised to one that is over opens it again.
        (conference.status, conference.reason) = (Status::Init, None);
        conference.ended_by = None;
        (conference.region, conference.callback) = (region.clone(), callback);
        return sql::update(tx, &mut conference);
    }
    let Some((asked, name, kind)) = event_of(&news.step) else { return Ok(()) };
    let found = sql::find(tx, news.account, news.conference)?;
    let Some(mut conference) = found else { return Ok(()) };
    match &news.step {
        Step::Started => conference.status = Status::InProgress,
        Step::Ended(reason, by) => {
            conference.status = Status::Completed;
            conference.reason = Some(reason.name().to_owned());
            conference.ended_by = by.as_ref().map(|by| by.call);
            sql::everybody_left(tx, conference.sid, news.at)?;
        }
        Step::Left(of, ..) => sql::left(tx, conference.sid, of.call, news.at)?,
        Step::Joined(of) | Step::Muted(of) | Step::Held(of) | Step::Modified(of) => {
            sql::seat(tx, &conference, of, news.at)?;
        }
        _ => {}
    }
    emit(tx, &mut conference, kind)?;
    let callback = conference.callback.clone();
    let wanted = callback.filter(|it| it.events.iter().any(|e| e == event_name(asked)));
    if let Some(callback) = wanted {
        conference.callbacks += 1;
        let delivery = NewDelivery {
            account: conference.account,
            object: conference.sid.into(),
            object_seq: conference.event.1,
            url: callback.hook.url,
            get: callback.hook.get,
            params: told(&conference, name, news),
            salt: Some(conference.salt),
        };
        context.outbox.enqueue(tx, vec![delivery])?;
    }
    sql::update(tx, &mut conference)
}

fn emit(
    tx: &mut Tx<'_>,
    conference: &mut Conference,
    kind: &'static str,
) -> Result<(), StoreError> {
    let (previous, seq) = conference.event;
    let event = tx.emit(NewEvent {
        account: conference.account,
        object: conference.sid.into(),
        object_seq: seq + 1,
        previous,
        kind,
        facts: "{}",
    })?;
    conference.event = (event, seq + 1);
    Ok(())
}

/// The row of a conference; it is made where it is not there.
fn open(
    tx: &mut Tx<'_>,
    node: &str,
    account: AccountSid,
    sid: ConferenceSid,
    name: &str,
) -> Result<Conference, StoreError> {
    if let Some(known) = sql::find(tx, account, sid)? {
        return Ok(known);
    }
    let now = tx.now();
    let mut conference = Conference {
        account,
        sid,
        name: name.to_owned(),
        status: Status::Init,
        region: None,
        created_at: now,
        updated_at: now,
        reason: None,
        ended_by: None,
        callback: None,
        callbacks: 0,
        event: (0, 0),
        salt: tx.random().salt(),
    };
    emit(tx, &mut conference, "voice.conference.created")?;
    sql::insert(tx, &conference, node)?;
    Ok(conference)
}

/// The conference of this name that is not over; it is made where there is none, for a call that
/// will join it.
pub fn promise(
    tx: &mut Tx<'_>,
    node: &str,
    account: AccountSid,
    name: &str,
    callback: Option<&Callback>,
) -> Result<Conference, StoreError> {
    if let Some(known) = sql::find_named(tx, account, name)? {
        return Ok(known);
    }
    let sid = tx.new_sid();
    let mut conference = open(tx, node, account, sid, name)?;
    if callback.is_some() {
        conference.callback = callback.cloned();
        sql::update(tx, &mut conference)?;
    }
    Ok(conference)
}

/// A call that was to come into a conference ended before it did: whoever asked for those who leave
/// is told.
pub fn add_failed(
    tx: &mut Tx<'_>,
    context: &Context,
    key: CallKey,
    sid: ConferenceSid,
    label: Option<&str>,
) -> Result<(), StoreError> {
    let call = calls::find(tx, key)?;
    let status = call.map(|call| call.status).filter(|status| status.is_final());
    let participant = Participant {
        call: key.sid,
        label: label.map(str::to_owned),
        muted: false,
        hold: false,
        coaches: None,
        start_on_enter: true,
        end_on_exit: false,
    };
    let status = status.map_or("failed", |status| status.name());
    let step = Step::Left(participant, Gone::AddFailed, status);
    let news = Conferenced { account: key.account, conference: sid, at: tx.now(), step };
    follow(tx, context, &news)
}

/// Nobody came into a conference that was promised: it is over.
pub fn abandon(tx: &mut Tx<'_>, account: AccountSid, sid: ConferenceSid) -> Result<(), StoreError> {
    let found = sql::find(tx, account, sid)?;
    let Some(mut conference) = found.filter(|it| it.status != Status::Completed) else {
        return Ok(());
    };
    conference.status = Status::Completed;
    emit(tx, &mut conference, "voice.conference.completed")?;
    sql::update(tx, &mut conference)
}

/// The conferences that a crash left open are over: whoever was in them left with its call, and
/// that is told. Comes after their calls are ended.
pub(super) fn end_orphans(tx: &mut Tx<'_>, context: &Context) -> Result<(), StoreError> {
    for (account, sid) in sql::open_on(tx, &context.node)? {
        if !sql::was_entered(tx, sid)? {
            abandon(tx, account, sid)?;
            continue;
        }
        let mut last = None;
        let mut over_at = None;
        for Seated { participant, .. } in sql::seats(tx, sid)? {
            let call = super::store::find(tx, CallKey { account, sid: participant.call })?;
            let status = call.as_ref().map_or("failed", |call| call.status.name());
            let at = call.and_then(|call| call.ended_at).unwrap_or(tx.now());
            over_at = over_at.max(Some(at));
            last = Some(participant.clone());
            let step = Step::Left(participant, Gone::HungUp, status);
            follow(tx, context, &Conferenced { account, conference: sid, at, step })?;
        }
        let at = over_at.unwrap_or(tx.now());
        let step = Step::Ended(Ended::LastLeft, last);
        follow(tx, context, &Conferenced { account, conference: sid, at, step })?;
    }
    Ok(())
}
