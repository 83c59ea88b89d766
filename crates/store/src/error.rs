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
    /// Whether a unique key of the database was hit.
    pub fn is_unique_violation(&self) -> bool {
        match self {
            Self::Sqlite(error) => {
                error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
            }
            Self::Postgres(error) => {
                error.code() == Some(&tokio_postgres::error::SqlState::UNIQUE_VIOLATION)
            }
            _ => false,
        }
    }
}
