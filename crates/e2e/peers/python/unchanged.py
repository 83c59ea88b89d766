"""An application that knows nothing of Trunkline: two of Twilio's hosts, by the official SDK."""
import os

from twilio.rest import Client

client = Client(os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"])
message = client.messages.create(from_="+15550001111", to="+15558675310", body="python, unchanged")
assert client.messages(message.sid).fetch().body == "python, unchanged"
assert client.monitor.v1.alerts.list(limit=5) == []
