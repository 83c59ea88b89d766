//! Ends at bad moments: nothing of a call outlives it.

use super::*;

/// Media tells that the legs that were closed are.
fn close_media(world: &mut World) {
    let close = |output: &Output| match output {
        Output::Media(media::Command::Close(leg)) => Some(*leg),
        _ => None,
    };
    let closed: Vec<media::LegId> = world.outputs.iter().filter_map(close).collect();
    for leg in closed {
        let event = media::Event::Closed(Box::default());
        world.tell(Input::Media(media::Owner::Leg(leg), event));
    }
}

fn statuses(world: &World, call: CallSid) -> Vec<Status> {
    let step = |output: &Output| match output {
        Output::Step(change) if change.key.sid == call => Some(change.status),
        _ => None,
    };
    world.outputs.iter().filter_map(step).collect()
}

#[test]
fn media_of_those_who_hang_up_in_a_queue_or_conference_is_closed() {
    for document in ["<Enqueue>help</Enqueue>", "<Dial><Conference>room</Conference></Dial>"] {
        let mut world = World::new();
        let call = world.call(document);
        let asked = world.outputs.iter().find_map(|output| match output {
            Output::NameQueue { ticket, .. } => Some(*ticket),
            _ => None,
        });
        if let Some(ticket) = asked {
            let known = KnownQueue { sid: queue_sid(), size_max: 9 };
            world.tell(Input::Queue { call, ticket, result: Ok(Some(known)) });
        }
        world.hang_up(call);
        close_media(&mut world);
        assert!(world.engine.is_idle(), "{document}");
    }
}

#[test]
fn a_call_that_was_given_up_while_it_was_screened_is_canceled() {
    let mut world = World::new();
    let request = sip::message::Request::new(sip::message::Method::Invite, uri());
    let sid = CallSid::from_bytes([1; 16]);
    let incoming = sip::Incoming {
        leg: leg_of(sid),
        request,
        source: ([192, 0, 2, 9], 5060).into(),
        transport: sip::io::Transport::Udp,
        offer: None,
        authenticated: None,
        gateway: None,
        replaces: None,
    };
    world.tell(Input::Sip(sip::Event::Incoming(Box::new(incoming))));
    world.hang_up(sid);
    assert_eq!(world.call("<Say>Too late</Say>"), sid);
    assert_eq!(statuses(&world, sid), [Status::Canceled]);
    assert!(world.engine.is_idle());
}

fn uri() -> sip::Uri {
    sip::Uri::sip(Some("+15550002222"), "192.0.2.1", None)
}

#[test]
fn a_call_whose_text_is_sent_after_its_end_is_forgotten() {
    let mut world = World::new();
    let call = world.call("<Sms action='http://app/sent'>Hi</Sms>");
    let sending = world.outputs.iter().find_map(|output| match output {
        Output::Send { id, .. } => Some(*id),
        _ => None,
    });
    let id = sending.expect("a text");
    world.hang_up(call);
    close_media(&mut world);
    assert!(!world.engine.is_idle(), "it waits for the text");
    world.tell(Input::Sent { call, id, result: Ok(Vec::new()) });
    assert!(world.engine.is_idle());
}

#[test]
fn the_end_of_the_program_ends_every_call_and_lets_no_other_begin() {
    let mut world = World::new();
    let up = world.call("<Echo/>");
    world.tell(Input::Stop);
    let ended = |output: &Output| match output {
        Output::Sip(sip::Command::Hangup { leg, .. }) => Some(*leg),
        _ => None,
    };
    assert_eq!(world.outputs.iter().find_map(ended), Some(leg_of(up)));
    world.hang_up(up);
    close_media(&mut world);
    assert_eq!(statuses(&world, up), [Status::InProgress, Status::Completed]);
    assert!(world.engine.is_idle());
    let late = world.call("<Echo/>");
    assert!(statuses(&world, late).is_empty(), "it is not answered");
    world.hang_up(late);
    assert_eq!(statuses(&world, late), [Status::NoAnswer]);
}

#[test]
fn media_of_one_who_hangs_up_while_it_dials_is_closed() {
    let mut world = World::new();
    let call = world.call("<Dial><Number>+15550003333</Number></Dial>");
    let media = world.media(call);
    world.hang_up(call);
    let close = Output::Media(media::Command::Close(media));
    let closes = |output: &Output| format!("{output:?}") == format!("{close:?}");
    assert!(world.outputs.iter().any(closes));
}

#[test]
fn whom_a_refer_names_is_told_with_the_next_question_alone() {
    let mut world = World::new();
    let call = world.call("<Dial referUrl='http://app/refer'><Number>+15550003333</Number></Dial>");
    let (leg, target) = (leg_of(call), Box::new(uri()));
    let (replaces, headers) = (None, Default::default());
    let referred = sip::Event::Referred { leg, refer: 1, target, replaces, headers };
    world.tell(Input::Sip(referred));
    let asked = world.answer(call, "<Redirect>http://app/next</Redirect>");
    assert_eq!(asked.url, "http://app/refer");
    assert_eq!(asked.get("ReferTransferTarget"), Some(&*uri().to_string()));
    let next = world.answer(call, "<Hangup/>");
    assert_eq!((&*next.url, next.get("ReferTransferTarget")), ("http://app/next", None));
}
