//! Files stay readable: 500 lines, tests apart, and 100 columns. Functions are clippy's
//! (`clippy.toml`).

use crate::tidy::{Tree, is_test, sources};

const LINES_MAX: usize = 500;
const COLUMNS_MAX: usize = 100;

/// Files with too many lines.
pub(crate) fn lines(tree: &Tree) -> Vec<String> {
    let long = sources(tree).filter(|(path, _)| !is_test(path));
    long.filter_map(|(path, text)| {
        let lines = text.lines().count();
        (lines > LINES_MAX).then(|| format!("{path}: {lines} lines; split it along its subjects"))
    })
    .collect()
}

/// Lines that are too wide. A text that can't be broken may be.
pub(crate) fn columns(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in tree.iter().filter(|(path, _)| path.ends_with(".rs")) {
        for (index, line) in text.lines().enumerate() {
            if line.chars().count() > COLUMNS_MAX && !line.contains('"') {
                found.push(format!("{path}:{}: wider than {COLUMNS_MAX} columns", index + 1));
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
    fn long_files_are_found_and_their_tests_are_not_counted() {
        let long = "x\n".repeat(501);
        let tested = format!("x\n#[cfg(test)]\n{long}");
        let files = tree(&[
            ("a/src/long.rs", &long),
            ("a/src/tested.rs", &tested),
            ("a/tests/t.rs", &long),
        ]);
        let found = lines(&files);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("a/src/long.rs"));
    }

    #[test]
    fn wide_lines_are_found() {
        let wide = format!("fine\n// {}\nlet s = \"{}\";", "x".repeat(100), "x".repeat(100));
        assert_eq!(columns(&tree(&[("a.rs", &wide)])), ["a.rs:2: wider than 100 columns"]);
    }
}
