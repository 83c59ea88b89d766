//! What happens: datagrams arrive, far ends act, the node is killed and starts again.

use std::time::Duration;

use machine::Machine;
use products::voice::engine::Input;
use products::voice::work;
use sip::io::{FlowId, Input as SipInput, Output as SipOutput, Transport};

use super::{Happening, Killed, Mood, Network, World};
use crate::calls::far::{NODE, SITES};
use crate::calls::node::{Later, Node};
use crate::world::TENANTS;

/// How long calls may take to end when the program does.
const STOP_MAX: Duration = Duration::from_secs(3);

impl World {
    pub(super) fn happen(&mut self, happening: Happening) {
        let wakes = matches!(happening, Happening::Wake | Happening::FarWake(_));
        self.pending -= usize::from(!wakes);
        self.note(&[self.now.micros() as u64, discriminant(&happening)]);
        let done = match happening {
            Happening::Datagram { to, from, octets } => {
                self.arrive(to, from, octets);
                Ok(())
            }
            Happening::Wake => {
                self.wakes.retain(|(at, who)| who.is_some() || *at > self.now);
                Ok(())
            }
            Happening::FarWake(site) => {
                let now = self.now;
                self.wakes.retain(|(at, who)| *who != Some(site) || *at > now);
                self.sites[site].agent.tick(now);
                self.far(site);
                Ok(())
            }
            Happening::Far(site, life, act) => {
                if self.sites[site].life == life && !self.sites[site].dead {
                    let command = self.sites[site].act(act);
                    command.into_iter().for_each(|command| self.tell_far(site, command));
                }
                Ok(())
            }
            Happening::Later(life, later) if life == self.life && self.node.is_some() => {
                self.done(later)
            }
            Happening::Later(..) => Ok(()),
            Happening::Make => self.make(),
            Happening::Come => {
                self.come();
                Ok(())
            }
            Happening::Order => self.order(),
            Happening::Trouble => {
                self.trouble();
                Ok(())
            }
            Happening::Reborn(site) => {
                let now = self.now;
                self.sites[site].reborn(now);
                Ok(())
            }
            Happening::Restart => self.restart(),
            Happening::Stop => {
                let by = self.now + STOP_MAX;
                if let Some(node) = self.node.as_mut().filter(|node| node.stop_by.is_none()) {
                    node.stop_by = Some(by);
                    node.heard.push_back(Input::Stop);
                }
                Ok(())
            }
            Happening::Heal => {
                self.network = Network { loss: 0, twice: 0, latency_ms: 20 };
                (self.mood, self.kill_ppm, self.healed) = (Mood::Fine, 0, true);
                Ok(())
            }
        };
        let done = done.and_then(|()| self.pump());
        if let Err(Killed) = done {
            self.die();
        }
    }

    fn die(&mut self) {
        self.kills += 1;
        self.node = None;
        self.deaths.insert(self.life, self.now);
        let delay = self.millis(20_000);
        self.after(delay, Happening::Restart);
    }

    /// A node that was asked to end does, once its calls have or its patience is at an end; what
    /// was handed in is on disk then. `true` when it has.
    pub(super) fn stops(&mut self) -> Result<bool, Killed> {
        let now = self.now;
        let over = |node: &Node| {
            node.stop_by.is_some_and(|by| by <= now || node.engine.is_idle() && node.is_drained())
        };
        if !self.node.as_ref().is_some_and(over) {
            return Ok(false);
        }
        self.done(Later::Steps)?;
        self.done(Later::Writes)?;
        self.node = None;
        self.deaths.insert(self.life, self.now);
        let delay = self.millis(5_000);
        self.after(delay, Happening::Restart);
        Ok(true)
    }

    fn restart(&mut self) -> Result<(), Killed> {
        self.life += 1;
        let queued = self.commit(work::recover)?;
        let mut node = Node::start(self.now, self.life, &mut self.random);
        for (record, sealed) in queued {
            let plan = sealed.and_then(|it| work::open_plan(&self.master, &record, &it));
            self.known.insert(record.key, self.life);
            node.pace.queue(record, plan.unwrap_or_default());
        }
        self.node = Some(node);
        self.join_recordings()
    }

    fn arrive(&mut self, to: core::net::SocketAddr, from: core::net::SocketAddr, octets: Vec<u8>) {
        let now = self.now;
        let (flow, transport) = (FlowId(1), Transport::Udp);
        if to == NODE {
            if let Some(node) = &mut self.node {
                node.watch.heard(&octets);
                let input = SipInput::Received { flow, transport, remote: from, octets };
                node.agent.handle(now, input);
            }
            return;
        }
        let site = self.sites.iter().position(|site| site.outside == to && !site.dead);
        if let Some(site) = site {
            let input = SipInput::Received { flow, transport, remote: from, octets };
            self.sites[site].agent.handle(now, input);
            self.far(site);
        }
    }

    /// Tells a far end's agent something.
    fn tell_far(&mut self, site: usize, command: sip::Command) {
        let now = self.now;
        self.sites[site].agent.handle(now, SipInput::Command(Box::new(command)));
        self.far(site);
    }

    /// Carries out what a far end's agent wants.
    fn far(&mut self, site: usize) {
        let now = self.now;
        while let Some(output) = self.sites[site].agent.poll() {
            match output {
                SipOutput::Send(hop, octets) => {
                    let from = self.sites[site].outside;
                    if !self.sites[site].dead {
                        self.send(from, hop.remote, octets);
                    }
                }
                SipOutput::Resolve(query) => {
                    let nothing = SipInput::Resolved(query.id, Vec::new());
                    self.sites[site].agent.handle(now, nothing);
                }
                SipOutput::Event(event) => {
                    let acts = self.sites[site].event(&event, &mut self.random);
                    let life = self.sites[site].life;
                    for (delay, act) in acts {
                        self.after(delay, Happening::Far(site, life, act));
                    }
                    if let Some(command) = self.sites[site].at_once(&event) {
                        let command = SipInput::Command(Box::new(command));
                        self.sites[site].agent.handle(now, command);
                    }
                }
            }
        }
        let at = self.sites[site].agent.wake_at();
        self.wake(Some(site), at);
    }

    /// A far end calls one of our numbers, or one that nobody has.
    fn come(&mut self) {
        let site = self.random.below(SITES as u64) as usize;
        if self.sites[site].dead {
            return;
        }
        let called = match self.random.below(10) {
            0 => "+15550009999",
            other => TENANTS[(other % 2) as usize].1,
        };
        let command = self.sites[site].call(called, &mut self.random);
        if let sip::Command::Invite(invite) = &command
            && self.random.chance(250)
        {
            // It gives up, perhaps at the moment of the answer.
            let leg = invite.leg;
            let delay = self.millis(6_000);
            let life = self.sites[site].life;
            let act = crate::calls::far::Act::HangUp(leg);
            self.after(delay, Happening::Far(site, life, act));
        }
        self.tell_far(site, command);
    }

    fn trouble(&mut self) {
        let site = self.random.below(SITES as u64) as usize;
        match self.random.below(10) {
            0 if !self.sites[site].dead => {
                self.sites[site].dead = true;
                let delay = self.millis(90_000);
                self.after(delay, Happening::Reborn(site));
            }
            1 if !self.sites[site].dead => {
                let now = self.now;
                self.sites[site].reborn(now);
            }
            2 => self.sites[site].rebind(&mut self.random),
            3 | 4 => {
                let moods = [Mood::Fine, Mood::Late, Mood::Hanging, Mood::Failing];
                self.mood = moods[self.random.below(4) as usize];
            }
            _ => self.press(),
        }
    }

    /// A key is pressed, or somebody speaks, in some leg's audio.
    fn press(&mut self) {
        let Some(node) = &mut self.node else { return };
        let legs: Vec<media::LegId> = node.media.legs().collect();
        if legs.is_empty() {
            return;
        }
        let leg = legs[self.random.below(legs.len() as u64) as usize];
        let event = match self.random.below(4) {
            0 => media::Event::Speaking { speaking: self.random.chance(500) },
            other => media::Event::Digit { digit: ['1', '#', '*'][(other - 1) as usize] },
        };
        node.media.events.push_back((media::Owner::Leg(leg), event));
    }

    /// How long an application takes, and whether it fails.
    pub(super) fn application(&mut self) -> (Duration, Result<u16, u32>) {
        let quick = Duration::from_millis(20) + self.millis(300);
        match self.mood {
            Mood::Fine => (quick, Ok(200)),
            Mood::Late => (self.millis(14_000), Ok(200)),
            Mood::Failing => (quick, Ok(500)),
            Mood::Hanging => (Duration::from_secs(15), Err(11200)),
        }
    }
}

fn discriminant(happening: &Happening) -> u64 {
    match happening {
        Happening::Datagram { octets, .. } => 1_000 + octets.len() as u64,
        Happening::Wake => 1,
        Happening::FarWake(site) => 20 + *site as u64,
        Happening::Far(site, ..) => 30 + *site as u64,
        Happening::Later(life, _) => 100 + life,
        Happening::Make => 2,
        Happening::Come => 3,
        Happening::Order => 4,
        Happening::Trouble => 5,
        Happening::Reborn(site) => 40 + *site as u64,
        Happening::Restart => 6,
        Happening::Heal => 7,
        Happening::Stop => 8,
    }
}
