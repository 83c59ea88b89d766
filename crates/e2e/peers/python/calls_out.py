"""Calls out by the official SDK: what the handset hears and presses, status callbacks, every way to end."""
import os

from peer import OURS, Sink, client, wait_for
from phones import calls, ended, heard, heard_wav, live, phone, tone, tone_ms
from twilio.base.exceptions import TwilioRestException
from twilio.twiml.voice_response import Gather, VoiceResponse

XML = "text/xml"
STEPS = ["initiated", "ringing", "answered", "completed"]
sink = Sink()
api = client()


def told(path):
    return [(asked["form"]["CallStatus"], asked["form"]["SequenceNumber"]) for asked in sink.of(path)]


def call(to, twiml="<Response/>", **more):
    return api.calls.create(to=to, from_=OURS, twiml=str(twiml), **more)


# A menu: it rings, is answered, says something, and takes digits.
PHONE = "+15558675310"
menu = VoiceResponse()
gather = Gather(num_digits=3, action=sink.url + "/keys", timeout=20)
gather.say("please enter your pin code", voice="alice")
menu.append(gather)
menu.redirect(sink.url + "/nothing")
thanks = VoiceResponse()
thanks.say("thank you")
sink.answers["/keys"] = (200, XML, str(thanks))
made = call(PHONE, menu, status_callback=sink.url + "/steps", status_callback_event=STEPS)
assert (made.status, made.direction, made.to, made._from) == ("queued", "outbound-api", PHONE, OURS), vars(made)
ringing = live(PHONE, "ringing")
assert (ringing["direction"], ringing["peer"], ringing["sid"]) == ("in", OURS, made.sid), ringing
wait_for("the row to know", lambda: made.fetch().status == "ringing")
phone(PHONE, action="answer")
answered = live(PHONE)
# The prompt lasts for about two seconds.
wait_for("the prompt", lambda: len([s for s in heard(PHONE, answered["id"]) if abs(s) > 1000]) > 2000)
wait_for("its end", lambda: calls(PHONE)[-1]["heard_ms"] > 3000)
with open(os.path.join(os.environ["DATA"], "heard.wav"), "wb") as file:
    file.write(heard_wav(PHONE, answered["id"]))
phone(PHONE, action="digits", digits="472")
keys = wait_for("the digits", lambda: sink.of("/keys"))[0]
assert keys["signed"] and keys["form"]["Digits"] == "472" and keys["form"]["CallSid"] == made.sid, keys
assert keys["form"]["CallStatus"] == "in-progress" and keys["form"]["Direction"] == "outbound-api", keys
over = ended(made)
wait_for("four callbacks", lambda: len(sink.of("/steps")) == 4)
assert told("/steps") == [("initiated", "0"), ("ringing", "1"), ("in-progress", "2"), ("completed", "3")], told("/steps")
assert all(asked["signed"] for asked in sink.of("/steps"))
last = sink.of("/steps")[-1]["form"]
assert int(last["CallDuration"]) >= 3 and last["CallbackSource"] == "call-progress-events", last
assert int(over.duration) == int(last["CallDuration"]) and over.start_time and over.end_time, vars(over)
assert not sink.of("/nothing")
mine = calls(PHONE)[-1]
assert (mine["state"], mine["ended_by"], mine["status"]) == ("ended", "them", 200), mine
assert [c.sid for c in api.calls.list(to=PHONE)] == [made.sid]

# Nobody presses anything: the document goes on.
sink.answers["/nothing"] = (200, XML, str(VoiceResponse()))
phone("+15558675311", behave="answer")
menu = VoiceResponse()
menu.gather(num_digits=1, action=sink.url + "/never", timeout=1)
menu.redirect(sink.url + "/nothing")
ended(call("+15558675311", menu))
assert sink.of("/nothing")[0]["signed"] and not sink.of("/never")

# A tone by Play, and digits by SendDigits.
sink.answers["/tone.wav"] = (200, "audio/wav", tone(1000, 1.5))
PLAYED = "+15558675312"
phone(PLAYED, behave="answer", after_ms=100)
playing = VoiceResponse()
playing.play(sink.url + "/tone.wav")
ended(call(PLAYED, playing, send_digits="1w2"))
played = calls(PLAYED)[-1]
assert played["digits"] == "12", played
assert 1300 <= tone_ms(heard(PLAYED, played["id"]), 1000) <= 1600, tone_ms(heard(PLAYED, played["id"]), 1000)

# The ways to come to nothing.
WAYS = [("busy", "busy", "486"), ("decline", "busy", "603"), ("unreachable", "failed", "404"), ("ignore", "no-answer", "487")]
for at, (behave, status, code) in enumerate(WAYS):
    number, path = f"+1555867532{at}", f"/{behave}"
    phone(number, behave=behave)
    lost = call(number, status_callback=sink.url + path, timeout=5, status_callback_event=["answered", "completed"])
    over = ended(lost, status)
    assert over.duration == "0" and not over.price, vars(over)
    asked = wait_for("its callback", lambda: sink.of(path))
    assert len(asked) == 1 and asked[0]["form"]["CallStatus"] == status, asked
    assert (asked[0]["form"]["CallDuration"], asked[0]["form"]["SipResponseCode"]) == ("0", code), asked
    last = calls(number)[-1]
    assert last["state"] == "ended" and last["status"] == int(code), last

# Called back while it rings; ended while it is answered.
rings = call("+15558675330")
live("+15558675330", "ringing")
rings.update(status="canceled")
ended(rings, "canceled")
live("+15558675330", "ended")
phone("+15558675331", behave="answer")
talks = call("+15558675331", "<Response><Pause length='60'/></Response>")
live("+15558675331")
wait_for("it is answered", lambda: talks.fetch().status == "in-progress")
talks.update(twiml="<Response><Pause length='30'/></Response>")
talks.update(status="completed")
ended(talks)
live("+15558675331", "ended")
try:
    talks.update(status="completed")
    raise AssertionError("a call that is over can't be changed")
except TwilioRestException as error:
    assert error.code == 21220, error

# The handset hangs up, amid a prompt.
phone("+15558675332", behave="answer")
left = call("+15558675332", f"<Response><Play loop='0'>{sink.url}/tone.wav</Play></Response>", record=True)
live("+15558675332")
wait_for("a bit of it", lambda: calls("+15558675332")[-1]["heard_ms"] > 1000)
phone("+15558675332", action="hangup")
ended(left)
recording = wait_for("its recording", lambda: [r for r in left.recordings.list() if r.status == "completed"])[0]
assert recording.source == "OutboundAPI" and int(recording.duration) >= 1, vars(recording)
last = calls("+15558675332")[-1]
assert (last["ended_by"], last["status"]) == ("us", 200), last
