"""RTP as it comes: numbers that wrap and a source that changes in mid-call, and a stranger who sends as well."""
import math
import os
import socket
import struct
import threading

import requests
from peer import ACCOUNT, OURS, TOKEN, Sink, client, wait_for
from phones import samples, tone, tone_ms
from rtp import Telephone, play_at_once
from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

XML = "text/xml"
sink = Sink()
api = client()
number = api.incoming_phone_numbers.list(phone_number=OURS)[0]
number.update(voice_url=sink.url + "/voice")
server = ("127.0.0.1", int(os.environ["SIP_PORT"]))


def hum(hertz, seconds):
    return [int(8_000 * math.sin(2 * math.pi * hertz * at / 8_000)) for at in range(int(8_000 * seconds))]


# Keys: numbers wrap amid the third one, and so do timestamps behind its beginning.
document = VoiceResponse()
document.append(Gather(num_digits=4, action=sink.url + "/keys", timeout=20))
sink.answers["/voice"] = (200, XML, str(document))
sink.answers["/keys"] = (200, XML, str(VoiceResponse()))
peer = Telephone(server, sequence=65_536 - 57, timestamp=2**32 - 8_640 - 160).call(OURS)
peer.plays(hum(600, 0.4))
for key in "1964":
    peer.presses(key)
    peer.plays(hum(600, 0.2))
keys = wait_for("the keys", lambda: sink.of("/keys"))[0]["form"]
assert keys["Digits"] == "1964", keys
peer.closed()

# Sound over both wraps, then of another source; a stranger's is not heard.
record = VoiceResponse()
record.record(action=sink.url + "/kept", max_length=60, timeout=0, play_beep=False, finish_on_key="#", trim="do-not-trim")
sink.answers["/voice"] = (200, XML, str(record))
sink.answers["/kept"] = (200, XML, str(VoiceResponse()))
stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
stranger.bind(("127.0.0.1", 0))


def intrudes(count, ssrc):
    for at in range(count):
        head = struct.pack("!BBHII", 0x80, 0, at, at * 160, ssrc)
        stranger.sendto(head + b"\x00\x80" * 80, peer.media)


peer = Telephone(server, sequence=65_530, timestamp=2**32 - 40 * 160).call(OURS)
peer.plays(hum(1_000, 2))
intrudes(50, 0x9999)
peer.plays(hum(1_000, 1))
intrudes(50, peer.ssrc)
peer.plays(hum(1_000, 1))
peer.ssrc, peer.sequence, peer.timestamp = 0xABCD, 7, 99
peer.plays(hum(1_500, 2))
peer.presses("#")
kept = wait_for("the recording", lambda: sink.of("/kept"))[0]["form"]
file = requests.get(kept["RecordingUrl"] + ".wav", auth=(ACCOUNT, TOKEN), timeout=10)
said = samples(file.content)
first, second = tone_ms(said, 1_000), tone_ms(said, 1_500)
assert first >= 3_850 and second >= 1_850, (first, second, len(said))
peer.closed()

# What is played reaches it all the same.
sink.answers["/tone.wav"] = (200, "audio/wav", tone(1_200, 1))
playing = VoiceResponse()
playing.play(sink.url + "/tone.wav")
playing.pause(length=20)
sink.answers["/voice"] = (200, XML, str(playing))
other = Telephone(server, sequence=65_535, timestamp=2**32 - 1).call(OURS)
other.plays(hum(600, 2))
wait_for("the tone", lambda: tone_ms(other.heard, 1_200) >= 900)
other.hangs_up()

# Both channels of a recording stand on one line of time: what both say at once is there at once.
one, two = Telephone(server, 9, 99), Telephone(server, 65_000, 2**31)
connect = VoiceResponse()
dial = Dial(record="record-from-answer-dual", recording_status_callback=sink.url + "/apart")
dial.sip(f"sip:phone@127.0.0.1:{two.sip.getsockname()[1]}")
connect.append(dial)
sink.answers["/voice"] = (200, XML, str(connect))
taking = threading.Thread(target=two.takes)
taking.start()
one.call(OURS)
taking.join()
bursts = ([0] * 3_200 + hum(1_000, 0.2)) * 6
play_at_once((one, bursts), (two, bursts))
one.hangs_up()
url = wait_for("the recording", lambda: sink.of("/apart"))[0]["form"]["RecordingUrl"]
kept = requests.get(url + ".wav", auth=(ACCOUNT, TOKEN), timeout=10)
left, right = (samples(kept.content, channel) for channel in (0, 1))


def onsets(channel):
    """Where bursts begin, to the sample: the first loud one after silence."""
    loud = [at for at, value in enumerate(channel) if abs(value) > 3_000]
    return [at for before, at in zip([-9_999, *loud], loud) if at - before > 800]


pairs = list(zip(onsets(left), onsets(right)))
assert len(pairs) == 6, (onsets(left), onsets(right))
# Their packets may fall to both sides of one tick, and each jitter buffer has its own delay.
assert all(abs(b - a) <= 160 for a, b in pairs), pairs
print("apart by", [b - a for a, b in pairs], "samples")
two.closed()
