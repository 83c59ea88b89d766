//! Parameters of a request: an ordered multi-map, from a form, a query or a JSON object.

use std::borrow::Cow;

/// Parameters that can't be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// More fields than are looked at.
    #[error("too many parameters")]
    TooMany,
    /// A NUL character, which no database column takes.
    #[error("a parameter holds a NUL character")]
    Nul,
    /// JSON that does not parse, or is no object.
    #[error("the body is not a JSON object")]
    NotAnObject,
}

/// Names and values in the order in which they came. Names are case-sensitive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Parses `application/x-www-form-urlencoded`.
    pub fn parse_form(body: &[u8], fields_max: usize) -> Result<Self, FormError> {
        let mut params = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            params.take(name, value, fields_max)?;
        }
        Ok(params)
    }

    /// Parses the query of an address.
    pub fn parse_query(query: &str, fields_max: usize) -> Result<Self, FormError> {
        Self::parse_form(query.as_bytes(), fields_max)
    }

    /// Takes the members of a JSON object: arrays become repeated names, objects stay JSON text.
    pub fn parse_json(body: &[u8], fields_max: usize) -> Result<Self, FormError> {
        let parsed = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body);
        let object = parsed.map_err(|_| FormError::NotAnObject)?;
        let mut params = Self::default();
        for (name, value) in object {
            match value {
                serde_json::Value::Null => {}
                serde_json::Value::Array(items) => {
                    for item in items {
                        params.take(Cow::Borrowed(&name), Cow::Owned(text_of(item)), fields_max)?;
                    }
                }
                other => {
                    params.take(Cow::Borrowed(&name), Cow::Owned(text_of(other)), fields_max)?;
                }
            }
        }
        Ok(params)
    }

    fn take(
        &mut self,
        name: Cow<'_, str>,
        value: Cow<'_, str>,
        fields_max: usize,
    ) -> Result<(), FormError> {
        if self.0.len() >= fields_max {
            return Err(FormError::TooMany);
        }
        if name.contains('\0') || value.contains('\0') {
            return Err(FormError::Nul);
        }
        self.0.push((name.into_owned(), value.into_owned()));
        Ok(())
    }

    /// Adds a pair at the end.
    pub fn push(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// Keeps the pairs whose name is wanted.
    pub fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| wanted(name));
    }

    /// The first value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a repeated name.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Pairs whose name begins with `prefix`, the prefix cut off (`Prefix.Key=value` maps).
    pub fn prefixed<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .iter()
            .filter_map(move |(key, value)| Some((key.strip_prefix(prefix)?, value.as_str())))
    }

    /// All pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As `application/x-www-form-urlencoded`.
    pub fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(self.iter()).finish()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

fn text_of(value: serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_keep_order_and_repetition() {
        let params =
            Params::parse_form(b"To=%2B1555&MediaUrl=a&MediaUrl=b+c&Empty=", 10).expect("a form");
        assert_eq!(params.get("To"), Some("+1555"));
        assert_eq!(params.get_all("MediaUrl").collect::<Vec<_>>(), ["a", "b c"]);
        assert_eq!((params.get("Empty"), params.get("empty")), (Some(""), None));
        assert_eq!(params.encode(), "To=%2B1555&MediaUrl=a&MediaUrl=b+c&Empty=");
    }

    #[test]
    fn limits_and_nul_are_refused() {
        assert_eq!(Params::parse_form(b"a=1&b=2", 1), Err(FormError::TooMany));
        assert_eq!(Params::parse_form(b"a=%00", 10), Err(FormError::Nul));
        assert_eq!(Params::parse_json(b"[1]", 10), Err(FormError::NotAnObject));
        let params = Params::parse_json(br#"{"to":"+1","mediaUrl":["a","b"],"n":2}"#, 10)
            .expect("an object");
        assert_eq!((params.get("n"), params.get_all("mediaUrl").count()), (Some("2"), 2));
    }
}
