"""The worked examples, as their users meet them: from a handset, and from the command line."""
import datetime
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, handset, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[4]
FOLDER = tempfile.TemporaryDirectory()
ENVIRONMENT = {
    **os.environ, "PORT": "0", "TWILIO_NUMBER": OURS, "PYTHONDONTWRITEBYTECODE": "1",
    "DATABASE": f"{FOLDER.name}/appointments.db", "TICKETS": f"{FOLDER.name}/tickets.jsonl",
    "NODE_PATH": str(ROOT / "crates/e2e/peers/node/node_modules"),
}
REMINDER = [sys.executable, str(ROOT / "examples/appointment-reminder/app.py")]
SIGN_IN = [sys.executable, str(ROOT / "examples/sign-in/app.py")]
SIGN_IN_NODE = ["node", str(ROOT / "examples/sign-in-express/app.js")]
LOGIN = [sys.executable, str(ROOT / "examples/login-risk/login.py")]
DESK = ["node", str(ROOT / "examples/help-desk/desk.js")]


class Running:
    """An example that serves."""

    def __init__(self, program, **settings):
        self.process = subprocess.Popen([*program, "serve"], env={**ENVIRONMENT, **settings}, stdout=subprocess.PIPE, text=True)
        # A program that can't start closes its output: an empty line.
        line = self.process.stdout.readline()
        assert OURS in line, f"the example did not start: {line}"
        self.url = line.split()[-1]
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def sign_in(started=SIGN_IN):
    phone, settings = "+15558675470", {**ENVIRONMENT, "RESEND_AFTER_S": "0"}
    program = subprocess.Popen(started, env=settings, stdout=subprocess.PIPE, text=True)
    try:
        url = program.stdout.readline().split()[-1]

        def post(path, **form):
            answer = requests.post(url + path, json=form, timeout=10)
            return answer.status_code, answer.json()

        assert post("/begin", phone=phone)[0] == 200 and post("/begin", phone=phone)[0] == 200
        first, second = wait_for("two texts", lambda: bodies(phone) if len(bodies(phone)) == 2 else None)
        assert first == second, "the same code again"
        code = re.search(r"\d{6}", first)[0]
        assert post("/finish", phone=phone, code="0000") == (401, {"error": "That is not the code."})
        status, answer = post("/finish", phone=phone, code=code)
        signed_in = {"Authorization": "Bearer " + answer["session"]}
        assert status == 200 and requests.get(url, headers=signed_in, timeout=10).json() == {"phone": phone}
        assert requests.get(url, timeout=10).status_code == 401
        assert "not good any more" in post("/finish", phone=phone, code=code)[1]["error"]
        assert "no phone number" in post("/begin", phone="nobody")[1]["error"]
        for _ in range(4):
            assert post("/begin", phone="+442079460470")[0] == 200
        dev("clock/advance", seconds=601)
        assert "not good any more" in post("/finish", phone="+442079460470", code="123456")[1]["error"]
    finally:
        program.kill()
        program.wait()


def login():
    settings = {"VERIFY_SERVICE_SID": run(LOGIN, "service").strip()}
    phone = "+447772000480"
    begun = run(LOGIN, "begin", phone, **settings)
    assert begun.startswith("sent: VE") and "line mobile, risk " in begun, begun
    code = re.search(r"\d{6}", wait_for("the text", lambda: bodies(phone))[0])[0]
    assert run(LOGIN, "finish", phone, "0000", **settings) == "that is not the code\n"
    assert run(LOGIN, "finish", phone, code, **settings) == "welcome\n"
    assert "20404" in run(LOGIN, "finish", phone, code, fails=True, **settings)
    for refused, why in {
        "+442079460480": "a landline takes no texts",
        "+499001234567": "no codes to a premium number",
        "+1555": "not a number: TOO_SHORT",
    }.items():
        assert why in run(LOGIN, "begin", refused, **settings), refused
        assert bodies(refused) == []
    risky = run(LOGIN, "begin", phone, RISK_MAX="-1", **settings)
    assert risky.startswith("refused: risk ") and len(bodies(phone)) == 1, risky


def run(program, *arguments, fails=False, **settings):
    done = subprocess.run([*program, *arguments], env={**ENVIRONMENT, **settings}, capture_output=True, text=True, timeout=30)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stderr if fails else done.stdout


def dev(path, **fields):
    answer = requests.post(f"{BASE}/dev/{path}", fields, auth=(ACCOUNT, TOKEN), timeout=10)
    assert answer.ok, answer.text


def says(phone, text):
    dev(f"handsets/{phone}/messages", to=OURS, body=text)


def bodies(phone):
    return [message["body"] for message in handset(phone)]


def heard(phone, part, count=1):
    wait_for(f"'{part}' on {phone}", lambda: sum(part in body for body in bodies(phone)) == count)


def refuses_strangers(url):
    form = {"From": "+15558675499", "Body": "C", "MessageSid": "SM" + "0" * 32}
    assert requests.post(f"{url}/sms", form, timeout=10).status_code == 403
    forged = {"X-Twilio-Signature": "Zm9yZ2Vk"}
    assert requests.post(f"{url}/sms", form, headers=forged, timeout=10).status_code == 403


def reminder():
    ann, bob, carl, dora = ("+155586754" + end for end in ("61", "62", "63", "64"))
    soon = (datetime.datetime.now() + datetime.timedelta(hours=2)).strftime("%Y-%m-%d %H:%M")

    def line(name):
        return next(line for line in run(REMINDER, "list").splitlines() if f" {name} " in line)

    def becomes(name, *parts):
        wait_for(f"{name}: {parts}", lambda: all(part in line(name) for part in parts))

    run(REMINDER, "add", ann, soon, "Ann")
    run(REMINDER, "add", carl, soon, "Carl")
    run(REMINDER, "add", "+1555", soon, "Eve")
    later = (datetime.datetime.now() + datetime.timedelta(days=9)).strftime("%Y-%m-%d %H:%M")
    run(REMINDER, "add", dora, later, "Dora")
    dev("faults", effect="undelivered", code="30003", prefix=carl)
    with Running(REMINDER, SWEEP_S="0.1") as app:
        heard(ann, "Ann, your appointment is on")
        becomes("Ann", "asked 1 sent", "last: delivered")
        refuses_strangers(app.url)
        says(ann, "what?")
        heard(ann, "Please answer C")
        says(ann, " c ")
        heard(ann, "Thank you, Ann. We expect you on")
        becomes("Ann", "confirmed")
        becomes("Carl", "unreachable", "last: undelivered")
        becomes("Eve", "unreachable", "last: nothing")
        says("+15558675465", "C")
        heard("+15558675465", "We have no appointment")
    # The program was killed; the file knows.
    run(REMINDER, "add", bob, soon, "Bob")
    with Running(REMINDER, SWEEP_S="0.1", SECOND_TRY_S="0.5"):
        heard(bob, "Bob, your appointment", count=2)
        assert bodies(bob)[1].startswith("We have not heard from you."), bodies(bob)
        becomes("Bob", "unanswered 2 sent")
        says(bob, "R")
        heard(bob, "We will call you today")
        becomes("Bob", "reschedule")
    assert "confirmed 1 sent" in line("Ann") and "booked 0 sent" in line("Dora")
    assert len(bodies(ann)) == 3 and bodies(dora) == [], (bodies(ann), bodies(dora))


def desk():
    zoe, max_ = "+15558675471", "+15558675472"
    with Running(DESK) as app:
        refuses_strangers(app.url)
        says(zoe, "STATUS")
        heard(zoe, "You have no ticket")
        says(zoe, "The screen is blue")
        heard(zoe, "Ticket 1 is open. Text STATUS")
        says(max_, "No sound")
        heard(max_, "Ticket 2 is open. Text STATUS")
        says(zoe, "Now it is green")
        heard(zoe, "Added to ticket 1")
        says(zoe, "status")
        heard(zoe, "with no answers so far")
        assert run(DESK, "list").splitlines() == [f"1 open {zoe} The screen is blue", f"2 open {max_} No sound"]
        run(DESK, "reply", "1", "Which green?")
        heard(zoe, "Ticket 1: Which green?")
        says(zoe, "Status")
        heard(zoe, "with 1 answer so far")
        run(DESK, "close", "1", "A new screen is on its way.")
        heard(zoe, "Ticket 1 is closed: A new screen")
        says(zoe, "STATUS")
        heard(zoe, "Ticket 1 is closed: A new screen", count=2)
        assert "closed already" in run(DESK, "close", "1", "again", fails=True)
        assert "Now it is green" in run(DESK, "show", "1")
        says(max_, "STOP")
        heard(max_, "unsubscribed")
        assert run(DESK, "close", "2", "We fixed it.", fails=True).startswith("21610")
        assert run(DESK, "list").splitlines()[1].startswith("2 open")
    # Killed, and here again.
    with Running(DESK):
        says(zoe, "Blue again")
        heard(zoe, "Ticket 3 is open")


if __name__ == "__main__":
    {
        "reminder": reminder, "desk": desk, "sign_in": sign_in, "login": login,
        "sign_in_node": lambda: sign_in(SIGN_IN_NODE),
    }[sys.argv[1]]()
