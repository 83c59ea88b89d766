"""Numbers proved by a call, where calls may go, MP3 and peaks of recordings, and a call's SIP."""
import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, Sink, client, wait_for
from phones import calls, ended, heard, live, phone, play, tone, tone_ms
from twilio.base.exceptions import TwilioRestException
from twilio.twiml.voice_response import VoiceResponse

XML = "text/xml"
PHONE, MINE = "+15558675610", "+15558675611"
AUTH = (ACCOUNT, TOKEN)
sink = Sink()
api = client()
api.voice.base_url = BASE + "/voice"


def refused(code, make):
    try:
        make()
    except TwilioRestException as error:
        assert error.code == code, error
        return
    raise AssertionError(f"{code} was expected")


def call(to, twiml="<Response/>", from_=OURS, **more):
    return api.calls.create(to=to, from_=from_, twiml=str(twiml), **more)


# A number of one's own may call only once it is proved: the right code is pressed at the second try.
refused(21210, lambda: call(PHONE, from_=MINE))
asked = api.validation_requests.create(MINE, friendly_name="mine", status_callback=sink.url + "/proved", status_callback_method="GET")
assert len(asked.validation_code) == 6 and asked.validation_code.isdigit(), vars(asked)
assert (asked.phone_number, asked.friendly_name) == (MINE, "mine"), vars(asked)
live(MINE, "ringing")
phone(MINE, action="answer")
live(MINE)
wrong = "000000" if asked.validation_code != "000000" else "111111"
wait_for("the question", lambda: calls(MINE)[-1]["heard_ms"] > 500)
phone(MINE, action="digits", digits=wrong)
heard_ms = calls(MINE)[-1]["heard_ms"]
wait_for("the question again", lambda: calls(MINE)[-1]["heard_ms"] > heard_ms + 2500)
phone(MINE, action="digits", digits=asked.validation_code)
told = wait_for("the end is told", lambda: sink.of("/proved"))[0]
assert told["method"] == "GET" and told["signed"] and told["form"]["VerificationStatus"] == "success", told
assert told["form"]["CallSid"] == asked.call_sid, told
known = api.outgoing_caller_ids.list(phone_number=MINE)
assert [(one.sid, one.friendly_name) for one in known] == [(told["form"]["OutgoingCallerIdSid"], "mine")], known
ended(api.calls(asked.call_sid).fetch())
refused(21450, lambda: api.validation_requests.create(MINE))
phone(PHONE, behave="answer")
ended(call(PHONE, from_=MINE))
assert calls(PHONE)[-1]["peer"] == MINE

# Nobody answers: that is told too, and nothing is proved.
phone("+15558675612", behave="decline")
lost = api.validation_requests.create("+15558675612", call_delay=1, status_callback=sink.url + "/lost")
ended(api.calls(lost.call_sid).fetch(), "busy")
told = wait_for("the end is told", lambda: sink.of("/lost"))[0]
assert told["signed"] and told["form"]["VerificationStatus"] == "failed", told
assert not api.outgoing_caller_ids.list(phone_number="+15558675612")
refused(21454, lambda: api.validation_requests.create("+15558675612", call_delay=61))
refused(21401, lambda: api.validation_requests.create("12"))

# Where calls may go: by country, and premium numbers apart.
countries = api.voice.v1.dialing_permissions.countries
britain = countries("GB").fetch()
assert (britain.name, britain.country_codes, britain.low_risk_numbers_enabled) == ("United Kingdom", ["+44"], True), vars(britain)
assert not britain.high_risk_special_numbers_enabled
assert len(countries.list()) > 220 and [c.iso_code for c in countries.list(country_code="44")][:1] == ["GB"]
prefixes = [one.prefix for one in countries("GB").highrisk_special_prefixes.list()]
assert prefixes == ["+449"], prefixes
premium = "+449098790000"
refused(21202, lambda: call(premium))
bulk = api.voice.v1.dialing_permissions.bulk_country_updates
done = bulk.create('[{"iso_code": "GB", "high_risk_special_numbers_enabled": "true"}, {"iso_code": "FR", "low_risk_numbers_enabled": "false"}]')
assert done.update_count == 2, vars(done)
assert call(premium).status == "queued"
refused(21215, lambda: call("+33199000199"))
assert not countries("FR").fetch().low_risk_numbers_enabled
assert api.voice.v1.dialing_permissions.settings().fetch().dialing_permissions_inheritance is True
refused(21202, lambda: call("+870773000000"))

# What has no effect here is refused, not passed over.
refused(20001, lambda: call(PHONE, machine_detection="Enable"))

# A recording as MP3, and what it looks like.
recorded = call(PHONE, "<Response><Record maxLength='3' timeout='0'/></Response>")
live(PHONE)
wait_for("it is answered", lambda: recorded.fetch().status == "in-progress")
play(PHONE, tone(700, 4))
ended(recorded)
recording = wait_for("the recording", lambda: [r for r in recorded.recordings.list() if r.status == "completed"])[0]
url = f"{BASE}/2010-04-01/Accounts/{ACCOUNT}/Recordings/{recording.sid}"
for _ in range(2):
    mp3 = requests.get(url + ".mp3", auth=AUTH, timeout=30)
    assert mp3.status_code == 200 and mp3.headers["Content-Type"] == "audio/mpeg", (mp3.status_code, mp3.text[:200])
wav = requests.get(url + ".wav", auth=AUTH, timeout=10).content
assert 1000 < len(mp3.content) < len(wav) / 2, (len(mp3.content), len(wav))
sink.answers["/kept.mp3"] = (200, "audio/mpeg", mp3.content)
again = call(PHONE, f"<Response><Play>{sink.url}/kept.mp3</Play></Response>")
ended(again)
played = heard(PHONE, calls(PHONE)[-1]["id"])
assert tone_ms(played, 700) >= 2000, tone_ms(played, 700)
peaks = requests.get(f"{BASE}/trunkline/v1/Recordings/{recording.sid}/Peaks?Points=50", auth=AUTH, timeout=10).json()
assert peaks["points"] == 50 and [len(channel) for channel in peaks["channels"]] == [50], peaks
assert max(peaks["channels"][0]) > 5000 and peaks["duration_ms"] >= 2000, peaks

# The call's story: its SIP, and what its webhooks answered.
document = VoiceResponse()
document.say("hello")
sink.answers["/doc"] = (200, XML, str(document))
talk = api.calls.create(to=PHONE, from_=OURS, url=sink.url + "/doc")
ended(talk)


def story(sid):
    return requests.get(f"{BASE}/trunkline/v1/Calls/{sid}/Timeline", auth=AUTH, timeout=10).json()["steps"]


wait_for("the goodbye", lambda: [s for s in story(talk.sid) if s["kind"] == "sip" and s["name"] == "BYE"])
ladder = [(s["direction"], s["name"]) for s in story(talk.sid) if s["kind"] == "sip"]
assert ladder[0] == ("sent", "INVITE") and ("received", "180") in ladder and ("sent", "ACK") in ladder, ladder
first = next(s for s in story(talk.sid) if s["kind"] == "sip")
assert first["first_line"].startswith("INVITE sip:") and first["body_octets"] > 50 and "v=0" not in str(first["headers"]), first
asked = next(s for s in story(talk.sid) if s["kind"] == "webhook")
assert "<Say>hello</Say>" in asked["answer"] and asked["request"]["CallSid"] == talk.sid, asked
times = [s["at"] for s in story(talk.sid)]
assert times == sorted(times)

# Handsets that had calls are listed beside those that had texts.
handsets = requests.get(f"{BASE}/dev/handsets", auth=AUTH, timeout=10).json()["handsets"]
mine = next(one for one in handsets if one["number"] == MINE)
assert mine["calls"] == 1 and mine["messages"] == 0, mine
