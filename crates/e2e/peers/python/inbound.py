"""A text in: signed webhook, TwiML carried out, fallback, STOP and START, alerts instead of silence."""
import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, Sink, client, handset, wait_for
from twilio.base.exceptions import TwilioRestException

sink = Sink()
api = client()
PHONE = "+15558675401"
XML = "text/xml"


def says(text, phone=PHONE, **more):
    answer = requests.post(f"{BASE}/dev/handsets/{phone}/messages", {"to": OURS, "body": text, **more}, auth=(ACCOUNT, TOKEN), timeout=10)
    assert answer.status_code == 201, answer.text
    return answer.json()


def bodies(phone=PHONE):
    return [m["body"] for m in handset(phone)]


def alerts():
    answer = requests.get(f"{BASE}/monitor/v1/Alerts", auth=(ACCOUNT, TOKEN), timeout=10)
    return answer.json()["alerts"]


number = api.incoming_phone_numbers.list(phone_number=OURS)[0]
assert number.capabilities["sms"] and number.sms_method == "POST", number.capabilities
number.update(sms_url=sink.url + "/sms?shop=1", sms_fallback_url=sink.url + "/fallback")

# TwiML: messages, media, redirect.
sink.answers["/photo.jpg"] = (200, "image/jpeg", b"\xff\xd8 a photo")
sink.answers["/cat.png"] = (200, "image/png", b"\x89PNG a cat")
sink.answers["/sms"] = (200, XML, "<Response><Message>one</Message><Message statusCallback='/told'><Body>two</Body><Media>/cat.png</Media></Message><Redirect>/next</Redirect></Response>")
sink.answers["/next"] = (200, XML, "<Response><Message>three</Message></Response>")
says("Hi there", mediaUrl=sink.url + "/photo.jpg")
wait_for("three replies", lambda: sorted(bodies()) == ["one", "three", "two"])
asked = sink.of("/sms")[0]
form = asked["form"]
assert asked["method"] == "POST" and asked["signed"], asked
assert (form["From"], form["To"], form["Body"]) == (PHONE, OURS, "Hi there"), form
assert form["MessageSid"] == form["SmsSid"] == form["SmsMessageSid"] and form["MessageSid"].startswith("MM")
assert (form["NumMedia"], form["SmsStatus"], form["ApiVersion"]) == ("1", "received", "2010-04-01")
assert form["MediaContentType0"] == "image/jpeg" and form["MediaUrl0"].startswith(BASE), form
photo = requests.get(form["MediaUrl0"], timeout=10)
assert (photo.content, photo.headers["Content-Type"]) == (b"\xff\xd8 a photo", "image/jpeg"), photo.text
assert [m["media"] for m in handset(PHONE) if m["body"] == "two"][0][0].startswith(BASE), handset(PHONE)
assert "I-Twilio-Idempotency-Token" in asked["headers"]
received = api.messages(form["MessageSid"]).fetch()
assert (received.direction, received.status, received.body) == ("inbound", "received", "Hi there")

# What was asked and answered is kept: the webhook, then the redirect, with the string that was signed.
def told(sid, kind):
    answer = requests.get(f"{BASE}/trunkline/v1/{kind}/{sid}", auth=(ACCOUNT, TOKEN), timeout=10)
    answer.raise_for_status()
    return answer.json()


wait_for("both exchanges", lambda: len(told(received.sid, "Deliveries")["deliveries"]) == 2)
first, second = told(received.sid, "Deliveries")["deliveries"]
assert (first["state"], first["url"]) == ("delivered", sink.url + "/sms?shop=1"), first
assert first["request"]["Body"] == "Hi there" and first["signature"] == asked["headers"]["X-Twilio-Signature"], first
assert first["signed"].startswith(first["url"] + "AccountSid" + ACCOUNT), first
assert first["attempts"][0]["answer"].startswith("<Response><Message>one"), first
assert second["url"] == sink.url + "/next", second
steps = told(received.sid, "Timelines")["steps"]
assert [step["name"] for step in steps] == ["messaging.message.received"] + ["webhooks.delivery.tried"] * 2, steps

# A picture that comes with the message itself, and what is none.
sink.answers["/sms"] = (204, XML, "")
for inline, kept in [("data:image/png;base64,iVBORw0KGgo=", b"\x89PNG\r\n\x1a\n"), ("data:image/png;base64,!!!", None), ("data:text/html;base64,PGI+", None)]:
    asked_before = len(sink.of("/sms"))
    says("inline", mediaUrl=inline)
    wait_for("its webhook", lambda: len(sink.of("/sms")) > asked_before)
    got = requests.get(sink.of("/sms")[-1]["form"]["MediaUrl0"], timeout=10)
    assert got.content == kept if kept else got.status_code == 404, (inline, got.status_code)

replies = api.messages.list(to=PHONE)
assert {m.direction for m in replies} == {"outbound-reply"} and len(replies) == 3
wait_for("the callback of a reply", lambda: len(sink.of("/told")) == 2)
assert sink.of("/next")[0]["signed"] and sink.of("/told")[0]["signed"]

# Plain text, and GET.
sink.answers["/sms"] = (200, "text/plain", "plain")
number.update(sms_method="GET")
says("again")
wait_for("a plain reply", lambda: "plain" in bodies())
asked = sink.of("/sms")[-1]
assert asked["method"] == "GET" and asked["signed"] and asked["form"]["Body"] == "again", asked
number.update(sms_method="POST")

# The fallback is asked with the reason; bad TwiML makes an alert.
sink.answers["/fallback"] = (200, XML, "<Response><Message>from the fallback</Message></Response>")
sink.answers["/sms"] = (500, XML, "")
says("fail")
wait_for("the fallback's reply", lambda: "from the fallback" in bodies())
form = sink.of("/fallback")[0]["form"]
assert form["ErrorCode"] == "11200" and form["ErrorUrl"] == sink.url + "/sms?shop=1", form
sink.answers["/sms"] = (200, XML, "<Response><Message>")
says("bad xml")
wait_for("the alert", lambda: any(a["error_code"] == "12100" for a in alerts()))
sink.answers["/sms"] = (200, "application/json", "{}")
says("bad type")
wait_for("the alert", lambda: any(a["error_code"] == "12300" for a in alerts()))
assert all(a["sid"].startswith("NO") and a["request_url"].startswith(("http", "data:")) for a in alerts())
sink.answers["/sms"] = (200, XML, "<Response><Say>no</Say></Response>")
says("voice verb")
wait_for("the warning", lambda: any(a["error_code"] == "14110" and a["log_level"] == "warning" for a in alerts()))

# Retries by the address's overrides.
tries = []


def flaky(_):
    tries.append(1)
    return (503, XML, "") if len(tries) < 3 else (200, XML, "<Response><Message>third time</Message></Response>")


sink.answers["/flaky"] = flaky
number.update(sms_url=sink.url + "/flaky#rc=3&rp=5xx", sms_fallback_url="")
says("retry")
wait_for("the third try", lambda: "third time" in bodies())
assert len(tries) == 3

# STOP, HELP, START on a long code.
number.update(sms_url=sink.url + "/sms")
sink.answers["/sms"] = (204, XML, "")
LEAVER = "+15558675402"
says("Stop", LEAVER)
wait_for("the answer to STOP", lambda: any("unsubscribed" in b for b in bodies(LEAVER)))
assert sink.of("/sms")[-1]["form"]["OptOutType"] == "STOP"
try:
    api.messages.create(to=LEAVER, from_=OURS, body="x")
    raise AssertionError("who said STOP is not written to")
except TwilioRestException as error:
    assert error.code == 21610, error
api.messages.create(to=LEAVER, from_="+442079460999", body="another sender is another matter")
says("HELP", LEAVER)
wait_for("the answer to HELP", lambda: any("STOP" in b for b in bodies(LEAVER)))
says("start", LEAVER)
wait_for("the answer to START", lambda: any("subscribed again" in b for b in bodies(LEAVER)))
api.messages.create(to=LEAVER, from_=OURS, body="welcome back")

# Through an application.
app = api.applications.create(friendly_name="Shop", sms_url=sink.url + "/app")
number.update(sms_application_sid=app.sid)
sink.answers["/app"] = (200, XML, "<Response><Message>by the app</Message></Response>")
says("app")
wait_for("the application's reply", lambda: "by the app" in bodies())
