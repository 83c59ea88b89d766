//! SIP domains with real peers: softphones (baresip), over UDP and TLS, and a carrier behind a
//! proxy (Kamailio).

use std::net::{TcpListener, UdpSocket};

use crate::harness::{Engine, Trunkline};

/// Ports that nobody has by UDP or TCP, no two the same.
fn free_ports<const COUNT: usize>() -> [String; COUNT] {
    let both = |_| {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let udp = UdpSocket::bind(tcp.local_addr().expect("bound")).ok()?;
        Some((tcp, udp))
    };
    let sockets = [(); COUNT].map(|()| (0..100).find_map(both).expect("a port that is free twice"));
    sockets.map(|(tcp, _)| tcp.local_addr().expect("bound").port().to_string())
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
