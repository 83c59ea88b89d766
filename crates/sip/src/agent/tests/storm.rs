//! Thousands of calls over a network that loses, doubles and reorders.

use super::*;

/// Users that do all sorts of things, at random times.
fn moody() -> User {
    Box::new(|world, agent, event| {
        let wait =
            |world: &mut World, max_ms: u64| Duration::from_millis(world.random.below(max_ms));
        match event {
            Event::Incoming(call) => {
                let leg = call.leg;
                let sdp = call.offer.as_ref().map_or_else(|| offer(agent), |o| answer_to(agent, o));
                let headers = Fields::new();
                if world.random.chance(700) {
                    let (status, sdp) = match world.random.below(3) {
                        0 => (183, Some(sdp.clone())),
                        _ => (180, None),
                    };
                    let headers = headers.clone();
                    let ring = Command::Progress { leg, status, sdp, headers };
                    let after = wait(world, 500);
                    world.command_in(after, agent, ring);
                }
                let after = wait(world, 20_000);
                match world.random.below(10) {
                    0 => {
                        let reject = Command::Reject { leg, status: 486, reason: None, headers };
                        world.command_in(after, agent, reject);
                    }
                    1 => world.command_in(after, agent, hangup(leg)),
                    _ => world.command_in(after, agent, Command::Answer { leg, sdp, headers }),
                }
                // Whatever happens, nobody talks for ever.
                world.command_in(after + Duration::from_secs(60), agent, hangup(leg));
            }
            Event::Answered { leg, .. } | Event::Confirmed { leg, .. } => {
                if world.random.chance(300) {
                    let after = wait(world, 5_000);
                    let sdp = offer(agent);
                    world.command_in(after, agent, Command::Reoffer { leg: *leg, sdp });
                }
                let after = wait(world, 30_000);
                world.command_in(after, agent, hangup(*leg));
            }
            Event::Reoffered { leg, sdp } => {
                let sdp = sdp.as_ref().map_or_else(|| offer(agent), |sdp| answer_to(agent, sdp));
                let after = wait(world, 300);
                let command = match world.random.below(4) {
                    0 => Command::RefuseReoffer { leg: *leg, status: 488 },
                    _ => Command::AnswerReoffer { leg: *leg, sdp },
                };
                world.command_in(after, agent, command);
            }
            _ => {}
        }
    })
}

fn storm(seed: u64, calls: u64, network: Network) -> World {
    let mut world = World::adjusted(seed, 3, network, |agent, config| {
        if agent == 1 {
            config.reliable = crate::config::Reliable::Supported;
        }
    });
    for call in 0..calls {
        let from = world.random.below(3) as usize;
        let to = (from + 1 + world.random.below(2) as usize) % 3;
        let at = Duration::from_millis(world.random.below(60_000));
        let mut draft = invite(from, call + 1, to);
        if network.transport == Transport::Tcp {
            draft.target.params.set("transport", "tcp");
        }
        world.command_in(at, from, Command::Invite(draft));
        if world.random.chance(150) {
            let after = at + Duration::from_millis(world.random.below(15_000));
            world.command_in(after, from, hangup(LegId(call + 1)));
        }
    }
    world.run_s(600, &mut moody());
    world
}

fn check(world: &World, calls: u64) {
    world.assert_empty();
    let finals = world.finals();
    let made = finals.keys().filter(|(_, leg)| *leg < 1 << 63).count() as u64;
    assert_eq!(made, calls, "every call that was made ended");
    let came = world.events.iter().filter_map(|(agent, event)| match event {
        Event::Incoming(call) => Some((*agent, call.leg.0)),
        _ => None,
    });
    let came: Vec<_> = came.collect();
    assert!(came.iter().all(|leg| finals.contains_key(leg)), "and every one that came");
    let mut answered: BTreeMap<(usize, u64), u32> = BTreeMap::new();
    for (agent, event) in &world.events {
        if let Event::Answered { leg, .. } | Event::Confirmed { leg, .. } = event {
            *answered.entry((*agent, leg.0)).or_default() += 1;
        }
    }
    assert!(answered.values().all(|count| *count == 1), "each is answered once");
    assert!(answered.len() as u64 > calls / 2, "most are answered: {}", answered.len());
}

#[test]
fn thousands_of_calls_over_a_bad_network_all_end_once() {
    for seed in 1..=3 {
        let network = Network { loss_per_mille: 100, twice_per_mille: 50, latency_ms: 120, ..GOOD };
        check(&storm(seed, 1_000, network), 1_000);
    }
}

#[test]
fn a_reliable_network_is_no_other_world() {
    check(&storm(9, 500, Network { transport: Transport::Tcp, ..GOOD }), 500);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let network = Network { loss_per_mille: 150, twice_per_mille: 100, latency_ms: 300, ..GOOD };
    let run = |seed| storm(seed, 100, network).trace();
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}
