"""Deliveries: recorded with every try, sent again by hand; hanging endpoints hold up nobody."""
import threading
import time

import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, Sink, client, wait_for

sink = Sink()
api = client()
AUTH = (ACCOUNT, TOKEN)


def deliveries(sid):
    answer = requests.get(f"{BASE}/trunkline/v1/Deliveries/{sid}", auth=AUTH, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()["deliveries"]


def states(sid):
    return [d["state"] for d in deliveries(sid)]


def again(sid, sequence):
    return requests.post(f"{BASE}/trunkline/v1/Deliveries/{sid}/{sequence}/Again", auth=AUTH, timeout=10)


# An endpoint that fails: given up by Twilio's rules, recorded, sent again by hand.
sink.answers["/broken"] = (500, "text/plain", "out of order")
sent = api.messages.create(to="+15558675800", from_=OURS, body="x", status_callback=sink.url + "/broken")
wait_for("both to be given up", lambda: states(sent.sid) == ["exhausted", "exhausted"])
first, second = deliveries(sent.sid)
assert first["request"]["MessageStatus"] == "sent" and second["request"]["MessageStatus"] == "delivered", first
assert [a["status"] for a in first["attempts"]] == [500] and first["attempts"][0]["answer"] == "out of order", first
assert first["url"] == sink.url + "/broken" and first["sequence"] < second["sequence"]
sink.answers["/broken"] = (204, "text/plain", "")
assert again(sent.sid, second["sequence"]).status_code == 202
wait_for("the second one to be delivered", lambda: states(sent.sid) == ["exhausted", "delivered"])
repeated = deliveries(sent.sid)[1]
assert [(a["attempt"], a["status"]) for a in repeated["attempts"]] == [(1, 500), (2, 204)], repeated
assert len(sink.of("/broken")) == 3 and all(r["signed"] for r in sink.of("/broken"))
# A delivered one too; and nobody else's, and none that was redacted.
assert again(sent.sid, second["sequence"]).status_code == 202
wait_for("the third try", lambda: len(deliveries(sent.sid)[1]["attempts"]) == 3)
assert again(sent.sid, 999).status_code == 404 and again("SM" + "0" * 32, 1).status_code == 404
other = api.api.accounts.create(friendly_name="other")
answer = requests.get(f"{BASE}/trunkline/v1/Deliveries/{sent.sid}", auth=(other.sid, other.auth_token), timeout=10)
assert answer.json() == {"deliveries": []}, answer.text
api.messages(sent.sid).update(body="")
assert deliveries(sent.sid)[0]["request"] is None and again(sent.sid, second["sequence"]).json()["code"] == 20409

# Nobody listens: one more try, at once, then given up; the code says why.
nobody = api.messages.create(to="+15558675800", from_=OURS, body="x", status_callback="http://127.0.0.1:1/")
wait_for("both to be given up", lambda: states(nobody.sid) == ["exhausted", "exhausted"])
assert [a["error_code"] for a in deliveries(nobody.sid)[0]["attempts"]] == [11202, 11202]

# The alert says what was asked, until that is redacted; and every delivery is on one list.
def ask(path):
    answer = requests.get(BASE + path, auth=(ACCOUNT, TOKEN), timeout=10)
    answer.raise_for_status()
    return answer.json()


raised = [a["sid"] for a in ask("/monitor/v1/Alerts")["alerts"] if a["resource_sid"] == nobody.sid]
assert len(raised) == 2 and all(f"MessageSid={nobody.sid}" in ask(f"/monitor/v1/Alerts/{sid}")["request_variables"] for sid in raised), raised
given_up = ask("/trunkline/v1/Deliveries?State=exhausted")["deliveries"]
assert [d["sequence"] for d in given_up if d["object_sid"] == nobody.sid] == [3, 2], given_up
newest = ask("/trunkline/v1/Deliveries?PageSize=3")["deliveries"]
assert len(newest) == 3 and newest[0]["object_sid"] == nobody.sid, newest
assert ask("/trunkline/v1/Deliveries?State=waiting")["deliveries"] == []
ends = {e["endpoint"]: e for e in ask("/trunkline/v1/Endpoints")["endpoints"]}
assert sink.url in ends and not ends[sink.url]["held_back"], ends
api.messages(nobody.sid).update(body="")
assert all(ask(f"/monitor/v1/Alerts/{sid}")["request_variables"] == "" for sid in raised)

# An endpoint that hangs: two hundred callbacks of others are not held up.
release = threading.Event()
hanging = Sink()
hanging.answers["/hang"] = lambda _: release.wait(14) and (204, "text/plain", "") or (204, "text/plain", "")
stuck = [api.messages.create(to="+15558675801", from_=OURS, body="x", status_callback=hanging.url + "/hang") for _ in range(5)]
wait_for("the hanging endpoint to be asked", lambda: len(hanging.of("/hang")) >= 5)
started = time.monotonic()
quick = [api.messages.create(to="+15558675802", from_=OURS, body="x", status_callback=sink.url + "/quick") for _ in range(100)]
wait_for("all of the others", lambda: len(sink.of("/quick")) == 200)
assert len(hanging.of("/hang")) == 5, "each message's second callback waits for its first"
release.set()
wait_for("the hanging ones, in order", lambda: len(hanging.of("/hang")) == 10)
for message in stuck:
    mine = [r["form"]["MessageStatus"] for r in hanging.of("/hang") if r["form"]["MessageSid"] == message.sid]
    assert mine == ["sent", "delivered"], mine
