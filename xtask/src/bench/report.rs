//! The table.

use std::time::Duration;

/// What one series took.
pub struct Figures {
    /// Messages sent.
    pub messages: usize,
    /// From the first request to the last accept.
    pub accepted_in: Duration,
    /// From the first request to the last final callback.
    pub done_in: Duration,
    /// Time of each accept, shortest first.
    pub latencies: Vec<Duration>,
    /// CPU time of the product.
    pub cpu: Duration,
    /// Rows it wrote.
    pub rows: u64,
    /// Commits, each synced.
    pub commits: u64,
    /// Resident MiB afterwards.
    pub memory: u64,
}

impl Figures {
    /// Messages a second with both callbacks answered.
    pub fn end_to_end(&self) -> f64 {
        self.messages as f64 / self.done_in.as_secs_f64()
    }

    /// The time within which `part` of them were answered, in milliseconds.
    pub(super) fn percentile(&self, part: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let index = (last as f64 * part) as usize;
        self.latencies.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }
}

/// Prints a line for each series, beside the machine's own limits.
pub struct Table {
    bare: f64,
}

#[expect(clippy::print_stdout, reason = "the result of the benchmark")]
impl Table {
    /// Prints the head.
    pub fn begin(syncs: f64, rows: f64) -> Self {
        println!("Texts, each with two signed callbacks; generator and sink on the same cores.");
        println!("The disk takes {syncs:.0} synced 4 KiB writes a second; bare SQLite");
        println!("{rows:.0} three-row messages a second in synced groups of 32.\n");
        println!(
            "{:<26}{:>10}{:>11}{:>8}{:>8}{:>8}{:>7}{:>9}{:>8}{:>8}",
            "",
            "accepted/s",
            "end to end",
            "of bare",
            "p50 ms",
            "p99 ms",
            "CPU µs",
            "rows/msg",
            "syncs",
            "MiB"
        );
        Self { bare: rows }
    }

    /// One series.
    pub fn add(&self, name: &str, figures: &Figures) {
        let messages = figures.messages as f64;
        println!(
            "{:<26}{:>10.0}{:>11.0}{:>8.2}{:>8.1}{:>8.1}{:>7.0}{:>9.1}{:>8.3}{:>8}",
            name,
            messages / figures.accepted_in.as_secs_f64(),
            figures.end_to_end(),
            figures.end_to_end() / self.bare,
            figures.percentile(0.5),
            figures.percentile(0.99),
            figures.cpu.as_secs_f64() * 1e6 / messages,
            figures.rows as f64 / messages,
            figures.commits as f64 / messages,
            figures.memory,
        );
    }

    /// System calls a message.
    pub fn calls(&self, calls: Option<f64>) {
        match calls {
            Some(calls) => println!("{:<26}{calls:.1} system calls a message", ""),
            None => println!("{:<26}system calls not counted: strace is missing", ""),
        }
    }
}
