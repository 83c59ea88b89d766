//! Which routes Twilio has, so that a missing route is told from a missing resource.

use std::collections::HashMap;

use http::Method;

/// Twilio's operations: `host method path`, a line each.
const OPERATIONS: &str = include_str!("../../data/operations.tsv");

/// A look-up of Twilio's routes.
pub(crate) struct Operations(HashMap<&'static str, matchit::Router<Vec<&'static str>>>);

impl Operations {
    /// Each operation: host, method, path.
    pub(crate) fn listed() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
        OPERATIONS.lines().filter_map(|line| {
            let mut fields = line.split('\t');
            Some((fields.next()?, fields.next()?, fields.next()?))
        })
    }

    pub(crate) fn load() -> Self {
        let mut paths: HashMap<(&str, &str), Vec<&str>> = HashMap::new();
        for (host, method, path) in Self::listed() {
            paths.entry((host, path)).or_default().push(method);
        }
        let mut routers: HashMap<&str, matchit::Router<Vec<&str>>> = HashMap::new();
        for ((host, path), methods) in paths {
            // Paths that differ only in a segment's name conflict; the first one serves for both.
            let _ = routers.entry(host).or_default().insert(path, methods);
        }
        Self(routers)
    }

    pub(crate) fn has(&self, product: &str, method: &Method, path: &str) -> bool {
        let path = path.strip_suffix(".json").unwrap_or(path);
        self.0
            .get(product)
            .and_then(|router| router.at(path).ok())
            .is_some_and(|found| found.value.contains(&method.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twilios_routes_are_known_and_others_are_not() {
        let operations = Operations::load();
        let calls = "/2010-04-01/Accounts/AC0/Calls.json";
        assert!(operations.has("api", &Method::POST, calls));
        assert!(!operations.has("api", &Method::DELETE, calls));
        assert!(!operations.has("api", &Method::GET, "/2010-04-01/Nothing.json"));
        assert!(operations.has("verify", &Method::POST, "/v2/Services"));
    }
}
