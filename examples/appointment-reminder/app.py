"""Reminds people of their appointments by text and takes their answers. See README.md."""
import datetime
import os
import sqlite3
import sys
import threading
import time
import urllib.parse
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.twiml.messaging_response import MessagingResponse

DATABASE = os.environ.get("DATABASE", "appointments.db")
PORT = int(os.environ.get("PORT", "5000"))
REMIND_BEFORE_S = float(os.environ.get("REMIND_BEFORE_S", 24 * 3600))
SECOND_TRY_S = float(os.environ.get("SECOND_TRY_S", 4 * 3600))
SWEEP_S = float(os.environ.get("SWEEP_S", "15"))

SCHEMA = """
CREATE TABLE IF NOT EXISTS appointments (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, phone TEXT NOT NULL, at TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'booked', tries INTEGER NOT NULL DEFAULT 0, tried_at REAL);
CREATE TABLE IF NOT EXISTS texts (
    sid TEXT PRIMARY KEY, appointment INTEGER NOT NULL, status TEXT NOT NULL, error TEXT);
"""


def query(sql, *values):
    """Runs one statement as one transaction."""
    with closing(sqlite3.connect(DATABASE, timeout=10)) as db, db:
        db.row_factory = sqlite3.Row
        return db.execute(sql, values).fetchall()


def spoken(at):
    return datetime.datetime.fromisoformat(at).strftime("%A %d %B at %H:%M")


class Office:
    """Sends the reminders and understands the answers."""

    def __init__(self):
        self.client = Client(os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"])
        if "TWILIO_BASE_URL" in os.environ:
            self.client.api.base_url = os.environ["TWILIO_BASE_URL"]
        self.validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])
        self.url = self.number = None

    def open_at(self, url):
        """Points our number's webhook at this program."""
        self.url = url
        wanted = os.environ.get("TWILIO_NUMBER")
        number = self.client.incoming_phone_numbers.list(
            **({"phone_number": wanted} if wanted else {}), limit=1)[0]
        number.update(sms_url=url + "/sms", sms_method="POST")
        self.number = number.phone_number

    def sweep(self):
        """Sends what is due: first reminders, and a second one to whoever did not answer."""
        now = time.time()
        for row in query("SELECT * FROM appointments WHERE state = 'booked'"):
            starts_at = datetime.datetime.fromisoformat(row["at"]).timestamp()
            if starts_at - REMIND_BEFORE_S <= now < starts_at:
                self.remind(row, "")
        waited = "state = 'asked' AND tried_at <= ?"
        for row in query(f"SELECT * FROM appointments WHERE {waited} AND tries = 1", now - SECOND_TRY_S):
            self.remind(row, "We have not heard from you. ")
        # Two texts are enough: the office calls.
        query(f"UPDATE appointments SET state = 'unanswered' WHERE {waited} AND tries > 1", now - SECOND_TRY_S)

    def remind(self, row, opening):
        text = (f"{opening}{row['name']}, your appointment is on {spoken(row['at'])}. "
                "Answer C to confirm or R to reschedule.")
        # Written before it is sent: a crash in between skips a text and never repeats one.
        query("UPDATE appointments SET state = 'asked', tries = tries + 1, tried_at = ? WHERE id = ?",
              time.time(), row["id"])
        try:
            # The id is in the address, because the first callback may come before this answer.
            message = self.client.messages.create(
                from_=self.number, to=row["phone"], body=text,
                status_callback=f"{self.url}/status?appointment={row['id']}")
            query("INSERT OR IGNORE INTO texts VALUES (?, ?, ?, NULL)", message.sid, row["id"], message.status)
        except TwilioRestException as error:
            print(f"appointment {row['id']}: {error.code} {error.msg}", file=sys.stderr, flush=True)
            # Our own fault (a wrong number, somebody who said STOP) is not tried again.
            refused = 400 <= error.status < 500 and error.status != 429
            query("UPDATE appointments SET state = ?, tries = ? WHERE id = ?",
                  "unreachable" if refused else row["state"], row["tries"], row["id"])

    def answer(self, form):
        """TwiML for a text that came in."""
        rows = query("SELECT * FROM appointments WHERE phone = ? AND tries > 0 ORDER BY at DESC LIMIT 1", form["From"])
        word = form["Body"].strip().upper().rstrip(".!")
        if not rows:
            reply = "We have no appointment for this number. Please call us."
        elif word in ("C", "CONFIRM"):
            query("UPDATE appointments SET state = 'confirmed' WHERE id = ?", rows[0]["id"])
            reply = f"Thank you, {rows[0]['name']}. We expect you on {spoken(rows[0]['at'])}."
        elif word in ("R", "RESCHEDULE"):
            query("UPDATE appointments SET state = 'reschedule' WHERE id = ?", rows[0]["id"])
            reply = "We will call you today to find another time."
        else:
            reply = "Please answer C to confirm or R to reschedule."
        twiml = MessagingResponse()
        twiml.message(reply)
        return str(twiml)

    def told(self, appointment, form):
        """A status callback."""
        query("INSERT INTO texts VALUES (?, ?, ?, ?) ON CONFLICT (sid) DO UPDATE "
              "SET status = excluded.status, error = excluded.error",
              form["MessageSid"], appointment, form["MessageStatus"], form.get("ErrorCode"))
        if form["MessageStatus"] in ("failed", "undelivered"):
            query("UPDATE appointments SET state = 'unreachable' WHERE id = ? AND state = 'asked'", appointment)


def serve():
    office = Office()

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            form = dict(urllib.parse.parse_qsl(body, keep_blank_values=True))
            signature = self.headers.get("X-Twilio-Signature", "")
            if not office.validator.validate(office.url + self.path, form, signature):
                return self.reply(403, "")
            path, _, rest = self.path.partition("?")
            if path == "/sms":
                return self.reply(200, office.answer(form))
            if path == "/status":
                office.told(int(urllib.parse.parse_qs(rest)["appointment"][0]), form)
                return self.reply(204, "")
            self.reply(404, "")

        def reply(self, status, text):
            data = text.encode()
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", PORT), Webhook)
    office.open_at(os.environ.get("PUBLIC_URL", f"http://127.0.0.1:{server.server_port}"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"reminders from {office.number}, webhooks at {office.url}", flush=True)
    while True:
        try:
            office.sweep()
        except OSError as error:  # The API could not be reached: the next sweep tries again.
            print(error, file=sys.stderr, flush=True)
        time.sleep(SWEEP_S)


def main():
    with closing(sqlite3.connect(DATABASE)) as db:
        db.executescript(SCHEMA)
    match sys.argv[1:]:
        case ["serve"]:
            serve()
        case ["add", phone, at, name]:
            at = datetime.datetime.fromisoformat(at).isoformat(" ")
            query("INSERT INTO appointments (name, phone, at) VALUES (?, ?, ?)", name, phone, at)
        case ["list"]:
            last = "SELECT status FROM texts WHERE appointment = a.id ORDER BY rowid DESC LIMIT 1"
            for row in query(f"SELECT *, ({last}) AS told FROM appointments a ORDER BY at"):
                print(row["id"], row["at"], row["name"], row["phone"], row["state"],
                      f"{row['tries']} sent,", "last:", row["told"] or "nothing")
        case _:
            sys.exit("app.py serve | list | add PHONE 'YYYY-MM-DD HH:MM' NAME")


if __name__ == "__main__":
    main()
