//! Random walks: documents, news and times in any order, from seeds. Whatever comes, effects keep
//! their order and every call ends.

use std::collections::BTreeSet;

use machine::Random;

use super::*;

const VERBS: [&str; 26] = [
    "<Say>Hello</Say>",
    "<Play loop='0'>/m</Play>",
    "<Play digits='12w'/>",
    "<Pause/>",
    "<Pause length='7'/>",
    "<Gather><Say>Press</Say><Pause length='2'/></Gather>",
    "<Gather input='dtmf speech' numDigits='2' partialResultCallback='/p'><Play>/m</Play></Gather>",
    "<Gather input='speech' bargeIn='false' actionOnEmptyResult='true'><Say>x</Say></Gather>",
    "<Record/>",
    "<Record action='/r' finishOnKey='#'/>",
    "<Dial>+15550001111</Dial>",
    "<Dial action='/d' hangupOnStar='true' answerOnBridge='true'>+15550001111</Dial>",
    "<Dial action='/d'><Conference>r</Conference></Dial>",
    "<Dial action='/d'><Queue>q</Queue></Dial>",
    "<Dial action='/d'><Number>nobody</Number></Dial>",
    "<Enqueue>q</Enqueue>",
    "<Enqueue action='/q'>q</Enqueue>",
    "<Leave/>",
    "<Redirect>/n</Redirect>",
    "<Redirect>mailto:x</Redirect>",
    "<Refer action='/f'><Sip>sip:a@b.c</Sip></Refer>",
    "<Sms action='/s'>Hi</Sms>",
    "<Reject/>",
    "<Hangup/>",
    "<Blink/>",
    "<Echo/>",
];

const MODES: [Mode; 5] =
    [Mode::Call, Mode::Screening, Mode::QueueWait, Mode::QueueWhisper, Mode::ConferenceWait];

/// What is known of a call from its outputs alone.
struct Watched {
    call: Call,
    now: Instant,
    fetching: Option<Id>,
    /// What plays, records, dials, … and that a single one may.
    running: Option<Id>,
    listening: Option<Id>,
    /// Stopped, with the outcome still to come.
    owed: Option<Id>,
    seen: BTreeSet<Id>,
    ringing: bool,
    hung_up: bool,
    over: bool,
    trace: Vec<String>,
}

impl Watched {
    fn new(random: &mut Random) -> Self {
        let mode = MODES[random.below(MODES.len() as u64) as usize];
        let ringing = mode == Mode::Call && random.chance(500);
        let now = Instant::from_secs(1_000);
        let fallback = random.chance(300).then(|| hook("http://backup/"));
        let start = match random.chance(200) {
            true => Start::Inline(format!("<Response>{}</Response>", document(random))),
            false => Start::Fetch { primary: hook(URL), fallback },
        };
        let mut watched = Self {
            call: Call::new(now, start, facts(mode, !ringing)),
            now,
            fetching: None,
            running: None,
            listening: None,
            owed: None,
            seen: BTreeSet::new(),
            ringing,
            hung_up: false,
            over: false,
            trace: Vec::new(),
        };
        watched.watch();
        watched
    }

    fn watch(&mut self) {
        while let Some(output) = self.call.poll() {
            assert!(!self.over, "{output:?} after the end");
            self.trace.push(format!("{output:?}"));
            self.output(&output);
        }
        let late = self.call.wake_at().is_some_and(|at| at < self.now);
        assert!(!late, "a timer of the past is never waited for");
        if self.call.is_closed() {
            assert_eq!(self.call.wake_at(), None);
            // A text or a REFER that is on its way is not called back.
            let loose = self.begun("Send(") || self.begun("Refer(");
            assert!(self.running.is_none() || loose, "all that ran was stopped");
            assert_eq!(self.listening, None);
        }
    }

    fn output(&mut self, output: &Output) {
        match output {
            Output::Fetch(id, ..) => {
                assert!(self.running.is_none() && self.listening.is_none());
                self.fetching = Some(self.fresh(*id));
            }
            Output::Answer => assert!(std::mem::take(&mut self.ringing), "answered once"),
            Output::Say(id, _)
            | Output::Play(id, _)
            | Output::Record(id, _)
            | Output::Enqueue(id, _)
            | Output::Refer(id, _)
            | Output::Echo(id)
            | Output::Send(id, _) => self.runs(*id),
            Output::Dial(id, dial) => {
                assert!(!self.ringing || dial.answer_on_bridge);
                let ringing = std::mem::take(&mut self.ringing);
                self.runs(*id);
                self.ringing = ringing;
            }
            Output::Listen(id, _) => {
                assert!(self.listening.is_none(), "one listens at a time");
                self.listening = Some(self.fresh(*id));
            }
            Output::Stop(id) if self.listening == Some(*id) => self.listening = None,
            Output::Stop(id) => {
                assert_eq!(self.running.take(), Some(*id), "only what runs is stopped");
                self.owed = Some(*id);
            }
            Output::Reject(_) => {
                assert!(self.ringing && !self.hung_up);
                self.over = true;
            }
            Output::Leave | Output::Done | Output::Hangup => {
                assert!(!self.ringing && !self.hung_up);
                self.over = true;
            }
            Output::Callback(..) | Output::Problem(..) => {}
        }
    }

    fn runs(&mut self, id: Id) {
        assert!(!self.ringing, "what is heard needs an answer");
        assert!(self.running.is_none(), "one effect at a time");
        self.running = Some(self.fresh(id));
        self.fetching = None;
    }

    fn fresh(&mut self, id: Id) -> Id {
        assert!(!self.hung_up, "nothing begins after the far end is gone");
        assert!(self.seen.insert(id), "ids are never used twice");
        id
    }

    fn give(&mut self, input: Input) {
        self.trace.push(format!("{input:?}"));
        self.call.handle(self.now, input);
        self.watch();
    }

    /// News of what runs, of what was stopped, or of what never was.
    fn news(&mut self, random: &mut Random) {
        let (id, owed) = match random.below(10) {
            0 => (Id(random.below(20)), false),
            1..=2 => (self.owed.take().unwrap_or(Id(0)), true),
            _ => (self.running.unwrap_or(Id(0)), false),
        };
        let words = match random.below(10) {
            0 => "recorded",
            1 => "recorded nothing",
            2 => "dialled completed",
            3 => "dialled busy",
            4 => "dequeued leave",
            5 => "referred",
            6 => "sent",
            7 => "refused 21610",
            _ => "finished",
        };
        let (word, rest) = words.split_once(' ').unwrap_or((words, ""));
        let input = if word == "finished" { Input::Finished(id) } else { outcome(word, rest, id) };
        if !owed && self.running == Some(id) && self.ends(&input) {
            self.running = None;
            self.ringing &= !matches!(&input, Input::Dialled(_, out) if out.bridged == Some(true));
        }
        self.give(input);
    }

    /// Whether the effect that began last is of this kind.
    fn begun(&self, kind: &str) -> bool {
        let kinds = ["Say(", "Play(", "Record(", "Dial(", "Enqueue(", "Refer(", "Send(", "Echo("];
        let is_effect = |line: &&String| kinds.iter().any(|kind| line.starts_with(kind));
        self.trace.iter().rev().find(is_effect).is_some_and(|line| line.starts_with(kind))
    }

    /// Whether this is how the kind of effect that runs ends.
    fn ends(&self, input: &Input) -> bool {
        match input {
            Input::Finished(_) => self.begun("Say(") || self.begun("Play("),
            Input::Recorded(..) => self.begun("Record("),
            Input::Dialled(..) => self.begun("Dial("),
            Input::Dequeued(..) => self.begun("Enqueue("),
            Input::Referred(..) => self.begun("Refer("),
            Input::Sent(..) => self.begun("Send("),
            _ => false,
        }
    }

    fn step(&mut self, random: &mut Random) {
        match random.below(12) {
            0..=2 => {
                let id = self.fetching.take().unwrap_or(Id(random.below(20)));
                let input = match random.below(8) {
                    0 => Input::Failed(id, 11200, "no answer".into()),
                    1 => Input::Fetched(id, answer("text/xml", "<Oops")),
                    _ => Input::Fetched(id, response(&document(random))),
                };
                self.give(input);
            }
            3..=5 => self.news(random),
            6 => {
                let key = ['1', '2', '#', '*', 'x'][random.below(5) as usize];
                self.give(Input::Digit(key));
            }
            7 => {
                let id = self.listening.unwrap_or(Id(random.below(20)));
                let heard = match random.below(4) {
                    0 => Heard::Began,
                    1 => Heard::Partial {
                        stable: "a".into(),
                        unstable: "b".into(),
                        stability: f32::NAN,
                    },
                    2 => Heard::Final { text: "word".into(), confidence: 2.0 },
                    _ => Heard::Nothing,
                };
                if matches!(heard, Heard::Final { .. } | Heard::Nothing) {
                    self.listening = self.listening.filter(|listening| *listening != id);
                }
                self.give(Input::Heard(id, heard));
            }
            8 if random.chance(150) => {
                self.owed = None;
                if self.begun("Send(") {
                    self.running = None;
                }
                self.give(Input::Redirected(Start::Fetch {
                    primary: hook("http://b/"),
                    fallback: None,
                }));
            }
            _ => self.pass(random.below(9)),
        }
    }

    fn pass(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while let Some(at) = self.call.wake_at().filter(|at| *at <= until) {
            self.now = at;
            self.call.tick(at);
            self.watch();
        }
        self.now = until;
    }
}

fn document(random: &mut Random) -> String {
    let count = random.below(4);
    (0..count).map(|_| VERBS[random.below(VERBS.len() as u64) as usize]).collect()
}

/// One walk: its trace, and how far it came.
fn walk(seed: u64) -> Vec<String> {
    let mut random = Random::from_seed(seed);
    let mut watched = Watched::new(&mut random);
    let steps = random.below(120);
    for _ in 0..steps {
        watched.step(&mut random);
    }
    watched.trace.push("HungUp".to_owned());
    watched.hung_up = true;
    watched.call.handle(watched.now, Input::HungUp);
    watched.watch();
    // Half of them hear no more; the others still get their outcomes.
    if random.chance(500) {
        for _ in 0..20 {
            watched.step(&mut random);
        }
    }
    watched.pass(120);
    assert!(watched.call.is_closed(), "every call ends");
    watched.trace
}

#[test]
fn random_walks_keep_their_order_and_end() {
    let mut kinds = BTreeSet::new();
    for seed in 0..6_000 {
        let result = std::panic::catch_unwind(|| walk(seed));
        let trace = result.unwrap_or_else(|_| panic!("seed {seed}"));
        let names = trace.iter().filter_map(|line| line.split(['(', ' ']).next());
        kinds.extend(names.map(str::to_owned));
    }
    for kind in
        ["Answer", "Reject", "Dial", "Enqueue", "Record", "Callback", "Leave", "Done", "Stop"]
    {
        assert!(kinds.contains(kind), "{kind} never came: {kinds:?}");
    }
}

#[test]
fn the_same_seed_walks_the_same_way() {
    for seed in 0..50 {
        assert_eq!(walk(seed), walk(seed));
    }
}
