//! One look-up: what is needed of each place is gathered, and packages are made of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::store::StoreError;
use base::{AccountSid, ApiError, Instant, Params};
use futures_util::future::join_all;
use serde_json::{Map, Value};

use crate::accounts::store_error;
use crate::lookup::model::{Description, Package, Plan};
use crate::lookup::packages::{self, Facts, Object};
use crate::lookup::rules::Learnt;
use crate::lookup::sources::Found;
use crate::lookup::{Lookup, magic, store};
use crate::usage::{Leaf, Used};

/// What is asked about one number.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who asks.
    pub account: AccountSid,
    /// The number.
    pub described: Arc<Description>,
    /// What is asked.
    pub packages: BTreeSet<Package>,
    /// What was given for it.
    pub params: Params,
}

/// What was found.
pub type Findings = BTreeMap<Package, Object>;

type Answers = BTreeMap<Package, Result<Map<String, Value>, u32>>;

/// Last digits in which neighbours differ.
const NEIGHBOUR_DIGITS: usize = 3;

/// Neighbours that are counted at most.
const NEIGHBOURS_MAX: u32 = 60;

/// How long a text to a neighbour counts.
const NEIGHBOUR_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Look-ups that are remembered, of all accounts together.
const RECENT_MAX: usize = 10_000;

impl Lookup {
    /// Looks a number up for a request: within its buckets, counted and remembered. Test
    /// credentials get what their magic numbers say.
    pub(super) async fn answer(
        &self,
        question: &Question,
        test: bool,
    ) -> Result<Findings, ApiError> {
        if test {
            let of = |package: &Package| {
                (*package, magic::object(*package, &question.described, &question.params))
            };
            let valid = question.described.plan.is_ok();
            return Ok(question.packages.iter().filter(|_| valid).map(of).collect());
        }
        if !question.packages.is_empty() {
            let said = self.held.said(question.account).await.map_err(store_error)?;
            let now = self.clock.now();
            for package in &question.packages {
                self.held.take(question.account, &said, *package, now)?;
            }
        }
        let found = self.look(question).await.map_err(store_error)?;
        self.count(question, &found);
        self.recent.add(Looked {
            account: question.account,
            described: Arc::clone(&question.described),
            packages: question.packages.iter().copied().collect(),
            at: self.clock.now(),
        });
        Ok(found)
    }

    /// Looks a number up.
    pub(super) async fn look(&self, question: &Question) -> Result<Findings, StoreError> {
        let Ok(plan) = &question.described.plan else { return Ok(Findings::new()) };
        if question.packages.is_empty() {
            return Ok(Findings::new());
        }
        let said = self.held.said(question.account).await?;
        let overridden = said.overrides.get(&plan.e164).copied();
        let answers = self.sources(question, plan).await;
        let mut facts = Facts {
            plan,
            overridden,
            range: self.ranges.find(&plan.e164),
            answers,
            learnt: None,
            neighbours: 0,
            params: &question.params,
            now: self.clock.now(),
        };
        self.receipts(question, &mut facts).await?;
        let each = question.packages.iter();
        Ok(each.map(|package| (*package, packages::object(*package, &facts))).collect())
    }

    /// Asks each source that serves something of the question, all at once.
    async fn sources(&self, question: &Question, plan: &Plan) -> Answers {
        let mut asked: BTreeMap<usize, Vec<Package>> = BTreeMap::new();
        for package in &question.packages {
            let bad = packages::missing(*package, &question.params).is_some();
            if let Some(source) = self.asker.source_for(*package, plan.country).filter(|_| !bad) {
                asked.entry(source).or_default().push(*package);
            }
        }
        let questions = asked.into_iter().map(|(source, packages)| async move {
            (packages, self.asker.ask(source, plan, &question.params).await)
        });
        let mut answers = Answers::new();
        for (packages, outcome) in join_all(questions).await {
            for package in packages {
                let of = |found: &Arc<Found>| found.get(&package).cloned().unwrap_or_default();
                answers.insert(package, outcome.as_ref().map(of).map_err(|code| *code));
            }
        }
        answers
    }

    /// Reads what receipts told, where it is needed.
    async fn receipts(&self, question: &Question, facts: &mut Facts<'_>) -> Result<(), StoreError> {
        let wants = |package| question.packages.contains(&package);
        let risk = wants(Package::SmsPumpingRisk);
        let line = wants(Package::LineTypeIntelligence) && packages::line_of(facts).is_none();
        let status = wants(Package::LineStatus)
            && !facts.answers.get(&Package::LineStatus).is_some_and(Result::is_ok);
        if !(risk || line || status) {
            return Ok(());
        }
        let (account, number) = (question.account, facts.plan.e164.clone());
        let since = facts.now - NEIGHBOUR_AGE;
        let read = self.store.read(move |reader| {
            let learnt = store::learnt(reader, account, &number)?;
            let beginning = &number[..number.len().saturating_sub(NEIGHBOUR_DIGITS)];
            let beside = match risk {
                true => {
                    let of = (&*number, beginning);
                    store::neighbours(reader, account, of, since, NEIGHBOURS_MAX)?
                }
                false => 0,
            };
            Ok::<(Option<Learnt>, usize), StoreError>((learnt, beside))
        });
        (facts.learnt, facts.neighbours) = read.await?;
        Ok(())
    }

    /// Counts what was found; a request that found nothing to be paid for counts as one look-up.
    /// It is written with the next commit, and the answer does not wait for that.
    fn count(&self, question: &Question, found: &Findings) {
        let account = question.account;
        let paid = found.iter().filter(|(_, object)| object.is_ok());
        let mut used: Vec<Used> = paid
            .map(|(package, _)| Used {
                account,
                leaf: leaf(*package),
                usage: 1,
                price: self.prices.price(*package),
            })
            .collect();
        if used.is_empty() {
            used.push(Used { account, leaf: LOOKUPS, usage: 1, price: 0 });
        }
        if let Err(error) = self.using.send(used) {
            tracing::warn!(%error, "look-ups could not be counted");
        }
    }

    /// An account's newest look-ups of a number on this node, newest first.
    pub(super) fn recent(&self, account: AccountSid, number: &str) -> Vec<Looked> {
        self.recent.of(account, number)
    }
}

const LOOKUPS: Leaf = Leaf::named("lookups");
const CARRIER: Leaf = Leaf::named("carrier-lookups");
const CALLER_ID: Leaf = Leaf::named("calleridlookups");

fn leaf(package: Package) -> Leaf {
    match package {
        Package::LineTypeIntelligence => CARRIER,
        Package::CallerName => CALLER_ID,
        _ => LOOKUPS,
    }
}

/// A look-up that was made.
#[derive(Clone, Debug)]
pub struct Looked {
    account: AccountSid,
    described: Arc<Description>,
    /// What was asked.
    pub packages: Vec<Package>,
    /// When.
    pub at: Instant,
}

/// The newest look-ups of this node, in memory.
#[derive(Default)]
pub struct Recent(Mutex<VecDeque<Looked>>);

impl Recent {
    fn add(&self, looked: Looked) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == RECENT_MAX {
            all.pop_front();
        }
        all.push_back(looked);
    }

    fn of(&self, account: AccountSid, number: &str) -> Vec<Looked> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = |one: &&Looked| one.account == account && one.described.number() == number;
        all.iter().rev().filter(own).cloned().collect()
    }
}
