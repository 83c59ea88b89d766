"""What the scenarios of calls share: handsets that call, answer, press keys and listen; tones and what is in them."""
import io
import math
import struct
import wave

import requests
from peer import ACCOUNT, BASE, TOKEN, wait_for

RATE = 8000
AUTH = (ACCOUNT, TOKEN)


def calls(number):
    answer = requests.get(f"{BASE}/dev/handsets/{number}/calls", auth=AUTH, timeout=10)
    answer.raise_for_status()
    return answer.json()["calls"]


def phone(number, **form):
    answer = requests.post(f"{BASE}/dev/handsets/{number}/calls", form, auth=AUTH, timeout=20)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def play(number, wav):
    """Plays a WAV into the newest live call."""
    headers = {"Content-Type": "audio/wav"}
    answer = requests.post(f"{BASE}/dev/handsets/{number}/calls?action=play", wav, headers=headers, auth=AUTH, timeout=20)
    assert answer.status_code == 200, answer.text


def heard_wav(number, call):
    answer = requests.get(f"{BASE}/dev/handsets/{number}/calls/{call}/audio", auth=AUTH, timeout=10)
    answer.raise_for_status()
    assert answer.headers["Content-Type"] == "audio/wav", answer.headers
    return answer.content


def samples(wav, channel=0):
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (RATE, 2), file.getparams()
        octets = file.readframes(file.getnframes())
        return struct.unpack(f"<{len(octets) // 2}h", octets)[channel::file.getnchannels()]


def heard(number, call):
    return samples(heard_wav(number, call))


def tone(hertz, seconds):
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        values = (int(8000 * math.sin(2 * math.pi * hertz * at / RATE)) for at in range(int(RATE * seconds)))
        out.writeframes(b"".join(struct.pack("<h", value) for value in values))
    return file.getvalue()


def power(part, hertz):
    """Goertzel: how much of a part's energy is this tone, from 0 to 1."""
    total = sum(value * value for value in part)
    if total < 200 * 200 * len(part):
        return 0.0
    turn = 2 * math.cos(2 * math.pi * hertz / RATE)
    one = two = 0.0
    for value in part:
        one, two = value + turn * one - two, one
    return 2 * (one * one + two * two - turn * one * two) / (total * len(part))


def tone_ms(audio, hertz):
    """For how long a tone is all that is heard."""
    parts = [audio[at:at + 400] for at in range(0, len(audio) - 399, 400)]
    return 50 * sum(power(part, hertz) > 0.9 for part in parts)


def live(number, state="answered"):
    """Waits until the newest call of a handset is in a state."""
    def newest():
        known = calls(number)
        return known[-1] if known and known[-1]["state"] == state else None
    return wait_for(f"{number} to be {state}", newest)


def ended(call, status="completed"):
    """Waits for the end of a call of ours, which must be this one."""
    def over():
        now = call.fetch()
        return now if now.status in ("completed", "busy", "failed", "no-answer", "canceled") else None
    found = wait_for(f"the end of {call.sid}", over)
    assert found.status == status, (found.status, status)
    return found
