"""Event streams over a kill: run before it, while the sink is down, and after it, when the sink is up."""
import http.server
import json
import os
import socket
import threading

from peer import BASE, OURS, client, wait_for

api = client()
api.events.base_url = BASE + "/events"
kept = os.path.join(os.environ["DATA"], "events_kill.json")
KINDS = ["queued", "sent", "delivered"]


def send(count):
    return [api.messages.create(from_=OURS, to="+15558675470", body=f"text {number}").sid for number in range(count)]


if not os.path.exists(kept):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sink = api.events.v1.sinks.create(description="down", sink_configuration={"destination": f"http://127.0.0.1:{port}/"}, sink_type="webhook")
    types = [{"type": f"com.twilio.messaging.message.{kind}"} for kind in KINDS]
    api.events.v1.subscriptions.create(description="all", sink_sid=sink.sid, types=types)
    with open(kept, "w") as file:
        json.dump({"port": port, "sids": send(30)}, file)
    # The kill comes while some are still on their way.
    raise SystemExit

with open(kept) as file:
    before = json.load(file)
events = []


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        events.extend(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", before["port"]), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
sids = before["sids"] + send(5)
wait_for("every event", lambda: len({event["id"] for event in events}) == len(sids) * len(KINDS), 60)
told = sorted((event["data"]["messageSid"], event["type"].rsplit(".")[-1]) for event in events)
assert told == sorted((sid, kind) for sid in sids for kind in KINDS), "each once"
