"""Consents and contacts in bulk, geo permissions and the safe list, by the official SDK."""
import uuid

import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, client
from twilio.base.exceptions import TwilioRestException

api = client()
api.accounts.base_url = BASE + "/accounts"
v1 = api.accounts.v1
PHONE = "+15558675470"


def sent(to=PHONE, **more):
    """0, or the code of the refusal."""
    try:
        api.messages.create(to=to, from_=OURS, body="x", **more)
        return 0
    except TwilioRestException as error:
        return error.code


def consent(status, **more):
    item = {"contact_id": PHONE, "correlation_id": uuid.uuid4().hex, "sender_id": OURS, "status": status, "source": "website", "date_of_consent": "2025-02-28T10:05:27Z"}
    return item | more


def says(text):
    answer = requests.post(f"{BASE}/dev/handsets/{PHONE}/messages", {"to": OURS, "body": text}, auth=(ACCOUNT, TOKEN), timeout=10)
    assert answer.status_code == 201, answer.text


# An opt-out holds, an opt-in lifts it, and the last word counts however it came.
assert sent() == 0
good, bad = consent("opt-out"), consent("maybe", contact_id="+19", sender_id="12", date_of_consent="2025-03-25")
items = v1.bulk_consents.create(items=[good, bad]).items
assert items[0] == {"correlation_id": good["correlation_id"], "error_code": 0, "error_messages": []}, items
assert (items[1]["correlation_id"], items[1]["error_code"]) == (bad["correlation_id"], 30646), items
assert set(items[1]["error_messages"]) == {"INVALID_SENDER_ID", "INVALID_CONTACT_ID", "INVALID_STATUS", "INVALID_DATE_OF_CONSENT"}, items
assert sent() == 21610 and sent("+15558675471") == 0
v1.bulk_consents.create(items=[consent("opt-in")])
assert sent() == 0
says("STOP")
assert sent() == 21610
v1.bulk_consents.create(items=[consent("opt-in")])
assert sent() == 0
v1.bulk_consents.create(items=[consent("opt-out")])
assert sent() == 21610
says("START")
assert sent() == 0

contacts = [
    {"contact_id": PHONE, "correlation_id": uuid.uuid4().hex, "country_iso_code": "US", "zip_code": "12345"},
    {"contact_id": "+19", "correlation_id": uuid.uuid4().hex, "country_iso_code": "US", "zip_code": "12345"},
]
for _ in range(2):
    items = v1.bulk_contacts.create(items=contacts).items
    assert [item["error_code"] for item in items] == [0, 30647], items
    assert items[1]["error_messages"] == ["INVALID_CONTACT_ID"], items
for path in ["Consents", "Contacts"]:
    for form in [{}, {"Items": "[]"}, {"Items": ["{}"] * 26}]:
        answer = requests.post(f"{BASE}/accounts/v1/{path}/Bulk", form, auth=(ACCOUNT, TOKEN), timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (400, 20001), answer.text

# A country that is switched off gets no texts; its numbers that the account vouches for do.
geo = v1.messaging_geopermissions
BRITISH = "+447700900170"
india = {"country_code": "IN", "type": "country", "enabled": True, "prefix": "+91", "message": ""}
assert geo.fetch(country_code="IN,PK").permissions[0] == india
assert len(geo.fetch().permissions) > 200
changed = geo.update(permissions=[{"country_code": "GB", "type": "country", "enabled": False}, {"country_code": "PK", "type": "country", "enabled": False}]).permissions
assert changed[0] == {"country_code": "GB", "type": "country", "enabled": False, "error_code": 0, "error_messages": []}, changed
assert (changed[1]["enabled"], changed[1]["error_code"]) == (True, 30649), changed
assert sent(BRITISH) == 21408 and sent("+33639980170") == 0 and sent() == 0
child = api.api.v2010.accounts.create(friendly_name="child")
theirs = client(child.sid, child.auth_token)
theirs.accounts.base_url = BASE + "/accounts"
inherited = theirs.accounts.v1.messaging_geopermissions
assert inherited.fetch(country_code="GB").permissions[0]["enabled"] is False
inherited.update(permissions=[{"country_code": "GB", "type": "country", "enabled": True}])
assert inherited.fetch(country_code="GB").permissions[0]["enabled"] is True
assert sent(BRITISH) == 21408, "the child's word is its own"
v1.safelist.create(phone_number="+447700900xxx")
assert sent(BRITISH) == 0
assert v1.safelist.delete(phone_number="+447700900xxx") and sent(BRITISH) == 21408
v1.safelist.create(phone_number=BRITISH)
assert sent(BRITISH) == 0
geo.update(permissions=[{"country_code": "GB", "type": "country", "enabled": True}])
assert sent("+447700900171") == 0
