//! The console in a real browser: Debian's Chromium, driven by playwright-core.

use std::process::Command;

use crate::harness::{ACCOUNT, Engine, TOKEN, Trunkline, root, succeed};

#[test]
fn the_console_in_a_browser() {
    let trunkline = Trunkline::start(Engine::Sqlite);
    let link = trunkline.printed("  Console       ");
    let link = link.split(' ').next().expect("the link before its explanation");
    let script = root().join("console/tests/all.mjs");
    let mut command = Command::new("node");
    command.arg(&script).env("TRUNKLINE_URL", &trunkline.address).env("TRUNKLINE_LOGIN", link);
    command.env("TRUNKLINE_ACCOUNT_SID", ACCOUNT).env("TRUNKLINE_AUTH_TOKEN", TOKEN);
    succeed(command, "console/tests/all.mjs");
}
