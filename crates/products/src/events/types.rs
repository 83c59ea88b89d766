//! The types of events, the schemas of their data, and events of the ledger as CloudEvents.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ::store::Event;
use base::Instant;
use serde_json::{Map, Value, json};

use crate::messaging::Message;
use crate::registry::{PRODUCTS, Told, declared};

/// The version of the API that messages are made with.
const API_VERSION: &str = "2010-04-01";

/// What a sink's test sends.
const TEST: &str = "com.twilio.eventstreams.test-event";

/// A schema of data.
#[derive(Clone, Copy, Debug)]
pub(super) enum Schema {
    MessageStatus,
    InboundMessage,
    ResourceChange,
    TestSink,
    /// What a product tells of by itself.
    Product(&'static Told),
}

/// A member of data: its name, its JSON type, whether it is always there, what it tells.
type Member = (&'static str, &'static str, bool, &'static str);

const MESSAGE_STATUS: &[Member] = &[
    ("messageSid", "string", true, "The message"),
    ("accountSid", "string", true, "Whose it is"),
    ("eventName", "string", true, "The type of the event"),
    ("apiVersion", "string", true, "The version of the API"),
    ("timestamp", "string", true, "When it happened (ISO 8601)"),
    ("messageStatus", "string", true, "QUEUED, SENT, DELIVERED, UNDELIVERED, FAILED or READ"),
    ("from", "string", false, "The sender, unless the message is deleted"),
    ("to", "string", false, "The recipient, unless the message is deleted"),
    ("numberOfSegments", "integer", false, "Its segments, unless the message is deleted"),
    ("price", "string", false, "What it costs, once that is known"),
    ("priceUnit", "string", false, "The price's currency"),
    ("errorCode", "integer", false, "Why it was not delivered"),
];

const INBOUND_MESSAGE: &[Member] = &[
    ("messageSid", "string", true, "The message"),
    ("accountSid", "string", true, "Whose it is"),
    ("eventName", "string", true, "The type of the event"),
    ("timestamp", "string", true, "When it came (ISO 8601)"),
    ("from", "string", false, "The sender, unless the message is deleted"),
    ("to", "string", false, "Our number, unless the message is deleted"),
    ("numSegments", "integer", false, "Its segments, unless the message is deleted"),
    ("numMedia", "integer", false, "Its media files, unless the message is deleted"),
];

const RESOURCE_CHANGE: &[Member] = &[
    ("resourceSid", "string", true, "What was changed"),
    ("accountSid", "string", true, "Whose it is"),
    ("eventName", "string", true, "The type of the event"),
    ("timestamp", "string", true, "When it was changed (ISO 8601)"),
    ("resource", "string", true, "What kind of resource it is"),
    ("change", "string", true, "created, updated or deleted"),
    ("sequence", "integer", true, "The change's place among the changes of the resource"),
];

/// What every product's own events tell.
const PRODUCT: &[Member] = &[
    ("resourceSid", "string", true, "What it happened to"),
    ("accountSid", "string", true, "Whose it is"),
    ("eventName", "string", true, "The type of the event"),
    ("timestamp", "string", true, "When it happened (ISO 8601)"),
];

const TEST_SINK: &[Member] = &[("test_id", "string", true, "The test's id, for Validate")];

impl Schema {
    /// All there are, one of each name.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let ours =
            [Self::InboundMessage, Self::MessageStatus, Self::ResourceChange, Self::TestSink];
        let products = told().map(Self::Product);
        let by_name: BTreeMap<&str, Self> =
            products.chain(ours).map(|schema| (schema.id(), schema)).collect();
        by_name.into_values()
    }

    /// Twilio's name; our own for what Twilio has none for.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::MessageStatus => "Messaging.MessageStatus",
            Self::InboundMessage => "Messaging.InboundMessageV1",
            Self::ResourceChange => "Trunkline.ResourceChange",
            Self::TestSink => "EventStreams.TestSink",
            Self::Product(told) => told.schema,
        }
    }

    /// The newest version, by Twilio's count: whoever asks for one of its older versions gets the
    /// same data, which holds every member that we have of it.
    pub(super) fn latest(self) -> i64 {
        match self {
            Self::MessageStatus => 7,
            Self::InboundMessage => 5,
            Self::ResourceChange | Self::TestSink | Self::Product(_) => 1,
        }
    }

    pub(super) fn find(id: &str) -> Option<Self> {
        Self::all().find(|schema| schema.id() == id)
    }

    pub(super) fn has(self, version: i64) -> bool {
        (1..=self.latest()).contains(&version)
    }

    fn members(self) -> impl Iterator<Item = &'static Member> {
        let (common, own): (&[Member], &[Member]) = match self {
            Self::MessageStatus => (&[], MESSAGE_STATUS),
            Self::InboundMessage => (&[], INBOUND_MESSAGE),
            Self::ResourceChange => (&[], RESOURCE_CHANGE),
            Self::TestSink => (&[], TEST_SINK),
            Self::Product(told) => (PRODUCT, told.members),
        };
        common.iter().chain(own)
    }

    /// Where the schema can be read; `root` is the host's.
    pub(super) fn address(self, version: i64, root: &str) -> String {
        format!("{root}/schemas/{}/{version}", self.id())
    }

    /// As JSON Schema.
    pub(super) fn json(self, version: i64, root: &str) -> Value {
        let members = self.members().map(|(name, form, _, told)| {
            ((*name).to_owned(), json!({ "type": form, "description": told }))
        });
        let required = self.members().filter(|member| member.2).map(|member| member.0);
        json!({
            "$id": self.address(version, root),
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.id(),
            "type": "object",
            "properties": members.collect::<Map<_, _>>(),
            "required": required.collect::<Vec<_>>(),
            "additionalProperties": false,
        })
    }
}

/// A type of events that can be subscribed to.
#[derive(Debug)]
pub(super) struct EventType {
    /// `com.twilio.messaging.message.sent`
    pub(super) name: String,
    /// What its data is.
    pub(super) schema: Schema,
    /// What it tells.
    pub(super) description: String,
    /// The kind of the ledger's event.
    kind: &'static str,
    /// The kind of resource that is changed.
    resource: &'static str,
}

/// Messages' events of the ledger that have a type, and what they tell.
const MESSAGES: [(&str, &str); 7] = [
    ("messaging.message.queued", "A message was taken to be sent"),
    ("messaging.message.sent", "A message was handed to its carrier"),
    ("messaging.message.delivered", "A message was delivered"),
    ("messaging.message.undelivered", "A message could not be delivered"),
    ("messaging.message.failed", "A message could not be sent"),
    ("messaging.message.read", "A message was read"),
    (RECEIVED, "A message came in"),
];

const RECEIVED: &str = "messaging.message.received";

/// Every type, in the order of their names.
pub(super) static TYPES: LazyLock<Vec<EventType>> = LazyLock::new(|| {
    let messages = MESSAGES.into_iter().map(|(kind, told)| {
        let (name, schema) = match kind {
            RECEIVED => ("messaging.inbound-message.received", Schema::InboundMessage),
            kind => (kind, Schema::MessageStatus),
        };
        let name = format!("com.twilio.{name}");
        EventType { name, schema, description: told.to_owned(), kind, resource: "" }
    });
    // What changes in streams is told of by none of them: a sink that fails would tell itself.
    let ours = declared().filter(|resource| resource.host != "events");
    let changes = ours.flat_map(|resource| {
        resource.events.iter().map(move |kind| EventType {
            name: format!("com.trunkline.{kind}"),
            schema: Schema::ResourceChange,
            description: format!("{}: {}", resource.title, last_part(kind)),
            kind,
            resource: resource.title,
        })
    });
    let products = told().map(|told| EventType {
        name: format!("com.twilio.{}", told.kind),
        schema: Schema::Product(told),
        description: told.description.to_owned(),
        kind: told.kind,
        resource: "",
    });
    // A resource under two paths has its events once.
    let by_name: BTreeMap<String, EventType> =
        messages.chain(changes).chain(products).map(|known| (known.name.clone(), known)).collect();
    by_name.into_values().collect()
});

/// What products tell of beside their declared resources.
fn told() -> impl Iterator<Item = &'static Told> {
    PRODUCTS.iter().flat_map(|product| product.events)
}

fn last_part(kind: &str) -> &str {
    kind.rsplit('.').next().unwrap_or_default()
}

/// The type with this name.
pub(super) fn find(name: &str) -> Option<&'static EventType> {
    TYPES.iter().find(|known| known.name == name)
}

/// The type of an event of the ledger.
pub(super) fn of_kind(kind: &str) -> Option<&'static EventType> {
    TYPES.iter().find(|known| known.kind == kind)
}

/// An event of the ledger as a CloudEvent, in a version of its schema; `root` is the host's. A
/// message may be deleted by now. The same event says the same, however often it is told.
pub(super) fn cloud_event(
    event: &Event,
    message: Option<&Message>,
    version: i64,
    root: &str,
) -> Option<Value> {
    let known = of_kind(&event.kind)?;
    let (account, object) = (event.account.to_string(), event.object.to_string());
    let mut data = Map::new();
    let mut put = |name: &str, value: Value| data.insert(name.to_owned(), value);
    put("accountSid", account.as_str().into());
    put("eventName", known.name.as_str().into());
    put("timestamp", event.at.to_iso8601_micros().into());
    let source = match known.schema {
        Schema::ResourceChange => {
            put("resourceSid", object.as_str().into());
            put("resource", known.resource.into());
            put("change", last_part(known.kind).into());
            put("sequence", event.object_seq.into());
            format!("/{API_VERSION}/Accounts/{account}/{}s/{object}", known.resource)
        }
        Schema::Product(told) => {
            put("resourceSid", object.as_str().into());
            let mut facts: Value = serde_json::from_str(&event.facts).unwrap_or_default();
            for (name, ..) in told.members {
                if let Some(value) = facts.get_mut(name).filter(|value| !value.is_null()) {
                    put(name, value.take());
                }
            }
            format!("/{API_VERSION}/Accounts/{account}/{object}")
        }
        Schema::InboundMessage => {
            put("messageSid", object.as_str().into());
            if let Some(message) = message {
                put("from", message.from.as_str().into());
                put("to", message.to.as_str().into());
                put("numSegments", message.segments.into());
                put("numMedia", message.media.into());
            }
            message_source(&account, &object)
        }
        Schema::MessageStatus | Schema::TestSink => {
            put("messageSid", object.as_str().into());
            put("apiVersion", API_VERSION.into());
            put("messageStatus", last_part(known.kind).to_uppercase().into());
            data.extend(message.map(|message| of_message(event, message)).unwrap_or_default());
            message_source(&account, &object)
        }
    };
    let id = format!("EZ{:032x}", event.id);
    let kind = (known.name.as_str(), known.schema, version);
    Some(envelope(kind, (&source, &id), event.at, data.into(), root))
}

fn message_source(account: &str, message: &str) -> String {
    format!("/{API_VERSION}/Accounts/{account}/Messages/{message}.json")
}

/// What the message's row knows of a change of its status.
fn of_message(event: &Event, message: &Message) -> Map<String, Value> {
    let mut data = Map::new();
    let mut put = |name: &str, value: Value| data.insert(name.to_owned(), value);
    put("from", message.from.as_str().into());
    put("to", message.to.as_str().into());
    put("numberOfSegments", message.segments.into());
    // A message that only waits has no price yet, even if it has one by the time this is told.
    if let Some(price) = message.price.filter(|_| last_part(&event.kind) != "queued") {
        put("price", price.to_string().into());
        put("priceUnit", price.currency.to_string().into());
    }
    let facts: Value = serde_json::from_str(&event.facts).unwrap_or_default();
    if let Some(error) = facts["error"].as_i64() {
        put("errorCode", error.into());
    }
    data
}

/// What a sink's test sends; `id` is the test's.
pub(super) fn test_event(sink: &str, id: &str, at: Instant, root: &str) -> Value {
    let data = json!({ "test_id": id });
    envelope((TEST, Schema::TestSink, 1), (sink, id), at, data, root)
}

fn envelope(
    (name, schema, version): (&str, Schema, i64),
    (source, id): (&str, &str),
    at: Instant,
    data: Value,
    root: &str,
) -> Value {
    json!({
        "specversion": "1.0",
        "type": name,
        "source": source,
        "id": id,
        "dataschema": schema.address(version, root),
        "datacontenttype": "application/json",
        "time": at.to_iso8601_micros(),
        "data": data,
    })
}

#[cfg(test)]
mod tests {
    use base::{AccountSid, AnySid, Sid};

    use super::*;

    fn event(kind: &str, facts: &str) -> Event {
        Event {
            id: (1 << 40) + 7,
            account: AccountSid::from_bytes([1; 16]),
            object: AnySid { prefix: *b"SM", bytes: [2; 16] },
            object_seq: 3,
            previous: 0,
            kind: kind.to_owned(),
            at: Instant::from_micros(1_700_000_000_000_000),
            facts: facts.to_owned(),
        }
    }

    /// What is wrong with data by its schema: nothing.
    fn fits(schema: Schema, data: &Value) {
        let json = schema.json(1, "");
        let known = json["properties"].as_object().expect("properties");
        for (name, value) in data.as_object().expect("an object") {
            let form = if value.is_string() { "string" } else { "integer" };
            assert_eq!(known[name]["type"], form, "{name}");
        }
        for name in json["required"].as_array().expect("a list") {
            assert!(data.get(name.as_str().expect("a name")).is_some(), "{name} is missing");
        }
    }

    #[test]
    fn every_type_makes_a_cloud_event_that_fits_its_schema() {
        assert!(TYPES.len() > 20 && TYPES.is_sorted_by_key(|known| known.name.clone()));
        for known in TYPES.iter() {
            let told = cloud_event(&event(known.kind, "{}"), None, 1, "http://a/events");
            let told = told.expect("a type");
            fits(known.schema, &told["data"]);
            assert_eq!(
                (told["specversion"].as_str(), &told["type"]),
                (Some("1.0"), &json!(known.name))
            );
            let address = format!("http://a/events/schemas/{}/1", known.schema.id());
            assert_eq!(told["dataschema"], json!(address));
        }
        let test = test_event("DG", "EZ1", Instant::from_micros(0), "");
        fits(Schema::TestSink, &test["data"]);
    }

    #[test]
    fn streams_tell_nothing_of_themselves_and_nothing_that_has_no_type() {
        for kind in ["events.sink.updated", "messaging.message.changed", "webhooks.alert.raised"] {
            assert!(cloud_event(&event(kind, "{}"), None, 1, "").is_none(), "{kind}");
        }
    }

    #[test]
    fn versions_are_those_up_to_the_newest() {
        assert!(Schema::MessageStatus.has(1) && Schema::MessageStatus.has(7));
        assert!(!Schema::MessageStatus.has(0) && !Schema::MessageStatus.has(8));
        let found = Schema::find("Messaging.MessageStatus");
        assert!(matches!(found, Some(Schema::MessageStatus)), "{found:?}");
    }
}
