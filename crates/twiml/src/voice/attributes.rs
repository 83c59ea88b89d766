//! The attributes of one element: each is asked for by name with its default, its bounds and the
//! code of a bad value; what was not asked for is unknown.

use std::ops::RangeInclusive;

use roxmltree::Node;

use crate::Hook;
use crate::voice::reader::Reader;

/// Characters of a bad value that its warning quotes.
const QUOTED_MAX: usize = 80;

/// The attributes of an element.
pub(crate) struct Attributes<'r, 'n> {
    node: Node<'n, 'n>,
    pub(crate) reader: &'r mut Reader,
    asked: Vec<&'static str>,
}

impl<'r, 'n> Attributes<'r, 'n> {
    pub(crate) fn of(node: Node<'n, 'n>, reader: &'r mut Reader) -> Self {
        Self { node, reader, asked: Vec::new() }
    }

    /// The value as it is written.
    pub(crate) fn raw(&mut self, name: &'static str) -> Option<&'n str> {
        self.asked.push(name);
        let found = self.node.attributes().find(|attribute| attribute.name() == name);
        found.map(|attribute| attribute.value())
    }

    /// The value without space around it, when there is any.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        let value = self.raw(name)?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// Text of at most so many characters.
    pub(crate) fn short(&mut self, name: &'static str, max: usize, code: u32) -> Option<String> {
        let value = self.text(name)?;
        if value.chars().count() > max {
            self.bad(name, &value, code, &format!("at most {max} characters"));
            return None;
        }
        Some(value)
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &'static str, default: bool, code: u32) -> bool {
        self.choice(name, &[("true", true), ("false", false)], default, code)
    }

    /// A whole number within bounds.
    pub(crate) fn number(
        &mut self,
        name: &'static str,
        bounds: RangeInclusive<u32>,
        code: u32,
    ) -> Option<u32> {
        let value = self.text(name)?;
        let number = value.parse().ok().filter(|number| bounds.contains(number));
        if number.is_none() || value.starts_with('+') {
            let (low, high) = bounds.into_inner();
            self.bad(name, &value, code, &format!("a whole number from {low} to {high}"));
            return None;
        }
        number
    }

    /// One of several words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        values: &[(&str, T)],
        default: T,
        code: u32,
    ) -> T {
        let Some(value) = self.text(name) else { return default };
        let found = values.iter().find(|(word, _)| *word == value);
        if found.is_none() {
            let words: Vec<&str> = values.iter().map(|(word, _)| *word).collect();
            self.bad(name, &value, code, &format!("one of: {}", words.join(", ")));
        }
        found.map_or(default, |(_, meaning)| *meaning)
    }

    /// Words with space between them; bad ones are passed over. `None` when none is left.
    pub(crate) fn list<T: Copy + PartialEq>(
        &mut self,
        name: &'static str,
        values: &[(&str, T)],
        code: u32,
    ) -> Option<Vec<T>> {
        let value = self.text(name)?;
        let mut found: Vec<T> = Vec::new();
        for word in value.split_whitespace() {
            match values.iter().find(|(known, _)| *known == word) {
                Some((_, meaning)) if !found.contains(meaning) => found.push(*meaning),
                Some(_) => {}
                None => {
                    let words: Vec<&str> = values.iter().map(|(word, _)| *word).collect();
                    self.bad(name, word, code, &format!("some of: {}", words.join(", ")));
                }
            }
        }
        (!found.is_empty()).then_some(found)
    }

    /// `GET` or `POST`; whether it is the former.
    pub(crate) fn get(&mut self, name: &'static str, code: u32) -> bool {
        let Some(value) = self.text(name) else { return false };
        match value.to_ascii_uppercase().as_str() {
            "GET" => true,
            "POST" => false,
            _ => {
                self.bad(name, &value, code, "GET or POST");
                false
            }
        }
    }

    /// An address and its method; none when it is absent, empty or bad.
    pub(crate) fn hook(
        &mut self,
        url: &'static str,
        method: &'static str,
        code: u32,
    ) -> Option<Hook> {
        let get = self.get(method, code);
        let url = self.url(url)?;
        Some(Hook { url, get })
    }

    /// `action` and `method`; without the former the document itself.
    pub(crate) fn action_or_current(&mut self, code: u32) -> Option<Hook> {
        let get = self.get("method", code);
        let url = match self.text("action") {
            Some(url) => self.reader.absolute(&url, &self.place("action")),
            None => {
                let current = self.reader.current();
                if current.is_none() {
                    let message = format!(
                        "{} must be given and absolute: the document has no address",
                        self.place("action")
                    );
                    self.reader.warn(15004, message);
                }
                current
            }
        };
        url.map(|url| Hook { url, get })
    }

    /// An address.
    pub(crate) fn url(&mut self, name: &'static str) -> Option<String> {
        let url = self.text(name)?;
        self.reader.absolute(&url, &self.place(name))
    }

    /// A tag of BCP 47, by its shape.
    pub(crate) fn language(&mut self, name: &'static str, code: u32) -> Option<String> {
        let value = self.text(name)?;
        let mut parts = value.split('-');
        let first = parts.next().unwrap_or_default();
        let fine = (2..=3).contains(&first.len())
            && first.bytes().all(|byte| byte.is_ascii_alphabetic())
            && parts.all(|part| {
                (1..=8).contains(&part.len())
                    && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
        if !fine {
            self.bad(name, &value, code, "a language such as en-US");
            return None;
        }
        Some(value)
    }

    /// Warns of a bad value.
    pub(crate) fn bad(&mut self, name: &str, value: &str, code: u32, wanted: &str) {
        let value: String = value.chars().take(QUOTED_MAX).collect();
        let message = format!("{} is '{value}', not {wanted}", self.place(name));
        self.reader.warn(code, message);
    }

    fn place(&self, name: &str) -> String {
        format!("<{}> {name}", self.node.tag_name().name())
    }

    /// Names attributes that are known and not served here: each that is given is warned of.
    pub(crate) fn refuse(&mut self, names: &[&'static str], why: &str) {
        for name in names {
            if self.raw(name).is_some() {
                let message = format!("{}: {why}; it is passed over", self.place(name));
                self.reader.warn(12200, message);
            }
        }
    }
}

impl Drop for Attributes<'_, '_> {
    /// What was never asked for is unknown.
    fn drop(&mut self) {
        for attribute in self.node.attributes() {
            if !self.asked.contains(&attribute.name()) {
                let (name, verb) = (attribute.name(), self.node.tag_name().name());
                let message = format!("<{verb}> has no attribute '{name}'; it is passed over");
                self.reader.warn(12200, message);
            }
        }
    }
}
