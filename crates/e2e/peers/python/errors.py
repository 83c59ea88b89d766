"""Bad input of each kind gets Twilio's code, status and shape."""
import requests
from peer import ACCOUNT, BASE, OURS, TOKEN, client
from twilio.base.exceptions import TwilioRestException

GOOD = {"To": "+15558675310", "From": OURS, "Body": "x"}
URL = f"{BASE}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"

CASES = [
    ({"To": None}, 400, 21604), ({"From": None}, 400, 21603), ({"Body": None}, 400, 21602),
    ({"To": "+1"}, 400, 21211), ({"To": "garbage!"}, 400, 21211), ({"To": "+15551"}, 400, 21211),
    ({"To": "12345"}, 400, 21265), ({"To": OURS}, 400, 21266),
    ({"From": "+15005550001"}, 400, 21606), ({"From": "Twelve Letters"}, 400, 21212),
    ({"Body": "x" * 1601}, 400, 21617), ({"StatusCallback": "not a url"}, 400, 21609),
    ({"StatusCallback": "http://a_b.example/"}, 400, 21609),
    ({"StatusCallback": "http://a.example/#rc=9"}, 400, 21609),
    ({"MediaUrl": "ftp://a/b"}, 400, 21620), ({"MediaUrl": ["http://a.example/b"] * 11}, 400, 21623),
    ({"ValidityPeriod": "0"}, 400, 21624), ({"ValidityPeriod": "36001"}, 400, 21624),
    ({"MaxPrice": "cheap"}, 400, 21627), ({"MessagingServiceSid": "MG" + "0" * 32}, 404, 21701),
    ({"ContentSid": "HX" + "0" * 32}, 400, 21655), ({"Body": "nul\0"}, 400, 20001),
]
for change, status, code in CASES:
    form = {k: v for k, v in {**GOOD, **change}.items() if v is not None}
    answer = requests.post(URL, form, auth=(ACCOUNT, TOKEN), timeout=10)
    body = answer.json()
    assert (answer.status_code, body["code"], body["status"]) == (status, code, status), (change, answer.text)
    assert body["more_info"].endswith(f"/{code}") and body["message"], body
    assert answer.headers["Twilio-Request-Id"].startswith("RQ")


def refused(method, path, status, code, auth=(ACCOUNT, TOKEN), **more):
    answer = requests.request(method, BASE + path, auth=auth, timeout=10, **more)
    assert (answer.status_code, answer.json()["code"]) == (status, code), (path, answer.text)
    return answer


root = f"/2010-04-01/Accounts/{ACCOUNT}"
refused("GET", f"{root}/Messages.json", 401, 20003, auth=(ACCOUNT, "wrong"))
refused("GET", f"{root}/Messages.json", 401, 20003, auth=None)
refused("GET", f"{root}/Messages.json", 401, 20003, auth=("SK" + "0" * 32, "x"))
stranger = "AC" + "f" * 32
refused("GET", f"/2010-04-01/Accounts/{stranger}/Messages.json", 401, 20003)
refused("GET", f"{root}/Messages/SM{'0' * 32}.json", 404, 20404)
refused("GET", f"{root}/Messages/nonsense.json", 404, 20404)
refused("DELETE", f"{root}/Messages.json", 405, 20004)
refused("GET", f"{root}/Messages.json?PageToken=XX", 400, 21481)
refused("GET", f"{root}/Messages.json?DateSent=yesterday", 400, 20001)
assert "X-Trunkline-Unimplemented" in refused("GET", f"{root}/Transcriptions.json", 404, 20404).headers
assert "X-Trunkline-Unimplemented" in refused("GET", "/studio/v2/Flows", 404, 20404).headers
assert "X-Trunkline-Unimplemented" not in refused("GET", f"{root}/Nonsense.json", 404, 20404).headers
large = requests.post(URL, data=b"Body=" + b"x" * (9 << 20), auth=(ACCOUNT, TOKEN), timeout=30,
                      headers={"Content-Type": "application/x-www-form-urlencoded"})
assert (large.status_code, large.json()["code"]) == (413, 20413), large.text
try:
    client(token="wrong").messages.create(to="+15558675310", from_=OURS, body="x")
    raise AssertionError("bad credentials are refused")
except TwilioRestException as error:
    assert (error.status, error.code) == (401, 20003), error
# By host instead of by prefix.
port = BASE.rsplit(":", 1)[1]
answer = requests.get(f"{BASE}{root}/Messages.json", headers={"Host": f"api.localhost:{port}"}, auth=(ACCOUNT, TOKEN), timeout=10)
assert answer.status_code == 200
