"""`serve`: no development routes, no carrier unless one is configured, the guard without exceptions."""
import os

import requests
from peer import ACCOUNT, BASE, TOKEN, client, wait_for
from twilio.base.exceptions import TwilioRestException

api = client()
OURS = "+15550002222"
for path in ["/dev/handsets/+15558675310/messages", "/dev/ledger", "/dev/faults"]:
    answer = requests.get(BASE + path, auth=(ACCOUNT, TOKEN), timeout=10)
    assert answer.status_code == 404, (path, answer.text)
assert [n.phone_number for n in api.incoming_phone_numbers.list()] == [OURS]
assert not api.available_phone_numbers.list(), "the inventory is the operator's"
sent = api.messages.create(to="+15558675310", from_=OURS, body="x", status_callback="http://127.0.0.1:1/")
ended = wait_for("the end of the message", lambda: (lambda m: m if m.status == "failed" else None)(sent.fetch()))
assert ended.error_code == 30006, ended.error_code


def errors():
    answer = requests.get(f"{BASE}/trunkline/v1/Deliveries/{sent.sid}", auth=(ACCOUNT, TOKEN), timeout=10)
    return [a["error_code"] for d in answer.json()["deliveries"] for a in d["attempts"]]


wait_for("the guard's refusal", lambda: errors() == [11205])
assert requests.get(f"{BASE}/readyz", timeout=10).status_code == 200

# Where texts may go begins with the country of the owned numbers, as Twilio begins with the home country.
try:
    api.messages.create(to="+447700900190", from_=OURS, body="x")
    raise AssertionError("abroad is off until it is switched on")
except TwilioRestException as error:
    assert error.code == 21408, error
api.accounts.base_url = BASE + "/accounts"
api.accounts.v1.messaging_geopermissions.update(permissions=[{"country_code": "GB", "type": "country", "enabled": True}])
assert api.messages.create(to="+447700900190", from_=OURS, body="x").sid
answer = requests.post(f"{BASE}/2010-04-01/Accounts/{ACCOUNT}/Tokens.json", {}, auth=(ACCOUNT, TOKEN), timeout=10)
assert answer.status_code == 404 and answer.headers["X-Trunkline-Unimplemented"] == "1", "no servers, no tokens"
