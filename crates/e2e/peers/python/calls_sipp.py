"""Calls to and from a carrier that is SIPp: answered with its own sound sent back, busy, ringing, calling in, giving up."""
import os
import pathlib
import subprocess
import threading

import requests
from peer import ACCOUNT, OURS, TOKEN, Sink, client, wait_for
from phones import ended, samples, tone, tone_ms
from twilio.twiml.voice_response import VoiceResponse

SCENARIOS = pathlib.Path(__file__).parents[1] / "sipp"
SIP, CARRIER = int(os.environ["SIP_PORT"]), int(os.environ["CARRIER_PORT"])
FAR = "+15558675600"
sink = Sink()
api = client()


class Sipp:
    """One call of a scenario; its end is awaited, and must be good."""

    def __init__(self, scenario, *arguments, target=None, port=CARRIER):
        command = ["sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", "127.0.0.1", "-p", str(port), "-m", "1", "-nostdin", "-timeout", "60s", "-timeout_error", *arguments]
        if target:
            command += ["-s", OURS, target]
        folder = os.environ["DATA"]
        self.run = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if not target:
            wait_for(f"{scenario} to listen", lambda: bound(port))

    def done(self):
        output, _ = self.run.communicate(timeout=90)
        assert self.run.returncode == 0, output[-3000:]


def bound(port):
    with open("/proc/net/udp") as table:
        return any(line.split()[1].endswith(f":{port:04X}") for line in list(table)[1:])


# Answered: what we play comes back, and is recorded.
sink.answers["/tone.wav"] = (200, "audio/wav", tone(1200, 3))
carrier = Sipp("answers", "-rtp_echo", "-mi", "127.0.0.1", "-mp", os.environ["RTP_PORT"])
playing = VoiceResponse()
playing.play(sink.url + "/tone.wav")
steps = ["initiated", "ringing", "answered", "completed"]
made = api.calls.create(to=FAR, from_=OURS, twiml=str(playing), record=True, recording_track="inbound", status_callback=sink.url + "/out", status_callback_event=steps)
over = ended(made)
carrier.done()
assert int(over.duration) >= 3, over.duration
told = wait_for("its steps", lambda: sink.of("/out") if len(sink.of("/out")) == 4 else None)
assert [asked["form"]["CallStatus"] for asked in told] == ["initiated", "ringing", "in-progress", "completed"], told
recording = wait_for("its recording", lambda: [r for r in made.recordings.list() if r.status == "completed"])[0]
url = f"{os.environ['BASE_URL']}/2010-04-01/Accounts/{ACCOUNT}/Recordings/{recording.sid}.wav"
kept = requests.get(url, auth=(ACCOUNT, TOKEN), timeout=10)
echoed = tone_ms(samples(kept.content), 1200)
assert echoed >= 2500, echoed
story = f"{os.environ['BASE_URL']}/trunkline/v1/Calls/{made.sid}/Timeline"
quality = wait_for("its numbers", lambda: requests.get(story, auth=(ACCOUNT, TOKEN), timeout=10).json()["quality"])
assert quality["packets_received"] >= 100 and quality["packets_sent"] >= 100 and quality["mos"] > 3, quality

# Busy; ringing until it is called back, by time and by the application.
carrier = Sipp("busy")
busy = ended(api.calls.create(to=FAR, from_=OURS, twiml="<Response/>"), "busy")
carrier.done()
carrier = Sipp("rings")
ended(api.calls.create(to=FAR, from_=OURS, twiml="<Response/>", timeout=1), "no-answer")
carrier.done()
carrier = Sipp("rings")
rings = api.calls.create(to=FAR, from_=OURS, twiml="<Response/>")
wait_for("it rings", lambda: rings.fetch().status == "ringing")
rings.update(status="canceled")
ended(rings, "canceled")
carrier.done()

# A call in, by its name and number.
number = api.incoming_phone_numbers.list(phone_number=OURS)[0]
number.update(voice_url=sink.url + "/in", status_callback=sink.url + "/status")
welcome = VoiceResponse()
welcome.say("welcome")
sink.answers["/in"] = (200, "text/xml", str(welcome))
Sipp("calls", target=f"127.0.0.1:{SIP}").done()
form = sink.of("/in")[0]["form"]
assert (form["From"], form["To"], form["CallerName"]) == ("+15558675610", OURS, "Ann"), form
ended(api.calls(form["CallSid"]).fetch())

# The caller gives up before the application has answered.
late = threading.Event()


def slow(_):
    late.wait(20)
    return (200, "text/xml", str(welcome))


sink.answers["/in"] = slow
Sipp("gives_up", target=f"127.0.0.1:{SIP}").done()
form = sink.of("/in")[-1]["form"]
lost = wait_for("its end", lambda: (lambda c: c if c.end_time else None)(api.calls(form["CallSid"]).fetch()))
late.set()
assert lost.status in ("canceled", "no-answer") and lost.duration == "0", vars(lost)
wait_for("the end is told", lambda: any(asked["form"]["CallSid"] == lost.sid for asked in sink.of("/status")))
