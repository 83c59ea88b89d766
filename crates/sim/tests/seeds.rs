//! A few hundred seeds; `cargo run --release -p sim -- FIRST COUNT` runs as many as wanted.

#[test]
fn every_seed_keeps_the_invariants() {
    let (mut kills, mut accepted, mut repeated) = (0, 0, 0);
    for seed in 0..300 {
        let outcome = sim::run(seed).unwrap_or_else(|broken| {
            panic!("seed {seed}: {broken}\nrepeat: cargo run --release -p sim -- {seed}")
        });
        kills += outcome.kills;
        accepted += outcome.accepted;
        repeated += outcome.repeated;
    }
    // A world without trouble would prove nothing.
    assert!(kills > 300 && accepted > 30_000 && repeated > 10, "{kills} {accepted} {repeated}");
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in [3, 17, 42] {
        assert_eq!(sim::run(seed), sim::run(seed));
    }
    assert_ne!(sim::run(1).map(|run| run.trace), sim::run(2).map(|run| run.trace));
}
