"""Credentials of `accounts.v1` by the official SDK: kept, never shown; and the safe list."""
import requests
from peer import ACCOUNT, BASE, TOKEN, client

api = client()
api.accounts.base_url = BASE + "/accounts"
credentials = api.accounts.v1.credentials
PEM = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----"

key = credentials.public_key.create(public_key=PEM, friendly_name="signing")
assert key.sid.startswith("CR") and key.friendly_name == "signing" and key.account_sid == ACCOUNT
assert key.url == f"{BASE}/accounts/v1/Credentials/PublicKeys/{key.sid}", key.url
assert credentials.public_key(key.sid).update(friendly_name="renamed").friendly_name == "renamed"
assert [k.sid for k in credentials.public_key.list()] == [key.sid]
aws = credentials.aws.create(credentials="AKIAEXAMPLE:secret-of-aws", friendly_name="bucket")
assert aws.sid.startswith("CR") and [a.sid for a in credentials.aws.list()] == [aws.sid]
for path in ["PublicKeys", "AWS"]:
    shown = requests.get(f"{BASE}/accounts/v1/Credentials/{path}", auth=(ACCOUNT, TOKEN), timeout=10).text
    assert "secret-of-aws" not in shown and "MFkw" not in shown, shown
trail = requests.get(f"{BASE}/monitor/v1/Events", auth=(ACCOUNT, TOKEN), timeout=10).text
assert aws.sid in trail and "secret-of-aws" not in trail
for path, form in [("PublicKeys", {"PublicKey": "no key"}), ("AWS", {"Credentials": "half"}), ("AWS", {})]:
    answer = requests.post(f"{BASE}/accounts/v1/Credentials/{path}", form, auth=(ACCOUNT, TOKEN), timeout=10)
    assert answer.status_code == 400, (path, form, answer.text)
assert credentials.public_key(key.sid).delete() and credentials.aws(aws.sid).delete()
assert credentials.aws.list() == []

safe = api.accounts.v1.safelist
added = safe.create(phone_number="+447700900123")
assert added.sid.startswith("GN")
again = requests.post(f"{BASE}/accounts/v1/SafeList/Numbers", {"PhoneNumber": "+447700900123"}, auth=(ACCOUNT, TOKEN), timeout=10)
assert (again.status_code, again.json()["code"]) == (400, 60411), again.text
assert safe.fetch(phone_number="+447700900123").phone_number == "+447700900123"
assert safe.delete(phone_number="+447700900123")
for method, number, status in [("GET", "+447700900123", 404), ("DELETE", "+447700900123", 404), ("POST", "12", 400)]:
    answer = requests.request(method, f"{BASE}/accounts/v1/SafeList/Numbers", params={"PhoneNumber": number}, auth=(ACCOUNT, TOKEN), timeout=10)
    assert answer.status_code == status, (method, answer.text)
