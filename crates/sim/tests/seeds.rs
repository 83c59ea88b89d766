//! A few hundred seeds; `cargo run --release -p sim -- FIRST COUNT` runs as many as wanted.

use sim::{Way, calls, run};

#[test]
fn every_seed_keeps_the_invariants() {
    for (way, seeds) in [(Way::Direct, 300), (Way::Smpp, 150)] {
        let (mut kills, mut accepted, mut repeated) = (0, 0, 0);
        for seed in 0..seeds {
            let outcome = run(seed, way).unwrap_or_else(|broken| {
                panic!("seed {seed}: {broken}\nrepeat: cargo run --release -p sim -- {seed}")
            });
            kills += outcome.kills;
            accepted += outcome.accepted as u64;
            repeated += outcome.repeated;
        }
        // A world without trouble would prove nothing.
        let enough = kills > seeds && accepted > 100 * seeds && repeated > 10;
        assert!(enough, "{way:?}: {kills} kills, {accepted} accepted, {repeated} repeated");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for way in [Way::Direct, Way::Smpp] {
        for seed in [3, 17, 42] {
            assert_eq!(run(seed, way), run(seed, way));
        }
        assert_ne!(run(1, way).map(|run| run.trace), run(2, way).map(|run| run.trace));
    }
}

#[test]
fn every_seed_of_calls_keeps_the_invariants() {
    let (mut kills, mut answered, mut recordings, mut conferences) = (0, 0, 0, 0);
    // The last ones each broke something once.
    for seed in (0..60).chain([72, 83, 114, 136, 143, 149, 770, 889]) {
        let outcome = calls::run(seed).unwrap_or_else(|broken| {
            panic!("seed {seed}: {broken}\nrepeat: cargo run --release -p sim -- calls {seed}")
        });
        kills += outcome.kills;
        answered += outcome.answered;
        recordings += outcome.recordings;
        conferences += outcome.conferences;
    }
    let enough = kills > 30 && answered > 300 && recordings > 60 && conferences > 20;
    assert!(enough, "{kills} kills, {answered} answered, {recordings}, {conferences}");
}

#[test]
fn the_same_seed_of_calls_is_the_same_run() {
    for seed in [3, 17, 42] {
        assert_eq!(calls::run(seed), calls::run(seed));
    }
    assert_ne!(calls::run(1).map(|run| run.trace), calls::run(2).map(|run| run.trace));
}
