"""The worked examples of calls, from handsets: what is said is heard by the product's own ears."""
import datetime
import json
import sys
import threading

import examples
from examples import ENVIRONMENT, FOLDER, ROOT, Running, bodies, dev, run, says
from heard import Party, hears
from peer import ACCOUNT, OURS, TOKEN, Sink, client, wait_for
from phones import calls, heard, heard_wav, live, phone, play, power, samples, tone, tone_ms
from twilio.twiml.voice_response import Gather, VoiceResponse

import requests

LISTENER = "+15558675999"
LINE = [sys.executable, str(ROOT / "examples/support-line/app.py")]
REMINDER = ["node", str(ROOT / "examples/reminder-call/reminder.js")]
MASKED = [sys.executable, str(ROOT / "examples/masked-numbers/app.py")]
ENVIRONMENT |= {"MESSAGES": f"{FOLDER.name}/messages.jsonl", "REMINDERS": f"{FOLDER.name}/reminders.jsonl"}
ALWAYS = {"OPEN_DAYS": "mon,tue,wed,thu,fri,sat,sun", "OPEN_HOURS": "00:00-24:00"}

sink = Sink()
api = client()
OTHERS = [number for number in api.incoming_phone_numbers.list() if number.phone_number != OURS]
LISTENING = OTHERS[0].update(voice_url=sink.url + "/listen").phone_number
lock = threading.Lock()


def understood(wav, *phrases):
    """Which of the phrases is said: played to a document that gathers speech."""
    ear = VoiceResponse()
    ear.append(Gather(input="speech", action=sink.url + "/said", hints=", ".join(phrases), timeout=30, speech_timeout=2))
    sink.answers["/listen"] = (200, "text/xml", str(ear))
    sink.answers["/said"] = (200, "text/xml", str(VoiceResponse()))
    before = len(sink.of("/said"))
    phone(LISTENER, to=LISTENING)
    live(LISTENER)
    play(LISTENER, wav)
    said = wait_for(f"one of {phrases}", lambda: sink.of("/said")[before:], 60)[0]["form"]
    live(LISTENER, "ended")
    return said["SpeechResult"]


def quiet(number, begin=0, ms=900):
    """What a handset heard, once something was said after `begin` and is followed by silence."""
    def said():
        newest = calls(number)[-1]
        audio = heard(number, newest["id"])
        loud = any(abs(sample) > 1_000 for sample in audio[begin:])
        tail = audio[-8 * ms:]
        over = newest["state"] == "ended" or len(audio) > 8 * ms and all(abs(sample) < 200 for sample in tail)
        return heard_wav(number, newest["id"]) if loud and over else None
    return wait_for(f"silence at {number}", said, 40)


def refuses_strangers(url, path="/voice"):
    form = {"From": "+15558675499", "To": OURS, "CallSid": "CA" + "0" * 32}
    assert requests.post(url + path, form, timeout=10).status_code == 403
    assert requests.post(url + path, form, headers={"X-Twilio-Signature": "Zm9yZ2Vk"}, timeout=10).status_code == 403


def line():
    ann, bob, carl, agent = Party("+15558675481", 480), Party("+15558675482", 830), Party("+15558675483", 1400), Party("+15558675484", 1820)
    with Running(LINE, AGENTS=f"{agent.number}=billing", **ALWAYS) as app:
        refuses_strangers(app.url)
        # By speech, then by a key; each hears its place, and music.
        phone(ann.number, to=OURS)
        ann.call = live(ann.number)["id"]
        wait_for("the menu", lambda: len([s for s in heard(ann.number, ann.call) if abs(s) > 1_000]) > 30_000, 30)
        wait_for("it listens", lambda: all(abs(s) < 200 for s in heard(ann.number, ann.call)[-4_000:]), 30)
        phone(ann.number, action="say", text="billing")
        queue = wait_for("a queue", lambda: [q for q in api.queues.list() if q.current_size == 1])[0]
        assert queue.friendly_name == "billing", vars(queue)
        mark = ann.mark()
        wait_for("the music", lambda: any(power(part, 523) > 0.7 for part in parts(heard(ann.number, ann.call)[mark:])))
        phone(bob.number, to=OURS)
        bob.call = live(bob.number)["id"]
        phone(bob.number, action="digits", digits="3")
        wait_for("two who wait", lambda: queue.fetch().current_size == 2)
        mark = bob.mark()
        wait_for("its place and music", lambda: any(power(part, 523) > 0.7 for part in parts(heard(bob.number, bob.call)[mark:])), 30)
        place = cut(heard_wav(bob.number, bob.call), mark, 5)
        assert understood(place, *(f"you are number {at} in line" for at in ("one", "two", "three", "four"))) == "you are number two in line"
        # An agent takes the first one, then the next.
        ann.hums()
        bob.hums()
        phone(agent.number, to=OURS)
        agent.call = live(agent.number)["id"]
        agent.hums()
        hears([ann, bob, agent], {ann: [agent], agent: [ann]}, 30)
        phone(ann.number, action="hangup")
        hears([ann, bob, agent], {bob: [agent], agent: [bob]}, 30)
        phone(bob.number, action="hangup")
        # Nobody picks up; the caller leaves a message instead.
        phone(agent.number, action="hangup")
        phone(carl.number, to=OURS)
        carl.call = live(carl.number)["id"]
        phone(carl.number, action="digits", digits="2")
        wait_for("it waits", lambda: any(q.friendly_name == "support" and q.current_size == 1 for q in api.queues.list()))
        phone(carl.number, action="digits", digits="*")
        leaves(carl.number)
    # Out of hours, and here again after a kill.
    with Running(LINE, OPEN_DAYS=""):
        phone(bob.number, to=OURS)
        live(bob.number)
        closed = leaves(bob.number)
        assert understood(cut(closed, 0, 4), "thank you for calling we are closed", "thank you for calling for sales press one") == "thank you for calling we are closed"
    kept = run(LINE, "messages").splitlines()
    assert [entry.split()[0] for entry in kept] == [carl.number, bob.number], kept
    file = requests.get(kept[1].split()[-1] + ".wav", auth=(ACCOUNT, TOKEN), timeout=10)
    assert tone_ms(samples(file.content), 700) >= 1_800, "what was left on voicemail"


def parts(audio):
    return [audio[at:at + 400] for at in range(0, len(audio) - 399, 400)]


def cut(wav, begin, seconds):
    """A part of a WAV file, as one."""
    import io
    import struct
    import wave
    part = samples(wav)[begin:begin + 8_000 * seconds]
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8_000)
        out.writeframes(struct.pack(f"<{len(part)}h", *part))
    return file.getvalue()


def leaves(number):
    """Waits for the tone of voicemail, leaves 2 s of 700 Hz, and is said goodbye to; what was heard."""
    call = calls(number)[-1]["id"]
    # The beep is the purest second half of what is heard: words never are one tone for 200 ms.
    wait_for("the beep", lambda: any(power(part, 1_000) > 0.9 for part in parts(heard(number, call))), 40)
    wait_for("silence after it", lambda: all(abs(s) < 200 for s in heard(number, call)[-1_600:]))
    play(number, tone(700, 2))
    phone(number, action="digits", digits="ww#")
    live(number, "ended")
    return heard_wav(number, call)


def reminder():
    ann, bob, carl, dora = (f"+155586754{end}" for end in ("91", "92", "93", "94"))
    soon = (datetime.datetime.now() + datetime.timedelta(hours=2)).strftime("%Y-%m-%d %H:%M")

    def state(name):
        return next(entry for entry in run(REMINDER, "list").splitlines() if f" {name} " in entry)

    def becomes(name, *parts):
        wait_for(f"{name}: {parts}", lambda: all(part in state(name) for part in parts), 40)

    for number, name in [(ann, "Ann"), (bob, "Bob"), ("+1555", "Eve")]:
        run(REMINDER, "add", number, soon, name)
    later = (datetime.datetime.now() + datetime.timedelta(days=9)).strftime("%Y-%m-%d %H:%M")
    run(REMINDER, "add", dora, later, "Dora")
    phone(bob, behave="busy")
    with Running(REMINDER, SWEEP_S="0.1", RETRY_S="0.5") as app:
        # Confirmed by a key, after one that is none.
        live(ann, "ringing")
        phone(ann, action="answer")
        live(ann)
        asked = quiet(ann)
        assert understood(cut(asked, 0, 2), "hello ann", "hello bob", "thank you") == "hello ann"
        refuses_strangers(app.url, "/call?reminder=1")
        phone(ann, action="digits", digits="9")
        quiet(ann, len(samples(asked)) + 8_000)
        phone(ann, action="digits", digits="1")
        live(ann, "ended")
        becomes("Ann", "confirmed", "1 called")
        # Busy twice: a text. A number that is none: lost.
        becomes("Bob", "texted", "2 called", "busy")
        wait_for("the text", lambda: bodies(bob))
        assert bodies(bob)[0].startswith("Bob, we could not reach you by phone. Your appointment is on"), bodies(bob)
        assert len(calls(bob)) == 2 and all(call["status"] == 486 for call in calls(bob)), calls(bob)
        becomes("Eve", "lost")
    # The program was killed; the file knows. Nobody answers, then somebody does, and wants another time.
    run(REMINDER, "add", carl, soon, "Carl")
    phone(carl, behave="decline")
    with Running(REMINDER, SWEEP_S="0.1", RETRY_S="2"):
        becomes("Carl", "again", "1 called")
        phone(carl, behave="answer")
        wait_for("the second call", lambda: len(calls(carl)) == 2)
        live(carl)
        quiet(carl)
        phone(carl, action="digits", digits="2")
        becomes("Carl", "reschedule", "2 called")
    assert "confirmed" in state("Ann") and "booked 0 called" in state("Dora") and not bodies(ann) and not bodies(carl)
    assert len(calls(ann)) == 1 and not calls(dora)


def masked():
    ann, bob, carl = Party("+15558675501", 640), Party("+15558675502", 1_080), Party("+15558675503", 1_820)
    with Running(MASKED) as app:
        refuses_strangers(app.url)
        refuses_strangers(app.url, "/sms")
        run(MASKED, "open", ann.number, bob.number, "30")
        assert "in a session already" in run(MASKED, "open", carl.number, bob.number, "30", fails=True)
        for caller, called in [(ann, bob), (bob, ann)]:
            phone(caller.number, to=OURS)
            rings = live(called.number, "ringing")
            assert rings["peer"] == OURS and caller.number not in json.dumps(rings), rings
            called.takes()
            caller.call = live(caller.number)["id"]
            caller.hums()
            hears([ann, bob], {ann: [bob], bob: [ann]})
            phone(caller.number, action="hangup")
            called.is_over()
            before = 1 + (caller is bob)
            wait_for("its end in the file", lambda: run(MASKED, "list").splitlines()[0].count("call completed") == before)
        says(ann.number, "Where are you?")
        text = wait_for("the text", lambda: examples.handset(bob.number))[0]
        assert (text["from"], text["body"]) == (OURS, "Where are you?"), text
        says(bob.number, "Here.")
        assert wait_for("the answer", lambda: examples.handset(ann.number))[0]["from"] == OURS
        # Who does not answer is told so; strangers reach nobody.
        phone(bob.number, behave="decline")
        phone(ann.number, to=OURS)
        live(ann.number)
        sorry = quiet(ann.number)
        assert understood(sorry, "nobody answers send a text to this number instead", "you can't reach anybody at this number any more goodbye").startswith("nobody answers")
        live(ann.number, "ended")
        before = len(calls(bob.number))
        phone(carl.number, to=OURS)
        live(carl.number)
        gone = quiet(carl.number)
        assert understood(gone, "nobody answers send a text to this number instead", "you can't reach anybody at this number any more goodbye").startswith("you can't reach")
        says(carl.number, "Hello?")
        wait_for("an answer", lambda: any("can't reach anybody" in body for body in bodies(carl.number)))
        assert len(calls(bob.number)) == before
    # Killed, and here again; the session ends by itself, amid a call.
    run(MASKED, "close", ann.number)
    phone(bob.number, behave="answer")
    run(MASKED, "open", ann.number, bob.number, "0.1")
    with Running(MASKED):
        phone(ann.number, to=OURS)
        live(bob.number)
        bob.is_over()
        wait_for("its end", lambda: run(MASKED, "list").splitlines()[1].startswith("2 over"))
        says(ann.number, "Still there?")
        wait_for("an answer", lambda: any("can't reach anybody" in body for body in bodies(ann.number)))
        assert not any("Still there" in body for body in bodies(bob.number))
    entries = run(MASKED, "list").splitlines()
    assert entries[0].startswith(f"1 over {ann.number} {bob.number} call completed, call completed, text sent, text sent, call "), entries


{"line": line, "reminder": reminder, "masked": masked}[sys.argv[1]]()
