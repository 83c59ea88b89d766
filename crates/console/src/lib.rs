//! The console's page: the files that `scripts/console` builds of `console/`, in the binary.

use std::borrow::Cow;

/// `console/dist`. Without it the program serves a page that says how to build it.
#[derive(rust_embed::Embed)]
#[folder = "../../console/dist"]
#[allow_missing = true]
struct Dist;

/// One file of the page.
pub struct File {
    /// Its octets.
    pub octets: Cow<'static, [u8]>,
    /// Its media type.
    pub content_type: &'static str,
    /// Its name changes with its content: it may be kept for ever.
    pub lasting: bool,
}

/// The file at a path below `/console/`; the page itself for the empty path.
pub fn file(path: &str) -> Option<File> {
    let path = if path.is_empty() { "index.html" } else { path };
    match Dist::get(path) {
        Some(found) => Some(File {
            octets: found.data,
            content_type: content_type(path),
            lasting: path.starts_with("assets/"),
        }),
        None if path == "index.html" => Some(File {
            octets: Cow::Borrowed(NOT_BUILT),
            content_type: "text/html; charset=utf-8",
            lasting: false,
        }),
        None => None,
    }
}

const NOT_BUILT: &[u8] = b"<!doctype html><title>Trunkline</title>\
<p>This binary was built without its console: run <code>scripts/console</code> and build again.\n";

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_a_page_and_nothing_outside_the_folder() {
        let page = file("").expect("the page");
        assert_eq!(page.content_type, "text/html; charset=utf-8");
        assert!(!page.octets.is_empty() && !page.lasting);
        for path in ["../package.json", "/etc/passwd", "assets/../index.html", "assets/none.js"] {
            assert!(file(path).is_none(), "{path}");
        }
    }
}
