//! The soak: calls of both kinds that end and begin anew, with memory looked at each minute.

use std::time::{Duration, Instant};

use super::{Field, Number, figures};
use crate::Outcome;

/// Minutes, unless `TRUNKLINE_BENCH_MINUTES` says otherwise.
const MINUTES: u64 = 30;
/// Calls that are held: with a prompt, and relayed.
const MENU: usize = 200;
const RELAY: usize = 100;
/// A call is held for so long at least, and so much longer at most.
const HELD: Duration = Duration::from_secs(60);
const HELD_MORE: Duration = Duration::from_secs(60);

/// Runs it and prints a line a minute.
pub(super) async fn run(field: Field) -> Outcome<()> {
    let asked = std::env::var("TRUNKLINE_BENCH_MINUTES").ok();
    let minutes = asked.and_then(|minutes| minutes.parse().ok()).unwrap_or(MINUTES);
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let mut callers = Vec::new();
    for at in 0..MENU + RELAY {
        let number = if at < MENU { Number::Menu } else { Number::Relay };
        let carrier = field.carrier.clone();
        callers.push(tokio::spawn(async move {
            tokio::time::sleep(HELD * at as u32 / (MENU + RELAY) as u32).await;
            let (mut ended, mut failed) = (0u64, 0u64);
            while Instant::now() < end {
                let Ok(call) = carrier.call(&number.dialled(), number == Number::Menu).await else {
                    failed += 1;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                };
                let more = HELD_MORE * ((at as u32 * 7 + ended as u32 * 13) % 100) / 100;
                tokio::time::sleep(HELD + more).await;
                match carrier.hang_up(call).await {
                    Ok(()) => ended += 1,
                    Err(_) => failed += 1,
                }
            }
            (ended, failed)
        }));
    }
    figures::say("minute  resident MiB  CPU %   received      lost  late %  p99 ms  digits told");
    let mut cpu = field.switch.cpu()?;
    for minute in 1..=minutes {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let now = field.switch.cpu()?;
        let heard = field.carrier.streams().heard().await?;
        figures::say(&format!(
            "{minute:>6}{:>14.1}{:>7.1}{:>11}{:>10}{:>8.3}{:>8}{:>8}/{}",
            field.switch.memory()? as f64 / 1_024.0,
            (now - cpu).as_secs_f64() / 0.6,
            heard.received,
            heard.lost,
            heard.late() * 100.0,
            heard.lateness(0.99),
            field.site.digits(),
            heard.digits,
        ));
        cpu = now;
    }
    let (mut ended, mut failed) = (0, 0);
    for caller in callers {
        let (well, badly) = caller.await?;
        ended += well;
        failed += badly;
    }
    figures::say(&format!("{ended} calls ended well, {failed} failed"));
    field.switch.stop().await
}
