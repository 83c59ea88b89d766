//! Imports go downwards only: between crates by their manifests, between products by their order.

use crate::tidy::{Tree, sources};

/// The floors of the house. A crate may import what stands on a lower one.
const FLOORS: &[&[&str]] = &[
    &["base", "console"],
    &["machine"],
    &["media"],
    &["sip", "smpp", "speech", "twiml"],
    &["store", "net"],
    &["products"],
    &["trunkline", "sim"],
    &["e2e", "xtask", "fuzz"],
];

/// Where the products are listed, left to right.
const REGISTRY: &str = "crates/products/src/registry.rs";

/// What stands to the right of every product.
const LAST: [&str; 2] = ["console", "dev"];

/// The products, left to right: calls go left.
fn in_order(tree: &Tree) -> Vec<&str> {
    let text = tree.get(REGISTRY).map(|text| &**text).unwrap_or_default();
    let lines = text.lines().map(str::trim);
    let named = lines.filter_map(|line| line.strip_prefix("&crate::")?.strip_suffix("::PRODUCT,"));
    named.chain(LAST).collect()
}

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|names| names.contains(&name))
}

/// Crates that import what stands beside or above them.
pub(crate) fn crates(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in tree.iter().filter(|(path, _)| path.ends_with("/Cargo.toml")) {
        let name = path.rsplit('/').nth(1).unwrap_or_default();
        let Some(own) = floor(name) else {
            found.push(format!("{path}: {name} has no floor in xtask/src/tidy/layers.rs"));
            continue;
        };
        let used = section(text, "[dependencies]");
        for other in used.filter(|other| floor(other).is_some_and(|other| other >= own)) {
            found.push(format!("{path}: {name} may not import {other}"));
        }
    }
    found
}

/// The names in one section of a manifest.
fn section<'a>(text: &'a str, heading: &str) -> impl Iterator<Item = &'a str> {
    let lines = text.lines().skip_while(move |line| *line != heading).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| line.split(['.', ' ', '=']).next().filter(|name| !name.is_empty()))
}

/// Products that call another one to their right.
pub(crate) fn products(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let order = in_order(tree);
    for (path, text) in sources(tree) {
        let Some(rest) = path.strip_prefix("crates/products/src/") else { continue };
        let Some((own, _)) = rest.split_once('/') else { continue };
        let Some(place) = order.iter().position(|name| *name == own) else { continue };
        for right in &order[place + 1..] {
            if text.contains(&format!("crate::{right}::")) {
                found.push(format!("{path}: {own} may not call {right}; let news come as events"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree;

    #[test]
    fn imports_upwards_and_sideways_are_found() {
        let files = tree(&[
            ("crates/base/Cargo.toml", "[dependencies]\nserde.workspace = true\n"),
            (
                "crates/net/Cargo.toml",
                "[dependencies]\nbase.workspace = true\nstore.workspace = true\n",
            ),
            (
                "crates/smpp/Cargo.toml",
                "[dependencies]\n[dev-dependencies]\nsim.workspace = true\n",
            ),
            ("crates/new/Cargo.toml", "[dependencies]\n"),
        ]);
        let found = crates(&files);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("net may not import store") && found[1].contains("new has no"));
    }

    #[test]
    fn calls_to_the_right_are_found() {
        let registry = "    &crate::accounts::PRODUCT,\n    &crate::messaging::PRODUCT,\n";
        let files = tree(&[
            (REGISTRY, registry),
            ("crates/products/src/accounts/api.rs", "use crate::messaging::Draft;\n"),
            ("crates/products/src/messaging/api.rs", "use crate::accounts::Caller;\n"),
            ("crates/products/src/lib.rs", "use crate::messaging::Draft;\n"),
        ]);
        assert_eq!(products(&files).len(), 1);
    }
}
