"""`trunkline listen`: webhooks of addresses that nobody can reach arrive here, and are answered from here."""
import os
import subprocess
import threading

import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, Sink, client, handset, wait_for

PROGRAM, DATA = os.environ["PROGRAM"], os.environ["DATA"]
ENVIRONMENT = {**os.environ, "TRUNKLINE_DATA": DATA}
PHONE = "+15558675440"
api = client()
sink = Sink()
sink.answers["/sms"] = (200, "text/xml", "<Response><Message>from the laptop</Message></Response>")
api.incoming_phone_numbers.list(phone_number=OURS)[0].update(sms_url="https://shop.invalid/sms?tenant=1")


def listen(*arguments):
    return subprocess.run([PROGRAM, "listen", *arguments], env=ENVIRONMENT, capture_output=True, text=True, timeout=30)


# Carried here, with a signature for the address here, and answered from here.
lines = []
listener = subprocess.Popen([PROGRAM, "listen", "--forward", sink.url], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
threading.Thread(target=lambda: lines.extend(iter(listener.stdout.readline, "")), daemon=True).start()
wait_for("the listener", lambda: any(line.startswith("webhooks of") for line in lines))


def text_in():
    requests.post(f"{BASE}/dev/handsets/{PHONE}/messages", {"to": OURS, "body": "Hi"}, auth=(ACCOUNT, TOKEN), timeout=10)
    return "from the laptop" in [m["body"] for m in handset(PHONE)]


# The stream may open a moment after the line that announces it.
wait_for("the laptop's answer", text_in)
asked = sink.of("/sms")[-1]
assert asked["signed"] and asked["form"]["Body"] == "Hi", asked
sent = api.messages.create(from_=OURS, to=PHONE, body="x", status_callback="https://shop.invalid/told")
wait_for("both callbacks", lambda: len(sink.of("/told")) == 2)
assert [c["form"]["MessageStatus"] for c in sink.of("/told")] == ["sent", "delivered"]
assert all(c["signed"] for c in sink.of("/told"))
wait_for("what was printed", lambda: any("message delivered" in line and sent.sid in line for line in lines))

# One is sent again, and arrives here again.
again = listen("--replay", f"{sent.sid}/3")
assert again.returncode == 0, again.stderr
wait_for("the replay", lambda: len(sink.of("/told")) == 3)
assert listen("--replay", f"{sent.sid}/9").returncode == 1

listener.kill()

# Made up, signed, of each kind.
for kind, expected in [("message", "received"), ("media", "received"), ("stop", "received"), ("sent", "sent"), ("delivered", "delivered"), ("undelivered", "undelivered"), ("failed", "failed")]:
    made = listen("--test", kind, "--forward", sink.url + "/made")
    assert made.returncode == 0, made.stderr
    request = sink.of("/made")[-1]
    assert request["signed"] and request["form"]["SmsStatus"] == expected, request
assert listen("--test", "message", "--forward", "http://127.0.0.1:1").returncode == 1

# Only with the account's own credentials.
stranger = listen("--forward", sink.url, "--account", ACCOUNT, "--token", "wrong")
assert stranger.returncode == 1 and "401" in stranger.stdout + stranger.stderr, stranger
