//! Calls from their first request to their end.

use super::*;
use crate::event::By;

fn answered(world: &World) -> bool {
    world.events.iter().any(|(agent, event)| *agent == 0 && matches!(event, Event::Answered { .. }))
}

fn incoming(world: &World) -> LegId {
    world.find(|_, event| match event {
        Event::Incoming(call) => Some(call.leg),
        _ => None,
    })
}

#[test]
fn a_call_rings_is_answered_and_ended_over_each_transport() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut world = World::new(1, 2, Network { transport, ..GOOD });
        let mut user = agreeable();
        let mut draft = invite(0, 7, 1);
        draft.headers.push(("X-Order".to_owned(), "a\r\nVia: forged".to_owned()));
        // Datagrams by default: the target says what else.
        if transport == Transport::Tcp {
            draft.target.params.set("transport", "tcp");
        }
        world.command(0, Command::Invite(draft));
        world.run_s(5, &mut user);
        assert!(answered(&world));
        let order = world.find(|agent, event| match event {
            Event::Incoming(call) if agent == 1 => {
                let headers = &call.request.headers;
                Some((headers.get("x-order").map(str::to_owned), headers.count("Via")))
            }
            _ => None,
        });
        assert_eq!(order, (Some("a  Via: forged".to_owned()), 1), "no field comes of a value");
        world.command(0, hangup(LegId(7)));
        world.run_s(1, &mut user);
        let by = world.find(|agent, event| match event {
            Event::Ended { by, .. } if agent == 1 => Some(*by),
            _ => None,
        });
        assert_eq!(by, By::Them);
        world.run_s(70, &mut user);
        assert_eq!(world.finals().len(), 2);
        world.assert_empty();
    }
}

#[test]
fn a_call_is_refused_with_words_of_the_user() {
    let mut world = World::new(1, 2, GOOD);
    let mut user: User = Box::new(|world, agent, event| {
        if let Event::Incoming(call) = event {
            let (leg, reason) = (call.leg, Some("Not Today".to_owned()));
            let headers = vec![("X-Why".to_owned(), "tired".to_owned())];
            world.command(agent, Command::Reject { leg, status: 603, reason, headers });
        }
    });
    world.command(0, Command::Invite(invite(0, 7, 1)));
    world.run_s(70, &mut user);
    let refused = world.find(|agent, event| match event {
        Event::Refused { status, reason, headers, .. } if agent == 0 => {
            Some((*status, reason.clone(), headers.get("X-Why").map(str::to_owned)))
        }
        _ => None,
    });
    assert_eq!(refused, (603, "Not Today".to_owned(), Some("tired".to_owned())));
    world.assert_empty();
}

#[test]
fn a_call_is_cancelled_before_and_after_it_rings() {
    for wait_ms in [0, 1_500] {
        let mut world = World::new(1, 2, GOOD);
        let mut user: User = Box::new(|world, agent, event| {
            if let Event::Incoming(call) = event {
                let (leg, headers) = (call.leg, Fields::new());
                world.command(agent, Command::Progress { leg, status: 180, sdp: None, headers });
            }
        });
        world.command(0, Command::Invite(invite(0, 7, 1)));
        let headers = vec![("Reason".to_owned(), "SIP;cause=200".to_owned())];
        let cancel = Command::Hangup { leg: LegId(7), headers };
        world.command_in(Duration::from_millis(wait_ms), 0, cancel);
        world.run_s(70, &mut user);
        let status = world.find(|agent, event| match event {
            Event::Refused { status, .. } if agent == 0 => Some(*status),
            _ => None,
        });
        assert_eq!(status, 487);
        let ended = world.find(|agent, event| match event {
            Event::Ended { by, status, reason, .. } if agent == 1 => {
                Some((*by, *status, reason.clone()))
            }
            _ => None,
        });
        assert_eq!(ended, (By::Them, 487, Some("SIP;cause=200".to_owned())));
        world.assert_empty();
    }
}

#[test]
fn an_answer_that_crosses_a_cancel_is_ended() {
    let mut world = World::new(1, 2, Network { latency_ms: 1, ..GOOD });
    let mut user: User = Box::new(|world, agent, event| match event {
        Event::Incoming(call) => {
            let sdp = answer_to(agent, call.offer.as_ref().expect("an offer"));
            let headers = Fields::new();
            let ring = Command::Progress {
                leg: call.leg,
                status: 180,
                sdp: None,
                headers: headers.clone(),
            };
            world.command(agent, ring);
            let answer = Command::Answer { leg: call.leg, sdp, headers };
            world.command_in(Duration::from_millis(100), agent, answer);
        }
        Event::Progress { leg, .. } => {
            world.command_in(Duration::from_micros(98_500), agent, hangup(*leg));
        }
        _ => {}
    });
    world.command(0, Command::Invite(invite(0, 7, 1)));
    world.run_s(120, &mut user);
    assert!(!answered(&world), "the user wanted no call any more");
    assert_eq!(world.finals().len(), 2);
    world.assert_empty();
}

#[test]
fn silence_ends_a_call_after_timer_b() {
    let mut world = World::new(1, 1, GOOD);
    world.command(0, Command::Invite(invite(0, 7, 9)));
    world.run_s(31, &mut quiet());
    assert_eq!(world.agents[0].legs(), 1);
    world.run_s(2, &mut quiet());
    let status = world.find(|_, event| match event {
        Event::Refused { status, .. } => Some(*status),
        _ => None,
    });
    assert_eq!((status, world.outside.len()), (408, 7));
    world.assert_empty();
}

#[test]
fn an_answer_that_nobody_acknowledges_ends() {
    let mut world = World::new(1, 2, GOOD);
    let mut user = agreeable();
    world.command(0, Command::Invite(invite(0, 7, 1)));
    world.run_to(START + Duration::from_millis(1_001), &mut user);
    world.set_loss(1_000);
    world.events.clear();
    // The answer went out, and the caller's ACK is lost with all else.
    world.run_s(40, &mut quiet());
    let ended = world.find(|agent, event| match event {
        Event::Ended { by, status, .. } if agent == 1 => Some((*by, *status)),
        _ => None,
    });
    assert_eq!(ended, (By::Timeout, 408));
}

#[test]
fn early_media_is_told_and_acknowledged_reliably() {
    let mut world = World::adjusted(1, 2, Network { loss_per_mille: 200, ..GOOD }, |_, config| {
        config.reliable = crate::config::Reliable::Supported;
    });
    let mut user: User = Box::new(|world, agent, event| {
        if let Event::Incoming(call) = event {
            let (leg, headers) = (call.leg, Fields::new());
            let sdp = answer_to(agent, call.offer.as_ref().expect("an offer"));
            for (status, sdp) in [(180, None), (183, Some(sdp.clone())), (182, None)] {
                let headers = headers.clone();
                world.command(agent, Command::Progress { leg, status, sdp, headers });
            }
            world.command(agent, Command::Answer { leg, sdp, headers });
        }
    });
    world.command(0, Command::Invite(invite(0, 7, 1)));
    world.run_s(30, &mut user);
    let mut seen = Vec::new();
    for (agent, event) in &world.events {
        match event {
            Event::Progress { status, sdp, headers, .. } if *agent == 0 => {
                assert!(headers.lists("Require", "100rel"));
                seen.push((*status, sdp.is_some()));
            }
            Event::Answered { .. } => seen.push((200, true)),
            _ => {}
        }
    }
    assert_eq!(seen[..2], [(180, false), (183, true)], "in order, each once");
    assert_eq!(seen.last(), Some(&(200, true)));
    world.command(1, hangup(incoming(&world)));
    world.set_loss(0);
    world.run_s(120, &mut user);
    assert_eq!(world.finals().len(), 2);
    world.assert_empty();
}

#[test]
fn an_invite_without_an_offer_gets_one_and_answers_it() {
    let mut world = World::new(1, 2, GOOD);
    let mut draft = invite(0, 7, 1);
    draft.sdp = None;
    let mut agree = agreeable();
    let mut user: User = Box::new(move |world, agent, event| {
        agree(world, agent, event);
        if let Event::Answered { leg, sdp, .. } = event {
            let sdp = answer_to(agent, sdp.as_ref().expect("an offer"));
            let command = Command::Acknowledge { leg: *leg, sdp };
            world.command_in(Duration::from_secs(3), agent, command);
        }
    });
    world.command(0, Command::Invite(draft));
    world.run_s(10, &mut user);
    let sdp = world.find(|agent, event| match event {
        Event::Confirmed { sdp, .. } if agent == 1 => Some(sdp.clone()),
        _ => None,
    });
    assert!(sdp.is_some(), "the ACK brings the answer");
    world.command(0, hangup(LegId(7)));
    world.run_s(70, &mut user);
    world.assert_empty();
}

#[test]
fn a_redirection_is_followed_or_told() {
    for (redirects_max, followed) in [(1, true), (0, false)] {
        let mut world = World::new(1, 3, GOOD);
        let mut agree = agreeable();
        let mut user: User = Box::new(move |world, agent, event| match event {
            Event::Incoming(call) if agent == 1 => {
                let contacts = format!("<{}>;q=0.1, <{}>;q=0.9", uri(1, "no"), uri(2, "yes"));
                let headers = vec![("Contact".to_owned(), contacts)];
                let (leg, reason) = (call.leg, None);
                world.command(agent, Command::Reject { leg, status: 302, reason, headers });
            }
            _ => agree(world, agent, event),
        });
        let mut draft = invite(0, 7, 1);
        draft.redirects_max = redirects_max;
        world.command(0, Command::Invite(draft));
        world.run_s(5, &mut user);
        assert_eq!(answered(&world), followed);
        world.command(0, hangup(LegId(7)));
        world.run_s(70, &mut user);
        world.assert_empty();
    }
}

#[test]
fn stopping_ends_every_leg() {
    let mut world = World::new(1, 2, GOOD);
    let mut user = agreeable();
    world.command(0, Command::Invite(invite(0, 7, 1)));
    world.run_s(5, &mut user);
    world.command(0, Command::Invite(invite(0, 8, 1)));
    world.command_in(Duration::from_millis(100), 0, Command::Stop);
    world.run_s(5, &mut user);
    world.command(0, Command::Invite(invite(0, 9, 1)));
    world.run_s(100, &mut user);
    assert!(world.agents[0].is_closed());
    assert_eq!(world.finals().len(), 5);
    world.assert_empty();
}

#[test]
fn more_legs_than_the_limit_are_refused() {
    let mut world = World::adjusted(1, 2, GOOD, |_, config| config.legs_max = 1);
    let mut user = agreeable();
    world.command(0, Command::Invite(invite(0, 7, 1)));
    world.command(0, Command::Invite(invite(0, 8, 1)));
    world.run_s(2, &mut user);
    let refused = world.find(|_, event| match event {
        Event::Refused { leg, status, .. } => Some((leg.0, *status)),
        _ => None,
    });
    assert_eq!(refused, (8, 503));
}
