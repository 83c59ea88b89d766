//! What a newcomer is told when the program has started.

use products::accounts::Credentials;

/// Prints the address, and in `dev` what to try first.
#[expect(clippy::print_stdout, reason = "the first thing that a newcomer reads")]
pub fn print(address: &str, hello: Option<(&Credentials, &Credentials, &str)>) {
    println!("listening on {address}");
    let Some((main, test, number)) = hello else { return };
    let (sid, token) = (&main.sid, main.token.expose());
    println!(
        "
  Account SID   {sid}
  Auth Token    {token}
  Test pair     {test_sid} / {test_token}
  Your number   {number}

Send a text to a simulated handset:

  curl -u {sid}:{token} {address}/2010-04-01/Accounts/{sid}/Messages.json \\
    -d From={number} -d To=+15558675310 -d 'Body=Hello from Trunkline'

Read it there:

  curl -u {sid}:{token} {address}/dev/handsets/+15558675310/messages

Answer from the handset:

  curl -u {sid}:{token} {address}/dev/handsets/+15558675310/messages \\
    --data-urlencode to={number} -d 'body=Hello back'

With the official SDKs (Python): client.api.base_url = \"{address}\"
",
        test_sid = test.sid,
        test_token = test.token.expose(),
    );
}
