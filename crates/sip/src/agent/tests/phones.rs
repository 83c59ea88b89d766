//! Phones of one user, carriers that speak for users too, and those who guess passwords.

use super::*;
use crate::digest::Credentials;
use crate::event::GatewayId;
use crate::gateway::Gateway;

fn credentials(password: &str) -> Option<Credentials> {
    Some(Credentials { username: "alice".to_owned(), password: Secret::new(password) })
}

fn hop(agent: usize) -> Hop {
    let (transport, remote) = (Transport::Udp, place(agent));
    Hop { transport, remote, flow: None, name: String::new() }
}

/// A call of agent 0 to agents 1, 2 and 3 at once.
fn forked(world: &mut World) {
    let mut draft = invite(0, 7, 1);
    draft.others = vec![(uri(2, "bob"), hop(2)), (uri(3, "bob"), hop(3))];
    world.command(0, Command::Invite(draft));
}

/// Users who do something of their own, after so many milliseconds; agent 0 agrees to all.
fn users(answers: [Option<(u64, u16)>; 3]) -> User {
    let mut agree = agreeable();
    Box::new(move |world, agent, event| match event {
        Event::Incoming(call) if agent > 0 => {
            let (leg, headers) = (call.leg, Fields::new());
            let Some((wait, status)) = answers[agent - 1] else { return };
            let command = if status == 200 {
                let sdp = answer_to(agent, call.offer.as_ref().expect("an offer"));
                Command::Answer { leg, sdp, headers }
            } else {
                Command::Reject { leg, status, reason: None, headers }
            };
            world.command_in(Duration::from_millis(wait), agent, command);
        }
        _ => agree(world, agent, event),
    })
}

fn legs_of_caller(world: &World) -> Vec<LegId> {
    let mut legs: Vec<LegId> = Vec::new();
    for (agent, event) in &world.events {
        let mut event = event.clone();
        legs.extend(event.leg_mut().filter(|_| *agent == 0).map(|leg| *leg));
    }
    legs.sort();
    legs.dedup();
    legs
}

#[test]
fn the_first_phone_that_answers_has_the_call() {
    for (seed, loss) in [(1, 0), (2, 150), (3, 300)] {
        let mut world = World::new(seed, 4, Network { loss_per_mille: loss, ..GOOD });
        let mut user = users([Some((3_000, 200)), Some((900, 200)), None]);
        forked(&mut world);
        world.run_s(12, &mut user);
        let answered = world.events.iter().filter(|(agent, event)| {
            *agent == 0 && matches!(event, Event::Answered { leg: LegId(7), .. })
        });
        assert_eq!(answered.count(), 1, "seed {seed}");
        world.command(0, hangup(LegId(7)));
        world.run_s(140, &mut user);
        assert_eq!(legs_of_caller(&world), [LegId(7)], "the user sees one leg");
        world.assert_empty();
    }
}

#[test]
fn two_that_answer_at_once_leave_one_call() {
    for seed in 1..=20 {
        let mut world = World::new(seed, 4, Network { latency_ms: 80, ..GOOD });
        let mut user = users([Some((500, 200)), Some((500, 200)), Some((500, 200))]);
        forked(&mut world);
        world.run_s(10, &mut user);
        let up = world.agents[1..].iter().filter(|agent| agent.legs() > 0).count();
        assert_eq!((world.agents[0].legs(), up), (1, 1), "seed {seed}");
        world.command(0, hangup(LegId(7)));
        world.run_s(140, &mut user);
        world.assert_empty();
    }
}

#[test]
fn a_call_that_nobody_takes_ends_once() {
    let mut world = World::new(1, 4, GOOD);
    let mut user = users([Some((100, 486)), Some((200, 404)), Some((300, 503))]);
    forked(&mut world);
    world.run_s(70, &mut user);
    let status = world.find(|agent, event| match event {
        Event::Refused { leg: LegId(7), status, .. } if agent == 0 => Some(*status),
        _ => None,
    });
    assert_eq!(status, 486);
    // Called back while all ring.
    let mut user = users([None, None, None]);
    let mut draft = invite(0, 8, 1);
    draft.others = vec![(uri(2, "bob"), hop(2))];
    world.command(0, Command::Invite(draft));
    world.run_s(2, &mut user);
    world.command(0, hangup(LegId(8)));
    world.run_s(140, &mut user);
    world.assert_empty();
}

/// Agent 1 has agent 0 as a gateway, and wants a proof of its calls to alice's domain.
fn with_carrier() -> (World, User) {
    let mut world = World::new(1, 2, GOOD);
    let mut carrier = Gateway::new(GatewayId(5), uri(0, ""));
    carrier.ping_every = Duration::ZERO;
    world.command(1, Command::Gateways(vec![carrier]));
    let mut agree = agreeable();
    let user: User = Box::new(move |world, agent, event| match event {
        Event::Incoming(call) if call.authenticated.is_none() => {
            let realm = "voice.example.com".to_owned();
            world.command(agent, Command::Challenge { leg: call.leg, realm });
        }
        _ => agree(world, agent, event),
    });
    (world, user)
}

#[test]
fn a_user_behind_a_carriers_address_can_prove_itself() {
    let (mut world, mut user) = with_carrier();
    let mut draft = invite(0, 7, 1);
    draft.credentials = credentials("open sesame");
    world.command(0, Command::Invite(draft));
    world.run_s(5, &mut user);
    let who = world.find(|_, event| match event {
        Event::Incoming(call) => call.authenticated.clone(),
        _ => None,
    });
    assert_eq!(who.0, "alice");
}

#[test]
fn what_a_carrier_proves_to_others_is_passed_over() {
    let (mut world, _) = with_carrier();
    world.run_s(1, &mut quiet());
    let text = "INVITE sip:bob@192.0.2.2 SIP/2.0\r\n\
                Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n\
                From: <sip:a@h>;tag=1\r\nTo: <sip:bob@192.0.2.2>\r\nCall-ID: c1\r\n\
                CSeq: 1 INVITE\r\nContact: <sip:a@192.0.2.1>\r\n\
                Proxy-Authorization: Digest username=\"x\", realm=\"theirs\", nonce=\"n\", \
                uri=\"sip:x\", response=\"r\"\r\nContent-Length: 0\r\n\r\n";
    world.arrive(1, place(0), text.as_bytes());
    world.run_s(1, &mut quiet());
    let who = world.find(|_, event| match event {
        Event::Incoming(call) => Some(call.authenticated.clone()),
        _ => None,
    });
    assert_eq!(who, None);
}

#[test]
fn who_guesses_passwords_is_not_asked_any_more() {
    let mut world = World::new(1, 2, GOOD);
    let mut user: User = Box::new(|world, agent, event| match event {
        Event::Incoming(call) => {
            let realm = "voice.example.com".to_owned();
            world.command(agent, Command::Challenge { leg: call.leg, realm });
        }
        Event::ProofWanted { question, .. } => {
            let proof = Some(password());
            world.command(agent, Command::Prove { question: *question, proof });
        }
        _ => {}
    });
    for leg in 0..15 {
        let mut draft = invite(0, leg, 1);
        draft.credentials = credentials("guess");
        world.command(0, Command::Invite(draft));
        world.run_s(2, &mut user);
    }
    let count = |world: &World, pick: fn(&Event) -> bool| {
        world.events.iter().filter(|(agent, event)| *agent == 1 && pick(event)).count()
    };
    assert_eq!(count(&world, |event| matches!(event, Event::ProofWanted { .. })), 10);
    assert_eq!(count(&world, |event| matches!(event, Event::ProofFailed { .. })), 10);
    let refused = world
        .finals()
        .into_values()
        .flatten()
        .filter(|event| matches!(event, Event::Refused { status: 403, .. }));
    assert_eq!(refused.count(), 15);
    world.run_s(301, &mut user);
    let mut draft = invite(0, 99, 1);
    draft.credentials = credentials("open sesame");
    world.command(0, Command::Invite(draft));
    world.run_s(2, &mut user);
    assert_eq!(count(&world, |event| matches!(event, Event::ProofWanted { .. })), 11);
}

#[test]
fn each_gateway_gets_numbers_in_its_own_format() {
    let mut world = World::new(1, 3, GOOD);
    let gateway = |id: u64, agent: usize, format: &str| {
        let mut gateway = Gateway::new(GatewayId(id), uri(agent, ""));
        gateway.ping_every = Duration::ZERO;
        gateway.priority = u16::try_from(id).expect("small");
        gateway.format = format.parse().expect("a format");
        gateway
    };
    let list = vec![gateway(1, 1, "plus-less"), gateway(2, 2, "national:DE")];
    world.command(0, Command::Gateways(list));
    let mut draft = invite(0, 7, 1);
    draft.target = Uri::sip(Some("+493012345678"), "gateway", None);
    draft.from = Address::new(Uri::sip(Some("+14155550100"), "h", None));
    draft.gateways = vec![GatewayId(1), GatewayId(2)];
    world.command(0, Command::Invite(draft));
    world.run_s(5, &mut users([Some((10, 503)), Some((10, 200)), None]));
    let mut seen = Vec::new();
    for (agent, event) in &world.events {
        if let Event::Incoming(call) = event {
            let from = call.request.headers.get("From").and_then(Address::parse);
            let from = from.and_then(|from| from.uri.user());
            seen.push((*agent, call.request.uri.user(), from));
        }
    }
    let said = |text: &str| Some(text.to_owned());
    let first = (1, said("493012345678"), said("14155550100"));
    assert_eq!(seen, [first, (2, said("03012345678"), said("0014155550100"))]);
}
