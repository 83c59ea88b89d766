"""A support line: a menu, queues with music, agents, and voicemail out of hours. See README.md."""
import array
import datetime
import io
import json
import math
import os
import sys
import wave
import zoneinfo

from flask import Flask, Response, abort, request
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.twiml.voice_response import Dial, Enqueue, Gather, VoiceResponse
from werkzeug.serving import make_server

DEPARTMENTS = {"1": "sales", "2": "support", "3": "billing"}
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
# Who answers for what: "+15558675310=support,+15558675311=billing".
AGENTS = dict(pair.split("=") for pair in os.environ.get("AGENTS", "").split(",") if pair)
OPEN_DAYS = os.environ.get("OPEN_DAYS", "mon,tue,wed,thu,fri").split(",")
OPEN_FROM, OPEN_UNTIL = os.environ.get("OPEN_HOURS", "09:00-17:00").split("-")
ZONE = zoneinfo.ZoneInfo(os.environ.get("TIME_ZONE", "Europe/Berlin"))
MESSAGES = os.environ.get("MESSAGES", "messages.jsonl")
# Unanswered menus before a caller is sent to voicemail.
TRIES_MAX = 3

app = Flask(__name__)
client = Client(os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"])
if "TWILIO_BASE_URL" in os.environ:
    client.api.base_url = os.environ["TWILIO_BASE_URL"]
validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])


def is_open(now):
    """Whether somebody is there. The hours are those of the office, wherever this runs."""
    local = now.astimezone(ZONE)
    return DAYS[local.weekday()] in OPEN_DAYS and OPEN_FROM <= local.strftime("%H:%M") < OPEN_UNTIL


@app.before_request
def only_signed():
    if request.method == "GET":
        return  # Music is nobody's secret.
    url = app.config["URL"] + request.full_path.rstrip("?")
    if not validator.validate(url, request.form, request.headers.get("X-Twilio-Signature", "")):
        abort(403)


def twiml(response):
    return Response(str(response), content_type="text/xml")


@app.post("/voice")
def voice():
    """Somebody calls: an agent who takes the next caller, or a customer."""
    response = VoiceResponse()
    department = AGENTS.get(request.form["From"])
    if department:
        return twiml(take(response, department))
    if not is_open(datetime.datetime.now(datetime.timezone.utc)):
        response.say("Thank you for calling. We are closed.")
        return twiml(voicemail(response))
    tries = request.args.get("tries", 0, int)
    if tries >= TRIES_MAX:
        return twiml(voicemail(response))
    menu = Gather(input="dtmf speech", num_digits=1, timeout=5, speech_timeout="auto",
                  hints=", ".join(DEPARTMENTS.values()), action=f"/department?tries={tries}")
    menu.say("Thank you for calling. For sales, press one. For support, press two. For billing, press three. "
             "Or say where you want to go.")
    response.append(menu)
    response.redirect(f"/voice?tries={tries + 1}")
    return twiml(response)


@app.post("/department")
def department():
    said = request.form.get("SpeechResult", "").lower()
    chosen = DEPARTMENTS.get(request.form.get("Digits", ""))
    chosen = chosen or next((name for name in DEPARTMENTS.values() if name in said), None)
    response = VoiceResponse()
    if not chosen:
        response.say("Sorry, I did not understand.")
        response.redirect(f"/voice?tries={request.args.get('tries', 0, int) + 1}")
        return twiml(response)
    response.append(Enqueue(chosen, wait_url="/wait", action="/left"))
    return twiml(response)


@app.post("/wait")
def wait():
    """Asked for again and again while somebody waits: the place, then music. A star is voicemail."""
    response = VoiceResponse()
    offer = Gather(input="dtmf", num_digits=1, timeout=1, action="/star")
    offer.say(f"You are number {request.form['QueuePosition']} in line. Press star to leave a message.")
    offer.play("/music.wav")
    response.append(offer)
    return twiml(response)


@app.post("/star")
def star():
    response = VoiceResponse()
    if request.form.get("Digits") == "*":
        response.leave()
    else:
        response.redirect("/wait")
    return twiml(response)


@app.post("/left")
def left():
    """Why somebody does not wait any more."""
    response = VoiceResponse()
    match request.form["QueueResult"]:
        case "bridged":
            response.say("Thank you. Goodbye.")
        case "hangup":
            pass
        case _:
            voicemail(response)
    return twiml(response)


def take(response, department):
    dial = Dial(action="/served", timeout=30)
    dial.queue(department, url="/whisper")
    response.append(dial)
    return response


@app.post("/whisper")
def whisper():
    """The customer hears it before the two are connected."""
    response = VoiceResponse()
    response.say("Now you will be connected.")
    return twiml(response)


@app.post("/served")
def served():
    response = VoiceResponse()
    if request.form.get("QueueResult") in ("queue-empty", "error"):
        response.say("Nobody is waiting.")
    else:
        take(response, AGENTS[request.form["From"]])
    return twiml(response)


def voicemail(response):
    response.say("Please leave a message after the tone. Press pound when you are done.")
    response.record(action="/goodbye", max_length=120, finish_on_key="#", recording_status_callback="/message")
    return response


@app.post("/goodbye")
def goodbye():
    response = VoiceResponse()
    response.say("We will call you back. Goodbye.")
    return twiml(response)


@app.post("/message")
def message():
    """A message is kept, and can be fetched."""
    call = client.calls(request.form["CallSid"]).fetch()
    line = {"from": call._from, "seconds": int(request.form["RecordingDuration"]), "recording": request.form["RecordingUrl"]}
    with open(MESSAGES, "a") as file:
        file.write(json.dumps(line) + "\n")
    return "", 204


def music():
    """Two bars of a chord that goes up and down."""
    notes = [262, 330, 392, 523, 392, 330]
    samples = array.array("h")
    for hertz in notes * 2:
        length = 2_400
        fade = [min(at, length - at, 400) / 400 for at in range(length)]
        samples.extend(int(5_000 * fade[at] * math.sin(2 * math.pi * hertz * at / 8_000)) for at in range(length))
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8_000)
        out.writeframes(samples.tobytes())
    return file.getvalue()


MUSIC = music()


@app.get("/music.wav")
def music_file():
    return Response(MUSIC, content_type="audio/wav", headers={"Cache-Control": "max-age=3600"})


def serve():
    server = make_server("127.0.0.1", int(os.environ.get("PORT", "5000")), app, threaded=True)
    url = app.config["URL"] = os.environ.get("PUBLIC_URL", f"http://127.0.0.1:{server.server_port}")
    wanted = os.environ.get("TWILIO_NUMBER")
    number = client.incoming_phone_numbers.list(**({"phone_number": wanted} if wanted else {}), limit=1)[0]
    number.update(voice_url=url + "/voice", voice_method="POST")
    print(f"support at {number.phone_number}, webhooks at {url}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            serve()
        case ["messages"]:
            with open(MESSAGES) as kept:
                for line in map(json.loads, kept):
                    print(line["from"], f"{line['seconds']} s", line["recording"])
        case _:
            sys.exit("app.py serve | messages")
