//! The tables of calls.
#![expect(clippy::print_stdout, reason = "the result of the benchmark")]

use std::time::Duration;

use super::streams::Heard;
use super::{Number, Series};

/// What is asked of one core: ms of CPU a call-second, kB a call, set-ups a second.
const GOAL_MENU_MS: f64 = 0.25;
const GOAL_RELAY_MS: f64 = 0.4;
const GOAL_CALL_KB: f64 = 60.0;
const GOAL_SET_UPS: f64 = 1_500.0;

/// Calls that were held.
pub struct Held {
    /// Calls that were placed.
    pub asked: usize,
    /// Calls that were answered.
    pub held: usize,
    /// Calls that were not answered, ended by themselves, heard nothing, or did not end well.
    pub failed: u64,
    /// CPU time that they took.
    pub cpu: Duration,
    /// In this time.
    pub time: Duration,
    /// KiB by which memory has grown.
    pub memory: u64,
    /// Digits that were told to the application.
    pub told: Option<u64>,
    /// What their callers heard.
    pub heard: Heard,
}

/// Calls that were set up and ended.
pub struct Placed {
    /// How long each took until its answer, shortest first.
    pub times: Vec<Duration>,
    /// How many failed.
    pub failed: u64,
    /// CPU time that they took.
    pub cpu: Duration,
    /// In this time.
    pub time: Duration,
}

pub fn say(line: &str) {
    println!("{line}");
}

pub fn head() {
    println!(
        "\nCalls: who is measured on one core, the carrier and the application on another. A packet \
         is late\nwhen it comes 20 ms after its time. Of the goals: {GOAL_MENU_MS} ms of CPU a \
         second of a call with a prompt,\n{GOAL_RELAY_MS} of a relayed one, {GOAL_CALL_KB} kB a \
         call, {GOAL_SET_UPS} set-ups a second.\n"
    );
    println!(
        "{:<38}{:>6}{:>8}{:>11}{:>9}{:>8}{:>9}{:>8}{:>8}{:>8}{:>11}",
        "",
        "calls",
        "failed",
        "ms/call-s",
        "of goal",
        "a core",
        "kB/call",
        "lost %",
        "late %",
        "p99 ms",
        "digits"
    );
}

impl Held {
    /// Milliseconds of CPU a call-second.
    pub fn cost(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e3 / (self.held as f64 * self.time.as_secs_f64())
    }

    /// Kilobytes a call.
    pub fn size(&self) -> f64 {
        self.memory as f64 * 1.024 / self.held.max(1) as f64
    }

    pub fn print(&self, name: &str, number: Number) {
        let goal = if number == Number::Menu { GOAL_MENU_MS } else { GOAL_RELAY_MS };
        let digits = match self.told {
            Some(told) if number == Number::Menu => format!("{told}/{}", self.heard.digits),
            _ => "-".to_owned(),
        };
        println!(
            "{:<38}{:>6}{:>8}{:>11.3}{:>9.2}{:>8.0}{:>9.1}{:>8.3}{:>8.3}{:>8}{:>11}",
            format!("{name}: {}", number.name()),
            self.asked,
            self.failed,
            self.cost(),
            self.cost() / goal,
            1e3 / self.cost(),
            self.size(),
            self.heard.loss() * 100.0,
            self.heard.late() * 100.0,
            self.heard.lateness(0.99),
            digits,
        );
    }
}

impl Placed {
    /// Set-ups a second.
    pub fn rate(&self) -> f64 {
        self.times.len() as f64 / self.time.as_secs_f64()
    }

    /// Milliseconds of CPU for one.
    pub fn cost(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e3 / self.times.len().max(1) as f64
    }

    fn percentile(&self, part: f64) -> f64 {
        let last = self.times.len().saturating_sub(1);
        let time = self.times.get((last as f64 * part) as usize);
        time.map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }

    pub fn print(&self, name: &str, series: &str) {
        println!(
            "{:<38}{:>6.0} a second ({:.2} of the goal), {} failed, p50 {:.1} ms, p99 {:.1} ms, \
             {:.2} ms of CPU each",
            format!("{name}: {series}"),
            self.rate(),
            self.rate() / GOAL_SET_UPS,
            self.failed,
            self.percentile(0.5),
            self.percentile(0.99),
            self.cost(),
        );
    }
}

/// How many times less, or more, than the peer.
pub(super) fn ratios(ours: &Series, peer: &Series) {
    println!("\nBeside the peer, measured in the same run:");
    for (at, name) in ["with a prompt", "relayed"].iter().enumerate() {
        if let (Some(our), Some(their)) = (ours.held.get(at), peer.held.get(at)) {
            // Memory of many calls: what few need was left by those before.
            let many = ours.held.get(at + 2).unwrap_or(our);
            println!(
                "  a call {name:<14} {:.1} times less CPU, {:.1} times less memory",
                their.cost() / our.cost(),
                their.size() / many.size().max(0.1),
            );
        }
    }
    if let (Some(our), Some(their)) = (ours.placed.first(), peer.placed.first()) {
        println!(
            "  set-ups               {:.2} times as many, {:.2} times the CPU each",
            our.rate() / their.rate(),
            our.cost() / their.cost(),
        );
    }
}
