//! What a call plays.

use std::sync::Arc;

use base::CallSid;
use twiml::voice::Input as Told;

use crate::voice::engine::live::Effect;
use crate::voice::engine::{Engine, Output, Ticket};

impl Engine {
    /// Adds items to what a call hears.
    pub(super) fn play(&mut self, call: CallSid, items: Vec<media::Item>) {
        if let Some(leg) = self.calls.get(&call).and_then(|live| live.media) {
            self.put(Output::Media(media::Command::Play(leg, items)));
        }
    }

    /// Speech or audio is there, or can't be had.
    pub(super) fn prompt(
        &mut self,
        call: CallSid,
        ticket: Ticket,
        result: Result<Arc<media::Prompt>, (u32, String)>,
    ) {
        let item = self.number();
        let Some(live) = self.calls.get_mut(&call) else { return };
        let mut effects = live.effects.iter_mut();
        let found = effects.find_map(|(key, effect)| match effect {
            Effect::Prompt { ticket: known, loops, item } if *known == ticket => {
                Some((*key, *loops, item))
            }
            _ => None,
        });
        // Stopped before it was there.
        let Some((key, loops, playing)) = found else { return };
        match result {
            Ok(prompt) if !prompt.is_empty() => {
                *playing = Some(item);
                let source = media::Source::Prompt { prompt, from_ms: 0, loops };
                self.play_of(call, key.0, vec![media::Item { id: item, source }]);
            }
            Ok(_) => self.finished(call, key),
            Err((code, message)) => {
                let problem = twiml::Problem { code, message, warning: true };
                let of = live.record.key;
                self.put(Output::Problem { call: of, problem, url: String::new() });
                self.finished(call, key);
            }
        }
    }

    /// An item was played, or stopped.
    pub(super) fn item_finished(&mut self, call: CallSid, item: u64) {
        let Some(live) = self.calls.get(&call) else { return };
        let mut effects = live.effects.iter();
        let found = effects.find(|(_, effect)| match effect {
            Effect::Prompt { item: playing, .. } => *playing == Some(item),
            Effect::Digits(playing) => *playing == item,
            _ => false,
        });
        if let Some(key) = found.map(|(key, _)| *key) {
            self.finished(call, key);
        }
    }

    fn finished(&mut self, call: CallSid, key: (super::live::Runner, twiml::voice::Id)) {
        if let Some(live) = self.calls.get_mut(&call) {
            live.effects.remove(&key);
        }
        self.tell(call, key.0, Told::Finished(key.1));
    }
}
