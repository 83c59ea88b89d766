//! What can go wrong between a unit of work and the disk.

/// A failure of the database or of the commit, never of a product's rule.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused a statement.
    #[error("sqlite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL refused a statement, or the connection is gone.
    #[error("postgres: {0}")]
    Postgres(#[from] tokio_postgres::Error),
    /// A stored value has not the form that the code wrote.
    #[error("stored data is damaged: {0}")]
    Corrupt(&'static str),
    /// The commit that held this unit failed; nothing of it was written.
    #[error("the commit failed: {0}")]
    CommitFailed(String),
    /// The connection broke during the commit, and whether it was written could not be learned.
    #[error("it is not known whether the commit was written: {0}")]
    CommitUncertain(String),
    /// A statement of this unit failed and the unit went on; nothing of it was written.
    #[error("a statement of this unit failed")]
    StatementFailed,
    /// The unit panicked; nothing of it was written.
    #[error("a unit of work panicked")]
    Panicked,
    /// A text holds NUL, which PostgreSQL cannot store.
    #[error("a text holds the character NUL")]
    NulInText,
    /// Another node holds the lane by now; this node must stop writing.
    #[error("the lease on this lane is held by another node")]
    LeaseLost,
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
    /// Too many units are waiting; try again later.
    #[error("too much work is waiting for the database")]
    Overloaded,
    /// A migration that ran before has another text now, or one is missing.
    #[error("migration {0}: {1}")]
    Migration(String, &'static str),
    /// The database address can't be understood or reached.
    #[error("database address: {0}")]
    Address(String),
    /// A blob could not be read or written.
    #[error("blob: {0}")]
    Blob(#[from] object_store::Error),
    /// A file of the data folder could not be read or written.
    #[error("data folder: {0}")]
    Io(#[from] std::io::Error),
}

impl StoreError {
    /// The same failure of a commit for another of the units that were in it.
    pub(crate) fn of_commit(&self) -> Self {
        match self {
            Self::LeaseLost => Self::LeaseLost,
            Self::Closed => Self::Closed,
            Self::Overloaded => Self::Overloaded,
            Self::StatementFailed => Self::StatementFailed,
            Self::Panicked => Self::Panicked,
            Self::NulInText => Self::NulInText,
            Self::Corrupt(what) => Self::Corrupt(what),
            Self::CommitFailed(why) => Self::CommitFailed(why.clone()),
            Self::CommitUncertain(why) => Self::CommitUncertain(why.clone()),
            other => Self::CommitFailed(other.to_string()),
        }
    }

    /// Whether a blob is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Blob(object_store::Error::NotFound { .. }))
    }

    /// Whether a unique key of the database was hit.
    pub fn is_unique_violation(&self) -> bool {
        match self {
            Self::Sqlite(error) => error.sqlite_error().is_some_and(|error| {
                let code = error.extended_code;
                code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE
                    || code == rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY
            }),
            Self::Postgres(error) => {
                error.code() == Some(&tokio_postgres::error::SqlState::UNIQUE_VIOLATION)
            }
            _ => false,
        }
    }
}
