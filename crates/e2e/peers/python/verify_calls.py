"""Codes by call, by the official SDK: what services allow, how calls end, what is tried next, and what is told."""
import re

import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, Sink, client, handset, wait_for
from phones import calls, heard, live, phone
from twilio.base.exceptions import TwilioRestException

sink = Sink()
api = client()
api.verify.base_url = BASE + "/verify"
verify = api.verify.v2
made = verify.services.create(friendly_name="Owl Bank")
service = verify.services(made.sid)


def attempts(to):
    return [a for a in reversed(verify.verification_attempts.list(channel_data_to=to))]


def becomes(to, *statuses):
    def fits():
        found = [a.channel_data["message_status"] for a in attempts(to)]
        return found == list(statuses)
    wait_for(f"{to} to be {statuses}", fits)
    return attempts(to)[-1]


def refused(code, **asked):
    try:
        service.verifications.create(**asked)
        raise AssertionError(f"{asked} was taken")
    except TwilioRestException as error:
        assert error.code == code, error


def extended(**form):
    """Parameters that the SDK does not know."""
    url = f"{BASE}/verify/v2/Services/{made.sid}"
    answer = requests.post(url, form, auth=(ACCOUNT, TOKEN), timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()["trunkline"]


# So many numbers beside each other are the guard's business, which has scenarios of its own.
assert extended(FraudGuard="off")["fraud_guard"] == "off"

# What is told of a verification by call.
hooked = service.webhooks.create(friendly_name="all", webhook_url=sink.url + "/verify", event_types=["verification.*"])
assert hooked.status == "enabled", vars(hooked)
ONE = "+15558675730"
begun = service.verifications.create(to=ONE, channel="call", send_digits="1w2")
assert (begun.status, begun.channel, begun.to) == ("pending", "call", ONE), vars(begun)
rings = live(ONE, "ringing")
assert rings["peer"] == OURS, rings
becomes(ONE, "ringing")
phone(ONE, action="answer")
becomes(ONE, "in-progress")
wait_for("the digits that it is reached by", lambda: calls(ONE)[-1]["digits"] == "12")
# Nobody presses a key: a machine has answered, and is told nothing.
wait_for("it hangs up", lambda: calls(ONE)[-1]["state"] == "ended", 60)
over = becomes(ONE, "completed")
assert (over.channel, over.conversion_status, over.channel_data["error_code"]) == ("call", "unconverted", None), vars(over)
assert over.price["value"] == "0.01400", over.price
service.verifications(begun.sid).update(status="canceled")
told = wait_for("both are told", lambda: [a["form"] for a in sink.of("/verify")] if len(sink.of("/verify")) == 2 else None)
assert [(t["type"], t["channel"]) for t in told] == [("verification.pending", "call"), ("verification.canceled", "call")], told
assert all(a["signed"] for a in sink.of("/verify"))

# Without the key, the code is said at once; a voice of the service's; languages that nobody here speaks are English.
service.update(dtmf_input_required=False, tts_name="Polly.Brian")
TWO = "+15558675731"
phone(TWO, behave="answer")
service.verifications.create(to=TWO, channel="call", locale="en-GB")
wait_for("it is over", lambda: calls(TWO) and calls(TWO)[-1]["state"] == "ended", 60)
said = calls(TWO)[-1]
assert said["ended_by"] == "them" and said["heard_ms"] > 8000, said
loud = [abs(sample) > 1000 for sample in heard(TWO, said["id"])]
assert sum(loud) > 8000, sum(loud)
becomes(TWO, "completed")
service.update(tts_name="Oul Banc")
THREE = "+491701234731"
phone(THREE, behave="answer")
service.verifications.create(to=THREE, channel="call")
wait_for("it is over", lambda: calls(THREE) and calls(THREE)[-1]["state"] == "ended", 60)
loud = sum(abs(sample) > 1000 for sample in heard(THREE, calls(THREE)[-1]["id"]))
assert loud > 8000, (loud, calls(THREE))
assert becomes(THREE, "completed").channel_data["locale"] == "de"
service.update(dtmf_input_required=True)

# The ways to come to nothing, and what is tried next.
for at, (behave, status, error) in enumerate([("busy", "busy", None), ("decline", "busy", None), ("unreachable", "failed", "13224")]):
    to = f"+1555867574{at}"
    phone(to, behave=behave)
    service.verifications.create(to=to, channel="call")
    lost = becomes(to, status)
    assert lost.channel_data["error_code"] == error and lost.price["value"] == "0.00000", vars(lost)
assert extended(FallbackOrder="sms")["fallback_order"] == "sms"
FOUR = "+15558675745"
phone(FOUR, behave="busy")
both = service.verifications.create(to=FOUR, channel="call")
text = wait_for("a text in its place", lambda: handset(FOUR))[0]["body"]
code = re.search(r"\d{6}", text)[0]
becomes(FOUR, "busy", "delivered")
assert service.verifications(both.sid).fetch().channel == "sms"
assert service.verification_checks.create(to=FOUR, code=code).status == "approved"
extended(FallbackOrder="call")
FIVE = "+15558675746"
answer = requests.post(f"{BASE}/dev/faults", {"effect": "undelivered", "code": "30003", "prefix": FIVE}, auth=(ACCOUNT, TOKEN), timeout=10)
assert answer.ok, answer.text
service.verifications.create(to=FIVE, channel="sms")
assert live(FIVE, "ringing")["peer"] == OURS, "a call in the text's place"
# Known elsewhere: it stops ringing.
service.verifications(FIVE).update(status="approved")
assert live(FIVE, "ended")["status"] == 487, calls(FIVE)
becomes(FIVE, "undelivered", "canceled")

# A code that nobody can hear is not said: a landline is called by `auto`, others are sent texts.
fixed = verify.services.create(friendly_name="Fixed", skip_sms_to_landlines=True)
LINE = "+442079460731"
verify.services(fixed.sid).verifications.create(to=LINE, channel="auto")
ours = [number.phone_number for number in api.incoming_phone_numbers.list()]
assert live(LINE, "ringing")["peer"] in ours and not handset(LINE)
phone(LINE, action="decline")

# Five sends by whatever way; what services, countries and accounts don't allow.
extended(FallbackOrder="")
SIX = "+15558675747"
phone(SIX, behave="busy")
for at, channel in enumerate(["sms", "call", "sms", "call", "sms"]):
    again = service.verifications.create(to=SIX, channel=channel)
    assert len(again.send_code_attempts) == at + 1, vars(again)
refused(60203, to=SIX, channel="call")
assert len({re.search(r"\d{6}", m["body"])[0] for m in wait_for("three texts", lambda: handset(SIX) if len(handset(SIX)) == 3 else None)}) == 1
assert extended(CallEnabled="false")["call_enabled"] is False
refused(60223, to="+15558675748", channel="call")
assert service.verifications.create(to="+15558675748", channel="sms").status == "pending"
extended(CallEnabled="true")
for channel in ("sna", "whatsapp", "rcs"):
    refused(60223, to="+15558675749", channel=channel)
refused(60200, to="+15558675749", channel="call", send_digits="call me")
extended(CountriesDenied="GB")
refused(60605, to="+442079460732", channel="call")
extended(CountriesDenied="")
refused(21202, to="+19005551234", channel="call", risk_check="disable")
