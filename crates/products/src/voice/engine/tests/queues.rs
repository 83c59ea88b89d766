//! Queues.

use std::time::Duration;

use super::*;
use media::Command;

const ENQUEUE: &str = "<Enqueue action='http://app/left' waitUrl='http://app/wait'>\
                       help</Enqueue><Say>after</Say>";
const DIAL: &str = "<Dial action='http://app/dialled' timeout='20'><Queue>help</Queue></Dial>";

impl World {
    /// The queue that was asked for is there, and takes so many.
    fn named(&mut self, size_max: u32) -> Option<u32> {
        let at = self.outputs.iter().position(|it| matches!(it, Output::NameQueue { .. }))?;
        let Output::NameQueue { call, ticket, name, make } = self.outputs.remove(at) else {
            return None;
        };
        assert_eq!(name, "help");
        let known = KnownQueue { sid: queue_sid(), size_max };
        self.tell(Input::Queue { call: call.sid, ticket, result: Ok(Some(known)) });
        make
    }

    fn enqueued(&mut self) -> CallSid {
        let call = self.call(ENQUEUE);
        assert_eq!(self.named(100), Some(100), "one is made for a hundred callers");
        call
    }

    fn agent(&mut self, document: &str) -> CallSid {
        let call = self.call(document);
        assert_eq!(self.named(100), None, "none is made");
        call
    }

    fn bridged(&mut self, a: CallSid, b: CallSid) -> bool {
        let (a, b) = (self.media(a), self.media(b));
        self.outputs().iter().any(|output| {
            let wanted = |x: media::LegId, y: media::LegId| (x, y) == (a, b);
            matches!(output, Output::Media(Command::Bridge { a: x, b: y, .. }) if wanted(*x, *y))
        })
    }
}

fn members(outputs: &[Output]) -> Vec<(CallSid, bool)> {
    let of = |output: &Output| match output {
        Output::Member(member) => Some((member.call.sid, member.since.is_some())),
        _ => None,
    };
    outputs.iter().filter_map(of).collect()
}

#[test]
fn who_waits_hears_a_document_that_knows_its_place() {
    let mut world = World::new();
    let first = world.enqueued();
    world.pass(10);
    let second = world.enqueued();
    assert_eq!(members(&world.outputs), [(first, true), (second, true)]);
    let asked = world.answer(second, "<Pause length='5'/>");
    assert_eq!(asked.url, "http://app/wait");
    for (name, value) in [
        ("QueuePosition", "2"),
        ("QueueTime", "0"),
        ("AvgQueueTime", "5"),
        ("CurrentQueueSize", "2"),
        ("MaxQueueSize", "100"),
    ] {
        assert_eq!(asked.get(name), Some(value), "{name}");
    }
    assert_eq!(asked.get("QueueSid"), Some(queue_sid().to_string().as_str()));
    // The document is asked for again when it ends.
    world.pass(6);
    let again = world.answer(second, "<Leave/>");
    assert_eq!(again.get("QueueTime"), Some("5"));
    let left = world.answer(second, "<Hangup/>");
    assert_eq!((left.url.as_str(), left.get("QueueResult")), ("http://app/left", Some("leave")));
    assert_eq!(left.get("QueueTime"), Some("6"));
}

#[test]
fn an_agent_gets_who_waits_longest_and_each_goes_on_after_it() {
    let mut world = World::new();
    let (first, second) = (world.enqueued(), world.enqueued());
    world.pass(30);
    world.outputs();
    let agent = world.agent(DIAL);
    assert!(world.bridged(agent, first));
    world.pass(7);
    world.hang_up(first);
    let dialled = world.answer(agent, DIAL);
    for (name, value) in [
        ("DialCallStatus", "answered"),
        ("DialCallDuration", "7"),
        ("DialBridged", "true"),
        ("QueueResult", "bridged"),
        ("QueueTime", "30"),
    ] {
        assert_eq!(dialled.get(name), Some(value), "{name}");
    }
    // The caller is told how it ended, though it is gone.
    let told = world.outputs().into_iter().find_map(|output| match output {
        Output::Notify { call, more, .. } if call.sid == first => Some(more),
        _ => None,
    });
    let told = Asked { url: String::new(), more: told.expect("the caller's action") };
    assert_eq!(told.get("QueueResult"), Some("bridged"));
    // The agent dials again, and hangs up: the caller goes on.
    world.outputs();
    let agent = world.agent(DIAL);
    assert!(world.bridged(agent, second));
    world.hang_up(agent);
    let left = world.answer(second, "<Hangup/>");
    assert_eq!(left.get("QueueResult"), Some("bridged"));
}

#[test]
fn an_agent_waits_for_somebody_until_its_time_is_over() {
    let mut world = World::new();
    let agent = world.agent(DIAL);
    world.pass(19);
    let caller = world.enqueued();
    assert!(world.bridged(agent, caller));
    world.pass(100);
    assert!(world.engine.calls[&agent].dialling.is_some(), "the wait's time is no limit");
    let other = world.agent(DIAL);
    world.pass(21);
    let dialled = world.answer(other, "<Hangup/>");
    assert_eq!(dialled.get("DialCallStatus"), Some("no-answer"));
    assert_eq!(dialled.get("QueueResult"), Some("queue-empty"));
}

#[test]
fn a_caller_is_told_something_before_it_is_connected() {
    let whisper = "<Dial action='http://app/dialled'><Queue url='http://app/whisper'>help</Queue>\
                   </Dial>";
    let mut world = World::new();
    let caller = world.enqueued();
    world.pass(3);
    let agent = world.agent(whisper);
    let asked = world.answer(caller, "<Pause length='2'/>");
    assert_eq!(asked.url, "http://app/whisper");
    assert_eq!(asked.get("DequeingCallSid"), Some(agent.to_string().as_str()));
    assert!(!world.bridged(agent, caller), "it listens first");
    world.pass(2);
    assert!(world.bridged(agent, caller));
    // Of two agents the one who is left gets the next caller.
    let second = world.enqueued();
    let other = world.agent(whisper);
    world.outputs();
    world.hang_up(second);
    assert!(world.engine.calls[&other].dialling.is_some());
    let third = world.enqueued();
    world.answer(third, "");
    assert!(world.bridged(other, third));
}

#[test]
fn who_was_called_for_is_first_in_line_again_when_the_agent_goes() {
    let mut world = World::new();
    let (first, second) = (world.enqueued(), world.enqueued());
    let agent = world.agent("<Dial><Queue url='http://app/whisper'>help</Queue></Dial>");
    world.outputs();
    world.hang_up(agent);
    assert_eq!(members(&world.outputs), [(first, true)]);
    world.outputs();
    let next = world.agent(DIAL);
    assert!(world.bridged(next, first));
    assert!(world.engine.calls[&second].queued.is_some());
}

#[test]
fn full_unknown_and_left_queues_say_so() {
    let mut world = World::new();
    world.call(ENQUEUE);
    world.named(1);
    let refused = world.call(ENQUEUE);
    world.named(1);
    let told = world.answer(refused, "<Hangup/>");
    assert_eq!(told.get("QueueResult"), Some("queue-full"));
    assert_eq!(told.get("QueueSid"), None);

    let agent = world.call(DIAL);
    let Some(Output::NameQueue { ticket, .. }) =
        world.outputs().into_iter().find(|it| matches!(it, Output::NameQueue { .. }))
    else {
        panic!("the queue is looked up");
    };
    world.tell(Input::Queue { call: agent, ticket, result: Ok(None) });
    let told = world.answer(agent, "<Hangup/>");
    assert_eq!(told.get("DialCallStatus"), Some("failed"));
    assert_eq!(told.get("QueueResult"), Some("error"));
}

#[test]
fn callers_hang_up_and_are_sent_elsewhere() {
    let mut world = World::new();
    let (first, second) = (world.enqueued(), world.enqueued());
    world.outputs();
    world.hang_up(first);
    let outputs = world.outputs();
    assert_eq!(members(&outputs), [(first, false)]);
    let result = |outputs: &[Output], call: CallSid| {
        outputs.iter().find_map(|output| match output {
            Output::Notify { call: of, more, .. } if of.sid == call => {
                let asked = Asked { url: String::new(), more: more.clone() };
                asked.get("QueueResult").map(str::to_owned)
            }
            _ => None,
        })
    };
    assert_eq!(result(&outputs, first).as_deref(), Some("hangup"));
    assert!(outputs.iter().any(|output| matches!(output, Output::Gone(call) if *call == first)));

    let start = Start::Inline("<Response><Pause length='60'/></Response>".to_owned());
    world.order(second, Order::Redirect(start.clone()));
    let outputs = world.outputs();
    assert_eq!(result(&outputs, second).as_deref(), Some("redirected"));
    assert_eq!(members(&outputs), [(second, false)]);

    let third = world.enqueued();
    let agent = world.agent(DIAL);
    world.outputs();
    world.order(third, Order::Redirect(start));
    assert_eq!(result(&world.outputs, third).as_deref(), Some("redirected-from-bridged"));
    let dialled = world.answer(agent, "<Hangup/>");
    assert_eq!(dialled.get("DialCallStatus"), Some("answered"));
}

#[test]
fn music_is_played_where_no_document_is_given() {
    let mut world = World::new();
    let call = world.call("<Enqueue>help</Enqueue>");
    world.named(100);
    let leg = world.media(call);
    let plays = world.outputs().into_iter().find_map(|output| match output {
        Output::Media(Command::Play(of, items)) if of == leg => Some(items),
        _ => None,
    });
    let items = plays.expect("music");
    let media::Source::Prompt { prompt, loops: 0, .. } = &items[0].source else {
        panic!("for ever");
    };
    let samples = prompt.samples();
    let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or_default();
    assert!((2_000..8_000).contains(&loudest), "{loudest}: heard, and not loud");
    assert!(prompt.duration_ms() > Duration::from_secs(5).as_millis() as u64);
}
