//! Prompts, bridges, digits and recordings between two phones.

use super::*;

#[test]
fn a_prompt_a_bridge_and_a_prompt_are_one_stream() {
    let mut world = World::new();
    let (a, b) = (world.phone(Law::Mu, 500.0), world.phone(Law::A, 900.0));
    world.tell(Command::Play(a, vec![Item::prompt(1, tone(1_300.0, 1_000))]));
    world.run(60);
    world.tell(Command::Bridge { a, b, pass_digits: true });
    world.run(100);
    world.tell(Command::Play(a, vec![Item::prompt(2, tone(1_700.0, 500))]));
    world.run(30);
    world.tell(Command::Detach(a));
    world.run(10);
    world.check_stream(0);
    world.check_stream(1);
    let heard = world.heard(0);
    assert!(share(&heard[..8_000], 1_300.0) > 0.98);
    assert!(share(&heard[10_400..24_000], 900.0) > 0.98, "from A-law");
    assert!(share(&heard[25_800..29_400], 1_700.0) > 0.98);
    let heard = world.heard(1);
    assert!(share(&heard[10_400..24_000], 500.0) > 0.98, "from µ-law");
    let finished = Event::Finished { item: 2, played_ms: 500, completed: true };
    assert!(world.events(a).contains(&&finished));
}

#[test]
fn losses_and_reordering_pass_a_bridge_as_they_are() {
    let mut world = World::new();
    let (a, b) = (world.phone(Law::Mu, 500.0), world.phone(Law::Mu, 0.0));
    world.tell(Command::Bridge { a, b, pass_digits: true });
    world.run(5);
    world.outlet.sent.clear();
    let first = world.phones[0].sequence;
    for step in [0u16, 2, 1, 4] {
        world.phones[0].sequence = first.wrapping_add(step);
        world.send(0, 0, &[0x55; 160]);
    }
    let out: Vec<u16> = world.sent_to(1).iter().map(|sent| sent.packet().sequence).collect();
    let steps: Vec<u16> = out.iter().map(|sequence| sequence.wrapping_sub(out[0])).collect();
    assert_eq!(steps, [0, 2, 1, 4]);
}

#[test]
fn digits_pass_a_bridge_under_the_other_leg_s_number_or_are_swallowed() {
    for pass_digits in [true, false] {
        let mut world = World::new();
        let a = world.phone(Law::Mu, 500.0);
        let other = LegConfig { telephone_event: Some(96), ..LegConfig::default() };
        let b = world.phone_with(0.0, other);
        world.tell(Command::Bridge { a, b, pass_digits });
        world.run(10);
        world.press(0, '#');
        world.run(10);
        let sent = world.sent_to(1);
        let digits: Vec<_> = sent.iter().filter(|sent| sent.packet().payload_type == 96).collect();
        assert_eq!(digits.len(), if pass_digits { 5 } else { 0 });
        let sequences: Vec<u16> = sent.iter().map(|sent| sent.packet().sequence).collect();
        assert!(sequences.windows(2).all(|two| two[1] == two[0].wrapping_add(1)), "no gap");
        assert!(world.events(a).contains(&&Event::Digit { digit: '#' }));
        assert!(world.events(a).contains(&&Event::DigitEnded { digit: '#', duration_ms: 60 }));
    }
}

#[test]
fn a_leg_without_events_hears_digits_as_tones_and_is_heard_by_its_tones() {
    let mut world = World::new();
    let a = world.phone(Law::Mu, 500.0);
    let plain = LegConfig { law: Law::A, telephone_event: None, ..LegConfig::default() };
    let b = world.phone_with(0.0, plain);
    world.tell(Command::Bridge { a, b, pass_digits: true });
    world.run(10);
    world.outlet.sent.clear();
    world.press(0, '5');
    world.run(8);
    let heard = world.heard(1);
    let best =
        |hertz| heard.windows(400).step_by(80).map(|part| share(part, hertz)).fold(0.0, f32::max);
    assert!(best(770.0) > 0.3 && best(1_336.0) > 0.3, "{} {}", best(770.0), best(1_336.0));
    // And the other way: the tones of its audio are a digit.
    world.phones[0].speaks = false;
    for frame in crate::dtmf::tone(9).octets(Law::A).chunks_exact(160) {
        world.send(1, 8, frame);
        world.phones[1].timestamp = world.phones[1].timestamp.wrapping_add(160);
        world.run(1);
        world.phones[1].timestamp = world.phones[1].timestamp.wrapping_sub(160);
    }
    world.run(10);
    assert!(world.events(b).contains(&&Event::Digit { digit: '9' }), "{:?}", world.events(b));
}

#[test]
fn digits_are_sent_as_events_while_the_time_goes_on() {
    let mut world = World::new();
    let a = world.phone(Law::Mu, 0.0);
    world.run(5);
    let item = Item { id: 4, source: Source::Digits("1w2".into()) };
    world.tell(Command::Play(a, vec![item]));
    world.run(60);
    world.check_stream(0);
    let sent = world.sent_to(0);
    let digits: Vec<_> = sent.iter().filter(|sent| sent.packet().payload_type == 101).collect();
    assert_eq!(digits.len(), 14, "seven packets each");
    let times: std::collections::BTreeSet<u32> =
        digits.iter().map(|sent| sent.packet().timestamp).collect();
    assert_eq!(times.len(), 2);
    let marked = digits.iter().filter(|sent| sent.packet().marker).count();
    assert_eq!(marked, 2);
    let apart = times.last().expect("two").wrapping_sub(*times.first().expect("two"));
    assert_eq!(apart, 35 * 160);
}

#[test]
fn both_channels_of_a_recording_are_aligned_to_the_sample() {
    let mut world = World::new();
    let (a, b) = (world.phone(Law::Mu, 500.0), world.phone(Law::A, 500.0));
    world.tell(Command::Bridge { a, b, pass_digits: true });
    world.tell(Command::Record(Owner::Leg(a), RecordingId(1), DUAL));
    world.run(150);
    let both = world.recorded(1);
    assert_eq!(both.len(), 3 * 16_000);
    let (left, right) = (channel(&both, 0), channel(&both, 1));
    // The same tone, said at the same time: the laws' steps are all that differs.
    let apart = left.iter().zip(&right).map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs());
    assert!(apart.max().unwrap_or_default() < 600);
    assert!(share(&left[1_000..], 500.0) > 0.98);
}

#[test]
fn a_recording_goes_on_through_prompts_bridges_and_conferences() {
    let mut world = World::new();
    let (a, b) = (world.phone(Law::Mu, 500.0), world.phone(Law::Mu, 900.0));
    world.tell(Command::Record(Owner::Leg(a), RecordingId(1), DUAL));
    world.tell(Command::Play(a, vec![Item::prompt(1, tone(1_300.0, 1_000))]));
    world.run(50);
    world.tell(Command::Bridge { a, b, pass_digits: true });
    world.run(50);
    world.tell(Command::OpenMixer(MixerId(1)));
    world.tell(Command::Join(a, MixerId(1), Place::default()));
    world.tell(Command::Join(b, MixerId(1), Place::default()));
    world.run(50);
    world.tell(Command::StopRecording(Owner::Leg(a), RecordingId(1)));
    // A leg that takes its place beside another may have a tick a little early.
    let last = world.events(a).last().copied().cloned();
    let ended = matches!(last, Some(Event::RecordingEnded { duration_ms: 3_000..=3_020, .. }));
    assert!(ended, "{last:?}");
    let both = world.recorded(1);
    let (left, right) = (channel(&both, 0), channel(&both, 1));
    assert!((24_000..=24_160).contains(&left.len()));
    assert!(share(&left[1_600..23_000], 500.0) > 0.9, "{}", share(&left[1_600..], 500.0));
    assert!(share(&right[200..7_800], 1_300.0) > 0.98);
    assert!(share(&right[9_600..15_800], 900.0) > 0.98);
    assert!(share(&right[17_600..23_800], 900.0) > 0.98);
}

#[test]
fn an_echo_is_what_was_said() {
    let mut world = World::new();
    let a = world.phone(Law::A, 700.0);
    world.tell(Command::Echo(a, true));
    world.run(50);
    assert!(share(&world.heard(0), 700.0) > 0.98);
    assert_eq!(world.sent_to(0).len(), 50, "one for one");
}

#[test]
fn a_leg_that_moves_to_another_engine_stays_one_stream() {
    let mut world = World::new();
    let a = world.phone(Law::Mu, 500.0);
    world.tell(Command::Play(a, vec![Item::forever(1, tone(1_300.0, 300))]));
    world.run(20);
    let leg = world.engine.remove(a).expect("there");
    assert!(world.engine.remove(a).is_none() && world.engine.wake_at().is_none());
    let mut other = Engine::new(Random::from_seed(5));
    world.phones[0].key = other.insert(world.now, leg);
    world.engine = other;
    world.run(20);
    world.check_stream(0);
    assert!(share(&world.heard(0), 1_300.0) > 0.95);
}
