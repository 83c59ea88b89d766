//! Commands that products name, on an installation's database.

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use products::PRODUCTS;
use products::registry::{self, Tools};

use crate::install::StartError;
use crate::operator::{Operator, Place};
use crate::product_settings::{argument, values};
use crate::say;

fn commands() -> impl Iterator<Item = &'static registry::Command> {
    PRODUCTS.iter().flat_map(|product| product.commands)
}

/// The command line with what products add to it.
pub fn added(command: Command) -> Command {
    commands().fold(command, |command, ours| {
        let [group, verb] = ours.words;
        let one = Place::augment_args(Command::new(verb).about(ours.about));
        let one = ours.options.iter().fold(one, |one, option| one.arg(argument(option)));
        match command.find_subcommand(group) {
            Some(_) => command.mut_subcommand(group, |command| command.subcommand(one)),
            None => {
                let title = format!("Commands of {group}");
                let parent = Command::new(group).about(title).subcommand_required(true);
                command.subcommand(parent.subcommand(one))
            }
        }
    })
}

/// The product's command that was asked for, with what was said to it.
pub fn asked(matches: &ArgMatches) -> Option<(&'static registry::Command, ArgMatches)> {
    let (group, inner) = matches.subcommand()?;
    let (verb, inner) = inner.subcommand()?;
    let found = commands().find(|command| command.words == [group, verb])?;
    Some((found, inner.clone()))
}

/// Does it, and prints what it answers.
pub async fn run(command: &registry::Command, matches: &ArgMatches) -> Result<(), StartError> {
    let place =
        Place::from_arg_matches(matches).map_err(|error| StartError::Setting(error.to_string()))?;
    let operator = Operator::open(&place)?;
    let master = std::sync::Arc::clone(operator.accounts.master());
    let tools = Tools { store: operator.store.clone(), master };
    let outcome = (command.run)(tools, values(matches, command.options.iter())).await;
    operator.close();
    say(&outcome.map_err(StartError::Setting)?);
    Ok(())
}
