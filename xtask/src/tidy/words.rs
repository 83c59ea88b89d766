//! What may not stand in a source: leftovers, places of one machine, impure calls in pure cores,
//! SQL outside its rooms.

use crate::tidy::{Tree, is_test, sources};

/// Each source begins by saying what it is.
pub(crate) fn headers(tree: &Tree) -> Vec<String> {
    let bare = sources(tree).filter(|(_, text)| !text.starts_with("//! "));
    bare.map(|(path, _)| format!("{path}: begins without a line of what it is (//!)")).collect()
}

/// Work that was left half done.
pub(crate) fn leftovers(tree: &Tree) -> Vec<String> {
    // Spelt in halves, so that this file does not find itself.
    let words = [
        concat!("to", "do!("),
        concat!("db", "g!("),
        concat!("#[ig", "nore"),
        concat!("FIX", "ME"),
    ];
    find(tree.iter().filter(|(path, _)| path.ends_with(".rs")), &words, "is left over")
}

/// Paths and hosts of one machine.
pub(crate) fn places(tree: &Tree) -> Vec<String> {
    let words = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/")];
    find(tree.iter().filter(|(path, _)| *path != "Cargo.lock"), &words, "is a place on one machine")
}

/// The crates that are cores, and the files of products that are.
const CORES: &[&str] = &[
    "crates/base/src/",
    "crates/machine/src/",
    "crates/media/src/",
    "crates/sip/src/",
    "crates/smpp/src/",
    "crates/twiml/src/",
    "crates/products/src/voice/engine/",
];
const CORE_FILES: &[&str] = &[
    "/rules.rs",
    "/dispatch.rs",
    "/queue.rs",
    "/policy.rs",
    "/machine.rs",
    "/overrides.rs",
    "/faults.rs",
    "/opt_words.rs",
];

/// Clocks, randomness, threads, sockets and files in pure cores.
pub(crate) fn pure_cores(tree: &Tree) -> Vec<String> {
    let words = [
        "tokio::",
        "std::net",
        "std::fs",
        "std::thread",
        "std::time::Instant",
        "SystemTime",
        "SystemRandom",
        "Instant::now",
    ];
    let is_core = |path: &str| {
        let product = path.starts_with("crates/products/src/");
        CORES.iter().any(|core| path.starts_with(core))
            || product && CORE_FILES.iter().any(|file| path.ends_with(file))
    };
    let mut found = Vec::new();
    for (path, text) in sources(tree).filter(|(path, _)| is_core(path)) {
        search(path, text, &words, "has no place in a pure core", &mut found);
    }
    found
}

/// SQL of products stands in `store.rs`, or in a folder `store/`.
pub(crate) fn sql(tree: &Tree) -> Vec<String> {
    let words = ["\"SELECT ", "\"INSERT INTO ", "\"UPDATE ", "\"DELETE FROM "];
    let elsewhere = |path: &str| {
        let upper =
            path.starts_with("crates/products/src/") || path.starts_with("crates/trunkline/");
        upper && !path.ends_with("/store.rs") && !path.contains("/store/") && !is_test(path)
    };
    let mut found = Vec::new();
    for (path, text) in sources(tree).filter(|(path, _)| elsewhere(path)) {
        search(path, text, &words, "is SQL outside store.rs", &mut found);
    }
    found
}

fn find<'a>(
    files: impl Iterator<Item = (&'a String, &'a String)>,
    words: &[&str],
    why: &str,
) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files {
        search(path, text, words, why, &mut found);
    }
    found
}

fn search(path: &str, text: &str, words: &[&str], why: &str, found: &mut Vec<String>) {
    for (index, line) in text.lines().enumerate() {
        for word in words.iter().filter(|word| line.contains(**word)) {
            found.push(format!("{path}:{}: {} {why}", index + 1, word.trim_matches('"').trim()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree;

    #[test]
    fn each_kind_of_word_is_found_where_it_may_not_be() {
        let files = tree(&[
            ("crates/base/src/a.rs", "//! A.\nuse std::time::Instant;\n"),
            ("crates/net/src/a.rs", "//! A.\nuse std::time::Instant;\n"),
            ("crates/products/src/x/rules.rs", "//! A.\ntokio::spawn(x)\n"),
            ("crates/products/src/x/api.rs", "let sql = \"SELECT 1\";\n"),
            ("crates/products/src/x/store.rs", "//! A.\nlet sql = \"SELECT 1\";\n"),
            ("README.md", concat!("see /ho", "me/me\n")),
            ("crates/net/src/b.rs", concat!("//! B.\nto", "do!()\n")),
        ]);
        assert_eq!(headers(&files).len(), 1);
        assert_eq!(pure_cores(&files).len(), 2);
        assert_eq!(sql(&files).len(), 1);
        assert_eq!(places(&files).len(), 1);
        assert_eq!(leftovers(&files).len(), 1);
    }
}
