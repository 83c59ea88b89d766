"""Sign-in with a password and the code of an authenticator app. See README.md."""
import hashlib
import hmac
import html
import http.cookies
import os
import secrets
import sqlite3
import sys
import urllib.parse
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

DATABASE = os.environ.get("DATABASE", "users.db")
PORT = int(os.environ.get("PORT", "5000"))

SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY, salt BLOB NOT NULL, hash BLOB NOT NULL, identity TEXT NOT NULL, factor TEXT);
CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

LOGIN = """<h1>Sign in</h1>
<form method="post" action="/login"><input name="name" placeholder="Name">
<input name="password" type="password" placeholder="Password"><button>Continue</button></form>"""
CODE = """<form method="post" action="/code"><input name="code" inputmode="numeric"
autocomplete="one-time-code" placeholder="Code"><button>Continue</button></form>"""


def query(sql, *values):
    """Runs one statement as one transaction."""
    with closing(sqlite3.connect(DATABASE, timeout=10)) as db, db:
        db.row_factory = sqlite3.Row
        return db.execute(sql, values).fetchall()


def stretched(password, salt):
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


def add_user(name, password):
    salt = secrets.token_bytes(16)
    # Verify knows people by a name that tells nothing about them.
    query("INSERT INTO users VALUES (?, ?, ?, ?, NULL)", name, salt, stretched(password, salt), secrets.token_hex(16))


class Door:
    """Asks Verify: makes factors, and has codes checked."""

    def __init__(self):
        client = Client(os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"])
        if "TWILIO_BASE_URL" in os.environ:
            client.verify.base_url = os.environ["TWILIO_BASE_URL"] + "/verify"
        known = query("SELECT value FROM settings WHERE key = 'service'")
        if known:
            service = known[0]["value"]
        else:
            service = client.verify.v2.services.create(friendly_name="Owl Bank", totp_issuer="Owl Bank").sid
            query("INSERT INTO settings VALUES ('service', ?)", service)
        self.service = client.verify.v2.services(service)

    def enrol(self, user):
        """A new factor, and the address that its QR code holds. Nobody keeps the address."""
        factor = self.service.entities(user["identity"]).new_factors.create(
            friendly_name=user["name"], factor_type="totp")
        query("UPDATE users SET factor = ? WHERE name = ?", factor.sid, user["name"])
        return factor.binding

    def enrolled(self, user, code):
        factor = self.service.entities(user["identity"]).factors(user["factor"]).update(auth_payload=code)
        return factor.status == "verified"

    def opens(self, user, code):
        challenge = self.service.entities(user["identity"]).challenges.create(
            factor_sid=user["factor"], auth_payload=code)
        return challenge.status == "approved"


class Page(BaseHTTPRequestHandler):
    door = None

    def session(self):
        cookie = http.cookies.SimpleCookie(self.headers.get("Cookie", "")).get("session")
        rows = cookie and query(
            "SELECT u.*, s.token, s.state FROM sessions s JOIN users u ON u.name = s.name WHERE s.token = ?",
            cookie.value)
        return rows[0] if rows else None

    def do_GET(self):
        user = self.session()
        if self.path != "/" or user is None:
            return self.reply(200 if self.path == "/" else 404, LOGIN)
        if user["state"] == "in":
            return self.reply(200, f"<h1>Hello {html.escape(user['name'])}</h1>")
        self.reply(200, "<h1>Your code</h1>" + CODE)

    def do_POST(self):
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 10_000)).decode()
        form = dict(urllib.parse.parse_qsl(body))
        try:
            if self.path == "/login":
                return self.login(form.get("name", ""), form.get("password", ""))
            if self.path == "/code":
                return self.code(self.session(), form.get("code", ""))
            self.reply(404, "")
        except TwilioRestException as error:
            # 429: somebody guesses. Verify says when it is enough.
            text = "Too many wrong codes. Try again later." if error.status == 429 else "Please try again."
            self.reply(error.status if error.status == 429 else 502, f"<p>{text}</p>")

    def login(self, name, password):
        rows = query("SELECT * FROM users WHERE name = ?", name)
        salt, known = (rows[0]["salt"], rows[0]["hash"]) if rows else (b"0" * 16, b"")
        if not hmac.compare_digest(stretched(password, salt), known):
            return self.reply(403, "<p>Wrong name or password.</p>" + LOGIN)
        token = secrets.token_urlsafe(32)
        user = rows[0]
        verified = user["factor"] and user["factor"].startswith("verified:")
        query("INSERT INTO sessions VALUES (?, ?, ?)", token, name, "code" if verified else "enrol")
        text = "<h1>Your code</h1>" + CODE
        if not verified:
            binding = self.door.enrol(user)
            # Trunkline draws the code; elsewhere a page draws it from the address.
            image = f'<img alt="QR code" src="{binding["qr"]}">' if "qr" in binding else ""
            text = (f"<h1>Scan this with your authenticator app</h1>{image}"
                    f'<p><a href="{html.escape(binding["uri"])}">Or open it here</a></p>{CODE}')
        self.reply(200, text, f"session={token}; HttpOnly; SameSite=Strict; Path=/")

    def code(self, user, code):
        if user is None:
            return self.reply(403, LOGIN)
        if user["state"] == "enrol":
            right = self.door.enrolled(user, code)
            if right:
                query("UPDATE users SET factor = 'verified:' || factor WHERE name = ?", user["name"])
        else:
            user = {**dict(user), "factor": user["factor"].removeprefix("verified:")}
            right = self.door.opens(user, code)
        if not right:
            return self.reply(403, "<p>Wrong code, or one that was used. Wait for the next.</p>" + CODE)
        query("UPDATE sessions SET state = 'in' WHERE token = ?", user["token"])
        self.reply(200, f"<h1>Hello {html.escape(user['name'])}</h1>")

    def reply(self, status, text, cookie=None):
        data = f"<!doctype html><meta charset=utf-8>{text}".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def main():
    with closing(sqlite3.connect(DATABASE)) as db:
        db.executescript(SCHEMA)
    match sys.argv[1:]:
        case ["serve"]:
            Page.door = Door()
            server = ThreadingHTTPServer(("127.0.0.1", PORT), Page)
            print(f"sign in at http://127.0.0.1:{server.server_port}", flush=True)
            server.serve_forever()
        case ["add", name, password]:
            add_user(name, password)
        case _:
            sys.exit("app.py serve | add NAME PASSWORD")


if __name__ == "__main__":
    main()
