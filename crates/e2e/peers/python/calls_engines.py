"""Speech by engines elsewhere: one that speaks and one that hears, by HTTP; and this machine's own where they fail."""
import http.server
import json
import os
import threading
import urllib.parse

from peer import OURS, Sink, client, wait_for
from phones import calls, ended, heard, live, phone, play, samples, tone, tone_ms
from twilio.twiml.voice_response import Gather, VoiceResponse

PHONE = "+15558675710"
asked = {"/say": [], "/hear": []}
answers = {"/say": (200, "audio/wav", tone(900, 1.5)), "/hear": (200, "application/json", b'{"text": "forty two", "confidence": 0.9}')}


class Engine(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        path, _, query = self.path.partition("?")
        asked[path].append((dict(self.headers), urllib.parse.parse_qs(query), body))
        status, content_type, answer = answers[path]
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["ENGINE_PORT"])), Engine)
threading.Thread(target=server.serve_forever, daemon=True).start()
sink = Sink()
api = client()
phone(PHONE, behave="answer")

# What is said comes from there.
spoken = api.calls.create(to=PHONE, from_=OURS, twiml="<Response><Say>hello</Say></Response>")
ended(spoken)
headers, _, body = asked["/say"][0]
assert json.loads(body)["text"] == "hello" and headers["Authorization"] == "Bearer secret", (headers, body)
said = heard(PHONE, calls(PHONE)[-1]["id"])
assert 1200 <= tone_ms(said, 900) <= 1700, tone_ms(said, 900)

# What is heard goes there: no hints are needed.
question = VoiceResponse()
question.append(Gather(input="speech", action=sink.url + "/heard", speech_timeout=1, timeout=20))
sink.answers["/heard"] = (200, "text/xml", str(VoiceResponse()))
talk = api.calls.create(to=PHONE, from_=OURS, twiml=str(question))
wait_for("it is answered", lambda: talk.fetch().status == "in-progress")
live(PHONE)
play(PHONE, tone(600, 2))
form = wait_for("what was heard", lambda: sink.of("/heard"))[0]["form"]
assert (form["SpeechResult"], form["Confidence"][:3]) == ("forty two", "0.9"), form
_, query, body = asked["/hear"][0]
assert query["language"] == ["en-US"] and tone_ms(samples(body), 600) >= 1500, query
ended(talk)

# One that fails gives way to this machine's own.
answers["/say"] = (500, "text/plain", b"no")
spoken = api.calls.create(to=PHONE, from_=OURS, twiml="<Response><Say>good morning to everybody</Say></Response>")
ended(spoken)
said = heard(PHONE, calls(PHONE)[-1]["id"])
assert len([s for s in said if abs(s) > 1000]) > 2000 and tone_ms(said, 900) < 200
