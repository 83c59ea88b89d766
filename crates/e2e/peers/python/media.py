"""Media: fetched once, kept, served; what can't be had fails the message; redaction removes it."""
import os

import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, Sink, client, handset, wait_for
from twilio.base.exceptions import TwilioRestException

sink = Sink()
api = client()
PNG = b"\x89PNG" + os.urandom(100_000)
sink.answers["/a.png"] = (200, "image/png", PNG)
sink.answers["/b.vcf"] = (200, "text/vcard; charset=utf-8", "BEGIN:VCARD")


def end_of(message):
    return wait_for("the end of the message", lambda: (lambda m: m if m.status in ("delivered", "failed", "undelivered") else None)(message.fetch()))


sent = api.messages.create(to="+15558675700", from_=OURS, body="two files", media_url=[sink.url + "/a.png", sink.url + "/b.vcf"])
assert sent.sid.startswith("MM") and sent.num_media == "2" and sent.status == "queued"
assert end_of(sent).status == "delivered"
assert len(sink.of("/a.png")) == 1, "fetched once"
kept = api.messages(sent.sid).media.list()
assert sorted(m.content_type for m in kept) == ["image/png", "text/vcard"], [m.content_type for m in kept]
arrived = handset("+15558675700")[0]
contents = {requests.get(url, timeout=10).headers["Content-Type"]: requests.get(url, timeout=10).content for url in arrived["media"]}
assert contents["image/png"] == PNG and contents["text/vcard"] == b"BEGIN:VCARD"
served = requests.get(arrived["media"][0], timeout=10)
assert served.headers["X-Content-Type-Options"] == "nosniff" and "sandbox" in served.headers["Content-Security-Policy"]
resource = f"{BASE}{kept[0].uri}"
assert requests.get(resource, timeout=10).status_code == 401
assert requests.get(resource, auth=(ACCOUNT, TOKEN), timeout=10).json()["sid"] == kept[0].sid

# Nothing of it lies open on the disk.
DATA = os.environ["DATA"]
blobs = [os.path.join(folder, name) for folder, _, names in os.walk(os.path.join(DATA, "blobs")) for name in names]
assert len(blobs) == 2 and not any(PNG[:50] in open(blob, "rb").read() for blob in blobs), blobs

# One removed, then all by redaction.
assert api.messages(sent.sid).media(kept[0].sid).delete()
assert requests.get(resource.removesuffix(".json"), timeout=10).status_code == 404
wait_for("its blob to go", lambda: sum(len(names) for _, _, names in os.walk(os.path.join(DATA, "blobs"))) == 1)
assert api.messages(sent.sid).update(body="").body == ""
wait_for("all blobs to go", lambda: sum(len(names) for _, _, names in os.walk(os.path.join(DATA, "blobs"))) == 0)
assert not api.messages(sent.sid).media.list()

# What can't be had.
sink.answers["/gone.png"] = (404, "text/plain", "")
sink.answers["/page.html"] = (200, "text/html", "<p>no</p>")
sink.answers["/huge.png"] = (200, "image/png", b"x" * (6 << 20))
for path, code in [("/gone.png", 11200), ("/page.html", 12300), ("/huge.png", 30019)]:
    told = f"/told{path}"
    sent = api.messages.create(to="+15558675700", from_=OURS, body="x", media_url=[sink.url + path], status_callback=sink.url + told)
    ended = end_of(sent)
    assert (ended.status, ended.error_code) == ("failed", code), (path, ended.status, ended.error_code)
    wait_for("the callback", lambda: [c["form"]["ErrorCode"] for c in sink.of(told)] == [str(code)])
refused = api.messages.create(to="+15558675700", from_=OURS, body="x", media_url=["http://10.0.0.1/private.png"])
assert end_of(refused).error_code == 11205, "the guard refuses private addresses"
alerts = requests.get(f"{BASE}/monitor/v1/Alerts", auth=(ACCOUNT, TOKEN), timeout=10).json()["alerts"]
assert {a["error_code"] for a in alerts} >= {"11200", "12300", "30019", "11205"}, alerts
told = [a["resource_sid"] for a in alerts]
assert len(told) == len(set(told)), "one alert for a message whose file can't be had"

# Numbers that can't send media.
british = [n for n in api.incoming_phone_numbers.list() if n.phone_number != OURS][0]
if not british.capabilities["mms"]:
    try:
        api.messages.create(to="+15558675700", from_=british.phone_number, media_url=[sink.url + "/a.png"])
        raise AssertionError("no media from there")
    except TwilioRestException as error:
        assert error.code == 21621, error
