"""A trial account: verified numbers only, one number, no names as senders."""
from peer import OURS, client, handset, wait_for
from twilio.base.exceptions import TwilioRestException

api = client()


def refused(code, call):
    try:
        call()
    except TwilioRestException as error:
        assert error.code == code, (code, error)
        return
    raise AssertionError(f"must be refused with {code}")


assert api.api.accounts(api.account_sid).fetch().type == "Trial"
assert [c.phone_number for c in api.outgoing_caller_ids.list()] == ["+15558675310"]
api.messages.create(to="+15558675310", from_=OURS, body="verified")
wait_for("the text", lambda: handset("+15558675310"))
refused(21608, lambda: api.messages.create(to="+15558675311", from_=OURS, body="a stranger"))
refused(21267, lambda: api.messages.create(to="+15558675310", from_="Shop", body="a name"))
refused(21404, lambda: api.incoming_phone_numbers.create(phone_number="+14155550100"))
