//! What a newcomer is told when the program has started.

use std::io::Write;

use base::Secret;
use products::accounts::Credentials;

use crate::ports::Others;

/// What `dev` tells.
pub struct Hello<'a> {
    /// The main account.
    pub main: &'a Credentials,
    /// The test credentials.
    pub test: &'a Credentials,
    /// A number of the main account.
    pub number: &'a str,
    /// Opens the console once.
    pub link: &'a Secret,
}

/// Prints the address, and in `dev` what to try first. Nobody has to listen: a closed pipe is no
/// reason not to serve.
pub fn print(address: &str, others: &Others, hello: Option<&Hello<'_>>) {
    let mut out = std::io::stdout().lock();
    let further = [("HTTPS", &others.https), ("proxy", &others.proxy)];
    let further = further.iter().filter_map(|(name, at)| Some((name, at.as_ref()?)));
    let told = writeln!(out, "listening on {address}").and_then(|()| {
        further.into_iter().try_for_each(|(name, at)| writeln!(out, "{name} on {at}"))
    });
    let told = told.and_then(|()| match hello {
        Some(hello) => greet(&mut out, address, hello),
        None => Ok(()),
    });
    if let Err(error) = told.and_then(|()| out.flush()) {
        tracing::info!(%error, address, "nobody reads what is printed");
    }
}

/// This program, as a shell in this folder would call it.
fn program() -> String {
    let Ok(own) = std::env::current_exe() else { return "trunkline".to_owned() };
    let here = std::env::current_dir().unwrap_or_default();
    own.strip_prefix(&here).unwrap_or(&own).display().to_string()
}

fn greet(out: &mut impl Write, address: &str, hello: &Hello<'_>) -> std::io::Result<()> {
    let Hello { main, test, number, link } = hello;
    let (sid, token) = (&main.sid, main.token.expose());
    writeln!(
        out,
        "
  Account SID   {sid}
  Auth Token    {token}
  Test pair     {test_sid} / {test_token}
  Your number   {number}
  Console       {address}/console/login?token={link}  (opens once)

Send a text to a simulated handset:

  curl -u {sid}:{token} {address}/2010-04-01/Accounts/{sid}/Messages.json \\
    -d From={number} -d To=+15558675310 -d 'Body=Hello from Trunkline'

Read it there:

  curl -u {sid}:{token} {address}/dev/handsets/+15558675310/messages

Answer from the handset:

  curl -u {sid}:{token} {address}/dev/handsets/+15558675310/messages \\
    --data-urlencode to={number} -d 'body=Hello back'

Run your program as it is; its calls to Twilio land here:

  {program} run -- python app.py
",
        test_sid = test.sid,
        test_token = test.token.expose(),
        link = link.expose(),
        program = program(),
    )
}
