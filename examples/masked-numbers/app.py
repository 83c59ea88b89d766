"""Two people talk and write through one number; neither sees the other's. See README.md."""
import os
import sqlite3
import sys
import time
from contextlib import closing

from flask import Flask, Response, abort, request
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import Dial, VoiceResponse
from werkzeug.serving import make_server

DATABASE = os.environ.get("DATABASE", "sessions.db")
SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
    id INTEGER PRIMARY KEY, one TEXT NOT NULL, other TEXT NOT NULL, expires_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS contacts (
    session INTEGER NOT NULL, kind TEXT NOT NULL, sender TEXT NOT NULL, result TEXT NOT NULL, sid TEXT PRIMARY KEY);
"""

app = Flask(__name__)
validator = RequestValidator(os.environ.get("TWILIO_AUTH_TOKEN", ""))


def query(sql, *values):
    """Runs one statement as one transaction."""
    with closing(sqlite3.connect(DATABASE, timeout=10)) as db, db:
        db.row_factory = sqlite3.Row
        return db.execute(sql, values).fetchall()


def session_of(phone):
    """The session that somebody is in now."""
    rows = query("SELECT * FROM sessions WHERE ? IN (one, other) AND expires_at > ?", phone, time.time())
    return rows[0] if rows else None


def other_of(session, phone):
    return session["other"] if phone == session["one"] else session["one"]


@app.before_request
def only_signed():
    url = app.config["URL"] + request.full_path.rstrip("?")
    if not validator.validate(url, request.form, request.headers.get("X-Twilio-Signature", "")):
        abort(403)


def twiml(response):
    return Response(str(response), content_type="text/xml")


def kept(session, kind, result, sid):
    # A webhook may be repeated: the SID stands once.
    query("INSERT OR REPLACE INTO contacts VALUES (?, ?, ?, ?, ?)", session["id"], kind, request.form["From"], result, sid)


@app.post("/voice")
def voice():
    """A call of one is a call to the other, from the number between them."""
    caller, proxy = request.form["From"], request.form["To"]
    session, response = session_of(caller), VoiceResponse()
    if not session:
        response.say("You can't reach anybody at this number any more. Goodbye.")
        return twiml(response)
    kept(session, "call", "ringing", request.form["CallSid"])
    left_s = max(int(session["expires_at"] - time.time()), 1)
    dial = Dial(caller_id=proxy, timeout=30, time_limit=min(left_s, 4 * 3600), action="/called")
    dial.number(other_of(session, caller))
    response.append(dial)
    return twiml(response)


@app.post("/called")
def called():
    session, response = session_of(request.form["From"]), VoiceResponse()
    result = request.form["DialCallStatus"]
    if session:
        kept(session, "call", result, request.form["CallSid"])
    if result != "completed":
        response.say("Nobody answers. Send a text to this number instead.")
    return twiml(response)


@app.post("/sms")
def sms():
    """A text of one goes on to the other."""
    sender, proxy = request.form["From"], request.form["To"]
    session, response = session_of(sender), MessagingResponse()
    if not session:
        response.message("You can't reach anybody at this number any more.")
        return twiml(response)
    kept(session, "text", "sent", request.form["MessageSid"])
    response.message(request.form["Body"], to=other_of(session, sender), from_=proxy)
    return twiml(response)


def open_session(one, other, minutes):
    for phone in (one, other):
        if session_of(phone):
            # Whom a call from this number is for must be clear: one session each.
            sys.exit(f"{phone} is in a session already")
    query("INSERT INTO sessions (one, other, expires_at) VALUES (?, ?, ?)", one, other, time.time() + 60 * float(minutes))


def show():
    contacts = "SELECT kind || ' ' || result FROM contacts WHERE session = ? ORDER BY rowid"
    for row in query("SELECT * FROM sessions ORDER BY id"):
        state = "open" if row["expires_at"] > time.time() else "over"
        happened = ", ".join(found[0] for found in query(contacts, row["id"]))
        print(row["id"], state, row["one"], row["other"], happened or "nothing yet")


def serve():
    client = Client(os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"])
    if "TWILIO_BASE_URL" in os.environ:
        client.api.base_url = os.environ["TWILIO_BASE_URL"]
    server = make_server("127.0.0.1", int(os.environ.get("PORT", "5000")), app, threaded=True)
    url = app.config["URL"] = os.environ.get("PUBLIC_URL", f"http://127.0.0.1:{server.server_port}")
    wanted = os.environ.get("TWILIO_NUMBER")
    number = client.incoming_phone_numbers.list(**({"phone_number": wanted} if wanted else {}), limit=1)[0]
    number.update(voice_url=url + "/voice", voice_method="POST", sms_url=url + "/sms", sms_method="POST")
    print(f"between people at {number.phone_number}, webhooks at {url}", flush=True)
    server.serve_forever()


def main():
    with closing(sqlite3.connect(DATABASE)) as db:
        db.executescript(SCHEMA)
    match sys.argv[1:]:
        case ["serve"]:
            serve()
        case ["open", one, other, minutes]:
            open_session(one, other, minutes)
        case ["close", phone]:
            query("UPDATE sessions SET expires_at = 0 WHERE ? IN (one, other)", phone)
        case ["list"]:
            show()
        case _:
            sys.exit("app.py serve | list | open NUMBER NUMBER MINUTES | close NUMBER")


if __name__ == "__main__":
    main()
