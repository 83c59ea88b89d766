"""Usage by the official SDK: every period, sums that are the ledger's, triggers, balance, alerts, notifications."""
import datetime

import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, Sink, client, wait_for

api = client()
sink = Sink()
AUTH = (ACCOUNT, TOKEN)

trigger = api.usage.triggers.create(usage_category="sms-outbound", trigger_value="+3", callback_url=sink.url + "/fired", recurring="daily", friendly_name="three")
assert (trigger.current_value, trigger.trigger_value, trigger.trigger_by, trigger.recurring) == ("0", "3", "usage", "daily"), vars(trigger)
assert trigger.sid.startswith("UT") and trigger.date_fired is None
once = api.usage.triggers.create(usage_category="totalprice", trigger_value="0.02", callback_url=sink.url + "/spent", trigger_by="price")
sent = [api.messages.create(from_=OURS, to="+15558675450", body="x" * length) for length in (5, 200)]
for message in sent:
    wait_for("delivery", lambda: api.messages(message.sid).fetch().status == "delivered")
price = sum(-float(api.messages(message.sid).fetch().price) for message in sent)


def of(records, category):
    [found] = [r for r in records if r.category == category]
    return found


records = api.usage.records.list()
texts = of(records, "sms-outbound")
assert (texts.count, texts.usage, texts.count_unit, texts.usage_unit) == ("2", "3", "messages", "segments"), vars(texts)
assert abs(float(texts.price) - price) < 1e-9 and texts.price_unit == "usd", (texts.price, price)
assert abs(float(of(records, "totalprice").price) - price) < 1e-9
assert of(records, "calls").count == "0" and len(records) > 40
assert {r.category for r in records} == {r.category for r in api.usage.records.list(page_size=7)}, "pages hold the same"
today = [api.usage.records.today, api.usage.records.this_month, api.usage.records.all_time, api.usage.records.daily, api.usage.records.monthly, api.usage.records.yearly]
for period in today:
    assert period.list(category="sms")[0].usage == "3", period
for period in [api.usage.records.yesterday, api.usage.records.last_month]:
    assert period.list(category="sms")[0].usage == "0", period
for url, status in [("Category=nonsense", 400), ("StartDate=soon", 400), ("StartDate=-7days&Category=sms", 200)]:
    answer = requests.get(f"{BASE}/2010-04-01/Accounts/{ACCOUNT}/Usage/Records.json?{url}", auth=AUTH, timeout=10)
    assert answer.status_code == status, (url, answer.text)

# A subaccount's usage counts to its parent, unless it is left out.
child = api.api.v2010.accounts.create(friendly_name="child")
assert api.usage.records.today.list(category="sms", include_subaccounts=False)[0].usage == "3"

# Both fire: three segments, and their price; once.
wait_for("the triggers", lambda: sink.of("/fired") and sink.of("/spent"))
fired = sink.of("/fired")[0]
assert fired["signed"] and fired["form"]["UsageTriggerSid"] == trigger.sid, fired
assert (fired["form"]["CurrentValue"], fired["form"]["TriggerValue"], fired["form"]["Recurring"]) == ("3", "3", "daily")
assert api.usage.triggers(trigger.sid).fetch().date_fired is not None
assert api.usage.triggers.list(usage_category="sms-outbound")[0].current_value == "3"
assert trigger.update(friendly_name="renamed").friendly_name == "renamed"
assert once.delete()
for bad in [{"usage_category": "nonsense", "trigger_value": "1"}, {"usage_category": "sms", "trigger_value": "many"}]:
    answer = requests.post(f"{BASE}/2010-04-01/Accounts/{ACCOUNT}/Usage/Triggers.json", {"UsageCategory": bad["usage_category"], "TriggerValue": bad["trigger_value"], "CallbackUrl": sink.url}, auth=AUTH, timeout=10)
    assert answer.status_code == 400, answer.text

# What is left of what was paid in.
settings = f"{BASE}/trunkline/v1/Accounts/{ACCOUNT}/Settings"
assert float(requests.post(settings, {"Credit": "10"}, auth=AUTH, timeout=10).json()["credit"]) == 10
balance = api.balance.fetch()
assert abs(float(balance.balance) - (10 - price)) < 1e-9 and balance.currency == "USD", vars(balance)

# A message that fails is an alert, and by its older name a notification.
requests.post(f"{BASE}/dev/faults", {"effect": "undelivered", "code": "30005", "prefix": "+15558675451"}, auth=AUTH, timeout=10).raise_for_status()
lost = api.messages.create(from_=OURS, to="+15558675451", body="z")
api.monitor.base_url = BASE + "/monitor"
[alert] = wait_for("the alert", lambda: api.monitor.v1.alerts.list(log_level="error"))
assert (alert.error_code, alert.resource_sid) == ("30005", lost.sid) and lost.sid in alert.request_url, vars(alert)
assert api.monitor.v1.alerts.list(log_level="warning") == []
assert api.monitor.v1.alerts.list(end_date=datetime.date(2020, 1, 1)) == []
[notice] = api.notifications.list(log=0)
assert (notice.sid, notice.error_code) == (alert.sid, "30005") and api.notifications.list(log=1) == []
assert api.notifications(notice.sid).fetch().message_text == alert.alert_text
assert len(api.notifications.list(message_date=datetime.datetime.now(datetime.timezone.utc).date())) == 1 and api.notifications.list(message_date_before=datetime.date(2020, 1, 1)) == []

# The next day counts anew, and the daily trigger fires anew.
requests.post(f"{BASE}/dev/clock/advance", {"seconds": 24 * 3600}, auth=AUTH, timeout=60).raise_for_status()
assert api.usage.records.today.list(category="sms")[0].usage == "0"
assert api.usage.records.yesterday.list(category="sms")[0].usage == "4"
late = api.messages.create(from_=OURS, to="+15558675450", body="y" * 400)
wait_for("the second day", lambda: len(sink.of("/fired")) == 2)
assert len(sink.of("/spent")) == 1
