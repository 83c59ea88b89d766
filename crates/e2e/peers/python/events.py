"""Event streams by the official SDK: sinks, subscriptions, types and schemas, CloudEvents in signed batches, again when refused."""
import http.server
import json
import threading

import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, client, wait_for
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator

api = client()
api.events.base_url = BASE + "/events"
streams = api.events.v1
validator = RequestValidator(TOKEN)
HANDSET = "+15558675460"


class Streams(http.server.BaseHTTPRequestHandler):
    """Takes batches; refuses as many as it was told to, by path."""

    protocol_version = "HTTP/1.1"
    batches, refuse = [], {}

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        path = self.path.split("?")[0]
        assert "bodySHA256=" in self.path, self.path
        signed = validator.validate(url + self.path, body, self.headers["X-Twilio-Signature"])
        refused = self.refuse.get(path, 0)
        self.refuse[path] = max(refused - 1, 0)
        self.batches.append({"path": path, "events": json.loads(body), "signed": signed, "refused": refused > 0, "type": self.headers["content-type"]})
        self.send_response(503 if refused else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Streams)
url = f"http://127.0.0.1:{server.server_port}"
threading.Thread(target=server.serve_forever, daemon=True).start()


def taken(path):
    return [event for batch in Streams.batches if batch["path"] == path and not batch["refused"] for event in batch["events"]]


def of(path, object_sid):
    return [event for event in taken(path) if object_sid in event["source"]]


def refused(make, code):
    try:
        make()
    except TwilioRestException as error:
        assert error.code == code, error
    else:
        raise AssertionError("it was taken")


# Types and schemas.
types = {known.type: known for known in streams.event_types.list(page_size=5)}
assert "com.twilio.messaging.message.delivered" in types and "com.trunkline.accounts.application.created" in types, types.keys()
assert not [name for name in types if "event_sink" in name or "events." in name], types.keys()
assert {known.type for known in streams.event_types.list(schema_id="Messaging.InboundMessageV1")} == {"com.twilio.messaging.inbound-message.received"}
known = streams.event_types("com.twilio.messaging.message.delivered").fetch()
schema = streams.schemas(known.schema_id).fetch()
assert (schema.id, schema.latest_version) == ("Messaging.MessageStatus", 7)
assert [version.schema_version for version in schema.versions.list()] == list(range(1, 8))
raw = requests.get(streams.schemas(known.schema_id).versions(7).fetch().raw, timeout=10).json()
assert raw["title"] == "Messaging.MessageStatus" and "body" not in raw["properties"], raw
refused(lambda: streams.event_types("com.twilio.nonsense").fetch(), 20404)
refused(lambda: streams.schemas("Messaging.MessageStatus").versions(8).fetch(), 20404)

# A sink, and its test.
sink = streams.sinks.create(description="all", sink_configuration={"destination": url + "/all", "method": "POST", "batch_events": True}, sink_type="webhook")
assert sink.sid.startswith("DG") and (sink.status, sink.sink_type) == ("active", "webhook"), vars(sink)
assert sink.sink_configuration["destination"] == url + "/all" and sink.url == f"{BASE}/events/v1/Sinks/{sink.sid}", vars(sink)
assert sink.date_created is not None and sink.links["sink_test"] == sink.url + "/Test"
refused(lambda: streams.sinks.create(description="x", sink_configuration={"arn": "a"}, sink_type="kinesis"), 20001)
refused(lambda: streams.sinks.create(description="x", sink_configuration={"destination": "nowhere"}, sink_type="webhook"), 20001)
assert sink.sink_test.create().result == "submitted"
[test] = wait_for("the test", lambda: taken("/all"))
assert (test["type"], test["source"]) == ("com.twilio.eventstreams.test-event", sink.sid), test
assert sink.sink_validate.create(test_id=test["data"]["test_id"]).result == "valid"

# Subscriptions.
refused(lambda: streams.subscriptions.create(description="x", sink_sid=sink.sid, types=[{"type": "com.twilio.nonsense"}]), 20001)
names = [f"com.twilio.messaging.message.{status}" for status in ("queued", "sent", "delivered", "undelivered")]
before = api.messages.create(from_=OURS, to=HANDSET, body="before")
wait_for("delivery", lambda: before.fetch().status == "delivered")
subscription = streams.subscriptions.create(description="texts", sink_sid=sink.sid, types=[{"type": name} for name in names[:3]])
assert subscription.sid.startswith("DF") and (subscription.sink_sid, subscription.account_sid) == (sink.sid, ACCOUNT)
events = subscription.subscribed_events
assert {(one.type, one.schema_version) for one in events.list()} == {(name, 7) for name in names[:3]}
assert events.create(type=names[3], schema_version=4).schema_version == 4
assert streams.subscriptions(subscription.sid).subscribed_events(names[3]).update(schema_version=5).schema_version == 5
refused(lambda: events.create(type=names[3]), 20409)
events.create(type="com.twilio.messaging.inbound-message.received")
events.create(type="com.trunkline.accounts.application.created")
refused(lambda: sink.delete(), 20409)
assert [one.sid for one in streams.sinks.list(in_use=True)] == [sink.sid] and streams.sinks.list(in_use=False) == []

# A text sent, as CloudEvents: in order, each once, without its body.
sent = api.messages.create(from_=OURS, to=HANDSET, body="secret words " * 15)
wait_for("its events", lambda: len(of("/all", sent.sid)) == 3)
told = of("/all", sent.sid)
assert [event["type"] for event in told] == names[:3], told
for event in told:
    assert event["specversion"] == "1.0" and event["datacontenttype"] == "application/json" and event["time"].endswith("Z"), event
    assert requests.get(event["dataschema"], timeout=10).json() == raw, event
    data = event["data"]
    assert set(raw["required"]) <= set(data) <= set(raw["properties"]), data
    assert (data["from"], data["to"], data["accountSid"], data["numberOfSegments"]) == (OURS, HANDSET, ACCOUNT, 2), data
    assert data["messageStatus"] == event["type"].rsplit(".")[-1].upper(), data
    assert "secret" not in json.dumps(event)
assert "price" not in told[0]["data"] and float(told[2]["data"]["price"]) < 0, told
assert all(batch["signed"] and batch["type"] == "application/cloudevents-batch+json" for batch in Streams.batches), Streams.batches
assert not of("/all", before.sid), "nothing from before the subscription"

# A text that is lost, a text in, a change of a resource.
requests.post(f"{BASE}/dev/faults", {"effect": "undelivered", "code": "30005", "prefix": "+15558675461"}, auth=(ACCOUNT, TOKEN), timeout=10).raise_for_status()
lost = api.messages.create(from_=OURS, to="+15558675461", body="z")
wait_for("its end", lambda: len(of("/all", lost.sid)) == 3)
assert of("/all", lost.sid)[-1]["data"]["errorCode"] == 30005 and of("/all", lost.sid)[-1]["dataschema"].endswith("/5")
requests.post(f"{BASE}/dev/handsets/{HANDSET}/messages", {"to": OURS, "body": "secret too"}, auth=(ACCOUNT, TOKEN), timeout=10).raise_for_status()
[came] = wait_for("the text in", lambda: [event for event in taken("/all") if event["type"].endswith("inbound-message.received")])
assert (came["data"]["from"], came["data"]["numSegments"]) == (HANDSET, 1) and "body" not in came["data"], came
app = api.applications.create(friendly_name="new")
[made] = wait_for("the change", lambda: of("/all", app.sid))
assert (made["data"]["resource"], made["data"]["change"]) == ("Application", "created"), made

# A second sink gets single events, and again what it refused; the first is not held up.
Streams.refuse["/single"] = 2
single = streams.sinks.create(description="single", sink_configuration={"destination": url + "/single", "method": "post", "batch_events": False}, sink_type="webhook")
for _ in range(2):
    streams.subscriptions.create(description="twice", sink_sid=single.sid, types=[{"type": names[2]}])
late = [api.messages.create(from_=OURS, to=HANDSET, body=f"late {number}") for number in range(3)]
wait_for("the single events", lambda: len(taken("/single")) == 3)
assert {event["data"]["messageSid"] for event in taken("/single")} == {message.sid for message in late}
batches = [batch for batch in Streams.batches if batch["path"] == "/single"]
assert [batch["refused"] for batch in batches] == [True, True, False, False, False] and all(len(batch["events"]) == 1 for batch in batches), batches
wait_for("the other sink's", lambda: all(len(of("/all", message.sid)) == 3 for message in late))
ids = [event["id"] for event in taken("/all")]
assert len(ids) == len(set(ids)), "an event came twice"

# Nothing more once it is ended.
assert streams.subscriptions(subscription.sid).subscribed_events(names[0]).delete()
assert names[0] not in {one.type for one in events.list()}
assert subscription.delete() and streams.sinks(sink.sid).delete()
assert {one.sid for one in streams.sinks.list()} == {single.sid}
