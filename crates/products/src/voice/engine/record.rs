//! Recordings of calls: begun, halted, ended, and told once they can be had.

use base::CallSid;
use twiml::voice::{self, Ending, Id, Input as Told};

use crate::voice::engine::live::{Effect, Runner};
use crate::voice::engine::{Engine, Output, Recorded, RecordingSource, io};
use crate::voice::model::{Plan, RecordPlan};

/// A recording that is under way, or waits to be on disk.
pub(super) struct Recording {
    pub call: CallSid,
    /// The `Record` that waits for it.
    pub verb: Option<(Runner, Id)>,
    /// Whether a `Dial` waits for it.
    pub dial: bool,
    /// Whether the caller hung up while it ran.
    pub hung_up: bool,
}

impl Engine {
    /// `Record`: the caller alone, until a key, silence, the longest time or the end of the call.
    pub(super) fn record_verb(
        &mut self,
        call: CallSid,
        runner: Runner,
        id: Id,
        record: &voice::Record,
    ) {
        let named = [
            ("recordingConfigurationId", record.configuration.is_some()),
            ("transcribe", record.transcribe),
        ];
        let unserved = named.into_iter().filter_map(|(name, given)| given.then_some(name));
        self.passed_over(call, "Record", &unserved.collect::<Vec<_>>());
        let plan = RecordPlan {
            dual: false,
            track: "inbound".to_owned(),
            trim: record.trim,
            callback: record.status.as_ref().map(|status| io::hook(&status.hook)),
            events: events(record.status.as_ref()),
        };
        if record.beep {
            let item = media::Item::prompt(0, self.tones.beep());
            self.play(call, vec![item]);
        }
        let max_ms = u64::from(record.max_s) * 1_000;
        let source = RecordingSource::RecordVerb;
        let Some(recording) = self.start_recording(call, None, &plan, source, max_ms) else {
            let nothing = voice::Recorded { recording: None, ending: Ending::Ended };
            return self.tell(call, runner, Told::Recorded(id, nothing));
        };
        if let Some(known) = self.recordings.get_mut(&recording) {
            known.verb = Some((runner, id));
        }
        let Some(live) = self.calls.get_mut(&call) else { return };
        live.effects.insert((runner, id), Effect::Recording(recording));
        let leg = live.media.filter(|_| record.silence_s > 0);
        if let Some(leg) = leg {
            let listen = media::ListenConfig { silence_ms: record.silence_s * 1_000 };
            self.put(Output::Media(media::Command::Listen(leg, Some(listen))));
        }
    }

    /// Begins a recording of a call.
    pub(super) fn start_recording(
        &mut self,
        call: CallSid,
        name: Option<media::RecordingId>,
        plan: &RecordPlan,
        source: RecordingSource,
        max_ms: u64,
    ) -> Option<media::RecordingId> {
        let number = self.number();
        let recording = name.unwrap_or(media::RecordingId(number));
        let live = self.calls.get(&call)?;
        let (leg, key) = (live.media?, live.record.key);
        let known = Recording { call, verb: None, dial: false, hung_up: false };
        self.recordings.insert(recording, known);
        let plan = plan.clone();
        let config = media::RecordConfig {
            channels: if plan.dual { media::Channels::Dual } else { media::Channels::Mono },
            track: match plan.track.as_str() {
                "inbound" => media::Track::Inbound,
                "outbound" => media::Track::Outbound,
                _ => media::Track::Both,
            },
            max_ms,
        };
        let (account, of) = (key.account, Recorded::Call(key.sid));
        self.put(Output::Recording { recording, account, of, source, plan });
        let owner = media::Owner::Leg(leg);
        self.put(Output::Media(media::Command::Record(owner, recording, config)));
        Some(recording)
    }

    /// A call that was asked to be recorded from its answer.
    pub(super) fn record_plan(&mut self, call: CallSid, plan: &Plan) {
        let Some(record) = &plan.record else { return };
        let source = RecordingSource::OutboundApi;
        if let Some(recording) = self.start_recording(call, None, record, source, 0)
            && let Some(live) = self.calls.get_mut(&call)
        {
            live.recordings.push(recording);
        }
    }

    /// Ends a recording; its end is told once it is on disk.
    pub(super) fn stop_recording(&mut self, call: CallSid, recording: media::RecordingId) {
        let Some(leg) = self.calls.get(&call).and_then(|live| live.media) else { return };
        let owner = media::Owner::Leg(leg);
        self.put(Output::Media(media::Command::StopRecording(owner, recording)));
    }

    /// Nobody spoke for as long as a `Record` waits.
    pub(super) fn nobody_speaks(&mut self, call: CallSid) {
        let Some(live) = self.calls.get(&call) else { return };
        let found = live.effects.values().find_map(|effect| match effect {
            Effect::Recording(recording) => Some(*recording),
            _ => None,
        });
        if let Some(recording) = found {
            self.stop_recording(call, recording);
        }
    }

    /// Media has told the end of a recording.
    pub(super) fn recording_ended(&mut self, recording: media::RecordingId, duration_ms: u64) {
        self.put(Output::RecordingOver { recording, duration_ms });
    }

    /// Marks the recordings of a call whose far end is gone.
    pub(super) fn recordings_cut(&mut self, call: CallSid) {
        let cut = self.recordings.values_mut().filter(|recording| recording.call == call);
        cut.for_each(|recording| recording.hung_up = true);
    }

    /// Whether something of a call waits for a recording.
    pub(super) fn waits_for_recording(&self, call: CallSid) -> bool {
        let waits = |recording: &Recording| recording.verb.is_some() || recording.dial;
        self.recordings.values().any(|recording| recording.call == call && waits(recording))
    }

    /// A recording is on disk, or was nothing.
    pub(super) fn saved(&mut self, recording: media::RecordingId, saved: Option<voice::Recording>) {
        let Some(known) = self.recordings.remove(&recording) else { return };
        let call = known.call;
        if known.dial {
            self.dial_recorded(call, saved.clone());
        }
        if let Some((runner, id)) = known.verb {
            if let Some(live) = self.calls.get_mut(&call) {
                live.effects.remove(&(runner, id));
            }
            let ending = if known.hung_up { Ending::HungUp } else { Ending::Ended };
            let recorded = voice::Recorded { recording: saved, ending };
            self.tell(call, runner, Told::Recorded(id, recorded));
        }
        self.forget_if_over(call);
    }
}

/// The names of the steps that are told.
pub(super) fn events(status: Option<&voice::RecordingStatus>) -> Vec<String> {
    let name = |event: &voice::RecordingEvent| {
        let name = match event {
            voice::RecordingEvent::InProgress => "in-progress",
            voice::RecordingEvent::Completed => "completed",
            voice::RecordingEvent::Absent => "absent",
        };
        name.to_owned()
    };
    status.map(|status| status.events.iter().map(name).collect()).unwrap_or_default()
}
