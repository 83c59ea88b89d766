"""Authenticator apps: pyotp stands for the app, the official SDK for the application."""
import base64
import time

import pyotp
import requests
from peer import ACCOUNT, BASE, TOKEN, client
from twilio.base.exceptions import TwilioRestException

AUTH = (ACCOUNT, TOKEN)
ahead = 0
api = client()
api.verify.base_url = BASE + "/verify"
service = api.verify.v2.services.create(friendly_name="Owl Bank", totp_issuer="Owl & Co")
service = api.verify.v2.services(service.sid)


def advance(seconds):
    global ahead
    answer = requests.post(f"{BASE}/dev/clock/advance", {"seconds": seconds}, auth=AUTH, timeout=40)
    assert answer.status_code == 200, answer.text
    ahead += seconds


def now(app, steps=0):
    """What the app shows, on a clock that agrees with the installation's, or some steps off."""
    return app.at(int(time.time()) + ahead + steps * app.interval)


def wrong(app):
    """A code that is none of the three that may fit."""
    good = {now(app, step) for step in range(-3, 4)}
    return next(code for code in (f"{n:0{app.digits}d}" for n in range(100)) if code not in good)


def refused(code, status, call):
    try:
        call()
    except TwilioRestException as error:
        assert (error.code, error.status) == (code, status), (error.code, error.status, error.msg)
        return error
    raise AssertionError(f"{code} was expected")


# Entities.
made = service.entities.create(identity="user-00000001")
assert made.sid.startswith("YE") and made.identity == "user-00000001" and "factors" in made.links
refused(60301, 409, lambda: service.entities.create(identity="user-00000001"))
for bad in ["short", "x" * 65, "no_underscores", "späte-benutzer"]:
    refused(60367, 400, lambda: service.entities.create(identity=bad))
assert [one.sid for one in service.entities.list()] == [made.sid]
assert service.entities("user-00000001").fetch().sid == made.sid
refused(20404, 404, lambda: service.entities("user-99999999").fetch())

# A factor: its secret is shown once, and an app takes the address.
user = service.entities("user-00000001")
factor = user.new_factors.create(friendly_name="Ann's phone", factor_type="totp", metadata={"os": "Android"})
assert factor.status == "unverified" and factor.metadata == {"os": "Android"}, factor.metadata
assert factor.config == {"alg": "sha1", "skew": 1, "code_length": 6, "time_step": 30}
app = pyotp.parse_uri(factor.binding["uri"])
assert (app.issuer, app.name, app.secret) == ("Owl & Co", "Ann's phone", factor.binding["secret"])
assert len(base64.b32decode(app.secret)) == 20
assert factor.binding["qr"].startswith("data:image/svg+xml;base64,")
shown = requests.get(f"{BASE}/verify/v2/Services/{factor.service_sid}/Entities/user-00000001/Factors/{factor.sid}", auth=AUTH, timeout=10)
assert factor.binding["secret"] not in shown.text and "binding" not in shown.json()
refused(60318, 403, lambda: user.challenges.create(factor_sid=factor.sid))

# The QR code, while it is of use.
qr = f"{BASE}/trunkline/v1/Verify/Factors/{factor.sid}/qr"
svg, png = requests.get(qr, auth=AUTH, timeout=10), requests.get(qr, {"Format": "png"}, auth=AUTH, timeout=10)
assert svg.headers["content-type"] == "image/svg+xml" and b"<svg" in svg.content
assert png.headers["content-type"] == "image/png" and png.content.startswith(b"\x89PNG")
assert png.headers["cache-control"] == "no-store"
assert requests.get(qr, timeout=10).status_code == 401

# The first proof: a wrong code changes nothing, a right one verifies.
assert user.factors(factor.sid).update(auth_payload=wrong(app)).status == "unverified"
used = now(app)
assert user.factors(factor.sid).update(auth_payload=used).status == "verified"
gone = requests.get(qr, auth=AUTH, timeout=10)
assert gone.json()["code"] == 60383, gone.text

# A challenge: the code of a used step is refused, that of the next is not, and again it is.
replayed = user.challenges.create(factor_sid=factor.sid, auth_payload=used)
assert replayed.status == "pending", "a time step is used once"
advance(30)
code = now(app)
asked = user.challenges.create(factor_sid=factor.sid)
assert asked.status == "pending" and asked.date_responded is None and asked.factor_type == "totp"
answered = user.challenges(asked.sid).update(auth_payload=code)
assert answered.status == "approved" and answered.date_responded and answered.responded_reason == "none"
assert user.challenges.create(factor_sid=factor.sid, auth_payload=code).status == "pending"
refused(60322, 403, lambda: user.challenges(asked.sid).update(auth_payload=code))
advance(30)
at_once = user.challenges.create(
    factor_sid=factor.sid, auth_payload=now(app), details_message="Sign in?",
    details_fields=[{"label": "Where", "value": "Bern"}], hidden_details={"ip": "192.0.2.1"})
assert at_once.status == "approved" and at_once.details["fields"] == [{"label": "Where", "value": "Bern"}]
assert user.challenges(at_once.sid).fetch().hidden_details == {"ip": "192.0.2.1"}

# Within the skew and no further.
advance(60)
late = now(app, -1)
assert user.challenges.create(factor_sid=factor.sid, auth_payload=late).status == "approved"
later = now(app, 3)
assert user.challenges.create(factor_sid=factor.sid, auth_payload=later).status == "pending"

# Guessing ends, for a challenge and for the factor.
guess = user.challenges.create(factor_sid=factor.sid)
for _ in range(5):
    assert user.challenges(guess.sid).update(auth_payload=wrong(app)).status == "pending"
refused(60308, 429, lambda: user.challenges(guess.sid).update(auth_payload=now(app)))
for _ in range(4):
    assert user.challenges.create(factor_sid=factor.sid, auth_payload=wrong(app)).status == "pending"
refused(60310, 429, lambda: user.challenges.create(factor_sid=factor.sid, auth_payload=now(app)))
advance(3600)
assert user.challenges.create(factor_sid=factor.sid, auth_payload=now(app)).status == "approved"

# What runs out.
short = user.challenges.create(factor_sid=factor.sid)
advance(299)
assert user.challenges(short.sid).fetch().status == "pending"
advance(2)
assert user.challenges(short.sid).fetch().status == "expired"
refused(60323, 403, lambda: user.challenges(short.sid).update(auth_payload=now(app)))
for bad in ["2020-01-01T00:00:00Z", "soon", "2100-01-01T00:00:00Z"]:
    answer = requests.post(
        f"{BASE}/verify/v2/Services/{factor.service_sid}/Entities/user-00000001/Challenges",
        {"FactorSid": factor.sid, "ExpirationDate": bad}, auth=AUTH, timeout=10)
    assert answer.json()["code"] == 60300, answer.text

# Lists: filters and order.
listed = user.challenges.list(factor_sid=factor.sid)
assert [one.sid for one in listed] == sorted(one.sid for one in listed) and len(listed) > 9
turned = user.challenges.list(factor_sid=factor.sid, order="desc", page_size=3)
assert [one.sid for one in turned] == [one.sid for one in reversed(listed)]
approved = user.challenges.list(status="approved")
assert {one.status for one in approved} == {"approved"} and len(approved) == 4, len(approved)
assert short.sid in {one.sid for one in user.challenges.list(status="expired")}
assert user.challenges.list(status="denied") == []

# Settings of codes: the service's, and a factor's own.
api.verify.v2.services(factor.service_sid).update(totp_code_length=8, totp_time_step=60, totp_skew=2)
eight = user.new_factors.create(friendly_name="8", factor_type="totp", config_alg="sha256")
app8 = pyotp.parse_uri(eight.binding["uri"])
assert (app8.digits, app8.interval) == (8, 60) and eight.config["alg"] == "sha256"
assert user.factors(eight.sid).update(auth_payload=now(app8)).status == "verified"
brought = user.new_factors.create(
    friendly_name="3", factor_type="totp", binding_secret="GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
    config_code_length=3, config_time_step=20, config_skew=2)
# The app makes no codes of three digits: they are the end of longer ones (RFC 4226 §5.3).
app3 = pyotp.TOTP(brought.binding["secret"], digits=8, interval=20)
assert brought.binding["uri"].endswith("digits=3&period=20"), brought.binding["uri"]
assert brought.binding["secret"] == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
assert user.factors(brought.sid).update(auth_payload=now(app3)[-3:]).status == "verified"
renamed = user.factors(brought.sid).update(friendly_name="three", config_skew=0)
assert renamed.friendly_name == "three" and renamed.config["skew"] == 0 and renamed.status == "verified"

for code_, fields in [
    (60369, {"FactorType": "sms"}), (60369, {}), (60369, {"FactorType": "passkeys"}),
    (60300, {"FactorType": "totp", "FriendlyName": "x" * 65}), (60300, {"FactorType": "totp", "FriendlyName": ""}),
    (60300, {"FactorType": "totp", "Config.TimeStep": "19"}), (60300, {"FactorType": "totp", "Config.TimeStep": "61"}),
    (60300, {"FactorType": "totp", "Config.Skew": "3"}), (60300, {"FactorType": "totp", "Config.CodeLength": "9"}),
    (60300, {"FactorType": "totp", "Config.Alg": "md5"}), (60314, {"FactorType": "totp", "Binding.Secret": "x"}),
    (60300, {"FactorType": "totp", "Metadata": "[1]"}),
    (60314, {"FactorType": "push", "Config.AppId": "a", "Config.SdkVersion": "1", "Config.NotificationPlatform": "none"}),
]:
    answer = requests.post(
        f"{BASE}/verify/v2/Services/{factor.service_sid}/Entities/user-00000001/Factors",
        {"FriendlyName": "x", **fields}, auth=AUTH, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (400, code_), (fields, answer.text)

# Limits: factors that wait, and factors at all.
crowd = service.entities("crowded-0001")
for _ in range(10):
    waiting = crowd.new_factors.create(friendly_name="x", factor_type="totp")
refused(60326, 429, lambda: crowd.new_factors.create(friendly_name="x", factor_type="totp"))
advance(601)
for _ in range(10):
    crowd.new_factors.create(friendly_name="x", factor_type="totp")
advance(601)
refused(60315, 400, lambda: crowd.new_factors.create(friendly_name="x", factor_type="totp"))
assert len(crowd.factors.list(page_size=7)) == 20
advance(24 * 3600)
stale = pyotp.TOTP(waiting.binding["secret"])
refused(60311, 403, lambda: crowd.factors(waiting.sid).update(auth_payload=now(stale)))
fresh = crowd.new_factors.create(friendly_name="x", factor_type="totp")
assert [one.sid for one in crowd.factors.list()] == [fresh.sid], "what was never proved is gone"

# Strangers: another entity, another service, and what is deleted.
other = api.verify.v2.services.create(friendly_name="Other")
refused(20404, 404, lambda: api.verify.v2.services(other.sid).entities("user-00000001").factors(factor.sid).fetch())
refused(20404, 404, lambda: crowd.factors(factor.sid).fetch())
refused(60390, 404, lambda: crowd.challenges.create(factor_sid=factor.sid))
assert user.factors(brought.sid).delete()
refused(20404, 404, lambda: user.factors(brought.sid).fetch())
assert service.entities("user-00000001").delete()
refused(20404, 404, lambda: user.factors(factor.sid).fetch())
refused(20404, 404, lambda: user.challenges(asked.sid).fetch())
assert api.verify.v2.services(factor.service_sid).delete()
assert requests.get(f"{BASE}/trunkline/v1/Verify/Factors/{fresh.sid}/qr", auth=AUTH, timeout=10).status_code == 404
