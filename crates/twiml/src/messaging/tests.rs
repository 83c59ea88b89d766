//! Documents in, effects out.

use super::*;

const URL: &str = "http://app/sms?x=1";

fn hook(url: &str) -> Hook {
    Hook { url: url.to_owned(), get: false }
}

fn xml(body: &str) -> Input {
    Input::Fetched(Fetched {
        status: 200,
        content_type: Some("text/xml".into()),
        body: format!("<Response>{body}</Response>").into(),
        url: URL.into(),
    })
}

/// Feeds the inputs in turn and writes the effects down, one a line.
fn run(fallback: Option<&str>, inputs: Vec<Input>) -> (Vec<String>, bool) {
    let mut reply = Reply::new(hook(URL), fallback.map(hook));
    let mut lines = Vec::new();
    let mut drain = |reply: &mut Reply| {
        while let Some(output) = reply.poll() {
            lines.push(match output {
                Output::Fetch(hook, params) => {
                    let method = if hook.get { "GET" } else { "POST" };
                    let params: Vec<String> =
                        params.iter().map(|(name, value)| format!(" {name}={value}")).collect();
                    format!("{method} {}{}", hook.url, params.concat())
                }
                Output::Send(message) => format!("send {} {:?}", message.body, message.media),
                Output::Problem(problem, _) => format!("problem {}", problem.code),
            });
        }
    };
    drain(&mut reply);
    for input in inputs {
        reply.handle(Instant::default(), input);
        drain(&mut reply);
    }
    let closed = reply.is_closed();
    (lines, closed)
}

fn sent() -> Input {
    Input::Sent(Ok(vec![("MessageStatus".into(), "queued".into())]))
}

#[test]
fn replies_are_sent_in_order() {
    let document = "<Message>one</Message><Message><Body>two</Body><Media>/m.png</Media></Message>";
    let (lines, closed) = run(None, vec![xml(document), sent(), sent()]);
    let expected = ["POST http://app/sms?x=1", "send one []", "send two [\"http://app/m.png\"]"];
    assert_eq!((lines, closed), (expected.map(str::to_owned).to_vec(), true));
}

#[test]
fn redirects_and_actions_replace_what_remains() {
    let document = "<Redirect method='get'>next</Redirect><Message>never</Message>";
    let (lines, closed) = run(None, vec![xml(document), xml("")]);
    assert_eq!((lines[1].as_str(), lines.len(), closed), ("GET http://app/next", 2, true));
    let document = "<Message action='/after'>hi</Message><Message>never</Message>";
    let (lines, _) = run(None, vec![xml(document), sent()]);
    assert_eq!(lines[2], "POST http://app/after MessageStatus=queued");
}

#[test]
fn the_fallback_is_asked_once_with_the_reason() {
    let failed = || Input::Failed(11202, "refused".into());
    let (lines, closed) = run(Some("http://backup/"), vec![failed(), failed()]);
    let expected = [
        "POST http://app/sms?x=1",
        "problem 11202",
        "POST http://backup/ ErrorCode=11202 ErrorUrl=http://app/sms?x=1",
        "problem 11202",
    ];
    assert_eq!((lines, closed), (expected.map(str::to_owned).to_vec(), true));
}

#[test]
fn endless_redirects_end() {
    let inputs = (0..20).map(|_| xml("<Redirect>/again</Redirect>")).collect();
    let (lines, closed) = run(None, inputs);
    assert_eq!(lines.iter().filter(|line| line.starts_with("POST")).count(), 10);
    assert!(closed && lines.contains(&"problem 14106".to_owned()));
}

#[test]
fn what_cannot_be_sent_is_reported_and_the_rest_goes_on() {
    let long = "x".repeat(1_601);
    let document = format!("<Message>{long}</Message><Message/><Message>fine</Message>");
    let (lines, closed) = run(None, vec![xml(&document), Input::Sent(Err(21610))]);
    assert_eq!(lines[1..], ["problem 14103", "problem 14103", "send fine []", "problem 21610"]);
    assert!(closed);
    let many = "<Message>x</Message>".repeat(11);
    assert_eq!(run(None, vec![xml(&many)]).0[1], "problem 14109");
}
