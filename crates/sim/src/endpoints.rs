//! Webhook endpoints that hang, fail and recover, and remember what reached them.

use std::collections::BTreeMap;
use std::time::Duration;

use base::AnySid;
use machine::Random;
use products::webhooks::policy::Outcome;

/// How many there are.
pub const COUNT: u64 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Fine,
    Hanging,
    Failing,
    Refusing,
}

/// All endpoints.
pub struct Endpoints {
    moods: Vec<Mood>,
    healed: bool,
    /// The events of each object in the order in which they first reached its endpoint.
    pub heard: BTreeMap<AnySid, Vec<i64>>,
}

impl Endpoints {
    /// All of them fine.
    pub fn new() -> Self {
        Self { moods: vec![Mood::Fine; COUNT as usize], healed: false, heard: BTreeMap::new() }
    }

    /// From now on they are fine.
    pub fn heal(&mut self) {
        self.moods.fill(Mood::Fine);
        self.healed = true;
    }

    /// The address of one of them.
    pub fn address(number: u64) -> String {
        format!("http://hook{number}.example/status")
    }

    /// Moods change.
    pub fn turn(&mut self, random: &mut Random) {
        if self.healed {
            return;
        }
        let index = random.below(COUNT) as usize;
        let moods = [Mood::Fine, Mood::Fine, Mood::Hanging, Mood::Failing, Mood::Refusing];
        self.moods[index] = moods[random.below(moods.len() as u64) as usize];
    }

    /// A request arrives: how long it takes and how it ends.
    pub fn ask(
        &mut self,
        endpoint: &str,
        object: AnySid,
        seq: i64,
        random: &mut Random,
    ) -> (Duration, Outcome) {
        let number = (0..COUNT).find(|number| Self::address(*number).starts_with(endpoint));
        let mood = self.moods[number.unwrap_or_default() as usize];
        if mood != Mood::Refusing {
            let heard = self.heard.entry(object).or_default();
            if !heard.contains(&seq) {
                heard.push(seq);
            }
        }
        let quick = Duration::from_millis(1 + random.below(50));
        match mood {
            Mood::Fine => (quick, Outcome::Answered(200)),
            Mood::Failing => (quick, Outcome::Answered(500)),
            Mood::Refusing => {
                (quick, Outcome::Failed { code: 11202, never_reached: true, timed_out: false })
            }
            Mood::Hanging => (
                Duration::from_secs(15),
                Outcome::Failed { code: 11200, never_reached: false, timed_out: true },
            ),
        }
    }
}
