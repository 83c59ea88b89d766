"""A baresip softphone that is told what to do over its control port, and tells what happens to it."""
import atexit
import json
import os
import pathlib
import socket
import subprocess
import threading

from peer import wait_for
from phones import tone

CONFIG = """
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
{sip}
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
audio_source aufile,{folder}/said.wav
"""


def free_port():
    """A port that nobody has by UDP or TCP, and the one after it for TLS: baresip takes all three."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tls:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
                tls.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


class Softphone:
    """One account, a line of baresip's, which says a tone. `sip` is more of its configuration; one that stays outlives the scenario."""

    def __init__(self, name, account, hertz=650, sip="", stays=False):
        self.port, self.control = free_port(), free_port()
        self.folder = pathlib.Path(os.environ["DATA"], f"softphone-{name}-{self.port}")
        self.folder.mkdir()
        config = CONFIG.format(port=self.port, control=self.control, folder=self.folder, sip=sip)
        (self.folder / "config").write_text(config)
        (self.folder / "accounts").write_text(account + "\n")
        (self.folder / "contacts").touch()
        (self.folder / "said.wav").write_bytes(tone(hertz, 60))
        self.log = open(self.folder / "log", "wb")
        command = ["baresip", "-f", str(self.folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        if not stays:
            atexit.register(self.stop)
        self.events, self.answers = [], {}
        self.socket = wait_for("a softphone", self.connect)
        threading.Thread(target=self.read, daemon=True).start()

    def connect(self):
        try:
            return socket.create_connection(("127.0.0.1", self.control), 1)
        except OSError:
            return None

    def read(self):
        """Netstrings of JSON: events and answers."""
        buffer = b""
        self.socket.settimeout(None)
        while True:
            try:
                part = self.socket.recv(65536)
            except OSError:
                return
            if not part:
                return
            buffer += part
            while b":" in buffer:
                length, rest = buffer.split(b":", 1)
                if len(rest) <= int(length):
                    break
                message = json.loads(rest[:int(length)])
                buffer = rest[int(length) + 1:]
                if message.get("event"):
                    self.events.append(message)
                else:
                    self.answers[message.get("token")] = message

    def tell(self, command, params=""):
        token = f"{command}-{len(self.answers)}"
        text = json.dumps({"command": command, "params": params, "token": token}).encode()
        self.socket.sendall(b"%d:%s," % (len(text), text))
        return wait_for(f"an answer to {command}", lambda: self.answers.get(token))

    def registers(self, outcome="200 OK"):
        """Waits for the answer to its registration: that comes before there is anybody to tell."""
        def answered():
            log = (self.folder / "log").read_text(errors="replace")
            return next((line for line in log.splitlines() if f"/v4}} {outcome}" in line), None)
        wait_for(f"{outcome} to a registration", answered)

    def mark(self):
        """Events from now on."""
        return len(self.events)

    def happened(self, kind, since=0, seconds=20):
        def found():
            return next((e for e in self.events[since:] if e.get("type") == kind), None)
        try:
            return wait_for(kind, found, seconds)
        except AssertionError:
            log = (self.folder / "log").read_text(errors="replace")[-3000:]
            raise AssertionError(f"no {kind}: {[e.get('type') for e in self.events]}\n{log}") from None

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                # It waits for an answer to its last word.
                self.process.kill()
                self.process.wait(20)
