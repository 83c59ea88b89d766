//! Against a server of names on loopback.

use std::net::UdpSocket;

use super::*;

/// A name as records hold it.
fn packed(name: &str) -> Vec<u8> {
    let labels = name.trim_end_matches('.').split('.').filter(|label| !label.is_empty());
    let mut octets: Vec<u8> = labels
        .flat_map(|label| {
            let length = u8::try_from(label.len()).expect("a short label");
            std::iter::once(length).chain(label.bytes())
        })
        .collect();
    octets.push(0);
    octets
}

fn srv(priority: u16, port: u16, target: &str) -> (u16, Vec<u8>) {
    let numbers = [priority, 1, port].into_iter().flat_map(u16::to_be_bytes);
    (33, numbers.chain(packed(target)).collect())
}

fn naptr(order: u16, service: &str, replacement: &str) -> (u16, Vec<u8>) {
    let text = |text: &str| {
        let length = u8::try_from(text.len()).expect("a short text");
        std::iter::once(length).chain(text.bytes()).collect::<Vec<u8>>()
    };
    let mut octets: Vec<u8> = [order, 1].into_iter().flat_map(u16::to_be_bytes).collect();
    octets.extend([text("s"), text(service), text("")].concat());
    octets.extend(packed(replacement));
    (35, octets)
}

/// Answers what it knows of these names, and that there is nothing else.
fn server(known: Vec<(&'static str, (u16, Vec<u8>))>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("bound");
    std::thread::spawn(move || {
        let mut buffer = [0; 1_500];
        while let Ok((count, from)) = socket.recv_from(&mut buffer) {
            let asked = &buffer[12..count];
            let end = asked.iter().position(|octet| *octet == 0).expect("a name") + 1;
            let (name, kind) = (&asked[..end], u16::from_be_bytes([asked[end], asked[end + 1]]));
            let fits = |(of, (is, _)): &&(&str, (u16, Vec<u8>))| {
                packed(of).eq_ignore_ascii_case(name) && *is == kind
            };
            let found: Vec<_> = known.iter().filter(fits).collect();
            let mut answer = buffer[..2].to_vec();
            answer.extend([0x81, if found.is_empty() { 0x83 } else { 0x80 }, 0, 1]);
            answer.extend(u16::try_from(found.len()).expect("few").to_be_bytes());
            answer.extend([0, 0, 0, 0]);
            answer.extend(&asked[..end + 4]);
            for (_, (kind, data)) in found {
                answer.extend([0xc0, 12]);
                answer.extend(kind.to_be_bytes());
                answer.extend([0, 1, 0, 0, 0, 60]);
                answer.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
                answer.extend(data);
            }
            socket.send_to(&answer, from).expect("sent");
        }
    });
    address
}

fn query(host: &str, given: Option<Transport>, port: Option<u16>) -> Query {
    let transport = given.unwrap_or(Transport::Udp);
    Query { id: 1, host: host.to_owned(), port, transport, given: given.is_some() }
}

/// Transports and ports; `localhost` may have two addresses.
async fn found(names: &Names, query: Query) -> Vec<(Transport, u16)> {
    let mut found: Vec<(Transport, u16)> =
        names.resolve(&query).await.into_iter().map(|(how, at)| (how, at.port())).collect();
    found.dedup();
    found
}

#[tokio::test]
async fn records_say_transport_port_and_order() {
    let at = server(vec![
        ("a.example", naptr(2, "SIP+D2U", "_sip._udp.a.example")),
        ("a.example", naptr(1, "SIPS+D2T", "_sips._tcp.a.example")),
        ("a.example", naptr(0, "E2U+email", "x.example")),
        ("_sips._tcp.a.example", srv(1, 5071, "localhost")),
        ("_sip._udp.a.example", srv(2, 5073, "localhost")),
        ("_sip._udp.a.example", srv(1, 5072, "localhost")),
        ("_sip._tcp.b.example", srv(1, 5074, "localhost")),
        ("_sip._udp.c.example", srv(1, 0, ".")),
    ]);
    let names = Names::new(Some(at), 1);
    use Transport::{Tcp, Tls, Udp};
    let a = found(&names, query("a.example", None, None)).await;
    assert_eq!(a, [(Tls, 5071), (Udp, 5072), (Udp, 5073)]);
    let a = found(&names, query("a.example", Some(Udp), None)).await;
    assert_eq!(a, [(Udp, 5072), (Udp, 5073)]);
    let b = found(&names, query("b.example", None, None)).await;
    assert_eq!(b, [(Tcp, 5074)], "without NAPTR");
    assert_eq!(found(&names, query("c.example", None, None)).await, [], "which offers nothing");
    let near = found(&names, query("localhost", None, Some(5099))).await;
    assert_eq!(near, [(Udp, 5099)]);
}

#[test]
fn weights_share_within_a_priority() {
    let server = |priority, weight, port| Server { priority, weight, port, host: String::new() };
    let list = vec![server(2, 9, 1), server(1, 1, 2), server(1, 3, 3)];
    let first = |at: u64| ordered(list.clone(), |_| at)[0].port;
    let firsts: Vec<u16> = (0..=4).map(first).collect();
    assert_eq!(firsts, [2, 2, 3, 3, 3]);
    let last = ordered(list, |_| 0).pop().map(|server| server.port);
    assert_eq!(last, Some(1), "a higher priority comes last, whatever its weight");
}
