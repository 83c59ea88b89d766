"""One-time codes by the official SDK: each resource, each refusal, the clock, brute force."""
import concurrent.futures
import json
import re
import sys

import requests
from peer import ACCOUNT, BASE, TOKEN, Sink, client, handset, wait_for
from twilio.base.exceptions import TwilioRestException

AUTH = (ACCOUNT, TOKEN)
api = client()
api.verify.base_url = f"{BASE}/verify"
verify = api.verify.v2


def refused(code, call, status=None):
    try:
        call()
    except TwilioRestException as error:
        assert error.code == code and status in (None, error.status), (code, error)
        return error
    raise AssertionError(f"must be refused with {code}")


def advance(seconds):
    answer = requests.post(f"{BASE}/dev/clock/advance", {"seconds": seconds}, auth=AUTH, timeout=60)
    assert answer.status_code == 200, answer.text


def texts(number, count):
    return wait_for(f"{count} texts", lambda: (lambda m: m if len(m) >= count else None)(handset(number)))


def code_in(text):
    return re.findall(r"\d{4,10}", text["body"])[-1]


def wrong(code):
    return code[:-1] + str((int(code[-1]) + 1) % 10)


def raw(method, path, form=None, **more):
    return requests.request(method, f"{BASE}/verify{path}", data=form, auth=AUTH, timeout=20, **more)


made = verify.services.create(friendly_name="Owl Bank", code_length=6)
service = verify.services(made.sid)
assert made.sid.startswith("VA") and made.code_length == 6, vars(made)

# These people live next door to each other and answer late: no fraud rules for them.
assert raw("POST", f"/v2/Services/{made.sid}", {"FraudGuard": "off"}).json()["trunkline"]["fraud_guard"] == "off"

# Begin, resend the same code, check: wrong, right, and gone.
one = "+15558670001"
begun = service.verifications.create(to=one, channel="sms")
assert (begun.status, begun.valid, begun.to, begun.channel) == ("pending", False, one, "sms"), vars(begun)
assert begun.sid.startswith("VE") and begun.service_sid == made.sid and begun.account_sid == ACCOUNT
assert [a["channel"] for a in begun.send_code_attempts] == ["SMS"] and begun.sna is None and begun.lookup == {}
assert begun.url == f"{BASE}/verify/v2/Services/{made.sid}/Verifications/{begun.sid}", begun.url
first = texts(one, 1)[0]
code = code_in(first)
assert len(code) == 6 and first["body"] == f"Your Owl Bank code is {code}.", first
again = service.verifications.create(to="+1 (555) 867-0001", channel="sms")
assert again.sid == begun.sid and len(again.send_code_attempts) == 2
assert code_in(texts(one, 2)[1]) == code
assert service.verifications(one).fetch().sid == begun.sid == service.verifications(begun.sid).fetch().sid
checks = service.verification_checks
answer = checks.create(to=one, code=wrong(code))
assert (answer.status, answer.valid) == ("pending", False), vars(answer)
answer = checks.create(verification_sid=begun.sid, code=code)
assert (answer.status, answer.valid, answer.sid, answer.to) == ("approved", True, begun.sid, one)
assert answer.sna_attempts_error_codes == [] and answer.amount is None
refused(20404, lambda: checks.create(to=one, code=code), status=404)
refused(20404, lambda: checks.create(verification_sid=begun.sid, code=code))
refused(20404, lambda: service.verifications(one).fetch())
assert service.verifications(begun.sid).fetch().status == "approved"

# The text is redacted once it is delivered, whatever came first.
message = wait_for("redaction", lambda: [m for m in api.messages.list(to=one) if m.status == "delivered" and m.body == ""])
assert len(wait_for("both", lambda: (lambda l: l if all(m.body == "" for m in l) else None)(api.messages.list(to=one)))) == 2

# Five tries, however many come at once.
two = "+15558670002"
service.verifications.create(to=two, channel="sms")
code = code_in(texts(two, 1)[0])


def guess(number):
    return raw("POST", f"/v2/Services/{made.sid}/VerificationCheck", {"To": two, "Code": f"{number:04}x"})


guesses = 1000 if len(sys.argv) > 1 else 200
with concurrent.futures.ThreadPoolExecutor(32) as pool:
    answers = list(pool.map(guess, range(guesses)))
assert sum(a.status_code == 201 for a in answers) == 5, [a.status_code for a in answers]
assert all((a.status_code, a.json()["code"]) == (429, 60202) for a in answers if a.status_code != 201)
refused(60202, lambda: checks.create(to=two, code=code), status=429)
refused(60202, lambda: service.verifications.create(to=two, channel="sms"))
assert service.verifications(two).fetch().status == "max_attempts_reached"
assert service.verifications(two).update(status="canceled").status == "canceled"
service.verifications.create(to=two, channel="sms")
assert code_in(texts(two, 2)[1]) != code
texts(two, 2)

# Five sends; a canceled verification makes room.
three = "+15558670003"
for _ in range(5):
    sid = service.verifications.create(to=three, channel="sms").sid
refused(60203, lambda: service.verifications.create(to=three, channel="sms"), status=429)
code = code_in(texts(three, 5)[4])
canceled = service.verifications(sid).update(status="canceled")
assert canceled.status == "canceled" and not canceled.valid and len(canceled.send_code_attempts) == 5
refused(20404, lambda: checks.create(to=three, code=code))
refused(20404, lambda: service.verifications(sid).update(status="approved"))
assert service.verifications.create(to=three, channel="sms").sid != sid
approved = service.verifications(three).update(status="approved")
assert approved.status == "approved" and approved.valid

# Time runs out.
four = "+15558670004"
begun = service.verifications.create(to=four, channel="sms")
code = code_in(texts(four, 1)[0])
advance(599)
assert service.verifications(begun.sid).fetch().status == "pending"
advance(2)
assert service.verifications(begun.sid).fetch().status == "expired"
refused(20404, lambda: checks.create(to=four, code=code))
assert service.verifications.create(to=four, channel="sms").sid != begun.sid

# What a service must allow, and what can't be taken.
for form, expected in [
    ({"Channel": "sms"}, 20001), ({"To": one}, 20001), ({"To": "12", "Channel": "sms"}, 60200),
    ({"To": one, "Channel": "pigeon"}, 60200), ({"To": one, "Channel": "rcs"}, 60223),
    ({"To": "ann@example.com", "Channel": "email"}, 60223), ({"To": one, "Channel": "whatsapp"}, 60223),
    ({"To": one, "Channel": "sms", "CustomCode": "1234"}, 60204), ({"To": one, "Channel": "sms", "Amount": "1"}, 60204),
    ({"To": one, "Channel": "sms", "CustomMessage": "{{code}}"}, 60243), ({"To": one, "Channel": "sms", "AppHash": "x"}, 60200),
    ({"To": one, "Channel": "sms", "DeviceIp": "here"}, 60200), ({"To": one, "Channel": "sms", "RiskCheck": "no"}, 60200),
    ({"To": one, "Channel": "sms", "TemplateSid": "HJ0"}, 60228), ({"To": one, "Channel": "sms", "Tags": "[]"}, 60200),
    ({"To": one, "Channel": "sms", "RateLimits": '{"none":"x"}'}, 60200), ({"To": one, "Channel": "sms", "Locale": "{{"}, 60200),
]:
    answer = raw("POST", f"/v2/Services/{made.sid}/Verifications", form)
    assert answer.json()["code"] == expected, (form, answer.text)
assert raw("POST", f"/v2/Services/{made.sid}/VerificationCheck", {"Code": "1234"}).json()["code"] == 60221
assert raw("POST", f"/v2/Services/{made.sid}/VerificationCheck", {"To": one}).json()["code"] == 20001
assert raw("POST", "/v2/Services/VA00000000000000000000000000000000/Verifications", {"To": one, "Channel": "sms"}).status_code == 404

# Custom codes, PSD2, words.
strong = verify.services.create(friendly_name="Shop", custom_code_enabled=True, psd2_enabled=True, do_not_share_warning_enabled=True)
shop = verify.services(strong.sid)
five = "+4915750000005"
refused(60206, lambda: shop.verifications.create(to=five, channel="sms"), status=400)
paid = shop.verifications.create(to=five, channel="sms", custom_code="AB12cd", amount="€39.99", payee="Acme", custom_friendly_name="Owl {{code}}")
assert (paid.amount, paid.payee) == ("€39.99", "Acme")
body = texts(five, 1)[0]["body"]
assert body == "Ihr Code für Owl {{code}} lautet AB12cd. Zahlung von €39.99 an Acme. Geben Sie ihn niemandem weiter.", body
assert not shop.verification_checks.create(to=five, code="AB12cd", amount="€399.99", payee="Acme").valid
assert not shop.verification_checks.create(to=five, code="AB12cd").valid
assert shop.verification_checks.create(to=five, code="AB12cd", amount="€39.99", payee="Acme").valid
raw("POST", f"/v2/Services/{made.sid}", {"WebOtpDomain": "example.com", "CodeLength": "10"})
six = "+15558670006"
service.verifications.create(to=six, channel="auto", locale="fr-CA", app_hash="FA+9qCX9VSu")
body = texts(six, 1)[0]["body"]
code = re.search(r"#(\d{10})$", body)[1]
assert body == f"<#> Votre code Owl Bank est {code}.\nFA+9qCX9VSu\n\n@example.com #{code}", body
assert checks.create(to=six, code=code).valid

# Rate limits: declared, named by the request, counted by its key.
limit = service.rate_limits.create(unique_name="end_user_ip", description="one")
refused(60208, lambda: service.rate_limits.create(unique_name="end_user_ip"))
bucket = service.rate_limits(limit.sid).buckets.create(max=2, interval=60)
refused(60211, lambda: service.rate_limits(limit.sid).buckets.create(max=3, interval=60))
refused(60200, lambda: service.rate_limits(limit.sid).buckets.create(max=3, interval=0))
assert service.rate_limits(limit.sid).buckets(bucket.sid).update(max=3).max == 3
assert [r.unique_name for r in service.rate_limits.list()] == ["end_user_ip"]
for number in range(3):
    service.verifications.create(to=f"+1555867101{number}", channel="sms", rate_limits={"end_user_ip": "10.1.1.1"})
refused(20429, lambda: service.verifications.create(to="+15558671013", channel="sms", rate_limits={"end_user_ip": "10.1.1.1"}), status=429)
service.verifications.create(to="+15558671013", channel="sms", rate_limits={"end_user_ip": "10.1.1.2"})
advance(61)
service.verifications.create(to="+15558671013", channel="sms", rate_limits={"end_user_ip": "10.1.1.1"})
assert service.rate_limits(limit.sid).delete()

# Attempts, and what they add up to.
attempts = verify.verification_attempts.list(verify_service_sid=made.sid)
assert len(attempts) > 10 and all(a.service_sid == made.sid for a in attempts)
of_one = verify.verification_attempts.list(channel_data_to=one)
assert [a.conversion_status for a in of_one] == ["converted"] * 2, [vars(a) for a in of_one]
fetched = wait_for("the delivery", lambda: (lambda a: a if a.channel_data["message_status"] == "delivered" else None)(verify.verification_attempts(of_one[0].sid).fetch()))
assert fetched.channel_data["country"] == "US" and fetched.price["currency"] == "usd" and fetched.channel == "sms", vars(fetched)
assert fetched.verification_sid and fetched.channel_data["code_length"] == 6 and fetched.channel_data["locale"] == "en"
assert len(list(verify.verification_attempts.stream(page_size=3, verify_service_sid=made.sid))) == len(attempts)
assert {a.channel_data["country"] for a in verify.verification_attempts.list(country="DE")} == {"DE"}
summary = verify.verification_attempts_summary().fetch(verify_service_sid=made.sid)
assert summary.total_attempts == len(attempts) == summary.total_converted + summary.total_unconverted
assert abs(float(summary.conversion_rate_percentage) - 100 * summary.total_converted / summary.total_attempts) < 1e-6
assert verify.verification_attempts_summary().fetch(country="FR").total_attempts == 0
assert verify.verification_attempts_summary().fetch(destination_prefix="49").total_attempts == 1

# Templates, forms, safe list, messaging configurations.
templates = verify.templates.list()
assert len(templates) == 4 and all(t.sid.startswith("HJ") and len(t.translations) >= 40 for t in templates)
assert [t.friendly_name for t in verify.templates.list(friendly_name="Verification code")] == ["Verification code"]
seven = "+15558670007"
service.verifications.create(to=seven, channel="sms", template_sid=templates[3].sid)
assert "good for 10 minutes" in texts(seven, 1)[0]["body"] and "Tell it to nobody." in texts(seven, 1)[0]["body"]
assert set(verify.forms("form-push").fetch().forms) == {"create_factor", "verify_factor", "create_challenge"}
safe = verify.safelist.create(phone_number="+15558670008")
assert safe.sid.startswith("GN") and verify.safelist("+15558670008").fetch().sid == safe.sid
assert safe.url.endswith("/v2/SafeList/Numbers/+15558670008") and verify.safelist("+15558670008").delete()
refused(20404, lambda: verify.safelist("+15558670008").fetch())
configurations = service.messaging_configurations
mg = "MG" + "0" * 32
configured = configurations.create(country="ca", messaging_service_sid=mg)
assert (configured.country, configured.messaging_service_sid) == ("CA", mg) and configured.url.endswith("/MessagingConfigurations/CA")
refused(60213, lambda: configurations.create(country="CA", messaging_service_sid=mg))
refused(60200, lambda: configurations.create(country="Canada"[:3], messaging_service_sid=mg))
other = "MG" + "1" * 32
assert configurations("CA").update(messaging_service_sid=other).messaging_service_sid == other == configurations("CA").fetch().messaging_service_sid
assert [c.country for c in configurations.list()] == ["CA"] and configurations("CA").delete()

# Webhooks of a service, signed.
sink = Sink()
refused(60200, lambda: service.webhooks.create(friendly_name="w", event_types=["rain"], webhook_url=sink.url + "/v"))
hook = service.webhooks.create(friendly_name="w", event_types=["verification.*", "factor.created"], webhook_url=sink.url + "/v")
assert hook.event_types == ["verification.*", "factor.created"] and hook.version == "v2" and hook.webhook_method == "POST"
star = service.webhooks.create(friendly_name="w", event_types=["*"], webhook_url=sink.url + "/star")
eight = "+15558670009"
told = service.verifications.create(to=eight, channel="sms").sid
checks.create(to=eight, code=code_in(texts(eight, 1)[0]))
heard = wait_for("both webhooks", lambda: (lambda r: r if len(r) == 2 else None)(sink.of("/v")))
assert [r["form"]["type"] for r in heard] == ["verification.pending", "verification.approved"]
assert all(r["signed"] and r["form"]["verification_sid"] == told for r in heard) and not sink.of("/star")
assert service.webhooks(hook.sid).update(status="disabled").status == "disabled"

# The fraud guard: neighbours in a row, the log, the safe list, who vouches, countries.
guarded = verify.services.create(friendly_name="Guarded")
guard = verify.services(guarded.sid).verifications
for number in range(3):
    guard.create(to=f"+44770091200{number}", channel="sms", device_ip="10.0.0.1")
error = refused(60410, lambda: guard.create(to="+447700912003", channel="sms"), status=403)
assert "sequence" in str(error), error
assert guard.create(to="+447700912003", channel="sms", risk_check="disable").status == "pending"
verify.safelist.create(phone_number="+447700912004")
assert guard.create(to="+447700912004", channel="sms").status == "pending"
raw("POST", f"/v2/Services/{guarded.sid}", {"CountriesDenied": "FR,IT"})
refused(60605, lambda: guard.create(to="+33612345678", channel="sms"), status=403)
log = requests.get(f"{BASE}/trunkline/v1/Verify/Decisions", {"PageSize": 4}, auth=AUTH, timeout=10).json()["decisions"]
assert [(d["rule"], d["decision"]) for d in log] == [
    ("country_denied", "blocked"), ("safe_list", "allowed"), ("risk_check_disabled", "allowed"), ("sequence", "blocked")], log
one_rule = requests.get(f"{BASE}/trunkline/v1/Verify/Decisions", {"Rule": "sequence"}, auth=AUTH, timeout=10).json()
assert [d["to"] for d in one_rule["decisions"]] == ["+447700912003"], one_rule

# The account's own safe list vouches as well; its countries are asked before any list.
api.accounts.base_url = f"{BASE}/accounts"
api.accounts.v1.safelist.create(phone_number="+447700912005")
assert guard.create(to="+447700912005", channel="sms").status == "pending"


def countries(enabled):
    british = {"country_code": "GB", "type": "country", "enabled": enabled}
    changed = api.accounts.v1.messaging_geopermissions.update(permissions=[british]).permissions
    assert changed[0]["enabled"] is enabled, changed


countries(False)
error = refused(60605, lambda: guard.create(to="+447700912006", channel="sms"), status=403)
assert "account" in str(error), error
assert guard.create(to="+447700912005", channel="sms").status == "pending", "the account vouches for it"
countries(True)

# What Lookup knows is shown where it is wanted, and texts to landlines are not sent.
looked = verify.services.create(friendly_name="Looked up", lookup_enabled=True)
mobile = verify.services(looked.sid).verifications.create(to="+447772000711", channel="sms")
assert mobile.lookup["carrier"]["type"] == "mobile" and mobile.lookup["carrier"]["error_code"] is None, mobile.lookup
assert verify.services(looked.sid).verifications(mobile.sid).fetch().lookup == mobile.lookup
assert verify.services(looked.sid).verifications.create(to="+442079460711", channel="sms").lookup["carrier"]["type"] == "landline"
verify.services(looked.sid).update(skip_sms_to_landlines=True)
refused(60205, lambda: verify.services(looked.sid).verifications.create(to="+442079460712", channel="sms"), status=403)

# What becomes of codes, by country and channel.
steps = requests.get(f"{BASE}/trunkline/v1/Verify/Funnel", auth=AUTH, timeout=10).json()["steps"]
british = next(step for step in steps if (step["country"], step["channel"]) == ("GB", "sms"))
assert british["sent"] >= 8 and british["sent"] >= british["delivered"] >= british["approved"], steps
american = next(step for step in steps if step["country"] == "US")
assert american["approved"] >= 2 and american["delivered"] >= american["approved"], steps
later = requests.get(f"{BASE}/trunkline/v1/Verify/Funnel", {"DateCreatedAfter": "2100-01-01T00:00:00Z"}, auth=AUTH, timeout=10)
assert later.json() == {"steps": []}

# A service that goes takes what runs with it.
running = service.verifications.create(to="+15558670010", channel="sms", risk_check="disable").sid
assert verify.services(made.sid).delete()
refused(20404, lambda: service.verifications(running).fetch())
child = api.api.accounts.create(friendly_name="Tenant")
tenant = client(child.sid, child.auth_token)
tenant.verify.base_url = f"{BASE}/verify"
theirs = tenant.verify.v2.services.create(friendly_name="Theirs")
refused(60223, lambda: tenant.verify.v2.services(theirs.sid).verifications.create(to=one, channel="sms"), status=403)
for call in (lambda: tenant.verify.v2.services(strong.sid).verifications.create(to=one, channel="sms"),
             lambda: tenant.verify.v2.services(strong.sid).verification_checks.create(to=five, code="123456")):
    refused(20404, call)
print(json.dumps({"guesses": guesses}))
