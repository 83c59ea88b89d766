"""Kamailio between us and a phone: it stays in the way of dialogs (Record-Route), and takes registrations by digest."""
import atexit
import os
import pathlib
import socket
import subprocess

from peer import wait_for

CONFIG = """
children=2
log_stderror=yes
debug=1
disable_tcp=yes
auto_aliases=no
alias="carrier.example"
listen=udp:127.0.0.1:{port}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "maxfwd.so"
loadmodule "xlog.so"
loadmodule "auth.so"
modparam("rr", "enable_full_lr", 1)

request_route {{
    if (!mf_process_maxfwd_header("10")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("$td", "{password}", "0")) {{
            www_challenge("$td", "0");
            exit;
        }}
        xlog("L_ERR", "registered $au for $hdr(Expires)\\n");
        append_to_reply("Contact: $hdr(Contact)\\r\\nExpires: 60\\r\\n");
        sl_send_reply("200", "OK");
        exit;
    }}
    if (has_totag()) {{
        if (loose_route()) {{
            xlog("L_ERR", "within $rm from $sp\\n");
            t_relay();
        }} else if (is_method("ACK") && t_check_trans()) {{
            t_relay();
        }} else {{
            sl_send_reply("404", "Not Here");
        }}
        exit;
    }}
    if (is_method("CANCEL")) {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (is_method("OPTIONS")) {{
        sl_send_reply("200", "OK");
        exit;
    }}
    t_check_trans();
    remove_hf("Route");
    if (is_method("INVITE")) record_route();
    if ($sp == {ours}) {{
        xlog("L_ERR", "calls $rU from $fU\\n");
        $du = "sip:127.0.0.1:{phone}";
    }} else {{
        $du = "sip:127.0.0.1:{ours}";
    }}
    t_relay();
}}
"""


class Proxy:
    def __init__(self, port, ours, phone, password):
        folder = pathlib.Path(os.environ["DATA"], "kamailio")
        folder.mkdir()
        (folder / "kamailio.cfg").write_text(CONFIG.format(port=port, ours=ours, phone=phone, password=password))
        self.log = folder / "log"
        command = ["/usr/sbin/kamailio", "-f", str(folder / "kamailio.cfg"), "-DD", "-E", "-Y", str(folder), "-w", str(folder)]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        atexit.register(self.stop)
        self.port = int(port)
        wait_for("Kamailio", self.answers)

    def answers(self):
        assert self.process.poll() is None, self.said()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            probe.settimeout(0.2)
            at = f"127.0.0.1:{probe.getsockname()[1]}"
            probe.sendto((
                f"OPTIONS sip:127.0.0.1:{self.port} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKprobe;rport\r\n"
                f"From: <sip:probe@{at}>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: probe-{at}\r\nCSeq: 1 OPTIONS\r\n"
                "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            ).encode(), ("127.0.0.1", self.port))
            try:
                return probe.recv(4096).startswith(b"SIP/2.0 200")
            except OSError:
                return False

    def said(self):
        return self.log.read_text(errors="replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
