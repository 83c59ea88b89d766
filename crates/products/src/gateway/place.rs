//! Where a request belongs: by a well-known host, by the host's first label, or by the path's
//! first segment.

/// The products' names on the wire: the first label of Twilio's hosts.
const HOSTS: [&str; 32] = [
    "accounts",
    "api",
    "assistants",
    "bulkexports",
    "chat",
    "content",
    "conversations",
    "events",
    "iam",
    "insights",
    "intelligence",
    "knowledge",
    "lookups",
    "messaging",
    "monitor",
    "notify",
    "numbers",
    "oauth",
    "preview-iam",
    "pricing",
    "proxy",
    "routes",
    "studio",
    "sync",
    "taskrouter",
    "trunking",
    "trusthub",
    "verify",
    "video",
    "voice",
    "webhooks",
    "sendgrid",
];

/// What was found, and what links in the answer must begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `api`, `messaging`, `sendgrid`, …; empty for Trunkline's own routes (`/dev`, `/healthz`).
    pub product: &'static str,
    /// `http://localhost:8080/messaging`: scheme, host and prefix that the client used.
    pub root: String,
    /// The path prefix that the client used: `/messaging`, or nothing.
    pub prefix: &'static str,
}

/// Finds the product of a request, and the rest of its path.
///
/// `host` is the `Host` header with its port, `scheme` how the client reached us.
pub fn find<'a>(scheme: &str, host: &str, path: &'a str) -> (Place, &'a str) {
    let name = host.split(':').next().unwrap_or_default();
    let root = |prefix: &str| format!("{scheme}://{host}{prefix}");
    if matches!(name, "api.sendgrid.com" | "api.eu.sendgrid.com") {
        return (Place { product: "sendgrid", root: root(""), prefix: "" }, path);
    }
    let label = name.split_once('.').map(|(label, _)| label);
    if let Some(product) = label.and_then(known) {
        return (Place { product, root: root(""), prefix: "" }, path);
    }
    // `*` and whatever else does not begin with a slash names no product.
    let first = path.strip_prefix('/').unwrap_or_default().split('/').next().unwrap_or_default();
    if first == "2010-04-01" {
        return (Place { product: "api", root: root(""), prefix: "" }, path);
    }
    if let Some((product, prefix)) = known(first).zip(prefix_of(first)) {
        let rest = &path[1 + first.len()..];
        return (Place { product, root: root(prefix), prefix }, rest);
    }
    (Place { product: "", root: root(""), prefix: "" }, path)
}

fn known(name: &str) -> Option<&'static str> {
    HOSTS.into_iter().find(|host| *host == name)
}

fn prefix_of(name: &str) -> Option<&'static str> {
    const PREFIXES: [&str; 32] = [
        "/accounts",
        "/api",
        "/assistants",
        "/bulkexports",
        "/chat",
        "/content",
        "/conversations",
        "/events",
        "/iam",
        "/insights",
        "/intelligence",
        "/knowledge",
        "/lookups",
        "/messaging",
        "/monitor",
        "/notify",
        "/numbers",
        "/oauth",
        "/preview-iam",
        "/pricing",
        "/proxy",
        "/routes",
        "/studio",
        "/sync",
        "/taskrouter",
        "/trunking",
        "/trusthub",
        "/verify",
        "/video",
        "/voice",
        "/webhooks",
        "/sendgrid",
    ];
    PREFIXES.into_iter().find(|prefix| &prefix[1..] == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(host: &str, path: &'static str) -> (&'static str, String, &'static str) {
        let (place, rest) = find("http", host, path);
        (place.product, place.root, rest)
    }

    #[test]
    fn products_are_found_by_host_label_prefix_and_version() {
        let cases = [
            ("api.sendgrid.com", "/v3/mail/send", "sendgrid", "/v3/mail/send"),
            ("messaging.localhost:8080", "/v1/Services", "messaging", "/v1/Services"),
            (
                "api.dublin.ie1.twilio.com",
                "/2010-04-01/Accounts.json",
                "api",
                "/2010-04-01/Accounts.json",
            ),
            ("localhost:8080", "/messaging/v1/Services", "messaging", "/v1/Services"),
            ("localhost:8080", "/api/2010-04-01/Accounts.json", "api", "/2010-04-01/Accounts.json"),
            ("localhost:8080", "/2010-04-01/Accounts.json", "api", "/2010-04-01/Accounts.json"),
            ("localhost:8080", "/sendgrid/v3/mail/send", "sendgrid", "/v3/mail/send"),
            ("127.0.0.1:8080", "/healthz", "", "/healthz"),
        ];
        for (host, path, product, rest) in cases {
            let (found_product, _, found_rest) = found(host, path);
            assert_eq!((found_product, found_rest), (product, rest), "{host}{path}");
        }
    }

    #[test]
    fn links_carry_the_prefix_that_the_client_used() {
        assert_eq!(found("localhost:8080", "/messaging/v1/S").1, "http://localhost:8080/messaging");
        assert_eq!(found("messaging.localhost", "/v1/S").1, "http://messaging.localhost");
    }
}
