//! What a caller hears: the verbs that may also stand inside `Gather`.

use crate::voice::effects::{Id, Input, Output};
use crate::voice::stage::{Stage, Step, Verb};
use crate::voice::verbs::play::Play;
use crate::voice::verbs::say::Say;

/// One thing that is heard.
#[derive(Clone, Debug)]
pub(crate) enum Prompt {
    Say(Say),
    Play(Play),
    /// So many seconds of silence.
    Pause(u32),
}

impl Prompt {
    /// Begins it. `None` when the timer tells its end.
    pub(crate) fn start(&self, stage: &mut Stage) -> Option<Id> {
        match self {
            Self::Say(say) => Some(stage.effect(|id| Output::Say(id, say.clone()))),
            Self::Play(play) => Some(stage.effect(|id| Output::Play(id, play.clone()))),
            Self::Pause(seconds) => {
                stage.wake_in_s(*seconds);
                None
            }
        }
    }
}

/// A prompt that stands alone.
pub(crate) struct Prompted {
    prompt: Prompt,
    playing: Option<Id>,
}

impl Prompted {
    pub(crate) fn boxed(prompt: Prompt) -> Box<dyn Verb> {
        Box::new(Self { prompt, playing: None })
    }
}

impl Verb for Prompted {
    fn begin(&mut self, stage: &mut Stage) -> Step {
        // A pause before anything else delays the answer.
        if !matches!(self.prompt, Prompt::Pause(_)) {
            stage.answer();
        }
        self.playing = self.prompt.start(stage);
        Step::Wait
    }

    fn take(&mut self, _stage: &mut Stage, input: Input) -> Step {
        match input {
            Input::Finished(id) if self.playing == Some(id) => Step::Next,
            _ => Step::Wait,
        }
    }

    fn interrupt(&mut self, stage: &mut Stage) {
        stage.stop(&mut self.playing);
    }
}
