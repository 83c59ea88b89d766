"""What the scenarios share: a client on the instance under test, a sink for webhooks."""
import http.server
import os
import threading
import time
import urllib.parse

import requests
from twilio.request_validator import RequestValidator
from twilio.rest import Client

BASE = os.environ["BASE_URL"]
ACCOUNT = os.environ["ACCOUNT_SID"]
TOKEN = os.environ["AUTH_TOKEN"]
OURS = "+15550001111"


def client(account=ACCOUNT, token=TOKEN, **more):
    made = Client(account, token, **more)
    made.api.base_url = BASE
    return made


def handset(number):
    answer = requests.get(f"{BASE}/dev/handsets/{number}/messages", auth=(ACCOUNT, TOKEN), timeout=10)
    answer.raise_for_status()
    return answer.json()["messages"]


def wait_for(what, condition, seconds=20):
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        threading.Event().wait(0.02)


class Sink:
    """Records webhooks, checks their signature with the official validator, answers as told."""

    def __init__(self, token=TOKEN, port=0):
        self.requests = []
        self.answers = {}
        self.validator = RequestValidator(token)
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                sink.record(self, dict(urllib.parse.parse_qsl(body, keep_blank_values=True)))

            def do_GET(self):
                sink.record(self, {})

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def record(self, handler, form):
        url = self.url + handler.path
        signature = handler.headers.get("X-Twilio-Signature", "")
        path = handler.path.split("?")[0]
        query = dict(urllib.parse.parse_qsl(handler.path.partition("?")[2], keep_blank_values=True))
        self.requests.append({
            "method": handler.command, "path": path, "form": form or query,
            "signed": self.validator.validate(url, form, signature),
            "headers": dict(handler.headers),
        })
        answer = self.answers.get(path, (204, "text/xml", ""))
        status, content_type, text = answer(form or query) if callable(answer) else answer
        data = text if isinstance(text, bytes) else text.encode()
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def of(self, path):
        return [r for r in self.requests if r["path"] == path]
