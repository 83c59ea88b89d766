//! SIP domains with real peers: softphones (baresip), a proxy (Kamailio), a carrier that registers
//! nobody (SIPp), over UDP and TLS.

use std::net::UdpSocket;

use crate::harness::{Engine, Trunkline};

/// UDP ports that nobody has, no two the same.
fn free_ports<const COUNT: usize>() -> [String; COUNT] {
    let sockets = [(); COUNT].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a free port"));
    sockets.map(|socket| socket.local_addr().expect("bound").port().to_string())
}

#[test]
fn softphones_register_call_and_are_called() {
    let [sip] = free_ports();
    let listen = format!("udp:127.0.0.1:{sip},tcp:127.0.0.1:{sip}");
    let trunkline = Trunkline::start_with(Engine::Sqlite, &[("TRUNKLINE_SIP_LISTEN", &listen)]);
    trunkline.python_with("calls_domains.py", &[("SIP_PORT", &sip)]);
}

#[test]
fn a_phone_over_tls_calls_and_is_called() {
    let [sip, tls] = free_ports();
    let listen = format!("udp:127.0.0.1:{sip},tls:127.0.0.1:{tls}");
    let trunkline = Trunkline::start_with(Engine::Sqlite, &[("TRUNKLINE_SIP_LISTEN", &listen)]);
    trunkline.python_with("calls_secure.py", &[("SIP_PORT", &*sip), ("TLS_PORT", &*tls)]);
}

#[test]
fn registered_phones_outlive_a_kill() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let [sip] = free_ports();
        let listen = format!("udp:127.0.0.1:{sip}");
        let mut trunkline = Trunkline::start_with(engine, &[("TRUNKLINE_SIP_LISTEN", &listen)]);
        trunkline.python_with("calls_kept.py", &[("SIP_PORT", &*sip), ("PHASE", "before")]);
        trunkline.kill();
        trunkline.restart();
        trunkline.python_with("calls_kept.py", &[("SIP_PORT", &*sip), ("PHASE", "after")]);
    }
}

#[test]
fn a_carrier_behind_a_proxy_registers_us_and_takes_calls() {
    let [sip, carrier] = free_ports();
    let listen = format!("udp:127.0.0.1:{sip}");
    let url =
        format!("sip:trunk:CarrierWord42@127.0.0.1:{carrier}?ping=0&register=1&format=national:DE");
    let settings = [("TRUNKLINE_SIP_LISTEN", &*listen), ("TRUNKLINE_CARRIERS", &*url)];
    let variables =
        [("SIP_PORT", &*sip), ("CARRIER_PORT", &*carrier), ("CARRIER_PASSWORD", "CarrierWord42")];
    Trunkline::start_with(Engine::Sqlite, &settings).python_with("calls_proxy.py", &variables);
}
