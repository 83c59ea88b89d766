//! Conferences.

use super::*;
use media::Command;

const EVENTS: &str = "statusCallback='http://app/events' \
                      statusCallbackEvent='start end join leave mute hold modify speaker \
                      announcement'";

impl World {
    fn joins(&mut self, attributes: &str) -> CallSid {
        self.call(&format!(
            "<Dial action='http://app/left'><Conference {attributes}>room</Conference></Dial>"
        ))
    }

    /// What happened since this was asked last, in short.
    fn steps(&mut self) -> Vec<String> {
        let of = |output: Output| match output {
            Output::Conference(news) => Some(short(&news.step)),
            _ => None,
        };
        self.outputs().into_iter().filter_map(of).collect()
    }

    fn sid(&self) -> base::ConferenceSid {
        *self.engine.rooms.keys().next().expect("a conference")
    }

    fn change(&mut self, call: CallSid, change: SeatChange) {
        let conference = self.sid();
        self.order(call, Order::Seat(conference, Box::new(change)));
    }
}

fn short(step: &Step) -> String {
    let who = |of: &Participant| of.call.bytes()[0];
    match step {
        Step::Opened { name, .. } => format!("opened {name}"),
        Step::Started => "started".to_owned(),
        Step::Ended(reason, by) => format!("{} {:?}", reason.name(), by.as_ref().map(who)),
        Step::Joined(of) => format!("joined {}", who(of)),
        Step::Left(of, gone, status) => format!("left {} {} {status}", who(of), gone.name()),
        Step::Muted(of) => format!("muted {} {}", who(of), of.muted),
        Step::Held(of) => format!("held {} {}", who(of), of.hold),
        Step::Modified(of) => format!("modified {}", who(of)),
        Step::Speaking(of, speaking) => format!("speaking {} {speaking}", who(of)),
        Step::Announced(it) => format!("announced {} {:?}", it.url, it.failed),
    }
}

fn places(outputs: &[Output]) -> Vec<(media::LegId, media::Place)> {
    let of = |output: &Output| match output {
        Output::Media(Command::Join(leg, _, place)) => Some((*leg, *place)),
        _ => None,
    };
    outputs.iter().filter_map(of).collect()
}

#[test]
fn a_conference_starts_with_the_second_and_ends_with_the_last() {
    let mut world = World::new();
    let first = world.joins(EVENTS);
    let leg = world.media(first);
    let waits = media::Place { on_hold: true, ..media::Place::default() };
    assert_eq!(places(&world.outputs), [(leg, waits)]);
    assert_eq!(world.steps(), ["opened room", "joined 1"]);
    let second = world.joins("");
    let heard = media::Place::default();
    let other = world.media(second);
    assert_eq!(places(&world.outputs), [(leg, heard), (other, heard)]);
    assert_eq!(world.steps(), ["joined 2", "started"]);
    world.hang_up(first);
    assert_eq!(world.steps(), ["left 1 participant_hung_up completed"]);
    world.hang_up(second);
    assert_eq!(
        world.steps(),
        ["left 2 participant_hung_up completed", "last-participant-left Some(2)"]
    );
    assert!(world.engine.rooms.is_empty() && world.engine.room_names.is_empty());
    assert_eq!(world.engine.calls(), 0);
}

#[test]
fn those_who_only_listen_wait_for_one_who_starts_it() {
    let mut world = World::new();
    world.joins("startConferenceOnEnter='false' waitUrl='http://app/wait'");
    let second = world.joins("startConferenceOnEnter='false' waitUrl=''");
    assert_eq!(world.steps(), ["opened room", "joined 1", "joined 2"]);
    let host = world.joins("endConferenceOnExit='true' beep='false'");
    assert_eq!(world.steps(), ["joined 3", "started"]);
    world.hang_up(host);
    let steps = world.steps();
    assert_eq!(steps[0], "left 3 participant_hung_up completed");
    assert_eq!(steps[1], "left 1 moderator_ended_conference in-progress");
    assert_eq!(steps[3], "participant-with-end-conference-on-exit-left Some(3)");
    assert!(world.engine.calls.contains_key(&second), "its action is asked");
}

#[test]
fn who_waits_runs_a_document_again_and_again() {
    let mut world = World::new();
    let call = world.joins("waitUrl='http://app/wait'");
    let sid = world.sid();
    let asked = world.answer(call, "<Pause length='3'/>");
    assert_eq!(asked.get("ConferenceSid"), Some(sid.to_string().as_str()));
    assert_eq!(asked.get("FriendlyName"), Some("room"));
    world.pass(3);
    world.answer(call, "<Pause length='3'/>");
    world.joins("");
    world.outputs();
    world.pass(10);
    assert!(world.outputs().is_empty(), "the wait is over");
}

#[test]
fn the_dial_of_one_who_was_taken_out_is_over() {
    let mut world = World::new();
    let (first, second) = (world.joins(""), world.joins(""));
    let conference = world.sid();
    world.outputs();
    world.order(first, Order::Kick(conference));
    let left = world.answer(first, "<Pause length='60'/>");
    assert_eq!(left.get("DialCallStatus"), Some("answered"));
    assert_eq!(left.get("DialCallSid"), None);
    assert_eq!(world.steps(), ["left 1 participant_updated_via_api in-progress"]);
    world.order(second, Order::Kick(conference));
    assert_eq!(world.steps()[1], "last-participant-kicked Some(2)");
}

#[test]
fn participants_are_muted_held_and_coached() {
    let mut world = World::new();
    let (first, second) = (world.joins(EVENTS), world.joins(""));
    let (leg, other) = (world.media(first), world.media(second));
    world.outputs();
    world.change(first, SeatChange { muted: Some(true), ..SeatChange::default() });
    let muted = media::Place { muted: true, ..media::Place::default() };
    assert_eq!(places(&world.outputs), [(leg, muted)]);
    assert_eq!(world.steps(), ["muted 1 true"]);
    world.change(first, SeatChange { muted: Some(true), ..SeatChange::default() });
    assert_eq!(world.steps(), [""; 0], "nothing is different");

    let hold_hook = Some(hook("http://app/hold"));
    let held = SeatChange { hold: Some(true), hold_hook, ..SeatChange::default() };
    world.change(second, held);
    assert_eq!(world.answer(second, "<Pause length='60'/>").url, "http://app/hold");
    assert_eq!(world.steps(), ["held 2 true"]);
    world.change(second, SeatChange { hold: Some(false), ..SeatChange::default() });
    assert_eq!(places(&world.outputs), [(other, media::Place::default())]);
    assert_eq!(world.steps(), ["held 2 false"]);

    world.change(first, SeatChange { coaches: Some(Some(second)), ..SeatChange::default() });
    let coaches = media::Place { muted: true, coaches: Some(other), ..media::Place::default() };
    assert_eq!(places(&world.outputs), [(leg, coaches)]);
    assert_eq!(world.steps(), ["modified 1"]);
    world.hang_up(second);
    assert_eq!(world.steps(), ["left 2 participant_hung_up completed", "modified 1"]);
}

#[test]
fn announcements_are_heard_by_all_or_by_one() {
    let mut world = World::new();
    let (first, _) = (world.joins(EVENTS), world.joins(""));
    let conference = world.sid();
    world.outputs();
    let order = RoomOrder::Announce(hook("http://app/all"));
    world.tell(Input::Conference(conference, order));
    world.answer(first, "<Play digits='1'/>");
    let announced = world.outputs().into_iter().find_map(|output| match output {
        Output::Media(Command::Announce(mixer, items)) => Some((mixer, items[0].id)),
        _ => None,
    });
    let (mixer, item) = announced.expect("it is heard in the mix");
    let finished = media::Event::Finished { item, played_ms: 200, completed: true };
    world.tell(Input::Media(media::Owner::Mixer(mixer), finished));
    assert_eq!(world.steps(), ["announced http://app/all None"]);

    let announce = Some(hook("http://app/one"));
    world.change(first, SeatChange { announce, ..SeatChange::default() });
    let leg = world.media(first);
    world.answer(first, "<Play digits='1'/>");
    let outputs = world.outputs();
    let item = outputs.iter().find_map(|output| match output {
        Output::Media(Command::Play(of, items)) if *of == leg => Some(items[0].id),
        _ => None,
    });
    let item = item.expect("it is heard by one");
    let finished = media::Event::Finished { item, played_ms: 200, completed: true };
    world.tell(Input::Media(media::Owner::Leg(leg), finished));
    assert_eq!(world.steps(), ["announced http://app/one None"]);
}

#[test]
fn an_announcement_that_can_not_be_had_is_told() {
    let mut world = World::new();
    let (first, _) = (world.joins(EVENTS), world.joins(""));
    let conference = world.sid();
    let order = RoomOrder::Announce(hook("http://app/all"));
    world.tell(Input::Conference(conference, order));
    let fetching = world.outputs().into_iter().find_map(|output| match output {
        Output::Fetch { fetching, .. } => Some(fetching),
        _ => None,
    });
    let fetching = fetching.expect("a question");
    let result = Err((11200, "it answered 500".to_owned()));
    world.tell(Input::Document { call: first, fetching, result });
    assert_eq!(world.steps(), ["announced http://app/all Some(\"it answered 500\")"]);
}

#[test]
fn the_mix_is_recorded_from_the_start() {
    let mut world = World::new();
    world.joins("record='record-from-start'");
    assert!(!world.outputs().iter().any(|it| matches!(it, Output::Recording { .. })));
    world.joins("");
    let conference = world.sid();
    let outputs = world.outputs();
    let begun = outputs.iter().find_map(|output| match output {
        Output::Recording { recording, of, source, .. } => Some((*recording, *of, *source)),
        _ => None,
    });
    let (recording, of, source) = begun.expect("a recording");
    assert_eq!(of, Recorded::Conference(conference));
    assert_eq!(source, RecordingSource::Conference);
    let mixer = world.engine.rooms[&conference].mixer;
    let owner = media::Owner::Mixer(mixer);
    assert!(outputs.iter().any(|output| {
        matches!(output, Output::Media(Command::Record(of, ..)) if *of == owner)
    }));
    world.tell(Input::Conference(conference, RoomOrder::End));
    let over = media::Event::RecordingEnded { recording, duration_ms: 1_000 };
    world.tell(Input::Media(owner, over));
    assert!(world.outputs().iter().any(|it| matches!(it, Output::RecordingOver { .. })));
}

#[test]
fn rooms_are_full_ended_by_the_api_and_of_the_promised_name() {
    let mut world = World::new();
    let (first, second) = (world.joins("maxParticipants='2'"), world.joins(""));
    let third = world.joins("");
    let refused = world.answer(third, "<Hangup/>");
    assert_eq!(refused.get("DialCallStatus"), Some("failed"));
    world.outputs();
    let conference = world.sid();
    world.tell(Input::Conference(conference, RoomOrder::End));
    for call in [second, first] {
        assert_eq!(world.answer(call, "<Hangup/>").get("DialCallStatus"), Some("answered"));
    }
    let steps = world.steps();
    assert_eq!(steps[0], "left 1 conference_ended_via_api in-progress");
    assert_eq!(steps[2], "conference-ended-via-api None");

    let promised = base::ConferenceSid::from_bytes([5; 16]);
    let plan = Plan { conference: Some(promised), ..Plan::default() };
    let call = world.call_of("<Redirect>http://app/join</Redirect>", plan);
    world.answer(call, "<Dial><Conference>room</Conference></Dial>");
    assert_eq!(world.sid(), promised);
}

#[test]
fn speakers_are_told_of_where_somebody_asked() {
    for (attributes, told) in [(EVENTS, 1), ("", 0)] {
        let mut world = World::new();
        let (first, _) = (world.joins(attributes), world.joins(""));
        world.outputs();
        let leg = world.media(first);
        let speaking = media::Event::Speaking { speaking: true };
        world.tell(Input::Media(media::Owner::Leg(leg), speaking));
        assert_eq!(world.steps().len(), told, "{attributes}");
    }
}
