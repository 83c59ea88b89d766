//! The official SDKs, unmodified, doing what their users do.

use crate::harness::{ACCOUNT, Engine, Trunkline};

#[test]
fn python_sends_texts_and_hears_of_them() {
    Trunkline::start(Engine::Sqlite).python("sms_out.py");
}

#[test]
fn python_sends_texts_on_postgres() {
    Trunkline::start(Engine::Postgres).python("sms_out.py");
}

#[test]
fn node_sends_texts_and_hears_of_them() {
    Trunkline::start(Engine::Sqlite).node("sms_out.mjs");
}

#[test]
fn node_answers_a_text_in() {
    Trunkline::start(Engine::Sqlite).node("inbound.mjs");
}

#[test]
fn node_manages_numbers_keys_and_accounts() {
    Trunkline::start(Engine::Postgres).node("resources.mjs");
}

#[test]
fn bad_input_gets_its_coded_answer() {
    Trunkline::start(Engine::Sqlite).python("errors.py");
}

#[test]
fn test_credentials_know_the_magic_numbers() {
    Trunkline::start(Engine::Sqlite).python("magic.py");
}

#[test]
fn a_text_in_is_answered_by_the_application() {
    Trunkline::start(Engine::Sqlite).python("inbound.py");
}

#[test]
fn usage_is_counted_on_both_engines() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        Trunkline::start(engine).python("usage.py");
    }
}

#[test]
fn every_change_is_in_the_audit_trail() {
    Trunkline::start(Engine::Sqlite).python("audit.py");
}

#[test]
fn what_is_kept_and_what_was_asked() {
    Trunkline::start(Engine::Sqlite).python("retention.py");
}

#[test]
fn events_come_to_their_sinks_on_both_engines() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        Trunkline::start(engine).python("events.py");
    }
}

#[test]
fn events_survive_a_kill_on_both_engines() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut trunkline = Trunkline::start(engine);
        trunkline.python("events_kill.py");
        trunkline.kill();
        trunkline.restart();
        trunkline.python("events_kill.py");
    }
}

#[test]
fn credentials_are_kept_and_never_shown() {
    Trunkline::start(Engine::Sqlite).python("credentials.py");
}

#[test]
fn consents_and_countries_decide_what_is_sent_on_both_engines() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        Trunkline::start(engine).python("consents.py");
    }
}

#[test]
fn webhooks_come_to_a_laptop() {
    Trunkline::start(Engine::Sqlite).python("listen.py");
}

#[test]
fn numbers_applications_addresses_and_keys() {
    Trunkline::start(Engine::Sqlite).python("resources.py");
}

#[test]
fn media_is_fetched_kept_served_and_removed() {
    Trunkline::start(Engine::Sqlite).python("media.py");
}

#[test]
fn subaccounts_tokens_and_keys() {
    Trunkline::start(Engine::Sqlite).python("accounts.py");
}

#[test]
fn subaccounts_on_postgres() {
    Trunkline::start(Engine::Postgres).python("accounts.py");
}

#[test]
fn a_trial_reaches_verified_numbers_only() {
    let mut trunkline = Trunkline::start(Engine::Sqlite);
    trunkline.kill();
    assert!(trunkline.command(&["accounts", "list"]).contains(ACCOUNT));
    trunkline.command(&["accounts", "trial", ACCOUNT]);
    trunkline.command(&["accounts", "verify", ACCOUNT, "+15558675310"]);
    trunkline.restart();
    trunkline.python("trial.py");
    trunkline.kill();
    trunkline.command(&["accounts", "upgrade", ACCOUNT]);
}

#[test]
fn too_many_requests_are_told_when_to_come_back() {
    Trunkline::start_with(Engine::Sqlite, &[("TRUNKLINE_RATE_LIMIT", "5")]).python("rate.py");
}

#[test]
fn deliveries_are_recorded_and_sent_again() {
    Trunkline::start(Engine::Sqlite).python("webhooks.py");
}

#[test]
fn deliveries_on_postgres() {
    Trunkline::start(Engine::Postgres).python("webhooks.py");
}

#[test]
fn the_clock_moves_from_due_time_to_due_time() {
    Trunkline::start(Engine::Sqlite).python("clock.py");
}

#[test]
fn a_server_has_no_handsets_and_no_carrier_by_itself() {
    Trunkline::serve(Engine::Sqlite, &[("TRUNKLINE_NUMBERS", "+15550002222")]).python("serve.py");
}
