"""Queues over HTTP with handsets: places that are told, who is connected with whom, how stays end."""
from heard import HERTZ, Party, hears
from peer import OURS, Sink, client, wait_for
from phones import calls, live, phone, power, tone
from twilio.base.exceptions import TwilioRestException
from twilio.twiml.voice_response import Dial, Enqueue, VoiceResponse

XML = "text/xml"
AGENTS = "+15550002222"
sink = Sink()
api = client()
callers = api.incoming_phone_numbers.list(phone_number=OURS)[0]
callers.update(voice_url=sink.url + "/enter")
ann, bob, carl, dora, agent = (Party(f"+1555867580{at}", HERTZ[at]) for at in range(5))
for path, hertz in [("/music.wav", 2700), ("/whisper.wav", 3100), ("/own.wav", 2950)]:
    sink.answers[path] = (200, "audio/wav", tone(hertz, 2))


def document(*playing, gather=None, leave=False, pause=0):
    made = VoiceResponse()
    inside = made.gather(num_digits=1, timeout=1, action=sink.url + gather) if gather else made
    for path in playing:
        inside.play(sink.url + path)
    if leave:
        made.leave()
    if pause:
        made.pause(length=pause)
    return (200, XML, str(made))


def entering(**attributes):
    made = VoiceResponse()
    made.append(Enqueue("the line", action=sink.url + "/out", wait_url=sink.url + "/wait", **attributes))
    return (200, XML, str(made))


def asking(**attributes):
    made = VoiceResponse()
    dial = Dial(action=sink.url + "/served", timeout=attributes.pop("timeout", 20))
    dial.queue("the line", **attributes)
    made.append(dial)
    return str(made)


def out(count, path="/out"):
    """How the newest stay or dial ended."""
    return wait_for(f"end {count} of {path}", lambda: sink.of(path)[-1]["form"] if len(sink.of(path)) == count else None)


# They wait, with their places.
sink.answers["/enter"] = entering()
sink.answers["/wait"] = document("/music.wav", gather="/key")
sink.answers["/out"] = document("/own.wav", pause=20)
sink.answers["/served"] = document(pause=20)
ann.calls(OURS)
queue = wait_for("the queue", lambda: api.queues.list())[0]
assert (queue.friendly_name, queue.max_size) == ("the line", 100), vars(queue)
wait_for("music", lambda: power(ann.since(ann.mark()), 2700) > 0.8)
bob.calls(OURS)
carl.calls(OURS)
asked = {}


def places():
    for request in sink.of("/wait"):
        asked[request["form"]["CallSid"]] = request
    return {ann.sid, bob.sid, carl.sid} <= asked.keys()


wait_for("three who wait", places)
wait_for("three members", lambda: queue.fetch().current_size == 3)
for place, party in enumerate([ann, bob, carl], 1):
    form = asked[party.sid]["form"]
    assert asked[party.sid]["signed"] and form["QueueSid"] == queue.sid and form["MaxQueueSize"] == "100", form
    # The first one was asked when it was alone.
    assert int(form["QueuePosition"]) == place and 1 <= int(form["CurrentQueueSize"]) <= 3, form
    assert 0 <= int(form["QueueTime"]) < 30 and 0 <= int(form["AvgQueueTime"]) < 30, form
members = queue.members.list()
assert [(m.call_sid, m.position) for m in members] == [(ann.sid, 1), (bob.sid, 2), (carl.sid, 3)], [vars(m) for m in members]
assert queue.members("Front").fetch().call_sid == ann.sid

# A key while one waits.
sink.answers["/key"] = document("/own.wav")
phone(dora.number, to=OURS)
dora.call = live(dora.number)["id"]
wait_for("its music", lambda: power(dora.since(dora.mark()), 2700) > 0.8)
phone(dora.number, action="digits", digits="8")
pressed = wait_for("the key", lambda: sink.of("/key"))[0]
assert pressed["signed"] and pressed["form"]["Digits"] == "8" and pressed["form"]["QueueSid"] == queue.sid, pressed
assert (pressed["form"]["CallSid"], pressed["form"]["QueuePosition"]) == (dora.sid, "4"), pressed
wait_for("what the key brings", lambda: power(dora.since(dora.mark()), 2950) > 0.8)
phone(dora.number, action="hangup")
assert out(1)["QueueResult"] == "hangup"

# An agent takes the first one, who hears a whisper before.
phone(agent.number, behave="ignore")
sink.answers["/whisper"] = document("/whisper.wav")
made = api.calls.create(to=agent.number, from_=OURS, twiml=asking(url=sink.url + "/whisper"))
agent.answers()
wait_for("the whisper", lambda: power(ann.since(ann.mark()), 3100) > 0.8)
whispered = sink.of("/whisper")[0]
assert whispered["signed"] and whispered["form"]["CallSid"] == ann.sid and whispered["form"]["DequeingCallSid"] == made.sid, whispered
assert whispered["form"]["QueueSid"] == queue.sid and whispered["form"]["QueueTime"], whispered
hears([ann, agent, bob], {ann: [agent], agent: [ann], bob: []})
assert [m.call_sid for m in queue.members.list()] == [bob.sid, carl.sid]
phone(ann.number, action="hangup")
served = out(1, "/served")
assert (served["CallSid"], served["DialCallStatus"], served["QueueResult"]) == (made.sid, "answered", "bridged"), served
assert served["QueueSid"] == queue.sid and int(served["QueueTime"]) >= 1, served
first = wait_for("the end of the stay", lambda: [a["form"] for a in sink.of("/out") if a["form"]["CallSid"] == ann.sid])[0]
assert first["QueueResult"] == "bridged" and first["QueueSid"] == queue.sid and int(first["QueueTime"]) >= 1, first
count = len(sink.of("/out"))

# The agent hangs up: who was connected goes on with its own document.
phone(agent.number, action="hangup")
agent.is_over()
made = api.calls.create(to=agent.number, from_=OURS, twiml=asking())
agent.answers()
hears([bob, agent], {bob: [agent], agent: [bob]})
phone(agent.number, action="hangup")
form = out(count + 1)
assert (form["CallSid"], form["QueueResult"]) == (bob.sid, "bridged"), form
wait_for("a document of its own", lambda: power(bob.since(bob.mark()), 2950) > 0.8)
phone(bob.number, action="hangup")

# Taken out by the API, which sends it elsewhere.
sink.answers["/elsewhere"] = document("/whisper.wav", pause=20)
moved = queue.members(carl.sid).update(url=sink.url + "/elsewhere", method="POST")
assert moved.call_sid == carl.sid, vars(moved)
form = out(count + 2)
assert (form["CallSid"], form["QueueResult"], form["QueueSid"]) == (carl.sid, "redirected", queue.sid), form
wait_for("the other document", lambda: power(carl.since(carl.mark()), 3100) > 0.8)
assert sink.of("/elsewhere")[0]["form"]["CallSid"] == carl.sid
phone(carl.number, action="hangup")

# One hangs up while it waits; one leaves by its document; the line is full.
ann.calls(OURS)
wait_for("it waits", lambda: queue.fetch().current_size == 1)
try:
    queue.delete()
    raise AssertionError("somebody waits in it")
except TwilioRestException as error:
    assert error.code == 20009, error
phone(ann.number, action="hangup")
form = out(count + 3)
assert (form["CallSid"], form["QueueResult"], form["CallStatus"]) == (ann.sid, "hangup", "completed"), form
wait_for("nobody", lambda: queue.fetch().current_size == 0)
sink.answers["/wait"] = document("/music.wav", leave=True)
bob.calls(OURS)
form = out(count + 4)
assert (form["CallSid"], form["QueueResult"]) == (bob.sid, "leave"), form
wait_for("it goes on", lambda: power(bob.since(bob.mark()), 2950) > 0.8)
phone(bob.number, action="hangup")
queue.update(max_size=1)
sink.answers["/wait"] = document("/music.wav")
ann.calls(OURS)
wait_for("it waits", lambda: queue.fetch().current_size == 1)
carl.calls(OURS)
form = out(count + 5)
assert (form["CallSid"], form["QueueResult"]) == (carl.sid, "queue-full"), form
phone(carl.number, action="hangup")

# An agent who waits for somebody: nobody comes; then somebody does.
phone(ann.number, action="hangup")
out(count + 6)
before = len(sink.of("/served"))
api.calls.create(to=agent.number, from_=OURS, twiml=asking(timeout=1))
agent.answers()
served = out(before + 1, "/served")
assert (served["QueueResult"], served["DialCallStatus"]) == ("queue-empty", "no-answer"), served
phone(agent.number, action="hangup")
agent.is_over()
api.calls.create(to=agent.number, from_=OURS, twiml=asking(timeout=30))
agent.answers()
dora.calls(OURS)
hears([dora, agent], {dora: [agent], agent: [dora]})
phone(dora.number, action="hangup")
served = out(before + 2, "/served")
assert served["QueueResult"] == "bridged", served
phone(agent.number, action="hangup")
agent.is_over()

# A queue that is not there; one that is, and is empty, can go.
missing = VoiceResponse()
dial = Dial(action=sink.url + "/missing")
dial.queue("nobody's")
missing.append(dial)
sink.answers["/missing"] = document(pause=20)
api.calls.create(to=agent.number, from_=OURS, twiml=str(missing))
agent.answers()
form = out(1, "/missing")
assert (form["QueueResult"], form["DialCallStatus"]) == ("error", "failed"), form
phone(agent.number, action="hangup")
wait_for("nobody", lambda: queue.fetch().current_size == 0)
assert queue.delete()
