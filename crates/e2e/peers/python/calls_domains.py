"""A SIP domain made with the official SDK, and softphones (baresip) that register with it, call it and are called."""
import os

import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, Sink, client, wait_for
from phones import calls, ended, heard, live, phone, power
from softphone import Softphone
from twilio.base.exceptions import TwilioRestException
from twilio.twiml.voice_response import Dial, VoiceResponse

SIP = os.environ["SIP_PORT"]
DOMAIN, PASSWORD = "desks.sip.twilio.com", "IWasAtSignal2018"
HANDSET = "+15558675310"
sink = Sink()
api = client()
api.monitor.base_url = BASE + "/monitor"


def account(user, password=PASSWORD, more="answermode=auto", domain=DOMAIN):
    return (f"<sip:{user}@{domain}>;auth_user={user};auth_pass={password};regint=600;"
            f'outbound="sip:127.0.0.1:{SIP}";{more}')


def document(path, *verbs):
    response = VoiceResponse()
    for verb in verbs:
        response.append(verb)
    sink.answers[path] = (200, "text/xml", str(response))
    return sink.url + path


def recorded(path="/voice"):
    response = VoiceResponse()
    response.record(action=sink.url + "/recorded", max_length=2, play_beep=False)
    sink.answers["/recorded"] = (200, "text/xml", "<Response><Hangup/></Response>")
    sink.answers[path] = (200, "text/xml", str(response))


def dialled(target, **attributes):
    dial = Dial(action=sink.url + "/dialled", **attributes)
    dial.sip(target)
    document("/dialled")
    return dial


# The domain, its users, and what is refused of them.
users = api.sip.credential_lists.create(friendly_name="desks")
for user in ("alice", "bob"):
    made = users.credentials.create(username=user, password=PASSWORD)
    assert made.username == user and not hasattr(made, "password")
try:
    users.credentials.create(username="eve", password="tooshort")
    raise AssertionError("a weak password was taken")
except TwilioRestException as refused:
    assert refused.code == 21243, refused
domain = api.sip.domains.create(domain_name=DOMAIN, voice_url=sink.url + "/voice", sip_registration=True)
domain.auth.calls.credential_list_mappings.create(credential_list_sid=users.sid)
domain.auth.registrations.credential_list_mappings.create(credential_list_sid=users.sid)
assert domain.fetch().auth_type == "CREDENTIAL_LIST", domain.fetch().auth_type
assert [m.friendly_name for m in domain.credential_list_mappings.list()] == ["desks"]

# A user registers, calls in, and its document runs.
alice = Softphone("alice", account("alice"))
alice.registers()
recorded()
alice.tell("dial", f"sip:4711@{DOMAIN}")
form = wait_for("the message", lambda: sink.of("/recorded"))[0]["form"]
asked = sink.of("/voice")[0]
assert asked["signed"]
for name, value in {
    "From": f"sip:alice@{DOMAIN}", "To": f"sip:4711@{DOMAIN}", "SipDomain": DOMAIN,
    "SipDomainSid": domain.sid, "SipUsername": "alice", "SipSourceIp": "127.0.0.1", "Direction": "inbound",
}.items():
    assert asked["form"].get(name) == value, (name, asked["form"])
assert asked["form"]["SipCallId"], asked["form"]
assert form["RecordingDuration"] == "2", form
ended(api.calls(form["CallSid"]).fetch())
alice.happened("CALL_CLOSED")

# It is called by the API.
made = api.calls.create(to=f"sip:alice@{DOMAIN}", from_=OURS, twiml="<Response><Pause length='2'/></Response>")
assert int(ended(made).duration) >= 2

# It is called by Dial, heard, holds and resumes: the call stays, and the sound comes back.
number = api.incoming_phone_numbers.list(phone_number=OURS)[0]
number.update(voice_url=document("/number", dialled(f"sip:alice@{DOMAIN}")))
call = phone(HANDSET, to=OURS)["id"]
live(HANDSET)


def sounds(wanted):
    """Whether the last half second is the softphone's tone, or is not."""
    audio = heard(HANDSET, call)
    return len(audio) > 8000 and (power(audio[-4000:], 650) > 0.9) == wanted


wait_for("its tone", lambda: sounds(True))
alice.tell("hold")
wait_for("silence on hold", lambda: sounds(False))
alice.tell("resume")
wait_for("its tone again", lambda: sounds(True))
phone(HANDSET, action="hangup")
dialled_form = wait_for("the end of the dial", lambda: sink.of("/dialled"))[0]["form"]
assert dialled_form["DialCallStatus"] == "completed", dialled_form

# It sends the caller on to bob, who is heard from then on (REFER, with referUrl).
bob = Softphone("bob", account("bob"), hertz=850)
bob.registers()
document("/refer", dialled(f"sip:bob@{DOMAIN}"))
number.update(voice_url=document("/number", dialled(f"sip:alice@{DOMAIN}", refer_url=sink.url + "/refer")))
call = phone(HANDSET, to=OURS)["id"]
live(HANDSET)
wait_for("alice's tone", lambda: sounds(True))
mark = alice.mark()
alice.tell("transfer", f"sip:bob@{DOMAIN}")
wait_for("bob's tone", lambda: power(heard(HANDSET, call)[-4000:], 850) > 0.9)
assert sink.of("/refer")[0]["signed"], sink.of("/refer")
alice.happened("CALL_CLOSED", mark)
bob.tell("hangup")
wait_for("the end at the caller", lambda: calls(HANDSET)[-1]["state"] == "ended")
bob.stop()

# A second phone of the same user rings as well; who picks up first has the call.
waiting = Softphone("alice-2", account("alice", more="answermode=manual"))
waiting.registers()
bound = requests.get(f"{BASE}/trunkline/v1/SipPhones", auth=(ACCOUNT, TOKEN), timeout=10).json()["sip_phones"]
assert [b["address"] for b in bound] == [f"sip:alice@{DOMAIN}"] * 2 and bound[0]["domain_sid"] == domain.sid, bound
mark = waiting.mark()
made = api.calls.create(to=f"sip:alice@{DOMAIN}", from_=OURS, twiml="<Response><Pause length='1'/></Response>")
waiting.happened("CALL_INCOMING", mark)
waiting.happened("CALL_CLOSED", mark)
ended(made)
alice.stop()

# Who is gone by its own word is not rung; the other one still is.
mark = waiting.mark()
made = api.calls.create(to=f"sip:alice@{DOMAIN}", from_=OURS, twiml="<Response/>")
waiting.happened("CALL_INCOMING", mark)
waiting.tell("accept")
ended(made)
waiting.stop()

# Nobody is registered: the call fails, and a dial says so.
made = api.calls.create(to=f"sip:bob@{DOMAIN}", from_=OURS, twiml="<Response/>")
ended(made, "failed")
del sink.requests[:]
number.update(voice_url=document("/number", dialled(f"sip:bob@{DOMAIN}")))
phone(HANDSET, to=OURS)
form = wait_for("the end of the dial", lambda: sink.of("/dialled"))[0]["form"]
assert form["DialCallStatus"] == "failed", form

# A wrong password neither registers nor calls; a stranger and a domain without mappings are refused.
del sink.requests[:]
mallory = Softphone("mallory", account("bob", password="NotThePassword1"))
mallory.registers("403")
mallory.tell("dial", f"sip:4711@{DOMAIN}")
assert "403" in mallory.happened("CALL_CLOSED")["param"], mallory.events
mallory.stop()
told = wait_for("its alert", lambda: [a for a in api.monitor.v1.alerts.list() if a.error_code == "32202"])
assert [a.resource_sid for a in told] == [domain.sid], "one for all tries of one address"
api.sip.domains.create(domain_name="open.sip.twilio.com", voice_url=sink.url + "/voice")
stranger = Softphone("stranger", f'<sip:x@127.0.0.1>;regint=0;outbound="sip:127.0.0.1:{SIP}"')
stranger.tell("dial", "sip:4711@open.sip.twilio.com")
assert "403" in stranger.happened("CALL_CLOSED")["param"], stranger.events
mark = stranger.mark()
stranger.tell("dial", f"sip:4711@{DOMAIN}")
stranger.happened("CALL_CLOSED", mark)
assert not sink.of("/voice"), sink.requests

# A mapped address lets in without a password; another one does not, whatever the password.
addresses = api.sip.ip_access_control_lists.create(friendly_name="here")
entry = addresses.ip_addresses.create(friendly_name="loopback", ip_address="127.0.0.0", cidr_prefix_length=8)
opened = next(d for d in api.sip.domains.list() if d.domain_name == "open.sip.twilio.com")
opened.auth.calls.ip_access_control_list_mappings.create(ip_access_control_list_sid=addresses.sid)
document("/voice")
mark = stranger.mark()
stranger.tell("dial", "sip:4711@open.sip.twilio.com")
wait_for("its call", lambda: sink.of("/voice"))
assert "SipUsername" not in sink.of("/voice")[0]["form"]
stranger.happened("CALL_CLOSED", mark)
entry.update(ip_address="192.0.2.0", cidr_prefix_length=24)
del sink.requests[:]
mark = stranger.mark()
stranger.tell("dial", "sip:4711@open.sip.twilio.com")
assert "403" in stranger.happened("CALL_CLOSED", mark)["param"]
assert not sink.of("/voice")
stranger.stop()
wait_for("its alert", lambda: [a for a in api.monitor.v1.alerts.list() if a.error_code == "32201" and a.resource_sid == opened.sid])

# Where both kinds of lists are mapped, a right password from elsewhere is not enough.
domain.auth.calls.ip_access_control_list_mappings.create(ip_access_control_list_sid=addresses.sid)
assert domain.fetch().auth_type == "IP_ACL,CREDENTIAL_LIST"
alice = Softphone("alice-3", account("alice"))
alice.registers()
alice.tell("dial", f"sip:4711@{DOMAIN}")
assert "403" in alice.happened("CALL_CLOSED")["param"], alice.events
entry.update(ip_address="127.0.0.1", cidr_prefix_length=32)
alice.tell("dial", f"sip:4711@{DOMAIN}")
wait_for("its call", lambda: sink.of("/voice"))
assert sink.of("/voice")[0]["form"]["SipUsername"] == "alice"

# A phone whose credential is taken away is not rung, though its registration runs on.
for user in users.credentials.list():
    if user.username == "alice":
        user.delete()
made = api.calls.create(to=f"sip:alice@{DOMAIN}", from_=OURS, twiml="<Response/>")
ended(made, "failed")
alice.stop()
