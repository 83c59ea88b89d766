//! Digest, registrar, registrations and gateways.

use super::*;
use crate::config::Strangers;
use crate::digest::{Algorithm, Credentials, ha1};
use crate::event::{GatewayId, RegistrationId};
use crate::gateway::Gateway;
use crate::registration::Registration;

fn credentials(password: &str) -> Option<Credentials> {
    Some(Credentials { username: "alice".to_owned(), password: Secret::new(password) })
}

fn guarded(seed: u64) -> World {
    World::adjusted(seed, 2, GOOD, |agent, config| {
        if agent == 1 {
            config.strangers = Strangers::Challenge;
            config.algorithms = vec![Algorithm::Sha256, Algorithm::Md5];
        }
    })
}

#[test]
fn a_call_proves_itself_by_password_or_hash() {
    for hashed in [false, true] {
        let mut world = guarded(1);
        let mut agree = agreeable();
        let mut user: User = Box::new(move |world, agent, event| match event {
            Event::ProofWanted { question, username, realm, .. } if hashed => {
                assert_eq!((username.as_str(), realm.as_str()), ("alice", "192.0.2.2"));
                let password = Secret::new("open sesame");
                let stored = |algorithm| (algorithm, ha1(algorithm, username, realm, &password));
                let known = [Algorithm::Md5, Algorithm::Sha256].map(stored);
                let proof = Some(Proof::Ha1(known.to_vec()));
                world.command(agent, Command::Prove { question: *question, proof });
            }
            _ => agree(world, agent, event),
        });
        let mut draft = invite(0, 7, 1);
        draft.credentials = credentials("open sesame");
        world.command(0, Command::Invite(draft));
        world.run_s(3, &mut user);
        let who = world.find(|_, event| match event {
            Event::Incoming(call) => Some(call.authenticated.clone()),
            _ => None,
        });
        assert_eq!(who, Some(("alice".to_owned(), "192.0.2.2".to_owned())));
        world.command(0, hangup(LegId(7)));
        world.run_s(70, &mut user);
        world.assert_empty();
    }
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_refused_alike() {
    for (password, known) in [("wrong", true), ("open sesame", false)] {
        let mut world = guarded(1);
        let mut user: User = Box::new(move |world, agent, event| {
            if let Event::ProofWanted { question, .. } = event {
                let proof = known.then(self::password);
                world.command(agent, Command::Prove { question: *question, proof });
            }
        });
        let mut draft = invite(0, 7, 1);
        draft.credentials = credentials(password);
        world.command(0, Command::Invite(draft));
        world.run_s(70, &mut user);
        let status = world.find(|_, event| match event {
            Event::Refused { status, .. } => Some(*status),
            _ => None,
        });
        assert_eq!(status, 403);
        world.assert_empty();
    }
}

#[test]
fn a_leg_is_challenged_by_its_user() {
    let mut world = World::new(1, 2, GOOD);
    let mut agree = agreeable();
    let mut user: User = Box::new(move |world, agent, event| match event {
        Event::Incoming(call) if call.authenticated.is_none() => {
            let realm = "voice.example.com".to_owned();
            world.command(agent, Command::Challenge { leg: call.leg, realm });
        }
        _ => agree(world, agent, event),
    });
    let mut draft = invite(0, 7, 1);
    draft.credentials = credentials("open sesame");
    world.command(0, Command::Invite(draft));
    world.run_s(5, &mut user);
    let realm = world.find(|_, event| match event {
        Event::Incoming(call) => call.authenticated.clone().map(|(_, realm)| realm),
        _ => None,
    });
    assert_eq!(realm, "voice.example.com");
    assert!(world.events.iter().any(|(_, event)| matches!(event, Event::Answered { .. })));
}

fn registration(expires_s: u64, servers: Vec<Uri>) -> Box<Registration> {
    Box::new(Registration {
        id: RegistrationId(3),
        aor: Address::new(uri(1, "alice")),
        servers,
        credentials: credentials("open sesame"),
        expires: Duration::from_secs(expires_s),
        contact_user: "alice".to_owned(),
        headers: Fields::new(),
    })
}

#[test]
fn a_registration_is_kept_and_taken_back() {
    let mut world = World::new(1, 2, Network { loss_per_mille: 100, ..GOOD });
    let mut user = agreeable();
    world.command(0, Command::Register(registration(120, vec![uri(1, "")])));
    world.run_s(3_600, &mut user);
    let bound = |world: &World| {
        let all = world.events.iter().filter(|(_, event)| matches!(event, Event::Bound(_)));
        all.count()
    };
    assert!((30..=60).contains(&bound(&world)), "refreshed in time: {}", bound(&world));
    let lost = |event: &Event| matches!(event, Event::Unbound { .. });
    assert!(!world.events.iter().any(|(_, event)| lost(event)));
    let binding = world.find(|_, event| match event {
        Event::Bound(binding) => Some(binding.clone()),
        _ => None,
    });
    assert_eq!(binding.aor, "sip:alice@192.0.2.2");
    assert_eq!((binding.contact.clone(), binding.hop.remote), (uri(0, "alice"), place(0)));
    // The binding is called by its flow.
    let mut draft = Invite::new(LegId(4), binding.contact, Address::new(uri(1, "x")), None);
    (draft.hop, draft.sdp) = (Some(binding.hop), Some(offer(1)));
    world.command(1, Command::Invite(Box::new(draft)));
    world.run_s(40, &mut user);
    assert!(
        world
            .events
            .iter()
            .any(|(agent, event)| { *agent == 1 && matches!(event, Event::Answered { .. }) })
    );
    world.command(0, Command::Unregister(RegistrationId(3)));
    world.run_s(40, &mut user);
    world.find(|_, event| match event {
        Event::Unbound { expired: false, .. } => Some(()),
        _ => None,
    });
    world.find(|_, event| matches!(event, Event::Unregistered { .. }).then_some(()));
}

#[test]
fn a_restored_binding_behind_nat_is_pinged_until_it_expires() {
    let mut world = World::new(1, 1, GOOD);
    let hop = |transport, flow| {
        let remote = "198.51.100.7:4444".parse().expect("an address");
        Hop { transport, remote, flow, name: "198.51.100.7".to_owned() }
    };
    let binding = |user: &str, hop| crate::event::Binding {
        aor: format!("sip:{user}@example.com"),
        contact: Uri::sip(Some(user), "10.0.0.5", Some(5060)),
        hop,
        expires_at: START + Duration::from_secs(95),
        q: 1_000,
        call_id: "c".to_owned(),
        seq: 1,
        user_agent: String::new(),
    };
    let restored = binding("alice", hop(Transport::Udp, Some(FlowId(99))));
    world.command(0, Command::Restore(Box::new(restored)));
    world.run_s(100, &mut quiet());
    assert_eq!(world.outside.len(), 3, "each 30 s");
    assert!(world.outside.iter().all(|(_, octets)| octets == b"\r\n\r\n"));
    world.find(|_, event| matches!(event, Event::Unbound { expired: true, .. }).then_some(()));
}

#[test]
fn a_binding_that_is_not_refreshed_expires() {
    let mut world = World::new(1, 2, GOOD);
    let mut user = agreeable();
    world.command(0, Command::Register(registration(120, vec![uri(1, "")])));
    world.run_s(2, &mut user);
    world.set_loss(1_000);
    world.run_s(121, &mut user);
    let expired = world.find(|_, event| match event {
        Event::Unbound { expired, .. } => Some(*expired),
        _ => None,
    });
    assert!(expired);
}

#[test]
fn a_registration_that_is_too_brief_asks_for_longer() {
    let mut world = World::new(1, 2, GOOD);
    world.command(0, Command::Register(registration(10, vec![uri(1, "")])));
    world.run_s(5, &mut agreeable());
    let expires = world.find(|_, event| match event {
        Event::Registered { expires, .. } => Some(*expires),
        _ => None,
    });
    assert_eq!(expires, Duration::from_secs(60), "the registrar's shortest");
}

#[test]
fn a_registration_goes_to_the_next_server_and_comes_back_with_pauses() {
    let mut world = World::new(1, 2, GOOD);
    let mut user = agreeable();
    let dead = Uri::sip(None, "198.51.100.7", None);
    world.command(0, Command::Register(registration(120, vec![dead.clone(), uri(1, "")])));
    world.run_s(40, &mut user);
    world.find(|_, event| matches!(event, Event::Registered { .. }).then_some(()));
    let mut world = World::new(1, 1, GOOD);
    world.command(0, Command::Register(registration(120, vec![dead])));
    world.run_s(7_200, &mut user);
    let retries: Vec<Duration> = world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::RegistrationFailed { retry_at, .. } => Some(retry_at.expect("it goes on")),
            _ => None,
        })
        .scan(START, |last, at| Some(at.since(std::mem::replace(last, at))))
        .skip(1)
        .collect();
    assert!(retries.windows(2).take(4).all(|pair| pair[1] > pair[0]), "{retries:?}");
    let longest = retries.iter().max().expect("some");
    assert!(*longest >= Duration::from_secs(900) && *longest <= Duration::from_secs(1_840));
}

fn gateway(id: u64, uri: Uri) -> Gateway {
    Gateway { priority: id as u16, ..Gateway::new(GatewayId(id), uri) }
}

#[test]
fn a_call_goes_to_the_next_gateway_when_one_is_silent_or_busy() {
    let mut world = World::new(1, 3, GOOD);
    let mut agree = agreeable();
    let mut user: User = Box::new(move |world, agent, event| match event {
        Event::Incoming(call) if agent == 1 => {
            let (leg, headers) = (call.leg, Fields::new());
            world.command(agent, Command::Reject { leg, status: 503, reason: None, headers });
        }
        _ => agree(world, agent, event),
    });
    let dead = Uri::sip(None, "198.51.100.7", None);
    let list = vec![gateway(1, dead), gateway(2, uri(1, "")), gateway(3, uri(2, ""))];
    world.command(0, Command::Gateways(list));
    let mut draft = invite(0, 7, 0);
    draft.gateways = vec![GatewayId(1), GatewayId(2), GatewayId(3)];
    world.command(0, Command::Invite(draft));
    world.run_s(40, &mut user);
    let routes: Vec<u64> = world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Routed { gateway, .. } => Some(gateway.0),
            _ => None,
        })
        .collect();
    assert_eq!(routes, [1, 2, 3]);
    assert!(world.events.iter().any(|(_, event)| matches!(event, Event::Answered { .. })));
    assert!(!world.events.iter().any(|(_, event)| matches!(event, Event::Refused { .. })));
}

#[test]
fn gateways_go_down_and_come_up() {
    let mut world = World::new(1, 2, GOOD);
    let mut user = agreeable();
    world.command(0, Command::Gateways(vec![gateway(1, uri(1, ""))]));
    world.run_s(300, &mut user);
    assert!(world.events.is_empty(), "it is up from the beginning");
    world.set_loss(1_000);
    world.run_s(300, &mut user);
    world.find(|_, event| matches!(event, Event::GatewayDown { status: 408, .. }).then_some(()));
    let mut draft = invite(0, 7, 0);
    draft.gateways = vec![GatewayId(1)];
    world.command(0, Command::Invite(draft));
    world.run_s(1, &mut user);
    let refused = world.find(|_, event| match event {
        Event::Refused { status, .. } => Some(*status),
        _ => None,
    });
    assert_eq!(refused, 503, "no gateway is up");
    world.set_loss(0);
    world.run_s(120, &mut user);
    world.find(|_, event| matches!(event, Event::GatewayUp { .. }).then_some(()));
    assert_eq!(world.events.len(), 3);
}

#[test]
fn a_gateway_s_calls_are_known_by_their_address() {
    let mut world = World::adjusted(1, 2, GOOD, |_, config| config.strangers = Strangers::Ignore);
    world.command(1, Command::Gateways(vec![gateway(5, uri(0, ""))]));
    world.run_s(1, &mut agreeable());
    world.command(0, Command::Invite(invite(0, 7, 1)));
    world.run_s(3, &mut agreeable());
    let gateway = world.find(|_, event| match event {
        Event::Incoming(call) => Some(call.gateway),
        _ => None,
    });
    assert_eq!(gateway, Some(GatewayId(5)));
}
