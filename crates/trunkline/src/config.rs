//! The configuration file: what it says stands where neither a flag nor a variable does.
//!
//! Its keys are the variables' names without `TRUNKLINE_`, in small letters; the list of settings
//! is the commands' own, so that a new setting is in the file without more.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Arg, Command};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use toml::Value;

/// The variable that names the file.
const FILE: &str = "TRUNKLINE_CONFIG";

/// The commands that take settings.
const COMMANDS: [&str; 3] = ["dev", "serve", "route"];

/// What a carrier's table says beside the parameters of its URL.
const URL_PARTS: [&str; 5] = ["type", "id", "password", "host", "port"];

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {why}")]
pub struct Refused {
    file: String,
    why: String,
}

/// Takes the file's settings as the defaults of the commands that take settings.
pub fn applied(command: Command) -> Result<Command, Refused> {
    let Some(path) = named() else { return Ok(command) };
    let refused = |why: String| Refused { file: path.display().to_string(), why };
    let text = std::fs::read_to_string(&path).map_err(|error| refused(error.to_string()))?;
    with(command, &text).map_err(refused)
}

/// The file that the command line (`--config`) or the variable names.
fn named() -> Option<PathBuf> {
    let mut arguments = std::env::args_os().skip_while(|argument| {
        argument != "--config" && !argument.to_string_lossy().starts_with("--config=")
    });
    let by_flag = arguments.next().and_then(|flag| {
        let flag = flag.to_string_lossy().into_owned();
        match flag.split_once('=') {
            Some((_, file)) => Some(PathBuf::from(file)),
            None => arguments.next().map(PathBuf::from),
        }
    });
    by_flag.or_else(|| std::env::var_os(FILE).map(PathBuf::from))
}

fn with(command: Command, text: &str) -> Result<Command, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let mut said = BTreeMap::new();
    for (key, value) in &table {
        said.insert(key.as_str(), texts(key, value)?);
    }
    let serve = command.find_subcommand("serve").ok_or("there are no settings")?;
    let known: Vec<String> = serve.get_arguments().filter_map(key_of).collect();
    if let Some(key) = said.keys().find(|key| !known.iter().any(|known| known == *key)) {
        return Err(format!("'{key}' is no setting; there are {}", known.join(", ")));
    }
    let take = |argument: Arg| match key_of(&argument).and_then(|key| said.get(key.as_str())) {
        Some(values) => argument.default_values(values.clone()),
        None => argument,
    };
    Ok(COMMANDS.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |command| {
            let command = command.mut_args(take);
            let inner: Vec<String> =
                command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
            let each = |command: Command, name| command.mut_subcommand(name, |c| c.mut_args(take));
            inner.into_iter().fold(command, each)
        })
    }))
}

/// The name of a setting in the file.
fn key_of(argument: &Arg) -> Option<String> {
    let variable = argument.get_env()?.to_str()?;
    variable.strip_prefix("TRUNKLINE_").map(str::to_ascii_lowercase)
}

/// A value as the command line would have it.
fn texts(key: &str, value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Integer(number) => Ok(vec![number.to_string()]),
        Value::Boolean(flag) => Ok(vec![flag.to_string()]),
        Value::Array(values) => {
            let each = values.iter().map(|value| texts(key, value));
            Ok(each.collect::<Result<Vec<_>, _>>()?.concat())
        }
        Value::Table(table) if key == "carriers" => Ok(vec![carrier(table)?]),
        Value::Table(_) | Value::Float(_) | Value::Datetime(_) => {
            Err(format!("'{key}' must be a text, a whole number, true or false, or a list of them"))
        }
    }
}

/// A carrier's table as its URL.
fn carrier(table: &toml::Table) -> Result<String, String> {
    let text = |key: &str| match table.get(key) {
        None => Ok(String::new()),
        Some(value) => texts(key, value).map(|texts| texts.concat()),
    };
    let encoded = |key: &str| text(key).map(|text| escaped(&text));
    let (scheme, host) = (text("type")?, text("host")?);
    match scheme.as_str() {
        "sim" => return Ok("sim:".to_owned()),
        "smpp" | "smpps" if !host.is_empty() => {}
        "smpp" | "smpps" => return Err("a carrier has no 'host'".to_owned()),
        other => return Err(format!("a carrier's 'type' is sim, smpp or smpps, not '{other}'")),
    }
    let port = Some(text("port")?).filter(|port| !port.is_empty());
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    let mut query = Vec::new();
    for (key, value) in table.iter().filter(|(key, _)| !URL_PARTS.contains(&key.as_str())) {
        let values = texts(key, value)?;
        query.extend(values.iter().map(|value| format!("{key}={}", escaped(value))));
    }
    let (id, password) = (encoded("id")?, encoded("password")?);
    Ok(format!("{scheme}://{id}:{password}@{host}{port}?{}", query.join("&")))
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Every setting with its meaning and default, as a file to begin with.
pub fn sample(command: &Command) -> String {
    let mut text = String::from(
        "# Trunkline's settings. What is commented out has the value shown.\n\
         # A flag wins over its variable (TRUNKLINE_ and the key in capitals), that over this file.\n",
    );
    let serve = command.find_subcommand("serve").map(Command::get_arguments);
    for argument in serve.into_iter().flatten() {
        let (Some(key), Some(help)) = (key_of(argument), help_of(argument)) else { continue };
        let default: Vec<_> = argument.get_default_values().iter().collect();
        let shown = match default.first().and_then(|value| value.to_str()) {
            Some(value) if value.parse::<i64>().is_ok() => value.to_owned(),
            Some(value) => format!("\"{value}\""),
            None if argument.get_value_delimiter().is_some() => "[]".to_owned(),
            None => "\"\"".to_owned(),
        };
        text.push('\n');
        help.lines().for_each(|line| text.push_str(&format!("# {line}\n")));
        text.push_str(&format!("# {key} = {shown}\n"));
    }
    text.push_str(CARRIERS);
    text
}

fn help_of(argument: &Arg) -> Option<String> {
    let help = argument.get_long_help().or_else(|| argument.get_help())?;
    Some(help.to_string())
}

const CARRIERS: &str = "
# A carrier may also be a table: its parameters are those of its URL (docs/smpp.md), and nothing
# in it has to be percent-encoded. Tables come last in the file.
# [[carriers]]
# type = \"smpps\"
# host = \"smsc.example\"
# id = \"trunkline\"
# password = \"p@ss/word\"
# window = 500
# country = [\"GB\", \"IE\"]
";

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, FromArgMatches as _};

    use super::*;
    use crate::{Arguments, Command as Asked};

    fn parsed(file: &str, line: &[&str]) -> crate::settings::Settings {
        let command = with(Arguments::command(), file).expect("a good file");
        let matches = command.try_get_matches_from(line).expect("a good line");
        match Arguments::from_arg_matches(&matches).expect("settings").command {
            Asked::Serve(settings) => *settings,
            _ => panic!("not serve"),
        }
    }

    #[test]
    fn the_file_stands_where_no_flag_does() {
        let file = "
            listen = '127.0.0.1:9000'
            rate_limit = 30
            numbers = ['+15550001111', '+15550002222']
            [[carriers]]
            type = 'smpps'
            host = 'smsc.example'
            id = 'me'
            password = 'p@ss/word'
            window = 500
            country = ['GB', 'IE']
        ";
        let settings = parsed(file, &["trunkline", "serve", "--rate-limit", "40"]);
        assert_eq!(settings.listen.port(), 9000);
        assert_eq!(settings.rate_limit, Some(40), "a flag wins");
        assert_eq!(settings.numbers.len(), 2);
        let url = "smpps://me:p%40ss%2Fword@smsc.example?country=GB&country=IE&window=500";
        assert_eq!(settings.carriers, [url]);
    }

    #[test]
    fn what_can_not_be_used_is_named() {
        let refused = |file| with(Arguments::command(), file).map(drop).expect_err(file);
        assert!(refused("lisen = 'x'").starts_with("'lisen' is no setting"));
        assert!(refused("listen = 1.5").contains("'listen' must be"));
        assert!(refused("listen =").contains("listen"));
        assert!(refused("[[carriers]]\ntype = 'smpp'").contains("no 'host'"));
        assert!(refused("[[carriers]]\ntype = 'ucp'").contains("'ucp'"));
    }

    #[test]
    fn the_sample_in_the_documents_is_the_programs_own() {
        let kept = include_str!("../../../docs/trunkline.toml");
        assert_eq!(kept, sample(&Arguments::command()), "trunkline settings > docs/trunkline.toml");
        with(Arguments::command(), kept).map(drop).expect("it can be read");
    }
}
