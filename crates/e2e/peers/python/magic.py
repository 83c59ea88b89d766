"""Test credentials: magic numbers, no state."""
import os

from peer import TOKEN, client
from twilio.base.exceptions import TwilioRestException

api = client(os.environ["TEST_ACCOUNT_SID"], TOKEN)
GOOD = "+15005550006"
CASES = [
    ("+15005550001", "+15558675310", 21212), ("+15005550007", "+15558675310", 21606),
    ("+15005550008", "+15558675310", 21611), ("+15550001111", "+15558675310", 21606),
    (GOOD, "+15005550001", 21211), (GOOD, "+15005550002", 21612), (GOOD, "+15005550003", 21408),
    (GOOD, "+15005550004", 21610), (GOOD, "+15005550009", 21614), (GOOD, "+1", 21211),
]
for sender, to, code in CASES:
    try:
        api.messages.create(to=to, from_=sender, body="x")
        raise AssertionError(f"{sender} to {to} must be refused with {code}")
    except TwilioRestException as error:
        assert error.code == code, (sender, to, error)
made = api.messages.create(to="+15558675310", from_=GOOD, body="x")
assert made.status == "queued" and made.sid.startswith("SM")

# Buying: magic numbers, nothing is bought.
BUYING = [({"phone_number": "+15005550000"}, 21422), ({"phone_number": "+15005550001"}, 21421),
          ({"phone_number": "+14155550100"}, 21422), ({"area_code": "533"}, 21452), ({}, 21421)]
for given, code in BUYING:
    try:
        api.incoming_phone_numbers.create(**given)
        raise AssertionError(f"{given} must be refused with {code}")
    except TwilioRestException as error:
        assert error.code == code, (given, error)
bought = api.incoming_phone_numbers.create(phone_number=GOOD, sms_url="https://a.example/sms")
assert (bought.phone_number, bought.sms_url, bought.friendly_name) == (GOOD, "https://a.example/sms", "(500) 555-0006")
assert api.incoming_phone_numbers.create(area_code="500").phone_number == GOOD

# Nothing else is reached.
for call in [lambda: api.messages(made.sid).fetch(), lambda: api.incoming_phone_numbers(bought.sid).fetch(),
             lambda: api.applications.create(friendly_name="x"), lambda: api.api.accounts.create()]:
    try:
        call()
        raise AssertionError("test credentials reach two requests only")
    except TwilioRestException as error:
        assert (error.status, error.code) == (403, 20008), error
