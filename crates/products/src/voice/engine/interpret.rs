//! What documents want, and what they are told.

use base::CallSid;
use machine::Machine as _;
use twiml::Fetched;
use twiml::voice::{self, Audio, DialStatus, Dialled, Id, Input as Told, Output as Wanted};

use crate::voice::engine::live::{Effect, Referring, Runner};
use crate::voice::engine::{Engine, Fetching, Output, Ticket, io};
use crate::voice::params;

/// Something in a document can't be done here.
const NOT_HERE: u32 = 12200;

impl Engine {
    /// Does what a call's interpreters want, until they wait.
    pub(super) fn run(&mut self, call: CallSid) {
        loop {
            let Some(live) = self.calls.get_mut(&call) else { return };
            let next = Runner::ALL.into_iter().find_map(|runner| {
                let wanted = live.interpreter(runner).and_then(voice::Call::poll);
                wanted.map(|wanted| (runner, wanted))
            });
            let Some((runner, wanted)) = next else { break };
            self.want(call, runner, wanted);
        }
        if self.calls.get(&call).is_some_and(|live| !self.by_leg.contains_key(&live.leg)) {
            self.perhaps_over.push(call);
        }
        self.rewake(call);
    }

    /// Tells one of a call's interpreters something, and goes on.
    pub(super) fn tell(&mut self, call: CallSid, runner: Runner, told: Told) {
        let now = self.now;
        let Some(live) = self.calls.get_mut(&call) else { return };
        if let Some(interpreter) = live.interpreter(runner) {
            interpreter.handle(now, told);
        }
        self.run(call);
    }

    fn want(&mut self, call: CallSid, runner: Runner, wanted: Wanted) {
        match wanted {
            Wanted::Fetch(id, hook, more) => self.fetch(call, runner, id, &hook, more),
            Wanted::Callback(hook, more) => self.notify(call, &hook, more),
            Wanted::Answer => {
                if !self.pick_up(call) {
                    tracing::info!(%call, "a call could not be picked up");
                }
            }
            Wanted::Reject(reason) => self.reject(call, reason),
            Wanted::Say(id, say) => self.say(call, runner, id, say),
            Wanted::Play(id, play) => self.play_audio(call, runner, id, play),
            Wanted::Listen(id, listen) => self.listen(call, runner, id, listen),
            Wanted::Record(id, record) => self.record_verb(call, runner, id, &record),
            Wanted::Dial(id, dial) => self.dial(call, id, *dial),
            Wanted::Enqueue(id, enqueue) => self.enqueue(call, id, enqueue),
            Wanted::Refer(id, target) => self.refer(call, runner, id, &target),
            Wanted::Echo(id) => self.echo(call, runner, id),
            Wanted::Send(id, message) => self.send_text(call, runner, id, message),
            Wanted::Stop(id) => self.stop(call, runner, id),
            Wanted::Leave => self.dequeue(call, voice::QueueResult::Leave),
            Wanted::Done => self.runner_over(call, runner, false),
            Wanted::Hangup => self.runner_over(call, runner, true),
            Wanted::Problem(problem, url) => {
                self.announcement_fails(call, runner, &problem);
                if let Some(live) = self.calls.get(&call) {
                    let call = live.record.key;
                    self.put(Output::Problem { call, problem, url });
                }
            }
        }
    }

    /// A warning that is ours, not the document's.
    pub(super) fn complain(&mut self, call: CallSid, text: &str) {
        let Some(live) = self.calls.get(&call) else { return };
        let problem = twiml::Problem { code: NOT_HERE, message: text.to_owned(), warning: true };
        let call = live.record.key;
        self.put(Output::Problem { call, problem, url: String::new() });
    }

    /// Warns of attributes of a verb that nothing here serves.
    pub(super) fn passed_over(&mut self, call: CallSid, verb: &str, names: &[&str]) {
        for name in names {
            self.complain(call, &format!("<{verb}> {name} is not served here; it is passed over"));
        }
    }

    fn fetch(
        &mut self,
        call: CallSid,
        runner: Runner,
        id: Id,
        hook: &twiml::Hook,
        mut more: voice::Params,
    ) {
        more.extend(self.wait_params(call, runner));
        let Some(live) = self.calls.get_mut(&call) else { return };
        if matches!(runner, Runner::Main) {
            more.append(&mut live.once);
        }
        if let Some(page) = live.plan.pages.get(&hook.url) {
            let fetched = Fetched {
                status: 200,
                content_type: Some("text/xml".to_owned()),
                body: page.clone().into_bytes(),
                url: hook.url.clone(),
            };
            return self.tell(call, runner, Told::Fetched(id, fetched));
        }
        let fetching = match runner {
            Runner::Main => Fetching::Main(id),
            Runner::Side => Fetching::Side(id),
            Runner::Aside => Fetching::Aside(id),
        };
        more.extend(live.extra.iter().cloned());
        let form = params::standing(&live.record, live.record.status);
        let (call, hook) = (live.record.key, io::hook(hook));
        self.put(Output::Fetch { call, fetching, hook, form, more });
    }

    fn notify(&mut self, call: CallSid, hook: &twiml::Hook, more: voice::Params) {
        let Some(live) = self.calls.get(&call) else { return };
        let form = params::standing(&live.record, live.record.status);
        let (call, hook) = (live.record.key, io::hook(hook));
        self.put(Output::Notify { call, hook, form, more });
    }

    /// A document, or what went wrong.
    pub(super) fn document(
        &mut self,
        call: CallSid,
        fetching: Fetching,
        result: Result<Fetched, (u32, String)>,
    ) {
        let (runner, id) = match fetching {
            Fetching::Main(id) => (Runner::Main, id),
            Fetching::Side(id) => (Runner::Side, id),
            Fetching::Aside(id) => (Runner::Aside, id),
        };
        let told = match result {
            Ok(fetched) => Told::Fetched(id, fetched),
            Err((code, text)) => Told::Failed(id, code, text),
        };
        self.tell(call, runner, told);
    }

    fn say(&mut self, call: CallSid, runner: Runner, id: Id, say: voice::Say) {
        let ticket = Ticket(self.number());
        let effect = Effect::Prompt { ticket, loops: say.loops, item: None };
        self.begin_effect(call, runner, id, effect);
        self.put(Output::Speak { call, ticket, say });
    }

    fn play_audio(&mut self, call: CallSid, runner: Runner, id: Id, play: voice::Play) {
        match play.audio {
            Audio::Url(url) => {
                let ticket = Ticket(self.number());
                let effect = Effect::Prompt { ticket, loops: play.loops, item: None };
                self.begin_effect(call, runner, id, effect);
                if let Some(live) = self.calls.get(&call) {
                    let call = live.record.key;
                    self.put(Output::Load { call, ticket, url });
                }
            }
            Audio::Digits(digits) => {
                let item = self.number();
                self.begin_effect(call, runner, id, Effect::Digits(item));
                let digits = digits.repeat(usize::try_from(play.loops).unwrap_or(1));
                let source = media::Source::Digits(digits.as_str().into());
                self.play_of(call, runner, vec![media::Item { id: item, source }]);
            }
        }
    }

    fn begin_effect(&mut self, call: CallSid, runner: Runner, id: Id, effect: Effect) {
        if let Some(live) = self.calls.get_mut(&call) {
            live.effects.insert((runner, id), effect);
        }
    }

    fn listen(&mut self, call: CallSid, runner: Runner, id: Id, listen: voice::Listen) {
        let tap = media::TapId(self.number());
        let chosen = listen.model.is_some() || listen.enhanced;
        let names: &[&str] = if chosen { &["speechModel, enhanced"] } else { &[] };
        self.passed_over(call, "Gather", names);
        self.begin_effect(call, runner, id, Effect::Listening(tap));
        let Some(leg) = self.calls.get(&call).and_then(|live| live.media) else { return };
        let config = media::TapConfig { track: media::Track::Inbound, batch_ms: 100 };
        self.put(Output::Listen { call, id, listen, tap });
        self.put(Output::Media(media::Command::Tap(leg, tap, config)));
    }

    /// News of listening.
    pub(super) fn heard(&mut self, call: CallSid, id: Id, heard: voice::Heard) {
        let over = matches!(heard, voice::Heard::Final { .. } | voice::Heard::Nothing);
        let Some(live) = self.calls.get_mut(&call) else { return };
        let of = |effect: &Effect| matches!(effect, Effect::Listening(_));
        let found = live.effects.iter().find(|((_, known), effect)| *known == id && of(effect));
        let Some((key, _)) = found.map(|(key, effect)| (*key, effect.clone())) else { return };
        if over {
            self.stop_listening(call, key);
        }
        self.tell(call, key.0, Told::Heard(id, heard));
    }

    fn stop_listening(&mut self, call: CallSid, key: (Runner, Id)) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        let Some(Effect::Listening(tap)) = live.effects.remove(&key) else { return };
        let leg = live.media;
        self.put(Output::Unlisten { tap });
        if let Some(leg) = leg {
            self.put(Output::Media(media::Command::Untap(leg, tap)));
        }
    }

    fn echo(&mut self, call: CallSid, runner: Runner, id: Id) {
        self.begin_effect(call, runner, id, Effect::Echo);
        if let Some(leg) = self.calls.get(&call).and_then(|live| live.media) {
            self.put(Output::Media(media::Command::Echo(leg, true)));
        }
    }

    fn send_text(
        &mut self,
        call: CallSid,
        runner: Runner,
        id: Id,
        message: twiml::messaging::Message,
    ) {
        self.begin_effect(call, runner, id, Effect::Sending);
        let Some(live) = self.calls.get(&call) else { return };
        let parties = (live.record.from.clone(), live.record.to.clone());
        let call = live.record.key;
        self.put(Output::Send { call, id, message, parties });
    }

    /// What became of a text.
    pub(super) fn sent(&mut self, call: CallSid, id: Id, result: Result<voice::Params, u32>) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        let mut runners = Runner::ALL.into_iter().rev();
        let sends = |runner: &Runner| live.effects.remove(&(*runner, id)).is_some();
        let Some(runner) = runners.find(sends) else { return };
        self.tell(call, runner, Told::Sent(id, result));
    }

    fn refer(&mut self, call: CallSid, runner: Runner, id: Id, target: &str) {
        let leg = self.calls.get(&call).map(|live| live.leg);
        match (leg, sip::Uri::parse(target)) {
            (Some(leg), Ok(target)) => {
                self.begin_effect(call, runner, id, Effect::Referring(Referring::default()));
                self.put(Output::Sip(sip::Command::Refer { leg, target, replaces: None }));
            }
            _ => {
                let failed = voice::Referred { status: None, response: None, notified: None };
                self.tell(call, runner, Told::Referred(id, failed));
            }
        }
    }

    fn referring(&mut self, leg: sip::LegId) -> Option<(CallSid, (Runner, Id), Referring)> {
        let call = self.of_leg(leg)?;
        let effects = &self.calls.get(&call)?.effects;
        effects.iter().find_map(|(key, effect)| match effect {
            Effect::Referring(state) => Some((call, *key, *state)),
            _ => None,
        })
    }

    /// The answer to a REFER of ours.
    pub(super) fn refer_answered(&mut self, leg: sip::LegId, status: u16) {
        let Some((call, key, state)) = self.referring(leg) else { return };
        let state = Referring { response: Some(status), ..state };
        self.begin_effect(call, key.0, key.1, Effect::Referring(state));
        if status >= 300 {
            self.refer_over(call, key, state);
        }
    }

    /// How the transfer goes.
    pub(super) fn refer_progress(&mut self, leg: sip::LegId, status: u16, last: bool) {
        let Some((call, key, state)) = self.referring(leg) else { return };
        let state = Referring { notified: Some(status), ..state };
        self.begin_effect(call, key.0, key.1, Effect::Referring(state));
        if last {
            self.refer_over(call, key, state);
        }
    }

    pub(super) fn refer_over(&mut self, call: CallSid, key: (Runner, Id), state: Referring) {
        if let Some(live) = self.calls.get_mut(&call) {
            live.effects.remove(&key);
        }
        let status = match state.notified {
            Some(200..=299) => Some("completed"),
            Some(486 | 600) => Some("busy"),
            Some(408 | 480 | 487) => Some("no-answer"),
            Some(_) => Some("failed"),
            None => None,
        };
        let referred = voice::Referred {
            status: status.map(str::to_owned),
            response: state.response,
            notified: state.notified,
        };
        self.tell(call, key.0, Told::Referred(key.1, referred));
    }

    /// Ends an effect.
    fn stop(&mut self, call: CallSid, runner: Runner, id: Id) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        let leg = live.media;
        match live.effects.get(&(runner, id)).cloned() {
            Some(Effect::Prompt { .. } | Effect::Digits(_)) => {
                live.effects.remove(&(runner, id));
                self.stop_playing(call, runner);
            }
            Some(Effect::Listening(_)) => self.stop_listening(call, (runner, id)),
            Some(Effect::Recording(recording)) => self.stop_recording(call, recording),
            Some(Effect::Dialling) => self.cancel_dial(call),
            Some(Effect::Referring(state)) => self.refer_over(call, (runner, id), state),
            Some(Effect::Echo) => {
                live.effects.remove(&(runner, id));
                if let Some(leg) = leg {
                    self.put(Output::Media(media::Command::Echo(leg, false)));
                }
            }
            Some(Effect::Enqueued) => self.stop_stay(call),
            Some(Effect::Conference) => self.stop_seat(call),
            Some(Effect::Sending) | None => {}
        }
    }

    /// A dial that could not even begin.
    pub(super) fn dial_failed(&mut self, call: CallSid, id: Id, more: voice::Params) {
        let dialled = Dialled {
            status: DialStatus::Failed,
            sid: None,
            duration_s: None,
            bridged: Some(false),
            recording: None,
            more,
        };
        self.tell(call, Runner::Main, Told::Dialled(id, dialled));
    }
}
