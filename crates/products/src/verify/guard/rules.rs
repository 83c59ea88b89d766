//! The fraud rules: open, explainable, pure. A pumping attack asks for many codes and answers
//! none, so a rule lets so many sends of one kind (a range of numbers, a country, a device)
//! remain unanswered, and more the more are answered.

use std::collections::BTreeMap;

use base::Instant;
use serde::Deserialize;

use crate::lookup::model::LineType;
use crate::lookup::plan;

/// What a rule counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One recipient.
    Number,
    /// The ten thousand numbers around it.
    Block,
    /// The million numbers around it: about what an operator holds.
    Range,
    /// Its country.
    Country,
    /// The address of the device that asks.
    Ip,
    /// What else the application knows of the device.
    Device,
}

impl Scope {
    /// All there are, the narrowest first: of two rules that refuse, the narrower one is named.
    pub const ALL: [Self; 6] =
        [Self::Number, Self::Block, Self::Range, Self::Ip, Self::Device, Self::Country];

    /// Its word in the log and in a file of rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Block => "block",
            Self::Range => "range",
            Self::Country => "country",
            Self::Ip => "ip",
            Self::Device => "device",
        }
    }
}

/// How many sends may remain unanswered: `free`, and `share` more for each that is answered.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowance {
    /// So many in any case.
    pub free: f64,
    /// For each answered one, so many more.
    pub share: f64,
}

/// A set of rules; a file of changed ones names what it changes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// The allowance of each scope.
    pub allowances: BTreeMap<Scope, Allowance>,
    /// Seconds in which what was counted loses half of its weight.
    pub half_life_s: u64,
    /// Neighbouring numbers that may ask in a row without an answer.
    pub sequence_max: i64,
    /// What numbers begin with that are dear to reach and seldom people's: `free` counts half.
    pub dear: Vec<String>,
    /// Kinds of lines that are as dear, by Lookup's names.
    pub dear_lines: Vec<String>,
    /// Kinds of lines that anybody may hold a thousand of: `free` counts half.
    pub cheap_lines: Vec<String>,
}

impl Default for Rules {
    fn default() -> Self {
        let allow = |scope, free, share| (scope, Allowance { free, share });
        Self {
            allowances: BTreeMap::from([
                allow(Scope::Number, 8.0, 1.0),
                allow(Scope::Block, 4.0, 1.0),
                allow(Scope::Range, 5.0, 0.7),
                allow(Scope::Country, 30.0, 0.6),
                allow(Scope::Ip, 12.0, 1.0),
                allow(Scope::Device, 6.0, 1.0),
            ]),
            half_life_s: 48 * 60 * 60,
            sequence_max: 3,
            dear: DEAR.map(str::to_owned).to_vec(),
            dear_lines: [LineType::Premium, LineType::SharedCost].map(named).to_vec(),
            cheap_lines: vec![named(LineType::NonFixedVoip)],
        }
    }
}

fn named(line: LineType) -> String {
    line.name().to_owned()
}

/// The kind of a number's line as far as its country's plan tells.
pub fn line_of(number: &str) -> Option<LineType> {
    plan::describe(number, None).plan.ok()?.line
}

/// Satellites and worldwide ranges (ITU-T E.164 annex: shared codes of networks).
const DEAR: [&str; 5] = ["+870", "+881", "+882", "+883", "+979"];

/// How strict a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// No rule is asked.
    Off,
    /// Three times what the rules allow.
    Basic,
    /// What the rules allow.
    Standard,
    /// Half of it, and no dear ranges.
    Max,
}

impl Level {
    /// From a service's setting.
    pub fn from_name(name: &str) -> Self {
        match name {
            "off" => Self::Off,
            "basic" => Self::Basic,
            "max" => Self::Max,
            _ => Self::Standard,
        }
    }

    fn factor(self) -> f64 {
        match self {
            Self::Off => f64::INFINITY,
            Self::Basic => 3.0,
            Self::Standard => 1.0,
            Self::Max => 0.5,
        }
    }
}

/// What was counted of one key of a scope, weighed by its age.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// When it was weighed last.
    pub at: Instant,
    /// Codes sent.
    pub sends: f64,
    /// Those that were answered.
    pub answered: f64,
    /// Whether one was ever answered; this does not age.
    pub known: bool,
    /// The last number that asked, without what its block shares.
    pub last: i64,
    /// Neighbours in a row that asked, and none was answered.
    pub run: i64,
}

impl Tally {
    /// The same at a later instant.
    #[must_use]
    pub fn aged(self, now: Instant, half_life_s: u64) -> Self {
        let passed = now.since(self.at).as_secs_f64();
        let weight = (-passed / half_life_s.max(1) as f64).exp2();
        let (sends, answered) = (self.sends * weight, self.answered * weight);
        Self { at: now.max(self.at), sends, answered, ..self }
    }

    fn unanswered(self) -> f64 {
        (self.sends - self.answered).max(0.0)
    }
}

/// What is known of a request.
#[derive(Clone, Debug)]
pub struct Facts {
    /// When.
    pub now: Instant,
    /// The recipient, in E.164 form.
    pub number: String,
    /// Its country.
    pub country: String,
    /// The keys by which the device is counted, where it is known.
    pub ip: Option<String>,
    /// The same.
    pub device: Option<String>,
    /// The kind of its line, where it is known.
    pub line: Option<LineType>,
}

impl Facts {
    fn is_one_of(&self, lines: &[String]) -> bool {
        self.line.is_some_and(|line| lines.iter().any(|name| name == line.name()))
    }

    /// The key of a scope, where the request has one.
    pub fn key(&self, scope: Scope) -> Option<String> {
        let without = |digits: usize| {
            let kept = self.number.len().saturating_sub(digits);
            self.number.get(..kept).filter(|kept| kept.len() > 1).map(str::to_owned)
        };
        match scope {
            Scope::Number => Some(self.number.clone()),
            Scope::Block => without(4),
            Scope::Range => without(6),
            Scope::Country => Some(self.country.clone()).filter(|country| !country.is_empty()),
            Scope::Ip => self.ip.clone(),
            Scope::Device => self.device.clone(),
        }
    }

    fn suffix(&self) -> i64 {
        let from = self.number.len().saturating_sub(4);
        self.number.get(from..).and_then(|digits| digits.parse().ok()).unwrap_or_default()
    }
}

/// Where tallies are: a table, or memory.
pub trait Book {
    /// What can go wrong.
    type Error;

    /// What was counted of a key; nothing at first.
    fn get(&mut self, scope: Scope, key: &str) -> Result<Tally, Self::Error>;

    /// Writes it.
    fn put(&mut self, scope: Scope, key: &str, tally: Tally) -> Result<(), Self::Error>;
}

/// What was decided, and by which rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the code is sent.
    pub allowed: bool,
    /// The rule's name.
    pub rule: &'static str,
    /// What it saw.
    pub why: String,
}

impl Decision {
    /// Sent, by a rule that asks no further.
    pub fn pass(rule: &'static str, why: impl Into<String>) -> Self {
        Self { allowed: true, rule, why: why.into() }
    }

    /// Not sent.
    pub fn block(rule: &'static str, why: impl Into<String>) -> Self {
        Self { allowed: false, rule, why: why.into() }
    }
}

/// Decides about one request.
pub fn decide<B: Book>(
    rules: &Rules,
    level: Level,
    facts: &Facts,
    book: &mut B,
) -> Result<Decision, B::Error> {
    if level == Level::Off {
        return Ok(Decision::pass("off", "the service asks no rules"));
    }
    let dear = facts.is_one_of(&rules.dear_lines)
        || rules.dear.iter().any(|range| facts.number.starts_with(range));
    let half = dear || facts.is_one_of(&rules.cheap_lines);
    let mut look = |scope| match facts.key(scope) {
        Some(key) => book.get(scope, &key).map(|tally| tally.aged(facts.now, rules.half_life_s)),
        None => Ok(Tally { at: facts.now, ..Tally::default() }),
    };
    // Somebody who answered before is somebody: only the rule about the number itself is asked.
    let known = look(Scope::Number)?.known;
    if dear && level == Level::Max && !known {
        return Ok(Decision::block("dear_range", "a range that is dear to reach"));
    }
    let scopes = Scope::ALL.into_iter().filter(|scope| !known || *scope == Scope::Number);
    for scope in scopes {
        let tally = look(scope)?;
        let Some(allowance) = rules.allowances.get(&scope) else { continue };
        let free = if half { allowance.free / 2.0 } else { allowance.free };
        let most = (free + allowance.share * tally.answered) * level.factor();
        // What is a few minutes old counts as a whole one.
        if tally.unanswered() + ALMOST >= most {
            let (open, answered) = (tally.unanswered(), tally.answered);
            let why = format!("{open:.1} unanswered of {answered:.1} answered; {most:.1} may be");
            return Ok(Decision::block(scope.name(), why));
        }
        let neighbours = scope == Scope::Block && (facts.suffix() - tally.last).abs() <= 2;
        if neighbours && tally.run as f64 >= rules.sequence_max as f64 * level.factor() {
            let why = format!("{} neighbouring numbers in a row, none answered", tally.run);
            return Ok(Decision::block("sequence", why));
        }
    }
    let rule = if known { "known" } else { "fits" };
    Ok(Decision::pass(rule, if known { "answered before" } else { "within every rule" }))
}

/// The weight that a whole one may lack.
const ALMOST: f64 = 0.01;

/// Counts a code that was sent.
pub fn sent<B: Book>(rules: &Rules, facts: &Facts, book: &mut B) -> Result<(), B::Error> {
    for scope in Scope::ALL {
        let Some(key) = facts.key(scope) else { continue };
        let mut tally = book.get(scope, &key)?.aged(facts.now, rules.half_life_s);
        tally.sends += 1.0;
        if scope == Scope::Block {
            let suffix = facts.suffix();
            let apart = (suffix - tally.last).abs();
            // The same number again is no neighbour.
            tally.run = match apart {
                0 => tally.run.max(1),
                1..=2 => tally.run + 1,
                _ => 1,
            };
            tally.last = suffix;
        }
        book.put(scope, &key, tally)?;
    }
    Ok(())
}

/// Counts a code that was answered.
pub fn answered<B: Book>(rules: &Rules, facts: &Facts, book: &mut B) -> Result<(), B::Error> {
    for scope in Scope::ALL {
        let Some(key) = facts.key(scope) else { continue };
        let mut tally = book.get(scope, &key)?.aged(facts.now, rules.half_life_s);
        tally.answered = (tally.answered + 1.0).min(tally.sends.max(1.0));
        (tally.run, tally.known) = (0, true);
        book.put(scope, &key, tally)?;
    }
    Ok(())
}

/// A book in memory.
#[derive(Default)]
pub struct Memory(BTreeMap<(Scope, String), Tally>);

impl Book for Memory {
    type Error = std::convert::Infallible;

    fn get(&mut self, scope: Scope, key: &str) -> Result<Tally, Self::Error> {
        Ok(self.0.get(&(scope, key.to_owned())).copied().unwrap_or_default())
    }

    fn put(&mut self, scope: Scope, key: &str, tally: Tally) -> Result<(), Self::Error> {
        self.0.insert((scope, key.to_owned()), tally);
        Ok(())
    }
}
