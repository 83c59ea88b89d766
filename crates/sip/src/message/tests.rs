use super::*;

const REQUEST: &str = "\r\nINVITE sip:bob@example.com SIP/2.0\n\
    v : SIP/2.0/UDP a.example.com:5060;branch=z9hG4bK1,\r\n  SIP/2.0/TCP b.example.com\r\n\
    F: \"Alice, \\\"A\\\"\" <sip:alice@example.com;x=1>;tag=7\r\nTO: sip:bob@example.com;y=2\r\n\
    i: c\r\nCSeq: 1\r\n INVITE\r\nno colon in this line\r\nX-Ünknown-é: bad name\r\n\r\nbody";

fn request(text: &str) -> (Request, Option<Fault>) {
    let read = read(text.as_bytes()).expect("read");
    match read.message {
        Message::Request(request) => (request, read.fault),
        Message::Response(_) => panic!("a response"),
    }
}

#[test]
fn half_broken_messages_are_read() {
    let (read, fault) = request(REQUEST);
    assert_eq!(fault.map(|fault| fault.why), Some("bad header field name"));
    let headers = &read.headers;
    assert_eq!(headers.all(name::VIA).len(), 2);
    assert_eq!(headers.cseq(), Some((1, "INVITE")));
    let from = Address::parse(headers.get("from").expect("a From")).expect("an address");
    assert_eq!((from.display.as_deref(), from.tag()), (Some("Alice, \"A\""), Some("7")));
    let to = Address::parse(headers.get("t").expect("a To")).expect("an address");
    assert_eq!((to.params.get("y"), to.uri.params.get("y")), (Some("2"), None));
    assert_eq!(read.body, b"body");
}

#[test]
fn limits_hold() {
    let long = format!("X: {}\r\n", "a".repeat(LINE_MAX));
    let many = "X: y\r\n".repeat(HEADERS_MAX + 1);
    for more in [long, many, "a".repeat(MESSAGE_MAX)] {
        assert!(super::read(REQUEST.replace("i: c\r\n", &more).as_bytes()).is_err());
    }
}

#[test]
fn uris_are_read_and_written() {
    for text in [
        "sip:alice@example.com",
        "sips:alice:secret@example.com:5061;transport=tcp?subject=hi&x=y",
        "sip:+15550001111@[2001:db8::9]:5060;user=phone",
        "sip:192.0.2.1",
        "tel:+1-201-555-0123;ext=4",
        "http://example.com/",
    ] {
        let uri = Uri::parse(text).expect(text);
        assert_eq!(uri.to_string(), text);
    }
    let uri = Uri::parse("SIP:a%62%20c:p@EXAMPLE.com").expect("a URI");
    assert_eq!((uri.user().as_deref(), uri.host.as_str()), (Some("ab c"), "example.com"));
    let written = Uri::sip(Some("a b@c"), "::1", None).to_string();
    assert_eq!(written, "sip:a%20b%40c@[::1]");
    for bad in [
        "",
        "sip:",
        "alice@example.com",
        "sip:a b@c",
        "sip:@c",
        "sip:a@",
        "sip:a@b:0",
        "sip:a@b:70000",
        "sip:a@300.1.1.1",
        "sip:a@[::1",
        "sip:a%4@b",
        "sip:a@b:",
        "sip:a@b>",
    ] {
        assert!(Uri::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn addresses_that_are_none_are_refused() {
    for bad in [
        "",
        "\"open <sip:a@b>",
        "<sip:a@b",
        "Name",
        "sip:a@b?x=y",
        "<sip:a@b>;=x",
        "<sip:a b@c>",
        "<sip:a@b> junk",
    ] {
        assert_eq!(Address::parse(bad), None, "{bad}");
    }
}

#[test]
fn fields_are_set_in_place_and_lists_are_split() {
    let mut headers = Headers::default();
    for (name, value) in [("X-A", "1"), ("Via", "x, y"), ("X-B", "2"), ("v", "z"), ("X-C", "3")] {
        headers.push(name, value);
    }
    headers.set_via("w");
    assert_eq!(headers.all(name::VIA), ["w", "y", "z"]);
    headers.pop_via();
    assert_eq!(headers.all(name::VIA), ["y", "z"]);
    headers.set("x-b", "4");
    headers.remove("x-a");
    let names: Vec<&str> = headers.iter().map(|header| header.name.as_ref()).collect();
    assert_eq!((names, headers.get("X-B")), (vec!["x-b", "X-C", "Via", "Via"], Some("4")));
}

#[test]
fn responses_copy_what_they_must() {
    let (read, _) = request(REQUEST);
    let trying = read.respond(100, "t");
    assert_eq!(trying.headers.get("To"), Some("sip:bob@example.com;y=2"));
    let ringing = read.respond(180, "t");
    assert_eq!(ringing.headers.get("To"), Some("sip:bob@example.com;y=2;tag=t"));
    assert_eq!(ringing.headers.all("Via").len(), 2);
    assert!(String::from_utf8_lossy(&ringing.to_octets()).starts_with("SIP/2.0 180 Ringing\r\n"));
}
