//! The one permission type: asked of API keys, tokens and people alike.

use std::fmt;

use crate::registry::PRODUCTS;

/// What is done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Make one.
    Create,
    /// Look at one.
    Read,
    /// Look at many.
    List,
    /// Change one.
    Update,
    /// Remove one.
    Delete,
}

impl Verb {
    /// As it stands in a restricted key's policy.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::List => "list",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// The right to do one thing to one kind of resource. Its text, like
/// `/twilio/messaging/messages/create`, is what a restricted key's policy lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Permission {
    /// `messaging/messages`: product and resource.
    pub resource: &'static str,
    /// What is done to it.
    pub verb: Verb,
}

impl Permission {
    /// The right to `verb` a `resource`.
    pub const fn new(resource: &'static str, verb: Verb) -> Self {
        Self { resource, verb }
    }

    /// Whether test credentials reach it: the products say what they open to them.
    pub fn is_open_to_test(self) -> bool {
        PRODUCTS.iter().any(|product| product.open_to_test.contains(&self))
    }

    /// Whether it reaches into accounts and keys, which standard keys may not touch.
    pub fn is_administrative(self) -> bool {
        self.resource.starts_with("accounts/")
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/twilio/{}/{}", self.resource, self.verb.name())
    }
}
