"""Subaccounts, their states and tokens, keys on the iam host, by the official SDK."""
import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, client, wait_for
from twilio.base.exceptions import TwilioException, TwilioRestException

api = client()


def refused(code, call, status=None):
    try:
        call()
    except TwilioRestException as error:
        assert error.code == code and status in (None, error.status), (code, error)
        return
    except TwilioException as error:  # what the SDK raises for a page
        assert f'"code":{code}' in str(error), (code, error)
        return
    raise AssertionError(f"must be refused with {code}")


own = api.api.accounts(ACCOUNT).fetch()
assert (own.status, own.type, own.owner_account_sid, own.auth_token) == ("active", "Full", ACCOUNT, TOKEN)
assert own.subresource_uris["messages"] == f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
assert api.api.accounts(ACCOUNT).update(friendly_name="House").friendly_name == "House"
refused(21475, lambda: api.api.accounts(ACCOUNT).update(status="suspended"))
refused(20001, lambda: api.api.accounts.create(friendly_name="x" * 65))

# A subaccount: its own credentials, its own things; its parent acts for it.
made = [api.api.accounts.create(friendly_name=f"Tenant {n}") for n in range(3)]
sub = made[0]
assert sub.sid.startswith("AC") and len(sub.auth_token) == 32 and sub.owner_account_sid == ACCOUNT
assert {a.sid for a in api.api.accounts.list(page_size=2)} == {ACCOUNT} | {a.sid for a in made}
assert [a.sid for a in api.api.accounts.list(friendly_name="Tenant 1")] == [made[1].sid]
child = client(sub.sid, sub.auth_token)
refused(21101, lambda: child.api.accounts.create(friendly_name="grandchild"))
refused(21475, lambda: child.api.accounts(sub.sid).update(status="closed"))
number = child.incoming_phone_numbers.create(phone_number="+14155550100")
sent = child.messages.create(to="+15558675600", from_=number.phone_number, body="from the child")
refused(21660, lambda: child.messages.create(to="+15558675600", from_=OURS, body="not ours"))
for_child = client(account_sid=sub.sid)
assert [m.sid for m in for_child.messages.list()] == [sent.sid]
refused(20404, lambda: api.messages(sent.sid).fetch())
refused(20003, lambda: client(made[1].sid, made[1].auth_token, account_sid=sub.sid).messages.list())
refused(20003, lambda: client(sub.sid, sub.auth_token, account_sid=ACCOUNT).messages.list())
assert api.incoming_phone_numbers(api.incoming_phone_numbers.list(phone_number=OURS)[0].sid).update(
    account_sid=sub.sid).account_sid == sub.sid
assert child.messages.create(to="+15558675600", from_=OURS, body="handed over").status == "queued"

# Suspended: reading only. Closed: nothing, for good, and its numbers are free again.
assert api.api.accounts(sub.sid).update(status="suspended").status == "suspended"
refused(20005, lambda: child.messages.create(to="+15558675600", from_=OURS, body="x"), status=403)
assert child.messages.list(limit=1)
assert [a.sid for a in api.api.accounts.list(status="suspended")] == [sub.sid]
assert api.api.accounts(sub.sid).update(status="active").status == "active"
assert child.messages.create(to="+15558675600", from_=OURS, body="back").status == "queued"
refused(21475, lambda: api.api.accounts(sub.sid).update(status="asleep"))
assert api.api.accounts(sub.sid).update(status="closed").status == "closed"
refused(20005, lambda: child.messages.list(limit=1))
refused(21479, lambda: api.api.accounts(sub.sid).update(status="active"))
assert api.api.accounts(sub.sid).fetch().status == "closed"
assert api.incoming_phone_numbers.create(phone_number="+14155550100").sid != number.sid
assert api.incoming_phone_numbers.create(phone_number=OURS).phone_number == OURS

# Tokens: a second one opens the API too, then takes the first one's place.
tenant = made[1]


def tokens(method, path, token):
    return requests.request(method, f"{BASE}/accounts/v1/AuthTokens/{path}", auth=(tenant.sid, token), timeout=10)


def opens(token):
    return requests.get(f"{BASE}/2010-04-01/Accounts/{tenant.sid}.json", auth=(tenant.sid, token), timeout=10).status_code == 200


first = tenant.auth_token
answer = tokens("POST", "Secondary", first)
second = answer.json()["secondary_auth_token"]
assert answer.status_code == 201 and answer.json()["url"] == f"{BASE}/accounts/v1/AuthTokens/Secondary", answer.text
assert opens(first) and opens(second)
assert tokens("DELETE", "Secondary", first).status_code == 204
wait_for("the deleted token to be refused", lambda: not opens(second))
assert tokens("DELETE", "Secondary", first).status_code == 404
assert tokens("POST", "Promote", first).json()["code"] == 20404
second = tokens("POST", "Secondary", first).json()["secondary_auth_token"]
promoted = tokens("POST", "Promote", second)
assert promoted.status_code == 200 and promoted.json()["auth_token"] == second, promoted.text
wait_for("the old token to be refused", lambda: not opens(first))
assert opens(second)

# The same with the SDK's own client for that host.
sdk = client(tenant.sid, second)
sdk.accounts.base_url = f"{BASE}/accounts"
third = sdk.accounts.v1.secondary_auth_token().create()
assert third.account_sid == tenant.sid and opens(third.secondary_auth_token)
assert sdk.accounts.v1.auth_token_promotion().update().auth_token == third.secondary_auth_token

# Keys: main and standard by the token; what each may do.
api.iam.base_url = f"{BASE}/iam"
allow = ["/twilio/messaging/messages/read", "/twilio/messaging/messages/list"]
made_key = requests.post(f"{BASE}/iam/v1/Keys", {"AccountSid": ACCOUNT, "FriendlyName": "r", "KeyType": "restricted",
                         "Policy": str({"allow": allow}).replace("'", '"')}, auth=(ACCOUNT, TOKEN), timeout=10).json()
assert made_key["policy"] == {"allow": allow} and made_key["secret"], made_key
fetched = api.iam.v1.api_key(made_key["sid"]).fetch()
assert fetched.policy == {"allow": allow} and fetched.friendly_name == "r", fetched.policy
assert made_key["sid"] in [k.sid for k in api.iam.v1.get_api_keys.list(account_sid=ACCOUNT)]
restricted = client(made_key["sid"], made_key["secret"], account_sid=ACCOUNT)
assert restricted.messages.list(limit=1) is not None
refused(20003, lambda: restricted.messages.create(to="+15558675600", from_=OURS, body="x"), status=403)
changed = api.iam.v1.api_key(made_key["sid"]).update(policy={"allow": ["/twilio/messaging/messages/create"]})
assert changed.policy == {"allow": ["/twilio/messaging/messages/create"]}, changed.policy
bad = requests.post(f"{BASE}/iam/v1/Keys", {"AccountSid": ACCOUNT, "KeyType": "restricted"}, auth=(ACCOUNT, TOKEN), timeout=10)
assert (bad.status_code, bad.json()["code"]) == (400, 20001), bad.text
assert api.iam.v1.api_key(made_key["sid"]).delete()
main = requests.post(f"{BASE}/iam/v1/Keys", {"AccountSid": ACCOUNT, "KeyType": "main"}, auth=(ACCOUNT, TOKEN), timeout=10).json()
with_main = client(main["sid"], main["secret"], account_sid=ACCOUNT)
assert with_main.keys.list(limit=1) and with_main.api.accounts(ACCOUNT).fetch().auth_token is None
