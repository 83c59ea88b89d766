"""Conferences over HTTP with handsets: who hears whom through mute, hold, coaching and kicks, what is told, what is recorded."""
import requests
from heard import HERTZ, Party, hears, tones
from peer import ACCOUNT, OURS, TOKEN, Sink, client, wait_for
from phones import RATE, calls, live, phone, power, samples, tone
from twilio.base.exceptions import TwilioRestException
from twilio.twiml.voice_response import Dial, VoiceResponse

XML = "text/xml"
EVENTS = "start end join leave mute hold modify announcement"
sink = Sink()
api = client()
number = api.incoming_phone_numbers.list(phone_number=OURS)[0]
number.update(voice_url=sink.url + "/join")
ann, bob, carl, dora, eve = (Party(f"+1555867570{at}", HERTZ[at]) for at in range(5))


def room(name, **attributes):
    """A document that joins a conference."""
    joining = VoiceResponse()
    dial = Dial(action=sink.url + "/left")
    dial.conference(name, **attributes)
    joining.append(dial)
    return (200, XML, str(joining))


def told(path="/events"):
    return [asked["form"] for asked in sink.of(path)]


def names(path="/events"):
    return [form["StatusCallbackEvent"] for form in told(path)]


def conference(name, status):
    found = api.conferences.list(friendly_name=name, status=status)
    return found[0] if found else None


def participants(made):
    return sorted(p.call_sid for p in api.conferences(made.sid).participants.list())


# One who does not start it waits, with music; the second one starts it.
sink.answers["/wait.wav"] = (200, "audio/wav", tone(2700, 3))
waiting = VoiceResponse()
waiting.play(sink.url + "/wait.wav", loop=0)
sink.answers["/wait"] = (200, XML, str(waiting))
own = dict(status_callback=sink.url + "/events", status_callback_event=EVENTS, beep="onEnter", wait_url=sink.url + "/wait")
sink.answers["/join"] = room("Owls & more", start_conference_on_enter=False, record="record-from-start", recording_status_callback=sink.url + "/kept", **own)
sink.answers["/left"] = (200, XML, str(VoiceResponse()))
ann.calls(OURS)
made = wait_for("the conference", lambda: conference("Owls & more", "init"))
wait_for("the music of waiting", lambda: power(ann.since(ann.mark()), 2700) > 0.8)
asked = sink.of("/wait")[0]
assert asked["signed"] and asked["form"]["ConferenceSid"] == made.sid and asked["form"]["FriendlyName"] == "Owls & more", asked
assert asked["form"]["CallSid"] == ann.sid, asked
sink.answers["/join"] = room("Owls & more", start_conference_on_enter=False, wait_url="", beep=False)
bob.calls(OURS)
wait_for("two who wait", lambda: participants(made) == sorted([ann.sid, bob.sid]))
assert made.fetch().status == "init" and power(ann.since(ann.mark()), 2700) > 0.8, "nobody has started it"
hears([ann, bob], {bob: []})
sink.answers["/join"] = room("Owls & more", beep="onEnter")
carl.calls(OURS)
hears([ann, bob, carl], {ann: [bob, carl], bob: [ann, carl], carl: [ann, bob]})
assert made.fetch().status == "in-progress"
assert all(power(party.since(party.mark()), 2700) < 0.05 for party in (ann, bob)), "the music is over"

# A participant that the API calls, with a label; found by it.
added = api.conferences(made.sid).participants.create(from_=OURS, to=dora.number, label="boss & co", early_media=False, end_conference_on_exit=True, status_callback=sink.url + "/call", status_callback_event=["initiated", "ringing", "answered", "completed"])
assert (added.conference_sid, added.label, added.status, added.muted) == (made.sid, "boss & co", "queued", False), vars(added)
dora.answers()
assert dora.sid == added.call_sid
everybody = [ann, bob, carl, dora]


def all_but(party):
    return [other for other in everybody if other is not party]


hears(everybody, {party: all_but(party) for party in everybody})
by_label = api.conferences(made.sid).participants("boss & co").fetch()
assert by_label.call_sid == dora.sid and by_label.status == "connected", vars(by_label)

# Muted: the others no longer hear that one, who hears all of them.
seat = lambda party: api.conferences(made.sid).participants(party.sid)
assert seat(bob).update(muted=True).muted is True
hears(everybody, {party: [other for other in all_but(party) if other is not bob] for party in everybody})
assert [p.call_sid for p in api.conferences(made.sid).participants.list(muted=True)] == [bob.sid]
seat(bob).update(muted=False)
hears(everybody, {party: all_but(party) for party in everybody})

# On hold, with music of its own; nobody hears it, and it hears nobody.
sink.answers["/hold.wav"] = (200, "audio/wav", tone(3100, 3))
music = VoiceResponse()
music.play(sink.url + "/hold.wav", loop=0)
sink.answers["/hold"] = (200, XML, str(music))
assert seat(ann).update(hold=True, hold_url=sink.url + "/hold").hold is True
wait_for("the music on hold", lambda: power(ann.since(ann.mark()), 3100) > 0.8)
hears(everybody, {ann: [], bob: [carl, dora], carl: [bob, dora], dora: [bob, carl]})
seat(ann).update(hold=False)
hears(everybody, {party: all_but(party) for party in everybody})
assert power(ann.since(ann.mark()), 3100) < 0.05

# A coach is heard by the coached one alone, and hears everybody.
sink.answers["/join"] = room("Owls & more", beep=False, coach=bob.sid)
eve.calls(OURS)
everybody.append(eve)
hears(everybody, {bob: [ann, carl, dora, eve], ann: [bob, carl, dora], carl: [ann, bob, dora], dora: [ann, bob, carl], eve: [ann, bob, carl, dora]})
coaching = seat(eve).fetch()
assert coaching.coaching is True and coaching.call_sid_to_coach == bob.sid, vars(coaching)
seat(eve).update(coaching=False)
hears(everybody, {party: all_but(party) for party in everybody})

# Announcements: to all, and to one.
sink.answers["/chime.wav"] = (200, "audio/wav", tone(2950, 1.5))
chime = VoiceResponse()
chime.play(sink.url + "/chime.wav")
sink.answers["/chime"] = (200, XML, str(chime))


def rings_at(party, mark, ms=2500):
    audio = party.since(mark, ms)
    # 2950 Hz is heard beside the others' tones: a part of what is there.
    return any(power(audio[at:at + 800], 2950) > 0.08 for at in range(0, len(audio) - 800, 800))


marks = {party: party.mark() for party in everybody}
made.update(announce_url=sink.url + "/chime")
assert all(rings_at(party, marks[party]) for party in everybody), "an announcement to all"
wait_for("its end is told", lambda: names().count("announcement-end") == 1)
marks = {party: party.mark() for party in everybody}
seat(carl).update(announce_url=sink.url + "/chime")
assert rings_at(carl, marks[carl])
assert not any(rings_at(party, marks[party]) for party in everybody if party is not carl), "an announcement to one"
wait_for("its end is told", lambda: names().count("announcement-end") == 2)
hears(everybody, {party: all_but(party) for party in everybody})

# Who is taken out goes on with the document of its own.
goodbye = VoiceResponse()
goodbye.play(sink.url + "/hold.wav")
goodbye.pause(length=20)
sink.answers["/left"] = (200, XML, str(goodbye))
assert seat(carl).delete()
everybody.remove(carl)
wait_for("a document of its own", lambda: power(carl.since(carl.mark()), 3100) > 0.8)
left = sink.of("/left")[-1]["form"]
assert left["CallSid"] == carl.sid and left["DialCallStatus"] == "answered", left
hears(everybody, {party: all_but(party) for party in everybody})
try:
    seat(carl).fetch()
    raise AssertionError("nobody is there")
except TwilioRestException as error:
    assert (error.status, error.code) == (404, 20404), error
sink.answers["/left"] = (200, XML, str(VoiceResponse()))
phone(carl.number, action="hangup")

# Somebody hangs up; with the one who ends it, it is over for all.
ends = {party.number: party.sid for party in everybody}
phone(eve.number, action="hangup")
everybody.remove(eve)
hears(everybody, {party: all_but(party) for party in everybody})
phone(dora.number, action="hangup")
ann.is_over()
bob.is_over()
over = wait_for("its end", lambda: (lambda c: c if c.status == "completed" else None)(made.fetch()))
assert over.reason_conference_ended == "participant-with-end-conference-on-exit-left", vars(over)
assert over.call_sid_ending_conference == ends[dora.number], vars(over)

# What was told, in its order, with its parameters.
wait_for("the end is told", lambda: "conference-end" in names())
expected = [
    ("participant-join", ann), ("participant-join", bob), ("participant-join", carl), ("conference-start", None),
    ("participant-join", dora), ("participant-mute", bob), ("participant-unmute", bob),
    ("participant-hold", ann), ("participant-unhold", ann), ("participant-join", eve), ("participant-modify", eve),
    ("announcement-end", None), ("announcement-end", carl), ("participant-leave", carl), ("participant-leave", eve),
    ("participant-leave", dora), ("participant-leave", ann), ("participant-leave", bob), ("conference-end", None),
]
sids = {party: calls(party.number)[-1]["sid"] for party in (ann, bob, carl, dora, eve)}
got = [(form["StatusCallbackEvent"], form.get("CallSid")) for form in told()]
assert got == [(name, party and sids[party]) for name, party in expected], got
assert [form["SequenceNumber"] for form in told()] == [str(at + 1) for at in range(len(expected))], told()
standing = {"ConferenceSid": made.sid, "FriendlyName": "Owls & more", "AccountSid": ACCOUNT}
for asked in sink.of("/events"):
    form = asked["form"]
    assert asked["signed"] and all(form[name] == value for name, value in standing.items()) and form["Timestamp"], form
    if form["StatusCallbackEvent"].startswith("participant"):
        assert {"Muted", "Hold", "Coaching", "EndConferenceOnExit", "StartConferenceOnEnter"} <= form.keys(), form
joins = {form["CallSid"]: form for form in told() if form["StatusCallbackEvent"] == "participant-join"}
assert joins[sids[dora]]["ParticipantLabel"] == "boss & co" and joins[sids[dora]]["EndConferenceOnExit"] == "true", joins
assert joins[sids[eve]]["Coaching"] == "true" and joins[sids[eve]]["CallSidToCoach"] == sids[bob], joins
assert joins[sids[ann]]["StartConferenceOnEnter"] == "false" and joins[sids[carl]]["StartConferenceOnEnter"] == "true"
leaves = {form["CallSid"]: form for form in told() if form["StatusCallbackEvent"] == "participant-leave"}
assert leaves[sids[carl]]["ParticipantCallStatus"] == "in-progress" and leaves[sids[eve]]["ParticipantCallStatus"] == "completed", leaves
assert len({leaves[sids[party]]["ReasonParticipantLeft"] for party in (carl, eve, ann)}) == 3, leaves
last = told()[-1]
assert last["CallSidEndingConference"] == sids[dora] and last["ReasonConferenceEnded"] == over.reason_conference_ended, last
wait_for("the steps of the one who was called", lambda: len(sink.of("/call")) == 4)
assert [asked["form"]["CallStatus"] for asked in sink.of("/call")] == ["initiated", "ringing", "in-progress", "completed"]

# What was recorded begins with the start, and has who was heard when: nobody's coach, nobody muted or on hold.
kept = wait_for("the recording is told", lambda: sink.of("/kept"))[-1]
form = kept["form"]
assert kept["signed"] and form["RecordingStatus"] == "completed" and form["ConferenceSid"] == made.sid, form
recording = wait_for("the recording", lambda: [r for r in made.recordings.list() if r.status == "completed"])[0]
assert recording.source == "Conference" and recording.channels == 1 and form["RecordingSid"] == recording.sid, vars(recording)
file = requests.get(form["RecordingUrl"] + ".wav", auth=(ACCOUNT, TOKEN), timeout=10)
mixed = samples(file.content)
among = [party.hertz for party in (ann, bob, carl, dora, eve)]
history = [tones(mixed[at:at + 1_600], among) for at in range(0, len(mixed) - 1_600, 1_600)]
for together in [
    (ann, bob), (ann, bob, carl), (ann, bob, carl, dora), (ann, carl, dora), (ann, bob, carl, dora), (bob, carl, dora),
    (ann, bob, carl, dora), (ann, bob, carl, dora, eve), (ann, bob, dora, eve), (ann, bob, dora),
]:
    wanted = {party.hertz for party in together}
    assert wanted in history, (wanted, history)
    history = history[history.index(wanted):]
assert abs(len(mixed) / RATE - int(form["RecordingDuration"])) <= 1, form

# Ended by the API, and one that was promised and never opened.
sink.answers["/join"] = room("short", status_callback=sink.url + "/short", status_callback_event="start end join leave")
ann.calls(OURS)
bob.calls(OURS)
short = wait_for("it starts", lambda: conference("short", "in-progress"))
short.update(status="completed")
ann.is_over()
bob.is_over()
assert short.fetch().reason_conference_ended == "conference-ended-via-api"
wait_for("the end is told", lambda: names("/short")[-1:] == ["conference-end"])
lost = api.conferences("promised").participants.create(from_=OURS, to="+15558675709", timeout=5)
live("+15558675709", "ringing")
phone("+15558675709", action="decline")
wait_for("nobody came", lambda: api.conferences(lost.conference_sid).fetch().status == "completed")
try:
    short.update(announce_url=sink.url + "/chime")
    raise AssertionError("a conference that is over can't be changed")
except TwilioRestException as error:
    assert error.code == 21220, error

# No more than are let in.
sink.answers["/join"] = room("full", max_participants=2, beep=True)
sink.answers["/left"] = (200, XML, "<Response><Reject/></Response>")
ann.calls(OURS)
mark = ann.mark()
bob.calls(OURS)
hears([ann, bob], {ann: [bob], bob: [ann]})
phone(eve.number, to=OURS)
assert wait_for("no room", lambda: calls(eve.number)[-1]["state"] == "ended" and calls(eve.number)[-1]), calls(eve.number)
hears([ann, bob], {ann: [bob], bob: [ann]})
phone(ann.number, action="hangup")
phone(bob.number, action="hangup")
wait_for("the last one left", lambda: conference("full", "completed"))
