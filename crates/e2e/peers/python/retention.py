"""Retention and the request log: what an account keeps, and what it asked."""
import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, Sink, client, wait_for
from twilio.base.exceptions import TwilioRestException

AUTH = (ACCOUNT, TOKEN)
api = client()
sink = Sink()
SETTINGS = f"{BASE}/trunkline/v1/Accounts/{ACCOUNT}/Settings"


def ask(method, url, **more):
    return requests.request(method, url, auth=AUTH, timeout=60, **more)


assert ask("GET", SETTINGS).json()["retain_messages"] is None
for bad in ["-1", "soon", "99999999999"]:
    assert ask("POST", SETTINGS, data={"RetainMessages": bad}).status_code == 400, bad
kept = ask("POST", SETTINGS, data={"RetainMessages": "30", "RetainAlerts": "7"}).json()
assert (kept["retain_messages"], kept["retain_alerts"]) == (30, 7), kept

old = api.messages.create(from_=OURS, to="+15558675470", body="old", status_callback=sink.url + "/told")
wait_for("delivery", lambda: api.messages(old.sid).fetch().status == "delivered")
api.messages.create(from_=OURS, to="+15558675470", body="x", status_callback="http://127.0.0.1:1/nobody")
wait_for("an alert", lambda: ask("GET", f"{BASE}/monitor/v1/Alerts").json()["alerts"])
ask("POST", f"{BASE}/dev/clock/advance", data={"seconds": 20 * 86400}).raise_for_status()
wait_for("alerts to go", lambda: not ask("GET", f"{BASE}/monitor/v1/Alerts").json()["alerts"])
assert api.messages(old.sid).fetch().body == "old", "a message is kept longer"
young = api.messages.create(from_=OURS, to="+15558675470", body="young")
ask("POST", f"{BASE}/dev/clock/advance", data={"seconds": 15 * 86400}).raise_for_status()


def gone():
    try:
        api.messages(old.sid).fetch()
    except TwilioRestException as error:
        return error.code == 20404
    return False


wait_for("the old message to go", gone)
assert ask("GET", f"{BASE}/trunkline/v1/Deliveries/{old.sid}").json()["deliveries"] == []
assert api.messages(young.sid).fetch().body == "young"
assert api.usage.records.all_time.list(category="sms")[0].count == "3", "usage outlives what was used"

# What was asked is there, and what was refused with its code.
log = ask("GET", f"{BASE}/trunkline/v1/Requests").json()["requests"]
assert log[0]["path"].endswith("/Usage/Records/AllTime.json") and log[0]["status"] == 200, log[0]
refused = ask("GET", f"{BASE}/trunkline/v1/Requests?Refused=true&Limit=1").json()["requests"]
assert [(r["status"], r["code"]) for r in refused] == [(404, 20404)], refused
