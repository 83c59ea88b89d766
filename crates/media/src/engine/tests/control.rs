//! Peers, time-outs, reports, speech and hostile packets.

use super::*;
use crate::rtcp::{self, Block, COMPOUND_MAX, SenderInfo};
use crate::tap::{TapConfig, TapId};
use crate::voice::ListenConfig;

#[test]
fn strangers_are_dropped_and_a_new_binding_is_followed() {
    let mut world = World::new();
    let a = world.phone(Law::Mu, 500.0);
    world.run(10);
    let key = world.phones[0].key;
    let (old, new) = (world.phones[0].address, SocketAddr::from(([192, 0, 2, 9], 9_000)));
    assert_eq!(world.outlet.peers, [(key, Some(old))]);
    assert!(matches!(world.events(a)[..], [Event::Latched { from }] if *from == old));
    world.phones[0].address = new;
    world.run(10);
    assert_eq!(world.sent_to(0).last().map(|sent| sent.to), Some(old), "not yet");
    world.run(60);
    assert_eq!(world.sent_to(0).last().map(|sent| sent.to), Some(new));
    assert_eq!(world.outlet.peers[1..], [(key, None), (key, Some(new))]);
    world.tell(Command::Statistics(a));
    let Some(Event::Statistics(numbers)) = world.events(a).last().copied() else {
        unreachable!("asked for");
    };
    assert!((40..=60).contains(&numbers.dropped), "{}", numbers.dropped);
}

#[test]
fn silence_of_the_network_is_a_time_out_but_not_on_hold() {
    let mut world = World::new();
    let config = LegConfig { timeout_ms: 1_000, ..LegConfig::default() };
    let a = world.phone_with(500.0, config.clone());
    world.run(20);
    world.phones[0].speaks = false;
    world.run(60);
    let timed_out = |world: &World| {
        world.events(a).iter().filter(|event| matches!(event, Event::TimedOut { .. })).count()
    };
    assert_eq!(timed_out(&world), 1);
    world.phones[0].speaks = true;
    world.run(2);
    assert_eq!(world.events(a).last(), Some(&&Event::Resumed));
    let held = LegConfig {
        direction: crate::leg::Direction::SendOnly,
        remote: Some(world.phones[0].address),
        ..config
    };
    world.tell(Command::Update(a, held));
    world.phones[0].speaks = false;
    world.run(200);
    assert_eq!(timed_out(&world), 1);
}

#[test]
fn a_held_leg_is_sent_nothing_when_the_direction_forbids_it() {
    let mut world = World::new();
    let a = world.phone(Law::Mu, 500.0);
    let direction = crate::leg::Direction::Inactive;
    let remote = Some(world.phones[0].address);
    world.tell(Command::Update(a, LegConfig { direction, remote, ..LegConfig::default() }));
    world.outlet.sent.clear();
    world.run(10);
    assert!(world.sent_to(0).is_empty());
}

#[test]
fn speech_silence_and_taps_are_told() {
    let mut world = World::new();
    let a = world.phone(Law::Mu, 500.0);
    world.tell(Command::Listen(a, Some(ListenConfig { silence_ms: 1_000 })));
    let config = TapConfig { track: Track::Inbound, batch_ms: 100 };
    world.tell(Command::Tap(a, TapId(3), config));
    world.run(100);
    world.phones[0].speaks = false;
    world.run(100);
    let heard: Vec<&Event> = world
        .events(a)
        .into_iter()
        .filter(|event| !matches!(event, Event::Tapped { .. } | Event::Latched { .. }))
        .collect();
    assert!(
        matches!(
            heard[..],
            [
                Event::SpeechStarted,
                Event::SpeechEnded { speech_ms: 1_900..=2_100 },
                Event::Silence { ms: 1_000 }
            ]
        ),
        "{heard:?}"
    );
    let tapped: Vec<i16> = world
        .events(a)
        .into_iter()
        .filter_map(|event| match event {
            Event::Tapped { tap: TapId(3), samples } if samples.len() == 800 => Some(samples),
            _ => None,
        })
        .flatten()
        .copied()
        .collect();
    assert_eq!(tapped.len(), 200 * 160);
    assert!(share(&tapped[800..15_000], 500.0) > 0.98);
}

#[test]
fn barge_in_ends_a_prompt_at_once() {
    let mut world = World::new();
    let a = world.phone(Law::Mu, 0.0);
    world.tell(Command::Play(a, vec![Item::forever(1, tone(800.0, 1_000))]));
    world.run(25);
    world.tell(Command::Stop(a));
    world.outlet.sent.clear();
    world.run(5);
    assert!(world.heard(0).iter().all(|sample| *sample == 0), "silence keeps the way open");
    let told = world.events(a);
    let stopped =
        matches!(told[..], [Event::Finished { item: 1, played_ms: 480..=520, completed: false }]);
    assert!(stopped, "{told:?}");
}

#[test]
fn reports_go_both_ways_and_give_the_round_trip() {
    let mut world = World::new();
    let a = world.phone(Law::Mu, 500.0);
    world.run(50 * 8);
    let mut sent = None;
    let report = world.outlet.reports.last().expect("one within eight seconds").clone();
    assert!(rtcp::parse(&report, |part| match part {
        rtcp::Report::Sender(ssrc, info) => sent = Some((ssrc, info)),
        rtcp::Report::Block(block) => assert_eq!((block.lost, block.fraction), (0, 0)),
        _ => {}
    }));
    let (ssrc, info) = sent.expect("a sender's report");
    assert!(info.packets > 40 && info.octets == info.packets * 160);
    // The peer answers: it waited for nothing, and the way took what the clock says.
    let block = Block {
        ssrc,
        lost: 7,
        jitter: 16,
        last_report: (info.ntp >> 16) as u32,
        ..Block::default()
    };
    let mut out = [0; COMPOUND_MAX];
    let own = SenderInfo { ntp: rtcp::ntp(world.now), ..SenderInfo::default() };
    let len = rtcp::write(0xabc0, Some(own), Some(block), &[b'x'; 16], true, &mut out);
    let sent_at = (info.ntp >> 32) as i64 - 2_208_988_800;
    let (key, from) = (world.phones[0].key, world.phones[0].address);
    let reports_from = SocketAddr::new(from.ip(), from.port() + 1);
    world.take(key, Port::Rtcp, reports_from, &out[..len]);
    let stranger = SocketAddr::from(([203, 0, 113, 1], 1));
    world.take(key, Port::Rtcp, stranger, &out[..len]);
    world.tell(Command::Statistics(a));
    let Some(Event::Statistics(numbers)) = world.events(a).last().copied() else {
        unreachable!("asked for");
    };
    let away = (world.now.micros() / 1_000_000 - sent_at) as f32 * 1_000.0;
    let round_trip = numbers.round_trip_ms.expect("known");
    assert!((round_trip - away).abs() <= 1_000.0, "{round_trip} of about {away}");
    assert_eq!((numbers.remote_lost, numbers.remote_jitter_ms, numbers.dropped), (7, 2.0, 1));
    assert!(world.events(a).contains(&&Event::Goodbye));
}

#[test]
fn a_thread_that_stood_still_does_not_catch_up_for_ever() {
    let mut world = World::new();
    world.phone(Law::Mu, 0.0);
    world.run(5);
    world.outlet.sent.clear();
    world.now = world.now + Duration::from_secs(60);
    world.outlet.now = world.now;
    world.engine.tick(world.now, &mut world.outlet);
    assert!(world.sent_to(0).len() <= 6);
    assert!(world.engine.wake_at() > Some(world.now));
}

#[test]
fn mutated_packets_harm_nothing() {
    let mut world = World::new();
    let (a, b) = (world.phone(Law::Mu, 500.0), world.phone(Law::A, 0.0));
    world.tell(Command::Bridge { a, b, pass_digits: true });
    world.tell(Command::Record(Owner::Leg(b), RecordingId(1), DUAL));
    world.run(5);
    let mut report = [0; COMPOUND_MAX];
    rtcp::write(1, None, Some(Block::default()), &[b'x'; 16], true, &mut report);
    let good = world.sent_to(1)[0].data.clone();
    let digit = [0x80, 101, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9, 5, 0x80, 1, 1];
    machine::fuzz::mutations(&[&good, &digit, &report], 20_000, |data| {
        crate::fuzz::rtp(data);
        crate::fuzz::rtcp(data);
        let (key, from) = (world.phones[0].key, world.phones[0].address);
        world.take(key, Port::Rtp, from, data);
        world.now = world.now + Duration::from_millis(3);
        world.engine.tick(world.now, &mut world.outlet);
        world.outlet.sent.clear();
        world.outlet.reports.clear();
    });
    assert_eq!(world.engine.legs(), 2);
}

#[test]
fn legs_are_read_at_their_ticks_and_bridged_ones_in_between() {
    let mut world = World::new();
    let (a, b) = (world.phone(Law::Mu, 0.0), world.phone(Law::Mu, 0.0));
    world.phone(Law::Mu, 0.0);
    world.run(1);
    let reads = |world: &mut World| {
        let mut reads = [0; 3];
        for _ in 0..20 {
            world.now = world.now + Duration::from_millis(1);
            world.engine.reads(world.now, |key| reads[key.0] += 1);
            world.engine.tick(world.now, &mut world.outlet);
        }
        reads
    };
    assert_eq!(reads(&mut world), [1, 1, 1]);
    world.tell(Command::Bridge { a, b, pass_digits: true });
    assert_eq!(reads(&mut world), [2, 2, 1]);
    world.tell(Command::Detach(b));
    assert_eq!(reads(&mut world), [1, 1, 1]);
}
