"""Signs people in by a code on their phone. See README.md."""
import os
import secrets
import sys
import time

from flask import Flask, jsonify, request
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client
from werkzeug.serving import make_server

PORT = int(os.environ.get("PORT", "5000"))
RESEND_AFTER_S = float(os.environ.get("RESEND_AFTER_S", "30"))

# What people are told; any other code is our own mistake, and is logged.
WORDS = {
    60200: "That is no phone number we can text.",
    60202: "Too many wrong codes. Wait ten minutes.",
    60203: "That was the last text for now. Wait ten minutes.",
    60205: "That is a landline: it takes no texts.",
    60223: "We can't text this number.",
    60410: "We can't text this number now.",
    60605: "We don't text this country.",
    20404: "That code is not good any more. Ask for another.",
    20429: "Too many attempts. Wait a minute.",
}

app = Flask(__name__)
client = Client(os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"])
services = client.verify.v2.services
SERVICE = os.environ.get("VERIFY_SERVICE_SID") or services.create(friendly_name="Sign-in").sid
service = services(SERVICE)
sent_at, sessions = {}, {}


def given(name):
    form = request.get_json(silent=True, force=True)
    return str(form.get(name, "")) if isinstance(form, dict) else ""


@app.post("/begin")
def begin():
    """Sends a code, or the same one again; not sooner than RESEND_AFTER_S after the last."""
    phone = given("phone")
    waits = sent_at.get(phone, 0) + RESEND_AFTER_S - time.monotonic()
    if waits > 0:
        return jsonify(error="The text is on its way.", again_in_s=round(waits, 1)), 429
    service.verifications.create(to=phone, channel="sms", device_ip=request.remote_addr)
    sent_at[phone] = time.monotonic()
    return jsonify(sent=True, again_in_s=RESEND_AFTER_S)


@app.post("/finish")
def finish():
    phone = given("phone")
    answer = service.verification_checks.create(to=phone, code=given("code"))
    if not answer.valid:
        return jsonify(error="That is not the code."), 401
    sent_at.pop(phone, None)
    session = secrets.token_urlsafe(24)
    sessions[session] = answer.to
    return jsonify(session=session)


@app.get("/")
def who():
    phone = sessions.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
    return jsonify(phone=phone) if phone else (jsonify(error="Sign in first."), 401)


@app.errorhandler(TwilioRestException)
def refused(error):
    if error.code not in WORDS:
        print(f"{error.code}: {error.msg}", file=sys.stderr)
    return jsonify(error=WORDS.get(error.code, "Something went wrong. Try again later.")), 400


if __name__ == "__main__":
    server = make_server("127.0.0.1", PORT, app, threaded=True)
    print(f"sign in at http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
