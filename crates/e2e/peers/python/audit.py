"""The audit trail by the official SDK: who changed what, by which key, and never a secret."""
import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, client, wait_for

api = client()
api.monitor.base_url = BASE + "/monitor"
events = api.monitor.v1.events

application = api.applications.create(friendly_name="before")
application.update(friendly_name="after", sms_url="https://example.com/sms")
key = api.new_keys.create(friendly_name="k")
answer = requests.post(f"{BASE}/2010-04-01/Accounts/{ACCOUNT}/Applications/{application.sid}.json", {"FriendlyName": "by key"}, auth=(key.sid, key.secret), timeout=10)
assert answer.status_code == 200, answer.text
assert application.delete()

trail = events.list(resource_sid=application.sid)
assert [e.event_type for e in trail] == ["application.deleted", "application.updated", "application.updated", "application.created"], trail
by_key, by_token = trail[1], trail[2]
assert (by_key.actor_sid, by_key.actor_type) == (key.sid, "key"), vars(by_key)
assert (by_token.actor_sid, by_token.actor_type, by_token.source, by_token.source_ip_address) == (ACCOUNT, "account", "api", "127.0.0.1")
assert by_token.event_data["resource_properties"] == {"friendly_name": {"previous": "before", "updated": "after"}, "sms_url": {"previous": None, "updated": "https://example.com/sms"}}, by_token.event_data
assert events(by_token.sid).fetch().resource_type == "application"
assert [e.sid for e in events.list(actor_sid=key.sid)] == [by_key.sid]
assert events.list(event_type="application.deleted", resource_sid=application.sid)[0].sid == trail[0].sid
assert events.list(source_ip_address="10.0.0.1") == []

made = events.list(resource_sid=key.sid)[0]
assert made.event_type == "key.created" and key.secret not in str(made.event_data), made.event_data

# Content that somebody made disappear, and whose credentials changed.
message = api.messages.create(from_=OURS, to="+15558675460", body="gone soon")
wait_for("delivery", lambda: api.messages(message.sid).fetch().status == "delivered")
message.update(body="")
assert events.list(resource_sid=message.sid)[0].event_type == "message.redacted"
assert message.delete() and events.list(resource_sid=message.sid)[0].event_type == "message.deleted"
child = api.api.v2010.accounts.create(friendly_name="child")
child.update(status="suspended")
assert events.list(resource_sid=child.sid)[0].event_type == "account.created"
seen = requests.get(f"{BASE}/monitor/v1/Events?ResourceSid={child.sid}", auth=(child.sid, child.auth_token), timeout=10).json()["events"]
assert [e["event_data"]["resource_properties"]["status"]["updated"] for e in seen] == ["suspended"], seen
assert TOKEN not in str([e.event_data for e in events.list()])
