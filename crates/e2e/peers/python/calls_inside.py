"""Calls that never leave: to own numbers and to applications, by the API and by Dial; callbacks by GET."""
import json

from peer import ACCOUNT, OURS, Sink, client, wait_for
from phones import calls, ended, heard, live, phone, tone, tone_ms
from twilio.base.exceptions import TwilioRestException
from twilio.twiml.voice_response import Application, Dial, VoiceResponse

XML = "text/xml"
PHONE = "+15558675510"
OTHER = "+442079460999"
sink = Sink()
api = client()
ours = api.incoming_phone_numbers.list(phone_number=OURS)[0]
other = api.incoming_phone_numbers.list(phone_number=OTHER)[0]


def answer(path, response, kind=XML):
    sink.answers[path] = (200, kind, response if isinstance(response, bytes) else str(response))


# By the API: two calls, one out, and one in that runs the number's document.
answer("/tone.wav", tone(1000, 1.5), "audio/wav")
spoken = VoiceResponse()
spoken.play(sink.url + "/tone.wav")
answer("/other", spoken)
other.update(voice_url=sink.url + "/other", status_callback=sink.url + "/over", status_callback_method="GET")
steps = ["initiated", "ringing", "answered", "completed"]
record = VoiceResponse()
record.record(max_length=3, timeout=0, action=sink.url + "/heard")
answer("/heard", VoiceResponse())
made = api.calls.create(to=OTHER, from_=OURS, twiml=str(record), status_callback=sink.url + "/steps?a=1",
                        status_callback_method="GET", status_callback_event=steps)
ended(made)
asked = sink.of("/other")[0]
assert asked["signed"] and (asked["form"]["From"], asked["form"]["To"]) == (OURS, OTHER), asked
assert asked["form"]["Direction"] == "inbound" and asked["form"]["CallSid"] != made.sid, asked
inside = api.calls(asked["form"]["CallSid"]).fetch()
ended(inside)
assert inside.direction == "inbound" and not calls(OTHER), (vars(inside), calls(OTHER))
kept = wait_for("the recording", lambda: sink.of("/heard"))[0]["form"]
assert int(kept["RecordingDuration"]) >= 1, kept

# Callbacks by GET: in the query, signed with it; listed so, and sent again so.
wait_for("four steps", lambda: len(sink.of("/steps")) == 4)
for step in sink.of("/steps"):
    assert step["method"] == "GET" and step["signed"] and step["form"]["a"] == "1", step
assert [step["form"]["CallStatus"] for step in sink.of("/steps")] == ["initiated", "ringing", "in-progress", "completed"]
over = wait_for("the end", lambda: sink.of("/over"))[0]
assert over["method"] == "GET" and over["signed"] and over["form"]["CallStatus"] == "completed", over
listed = api.request("GET", f"{api.api.base_url}/trunkline/v1/Deliveries/{made.sid}", auth=(ACCOUNT, api.password)).text
listed = [one for one in json.loads(listed)["deliveries"] if one["url"].endswith("/steps?a=1")]
assert len(listed) == 4 and all(one["method"] == "GET" for one in listed), listed
assert listed[0]["signed"].startswith(sink.url + "/steps?a=1&CallSid="), listed[0]
again = f"{api.api.base_url}/trunkline/v1/Deliveries/{made.sid}/{listed[0]['sequence']}/Again"
assert api.request("POST", again, auth=(ACCOUNT, api.password)).status_code == 202
wait_for("it is told again", lambda: len(sink.of("/steps")) == 5)
assert sink.of("/steps")[4]["signed"] and sink.of("/steps")[4]["method"] == "GET"

# By Dial: the caller hears what the other number plays.
dials = VoiceResponse()
dials.dial(OTHER, action=sink.url + "/dialled")
answer("/ours", dials)
answer("/dialled", VoiceResponse())
ours.update(voice_url=sink.url + "/ours")
mine = phone(PHONE, to=OURS)
done = wait_for("the dial to end", lambda: sink.of("/dialled"))[0]["form"]
assert done["DialCallStatus"] == "completed", done
live(PHONE, "ended")
assert 1200 <= tone_ms(heard(PHONE, mine["id"]), 1000) <= 1700, tone_ms(heard(PHONE, mine["id"]), 1000)
child = api.calls(done["DialCallSid"]).fetch()
assert (child.direction, child.to, child._from) == ("outbound-dial", OTHER, PHONE), vars(child)

# A number that dials itself is told so, and goes on.
itself = VoiceResponse()
itself.dial(OURS, action=sink.url + "/round")
answer("/ours", itself)
answer("/round", VoiceResponse())
phone(PHONE, to=OURS)
around = wait_for("the dial to fail", lambda: sink.of("/round"))[0]["form"]
assert around["DialCallStatus"] == "failed", around
live(PHONE, "ended")

# An application: its own document, with parameters, and the caller's number.
app = api.applications.create(friendly_name="menu", voice_url=sink.url + "/app")
answer("/app", spoken)
to_app = VoiceResponse()
dial = Dial(action=sink.url + "/app-over")
application = Application(customer_id="C-17")
application.application_sid(app.sid)
application.parameter(name="Account", value="42")
dial.append(application)
to_app.append(dial)
answer("/ours", to_app)
answer("/app-over", VoiceResponse())
mine = phone(PHONE, to=OURS)
told = wait_for("the application", lambda: sink.of("/app"))[0]
form = told["form"]
assert told["signed"] and (form["From"], form["To"], form["Direction"]) == (PHONE, app.sid, "inbound"), form
assert (form["CustomerId"], form["Param_Account"]) == ("C-17", "42") and form["ParentCallSid"], form
done = wait_for("its end", lambda: sink.of("/app-over"))[0]["form"]
assert done["DialCallStatus"] == "completed", done
live(PHONE, "ended")
assert 1200 <= tone_ms(heard(PHONE, mine["id"]), 1000) <= 1700

# One of another account is called only when it is open to others.
sub = api.api.accounts.create(friendly_name="elsewhere")
theirs = client(sub.sid, sub.auth_token)
far = theirs.applications.create(friendly_name="theirs", voice_url=sink.url + "/far")
answer("/far", spoken)


def call_far():
    response = VoiceResponse()
    dial = Dial(action=sink.url + "/far-over")
    application = Application(copy_parent_to=True)
    application.application_sid(far.sid)
    dial.append(application)
    response.append(dial)
    answer("/ours", response)
    answer("/far-over", VoiceResponse())
    seen = len(sink.of("/far-over"))
    phone(PHONE, to=OURS)
    wait_for("its end", lambda: len(sink.of("/far-over")) > seen)
    live(PHONE, "ended")
    return sink.of("/far-over")[-1]["form"]["DialCallStatus"]


assert call_far() == "failed" and not sink.of("/far")
far.update(public_application_connect_enabled=True)
assert call_far() == "completed"
form = sink.of("/far")[0]["form"]
assert (form["To"], form["CustomerId"], form["AccountSid"]) == (OURS, ACCOUNT, sub.sid) and "ParentCallSid" not in form, form
try:
    api.calls.create(to=OTHER, from_=OURS, application_sid=far.sid)
    raise AssertionError("an application of another account can't be run")
except TwilioRestException as error:
    assert error.code == 21218, error
