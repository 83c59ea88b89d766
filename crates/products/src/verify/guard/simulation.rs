//! A pumping attack among honest people, played through the same rules and counters from one
//! seed: what was caught and missed, whom the rules refused wrongly, and what it cost.
//! `trunkline guard simulate`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use base::Instant;
use machine::Random;

use crate::registry::{Command, Running, Setting, Tools, Values};
use crate::verify::guard::rules::{self, Facts, Level, Memory, Rules};

/// `trunkline guard simulate`.
pub const COMMAND: Command = Command {
    words: ["guard", "simulate"],
    about: "Play a pumping attack among honest people, and show what the fraud rules make of it",
    options: &[SEED, LEVEL, RULES],
    run: |tools, values| Box::pin(run(tools, values)) as Running,
};

const SEED: Setting = Setting::new("seed", "The first of five seeds").or("1");
const LEVEL: Setting = Setting::new("level", "off, basic, standard or max").or("standard");
const RULES: Setting = Setting::new("rules", "A JSON file of the rules that are changed");

async fn run(_: Tools, values: Values) -> Result<String, String> {
    let seed: u64 = values.parsed("seed")?.unwrap_or(1);
    let level = Level::from_name(values.get("level").unwrap_or("standard"));
    let rules = super::replay::rules_of(&values)?;
    let mut text = String::new();
    for seed in seed..seed + 5 {
        // Writing to a text can't fail.
        let _ = writeln!(text, "{}", play(seed, &rules, level));
    }
    Ok(text.trim_end().to_owned())
}

/// A country of the world: its code, what its numbers begin with, digits after its ranges, how
/// many ranges of a million there are, its share of honest people in thousandths, and what a text
/// costs in millionths of a dollar.
struct Country {
    code: &'static str,
    prefix: &'static str,
    ranges: u64,
    share: u64,
    price: u64,
}

const fn country(
    code: &'static str,
    prefix: &'static str,
    ranges: u64,
    share: u64,
    price: u64,
) -> Country {
    Country { code, prefix, ranges, share, price }
}

const WORLD: [Country; 10] = [
    country("US", "+1415", 90, 420, 8_000),
    country("GB", "+447", 80, 160, 40_000),
    country("DE", "+4915", 60, 120, 80_000),
    country("FR", "+336", 60, 100, 70_000),
    country("BR", "+55119", 60, 90, 30_000),
    country("IN", "+9198", 80, 60, 50_000),
    country("ID", "+6281", 70, 30, 350_000),
    country("PK", "+9230", 60, 10, 300_000),
    country("UZ", "+9989", 40, 6, 320_000),
    country("TJ", "+9929", 30, 4, 400_000),
];

/// Honest people, each with a number of their own.
const PEOPLE: u64 = 9_000;

/// Honest sign-ins.
const SIGN_INS: u64 = 24_000;

/// Two days: one of honest people alone, one with the attack.
const SPAN_S: u64 = 2 * 86_400;

/// One request of the play.
struct Asked {
    number: String,
    country: &'static Country,
    ip: String,
    attack: bool,
    answered_after: Option<Duration>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Requests of the attack: refused, and sent.
    pub caught: u64,
    /// The same.
    pub missed: u64,
    /// What they would have cost, and did, in millionths of a dollar.
    pub spend_stopped: u64,
    /// The same.
    pub spend_lost: u64,
    /// Requests of honest people: sent, and refused.
    pub served: u64,
    /// The same.
    pub refused: u64,
}

impl Outcome {
    /// How much of the attack's spend was stopped, in percent.
    pub fn stopped_percent(&self) -> f64 {
        percent(self.spend_stopped, self.spend_stopped + self.spend_lost)
    }

    /// How many honest requests were refused, in percent.
    pub fn refused_percent(&self) -> f64 {
        percent(self.refused, self.refused + self.served)
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let dollars = |micros: u64| micros as f64 / 1e6;
        write!(
            f,
            "seed {}: {} caught, {} missed; ${:.0} stopped, ${:.0} lost ({:.1} %); {} of {} honest \
             refused ({:.2} %)",
            self.seed,
            self.caught,
            self.missed,
            dollars(self.spend_stopped),
            dollars(self.spend_lost),
            self.stopped_percent(),
            self.refused,
            self.refused + self.served,
            self.refused_percent(),
        )
    }
}

/// Plays one seed.
pub fn play(seed: u64, rules: &Rules, level: Level) -> Outcome {
    let mut random = Random::from_seed(seed);
    let mut requests: BTreeMap<(u64, u64), Asked> = BTreeMap::new();
    honest(&mut random, &mut requests);
    attack(&mut random, seed, &mut requests);
    let mut book = Memory::default();
    let mut answers: BTreeMap<(Instant, u64), Facts> = BTreeMap::new();
    let mut outcome = Outcome { seed, ..Outcome::default() };
    for ((at_ms, order), asked) in requests {
        let now = Instant::from_secs(1_700_000_000) + Duration::from_millis(at_ms);
        while let Some(entry) = answers.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let ((at, _), facts) = entry.remove_entry();
            let Ok(()) = rules::answered(rules, &Facts { now: at, ..facts }, &mut book);
        }
        let facts = Facts {
            now,
            line: rules::line_of(&asked.number),
            number: asked.number,
            country: asked.country.code.to_owned(),
            ip: Some(asked.ip),
            device: None,
        };
        let Ok(decision) = rules::decide(rules, level, &facts, &mut book);
        let price = asked.country.price;
        match (asked.attack, decision.allowed) {
            (true, true) => {
                (outcome.missed, outcome.spend_lost) =
                    (outcome.missed + 1, outcome.spend_lost + price)
            }
            (true, false) => {
                (outcome.caught, outcome.spend_stopped) =
                    (outcome.caught + 1, outcome.spend_stopped + price);
            }
            (false, true) => outcome.served += 1,
            (false, false) => outcome.refused += 1,
        }
        if decision.allowed {
            let Ok(()) = rules::sent(rules, &facts, &mut book);
            if let Some(after) = asked.answered_after {
                answers.insert((now + after, order), facts);
            }
        }
    }
    outcome
}

fn number(random: &mut Random, country: &Country, range: u64) -> String {
    format!("{}{range:02}{:06}", country.prefix, random.below(1_000_000))
}

/// Sign-ins of people: most are answered within two minutes; who got no code asks again.
fn honest(random: &mut Random, requests: &mut BTreeMap<(u64, u64), Asked>) {
    let people: Vec<(String, &'static Country, String)> = (0..PEOPLE)
        .map(|person| {
            let mut draw = random.below(1_000);
            let found = WORLD.iter().find(|country| {
                let here = draw < country.share;
                draw = draw.saturating_sub(country.share);
                here
            });
            let country = found.unwrap_or(&WORLD[0]);
            let range = random.below(country.ranges);
            // One in ten shares an address with others: an office, a mobile network.
            let ip = if random.chance(100) { random.below(40) } else { 1_000 + person };
            (number(random, country, range), country, format!("honest {ip}"))
        })
        .collect();
    for order in 0..SIGN_INS {
        let (number, country, ip) = &people[random.below(PEOPLE) as usize];
        let mut at_ms = random.below(SPAN_S * 1_000);
        for again in 0..3 {
            let answered = random.chance(880);
            let answered_after =
                answered.then(|| Duration::from_millis(5_000 + random.below(115_000)));
            let asked = Asked {
                number: number.clone(),
                country,
                ip: ip.clone(),
                attack: false,
                answered_after,
            };
            requests.insert((at_ms, order * 4 + again), asked);
            if answered || random.chance(500) {
                break;
            }
            at_ms += 60_000 + random.below(60_000);
        }
    }
}

/// An attack on the second day, of one of four kinds: neighbours of one range; chance numbers of
/// three ranges; many ranges of four countries, slowly; ranges among honest people's.
fn attack(random: &mut Random, seed: u64, requests: &mut BTreeMap<(u64, u64), Asked>) {
    let kind = seed % 4;
    let (countries, ranges, hours): (&[usize], u64, u64) = match kind {
        0 => (&[8], 1, 3),
        1 => (&[9], 3, 6),
        2 => (&[6, 7, 8, 9], 5, 20),
        _ => (&[6], 8, 8),
    };
    let size = 4_000 + random.below(3_000);
    let begins_ms = (86_400 + random.below(3 * 3_600)) * 1_000;
    let first = random.below(900_000);
    let addresses = 100 + random.below(2_000);
    for index in 0..size {
        let country = &WORLD[countries[random.below(countries.len() as u64) as usize]];
        let range = random.below(ranges) * 3 % country.ranges;
        let number = match kind {
            0 => format!("{}{range:02}{:06}", country.prefix, (first + index) % 1_000_000),
            _ => number(random, country, range),
        };
        let at_ms = begins_ms + random.below(hours * 3_600_000) / size * size + index;
        // The neighbours come in their order.
        let at_ms = if kind == 0 { begins_ms + index * hours * 3_600_000 / size } else { at_ms };
        let asked = Asked {
            number,
            country,
            ip: format!("attack {}", random.below(addresses)),
            attack: true,
            answered_after: None,
        };
        requests.insert((at_ms, SIGN_INS * 4 + index), asked);
    }
}
