"""A call from a carrier that is SIPp stands when the program is asked to end: it gets its BYE, and its end is told."""
import os
import pathlib
import subprocess

from peer import OURS, Sink, client, wait_for

SCENARIO = pathlib.Path(__file__).parents[1] / "sipp" / "calls.xml"
folder = pathlib.Path(os.environ["DATA"])
sink = Sink()
sink.answers["/in"] = (200, "text/xml", "<Response><Gather timeout='120'/></Response>")
api = client()
number = api.incoming_phone_numbers.list(phone_number=OURS)[0]
number.update(voice_url=sink.url + "/in", status_callback=sink.url + "/status")
command = ["sipp", "-sf", str(SCENARIO), "-i", "127.0.0.1", "-p", os.environ["CARRIER_PORT"], "-m", "1", "-nostdin", "-timeout", "60s", "-timeout_error", "-s", OURS, f"127.0.0.1:{os.environ['SIP_PORT']}"]
sipp = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
call = wait_for("the call", lambda: api.calls.list(status="in-progress"))[0]
(folder / "live").touch()
# The scenario is good only if BYE comes.
output, _ = sipp.communicate(timeout=30)
assert sipp.returncode == 0, output[-3000:]
# Before the program is gone, or by the next one.
told = wait_for("its end is told", lambda: sink.of("/status"))
assert [(asked["form"]["CallSid"], asked["form"]["CallStatus"]) for asked in told] == [(call.sid, "completed")], told
assert int(told[0]["form"]["CallDuration"]) <= 20, told
