//! Settings and options that products name: each becomes a flag, a variable and a key of the file.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};
use products::PRODUCTS;
use products::registry::{Setting, Values};

/// What was said of the settings of all products.
#[derive(Clone, Debug, Default)]
pub struct ProductSettings(pub Values);

fn settings() -> impl Iterator<Item = &'static Setting> {
    PRODUCTS.iter().flat_map(|product| product.settings)
}

/// A setting as an argument.
pub fn argument(setting: &'static Setting) -> Arg {
    let argument = Arg::new(setting.key)
        .long(setting.key.replace('_', "-"))
        .env(format!("TRUNKLINE_{}", setting.key.to_uppercase()))
        .help(setting.help)
        .hide_env_values(setting.secret);
    let argument = match setting.many {
        true => argument.action(ArgAction::Append).value_delimiter(','),
        false => argument.action(ArgAction::Set),
    };
    match setting.default {
        Some(default) => argument.default_value(default),
        None => argument,
    }
}

/// What was said of `settings`.
pub fn values<'a>(
    matches: &ArgMatches,
    settings: impl Iterator<Item = &'static Setting> + 'a,
) -> Values {
    let said = settings.filter_map(|setting| {
        let values = matches.get_many::<String>(setting.key)?;
        Some((setting.key, values.cloned().collect()))
    });
    Values(said.collect())
}

impl Args for ProductSettings {
    fn augment_args(command: Command) -> Command {
        settings().fold(command, |command, setting| command.arg(argument(setting)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ProductSettings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Ok(Self(values(matches, settings())))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
