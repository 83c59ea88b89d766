"""A softphone registers; after a kill and a restart of the program it is reached without a word of its own."""
import os
import pathlib
import signal

from peer import OURS, client
from phones import ended
from softphone import Softphone

SIP, PHASE = os.environ["SIP_PORT"], os.environ["PHASE"]
DOMAIN, PASSWORD = "kept.sip.twilio.com", "IWasAtSignal2018"
pid = pathlib.Path(os.environ["DATA"], "softphone.pid")
api = client()

if PHASE == "before":
    users = api.sip.credential_lists.create(friendly_name="kept")
    users.credentials.create(username="alice", password=PASSWORD)
    domain = api.sip.domains.create(domain_name=DOMAIN, sip_registration=True)
    domain.auth.registrations.credential_list_mappings.create(credential_list_sid=users.sid)
    known = f"<sip:alice@{DOMAIN}>;auth_user=alice;auth_pass={PASSWORD};regint=3600;answermode=auto;"
    alice = Softphone("alice", f'{known}outbound="sip:127.0.0.1:{SIP}"', stays=True)
    alice.registers()
    ended(api.calls.create(to=f"sip:alice@{DOMAIN}", from_=OURS, twiml="<Response/>"))
    pid.write_text(str(alice.process.pid))
else:
    made = api.calls.create(to=f"sip:alice@{DOMAIN}", from_=OURS, twiml="<Response><Pause length='1'/></Response>")
    ended(made)
    os.kill(int(pid.read_text()), signal.SIGTERM)
