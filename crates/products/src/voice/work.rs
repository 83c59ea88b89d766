//! Units of work of calls: what happens inside a commit.

use std::sync::Arc;

use ::store::{StoreError, Tx};
use base::{AccountSid, ApiError, CallSid, Instant, MasterKey, ObjectKey};

use crate::accounts::geo::Home;
use crate::numbers;
use crate::usage::{self, Leaf, Used};
use crate::voice::model::{CallKey, CallRecord, Direction, OnNet, Plan, Status, StatusCallback};
use crate::voice::params;
use crate::voice::rules::{self, Callee, Facts, Prices};
use crate::voice::store::{self, Change};
use crate::voice::{conferences, dialing};
use crate::webhooks::alerts::{self, NewAlert};
use crate::webhooks::store::next_place;
use crate::webhooks::{NewDelivery, Outbox};

/// What the units need to know besides the tables.
pub struct Context {
    /// Seals plans and requests.
    pub master: Arc<MasterKey>,
    /// What calls cost.
    pub prices: Prices,
    /// Tells the application.
    pub outbox: Outbox,
    /// Where calls may go until an account says otherwise.
    pub home: Home,
    /// The node that calls live on.
    pub node: Arc<str>,
    /// What an account's calls may cost in a day, in millionths; `None` means no limit.
    pub spend_max: Option<i64>,
    /// How the world reaches this installation.
    pub public_url: Arc<str>,
}

/// A call that somebody wants to be made.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Whose it is.
    pub account: AccountSid,
    /// Whether the account is a trial.
    pub trial: bool,
    /// Whence it comes.
    pub direction: Direction,
    /// The call whose `Dial` brings it.
    pub parent: Option<CallSid>,
    /// Who calls.
    pub from: String,
    /// `from` is who called us, and is shown to the next party.
    pub passes_caller: bool,
    /// Who is called.
    pub to: Callee,
    /// What is run, and how it is placed.
    pub plan: Plan,
    /// Where its steps are told.
    pub callback: Option<StatusCallback>,
}

/// Makes a call of a draft, or says why not: its row, and how it will be placed.
pub fn accept(
    tx: &mut Tx<'_>,
    context: &Context,
    draft: &Draft,
) -> Result<Result<(CallRecord, Plan), ApiError>, StoreError> {
    let facts = facts(tx, context, draft)?;
    if let Err(refused) = rules::accept(draft.account, &draft.from, &draft.to, &facts) {
        return Ok(Err(refused));
    }
    let mut plan = draft.plan.clone();
    let to = draft.to.address();
    if let Callee::Number(_) = &draft.to
        && numbers::sender(tx, &to)?.is_some_and(|held| held.voice)
    {
        plan.onnet = Some(OnNet::Number);
    }
    if let Some(onnet) = &plan.onnet
        && let Err(refused) = rules::goes_on(&plan.path, onnet.key(&to))
    {
        return Ok(Err(refused));
    }
    let number = facts.number.map(|(sid, ..)| sid);
    let mut call = fresh(tx, context, draft.account, draft.direction);
    call.parent = draft.parent;
    call.from.clone_from(&draft.from);
    call.to = to;
    call.number = number;
    call.caller_name.clone_from(&draft.plan.caller_name);
    call.callback.clone_from(&draft.callback);
    let plain = serde_json::to_vec(&plan).unwrap_or_default();
    let nonce = tx.random().nonce();
    let sealed = ObjectKey::derive(&context.master, &call.salt).seal(nonce, &plain);
    store::insert(tx, &mut call, Some(&sealed))?;
    Ok(Ok((call, plan)))
}

/// The plan of a call, as it was sealed with its row.
pub fn open_plan(master: &MasterKey, call: &CallRecord, sealed: &[u8]) -> Option<Plan> {
    let opened = ObjectKey::derive(master, &call.salt).open(sealed).ok()?;
    serde_json::from_slice(&opened).ok()
}

/// A call that has come in, and rings.
pub fn came_in(
    tx: &mut Tx<'_>,
    context: &Context,
    account: AccountSid,
    fill: impl FnOnce(&mut CallRecord),
) -> Result<CallRecord, StoreError> {
    let mut call = fresh(tx, context, account, Direction::Inbound);
    call.status = Status::Ringing;
    call.started_at = Some(call.created_at);
    fill(&mut call);
    store::insert(tx, &mut call, None)?;
    Ok(call)
}

fn fresh(
    tx: &mut Tx<'_>,
    context: &Context,
    account: AccountSid,
    direction: Direction,
) -> CallRecord {
    let now = tx.now();
    CallRecord {
        key: CallKey { account, sid: tx.new_sid() },
        parent: None,
        direction,
        status: Status::Queued,
        from: String::new(),
        to: String::new(),
        caller_name: None,
        forwarded_from: None,
        number: None,
        price: None,
        created_at: now,
        updated_at: now,
        started_at: None,
        answered_at: None,
        ended_at: None,
        callback: None,
        callbacks: 0,
        sip_code: 0,
        event: (0, 0),
        salt: tx.random().salt(),
        node: context.node.to_string(),
    }
}

fn facts(tx: &mut Tx<'_>, context: &Context, draft: &Draft) -> Result<Facts, StoreError> {
    let account = draft.account;
    let spent = match context.spend_max {
        Some(most) => (usage::spent_today(tx, account, CALLS)?, Some(most)),
        None => (0, None),
    };
    let Callee::Number(to) = &draft.to else { return Ok(Facts { spent, ..Facts::default() }) };
    let number = numbers::sender(tx, &draft.from)?;
    let (permitted, special) = dialing::permits(tx, account, &context.home, to.as_str())?;
    Ok(Facts {
        spent,
        number: number.map(|number| (number.sid, number.account, number.voice)),
        from_verified: draft.passes_caller || numbers::is_verified(tx, account, &draft.from)?,
        to_verified: draft.trial && numbers::is_verified(tx, account, to.as_str())?,
        permitted,
        special,
        trial: draft.trial,
    })
}

/// Takes steps of calls: rows, events, callbacks and, at an end, what it costs.
pub fn step(
    tx: &mut Tx<'_>,
    context: &Context,
    changes: &[Change],
) -> Result<Vec<Option<CallRecord>>, StoreError> {
    let mut after = Vec::with_capacity(changes.len());
    for change in changes {
        after.push(one_step(tx, context, change)?);
    }
    Ok(after)
}

fn one_step(
    tx: &mut Tx<'_>,
    context: &Context,
    change: &Change,
) -> Result<Option<CallRecord>, StoreError> {
    let mut change = change.clone();
    if change.status == Status::Completed {
        let Some(mut call) = store::find(tx, change.key)? else { return Ok(None) };
        call.ended_at = Some(change.at);
        let price = rules::price(&call, &context.prices);
        change.price = Some(base::Money { micros: -price.micros, ..price });
    }
    let Some(call) = store::change(tx, &change)? else { return Ok(None) };
    if call.status == Status::Completed {
        count(tx, context, &call)?;
    }
    if let Some(mut delivery) = told(&call, change.at) {
        // Documents that were asked for stand between the steps.
        delivery.object_seq = next_place(tx, delivery.object)?;
        context.outbox.enqueue(tx, vec![delivery])?;
    }
    Ok(Some(call))
}

/// Where the names of usage begin that calls cost.
const CALLS: &str = "calls";

/// What a call that has ended adds to the account's usage. Whose cost reaches the cap of the day by
/// it is told.
fn count(tx: &mut Tx<'_>, context: &Context, call: &CallRecord) -> Result<(), StoreError> {
    let far = if params::is_outbound(call) { &call.to } else { &call.from };
    let used = Used {
        account: call.key.account,
        leaf: leaf_of(!params::is_outbound(call), far),
        usage: u32::try_from(params::minutes(call)).unwrap_or(u32::MAX),
        price: call.price.map_or(0, |price| -price.micros),
    };
    let price = used.price;
    usage::count(tx, std::iter::once(used))?;
    let Some(most) = context.spend_max else { return Ok(()) };
    let sum = usage::spent_today(tx, call.key.account, CALLS)?;
    match rules::spent(sum, Some(most)) {
        Err(refused) if sum - price < most => {
            let alert = NewAlert {
                account: call.key.account,
                resource: call.key.sid.into(),
                code: refused.code,
                warning: false,
                method: "",
                url: String::new(),
                message: refused.message,
            };
            alerts::raise(tx, &[alert])
        }
        _ => Ok(()),
    }
}

/// The leaf of a call: whether it came in, and who is at the far end.
fn leaf_of(inbound: bool, far: &str) -> Leaf {
    const OUT: Leaf = Leaf::named("calls-outbound");
    const IN: Leaf = Leaf::named("calls-inbound-local");
    const SIP_OUT: Leaf = Leaf::named("calls-sip-outbound");
    const SIP_IN: Leaf = Leaf::named("calls-sip-inbound");
    match (far.starts_with('+'), inbound) {
        (true, false) => OUT,
        (true, true) => IN,
        (false, false) => SIP_OUT,
        (false, true) => SIP_IN,
    }
}

/// The callback of the step that a call has just taken, if it is asked for.
fn told(call: &CallRecord, at: Instant) -> Option<NewDelivery> {
    let callback = call.callback.as_ref()?;
    let progress = call.status.progress()?;
    callback.events.contains(&progress).then(|| NewDelivery {
        account: call.key.account,
        object: call.key.sid.into(),
        object_seq: call.event.1,
        url: callback.hook.url.clone(),
        get: callback.hook.get,
        params: params::progress(call, at),
        salt: Some(call.salt),
    })
}

/// A call that waits to be placed, and its sealed plan.
pub type Waiting = (CallRecord, Option<Vec<u8>>);

/// What a start does with what the node left open when it was killed: calls and conferences are
/// over, nobody waits in a queue. Answers the calls that were still queued. Recordings are joined
/// beside it ([`crate::voice::edge`]).
pub fn recover(tx: &mut Tx<'_>, context: &Context) -> Result<Vec<Waiting>, StoreError> {
    store::queues::forget_node(tx, &context.node)?;
    let queued = end_orphans(tx, context)?;
    conferences::end_orphans(tx, context)?;
    Ok(queued)
}

/// Ends what a node left open when it was killed: answered calls were over when they were last
/// seen, others failed. Calls that were still queued are left to be placed.
fn end_orphans(tx: &mut Tx<'_>, context: &Context) -> Result<Vec<Waiting>, StoreError> {
    let mut queued = Vec::new();
    for (call, plan, seen_at) in store::live_on(tx, &context.node)? {
        let status = match call.status {
            Status::Queued => {
                queued.push((call, plan));
                continue;
            }
            Status::InProgress => Status::Completed,
            _ => Status::Failed,
        };
        let at = seen_at.max(call.answered_at.unwrap_or(seen_at));
        let change = Change { key: call.key, status, at, sip_code: 0, price: None };
        one_step(tx, context, &change)?;
    }
    Ok(queued)
}

#[cfg(test)]
mod tests;
