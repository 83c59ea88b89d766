"""A telephone of sockets: SIP by UDP in as few words as it takes, and RTP whose numbers are chosen."""
import socket
import struct
import threading
import time


def encoded(sample):
    """ITU-T G.711, µ-law."""
    magnitude = min(abs(sample), 32_635) + 132
    exponent = magnitude.bit_length() - 8
    return ~((0x80 if sample < 0 else 0) | exponent << 4 | (magnitude >> (exponent + 3) & 15)) & 0xFF


def decoded(octet):
    octet = ~octet & 0xFF
    value = (((octet & 15) << 3) + 132 << (octet >> 4 & 7)) - 132
    return -value if octet & 0x80 else value


def response(request, more=(), body=""):
    """200 to a request, which has no tag of ours before."""
    kept = [line for line in request.split("\r\n") if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq", "Record-Route")]
    kept = [line + ";tag=phone" if line.startswith("To:") and ";tag=" not in line else line for line in kept]
    return "\r\n".join(["SIP/2.0 200 OK", *kept, *more, f"Content-Length: {len(body)}", "", body]).encode()


def play_at_once(*played):
    """Each telephone sends audio in packets of 20 ms, all of them at the same times."""
    begin = time.monotonic()
    payloads = [(phone, bytes(encoded(sample) for sample in samples)) for phone, samples in played]
    for at in range(0, len(payloads[0][1]) - 159, 160):
        for phone, octets in payloads:
            phone.rtp.sendto(phone.packet(0, octets[at:at + 160], marker=at == 0), phone.media)
            phone.timestamp += 160
        rest = begin + (at + 160) / 8_000 - time.monotonic()
        threading.Event().wait(max(rest, 0))


class Telephone:
    """Calls one number of ours, and holds the call."""

    def __init__(self, server, sequence, timestamp):
        self.sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sip.bind(("127.0.0.1", 0))
        self.sip.settimeout(20)
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind(("127.0.0.1", 0))
        self.rtp.settimeout(0.2)
        self.server, self.sequence, self.timestamp, self.ssrc = server, sequence, timestamp, 0x1234
        self.heard, self.open, self.cseq = [], True, 1

    def message(self, method, body="", to_tag="", extra=""):
        own = "127.0.0.1:%d" % self.sip.getsockname()[1]
        return (
            f"{method} {self.to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};rport;branch=z9hG4bK{method}{self.cseq}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:+15558675900@127.0.0.1>;tag=phone\r\nTo: <{self.to}>{to_tag}\r\n"
            f"Call-ID: {own}\r\nCSeq: {self.cseq} {method}\r\nContact: <sip:phone@{own}>\r\n{extra}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def answer(self):
        while True:
            text = self.sip.recv(65_535).decode()
            status = int(text.split()[1]) if text.startswith("SIP/2.0") else 0
            if status >= 200:
                return status, text

    def call(self, number):
        self.to = f"sip:{number}@{self.server[0]}:{self.server[1]}"
        self.sip.sendto(self.message("INVITE", self.sdp(), extra="Content-Type: application/sdp\r\n"), self.server)
        status, text = self.answer()
        assert status == 200, text
        self.tag = ";tag=" + text.split("\r\nTo: ", 1)[1].split("\r\n")[0].split("tag=")[1]
        self.sip.sendto(self.message("ACK", to_tag=self.tag), self.server)
        return self.hears(text)

    def takes(self):
        """Answers the call that comes."""
        text = self.request("INVITE")
        own = "127.0.0.1:%d" % self.sip.getsockname()[1]
        more = ["Contact: <sip:phone@%s>" % own, "Content-Type: application/sdp"]
        self.sip.sendto(response(text, more, self.sdp()), self.server)
        self.request("ACK")
        return self.hears(text)

    def sdp(self):
        port = self.rtp.getsockname()[1]
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"
        )

    def hears(self, text):
        media = next(line for line in text.splitlines() if line.startswith("m=audio"))
        self.media = ("127.0.0.1", int(media.split()[1]))
        threading.Thread(target=self.listen, daemon=True).start()
        return self

    def request(self, method):
        while True:
            text = self.sip.recv(65_535).decode()
            if text.startswith(method):
                return text

    def listen(self):
        while self.open:
            try:
                packet = self.rtp.recv(2_048)
            except TimeoutError:
                continue
            except OSError:
                return
            if packet[1] & 0x7F == 0 and 200 <= packet[1] <= 204:
                continue
            if packet[1] & 0x7F == 0:
                self.heard.extend(decoded(octet) for octet in packet[12:])

    def packet(self, kind, payload, marker=False, timestamp=None):
        at = self.timestamp if timestamp is None else timestamp
        head = struct.pack("!BBHII", 0x80, kind | (0x80 if marker else 0), self.sequence, at & 0xFFFF_FFFF, self.ssrc)
        self.sequence = self.sequence + 1 & 0xFFFF
        return head + payload

    def plays(self, samples):
        play_at_once((self, samples))

    def presses(self, key):
        """A key by RFC 4733: its events have the timestamp of its beginning."""
        begin, event = self.timestamp, "0123456789*#".index(key)
        for at in range(1, 8):
            over = at > 4
            payload = struct.pack("!BBH", event, (0x80 if over else 0) | 10, 160 * min(at, 5))
            self.rtp.sendto(self.packet(101, payload, marker=at == 1, timestamp=begin), self.media)
            threading.Event().wait(0.02)
        self.timestamp += 160 * 7

    def closed(self):
        """Answers the BYE of the other end."""
        self.sip.sendto(response(self.request("BYE")), self.server)
        self.open = False

    def hangs_up(self):
        self.cseq += 1
        self.sip.sendto(self.message("BYE", to_tag=self.tag), self.server)
        status, text = self.answer()
        self.open = False
        assert status == 200, text
