//! What happens within a call.

use super::*;
use crate::event::By;

/// Two agents in a call; the callee's leg.
fn talking(world: &mut World, user: &mut User) -> LegId {
    world.command(0, Command::Invite(invite(0, 7, 1)));
    world.run_s(3, user);
    world.find(|agent, event| match event {
        Event::Confirmed { leg, .. } if agent == 1 => Some(*leg),
        _ => None,
    })
}

fn count(world: &World, pick: impl Fn(&Event) -> bool) -> usize {
    world.events.iter().filter(|(_, event)| pick(event)).count()
}

#[test]
fn a_call_is_held_and_resumed_from_both_sides() {
    let mut world = World::new(1, 2, Network { loss_per_mille: 100, ..GOOD });
    let mut user = agreeable();
    let theirs = talking(&mut world, &mut user);
    for (agent, leg) in [(0, LegId(7)), (1, theirs)] {
        for direction in [Direction::SendOnly, Direction::SendRecv] {
            world.events.clear();
            let sdp = sdp::offer(&Local { direction, ..local(agent) }, None);
            world.command(agent, Command::Reoffer { leg, sdp });
            world.run_s(40, &mut user);
            let offered = world.find(|_, event| match event {
                Event::Reoffered { sdp: Some(sdp), .. } => {
                    Some((sdp::direction(sdp, &sdp.medias[0]), sdp.origin.sess_version))
                }
                _ => None,
            });
            assert_eq!(offered.0, direction);
            assert!(offered.1 > 1, "what is new has a new version");
            assert_eq!(count(&world, |event| matches!(event, Event::Reanswered { .. })), 1);
        }
    }
    world.command(1, hangup(theirs));
    world.run_s(120, &mut user);
    world.assert_empty();
}

#[test]
fn offers_that_cross_are_both_made_in_the_end() {
    let mut world = World::new(1, 2, GOOD);
    let mut user = agreeable();
    let theirs = talking(&mut world, &mut user);
    for (agent, leg) in [(0, LegId(7)), (1, theirs)] {
        let sdp = sdp::offer(&Local { port: 30_000, ..local(agent) }, None);
        world.command(agent, Command::Reoffer { leg, sdp });
    }
    world.run_s(30, &mut user);
    assert_eq!(count(&world, |event| matches!(event, Event::Reanswered { .. })), 2);
    assert_eq!(count(&world, |event| matches!(event, Event::ReofferRefused { .. })), 0);
}

#[test]
fn a_refused_offer_ends_nothing() {
    let mut world = World::new(1, 2, GOOD);
    let theirs = talking(&mut world, &mut agreeable());
    let mut user: User = Box::new(|world, agent, event| {
        if let Event::Reoffered { leg, .. } = event {
            world.command(agent, Command::RefuseReoffer { leg: *leg, status: 488 });
        }
    });
    world.command(0, Command::Reoffer { leg: LegId(7), sdp: sdp::offer(&local(0), None) });
    world.run_s(1, &mut user);
    // The same offer again is a refresh, and is agreed to without a question.
    assert_eq!(count(&world, |event| matches!(event, Event::Reanswered { .. })), 1);
    let sdp = sdp::offer(&Local { port: 30_002, ..local(0) }, None);
    world.command(0, Command::Reoffer { leg: LegId(7), sdp });
    world.run_s(5, &mut user);
    let refused = |event: &Event| matches!(event, Event::ReofferRefused { status: 488, .. });
    assert_eq!((count(&world, refused), world.finals().len()), (1, 0));
    world.command(1, hangup(theirs));
    world.run_s(70, &mut user);
    world.assert_empty();
}

#[test]
fn a_session_lives_by_its_refreshes_and_ends_without() {
    for (caller, callee) in [(90, 90), (1_800, 90), (90, 1_800), (0, 90), (90, 0)] {
        let mut world = World::adjusted(1, 2, GOOD, |agent, config| {
            let seconds = if agent == 0 { caller } else { callee };
            config.session_expires = Duration::from_secs(seconds);
        });
        let mut user = agreeable();
        talking(&mut world, &mut user);
        let before = world.trace();
        world.run_s(5_000, &mut user);
        assert_ne!(world.trace(), before, "{caller} {callee}: refreshes went out");
        assert!(world.finals().is_empty(), "{caller} {callee}: {:?}", world.finals());
        let asked = |event: &Event| matches!(event, Event::Reoffered { .. });
        assert_eq!(count(&world, asked), 0, "refreshes are nobody's business");
        world.set_loss(1_000);
        world.run_s(4_000, &mut user);
        let finals = world.finals();
        assert_eq!(finals.len(), 2, "{caller} {callee}");
        let timeout = |event: &Event| matches!(event, Event::Ended { by: By::Timeout, .. });
        assert!(finals.values().flatten().copied().all(timeout));
        world.run_s(100, &mut user);
        world.assert_empty();
    }
}

#[test]
fn a_session_that_is_too_short_is_asked_for_again() {
    let mut world = World::adjusted(1, 2, GOOD, |agent, config| {
        config.session_expires = Duration::from_secs(if agent == 0 { 100 } else { 600 });
        config.session_min = Duration::from_secs(if agent == 0 { 90 } else { 400 });
    });
    talking(&mut world, &mut agreeable());
    let expires = world.find(|_, event| match event {
        Event::Answered { headers, .. } => headers.number("Session-Expires"),
        _ => None,
    });
    assert_eq!(expires, 400);
}

#[test]
fn digits_and_other_infos_arrive() {
    let mut world = World::new(1, 2, GOOD);
    let mut user = agreeable();
    talking(&mut world, &mut user);
    for (kind, body) in [
        ("application/dtmf-relay", crate::dtmf_relay('5', 160)),
        ("application/dtmf-relay", b"Signal= 11\r\nDuration= 100\r\n".to_vec()),
        ("application/dtmf", b"d".to_vec()),
        ("text/plain", b"hello".to_vec()),
    ] {
        let content_type = kind.to_owned();
        world.command(0, Command::Info { leg: LegId(7), content_type, body });
        world.run_s(1, &mut user);
    }
    let digits: Vec<(char, u32)> = world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Dtmf { digit, duration_ms, .. } => Some((*digit, *duration_ms)),
            _ => None,
        })
        .collect();
    assert_eq!(digits, [('5', 160), ('#', 100), ('D', 250)]);
    assert_eq!(count(&world, |event| matches!(event, Event::Info { .. })), 1);
    assert_eq!(count(&world, |event| matches!(event, Event::InfoAnswered { status: 200, .. })), 4);
}

#[test]
fn a_blind_transfer_is_told_to_its_end() {
    let mut world = World::new(1, 3, GOOD);
    let mut user = agreeable();
    let theirs = talking(&mut world, &mut user);
    let (target, replaces) = (uri(2, "carol"), None);
    world.command(0, Command::Refer { leg: LegId(7), target, replaces });
    world.run_s(1, &mut user);
    let (leg, refer, target) = world.find(|agent, event| match event {
        Event::Referred { leg, refer, target, .. } if agent == 1 => {
            Some((*leg, *refer, target.to_string()))
        }
        _ => None,
    });
    assert_eq!((leg, target), (theirs, uri(2, "carol").to_string()));
    world.command(1, Command::AcceptRefer { leg, refer });
    for status in [180, 200, 486] {
        world.command(1, Command::ReferProgress { leg, refer, status });
    }
    world.run_s(1, &mut user);
    let told: Vec<(u16, bool)> = world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::ReferProgress { status, last, .. } => Some((*status, *last)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(100, false), (180, false), (200, true)], "and nothing after the last");
    assert_eq!(count(&world, |event| matches!(event, Event::ReferAnswered { status: 202, .. })), 1);
}

#[test]
fn an_attended_transfer_takes_the_place_of_a_leg() {
    // Alice (0) talks with Bob (1) and with Carol (2), and hands Bob over to Carol.
    let mut world = World::new(1, 3, GOOD);
    let mut user = agreeable();
    let bob = talking(&mut world, &mut user);
    world.command(0, Command::Invite(invite(0, 8, 2)));
    world.run_s(3, &mut user);
    let refer = Command::Refer { leg: LegId(7), target: uri(2, "carol"), replaces: Some(LegId(8)) };
    world.command(0, refer);
    world.run_s(1, &mut user);
    let (refer, target) = world.find(|agent, event| match event {
        Event::Referred { refer, target, .. } if agent == 1 => Some((*refer, target.clone())),
        _ => None,
    });
    world.command(1, Command::AcceptRefer { leg: bob, refer });
    let bobs = Address::new(uri(1, "bob"));
    let draft = Invite::new(LegId(9), *target, bobs, Some(offer(1)));
    world.command(1, Command::Invite(Box::new(draft)));
    world.run_s(3, &mut user);
    let replaced = world.find(|agent, event| match event {
        Event::Incoming(call) if agent == 2 => call.replaces,
        _ => None,
    });
    // Carol's leg with Alice ends as soon as that with Bob is answered.
    let ended = world.find(|agent, event| match event {
        Event::Ended { leg, by, .. } if agent == 2 => Some((*leg, *by)),
        _ => None,
    });
    assert_eq!(ended, (replaced, By::Us));
    world.command(1, Command::ReferProgress { leg: bob, refer, status: 200 });
    world.run_s(1, &mut user);
    let ended = world.find(|agent, event| match event {
        Event::Ended { leg, .. } if agent == 0 => Some(*leg),
        _ => None,
    });
    assert_eq!(ended, LegId(8));
    world.command(0, hangup(LegId(7)));
    world.command(1, hangup(LegId(9)));
    world.run_s(100, &mut user);
    world.assert_empty();
}

#[test]
fn a_replaces_in_a_refer_names_our_own_leg() {
    // Bob (1) holds two calls of Alice (0) and joins them: both ends of the transfer are ours.
    let mut world = World::new(1, 2, GOOD);
    let mut user = agreeable();
    let first = talking(&mut world, &mut user);
    world.command(0, Command::Invite(invite(0, 8, 1)));
    world.run_s(3, &mut user);
    let second = world.events.iter().rev().find_map(|(agent, event)| match event {
        Event::Confirmed { leg, .. } if *agent == 1 => Some(*leg),
        _ => None,
    });
    let second = second.expect("the second call");
    let refer = Command::Refer { leg: first, target: uri(0, "alice"), replaces: Some(second) };
    world.command(1, refer);
    world.run_s(1, &mut user);
    let replaces = world.find(|agent, event| match event {
        Event::Referred { leg, replaces, .. } if agent == 0 => Some((*leg, *replaces)),
        _ => None,
    });
    assert_eq!(replaces, (LegId(7), Some(LegId(8))));
}
