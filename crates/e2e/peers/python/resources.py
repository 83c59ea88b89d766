"""Declared resources by the official SDK: numbers, applications, addresses, keys."""
import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, client, wait_for
from twilio.base.exceptions import TwilioException, TwilioRestException

api = client()


def refused(code, call):
    try:
        call()
    except TwilioRestException as error:
        assert error.code == code, (code, error)
        return
    except TwilioException as error:  # what the SDK raises for a page
        assert f'"code":{code}' in str(error), (code, error)
        return
    raise AssertionError(f"must be refused with {code}")


# Numbers: search, buy, configure, release.
assert {c.country_code for c in api.available_phone_numbers.list()} >= {"US", "GB", "DE"}
local = api.available_phone_numbers("US").local.list(sms_enabled=True)
assert len(local) >= 3 and all(n.capabilities["SMS"] if "SMS" in n.capabilities else n.capabilities["sms"] for n in local)
assert [n.phone_number for n in api.available_phone_numbers("US").local.list(area_code=212)] == ["+12125550102", "+12125550103"]
assert api.available_phone_numbers("US").local.list(contains="415***0100")[0].phone_number == "+14155550100"
assert api.available_phone_numbers("GB").mobile.list() and api.available_phone_numbers("US").toll_free.list()
bought = api.incoming_phone_numbers.create(phone_number="+14155550100", sms_url="https://a.example/sms", friendly_name="Shop")
assert bought.sid.startswith("PN") and bought.friendly_name == "Shop" and bought.sms_url == "https://a.example/sms"
refused(21422, lambda: api.incoming_phone_numbers.create(phone_number="+14155550100"))
refused(21422, lambda: api.incoming_phone_numbers.create(phone_number="+19995550100"))
refused(21421, lambda: api.incoming_phone_numbers.create(phone_number="nonsense"))
refused(21452, lambda: api.incoming_phone_numbers.create(area_code="907"))
by_area = api.incoming_phone_numbers.create(area_code="312")
assert by_area.phone_number == "+13125550104" and by_area.friendly_name == "(312) 555-0104"
assert not [n for n in api.available_phone_numbers("US").local.list() if n.phone_number == "+14155550100"]
assert bought.update(sms_method="GET").sms_method == "GET"
refused(21403, lambda: bought.update(sms_method="PUT"))
refused(21402, lambda: bought.update(sms_url="nonsense"))
assert len(api.incoming_phone_numbers.list(phone_number=OURS)) == 1
assert bought.phone_number in [n.phone_number for n in api.incoming_phone_numbers.local.list()]
assert api.messages.create(to="+15558675500", from_=bought.phone_number, body="from a bought number")
assert bought.delete()
refused(20404, lambda: api.incoming_phone_numbers(bought.sid).fetch())
refused(21606, lambda: api.messages.create(to="+15558675500", from_=bought.phone_number, body="x"))
assert api.available_phone_numbers("US").local.list(contains="4155550100")

# Applications: the five routes, pages.
apps = [api.applications.create(friendly_name=f"App {n}") for n in range(7)]
assert [a.friendly_name for a in api.applications.list(page_size=3)] == [f"App {n}" for n in reversed(range(7))]
assert api.applications.list(friendly_name="App 3")[0].sid == apps[3].sid
changed = apps[0].update(sms_url="https://a.example/", voice_method="GET")
assert (changed.sms_url, changed.voice_method, changed.friendly_name) == ("https://a.example/", "GET", "App 0")
refused(20001, lambda: apps[0].update(sms_url="nope"))
assert apps[0].delete()
refused(20404, lambda: apps[0].fetch())

# Addresses.
refused(21628, lambda: api.addresses.create(customer_name="A", street="", city="B", region="C", postal_code="1", iso_country="US"))
home = api.addresses.create(customer_name="Ada", street="1 Loop", city="London", region="LN", postal_code="N1", iso_country="gb")
assert home.iso_country == "GB" and home.validated is False
assert [a.sid for a in api.addresses.list(iso_country="GB")] == [home.sid]

# Keys: the secret is shown once and opens the API, but not keys themselves (standard).
key = api.new_keys.create(friendly_name="CI")
assert key.sid.startswith("SK") and len(key.secret) == 32
with_key = client(key.sid, key.secret, account_sid=ACCOUNT)
assert with_key.messages.list(limit=1) is not None
listed = requests.get(f"{BASE}/2010-04-01/Accounts/{ACCOUNT}/Keys/{key.sid}.json", auth=(ACCOUNT, TOKEN), timeout=10).json()
assert "secret" not in str(listed).lower(), listed
refused(20003, lambda: with_key.keys.list())
refused(20003, lambda: client(key.sid, "wrong", account_sid=ACCOUNT).messages.list(limit=1))
policy = '{"allow":["/twilio/messaging/messages/create"]}'
made = requests.post(f"{BASE}/2010-04-01/Accounts/{ACCOUNT}/Keys.json", {"FriendlyName": "r", "KeyType": "restricted", "Policy": policy}, auth=(ACCOUNT, TOKEN), timeout=10).json()
restricted = client(made["sid"], made["secret"], account_sid=ACCOUNT)
restricted.messages.create(to="+15558675501", from_=OURS, body="allowed")
refused(20003, lambda: restricted.messages.list(limit=1))
assert api.keys(key.sid).delete()


def locked_out():
    try:
        with_key.messages.list(limit=1)
    except TwilioException as error:
        return "HTTP 401" in str(error)
    return False


wait_for("the deleted key to be refused", locked_out)
