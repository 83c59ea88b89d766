//! `Usage/Triggers`: told once a sum is reached, in each day, month or year, or once for ever.

use std::sync::Arc;
use std::time::Duration;

use ::store::{Query, Reader, Store, StoreError, Tx};
use base::{AccountSid, AnySid, ApiError, Instant, code};
use net::Clock;
use serde_json::{Map, Value};

use crate::resource::{self, Document, Draft, Field, Refusal, Resource, Rules, Scene, events};
use crate::usage::categories;
use crate::usage::period::{Asked, Period, day_of};
use crate::usage::records::{price, sum};
use crate::usage::store;
use crate::webhooks::{NewDelivery, Outbox};

/// Every declared resource of this product.
pub static RESOURCES: [&Resource; 1] = [&TRIGGER];

/// How often triggers are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A usage trigger.
pub static TRIGGER: Resource = Resource {
    kind: "usage_trigger",
    title: "UsageTrigger",
    prefix: "UT",
    path: "/2010-04-01/Accounts/{AccountSid}/Usage/Triggers",
    list_key: "usage_triggers",
    permission: "api/usage-triggers",
    fields: &[
        Field::text("UsageCategory", 64).required().create_only(),
        Field::text("TriggerValue", 32).required().create_only(),
        Field::url("CallbackUrl").required(),
        Field::method("CallbackMethod"),
        Field::text("FriendlyName", 64),
        Field::text("Recurring", 16).create_only(),
        Field::choice("TriggerBy", &["usage", "count", "price"]).create_only(),
        Field::computed("ApiVersion"),
        Field::computed("CurrentValue"),
        Field::computed("DateFired"),
        Field::computed("UsageRecordUri"),
        Field::computed("FiredIn").hidden(),
    ],
    filters: &["Recurring", "TriggerBy", "UsageCategory"],
    events: events!("usage.trigger"),
    rules: Rules {
        create: Some(create),
        delete: Some(delete),
        view: Some(view),
        look: Some(look),
        ..Rules::NONE
    },
    ..Resource::BASE
};

/// A value in millionths, so that prices and counts compare alike.
fn micros(text: &str) -> Option<i64> {
    base::Money::parse(text, base::Currency::USD).ok().map(|value| value.micros)
}

fn shown(by: &str, value: i64) -> String {
    if by == "price" { price(value) } else { (value / 1_000_000).to_string() }
}

/// The span that a trigger counts over, by how it recurs; its first day names it.
fn span(recurring: &str, now: Instant) -> (String, String) {
    let today = day_of(now);
    let start = match recurring {
        "daily" => today.clone(),
        "monthly" => format!("{}-01", &today[..7]),
        "yearly" => format!("{}-01-01", &today[..4]),
        _ => String::new(),
    };
    Period::Whole.span(&Asked { start: Some(start), end: None }, "", now)
}

/// What a trigger's sum is now, in millionths.
fn current(
    query: &mut impl Query,
    account: AccountSid,
    (category, by, recurring): (&str, &str, &str),
    now: Instant,
) -> Result<i64, StoreError> {
    let rows = store::days(query, account, &span(recurring, now))?;
    let sum = sum(category, rows.iter());
    Ok(match by {
        "price" => sum.price,
        "count" => sum.count * 1_000_000,
        _ => sum.usage * 1_000_000,
    })
}

fn create(scene: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    let refuse = |text: String| Err(Refusal::from(ApiError::new(code::BAD_REQUEST, text)));
    let text = |name: &str| draft.text(name).to_owned();
    let (category, by, recurring) = (text("UsageCategory"), text("TriggerBy"), text("Recurring"));
    if categories::find(&category).is_none() {
        return refuse(format!("UsageCategory '{category}' is not known"));
    }
    if !matches!(recurring.as_str(), "" | "daily" | "monthly" | "yearly" | "alltime") {
        return refuse(format!("Recurring '{recurring}' must be daily, monthly or yearly"));
    }
    let (account, now) = (draft.account, scene.tx.now());
    let current = current(scene.tx, account, (&category, &by, &recurring), now)?;
    let value = text("TriggerValue");
    let more = value.strip_prefix('+');
    let Some(wanted) = micros(more.unwrap_or(&value)) else {
        return refuse(format!("TriggerValue '{value}' must be a number like 1000 or +50"));
    };
    // A value with a plus is that much more than now.
    let wanted = if more.is_some() { current + wanted } else { wanted };
    draft.set("TriggerValue", price(wanted));
    draft.set("CurrentValue", shown(&by, current));
    store::watch(scene.tx, account, draft.sid, true)?;
    Ok(())
}

fn delete(scene: &mut Scene<'_, '_>, document: &Document) -> Result<(), Refusal> {
    Ok(store::watch(scene.tx, document.account, document.sid, false)?)
}

fn view(document: &Document, json: &mut Map<String, Value>) {
    let (account, category) = (document.account, document.text("UsageCategory"));
    let uri = format!("/2010-04-01/Accounts/{account}/Usage/Records.json?Category={category}");
    json.insert("usage_record_uri".to_owned(), uri.into());
    json.insert("api_version".to_owned(), "2010-04-01".into());
}

/// The sum as it is now, whatever it was when the trigger was looked at last.
fn look(
    reader: &mut Reader<'_>,
    document: &Document,
    now: Instant,
    json: &mut Map<String, Value>,
) -> Result<(), StoreError> {
    let current = current(reader, document.account, asked(document), now)?;
    json.insert("current_value".to_owned(), shown(document.text("TriggerBy"), current).into());
    Ok(())
}

fn asked(document: &Document) -> (&str, &str, &str) {
    let text = |name| document.text(name);
    (text("UsageCategory"), text("TriggerBy"), text("Recurring"))
}

/// Looks at every trigger every few seconds, until the program ends.
pub async fn run(store: Store, outbox: Arc<Outbox>, clock: Arc<dyn Clock>) {
    loop {
        let (outbox, read) = (Arc::clone(&outbox), store.read(|reader| store::watched(reader)));
        let watched = read.await.unwrap_or_default();
        if !watched.is_empty() {
            let fired = store.write(move |tx| {
                watched.iter().try_for_each(|(account, sid)| check(tx, &outbox, *account, *sid))
            });
            if let Err(error) = fired.await {
                tracing::warn!(?error, "usage triggers could not be looked at");
            }
        }
        clock.sleep_until(clock.now() + LOOK_EVERY).await;
    }
}

/// Fires a trigger whose sum is reached, once in its span.
fn check(
    tx: &mut Tx<'_>,
    outbox: &Outbox,
    account: AccountSid,
    sid: [u8; 16],
) -> Result<(), Refusal> {
    let sid = TRIGGER.sid(sid);
    let Some(document) = resource::store::find(tx, &TRIGGER, account, sid)? else {
        return Ok(store::watch(tx, account, sid, false)?);
    };
    let (now, (_, by, recurring)) = (tx.now(), asked(&document));
    let fired_in = format!("in {}", span(recurring, now).0);
    let value = current(tx, account, asked(&document), now)?;
    let reached = micros(document.text("TriggerValue")).is_some_and(|wanted| value >= wanted);
    if !reached || document.text("FiredIn") == fired_in {
        return Ok(());
    }
    let data = document.data.clone();
    let mut draft =
        Draft { sid, data, before: document.data.clone(), shown_once: Vec::new(), account };
    draft.set("DateFired", now.to_rfc2822());
    draft.set("CurrentValue", shown(by, value));
    draft.set("FiredIn", fired_in);
    let fired = resource::store::update(tx, &TRIGGER, &document, &draft)?;
    if matches!(recurring, "" | "alltime") {
        store::watch(tx, account, sid, false)?;
    }
    Ok(outbox.enqueue(tx, vec![told(&fired, sid)])?)
}

fn told(trigger: &Document, sid: AnySid) -> NewDelivery {
    let text = |name: &str| trigger.text(name).to_owned();
    let (account, category) = (trigger.account, trigger.text("UsageCategory"));
    let records = format!("/2010-04-01/Accounts/{account}/Usage/Records?Category={category}");
    NewDelivery {
        account,
        object: sid,
        object_seq: trigger.event.1,
        url: text("CallbackUrl"),
        get: trigger.text("CallbackMethod") == "GET",
        params: vec![
            ("AccountSid", account.to_string()),
            ("UsageTriggerSid", sid.to_string()),
            ("DateFired", text("DateFired")),
            ("Recurring", text("Recurring")),
            ("UsageCategory", category.to_owned()),
            ("TriggerBy", text("TriggerBy")),
            ("TriggerValue", text("TriggerValue")),
            ("CurrentValue", text("CurrentValue")),
            ("UsageRecordUri", records),
            ("IdempotencyToken", format!("{sid}-FIRES-{}", trigger.text("FiredIn"))),
        ],
        salt: None,
    }
}
