//! Refer, Echo, Sms and Message.

use super::*;

#[test]
fn refer_sends_the_far_end_elsewhere() {
    let told = "ReferCallStatus=completed ReferSipResponseCode=202 NotifySipResponseCode=200";
    check(
        "<Refer action='/r'><Sip>sip:bob@example.com</Sip></Refer>",
        &["referred"],
        &["refer sip:bob@example.com", &format!("fetch POST http://app/r {told}")],
    );
    check(
        "<Refer><Sip>sip:bob@example.com</Sip></Refer><Say>Still here</Say>",
        &["referred"],
        &["refer sip:bob@example.com", "say Still here"],
    );
    check(
        "<Refer action='/r'><Sip>sip:bob@example.com</Sip></Refer>",
        &["hangup", "referred"],
        &["refer sip:bob@example.com", &format!("callback POST http://app/r {told}"), "closed"],
    );
    check("<Refer/><Say>x</Say>", &[], &["warning 13243", "say x"]);
    check("<Refer><Sip>bob</Sip></Refer><Say>x</Say>", &[], &["warning 13243", "say x"]);
}

#[test]
fn echo_lasts_until_the_end() {
    check_ringing("<Echo/><Say>never</Say>", &["press 1"], &["answer", "echo"]);
    check("<Echo/>", &["hangup"], &["echo", "stop", "closed"]);
    check("<Echo/>", &["redirected http://b/"], &["echo", "stop", "fetch POST http://b/"]);
    assert_eq!(codes("<Echo loud='true'>x</Echo>"), [12200, 12200]);
}

#[test]
fn texts_are_sent_and_the_call_goes_on() {
    check(
        "<Sms to='+1555' from='+1556'>Hi</Sms><Say>Sent</Say>",
        &["sent"],
        &["send Hi", "say Sent"],
    );
    check(
        "<Message action='/m' method='GET'><Body>Hi</Body></Message><Say>never</Say>",
        &["sent"],
        &["send Hi", "fetch GET http://app/m MessageStatus=sent"],
    );
    check("<Sms>Hi</Sms><Say>x</Say>", &["refused 21610"], &["send Hi", "warning 21610", "say x"]);
    check("<Sms/><Say>x</Say>", &[], &["warning 14103", "say x"]);
    check("<Sms>Hi</Sms>", &["hangup"], &["send Hi", "closed"]);
    check(
        "<Sms action='/m'>Hi</Sms>",
        &["hangup", "sent"],
        &["send Hi", "callback POST http://app/m MessageStatus=sent", "closed"],
    );
    let Output::Send(_, message) =
        first("<Sms to='+1555' from='+1556' statusCallback='/s'>Hi</Sms>")
    else {
        panic!("a text");
    };
    assert_eq!(message.to.as_deref(), Some("+1555"));
    assert_eq!(message.from.as_deref(), Some("+1556"));
    assert_eq!(message.status_callback.as_deref(), Some("http://app/s"));
}

#[test]
fn parameters_of_hangup_and_reject_are_told_to_go_nowhere() {
    let parameter = "<Parameter name='a' value='b'/>";
    assert_eq!(codes(&format!("<Hangup>{parameter}</Hangup>")), [12200]);
    assert_eq!(codes(&format!("<Reject>{parameter}</Reject>")), [12200]);
    assert_eq!(codes("<Hangup now='true'/>"), [12200]);
    assert_eq!(codes("<Redirect method='PUT'>/x</Redirect>"), [13710]);
}
