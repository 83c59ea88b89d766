//! Addresses with a display name and parameters (RFC 3261 §20.10), and lists of values.

use std::fmt;

use super::uri::Uri;

/// Parameters behind `;`, in order. Names are compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Params(Vec<(String, Option<String>)>);

impl Params {
    /// Reads `a=1;b;c="x;y"`. Empty pieces are passed over; `None` when a name is missing or a
    /// quotation does not end.
    pub fn parse(text: &str) -> Option<Self> {
        let mut read = Vec::new();
        for piece in split(text, ';')? {
            let (name, value) = match piece.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim().to_owned())),
                None => (piece.trim(), None),
            };
            if name.is_empty() && value.is_some() {
                return None;
            }
            if !name.is_empty() {
                read.push((name.to_owned(), value));
            }
        }
        Some(Self(read))
    }

    /// A value, without quotation marks; empty for a parameter without one.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| unquoted(value.as_deref().unwrap_or("")))
    }

    /// Whether a parameter has this value, without regard to case.
    pub fn is(&self, name: &str, value: &str) -> bool {
        self.get(name).is_some_and(|found| found.eq_ignore_ascii_case(value))
    }

    /// Sets a parameter; an empty value writes the name alone.
    pub fn set(&mut self, name: &str, value: &str) {
        let value = Some(value.to_owned()).filter(|value| !value.is_empty());
        match self.0.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some(found) => found.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Removes a parameter.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// Names and values as they were written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            match value {
                Some(value) => write!(f, ";{name}={value}")?,
                None => write!(f, ";{name}")?,
            }
        }
        Ok(())
    }
}

/// An address as From, To, Contact and Route carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The name to show, unquoted.
    pub display: Option<String>,
    /// Who or where.
    pub uri: Uri,
    /// Parameters of the field, such as `tag`.
    pub params: Params,
}

impl Address {
    /// An address without name and parameters.
    pub fn new(uri: Uri) -> Self {
        Self { display: None, uri, params: Params::default() }
    }

    /// Reads `"Name" <uri>;params` or `uri;params`. In the second form a `?` has no place, and
    /// parameters are the field's (§20).
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (display, rest) = match text.strip_prefix('"') {
            Some(quoted) => {
                let end = quote_end(quoted)?;
                (Some(unescaped(&quoted[..end])), quoted[end + 1..].trim_start())
            }
            None => match text.find('<') {
                Some(at) => (Some(text[..at].trim().to_owned()), &text[at..]),
                None => (None, text),
            },
        };
        let display = display.filter(|name| !name.is_empty());
        if let Some(rest) = rest.strip_prefix('<') {
            let (uri, params) = rest.split_once('>')?;
            let params = params.trim_start();
            let params = params.strip_prefix(';').or(params.is_empty().then_some(""))?;
            let uri = Uri::parse(uri).ok()?;
            return Some(Self { display, uri, params: Params::parse(params)? });
        }
        if display.is_some() {
            return None;
        }
        let (uri, params) = rest.split_once(';').unwrap_or((rest, ""));
        let uri = Uri::parse(uri.trim_end()).ok().filter(|_| !uri.contains(['?', ',']))?;
        Some(Self { display, uri, params: Params::parse(params)? })
    }

    /// The `tag` parameter (§19.3).
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// With a tag.
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.params.set("tag", tag);
        self
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.display {
            let name = name.replace('\\', "\\\\").replace('"', "\\\"");
            write!(f, "\"{}\" ", name.replace(['\r', '\n', '\0'], " "))?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

/// The values of a list: split at commas outside quotations and angle brackets. A list whose
/// quotation does not end is one value.
pub fn split_list(text: &str) -> Vec<&str> {
    split(text, ',').unwrap_or_else(|| vec![text])
}

fn split(text: &str, at: char) -> Option<Vec<&str>> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => angle = true,
            '>' if !quoted => angle = false,
            c if c == at && !quoted && !angle => {
                parts.push(text[start..index].trim());
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|part| !part.is_empty());
    Some(parts).filter(|_| !quoted)
}

/// Where the quotation ends that begins before `text`.
fn quote_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(index),
            _ => {}
        }
    }
    None
}

fn unescaped(text: &str) -> String {
    let mut escaped = false;
    let plain = text.chars().filter(|c| {
        escaped = *c == '\\' && !escaped;
        !escaped
    });
    plain.collect()
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}
