"""Look-ups by the official SDK: both versions, every package, refusals, and what receipts teach."""
import os

import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, client, wait_for
from twilio.base.exceptions import TwilioRestException
from twilio.rest.lookups.v2.bucket import BucketContext
from twilio.rest.lookups.v2.lookup_override import LookupOverrideContext
from twilio.rest.lookups.v2.query import QueryList

AUTH = (ACCOUNT, TOKEN)
US, GB = "+14159929960", "+447772000001"


def at_lookups(api):
    api.lookups.base_url = BASE + "/lookups"
    return api


def refused(code, status, call):
    try:
        call()
    except TwilioRestException as error:
        assert (error.code, error.status) == (code, status), error
        return
    raise AssertionError(f"must be refused with {code}")


api = at_lookups(client())
numbers = api.lookups.v2.phone_numbers


def look(number, fields=None, **given):
    return numbers(number).fetch(fields=fields, **given) if fields else numbers(number).fetch(**given)


def known(number):
    answer = requests.get(f"{BASE}/trunkline/v1/Lookup/Numbers/{number}", auth=AUTH, timeout=10)
    answer.raise_for_status()
    return answer.json()


# Validation, with its reasons.
plain = look(US)
assert (plain.calling_country_code, plain.country_code, plain.phone_number) == ("1", "US", US)
assert (plain.national_format, plain.valid, plain.validation_errors) == ("(415) 992-9960", True, [])
assert plain.line_type_intelligence is None and plain.url.endswith(f"/lookups/v2/PhoneNumbers/{US}")
assert look("(415) 992-9960").phone_number == US
assert look("07772 000001", country_code="GB").phone_number == GB
for number, reason in [("+141599299600", "TOO_LONG"), ("+1415992", "TOO_SHORT"), ("+15558675310", "INVALID_BUT_POSSIBLE"), ("+9991234567", "INVALID_COUNTRY_CODE"), ("nonsense", "NOT_A_NUMBER")]:
    wrong = look(number, "line_type_intelligence,line_status")
    assert (wrong.valid, wrong.validation_errors, wrong.country_code) == (False, [reason], None), (number, wrong.validation_errors)
    assert wrong.line_type_intelligence is None
refused(60618, 400, lambda: look(US, "radio"))
refused(60618, 400, lambda: look(US, "identity_match", first_name="x" * 300))

# What no source is configured for says so, and what is malformed too.
every = look(US, "validation,caller_name,sim_swap,call_forwarding,line_status,line_type_intelligence,reassigned_number,sms_pumping_risk,phone_number_quality_score", last_verified_date="20201227")
for name in ["caller_name", "sim_swap", "call_forwarding", "line_status", "reassigned_number", "phone_number_quality_score"]:
    assert getattr(every, name)["error_code"] == 60606, (name, getattr(every, name))
assert every.line_type_intelligence == {"type": None, "carrier_name": None, "mobile_country_code": None, "mobile_network_code": None, "error_code": 60600}
assert look("+16137827274", "line_type_intelligence").line_type_intelligence["error_code"] == 60601
assert every.sms_pumping_risk["error_code"] is None and every.sms_pumping_risk["carrier_risk_category"] == "low"
assert look(US, "reassigned_number").reassigned_number["error_code"] == 60617
assert look(US, "reassigned_number", last_verified_date="soon").reassigned_number["error_code"] == 60618
nobody = look(US, "identity_match").identity_match
assert nobody["error_code"] == 60617 and nobody["error_message"], nobody

# By the plans, by the file of ranges, by a source.
assert look("+18007233456", "line_type_intelligence").line_type_intelligence["type"] == "tollFree"
ranged = look("+16285550123", "line_type_intelligence").line_type_intelligence
assert ranged == {"type": "nonFixedVoip", "carrier_name": "Range Telecom", "mobile_country_code": "310", "mobile_network_code": "999", "error_code": None}
sourced = look(GB, "line_type_intelligence,line_status,sim_swap,call_forwarding")
line = sourced.line_type_intelligence
assert (line["type"], line["mobile_country_code"], line["mobile_network_code"]) == ("mobile", "234", "15") and line["carrier_name"].startswith("Carrier ")
assert sourced.line_status == {"status": "reachable", "error_code": None}
assert sourced.sim_swap["last_sim_swap"] == {"last_sim_swap_date": "2020-04-27T10:18:50Z", "swapped_period": "PT24H", "swapped_in_period": False}
assert sourced.call_forwarding == {"call_forwarding_enabled": True, "error_code": None}
assert look(GB, "sim_swap").sim_swap["carrier_name"] == line["carrier_name"], "an answer that is good is kept"
john = look(GB, "identity_match", first_name="John", last_name="Roe", postal_code="10021", city="London").identity_match
assert (john["first_name_match"], john["last_name_match"], john["city_match"], john["state_match"]) == ("exact_match", "partial_match", "no_data_available", None), john
assert john["summary_score"] == 83 and john["error_code"] is None and "first_name" not in john
assert look(GB, "pre_fill").pre_fill["first_name"] == "John"
refused(60616, 429, lambda: look(GB, "pre_fill"))

# A source that knows nothing, is down, or does not answer.
assert look("+447772000404", "call_forwarding").call_forwarding == {"call_forwarding_enabled": None, "error_code": 60600}
for number in ["+447772000503", "+447772000999"]:
    assert look(number, "line_status").line_status == {"status": None, "error_code": 60613}, number
assert look("+447772000999", "line_type_intelligence").line_type_intelligence["type"] == "mobile", "the plans know without it"
for number in range(5):
    look(f"+44777200{number}503", "line_status")
rests = look("+447772000123", "line_status").line_status
assert rests["error_code"] == 60613, "a source that failed again and again rests"
requests.post(f"{BASE}/dev/clock/advance", {"seconds": 600}, auth=AUTH, timeout=60).raise_for_status()
assert look("+447772000123", "line_status").line_status["status"] == "reachable"

# What receipts teach.
reached, off, fixed = "+14155550133", "+14155550134", "+14155550135"
for number, code in [(off, "30003"), (fixed, "30006")]:
    requests.post(f"{BASE}/dev/faults", {"effect": "undelivered", "code": code, "prefix": number}, auth=AUTH, timeout=10).raise_for_status()
for number in [reached, off, fixed]:
    api.messages.create(from_=OURS, to=number, body="x")
requests.post(f"{BASE}/dev/handsets/{reached}/messages", {"to": OURS, "body": "STOP"}, auth=AUTH, timeout=10).raise_for_status()
wait_for("what was learnt", lambda: all((known(n)["receipts"] or {}).get("line_status") for n in [reached, off, fixed]))
# Our text, and the confirmation of the STOP.
wait_for("the texts from and to it", lambda: (known(reached)["messages"]["in"], known(reached)["messages"]["delivered"]) == (1, 2))
for number, status, line_type in [(reached, "reachable", "mobile"), (off, "unreachable", None), (fixed, "unreachable", "landline")]:
    found = look(number, "line_status,line_type_intelligence")
    assert (found.line_status["status"], found.line_type_intelligence["type"]) == (status, line_type), (number, found.line_status, found.line_type_intelligence)
page = known(reached)
assert (page["messages"]["out"], page["messages"]["delivered"], page["line_type"]) == (2, 2, "mobile"), page
assert page["opt_outs"][0]["sender"] == OURS and page["lookups"][0]["fields"] == ["line_status", "line_type_intelligence"], page
assert known(off)["receipts"]["error_code"] == 30003

# Overrides.
override = api.lookups.v2.lookup_overrides("line_type_intelligence", US)
said = lambda line, why: LookupOverrideContext.OverridesRequest({"line_type": line, "reason": why})
refused(20404, 404, override.fetch)
refused(20404, 404, lambda: override.update(said("mobile", "")))
made = override.create(said("mobile", "shown to be one"))
assert (made.phone_number, made.original_line_type, made.overridden_line_type, made.override_reason) == (US, "unknown", "mobile", "shown to be one")
assert made.overridden_by_account_sid == ACCOUNT and look(US, "line_type_intelligence").line_type_intelligence["type"] == "mobile"
refused(20409, 409, lambda: override.create(said("mobile", "again")))
assert override.update(said("landline", "no, it is not")).overridden_line_type == "landline"
assert override.fetch().overridden_line_type == look(US, "line_type_intelligence").line_type_intelligence["type"] == "landline"
assert known(US)["overrides"][0]["line_type"] == "landline"
refused(20001, 400, lambda: override.update(said("radio", "")))
refused(20001, 400, lambda: api.lookups.v2.lookup_overrides("sim_swap", US).fetch())
refused(20001, 400, lambda: api.lookups.v2.lookup_overrides("line_type_intelligence", "+1").fetch())
assert override.delete() and look(US, "line_type_intelligence").line_type_intelligence["type"] is None

# Buckets.
bucket = api.lookups.v2.bucket("caller_name", "hour")
room = lambda limit, ttl: BucketContext.RateLimitRequest({"limit": limit, "ttl": ttl})
refused(20404, 404, bucket.fetch)
made = bucket.update(room(2, 3600))
assert (made.field, made.bucket, made.limit, made.ttl, made.owner) == ("caller_name", "hour", 2, 3600, ACCOUNT)
limits = {(one["field"], one["bucket"], one["owner"]) for one in api.lookups.v2.rate_limits.fetch().rate_limits}
assert limits == {("caller_name", "hour", ACCOUNT), ("pre_fill", "installation", "installation")}, limits
assert [one["field"] for one in api.lookups.v2.rate_limits.fetch(fields=["caller_name"]).rate_limits] == ["caller_name"]
for _ in range(2):
    look(US, "caller_name")
refused(60616, 429, lambda: look(US, "caller_name"))
assert bucket.update(room(3, 3600)).limit == 3 and look(US, "caller_name").valid
refused(20001, 400, lambda: bucket.update(room(3, 0)))
refused(20001, 400, lambda: api.lookups.v2.bucket("radio", "hour").fetch())
refused(20001, 400, lambda: api.lookups.v2.bucket("caller_name", "installation").update(room(1, 1)))
assert bucket.delete()
refused(20404, 404, bucket.delete)

# Many at once, in their order.
asked = [
    {"correlation_id": "a", "phone_number": GB, "fields": ["line_type_intelligence", "identity_match"], "identity_match": {"first_name": "John"}},
    {"correlation_id": "b", "phone_number": "07772 000001", "country_code": "GB"},
    {"correlation_id": "c", "phone_number": US, "fields": ["radio"]},
    {"correlation_id": "d", "phone_number": "+1"},
]
answered = api.lookups.v2.query.create(QueryList.LookupRequest({"phone_numbers": asked})).phone_numbers
assert [one["correlation_id"] for one in answered] == ["a", "b", "c", "d"]
assert answered[0]["line_type_intelligence"]["type"] == "mobile" and answered[0]["identity_match"]["first_name_match"] == "exact_match"
assert answered[1]["phone_number"] == GB and answered[1]["line_type_intelligence"] is None
assert [one["twilio_error_code"] for one in answered] == [None, None, 60618, None] and answered[3]["valid"] is False
for body in [{}, {"phone_numbers": []}, {"phone_numbers": [{"phone_number": US}] * 501}, {"phone_numbers": "x"}]:
    answer = requests.post(f"{BASE}/lookups/v2/batch/query", json=body, auth=AUTH, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (400, 20001), (body, answer.text)

# Version 1.
old = api.lookups.v1.phone_numbers
plain = old(US).fetch()
assert (plain.country_code, plain.national_format, plain.carrier, plain.caller_name) == ("US", "(415) 992-9960", None, None)
both = old(GB).fetch(type=["carrier", "caller-name"])
assert (both.carrier["type"], both.carrier["mobile_country_code"], both.carrier["error_code"]) == ("mobile", "234", None) and both.carrier["name"].startswith("Carrier ")
assert both.caller_name == {"caller_name": None, "caller_type": None, "error_code": 60606}, both.caller_name
assert old("+16137827274").fetch(type="carrier").carrier["error_code"] == 60601
assert old("+16285550123").fetch(type="carrier").carrier["type"] == "voip"
refused(20404, 404, lambda: old("+15558675310").fetch())
refused(20001, 400, lambda: old(US).fetch(add_ons=["whitepages_pro_caller_id"]))
refused(20001, 400, lambda: old(US).fetch(type="radio"))

# Counted, with their prices; look-ups that found nothing cost nothing.
child = api.api.v2010.accounts.create(friendly_name="tenant")
tenant = at_lookups(client(child.sid, child.auth_token))


def usage(category):
    [record] = tenant.usage.records.list(category=category)
    return int(record.count), round(float(record.price), 6)


tenant.lookups.v2.phone_numbers(GB).fetch(fields="line_type_intelligence,line_status")
tenant.lookups.v2.phone_numbers(US).fetch(fields="line_type_intelligence")
wait_for("the counts", lambda: usage("lookups")[0] == 2)
assert (usage("carrier-lookups"), usage("lookups"), usage("totalprice")[1]) == ((1, 0.008), (2, 0.007), 0.015)

# Test credentials: magic numbers, no source.
test = at_lookups(client(os.environ["TEST_ACCOUNT_SID"], TOKEN)).lookups.v2.phone_numbers
swap = test("+12345678900").fetch(fields="sim_swap").sim_swap
assert swap["last_sim_swap"] == {"last_sim_swap_date": None, "swapped_period": "PT48H", "swapped_in_period": False}, swap
assert test("+12345678916").fetch(fields="sim_swap").sim_swap["error_code"] == 60620
assert test(GB).fetch(fields="sim_swap").sim_swap["error_code"] == 60622
for day, word in [("20201227", "yes"), ("20190924", "no"), ("20211224", "no_data_available")]:
    assert test(US).fetch(fields="reassigned_number", last_verified_date=day).reassigned_number["is_number_reassigned"] == word
refused(20008, 403, lambda: at_lookups(client(os.environ["TEST_ACCOUNT_SID"], TOKEN)).lookups.v2.rate_limits.fetch())

# Who may not, does not.
assert requests.get(f"{BASE}/lookups/v2/PhoneNumbers/{US}", auth=(ACCOUNT, "wrong"), timeout=10).status_code == 401
other = requests.get(f"{BASE}/trunkline/v1/Lookup/Numbers/{reached}", auth=(child.sid, child.auth_token), timeout=10).json()
assert other["messages"] is None and other["opt_outs"] == [] and other["lookups"] == [], "another account's messages are its own"
