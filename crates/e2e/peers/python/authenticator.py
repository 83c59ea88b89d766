"""The worked example of an authenticator sign-in, as somebody with a browser and an app meets it."""
import html
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

import pyotp
import requests
from peer import ACCOUNT, BASE, TOKEN

ROOT = pathlib.Path(__file__).resolve().parents[4]
APP = [sys.executable, str(ROOT / "examples/authenticator-login/app.py")]
FOLDER = tempfile.TemporaryDirectory()
ENVIRONMENT = {**os.environ, "PORT": "0", "DATABASE": f"{FOLDER.name}/users.db", "PYTHONDONTWRITEBYTECODE": "1"}
ahead = 0


def advance(seconds):
    global ahead
    assert requests.post(f"{BASE}/dev/clock/advance", {"seconds": seconds}, auth=(ACCOUNT, TOKEN), timeout=40).ok
    ahead += seconds


subprocess.run([*APP, "add", "ann", "correct horse"], env=ENVIRONMENT, check=True)
server = subprocess.Popen([*APP, "serve"], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
try:
    url = server.stdout.readline().split()[-1]
    threading.Thread(target=server.stdout.read, daemon=True).start()
    wrong = requests.post(f"{url}/login", {"name": "ann", "password": "x"}, timeout=20)
    assert wrong.status_code == 403, wrong.text
    assert requests.post(f"{url}/code", {"code": "000000"}, timeout=20).status_code == 403

    first = requests.Session()
    page = first.post(f"{url}/login", {"name": "ann", "password": "correct horse"}, timeout=20)
    assert "data:image/svg+xml;base64," in page.text, page.text
    app = pyotp.parse_uri(html.unescape(re.search(r'href="(otpauth:[^"]+)"', page.text)[1]))
    assert (app.issuer, app.name) == ("Owl Bank", "ann")
    code = app.at(int(time.time()) + ahead)
    bad = f"{(int(code) + 7) % 1_000_000:06d}"
    assert first.post(f"{url}/code", {"code": bad}, timeout=20).status_code == 403
    assert "Hello" not in first.get(url, timeout=20).text
    assert "Hello ann" in first.post(f"{url}/code", {"code": code}, timeout=20).text
    assert "Hello ann" in first.get(url, timeout=20).text

    second = requests.Session()
    page = second.post(f"{url}/login", {"name": "ann", "password": "correct horse"}, timeout=20)
    assert "otpauth" not in page.text, "the secret is shown once"
    assert second.post(f"{url}/code", {"code": code}, timeout=20).status_code == 403, "used"
    advance(30)
    code = app.at(int(time.time()) + ahead)
    assert "Hello ann" in second.post(f"{url}/code", {"code": code}, timeout=20).text
finally:
    server.kill()
    server.wait()
