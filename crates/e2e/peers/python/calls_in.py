"""Calls in from a handset: VoiceUrl, Record, Dial between two handsets, speech, and refusals."""
import requests
from peer import ACCOUNT, OURS, TOKEN, Sink, client, wait_for
from phones import calls, heard, live, phone, play, samples, tone, tone_ms
from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

XML = "text/xml"
PHONE, OTHER = "+15558675410", "+15558675411"
sink = Sink()
api = client()
number = api.incoming_phone_numbers.list(phone_number=OURS)[0]


def answer(path, response):
    sink.answers[path] = (200, XML, str(response))


def over(who):
    return wait_for(f"the end at {who}", lambda: calls(who)[-1] if calls(who)[-1]["state"] == "ended" else None)


# Nobody told the number what to do: its calls are refused, and so are those to a number that is nobody's.
phone(PHONE, to=OURS)
assert over(PHONE)["status"] in (480, 404), calls(PHONE)
phone(PHONE, to="+15559990000")
assert over(PHONE)["status"] == 404, calls(PHONE)

# A message after the tone.
number.update(voice_url=sink.url + "/voice", status_callback=sink.url + "/status")
record = VoiceResponse()
record.record(action=sink.url + "/recorded", finish_on_key="#", max_length=20, play_beep=True, recording_status_callback=sink.url + "/kept")
answer("/voice", record)
answer("/recorded", VoiceResponse())
mine = phone(PHONE, to=OURS)
assert (mine["direction"], mine["peer"], mine["state"]) == ("out", OURS, "ringing"), mine
live(PHONE)
asked = sink.of("/voice")[0]
assert asked["signed"] and asked["form"]["CallStatus"] == "ringing" and asked["form"]["Direction"] == "inbound", asked
assert (asked["form"]["From"], asked["form"]["To"]) == (PHONE, OURS), asked
sid = asked["form"]["CallSid"]
wait_for("the SID, told with the ringing", lambda: calls(PHONE)[-1]["sid"] == sid)
wait_for("the beep", lambda: max(heard(PHONE, mine["id"]) or [0]) > 2000)
play(PHONE, tone(700, 2))
phone(PHONE, action="digits", digits="ww#")
done = wait_for("the recording", lambda: sink.of("/recorded"))[0]
assert done["signed"] and done["form"]["Digits"] == "#" and done["form"]["CallSid"] == sid, done
kept = requests.get(done["form"]["RecordingUrl"] + ".wav", auth=(ACCOUNT, TOKEN), timeout=10)
assert kept.status_code == 200 and kept.headers["Content-Type"].startswith("audio/"), kept
said = samples(kept.content)
assert 1800 <= tone_ms(said, 700) <= 2100, (tone_ms(said, 700), len(said))
assert abs(int(done["form"]["RecordingDuration"]) - len(said) / 8000) <= 1, done
told = wait_for("the recording's callback", lambda: sink.of("/kept"))[0]
assert told["signed"] and told["form"]["RecordingStatus"] == "completed" and told["form"]["RecordingSid"] == done["form"]["RecordingSid"], told
over(PHONE)
status = wait_for("the end is told", lambda: sink.of("/status"))[0]
assert status["signed"] and status["form"]["CallStatus"] == "completed" and int(status["form"]["CallDuration"]) >= 2, status
call = api.calls(sid).fetch()
assert (call.status, call.direction, call._from, call.to) == ("completed", "inbound", PHONE, OURS), vars(call)
wait_for("its price", lambda: api.calls(sid).fetch().price)
recording = call.recordings.list()[0]
assert (recording.source, recording.channels, recording.status) == ("RecordVerb", 1, "completed"), vars(recording)

# Dial: two handsets hear each other.
connect = VoiceResponse()
dial = Dial(action=sink.url + "/dialled", timeout=10, record="record-from-answer-dual")
dial.number(OTHER, status_callback=sink.url + "/child", status_callback_event="initiated ringing answered completed")
connect.append(dial)
answer("/voice", connect)
after = VoiceResponse()
after.pause(length=30)
answer("/dialled", after)
one = phone(PHONE, to=OURS)
rings = live(OTHER, "ringing")
assert rings["peer"] == PHONE, rings
phone(OTHER, action="answer")
live(PHONE)
two = live(OTHER)
play(PHONE, tone(600, 2))
play(OTHER, tone(1800, 2))
wait_for("the caller's tone", lambda: tone_ms(heard(OTHER, two["id"]), 600) >= 1800)
wait_for("the called one's tone", lambda: tone_ms(heard(PHONE, one["id"]), 1800) >= 1800)
phone(PHONE, action="digits", digits="5")
wait_for("a digit on the other side", lambda: calls(OTHER)[-1]["digits"] == "5")
phone(OTHER, action="hangup")
dialled = wait_for("the action", lambda: sink.of("/dialled"))[0]
form = dialled["form"]
assert dialled["signed"] and form["DialCallStatus"] == "completed" and int(form["DialCallDuration"]) >= 2, form
child = api.calls(form["DialCallSid"]).fetch()
assert (child.direction, child.parent_call_sid, child.to) == ("outbound-dial", form["CallSid"], OTHER), vars(child)
assert child.status == "completed" and two["sid"] == child.sid, vars(child)
steps = wait_for("the steps of the called leg", lambda: [a["form"]["CallStatus"] for a in sink.of("/child")] if len(sink.of("/child")) == 4 else None)
assert steps == ["initiated", "ringing", "in-progress", "completed"], steps
assert calls(PHONE)[-1]["state"] == "answered", "the caller goes on with the document"
kept = requests.get(form["RecordingUrl"] + ".wav", auth=(ACCOUNT, TOKEN), timeout=10)
assert tone_ms(samples(kept.content), 600) >= 1800, "the caller is the first channel"
phone(PHONE, action="hangup")
over(PHONE)

# Dial that comes to nothing: busy, declined, nobody.
for behave, status in [("busy", "busy"), ("decline", "busy"), ("unreachable", "failed"), ("ignore", "no-answer")]:
    phone(OTHER, behave=behave)
    lost = VoiceResponse()
    lost.dial(OTHER, action=sink.url + "/lost-" + behave, timeout=5)
    answer("/voice", lost)
    answer("/lost-" + behave, VoiceResponse())
    phone(PHONE, to=OURS)
    form = wait_for(behave, lambda: sink.of("/lost-" + behave))[0]["form"]
    assert form["DialCallStatus"] == status, (behave, form)
    over(PHONE)

# The caller gives up while it rings: the called one stops ringing.
phone(OTHER, behave="ignore")
phone(PHONE, to=OURS)
live(OTHER, "ringing")
phone(PHONE, action="hangup")
assert over(OTHER)["status"] == 487, calls(OTHER)

# Speech, with hints.
ask = VoiceResponse()
gather = Gather(input="speech", action=sink.url + "/said", hints="sales, support, billing department", timeout=10, speech_timeout="auto")
ask.append(gather)
answer("/voice", ask)
answer("/said", VoiceResponse())
phone(PHONE, to=OURS)
live(PHONE)
phone(PHONE, action="say", text="billing department")
form = wait_for("what was said", lambda: sink.of("/said"))[0]["form"]
assert form["SpeechResult"] == "billing department" and 0 < float(form["Confidence"]) <= 1, form
over(PHONE)

# Reject, and a document that is none.
for reason, code in [("busy", 486), ("rejected", 480)]:
    reject = VoiceResponse()
    reject.reject(reason=reason)
    answer("/voice", reject)
    phone(PHONE, to=OURS)
    assert over(PHONE)["status"] == code, calls(PHONE)

# Every call has come to its end, and each in a way that its caller saw.
everything = lambda: api.calls.list(limit=200)
wait_for("every call's end", lambda: all(c.end_time for c in everything()))
assert {c.status for c in everything() if c._from == PHONE and c.direction == "inbound"} == {"completed", "busy", "no-answer"}, [(c.status, c.to) for c in everything()]
