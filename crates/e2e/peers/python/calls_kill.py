"""A call over a kill: run before it, and after it. What was said until then is kept, and the end is told."""
import json
import os
import pathlib

import peer
import requests
from peer import ACCOUNT, OURS, TOKEN, Sink, client, wait_for
from phones import calls, live, phone, play, samples, tone, tone_ms

KEPT = os.path.join(os.environ["DATA"], "calls_kill.json")
PHONE = "+15558675510"
api = client()

if not os.path.exists(KEPT):
    # The sink of the second run listens at the same place.
    port = int(os.environ["SINK_PORT"])
    phone(PHONE, behave="answer")
    made = api.calls.create(to=PHONE, from_=OURS, twiml="<Response><Pause length='120'/></Response>", record=True, status_callback=f"http://127.0.0.1:{port}/status", recording_status_callback=f"http://127.0.0.1:{port}/recording")
    live(PHONE)
    play(PHONE, tone(900, 10))
    wait_for("five seconds", lambda: calls(PHONE)[-1]["heard_ms"] >= 5500)
    with open(KEPT, "w") as file:
        json.dump({"sid": made.sid, "port": port}, file)
    raise SystemExit

# This second run is there before the program is: it hears what is told at once.
with open(KEPT) as file:
    before = json.load(file)
sink = Sink(port=before["port"])
folder = pathlib.Path(os.environ["DATA"])
(folder / "sink.ready").touch()
address = wait_for("where the program is", lambda: (folder / "address").exists() and (folder / "address").read_text())
peer.BASE = address
api = client()
call = wait_for("its end", lambda: (lambda c: c if c.status == "completed" else None)(api.calls(before["sid"]).fetch()))
assert 4 <= int(call.duration) <= 9, call.duration
told = wait_for("the end is told", lambda: sink.of("/status"))[0]
assert told["signed"] and told["form"]["CallStatus"] == "completed" and told["form"]["CallSid"] == before["sid"], told
recording = wait_for("its recording", lambda: [r for r in call.recordings.list() if r.status == "completed"])[0]
kept = requests.get(f"{address}/2010-04-01/Accounts/{ACCOUNT}/Recordings/{recording.sid}.wav", auth=(ACCOUNT, TOKEN), timeout=10)
said = tone_ms(samples(kept.content), 900)
assert said >= 3800, said
told = wait_for("its recording is told", lambda: sink.of("/recording"))
steps = [asked["form"]["RecordingStatus"] for asked in told if asked["form"]["RecordingSid"] == recording.sid]
assert steps == ["completed"] and told[0]["signed"], told
