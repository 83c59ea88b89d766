//! The torture messages of RFC 4475, written after its descriptions: every one survives; what is
//! valid is read without a fault, what is not gets the answer that the RFC names.

use super::*;

fn fields(method: &str) -> String {
    format!(
        "Via: SIP/2.0/UDP t1.example.org;branch=z9hG4bKkdjuw\r\nMax-Forwards: 70\r\n\
         From: <sip:caller@example.net>;tag=2234923\r\nTo: <sip:user@example.com>\r\n\
         Call-ID: torture@192.0.2.2\r\nCSeq: 8 {method}\r\n\
         Contact: <sip:caller@caller.example.net>\r\n"
    )
}

fn message(start: &str, method: &str) -> String {
    format!("{start}\r\n{}Content-Length: 0\r\n\r\n", fields(method))
}

fn options() -> String {
    message("OPTIONS sip:user@example.com SIP/2.0", "OPTIONS")
}

/// `None` where nothing is wrong, else the status; 0 where nobody can be answered.
fn fault(octets: &[u8]) -> Option<u16> {
    match read(octets) {
        Ok(read) => read.fault.map(|fault| fault.status),
        Err(_) => Some(0),
    }
}

fn read_ok(octets: &[u8]) -> Message {
    let read = read(octets).expect("read");
    assert_eq!(read.fault, None, "{}", String::from_utf8_lossy(octets));
    read.message
}

#[test]
fn wsinv_a_short_tortuous_invite() {
    let text = "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n\
        TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n\
        from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n\
        MaX-fOrWaRdS: 0068\r\nCall-ID: wsinv.ndaksdj@192.0.2.1\r\n\
        Content-Length   : 150\r\ncseq: 0009\r\n  INVITE\r\n\
        Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\ns :\r\n\
        NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n\
        UnknownHeaderWithUnusualValue: ;;,,;;,;\r\nContent-Type: application/sdp\r\nRoute:\r\n \
        <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n\
        v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n \
        SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n\
        m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n  \
        secondparam ; q = 0.33\r\n\r\n";
    let body = "v=0\r\no=mhandley 29739 7272939 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 192.0.2.4\r\n\
        t=0 0\r\nm=audio 49217 RTP/AVP 0 12\r\nm=video 3227 RTP/AVP 31\r\na=rtpmap:31 LPC\r\n";
    let text = text.replace("150", &body.len().to_string());
    let Message::Request(request) = read_ok(format!("{text}{body}").as_bytes()) else { panic!() };
    let headers = &request.headers;
    let vias: Vec<Via> = headers.all(name::VIA).into_iter().filter_map(Via::parse).collect();
    assert_eq!(vias.len(), 3);
    assert_eq!((vias[1].transport.as_str(), vias[1].branch()), ("TCP", Some("z9hG4bK9ikj8")));
    assert_eq!(headers.number(name::MAX_FORWARDS), Some(68));
    assert_eq!(headers.cseq(), Some((9, "INVITE")));
    let to = Address::parse(headers.get(name::TO).expect("a To")).expect("an address");
    assert_eq!(to.tag(), Some("1918181833n"));
    let from = Address::parse(headers.get(name::FROM).expect("a From")).expect("an address");
    assert_eq!(from.display.as_deref(), Some("J Rosenberg \\\""));
    assert!(crate::sdp::read(&request.body).is_ok());
}

#[test]
fn intmeth_a_wide_range_of_valid_characters() {
    let method = "!interesting-Method0123456789_*+`.%indeed'~";
    let uri = "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.\
        (doesn't-it)@example.com";
    let text = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP host1.example.com;branch=z9hG4bK-.!%66*_+`'~\r\n\
         To: \"BEL:\x07 NUL:\0 DEL:\x7f\" <{uri}>\r\n\
         From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>\
         ;fromParam''~+*_!.-%=\"\u{440}\u{430}\u{431}\";tag=_token~1'+`*%!-.\r\n\
         Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}}{{\r\nCSeq: 139122385 {method}\r\n\
         Max-Forwards: 255\r\nextensionHeader-!.%*+_`'~: \u{fffd}\r\nContent-Length: 0\r\n\r\n"
    );
    let Message::Request(request) = read_ok(text.as_bytes()) else { panic!() };
    assert_eq!(request.method, Method::Other(method.to_owned()));
    assert_eq!(request.uri.to_string(), uri);
}

#[test]
fn esc01_and_escnull_escapes_are_kept() {
    let start = "REGISTER sip:sips%3Auser%40example.com@example.net SIP/2.0";
    let Message::Request(request) = read_ok(message(start, "REGISTER").as_bytes()) else {
        panic!()
    };
    assert_eq!(request.uri.user().as_deref(), Some("sips:user@example.com"));
    let nulls = message("REGISTER sip:example.com SIP/2.0", "REGISTER")
        .replace("<sip:caller@caller.example.net>", "<sip:%00@host5.example.com>, <sip:%00%00@h>")
        .replace("<sip:user@example.com>", "sip:null-%00-null@example.com");
    let Message::Request(request) = read_ok(nulls.as_bytes()) else { panic!() };
    let contacts = request.headers.all(name::CONTACT);
    let users: Vec<_> = contacts.iter().filter_map(|c| Address::parse(c)?.uri.user()).collect();
    assert_eq!(users, ["\0", "\0\0"], "two, and not one");
}

#[test]
fn esc02_a_percent_that_is_no_escape_in_a_method() {
    let text = message("RE%47IST%45R sip:registrar.example.com SIP/2.0", "RE%47IST%45R");
    let Message::Request(request) = read_ok(text.as_bytes()) else { panic!() };
    assert_eq!(request.method, Method::Other("RE%47IST%45R".to_owned()));
}

#[test]
fn valid_messages_are_read() {
    let options = options();
    for (name, text) in [
        // Without a blank between display name and bracket.
        ("lwsdisp", options.replace("<sip:caller@example.net>", "caller<sip:caller@example.net>")),
        ("longreq", options.replace("Max-", &format!("X: {}\r\nMax-", "unknown ".repeat(900)))),
        // Two requests in one datagram: what is behind Content-Length is no part of the first.
        ("dblreq", format!("{options}{options}")),
        ("semiuri", options.replace("sip:user@", "sip:user;par=u%40example.net@")),
        (
            "transports",
            options.replace("Via:", "Via: SIP/2.0/UNKNOWN t4.x;branch=z9hG4bKk\r\nVia:"),
        ),
        ("noreason", message("SIP/2.0 100 ", "INVITE")),
        ("no blank before no reason", message("SIP/2.0 200", "INVITE")),
        ("unreason", message("SIP/2.0 200 = 2**3 * 5**2 \u{43d}\u{43e}", "INVITE")),
        ("badbranch", options.replace("z9hG4bKkdjuw", "z9hG4bK")),
        ("baddate", options.replace("Max-", "Date: Fri, 01 Jan 2010 16:00:00 EST\r\nMax-")),
        (
            "inv2543",
            options.replace(";branch=z9hG4bKkdjuw", "").replace("Max-Forwards: 70\r\n", ""),
        ),
        ("zeromf", options.replace("Max-Forwards: 70", "Max-Forwards: 0")),
        ("cparam", options.replace("caller.example.net>", "caller.example.net;p>;q=0.5;a=b")),
        ("regescrt", options.replace("caller.example.net>", "c.example.net?Route=%3Csip:x%3E>")),
        ("unksm2", options.replace("<sip:user@example.com>", "isbn:2983792873")),
        ("sdp01", options.replace("Max-", "Accept: text/nobodyKnowsThis\r\nMax-")),
        ("trws", options.replacen("SIP/2.0\r\n", "SIP/2.0 \r\n", 1)),
        ("lwsstart", options.replacen("OPTIONS sip:", "OPTIONS  sip:", 1)),
        ("ltgtruri", options.replacen("sip:user@example.com SIP", "<sip:user@example.com> SIP", 1)),
    ] {
        read_ok(text.as_bytes());
        assert!(!name.is_empty());
    }
}

#[test]
fn mpart01_binary_bodies_are_kept() {
    let body =
        b"--x\r\n\r\nhello\r\n--x\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\xff\xfe\r\n";
    let head = options().replace("Content-Length: 0", &format!("Content-Length: {}", body.len()));
    let Message::Request(request) = read_ok(&[head.as_bytes(), body].concat()) else { panic!() };
    assert_eq!(request.body, body);
}

#[test]
fn invalid_messages_get_their_answers() {
    let options = options();
    for (name, text, status) in [
        ("badinv01", options.replace("t1.example.org;branch", "t1.example.org;;,;,,;branch"), 400),
        ("clerr", options.replace("Content-Length: 0", "Content-Length: 9999"), 400),
        ("ncl", options.replace("Content-Length: 0", "Content-Length: -999"), 400),
        ("scalar02", options.replace("CSeq: 8 ", "CSeq: 36893488147419103232 "), 400),
        ("scalar02", options.replace("Max-Forwards: 70", "Max-Forwards: 300"), 400),
        ("quotbal", options.replace("<sip:user@example.com>", "\"Mr. J. User <sip:j@e.com>"), 400),
        (
            "lwsruri",
            options.replacen("sip:user@example.com SIP", "sip:user@example.com; lr SIP", 1),
            400,
        ),
        ("badvers", options.replacen("SIP/2.0", "SIP/7.0", 1), 505),
        ("mismatch01", options.replace("CSeq: 8 OPTIONS", "CSeq: 8 INVITE"), 400),
        ("mismatch02", message("NEWMETHOD sip:user@example.com SIP/2.0", "INVITE"), 400),
        (
            "regbadct",
            options.replace("<sip:caller@caller.example.net>", "sip:u@e.com?Route=x"),
            400,
        ),
        (
            "badaspec",
            options.replace("<sip:user@example.com>", "\"W\" < sip:user@example.com >"),
            400,
        ),
        (
            "baddn",
            options.replace("<sip:caller@example.net>", "Bell, Alexander sip:a.g.bell@e.com"),
            400,
        ),
        ("insuf", options.replace("Call-ID: torture@192.0.2.2\r\n", ""), 400),
        ("insuf", options.replace("CSeq: 8 OPTIONS\r\n", ""), 400),
        ("unkscm", options.replacen("OPTIONS sip:", "OPTIONS nobodyKnowsThisScheme:", 1), 416),
        (
            "novelsc",
            options.replacen("sip:user@example.com SIP", "soap.beep://192.0.2.103:3002 SIP", 1),
            416,
        ),
        ("multi01", options.replace("CSeq: 8", "CSeq: 5 OPTIONS\r\nCSeq: 8"), 400),
        (
            "multi01",
            options.replace("Max-Forwards: 70", "Max-Forwards: 70\r\nMax-Forwards: 5"),
            400,
        ),
        (
            "mcl01",
            options.replace("Content-Length: 0", "Content-Length: 13\r\nContent-Length: 5"),
            400,
        ),
        // Responses with a fault are dropped, whatever it is called.
        (
            "scalarlg",
            message("SIP/2.0 503 X", "INVITE").replace("CSeq: 8", "CSeq: 9292394834772304023312"),
            400,
        ),
        ("bigcode", message("SIP/2.0 4294967301 better not break the receiver", "INVITE"), 0),
        ("no SIP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 0),
    ] {
        assert_eq!(fault(text.as_bytes()), Some(status), "{name}: {text}");
    }
}

#[test]
fn every_beginning_of_a_message_survives() {
    let text = options();
    for end in 0..text.len() {
        fault(&text.as_bytes()[..end]);
    }
}
