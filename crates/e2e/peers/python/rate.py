"""More requests than the installation allows: 429, 20429, Retry-After."""
import requests
from peer import ACCOUNT, BASE, TOKEN

url = f"{BASE}/2010-04-01/Accounts/{ACCOUNT}.json"
session = requests.Session()
answers = [session.get(url, auth=(ACCOUNT, TOKEN), timeout=10) for _ in range(60)]
refused = [a for a in answers if a.status_code == 429]
assert refused and any(a.status_code == 200 for a in answers), [a.status_code for a in answers]
assert all(a.json()["code"] == 20429 and int(a.headers["Retry-After"]) >= 1 for a in refused), refused[0].text
