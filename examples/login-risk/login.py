"""Looks at a number before a code is sent to it. See README.md."""
import os
import sys

from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

RISK_MAX = float(os.environ.get("RISK_MAX", "60"))

# No texts reach the first ones; the others are dear to reach, or nobody's own.
NO_TEXTS = {"landline", "voicemail"}
NO_SIGN_IN = {"premium", "sharedCost", "tollFree", "uan", "pager"}


def look(client, phone):
    """Why no code should go to a number, or None; and what was found."""
    fields = "line_type_intelligence,sms_pumping_risk"
    found = client.lookups.v2.phone_numbers(phone).fetch(fields=fields)
    if not found.valid:
        return "not a number: " + ", ".join(found.validation_errors), None, None
    # A package that nobody can answer is no reason to send people away.
    line = (found.line_type_intelligence or {}).get("type")
    risk = (found.sms_pumping_risk or {}).get("sms_pumping_risk_score")
    if line in NO_TEXTS:
        return f"a {line} takes no texts", line, risk
    if line in NO_SIGN_IN:
        return f"we send no codes to a {line} number", line, risk
    if risk is not None and risk > RISK_MAX:
        return f"risk {risk} is more than {RISK_MAX:g}", line, risk
    return None, line, risk


def begin(client, service, phone):
    why, line, risk = look(client, phone)
    if why:
        return f"refused: {why}"
    begun = client.verify.v2.services(service).verifications.create(to=phone, channel="sms")
    return f"sent: {begun.sid}, line {line or 'unknown'}, risk {risk}"


def main(arguments):
    client = Client(os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"])
    services = client.verify.v2.services
    service = os.environ.get("VERIFY_SERVICE_SID")
    try:
        match arguments:
            case ["service"]:
                print(services.create(friendly_name="Login").sid)
            case ["begin", phone] if service:
                print(begin(client, service, phone))
            case ["finish", phone, code] if service:
                checks = services(service).verification_checks
                print("welcome" if checks.create(to=phone, code=code).valid else "that is not the code")
            case _:
                sys.exit("login.py service | begin NUMBER | finish NUMBER CODE; set VERIFY_SERVICE_SID")
    except TwilioRestException as error:
        sys.exit(f"{error.code}: {error.msg}")


if __name__ == "__main__":
    main(sys.argv[1:])
