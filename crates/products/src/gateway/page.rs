//! Paging in both of Twilio's styles, by cursor: a page token is the key of the row where the next
//! page begins, so that pages stay stable while rows arrive.

use base::{ApiError, code};
use serde_json::{Map, Value, json};

use crate::gateway::{Place, Request};

/// Rows on a page when the client does not say.
const SIZE_DEFAULT: u32 = 50;

/// Rows on a page at most.
const SIZE_MAX: u32 = 1000;

/// Which page is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging {
    /// Rows on the page, 1 to 1000.
    pub size: u32,
    /// The page's number as the client counts; only for display.
    pub number: u32,
    /// Where the page begins; `None` is the first page.
    pub cursor: Option<Cursor>,
}

/// A direction and the key of the last row before the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Towards older rows (`PA…`) or back towards newer ones (`PB…`).
    pub forward: bool,
    /// The opaque key of the neighbouring row.
    pub key: String,
}

/// The rows of one page, and whether there is more on either side.
#[derive(Debug)]
pub struct Page {
    /// Rows as JSON, in the order of the list.
    pub rows: Vec<Value>,
    /// The key of the first row, if there is a page before this one.
    pub previous: Option<String>,
    /// The key of the last row, if there is a page after this one.
    pub next: Option<String>,
}

impl Paging {
    /// Reads `PageSize`, `Page` and `PageToken`. Sizes above the maximum are cut to it, as Twilio
    /// does; a size that is no number is refused.
    pub fn of(request: &Request) -> Result<Self, ApiError> {
        let query = &request.query;
        let size = match query.get("PageSize") {
            None | Some("") => SIZE_DEFAULT,
            Some(text) => text
                .parse::<u32>()
                .map_err(|_| {
                    ApiError::new(code::BAD_REQUEST, format!("Invalid PageSize '{text}'"))
                })?
                .clamp(1, SIZE_MAX),
        };
        let number = query.get("Page").and_then(|text| text.parse().ok()).unwrap_or(0);
        let cursor = match query.get("PageToken") {
            None | Some("") => None,
            Some(token) => Some(Cursor::parse(token)?),
        };
        Ok(Self { size, number, cursor })
    }

    /// The direction, and the SID of the neighbouring row, of lists that are ordered by SID.
    pub fn neighbour<T: std::str::FromStr>(&self) -> Result<Option<(bool, T)>, ApiError> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let sid = cursor.key.parse();
        let sid = sid.map_err(|_| ApiError::new(code::PAGE_TOKEN, "Invalid PageToken"))?;
        Ok(Some((cursor.forward, sid)))
    }

    /// Whether rows are read backwards (and must be turned round).
    pub fn backwards(&self) -> bool {
        self.cursor.as_ref().is_some_and(|cursor| !cursor.forward)
    }

    /// Makes a page of up to `size + 1` rows that were read, the extra one telling that there is
    /// more. `key_of` gives a row's cursor key.
    pub fn page<T>(
        &self,
        mut rows: Vec<T>,
        key_of: impl Fn(&T) -> String,
        view: impl Fn(&T) -> Value,
    ) -> Page {
        let more = rows.len() > self.size as usize;
        rows.truncate(self.size as usize);
        let backwards = self.backwards();
        if backwards {
            rows.reverse();
        }
        let has_previous = if backwards { more } else { self.cursor.is_some() };
        let has_next = if backwards { true } else { more };
        let first = rows.first().filter(|_| has_previous).map(&key_of);
        let last = rows.last().filter(|_| has_next).map(&key_of);
        Page { rows: rows.iter().map(view).collect(), previous: first, next: last }
    }
}

impl Cursor {
    pub(crate) fn parse(token: &str) -> Result<Self, ApiError> {
        let (forward, key) = match token.split_at_checked(2) {
            Some(("PA", key)) => (true, key),
            Some(("PB", key)) => (false, key),
            _ => return Err(ApiError::new(code::PAGE_TOKEN, "Invalid PageToken")),
        };
        let fine = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !fine {
            return Err(ApiError::new(code::PAGE_TOKEN, "Invalid PageToken"));
        }
        Ok(Self { forward, key: key.to_owned() })
    }
}

/// A page in the style of the 2010-04-01 API. No key besides the rows' and these may be in it:
/// the Python SDK finds the rows as the only other key.
pub fn v2010(request: &Request, paging: &Paging, key: &str, page: Page) -> Value {
    let path = &request.path;
    let start = paging.number.saturating_mul(paging.size);
    let end = start + u32::try_from(page.rows.len()).unwrap_or(0).saturating_sub(1);
    let link = |number: u32, token: Option<String>| {
        Value::String(uri(path, request, paging.size, number, token))
    };
    let mut object = Map::new();
    object.insert(key.to_owned(), Value::Array(page.rows));
    object.insert("page".into(), json!(paging.number));
    object.insert("page_size".into(), json!(paging.size));
    object.insert("start".into(), json!(start));
    object.insert("end".into(), json!(end));
    object.insert("uri".into(), link(paging.number, own_token(paging)));
    object.insert("first_page_uri".into(), link(0, None));
    let next = page.next.map(|key| link(paging.number + 1, Some(format!("PA{key}"))));
    object.insert("next_page_uri".into(), next.unwrap_or(Value::Null));
    let previous =
        page.previous.map(|key| link(paging.number.saturating_sub(1), Some(format!("PB{key}"))));
    object.insert("previous_page_uri".into(), previous.unwrap_or(Value::Null));
    Value::Object(object)
}

/// A page in the style of the newer hosts: rows beside a `meta` object with absolute addresses.
pub fn v1(request: &Request, paging: &Paging, key: &str, page: Page) -> Value {
    let Place { root, .. } = &request.place;
    let path = format!("{root}{}", request.path);
    let link = |number: u32, token: Option<String>| {
        Value::String(uri(&path, request, paging.size, number, token))
    };
    let next = page.next.map(|key| link(paging.number + 1, Some(format!("PA{key}"))));
    let previous =
        page.previous.map(|key| link(paging.number.saturating_sub(1), Some(format!("PB{key}"))));
    json!({
        key: page.rows,
        "meta": {
            "key": key,
            "page": paging.number,
            "page_size": paging.size,
            "url": link(paging.number, own_token(paging)),
            "first_page_url": link(0, None),
            "next_page_url": next,
            "previous_page_url": previous,
        }
    })
}

fn own_token(paging: &Paging) -> Option<String> {
    let cursor = paging.cursor.as_ref()?;
    Some(format!("{}{}", if cursor.forward { "PA" } else { "PB" }, cursor.key))
}

/// The same list with the same filters, on another page.
fn uri(path: &str, request: &Request, size: u32, number: u32, token: Option<String>) -> String {
    let mut query = base::Params::default();
    for (name, value) in request.query.iter() {
        if !matches!(name, "Page" | "PageSize" | "PageToken") {
            query.push(name, value);
        }
    }
    query.push("PageSize", &size.to_string());
    query.push("Page", &number.to_string());
    if let Some(token) = token {
        query.push("PageToken", &token);
    }
    format!("{path}?{}", query.encode())
}
