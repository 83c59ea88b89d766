//! Factors, with the official SDKs, an authenticator app, a device's key and a browser's passkeys.

use crate::harness::{ACCOUNT, Engine, TOKEN, Trunkline, root};

#[test]
fn authenticator_apps_on_both_engines() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        Trunkline::start(engine).python("totp.py");
    }
}

#[test]
fn devices_sign_challenges_on_both_engines() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        Trunkline::start(engine).node("push.mjs");
    }
}

#[test]
fn passkeys_in_a_browser_on_both_engines() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        Trunkline::start(engine).node("passkeys.mjs");
    }
}

#[test]
fn a_used_code_stays_used_after_a_kill() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut trunkline = Trunkline::start(engine);
        trunkline.python("factors_kill.py");
        trunkline.kill();
        trunkline.restart();
        trunkline.python("factors_kill.py");
    }
}

#[test]
fn people_sign_in_with_an_authenticator_app() {
    let trunkline = Trunkline::start(Engine::Sqlite);
    let python = root().join(".tools/venv/bin/python").display().to_string();
    let peer = root().join("crates/e2e/peers/python/authenticator.py").display().to_string();
    let base = format!("BASE_URL={}", trunkline.address);
    let (account, token) = (format!("ACCOUNT_SID={ACCOUNT}"), format!("AUTH_TOKEN={TOKEN}"));
    trunkline.command(&["run", "--", "env", &base, &account, &token, &python, &peer]);
}
