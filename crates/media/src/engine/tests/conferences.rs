//! Rooms of many phones.

use super::*;

const ROOM: MixerId = MixerId(1);

fn room(hertz: &[f32]) -> (World, Vec<LegId>) {
    let mut world = World::new();
    let laws = [Law::Mu, Law::A];
    let legs: Vec<LegId> =
        hertz.iter().enumerate().map(|(at, hertz)| world.phone(laws[at % 2], *hertz)).collect();
    world.tell(Command::OpenMixer(ROOM));
    for leg in &legs {
        world.tell(Command::Join(*leg, ROOM, Place::default()));
    }
    (world, legs)
}

/// The tones that a phone hears in the last half of a second.
fn tones_of(world: &World, at: usize, hertz: &[f32]) -> Vec<f32> {
    let heard = world.heard(at);
    let last = &heard[heard.len() - 4_000..];
    hertz.iter().copied().filter(|hertz| power(last, *hertz) > 1e12).collect()
}

const TONES: [f32; 5] = [400.0, 700.0, 1_000.0, 1_300.0, 0.0];

#[test]
fn everybody_hears_all_others() {
    let (mut world, _) = room(&TONES);
    world.run(100);
    for (at, own) in TONES.iter().enumerate() {
        let others: Vec<f32> = TONES[..4].iter().copied().filter(|hertz| hertz != own).collect();
        assert_eq!(tones_of(&world, at, &TONES[..4]), others, "phone {at}");
        world.check_stream(at);
    }
}

#[test]
fn the_muted_the_held_and_the_coach() {
    let (mut world, legs) = room(&TONES);
    world.run(20);
    world.tell(Command::Join(legs[0], ROOM, Place { muted: true, ..Place::default() }));
    world.tell(Command::Join(legs[1], ROOM, Place { on_hold: true, ..Place::default() }));
    let coaches = Some(legs[3]);
    world.tell(Command::Join(legs[2], ROOM, Place { coaches, ..Place::default() }));
    world.tell(Command::Play(legs[1], vec![Item::forever(1, tone(2_000.0, 1_000))]));
    world.run(100);
    let all = [400.0, 700.0, 1_000.0, 1_300.0, 2_000.0];
    assert_eq!(tones_of(&world, 0, &all), [1_300.0], "the muted one hears");
    assert_eq!(tones_of(&world, 1, &all), [2_000.0], "the held one hears music");
    assert_eq!(tones_of(&world, 2, &all), [1_300.0], "the coach hears the room");
    assert_eq!(tones_of(&world, 3, &all), [1_000.0], "the coached one hears the coach");
    assert_eq!(tones_of(&world, 4, &all), [1_300.0]);
}

#[test]
fn announcements_recordings_and_speakers_of_a_room() {
    let (mut world, legs) = room(&TONES);
    let owner = Owner::Mixer(ROOM);
    world.tell(Command::Record(owner, RecordingId(9), RecordConfig::default()));
    world.run(60);
    world.tell(Command::Announce(ROOM, vec![Item::prompt(3, tone(2_000.0, 1_000))]));
    world.run(40);
    assert_eq!(tones_of(&world, 4, &[400.0, 2_000.0]), [400.0, 2_000.0]);
    world.run(20);
    let done = Event::Finished { item: 3, played_ms: 1_000, completed: true };
    assert!(world.outlet.events.contains(&(owner, done)));
    world.phones[0].speaks = false;
    world.run(60);
    world.tell(Command::CloseMixer(ROOM));
    let ended = Event::RecordingEnded { recording: RecordingId(9), duration_ms: 3_600 };
    assert!(world.outlet.events.contains(&(owner, ended)));
    let recorded = world.recorded(9);
    assert!(power(&recorded[2_000..6_000], 1_000.0) > 1e12);
    let speaking: Vec<&Event> = world
        .events(legs[0])
        .into_iter()
        .filter(|event| matches!(event, Event::Speaking { .. }))
        .collect();
    assert_eq!(
        speaking,
        [&Event::Speaking { speaking: true }, &Event::Speaking { speaking: false }]
    );
}

#[test]
fn fifty_take_part_and_leave() {
    let mut hertz = [0.0; 50];
    hertz[7] = 600.0;
    let (mut world, legs) = room(&hertz);
    world.run(50);
    assert!(share(&world.heard(49)[4_000..], 600.0) > 0.9);
    for leg in legs {
        world.tell(Command::Close(leg));
    }
    world.run(2);
    assert_eq!(world.engine.legs(), 0);
}
