//! Look-ups: how many a second one node answers, and how fast, without an outside source.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::generator::{self, Load, Target};
use super::report::Figures;
use super::server::{Engine, Server};
use super::{CONNECTIONS, stop};
use crate::Outcome;

/// Look-ups a second at which the time of an answer is measured.
const RATE: f64 = 10_000.0;

/// Which numbers are asked, and what of them.
#[derive(Clone, Copy)]
struct Scenario {
    name: &'static str,
    /// What stands before the digits of the number's place in the series.
    beginning: &'static str,
    /// Digits of that place.
    digits: usize,
    fields: &'static str,
}

const SCENARIOS: [Scenario; 4] = [
    Scenario { name: "valid, all different", beginning: "%2B1415", digits: 7, fields: "" },
    Scenario { name: "valid, 10,000 numbers", beginning: "%2B1415992", digits: 4, fields: "" },
    Scenario {
        name: "line type by the plans",
        beginning: "%2B447772",
        digits: 6,
        fields: "line_type_intelligence",
    },
    Scenario {
        name: "line type and status, read",
        beginning: "%2B1415",
        digits: 7,
        fields: "line_type_intelligence,line_status",
    },
];

/// A product that is asked about numbers.
struct Asked {
    server: Arc<Server>,
    scenario: Scenario,
}

impl Target for Asked {
    fn address(&self) -> &str {
        self.server.address()
    }

    fn request(&self, number: usize, _: &str) -> Vec<u8> {
        let Scenario { beginning, digits, fields, .. } = self.scenario;
        // Places far from each other, all different within a series.
        let place = (number * 7_919 + 2_000_003) % 10_usize.pow(digits.try_into().unwrap_or(1));
        let path = format!("/lookups/v2/PhoneNumbers/{beginning}{place:0digits$}?Fields={fields}");
        format!("{}\r\n", self.server.head("GET", &path)).into_bytes()
    }

    fn accepts(&self) -> &'static [u8] {
        b"HTTP/1.1 200"
    }
}

/// Measures each scenario at full speed and at a steady rate.
#[expect(clippy::print_stdout, reason = "the result of the benchmark")]
pub async fn measure(folder: &Path, count: usize) -> Outcome<()> {
    let server = Arc::new(Server::start(folder, Engine::Sqlite, None).await?);
    println!("Look-ups; the generator on the same cores.\n");
    println!(
        "{:<30}{:>10}{:>8}{:>8}{:>8}{:>8}{:>8}",
        "", "answers/s", "p50 ms", "p99 ms", "CPU µs", "rows", "MiB"
    );
    for scenario in SCENARIOS {
        series(&server, scenario, count / 10, None).await?;
        for rate in [None, Some(RATE)] {
            let figures = series(&server, scenario, count, rate).await?;
            let name = match rate {
                None => scenario.name.to_owned(),
                Some(rate) => format!("  at {rate:.0} a second"),
            };
            let answers = figures.messages as f64;
            println!(
                "{name:<30}{:>10.0}{:>8.1}{:>8.1}{:>8.1}{:>8.3}{:>8}",
                answers / figures.accepted_in.as_secs_f64(),
                figures.percentile(0.5),
                figures.percentile(0.99),
                figures.cpu.as_secs_f64() * 1e6 / answers,
                figures.rows as f64 / answers,
                figures.memory,
            );
        }
    }
    stop(server).await
}

async fn series(
    server: &Arc<Server>,
    scenario: Scenario,
    messages: usize,
    rate: Option<f64>,
) -> Outcome<Figures> {
    let (cpu, ledger) = (server.cpu()?, server.ledger().await?);
    let asked = Arc::new(Asked { server: Arc::clone(server), scenario });
    let connections = CONNECTIONS;
    let load = Load { first: 0, messages, connections, rate, callback: "", fragile: false };
    let started = Instant::now();
    let latencies = generator::run(&asked, load).await?;
    let accepted_in = started.elapsed();
    let after = server.ledger().await?;
    Ok(Figures {
        messages,
        accepted_in,
        done_in: accepted_in,
        latencies,
        cpu: server.cpu()? - cpu,
        rows: after.rows - ledger.rows,
        commits: after.commits - ledger.commits,
        memory: server.memory()?,
    })
}
