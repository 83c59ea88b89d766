"""The development contract: the clock, faults, the ledger's counters, health."""
import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, Sink, client, wait_for

sink = Sink()
api = client()
AUTH = (ACCOUNT, TOKEN)


def advance(seconds):
    answer = requests.post(f"{BASE}/dev/clock/advance", {"seconds": seconds}, auth=AUTH, timeout=40)
    assert answer.status_code == 200, answer.text
    return answer.json()


def fault(**given):
    answer = requests.post(f"{BASE}/dev/faults", given, auth=AUTH, timeout=10)
    assert answer.status_code == 201, answer.text


# A receipt that comes an hour late is there when the advance has answered, and so is its callback.
fault(effect="receipt_late", seconds=3600, prefix="+15558675901")
late = api.messages.create(to="+15558675901", from_=OURS, body="x", status_callback=sink.url + "/late")
wait_for("the text to be sent", lambda: late.fetch().status == "sent")
advance(3500)
assert late.fetch().status == "sent"
assert advance(200)["running"] == 0
assert late.fetch().status == "delivered"
wait_for("its callback", lambda: [r["form"]["MessageStatus"] for r in sink.of("/late")] == ["sent", "delivered"])

# A carrier that is down: the message waits, and fails when its validity ends.
fault(effect="down", prefix="+15558675902")
waiting = api.messages.create(to="+15558675902", from_=OURS, body="x", validity_period=600)
advance(300)
assert waiting.fetch().status == "queued"
advance(400)
ended = wait_for("its validity to end", lambda: (lambda m: m if m.status == "failed" else None)(waiting.fetch()))
assert ended.error_code == 30036, ended.error_code

# Codes for a range, and all faults gone.
fault(effect="undelivered", code=30005, prefix="+15558675903")
gone = api.messages.create(to="+15558675903", from_=OURS, body="x")
ended = wait_for("the receipt", lambda: (lambda m: m if m.status == "undelivered" else None)(gone.fetch()))
assert ended.error_code == 30005
listed = requests.get(f"{BASE}/dev/faults", auth=AUTH, timeout=10).json()["faults"]
assert len(listed) == 3, listed
assert requests.delete(f"{BASE}/dev/faults", auth=AUTH, timeout=10).status_code == 204
assert requests.get(f"{BASE}/dev/faults", auth=AUTH, timeout=10).json() == {"faults": []}
fine = api.messages.create(to="+15558675903", from_=OURS, body="x")
wait_for("the delivery", lambda: fine.fetch().status == "delivered")

for bad in [{}, {"seconds": "soon"}, {"seconds": -1}]:
    assert requests.post(f"{BASE}/dev/clock/advance", bad, auth=AUTH, timeout=10).json()["code"] == 20001
assert requests.post(f"{BASE}/dev/faults", {"effect": "rain"}, auth=AUTH, timeout=10).json()["code"] == 20001
counters = requests.get(f"{BASE}/dev/ledger", auth=AUTH, timeout=10).json()
assert counters["commits"] > 0 and counters["rows"] > counters["commits"], counters
assert requests.get(f"{BASE}/healthz", timeout=10).status_code == 200
assert requests.get(f"{BASE}/readyz", timeout=10).json() == {"status": "ready"}
