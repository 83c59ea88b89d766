"""A message's story over SMPP: what was decided, the carrier's PDUs without texts, and the binds."""
import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, client, wait_for

api = client()
SECRET = "parcel"


def ask(path, **query):
    answer = requests.get(f"{BASE}/trunkline/v1/{path}", params=query, auth=(ACCOUNT, TOKEN), timeout=10)
    answer.raise_for_status()
    return answer.json()


carrier = wait_for("a bind", lambda: next((c for c in ask("Carriers")["carriers"] if c["up"]), None))
assert (carrier["kind"], carrier["throughput"]) == ("smpp", 500), carrier
assert [(b["mode"], b["state"]) for b in carrier["binds"]] == [("transceiver", "up")], carrier["binds"]

sent = api.messages.create(to="+447700900180", from_=OURS, body=f"your {SECRET} is here. " * 10)
wait_for("delivery", lambda: sent.fetch().status == "delivered")
steps = wait_for("both receipts", lambda: (lambda s: s if [x["name"] for x in s].count("deliver_sm") == 2 else None)(ask(f"Timelines/{sent.sid}")["steps"]))
decided = [s for s in steps if s["kind"] == "decision"]
assert len(decided) == 1 and "consent" in decided[0]["facts"]["checks_passed"], decided
assert decided[0]["facts"]["price"] == "0.01580 USD" and decided[0]["facts"]["route"] == carrier["name"], decided
pdus = [s for s in steps if s["kind"] == "pdu"]
assert [p["name"] for p in pdus].count("submit_sm") == 2 and pdus[0]["name"] == "submit_sm", pdus
assert {p["facts"]["segment"] for p in pdus if p["name"] == "submit_sm"} == {"1 of 2", "2 of 2"}, pdus
answers = [p["facts"] for p in pdus if p["name"] == "submit_sm_resp"]
assert len(answers) == 2 and all(a["command_status"] == "0x00000000" and a["message_id"] for a in answers), answers
assert SECRET not in str(pdus), "texts are not in PDUs"
assert sum(m["taken"] for m in next(iter(ask("Carriers")["carriers"]))["minutes"]) == 2

routes = ask("Routes/Explain", From=OURS, To="+447700900180")["routes"]
assert routes == [{"carrier": 0, "name": carrier["name"], "takes": True, "why": "takes it"}], routes
assert not ask("Routes/Explain", From=OURS, To="+447700900180", Failed="0")["routes"][0]["takes"]
child = api.api.v2010.accounts.create(friendly_name="tenant")
for path in ["Carriers", f"Routes/Explain?From={OURS.replace('+', '%2B')}&To=%2B447700900180"]:
    answer = requests.get(f"{BASE}/trunkline/v1/{path}", auth=(child.sid, child.auth_token), timeout=10)
    assert answer.status_code == 403, (path, answer.text)
