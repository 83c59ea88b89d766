//! Documents lead somewhere, and each product has its page.

use std::collections::BTreeSet;

use crate::tidy::Tree;

/// Links in Markdown to files that are not there.
pub(crate) fn documents(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in tree.iter().filter(|(path, _)| path.ends_with(".md")) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for target in targets(text) {
            if target.contains("://") || target.starts_with('#') {
                continue;
            }
            let file = target.split('#').next().unwrap_or_default();
            if !tree.contains_key(&resolved(folder, file)) {
                found.push(format!("{path}: leads to {file}, which is not there"));
            }
        }
    }
    found
}

/// The path that a link in a folder leads to.
fn resolved(folder: &str, file: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in file.split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// What stands in `](…)`.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// Folders of products without a README of about ten lines.
pub(crate) fn product_pages(tree: &Tree) -> Vec<String> {
    let inside = tree.keys().filter_map(|path| path.strip_prefix("crates/products/src/"));
    let folders: BTreeSet<&str> =
        inside.filter_map(|path| path.split_once('/').map(|(folder, _)| folder)).collect();
    let folders = folders.into_iter().filter(|folder| *folder != "tests");
    let bare = folders.map(|folder| format!("crates/products/src/{folder}/README.md"));
    bare.filter(|page| !tree.contains_key(page)).map(|page| format!("{page}: is missing")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree;

    #[test]
    fn dead_links_and_missing_pages_are_found() {
        let files = tree(&[
            ("README.md", "[a](docs/a.md) [b](docs/b.md#x) [c](https://c.example) [d](#here)"),
            ("docs/a.md", "[up](b.md)"),
            ("crates/products/src/x/mod.rs", ""),
            ("crates/products/src/y/README.md", ""),
        ]);
        assert_eq!(documents(&files).len(), 2);
        assert_eq!(product_pages(&files), ["crates/products/src/x/README.md: is missing"]);
    }
}
