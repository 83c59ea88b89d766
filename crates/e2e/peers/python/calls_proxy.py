"""A carrier behind a proxy (Kamailio) that stays in the way: we register with it, calls go out and come in, and either side hangs up."""
import os

import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, Sink, client, wait_for
from phones import ended
from proxy import Proxy
from softphone import Softphone

SIP, CARRIER = os.environ["SIP_PORT"], os.environ["CARRIER_PORT"]
sink = Sink()
api = client()
number = api.incoming_phone_numbers.list(phone_number=OURS)[0]
number.update(voice_url=sink.url + "/voice")

# A phone that answers whatever it is called, behind the proxy.
phone = Softphone("behind", f'<sip:03012345678@127.0.0.1>;regint=0;answermode=auto;catchall=yes;outbound="sip:127.0.0.1:{CARRIER}"')
proxy = Proxy(CARRIER, SIP, phone.port, os.environ["CARRIER_PASSWORD"])
wait_for("our registration", lambda: "registered trunk for 600" in proxy.said())


def shown():
    answer = requests.get(f"{BASE}/trunkline/v1/SipCarriers", auth=(ACCOUNT, TOKEN), timeout=10)
    line = answer.json()["sip_carriers"][0]
    return line["up"] and line["registration"] == {"state": "registered", "expires_s": 60}


wait_for("it to be shown", shown)

# Out, as the carrier writes numbers; we hang up.
mark = phone.mark()
made = api.calls.create(to="+493012345678", from_=OURS, twiml="<Response><Pause length='1'/></Response>")
ended(made)
phone.happened("CALL_ESTABLISHED", mark)
phone.happened("CALL_CLOSED", mark)
assert "calls 03012345678 from 0015550001111" in proxy.said(), proxy.said()
wait_for("our BYE by the proxy", lambda: f"within BYE from {SIP}" in proxy.said())

# Out; the phone hangs up.
mark = phone.mark()
made = api.calls.create(to="+493012345678", from_=OURS, twiml="<Response><Pause length='60'/></Response>")
phone.happened("CALL_ESTABLISHED", mark)
wait_for("the answer", lambda: made.fetch().status == "in-progress")
phone.tell("hangup")
ended(made)
assert f"within BYE from {phone.port}" in proxy.said(), proxy.said()

# In, as the carrier writes numbers; the document hangs up.
sink.answers["/voice"] = (200, "text/xml", "<Response><Pause length='1'/></Response>")
mark = phone.mark()
phone.tell("dial", f"sip:0015550001111@127.0.0.1:{SIP}")
form = wait_for("its call", lambda: sink.of("/voice"))[0]["form"]
assert (form["From"], form["To"]) == ("+493012345678", OURS), form
phone.happened("CALL_ESTABLISHED", mark)
phone.happened("CALL_CLOSED", mark)
ended(api.calls(form["CallSid"]).fetch())

# In; the phone hangs up.
del sink.requests[:]
sink.answers["/voice"] = (200, "text/xml", "<Response><Gather timeout='60'/></Response>")
mark = phone.mark()
phone.tell("dial", f"sip:0015550001111@127.0.0.1:{SIP}")
form = wait_for("its call", lambda: sink.of("/voice"))[0]["form"]
phone.happened("CALL_ESTABLISHED", mark)
phone.tell("hangup")
ended(api.calls(form["CallSid"]).fetch())
assert f"within BYE from {phone.port}" in proxy.said().rpartition("within ACK")[2], proxy.said()
phone.stop()
proxy.stop()
