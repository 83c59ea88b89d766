"""Calls to and from baresip, a softphone: a SIP address that answers by itself, and a caller that leaves a message."""
import os
import pathlib
import subprocess

import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, Sink, client, wait_for
from phones import ended, samples, tone, tone_ms
from twilio.twiml.voice_response import VoiceResponse

SIP, PHONE = os.environ["SIP_PORT"], os.environ["PHONE_PORT"]
CONFIG = """
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module_app account.so
module_app menu.so
audio_source aufile,{folder}/said.wav
"""
sink = Sink()
api = client()


def baresip(hertz, *commands):
    folder = pathlib.Path(os.environ["DATA"], f"baresip-{hertz}")
    folder.mkdir()
    (folder / "config").write_text(CONFIG.format(port=PHONE, folder=folder))
    (folder / "accounts").write_text("<sip:bob@127.0.0.1>;regint=0;answermode=auto\n")
    (folder / "contacts").touch()
    (folder / "said.wav").write_bytes(tone(hertz, 30))
    started = [argument for command in commands for argument in ("-e", command)]
    return subprocess.Popen(["baresip", "-f", str(folder), *started], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def bound():
    with open("/proc/net/udp") as table:
        return any(line.split()[1].endswith(f":{int(PHONE):04X}") for line in list(table)[1:])


def kept(recording):
    url = f"{BASE}/2010-04-01/Accounts/{ACCOUNT}/Recordings/{recording}.wav"
    return samples(requests.get(url, auth=(ACCOUNT, TOKEN), timeout=10).content)


# We call it.
bob = baresip(850)
wait_for("baresip", bound)
made = api.calls.create(to=f"sip:bob@127.0.0.1:{PHONE}", from_=OURS, twiml="<Response><Pause length='4'/></Response>", record=True, recording_track="inbound")
over = ended(made)
assert int(over.duration) >= 4, over.duration
recording = wait_for("its recording", lambda: [r for r in made.recordings.list() if r.status == "completed"])[0]
heard = tone_ms(kept(recording.sid), 850)
assert heard >= 3000, heard
bob.terminate()
bob.wait(20)

# It calls us, and leaves a message that is cut off after three seconds.
number = api.incoming_phone_numbers.list(phone_number=OURS)[0]
number.update(voice_url=sink.url + "/voice")
record = VoiceResponse()
record.record(action=sink.url + "/recorded", max_length=3, play_beep=False)
sink.answers["/voice"] = (200, "text/xml", str(record))
sink.answers["/recorded"] = (200, "text/xml", "<Response><Hangup/></Response>")
bob = baresip(650, f"d sip:{OURS}@127.0.0.1:{SIP}")
form = wait_for("the message", lambda: sink.of("/recorded"))[0]["form"]
assert form["RecordingDuration"] == "3" and form["From"].startswith("sip:bob@127.0.0.1"), form
assert tone_ms(kept(form["RecordingSid"]), 650) >= 2500, form
ended(api.calls(form["CallSid"]).fetch())
bob.terminate()
bob.wait(20)
