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
