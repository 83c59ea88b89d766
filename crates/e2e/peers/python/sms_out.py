"""A text out: accepted, delivered, called back in order and signed; lists, filters, redaction."""
import datetime

import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, Sink, client, handset, wait_for
from twilio.base.exceptions import TwilioRestException

sink = Sink()
api = client()

sent = api.messages.create(to="+15558675310", from_=OURS, body="Hello 😀", status_callback=sink.url + "/status?order=7")
assert sent.status == "queued" and sent.sid.startswith("SM") and sent.num_segments == "1", sent.status
assert sent.direction == "outbound-api" and sent.price is None and sent.date_sent is None
arrived = wait_for("the text on the handset", lambda: handset("+15558675310"))
assert [m["body"] for m in arrived] == ["Hello 😀"] and arrived[0]["from"] == OURS, arrived
wait_for("two callbacks", lambda: len(sink.of("/status")) == 2)
callbacks = sink.of("/status")
assert [c["form"]["MessageStatus"] for c in callbacks] == ["sent", "delivered"], callbacks
assert all(c["signed"] for c in callbacks), "the official validator accepts the signature"
assert all(c["form"]["MessageSid"] == sent.sid == c["form"]["SmsSid"] for c in callbacks)
assert all(c["form"]["AccountSid"] == ACCOUNT and c["form"]["To"] == "+15558675310" for c in callbacks)
fetched = sent.fetch()
assert fetched.status == "delivered" and fetched.price == "-0.00790" and fetched.date_sent is not None
assert fetched.body == "Hello 😀" and fetched.error_code is None and fetched.price_unit == "USD"

# Segments, media, alphanumeric senders.
long = api.messages.create(to="+15558675311", from_=OURS, body="a" * 161)
assert long.num_segments == "2"
smart = api.messages.create(to="+15558675311", from_=OURS, body="“x” " * 30, smart_encoded=True)
assert smart.num_segments == "1", smart.num_segments
alpha = api.messages.create(to="+15558675311", from_="Acme Shop", body="hi")
assert alpha.from_ == "Acme Shop"
sink.answers["/cat.png"], sink.answers["/dog.jpg"] = (200, "image/png", b"a cat"), (200, "image/jpeg", b"a dog")
mms = api.messages.create(to="+15558675312", from_=OURS, media_url=[sink.url + "/cat.png", sink.url + "/dog.jpg"])
assert mms.sid.startswith("MM") and mms.num_media == "2", mms.sid
media = mms.media.list()
assert len(media) == 2 and {m.content_type for m in media} == {"image/png", "image/jpeg"}, media
assert media[0].parent_sid == mms.sid and mms.media(media[0].sid).fetch().sid == media[0].sid
arrived = wait_for("the media message", lambda: handset("+15558675312"))
assert [requests.get(url, timeout=10).content for url in arrived[0]["media"]] == [b"a cat", b"a dog"], arrived

# Lists: pages, streams, filters.
for number in range(25):
    api.messages.create(to="+15558675320", from_=OURS, body=f"page {number}")
everything = api.messages.list(to="+15558675320", page_size=7)
assert [m.body for m in everything] == [f"page {n}" for n in reversed(range(25))], len(everything)
assert len(list(api.messages.stream(to="+15558675320", page_size=10, limit=13))) == 13
first = api.messages.page(to="+15558675320", page_size=10)
assert len(list(first)) == 10 and first.previous_page() is None
second = api.messages.get_page(first.next_page_url) if hasattr(first, "next_page_url") else first.next_page()
assert [m.body for m in second] == [f"page {n}" for n in range(14, 4, -1)]
back = second.previous_page()
assert [m.body for m in back] == [f"page {n}" for n in range(24, 14, -1)]
wait_for("all of them sent", lambda: api.messages.list(to="+15558675320", limit=1)[0].date_sent)
today = datetime.datetime.now(datetime.timezone.utc)
day = datetime.timedelta(days=1)
assert api.messages.list(date_sent_after=today - day, limit=3)
assert not api.messages.list(date_sent_before=today - day, limit=3)
assert api.messages.list(date_sent=today.date(), limit=3)
assert not api.messages.list(date_sent=(today + day).date(), limit=3)
assert not api.messages.list(from_="+15550009999")

# Redact, feedback, delete, cancel.
wait_for("the first is final", lambda: sent.fetch().status == "delivered")
assert api.messages(sent.sid).update(body="").body == ""
assert sent.fetch().body == ""
noted = api.messages(sent.sid).feedback.create(outcome="confirmed")
assert noted.outcome == "confirmed" and noted.message_sid == sent.sid
try:
    api.messages(sent.sid).update(status="canceled")
    raise AssertionError("a delivered message can't be canceled")
except TwilioRestException as error:
    assert error.code == 20009, error
assert api.messages(sent.sid).delete()
try:
    sent.fetch()
    raise AssertionError("a deleted message is gone")
except TwilioRestException as error:
    assert (error.status, error.code) == (404, 20404), error

# An Idempotency-Key makes a create safe to repeat.
url = f"{BASE}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
form = {"To": "+15558675330", "From": OURS, "Body": "once"}
headers = {"Idempotency-Key": "order-17"}
one = requests.post(url, form, auth=(ACCOUNT, TOKEN), headers=headers, timeout=10)
two = requests.post(url, form, auth=(ACCOUNT, TOKEN), headers=headers, timeout=10)
assert (one.status_code, two.status_code) == (201, 201) and one.json()["sid"] == two.json()["sid"]
other = requests.post(url, {**form, "Body": "twice"}, auth=(ACCOUNT, TOKEN), headers=headers, timeout=10)
assert other.status_code == 409 and other.json()["code"] == 20409, other.text
wait_for("it arrived", lambda: handset("+15558675330"))
assert len(handset("+15558675330")) == 1

# MaxPrice: accepted, then failed with its code, and called back.
dear = api.messages.create(to="+15558675340", from_=OURS, body="x" * 400, max_price="0.01", status_callback=sink.url + "/dear")
wait_for("the callback of the failure", lambda: sink.of("/dear"))
assert sink.of("/dear")[0]["form"]["MessageStatus"] == "failed"
assert sink.of("/dear")[0]["form"]["ErrorCode"] == "30010"
assert dear.fetch().error_code == 30010
