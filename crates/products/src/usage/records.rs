//! `Usage/Records` with its subresources, and `Balance`.

use std::sync::Arc;

use ::store::{Query, Store, StoreError};
use base::{AccountSid, ApiError, Instant, code};
use http::Method;
use serde_json::{Map, Value, json};

use crate::accounts::{self, Account, Permission, Verb, store_error};
use crate::gateway::page::{Paging, v2010};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};
use crate::usage::categories::{self, CATEGORIES, Category, TOTAL};
use crate::usage::period::{Asked, Period, day, day_of};
use crate::usage::store::{self, DayRow};

const RECORDS: &str = "/2010-04-01/Accounts/{AccountSid}/Usage/Records";
const BALANCE: &str = "/2010-04-01/Accounts/{AccountSid}/Balance";

/// Every subresource of the records.
const PERIODS: [(&str, Period); 9] = [
    ("", Period::Whole),
    ("/AllTime", Period::Whole),
    ("/Daily", Period::Daily),
    ("/LastMonth", Period::LastMonth),
    ("/Monthly", Period::Monthly),
    ("/ThisMonth", Period::ThisMonth),
    ("/Today", Period::Today),
    ("/Yearly", Period::Yearly),
    ("/Yesterday", Period::Yesterday),
];

/// Buckets of one list at most: ten years of days.
const BUCKETS_MAX: usize = 3_660;

/// Adds the routes.
pub fn routes(routes: &mut Routes, state: &Arc<Store>) {
    let on = |verb| Permission::new("api/usage", verb);
    for (path, period) in PERIODS {
        let path = format!("{RECORDS}{path}");
        routes.on("api", Method::GET, &path, on(Verb::List), state, move |store, call| {
            list(store, call, period)
        });
    }
    let balance: fn(Arc<Store>, Call) -> Answering = |s, c| Box::pin(balance(s, c));
    routes.on("api", Method::GET, BALANCE, on(Verb::Read), state, balance);
}

/// One record: a category within a bucket.
struct Record {
    index: usize,
    category: &'static Category,
    bucket: (String, String),
    sum: Sum,
}

/// What a category comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) count: i64,
    pub(super) usage: i64,
    pub(super) price: i64,
}

/// The sum of the rows that belong to a category.
pub(super) fn sum<'a>(category: &str, rows: impl Iterator<Item = &'a DayRow>) -> Sum {
    let held = rows.filter(|row| categories::holds(category, &row.category));
    let sum = held.fold(Sum::default(), |sum, row| Sum {
        count: sum.count + row.count,
        usage: sum.usage + row.usage,
        price: sum.price + row.price,
    });
    // Prices of different things add up; their counts and units don't.
    if category == TOTAL { Sum { count: 0, usage: 0, ..sum } } else { sum }
}

async fn list(store: Arc<Store>, call: Call, period: Period) -> ApiResult {
    let (query, paging) = (&call.request.query, Paging::of(&call.request)?);
    let now = store.now();
    let given = |name| query.get(name).filter(|text| !text.is_empty());
    let asked = Asked {
        start: given("StartDate").map(|text| day("StartDate", text, now)).transpose()?,
        end: given("EndDate").map(|text| day("EndDate", text, now)).transpose()?,
    };
    let wanted: Vec<&Category> = match given("Category") {
        None => CATEGORIES.iter().collect(),
        Some(name) => vec![categories::find(name).ok_or_else(|| unknown(name))?],
    };
    let family = given("IncludeSubaccounts") != Some("false");
    let account = &call.caller.account;
    let span = period.span(&asked, &day_of(account.created_at), now);
    let rows = read(&store, account.sid, family, span.clone()).await?;
    let mut records = Vec::new();
    for bucket in period.buckets(&span, BUCKETS_MAX) {
        let inside = |row: &&DayRow| row.day >= bucket.0 && row.day <= bucket.1;
        for category in &wanted {
            let sum = sum(category.name, rows.iter().filter(inside));
            records.push(Record { index: records.len(), category, bucket: bucket.clone(), sum });
        }
    }
    let records = shown(records, &paging)?;
    let view = |record: &Record| view(record, account, now);
    let page = paging.page(records, |record| format!("{:08}", record.index), view);
    Ok(Response::ok(&v2010(&call.request, &paging, "usage_records", page)))
}

/// The records beside the page's neighbour, as a table would give them.
fn shown(mut records: Vec<Record>, paging: &Paging) -> Result<Vec<Record>, ApiError> {
    match paging.neighbour::<usize>()? {
        None => {}
        Some((true, after)) => records.retain(|record| record.index > after),
        Some((false, before)) => {
            records.retain(|record| record.index < before);
            records.reverse();
        }
    }
    records.truncate(paging.size as usize + 1);
    Ok(records)
}

fn unknown(name: &str) -> ApiError {
    ApiError::new(code::BAD_REQUEST, format!("Category '{name}' is not known"))
}

async fn read(
    store: &Store,
    account: AccountSid,
    family: bool,
    span: (String, String),
) -> Result<Vec<DayRow>, ApiError> {
    let read = store.read(move |reader| {
        let mut rows = store::days(reader, account, &span)?;
        let children = match family {
            true => accounts::store::children(reader, account)?,
            false => Vec::new(),
        };
        for child in children {
            rows.extend(store::days(reader, child, &span)?);
        }
        Ok::<_, StoreError>(rows)
    });
    read.await.map_err(store_error)
}

fn view(record: &Record, account: &Account, now: Instant) -> Value {
    let Record { category, bucket: (start, end), sum, .. } = record;
    let root = RECORDS.replace("{AccountSid}", &account.sid.to_string());
    let name = category.name;
    let link = |path: &str| format!("{root}{path}.json?Category={name}");
    let subresources = PERIODS.iter().skip(1).map(|(path, _)| {
        let key = base_name(path);
        (key, Value::from(link(path)))
    });
    let usage = if name == TOTAL { price(sum.price) } else { sum.usage.to_string() };
    json!({
        "account_sid": account.sid.to_string(),
        "api_version": "2010-04-01",
        "as_of": format!("{}+00:00", now.to_iso8601().trim_end_matches('Z')),
        "category": name,
        "count": sum.count.to_string(),
        "count_unit": category.count_unit,
        "description": category.description,
        "end_date": end,
        "price": sum.price as f64 / 1e6,
        "price_unit": "usd",
        "start_date": start,
        "subresource_uris": subresources.collect::<Map<String, Value>>(),
        "uri": format!("{}&StartDate={start}&EndDate={end}", link("")),
        "usage": usage,
        "usage_unit": category.usage_unit,
    })
}

/// `/LastMonth` as a member: `last_month`.
fn base_name(path: &str) -> String {
    crate::resource::member(path.trim_start_matches('/'))
}

/// An amount as a text: `0.0079`.
pub(super) fn price(micros: i64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    let text = text.trim_end_matches('0');
    text.strip_suffix('.').unwrap_or(text).to_owned()
}

/// What an account has left: its credit less all that it has used.
async fn balance(store: Arc<Store>, call: Call) -> ApiResult {
    let account = call.caller.account_sid();
    let credit = call.caller.account.credit;
    let read = store.read(move |reader| spent(reader, account));
    let left = credit - read.await.map_err(store_error)?;
    let sign = if left < 0 { "-" } else { "" };
    let text = format!("{sign}{}", price(left.abs()));
    let json = json!({ "account_sid": account.to_string(), "balance": text, "currency": "USD" });
    Ok(Response::ok(&json))
}

/// All that an account has used, in millionths.
fn spent(query: &mut impl Query, account: AccountSid) -> Result<i64, StoreError> {
    let ever = (String::new(), "9999-12-31".to_owned());
    let rows = store::days(query, account, &ever)?;
    Ok(sum(TOTAL, rows.iter()).price)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(day: &str, category: &str, count: i64, price: i64) -> DayRow {
        let (day, category) = (day.to_owned(), category.to_owned());
        DayRow { day, category, count, usage: count * 2, price }
    }

    #[test]
    fn sums_hold_what_belongs_to_them() {
        let rows = [
            row("2026-01-01", "sms-outbound-longcode", 3, 23_700),
            row("2026-01-01", "sms-inbound-longcode", 1, 0),
            row("2026-01-01", "mms-outbound-longcode", 1, 20_000),
        ];
        let of = |name| sum(name, rows.iter());
        assert_eq!(of("sms"), Sum { count: 4, usage: 8, price: 23_700 });
        assert_eq!(of("sms-outbound"), Sum { count: 3, usage: 6, price: 23_700 });
        assert_eq!(of("totalprice"), Sum { count: 0, usage: 0, price: 43_700 });
        assert_eq!(of("calls"), Sum::default());
        assert_eq!(
            (price(43_700), price(0), price(12_000_000)),
            ("0.0437".into(), "0".into(), "12".into())
        );
    }
}
