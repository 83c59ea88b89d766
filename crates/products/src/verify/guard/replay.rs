//! `trunkline guard replay`: changed rules over past requests, and what would have been different.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base::{AccountSid, Instant};

use crate::registry::{Command, Running, Setting, Tools, Values};
use crate::verify::guard::rules::{self, Facts, Level, Memory, Rules};
use crate::verify::guard::store::{self, Logged};

/// `trunkline guard replay`.
pub const COMMAND: Command = Command {
    words: ["guard", "replay"],
    about: "Run changed fraud rules over past verifications, and show what would change",
    options: &[RULES, LEVEL],
    run: |tools, values| Box::pin(run(tools, values)) as Running,
};

const RULES: Setting = Setting::new("rules", "A JSON file of the rules that are changed");
const LEVEL: Setting =
    Setting::new("level", "basic, standard or max in place of each service's own");

/// Decisions that are read at once.
const BATCH: u32 = 1_000;

async fn run(tools: Tools, values: Values) -> Result<String, String> {
    let rules = rules_of(&values)?;
    let level = values.get("level").map(Level::from_name);
    let mut replay = Replay::new(rules, level);
    let mut cursor = [0; 16];
    loop {
        let read = tools.store.read(move |reader| store::past(reader, cursor, BATCH));
        let found = read.await.map_err(|error| error.to_string())?;
        let Some(last) = found.last() else { break };
        cursor = last.sid;
        found.iter().for_each(|decision| replay.take(decision));
    }
    Ok(replay.report())
}

/// The rules of the file that an option names, or those of the house.
pub fn rules_of(values: &Values) -> Result<Rules, String> {
    let Some(path) = values.get("rules") else { return Ok(Rules::default()) };
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    parse(&text).map_err(|error| format!("{path}: {error}"))
}

/// Rules as a file says them: what it does not name stays.
pub fn parse(text: &str) -> Result<Rules, String> {
    let json: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if !json.is_object() {
        return Err("the rules must be a JSON object".to_owned());
    }
    let changed: Rules = serde_json::from_value(json).map_err(|error| error.to_string())?;
    let mut rules = Rules::default();
    rules.allowances.extend(changed.allowances);
    Ok(Rules { allowances: rules.allowances, ..changed })
}

/// The facts of a past request.
pub fn facts_of(decision: &Logged) -> Facts {
    Facts {
        now: decision.at(),
        number: decision.target.clone(),
        country: decision.country.clone(),
        ip: decision.ip.clone(),
        device: decision.device.clone(),
        line: rules::line_of(&decision.target),
    }
}

/// Past requests under other rules.
pub struct Replay {
    rules: Rules,
    level: Option<Level>,
    books: BTreeMap<AccountSid, Memory>,
    /// Answers that are still to come, in the order of time.
    answers: BTreeMap<(Instant, [u8; 16]), (AccountSid, Facts)>,
    seen: u64,
    /// Sent then and refused now, of these answered; refused then and sent now.
    refused_now: u64,
    answered_refused: u64,
    sent_now: u64,
    by_rule: BTreeMap<&'static str, u64>,
}

impl Replay {
    /// Nothing was seen yet.
    pub fn new(rules: Rules, level: Option<Level>) -> Self {
        Self {
            rules,
            level,
            books: BTreeMap::new(),
            answers: BTreeMap::new(),
            seen: 0,
            refused_now: 0,
            answered_refused: 0,
            sent_now: 0,
            by_rule: BTreeMap::new(),
        }
    }

    /// The next past request, in the order of time.
    pub fn take(&mut self, past: &Logged) {
        let facts = facts_of(past);
        while let Some(entry) = self.answers.first_entry() {
            if entry.key().0 > facts.now {
                break;
            }
            let (account, answered) = entry.remove();
            let book = self.books.entry(account).or_default();
            let Ok(()) = rules::answered(&self.rules, &answered, book);
        }
        let book = self.books.entry(past.account).or_default();
        let level = self.level.unwrap_or(Level::from_name(&past.level));
        let asked = !matches!(
            &*past.rule,
            "safe_list" | "risk_check_disabled" | "country_denied" | "geo_permission"
        );
        let allowed = if asked {
            let Ok(decision) = rules::decide(&self.rules, level, &facts, book);
            *self.by_rule.entry(decision.rule).or_default() += 1;
            decision.allowed
        } else {
            past.allowed
        };
        self.seen += 1;
        match (past.allowed, allowed) {
            (true, false) => {
                self.refused_now += 1;
                self.answered_refused += u64::from(past.answered_at.is_some());
            }
            (false, true) => self.sent_now += 1,
            _ => {}
        }
        if !allowed {
            return;
        }
        let Ok(()) = rules::sent(&self.rules, &facts, book);
        if let Some(at) = past.answered_at {
            let facts = Facts { now: at, ..facts };
            self.answers.insert((at, past.sid), (past.account, facts));
        }
    }

    /// What would have been different.
    pub fn report(&self) -> String {
        let mut text = format!(
            "{} past requests\n{} sent then would be refused, {} of them answered\n\
             {} refused then would be sent\nby rule:",
            self.seen, self.refused_now, self.answered_refused, self.sent_now
        );
        for (rule, count) in &self.by_rule {
            // Writing to a text can't fail.
            let _ = write!(text, "\n  {rule}: {count}");
        }
        text
    }
}
