"""Signs people in by a code on their phone. See README.md."""
import json
import os
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

PORT = int(os.environ.get("PORT", "5000"))
RESEND_AFTER_S = float(os.environ.get("RESEND_AFTER_S", "30"))

# What people are told; any other code is our own mistake, and is logged.
WORDS = {
    60200: "That is no phone number we can text.",
    60202: "Too many wrong codes. Wait ten minutes.",
    60203: "That was the last text for now. Wait ten minutes.",
    60223: "We can't text this number.",
    60410: "We can't text this number now.",
    60605: "We don't text this country.",
    20404: "That code is not good any more. Ask for another.",
    20429: "Too many attempts. Wait a minute.",
}


class Door:
    """Begins sign-ins, and ends them with a session."""

    def __init__(self):
        client = Client(os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"])
        services = client.verify.v2.services
        sid = os.environ.get("VERIFY_SERVICE_SID") or services.create(friendly_name="Sign-in").sid
        self.service = services(sid)
        self.sent_at, self.sessions = {}, {}

    def begin(self, phone, address):
        """Sends a code, or the same one again; not sooner than RESEND_AFTER_S after the last."""
        waits = self.sent_at.get(phone, 0) + RESEND_AFTER_S - time.monotonic()
        if waits > 0:
            return 429, {"error": "The text is on its way.", "again_in_s": round(waits, 1)}
        self.service.verifications.create(to=phone, channel="sms", device_ip=address)
        self.sent_at[phone] = time.monotonic()
        return 200, {"sent": True, "again_in_s": RESEND_AFTER_S}

    def finish(self, phone, code):
        answer = self.service.verification_checks.create(to=phone, code=code)
        if not answer.valid:
            return 401, {"error": "That is not the code."}
        self.sent_at.pop(phone, None)
        session = secrets.token_urlsafe(24)
        self.sessions[session] = answer.to
        return 200, {"session": session}

    def answer(self, path, form, address):
        phone = str(form.get("phone", ""))
        try:
            if path == "/begin":
                return self.begin(phone, address)
            if path == "/finish":
                return self.finish(phone, str(form.get("code", "")))
        except TwilioRestException as error:
            if error.code not in WORDS:
                print(f"{error.code}: {error.msg}", file=sys.stderr)
            return 400, {"error": WORDS.get(error.code, "Something went wrong. Try again later.")}
        return 404, {"error": "There is nothing here."}


def serve(door):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(min(int(self.headers.get("content-length", 0)), 10_000))
            try:
                form = json.loads(body)
            except ValueError:
                form = None
            bad = (400, {"error": "Send a JSON object."})
            status, answer = door.answer(self.path, form, self.client_address[0]) if isinstance(form, dict) else bad
            self.reply(status, answer)

        def do_GET(self):
            phone = door.sessions.get(self.headers.get("authorization", "").removeprefix("Bearer "))
            self.reply(*((200, {"phone": phone}) if phone else (401, {"error": "Sign in first."})))

        def reply(self, status, answer):
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            """Codes and numbers stay out of the log."""

    server = ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
    print(f"sign in at http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(Door())
