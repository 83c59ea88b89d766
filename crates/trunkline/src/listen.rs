//! `trunkline listen`: webhooks to a laptop. Each is printed with its answer as it happens, carried
//! to a local address, sent again, or made up to try an application.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use base::{Params, Secret, signature};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use serde_json::Value;
use ureq::Agent;
use url::Url;

use crate::install::StartError;
use crate::samples::{self, Kind};
use crate::{credentials, say, surroundings};

/// Octets of an answer that are carried back.
const ANSWER_MAX: u64 = 64 << 10;

/// How long a local application may take: as long as Twilio waits.
const LOCAL_TIMEOUT: Duration = Duration::from_secs(15);

/// The pause before a lost stream is opened again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What to listen to, and where to.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Carry webhooks to this address, like http://localhost:3000, in place of their own.
    #[arg(long)]
    forward: Option<Url>,

    /// Make a signed request of this kind to the address of --forward, and print the answer.
    #[arg(long, value_enum, requires = "forward")]
    test: Option<Kind>,

    /// Have a webhook sent again: a message's SID, and behind a slash which one of its webhooks.
    #[arg(long)]
    replay: Option<String>,

    /// The installation; by default the `dev` that runs on the data folder.
    #[arg(long)]
    server: Option<Url>,

    /// Whose webhooks; by default the main account of the data folder.
    #[arg(long, env = "TWILIO_ACCOUNT_SID")]
    account: Option<String>,

    /// Its Auth Token.
    #[arg(long, env = "TWILIO_AUTH_TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// The data folder of the running `trunkline dev`.
    #[arg(long, env = "TRUNKLINE_DATA", default_value = ".trunkline")]
    data: PathBuf,
}

/// The installation, and who asks it.
struct Session {
    agent: Agent,
    server: String,
    basic: String,
    account: String,
    token: Secret,
}

/// Runs until it is interrupted, or does the one thing that it was asked.
pub fn run(options: &Options) -> Result<(), StartError> {
    let session = Session::of(options)?;
    match (&options.replay, options.test, &options.forward) {
        (Some(which), ..) => session.replay(which),
        (None, Some(kind), Some(forward)) => session.test(kind, forward),
        (None, _, forward) => session.listen(forward.as_ref()),
    }
}

fn failed(what: &str, error: impl std::fmt::Display) -> StartError {
    StartError::Setting(format!("{what}: {error}"))
}

impl Session {
    fn of(options: &Options) -> Result<Self, StartError> {
        let server = match &options.server {
            Some(url) => url.to_string(),
            None => surroundings::api(&options.data)?,
        };
        let (account, token) = match (&options.account, &options.token) {
            (Some(account), Some(token)) => (account.clone(), Secret::new(token.as_str())),
            _ => {
                let main = credentials::main_pair(&options.data)?;
                (main.sid.to_string(), main.token)
            }
        };
        let pair = format!("{account}:{}", token.expose());
        let agent = Agent::config_builder().http_status_as_error(false).proxy(None).build();
        Ok(Self {
            agent: agent.into(),
            server: server.trim_end_matches('/').to_owned(),
            basic: format!("Basic {}", BASE64_STANDARD.encode(pair)),
            account,
            token,
        })
    }

    fn get(&self, path: &str) -> Result<ureq::http::Response<ureq::Body>, StartError> {
        let url = format!("{}{path}", self.server);
        let asked = self.agent.get(&url).header("authorization", &self.basic).call();
        let answer = asked.map_err(|error| failed(&self.server, error))?;
        refused(path, answer)
    }

    fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<(), StartError> {
        let url = format!("{}{path}", self.server);
        let asked = self.agent.post(&url).header("authorization", &self.basic);
        let answer = asked.send_form(form.iter().copied());
        refused(path, answer.map_err(|error| failed(&self.server, error))?).map(drop)
    }

    /// Sends a recorded webhook again: the last one of a message, or the one that is named.
    fn replay(&self, which: &str) -> Result<(), StartError> {
        let (sid, sequence) = which.split_once('/').unwrap_or((which, ""));
        let mut answer = self.get(&format!("/trunkline/v1/Deliveries/{sid}"))?;
        let json: Value = answer.body_mut().read_json().map_err(|error| failed(sid, error))?;
        let sequences = json["deliveries"].as_array().into_iter().flatten();
        let known: Vec<String> = sequences.map(|one| one["sequence"].to_string()).collect();
        let wanted = match sequence {
            "" => known.last().map(String::as_str),
            named => known.iter().map(String::as_str).find(|number| *number == named),
        };
        let Some(wanted) = wanted else {
            let text = format!("{which}: no such webhook; there are {}", known.join(", "));
            return Err(StartError::Setting(text));
        };
        self.post(&format!("/trunkline/v1/Deliveries/{sid}/{wanted}/Again"), &[])?;
        say(&format!("{sid}/{wanted} is sent again"));
        Ok(())
    }

    /// Asks a local application as Trunkline would.
    fn test(&self, kind: Kind, forward: &Url) -> Result<(), StartError> {
        let form = samples::form(kind, &self.account);
        let request = Request { method: "POST".to_owned(), url: forward.to_string(), body: form };
        let local = request.carried(&self.agent, forward, &self.token);
        say(&local.line(&request));
        if local.failed.is_some() {
            return Err(StartError::Setting(format!("{forward} can't be reached")));
        }
        Ok(())
    }

    /// Follows the account's webhooks; with an address, carries them there.
    fn listen(&self, forward: Option<&Url>) -> Result<(), StartError> {
        let (path, what) = match forward {
            Some(url) => ("/trunkline/v1/Listeners/Requests", format!("carried to {url}")),
            None => ("/console/events", "where they were sent".to_owned()),
        };
        say(&format!("webhooks of {}, {what}; end with Ctrl-C", self.account));
        loop {
            let stream = self.get(path)?;
            let lines = BufReader::new(stream.into_body().into_reader()).lines();
            let data = lines.map_while(Result::ok).filter_map(|line| {
                serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok()
            });
            std::thread::scope(|scope| {
                for json in data {
                    scope.spawn(move || match forward {
                        Some(url) => self.carry(&json, url),
                        None => self.watch(&json),
                    });
                }
            });
            say("the connection was lost; trying again");
            std::thread::park_timeout(AGAIN_AFTER);
        }
    }

    /// Carries one webhook to the local application, and its answer back.
    fn carry(&self, json: &Value, forward: &Url) {
        let (Some(number), Some(request)) = (json["request"].as_u64(), Request::of(json)) else {
            return;
        };
        let local = request.carried(&self.agent, forward, &self.token);
        say(&local.line(&request));
        let path = format!("/trunkline/v1/Listeners/Answers/{number}");
        let (status, body) = (local.status.to_string(), BASE64_STANDARD.encode(&local.body));
        let answer = match &local.failed {
            Some(reason) => vec![("failed", reason.as_str())],
            None => {
                let kind = local.content_type.as_str();
                vec![("status", status.as_str()), ("content_type", kind), ("body", &body)]
            }
        };
        if let Err(error) = self.post(&path, &answer) {
            say(&format!("the answer could not be given back: {error}"));
        }
    }

    /// Prints what became of a webhook that was sent to its own address.
    fn watch(&self, json: &Value) {
        if json["kind"] != "webhooks.delivery.tried" {
            return;
        }
        let sid = json["object"].as_str().unwrap_or_default();
        let Ok(mut answer) = self.get(&format!("/trunkline/v1/Deliveries/{sid}")) else { return };
        let Ok(told) = answer.body_mut().read_json::<Value>() else { return };
        let mut deliveries = told["deliveries"].as_array().into_iter().flatten();
        let wanted = &json["facts"]["delivery"];
        let Some(delivery) = deliveries.find(|one| one["sequence"] == *wanted) else { return };
        let Some(tried) = delivery["attempts"].as_array().and_then(|all| all.last()) else {
            return;
        };
        let form = delivery["request"].as_object().into_iter().flatten();
        let form: Params =
            form.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default())).collect();
        let url = delivery["url"].as_str().unwrap_or_default().to_owned();
        let request = Request { method: "POST".to_owned(), url, body: form.encode() };
        let error = tried["error_code"].as_u64();
        let local = Local {
            status: u16::try_from(tried["status"].as_u64().unwrap_or_default()).unwrap_or_default(),
            content_type: String::new(),
            body: tried["answer"].as_str().unwrap_or_default().as_bytes().to_vec(),
            took: Duration::from_micros(tried["duration_us"].as_u64().unwrap_or_default()),
            failed: error.map(|code| format!("no answer ({code})")),
        };
        say(&local.line(&request));
    }
}

fn refused(
    what: &str,
    mut answer: ureq::http::Response<ureq::Body>,
) -> Result<ureq::http::Response<ureq::Body>, StartError> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let text = answer.body_mut().read_to_string().unwrap_or_default();
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    let message = json["message"].as_str().unwrap_or("refused").to_owned();
    Err(StartError::Setting(format!("{what}: {}: {message}", answer.status())))
}

/// A webhook.
struct Request {
    method: String,
    url: String,
    body: String,
}

/// What a local application said.
struct Local {
    status: u16,
    content_type: String,
    body: Vec<u8>,
    took: Duration,
    failed: Option<String>,
}

impl Request {
    fn of(json: &Value) -> Option<Self> {
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        Some(Self { method: text("method")?, url: text("url")?, body: text("body")? })
    }

    /// Where it goes: the local address with this one's path, or, when that has a path of its
    /// own, just there; in both cases with this one's query.
    fn target(&self, forward: &Url) -> Url {
        let mut target = forward.clone();
        if let Ok(own) = Url::parse(&self.url) {
            if forward.path() == "/" {
                target.set_path(own.path());
            }
            if own.query().is_some() {
                target.set_query(own.query());
            }
        }
        target
    }

    /// Asks the local application, with a signature for the address at which it is asked.
    fn carried(&self, agent: &Agent, forward: &Url, token: &Secret) -> Local {
        let target = self.target(forward);
        let form = Params::parse_form(self.body.as_bytes(), 1_000).unwrap_or_default();
        let signed = signature::sign(token, target.as_str(), &form);
        let started = Instant::now();
        let asked = match self.method.as_str() {
            "GET" => {
                let asking = agent.get(target.as_str()).header("x-twilio-signature", &signed);
                asking.config().timeout_global(Some(LOCAL_TIMEOUT)).build().call()
            }
            _ => {
                let asking = agent.post(target.as_str()).header("x-twilio-signature", &signed);
                let kind = "application/x-www-form-urlencoded; charset=utf-8";
                let asking = asking.header("content-type", kind);
                let asking = asking.config().timeout_global(Some(LOCAL_TIMEOUT)).build();
                asking.send(self.body.as_bytes())
            }
        };
        let took = started.elapsed();
        match asked {
            Err(error) => Local {
                status: 0,
                content_type: String::new(),
                body: Vec::new(),
                took,
                failed: Some(error.to_string()),
            },
            Ok(answer) => {
                let status = answer.status().as_u16();
                let kind = answer.headers().get("content-type");
                let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or_default();
                let content_type = kind.to_owned();
                let mut body = Vec::new();
                let read = answer.into_body().into_reader().take(ANSWER_MAX).read_to_end(&mut body);
                let failed = read.err().map(|error| error.to_string());
                Local { status, content_type, body, took, failed }
            }
        }
    }
}

impl Local {
    /// One webhook and its answer as they are printed.
    fn line(&self, request: &Request) -> String {
        let form = Params::parse_form(request.body.as_bytes(), 1_000).unwrap_or_default();
        let url = Url::parse(&request.url).ok();
        let query = url.as_ref().and_then(Url::query).unwrap_or_default().to_owned();
        let asked = Params::parse_query(&query, 1_000).unwrap_or_default();
        let field = |name: &str| form.get(name).or_else(|| asked.get(name)).unwrap_or_default();
        let what = match (field("MessageStatus"), field("SmsStatus")) {
            ("", "received") => format!("a text: {:?}", field("Body")),
            (status, _) => format!("message {status}"),
        };
        let path = url.as_ref().map_or("", Url::path);
        let answer = match &self.failed {
            Some(reason) => reason.clone(),
            None => self.status.to_string(),
        };
        let text = String::from_utf8_lossy(&self.body);
        let text = text.trim();
        let shown = if text.is_empty() { String::new() } else { format!("\n    {text}") };
        format!(
            "{} {path}  {} -> {}  {what}  {}\n  {answer} in {:.1} ms{shown}",
            request.method,
            field("From"),
            field("To"),
            field("MessageSid"),
            self.took.as_secs_f64() * 1e3,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_keeps_its_path_unless_the_local_address_has_one() {
        let request = Request {
            method: "POST".to_owned(),
            url: "https://shop.example/sms?tenant=1".to_owned(),
            body: String::new(),
        };
        let target =
            |forward: &str| request.target(&Url::parse(forward).expect("an address")).to_string();
        assert_eq!(target("http://localhost:3000"), "http://localhost:3000/sms?tenant=1");
        assert_eq!(target("http://localhost:3000/hook"), "http://localhost:3000/hook?tenant=1");
    }
}
