"""A domain that wants TLS: a softphone (baresip) registers over TLS, calls and is called over its connection; over UDP it is refused."""
import os
import pathlib

from peer import OURS, Sink, client, wait_for
from phones import ended
from softphone import Softphone

UDP, TLS = os.environ["SIP_PORT"], os.environ["TLS_PORT"]
DOMAIN, PASSWORD = "vault.sip.twilio.com", "IWasAtSignal2018"
sink = Sink()
api = client()

users = api.sip.credential_lists.create(friendly_name="vault")
users.credentials.create(username="alice", password=PASSWORD)
domain = api.sip.domains.create(domain_name=DOMAIN, voice_url=sink.url + "/voice", sip_registration=True, secure=True)
domain.auth.calls.credential_list_mappings.create(credential_list_sid=users.sid)
domain.auth.registrations.credential_list_mappings.create(credential_list_sid=users.sid)
sink.answers["/voice"] = (200, "text/xml", "<Response><Pause length='1'/></Response>")

authority = pathlib.Path(os.environ["DATA"], "authority", "ca.pem")
known = f"<sip:alice@{DOMAIN}>;auth_user=alice;auth_pass={PASSWORD};regint=600;answermode=auto;"
alice = Softphone("alice", f'{known}outbound="sip:127.0.0.1:{TLS};transport=tls"', sip=f"sip_cafile {authority}\nsip_verify_server yes")
alice.registers()
mark = alice.mark()
alice.tell("dial", f"sip:4711@{DOMAIN}")
asked = wait_for("its call", lambda: sink.of("/voice"))[0]
assert asked["form"]["SipUsername"] == "alice", asked
alice.happened("CALL_ESTABLISHED", mark)
alice.happened("CALL_CLOSED", mark)
ended(api.calls(asked["form"]["CallSid"]).fetch())
made = api.calls.create(to=f"sip:alice@{DOMAIN}", from_=OURS, twiml="<Response><Pause length='1'/></Response>")
ended(made)

# Its connection is how it is reached: without it the phone is gone.
alice.process.kill()
alice.process.wait(20)


def unreached():
    made = api.calls.create(to=f"sip:alice@{DOMAIN}", from_=OURS, twiml="<Response/>")
    over = wait_for("its end", lambda: made.fetch().status in ("failed", "no-answer", "completed") and made.fetch())
    return over.status == "failed"


wait_for("the binding to go", unreached)

del sink.requests[:]
plain = Softphone("plain", f'{known}outbound="sip:127.0.0.1:{UDP}"')
plain.tell("dial", f"sip:4711@{DOMAIN}")
assert "403" in plain.happened("CALL_CLOSED")["param"], plain.events
assert not sink.of("/voice")
plain.stop()
