//! The worked examples of `examples/`, run as their READMEs say, under `trunkline run`.

use crate::harness::{ACCOUNT, Engine, TOKEN, Trunkline, root};

/// Drives one example from a handset's side.
fn converse(name: &str) {
    converse_by("examples.py", name);
}

/// The same by the peer that calls.
fn call(name: &str) {
    converse_by("examples_calls.py", name);
}

fn converse_by(script: &str, name: &str) {
    let trunkline = Trunkline::start(Engine::Sqlite);
    let python = root().join(".tools/venv/bin/python").display().to_string();
    let peer = root().join("crates/e2e/peers/python").join(script).display().to_string();
    let base = format!("BASE_URL={}", trunkline.address);
    let (account, token) = (format!("ACCOUNT_SID={ACCOUNT}"), format!("AUTH_TOKEN={TOKEN}"));
    trunkline.command(&["run", "--", "env", &base, &account, &token, &python, &peer, name]);
}

#[test]
fn people_are_reminded_of_appointments_and_answer() {
    converse("reminder");
}

#[test]
fn tickets_are_opened_asked_for_and_closed() {
    converse("desk");
}

#[test]
fn people_sign_in_by_a_code() {
    converse("sign_in");
}

#[test]
fn people_sign_in_by_a_code_with_express() {
    converse("sign_in_node");
}

#[test]
fn a_number_is_looked_at_before_a_code_goes_there() {
    converse("login");
}

#[test]
fn callers_wait_in_line_for_agents_or_leave_a_message() {
    call("line");
}

#[test]
fn people_are_called_about_appointments_and_answer_by_a_key() {
    call("reminder");
}

#[test]
fn two_people_talk_through_one_number() {
    call("masked");
}
