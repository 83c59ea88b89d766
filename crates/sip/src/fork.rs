//! One call to several contacts at once (RFC 3261 §16.6, §16.7): the user sees one leg. The first
//! branch that answers is the leg from then on; when none does, the best refusal is told.

use std::collections::{BTreeMap, BTreeSet};

use crate::command::{Command, Invite};
use crate::event::{Event, LegId};

/// Branches are numbered from here: the user's own numbers stay below.
const FIRST: u64 = 1 << 62;

struct Fork {
    /// Branches that are not over.
    open: BTreeSet<u64>,
    chosen: Option<u64>,
    best: Option<(u16, Event)>,
}

/// All forks of an agent.
#[derive(Default)]
pub(crate) struct Forks {
    made: u64,
    forks: BTreeMap<u64, Fork>,
    /// The leg of each branch.
    legs: BTreeMap<u64, u64>,
}

impl Forks {
    /// The commands that a command of the user's stands for.
    pub(crate) fn command(&mut self, command: Command) -> Vec<Command> {
        match command {
            Command::Invite(draft) if !draft.others.is_empty() => self.spread(*draft),
            Command::Hangup { leg, headers } if self.is_undecided(leg) => {
                let open = self.forks.get(&leg.0).map(|fork| fork.open.clone()).unwrap_or_default();
                let hang_up = |leg| Command::Hangup { leg: LegId(leg), headers: headers.clone() };
                open.into_iter().map(hang_up).collect()
            }
            mut command => {
                if let Command::Refer { replaces: Some(other), .. } = &mut command {
                    *other = self.chosen(*other);
                }
                if let Some(leg) = command.leg_mut() {
                    *leg = self.chosen(*leg);
                }
                vec![command]
            }
        }
    }

    fn is_undecided(&self, leg: LegId) -> bool {
        self.forks.get(&leg.0).is_some_and(|fork| fork.chosen.is_none())
    }

    /// The agent's own leg behind one of the user's.
    fn chosen(&self, leg: LegId) -> LegId {
        self.forks.get(&leg.0).and_then(|fork| fork.chosen).map_or(leg, LegId)
    }

    fn spread(&mut self, mut draft: Invite) -> Vec<Command> {
        let others = std::mem::take(&mut draft.others);
        let leg = draft.leg.0;
        let mut fork = Fork { open: BTreeSet::new(), chosen: None, best: None };
        let first = (draft.target.clone(), draft.hop.clone());
        let places =
            std::iter::once(first).chain(others.into_iter().map(|(to, by)| (to, Some(by))));
        let mut commands = Vec::new();
        for (target, hop) in places {
            let branch = FIRST + self.made;
            self.made += 1;
            fork.open.insert(branch);
            self.legs.insert(branch, leg);
            let headers = draft.target.headers.clone();
            let mut copy = Invite { leg: LegId(branch), target, hop, ..draft.clone() };
            copy.target.headers = headers;
            commands.push(Command::Invite(Box::new(copy)));
        }
        self.forks.insert(leg, fork);
        commands
    }

    /// What the user is told of an event, and what follows from it.
    pub(crate) fn hear(&mut self, mut event: Event) -> (Option<Event>, Vec<Command>) {
        match &mut event {
            Event::Incoming(incoming) => {
                incoming.replaces = incoming.replaces.map(|leg| self.told(leg));
            }
            Event::Referred { replaces, .. } => *replaces = replaces.map(|leg| self.told(leg)),
            _ => {}
        }
        let Some(branch) = event.leg_mut().map(|leg| leg.0) else {
            return (Some(event), Vec::new());
        };
        let Some(leg) = self.legs.get(&branch).copied() else { return (Some(event), Vec::new()) };
        let Some(fork) = self.forks.get_mut(&leg) else { return (None, Vec::new()) };
        let over = matches!(event, Event::Refused { .. } | Event::Ended { .. });
        if over {
            fork.open.remove(&branch);
            self.legs.remove(&branch);
        }
        let mut commands = Vec::new();
        let hang_up = |leg: &u64| Command::Hangup { leg: LegId(*leg), headers: Vec::new() };
        let told = match (fork.chosen, &mut event) {
            (Some(chosen), _) if chosen == branch => Some(event),
            (Some(_), Event::Answered { .. }) => {
                commands.push(hang_up(&branch));
                None
            }
            (Some(_), _) => None,
            (None, Event::Answered { .. }) => {
                fork.chosen = Some(branch);
                commands.extend(fork.open.iter().filter(|other| **other != branch).map(hang_up));
                Some(event)
            }
            (None, Event::Progress { sdp, .. }) => {
                // Whose audio would it be?
                *sdp = None;
                Some(event)
            }
            (None, Event::Refused { status, .. } | Event::Ended { status, .. }) => {
                let status = *status;
                if status >= 600 {
                    // Nobody else is wanted either (§16.7 step 5).
                    commands.extend(fork.open.iter().map(hang_up));
                }
                fork.keep_better(status, event);
                fork.open.is_empty().then(|| fork.best.take()).flatten().map(|(_, event)| event)
            }
            (None, _) => None,
        };
        if fork.open.is_empty() {
            self.forks.remove(&leg);
        }
        let told = told.map(|mut event| {
            event.leg_mut().into_iter().for_each(|told| *told = LegId(leg));
            event
        });
        (told, commands)
    }

    /// The user's leg that one of the agent's stands for.
    fn told(&self, leg: LegId) -> LegId {
        self.legs.get(&leg.0).map_or(leg, |leg| LegId(*leg))
    }
}

impl Fork {
    /// §16.7 step 6: 6xx before all, then the lowest class; of one class the first that came, but
    /// a cancelled branch says least.
    fn keep_better(&mut self, status: u16, event: Event) {
        let rank = |status: u16| match status {
            600.. => 0,
            487 => 9,
            status => status / 100,
        };
        if self.best.as_ref().is_none_or(|(before, _)| rank(status) < rank(*before)) {
            self.best = Some((status, event));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Address, Headers, Uri};

    fn forked(count: u8) -> (Forks, Vec<LegId>) {
        let phone = |last: u8| Uri::sip(Some("a"), &format!("192.0.2.{last}"), None);
        let hop = |last: u8| crate::io::Hop {
            transport: crate::io::Transport::Udp,
            remote: ([192, 0, 2, last], 5060).into(),
            flow: None,
            name: String::new(),
        };
        let from = Address::new(Uri::sip(Some("b"), "h", None));
        let mut draft = Invite::new(LegId(7), phone(1), from, None);
        draft.others = (2..=count).map(|last| (phone(last), hop(last))).collect();
        let mut forks = Forks::default();
        let commands = forks.command(Command::Invite(Box::new(draft)));
        let legs = commands.into_iter().map(|mut command| *command.leg_mut().expect("a leg"));
        let legs = legs.collect();
        (forks, legs)
    }

    fn refused(leg: LegId, status: u16) -> Event {
        let (reason, headers) = (String::new(), Headers::default());
        Event::Refused { leg, status, reason, headers, gateway: None }
    }

    fn answered(leg: LegId) -> Event {
        Event::Answered { leg, headers: Headers::default(), sdp: None }
    }

    #[test]
    fn the_first_answer_is_the_leg_and_the_others_are_called_back() {
        let (mut forks, legs) = forked(3);
        assert_eq!(legs.len(), 3);
        let (told, commands) = forks.hear(refused(legs[0], 486));
        assert!(told.is_none() && commands.is_empty());
        let (told, commands) = forks.hear(answered(legs[2]));
        assert!(matches!(told, Some(Event::Answered { leg: LegId(7), .. })));
        assert!(matches!(&commands[..], [Command::Hangup { leg, .. }] if *leg == legs[1]));
        // An answer that crossed the CANCEL is hung up, and is not told.
        let (told, commands) = forks.hear(answered(legs[1]));
        assert!(told.is_none());
        assert!(matches!(&commands[..], [Command::Hangup { leg, .. }] if *leg == legs[1]));
        assert!(forks.hear(refused(legs[1], 487)).0.is_none());
        let command = Command::Hangup { leg: LegId(7), headers: Vec::new() };
        let commands = forks.command(command);
        assert!(matches!(&commands[..], [Command::Hangup { leg, .. }] if *leg == legs[2]));
        let (told, _) = forks.hear(Event::Ended {
            leg: legs[2],
            by: crate::By::Us,
            status: 200,
            reason: None,
            headers: Headers::default(),
        });
        assert!(matches!(told, Some(Event::Ended { leg: LegId(7), .. })));
        assert!(forks.forks.is_empty() && forks.legs.is_empty());
    }

    #[test]
    fn the_best_refusal_is_told_once_all_have_refused() {
        let (mut forks, legs) = forked(3);
        assert!(forks.hear(refused(legs[0], 503)).0.is_none());
        assert!(forks.hear(refused(legs[1], 486)).0.is_none());
        let (told, _) = forks.hear(refused(legs[2], 404));
        assert!(matches!(told, Some(Event::Refused { leg: LegId(7), status: 486, .. })));
        assert!(forks.forks.is_empty() && forks.legs.is_empty());
    }

    #[test]
    fn a_decline_and_a_hangup_reach_every_branch() {
        let (mut forks, legs) = forked(2);
        let (told, commands) = forks.hear(refused(legs[0], 603));
        assert!(told.is_none() && commands.len() == 1);
        let (told, _) = forks.hear(refused(legs[1], 487));
        assert!(matches!(told, Some(Event::Refused { status: 603, .. })));
        let (mut forks, _) = forked(4);
        let command = Command::Hangup { leg: LegId(7), headers: Vec::new() };
        assert_eq!(forks.command(command).len(), 4);
    }
}
