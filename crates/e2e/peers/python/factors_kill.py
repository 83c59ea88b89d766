"""Run twice, with a kill in between: a factor stays verified, and its used code stays used."""
import json
import os
import pathlib
import time

import pyotp
from peer import BASE, client

state = pathlib.Path(os.environ["DATA"]) / "factors_kill.json"
api = client()
api.verify.base_url = BASE + "/verify"
if not state.exists():
    service = api.verify.v2.services.create(friendly_name="Owl").sid
    user = api.verify.v2.services(service).entities("user-00000001")
    factor = user.new_factors.create(friendly_name="x", factor_type="totp")
    code = pyotp.TOTP(factor.binding["secret"]).at(int(time.time()))
    assert user.factors(factor.sid).update(auth_payload=code).status == "verified"
    kept = {"service": service, "factor": factor.sid, "secret": factor.binding["secret"], "code": code}
    state.write_text(json.dumps(kept))
else:
    kept = json.loads(state.read_text())
    user = api.verify.v2.services(kept["service"]).entities("user-00000001")
    assert user.factors(kept["factor"]).fetch().status == "verified"
    again = user.challenges.create(factor_sid=kept["factor"], auth_payload=kept["code"])
    assert again.status == "pending", "a used code stays used"
    # The step after it: one ahead of the clock at most, which the skew allows.
    code = pyotp.TOTP(kept["secret"]).at(int(time.time()) + 30)
    assert user.challenges(again.sid).update(auth_payload=code).status == "approved"
