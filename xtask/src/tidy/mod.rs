//! `cargo xtask tidy`: what the house promises and no compiler checks. A rule is a function from
//! the tree to its findings, so that each has a test on a tree of its own.

mod layers;
mod links;
mod size;
mod words;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::Outcome;

/// The text files of a repository, by their path from its root.
pub(crate) type Tree = BTreeMap<String, String>;

/// Every rule, in the order of the report.
const RULES: &[fn(&Tree) -> Vec<String>] = &[
    size::lines,
    size::columns,
    words::headers,
    words::leftovers,
    words::places,
    words::pure_cores,
    words::sql,
    layers::crates,
    layers::products,
    links::documents,
    links::product_pages,
];

/// Checks the repository that this program was built from.
pub(crate) fn run() -> Outcome<()> {
    let findings = check(&read(root())?);
    if findings.is_empty() {
        return Ok(());
    }
    Err(format!("{} findings\n  {}", findings.len(), findings.join("\n  ")).into())
}

fn check(tree: &Tree) -> Vec<String> {
    RULES.iter().flat_map(|rule| rule(tree)).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository")
}

/// What git tracks, and what it would track; binary files are passed over.
fn read(root: &Path) -> Outcome<Tree> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).current_dir(root).output()?;
    if !output.status.success() {
        return Err("git ls-files failed: tidy needs a checkout".into());
    }
    let listed = String::from_utf8(output.stdout)?;
    // A picture has no lines to be looked at, but may be led to.
    let read = |path: &str| {
        let octets = std::fs::read(root.join(path)).ok()?;
        Some((path.to_owned(), String::from_utf8(octets).unwrap_or_default()))
    };
    Ok(listed.lines().filter_map(read).collect())
}

/// The Rust sources, and their lines before the first test module.
fn sources(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    let sources = tree.iter().filter(|(path, _)| path.ends_with(".rs"));
    sources.map(|(path, text)| (path.as_str(), text.split("#[cfg(test)]").next().unwrap_or(text)))
}

/// Whether a file is nothing but tests.
fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// A tree for the rules' own tests.
#[cfg(test)]
pub(crate) fn tree(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let findings = check(&read(root()).expect("a checkout"));
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }
}
