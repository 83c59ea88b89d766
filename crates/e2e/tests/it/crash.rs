//! Killed at any moment: nothing that was accepted is lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::{ACCOUNT, Engine, TOKEN, Trunkline, basic, wait_for};

const SENDS: usize = 1_000;
const HANDSET: &str = "+15558675399";

#[test]
fn a_kill_amid_a_thousand_sends_loses_nothing_on_sqlite() {
    kill_amid_sends(Engine::Sqlite);
}

#[test]
fn a_kill_amid_a_thousand_sends_loses_nothing_on_postgres() {
    kill_amid_sends(Engine::Postgres);
}

/// Sends from several threads, kills the program when a part of them is answered, starts it
/// again, and counts: each message that got its 201 arrives, and a second copy only of one that
/// is marked.
fn kill_amid_sends(engine: Engine) {
    let mut trunkline = Trunkline::start_with(engine, &[("TRUNKLINE_UNCERTAIN_GRACE", "2")]);
    let answered = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let (address, answered) = (trunkline.address.clone(), Arc::clone(&answered));
            std::thread::spawn(move || send(&address, thread, &answered))
        })
        .collect();
    wait_for("a part of the sends", 60, || {
        (answered.load(Ordering::SeqCst) >= SENDS / 3).then_some(())
    });
    trunkline.kill();
    let accepted: Vec<(String, String)> =
        threads.into_iter().flat_map(|thread| thread.join().expect("a sender")).collect();
    assert!(accepted.len() < SENDS, "the kill came amid the sends");
    trunkline.restart();
    let arrived = wait_for("every accepted message on the handset", 60, || {
        let mut arrived: HashMap<String, usize> = HashMap::new();
        for message in trunkline.handset(HANDSET) {
            *arrived.entry(message["body"].as_str().unwrap_or_default().to_owned()).or_default() +=
                1;
        }
        let all = accepted.iter().all(|(_, body)| arrived.contains_key(body));
        let done = all && accepted.iter().all(|(sid, _)| trunkline.status(sid) == "delivered");
        done.then_some(arrived)
    });
    let repeated: usize = arrived.values().map(|count| count - 1).sum();
    assert_eq!(repeated, 0, "the carrier's receipts explain every uncertain message");
}

fn send(address: &str, thread: usize, answered: &AtomicUsize) -> Vec<(String, String)> {
    let url = format!("{address}/2010-04-01/Accounts/{ACCOUNT}/Messages.json");
    let mut accepted = Vec::new();
    for number in 0..SENDS / 8 {
        let body = format!("{thread}-{number}");
        let form = [("From", "+15550001111"), ("To", HANDSET), ("Body", body.as_str())];
        let answer =
            ureq::post(&url).header("authorization", &basic(ACCOUNT, TOKEN)).send_form(form);
        let Ok(mut answer) = answer else { break };
        let Ok(json) = answer.body_mut().read_json::<serde_json::Value>() else { break };
        accepted.push((json["sid"].as_str().expect("a sid").to_owned(), body));
        answered.fetch_add(1, Ordering::SeqCst);
    }
    accepted
}
