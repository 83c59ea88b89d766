//! Values and rows in the subset that SQLite (STRICT) and PostgreSQL share: integers, text, bytes.

use base::{AnySid, Instant, Sid};
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};

use crate::StoreError;
use crate::engine::Integer;

/// One statement parameter. Borrowed, so that binding a row allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value<'a> {
    /// SQL NULL.
    Null,
    /// A 64-bit integer: counts, micros, instants in microseconds, booleans as 0 and 1.
    Int(i64),
    /// Text without NUL (refused at the edge, as PostgreSQL cannot hold it).
    Text(&'a str),
    /// Bytes: SIDs, sealed bodies.
    Blob(&'a [u8]),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for Value<'_> {
    fn from(value: i32) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<Instant> for Value<'_> {
    fn from(value: Instant) -> Self {
        Self::Int(value.micros())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Blob(value)
    }
}

impl<'a> From<&'a Vec<u8>> for Value<'a> {
    fn from(value: &'a Vec<u8>) -> Self {
        Self::Blob(value)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Blob(value)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match *self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) if *ty == Type::INT4 => i32::try_from(value)?.to_sql(ty, out),
            Self::Int(value) => value.to_sql(ty, out),
            Self::Text(value) => value.to_sql(ty, out),
            Self::Blob(value) => value.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::INT4 | Type::TEXT | Type::VARCHAR | Type::BYTEA)
    }

    to_sql_checked!();
}

/// One row of a result, read by column position.
pub struct Row<'a>(pub(crate) RowSource<'a>);

pub(crate) enum RowSource<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

impl Row<'_> {
    /// An integer column.
    pub fn int(&self, column: usize) -> Result<i64, StoreError> {
        Ok(match &self.0 {
            RowSource::Sqlite(row) => row.get(column)?,
            RowSource::Postgres(row) => row.try_get::<_, Integer>(column)?.0,
        })
    }

    /// An integer column that may be NULL.
    pub fn int_or_null(&self, column: usize) -> Result<Option<i64>, StoreError> {
        Ok(match &self.0 {
            RowSource::Sqlite(row) => row.get(column)?,
            RowSource::Postgres(row) => {
                row.try_get::<_, Option<Integer>>(column)?.map(|found| found.0)
            }
        })
    }

    /// A boolean kept as 0 or 1.
    pub fn bool(&self, column: usize) -> Result<bool, StoreError> {
        Ok(self.int(column)? != 0)
    }

    /// An instant kept as microseconds.
    pub fn instant(&self, column: usize) -> Result<Instant, StoreError> {
        Ok(Instant::from_micros(self.int(column)?))
    }

    /// An instant that may be NULL.
    pub fn instant_or_null(&self, column: usize) -> Result<Option<Instant>, StoreError> {
        Ok(self.int_or_null(column)?.map(Instant::from_micros))
    }

    /// A text column.
    pub fn text(&self, column: usize) -> Result<String, StoreError> {
        Ok(match &self.0 {
            RowSource::Sqlite(row) => row.get(column)?,
            RowSource::Postgres(row) => row.try_get(column)?,
        })
    }

    /// A text column that may be NULL.
    pub fn text_or_null(&self, column: usize) -> Result<Option<String>, StoreError> {
        Ok(match &self.0 {
            RowSource::Sqlite(row) => row.get(column)?,
            RowSource::Postgres(row) => row.try_get(column)?,
        })
    }

    /// A column of bytes.
    pub fn blob(&self, column: usize) -> Result<Vec<u8>, StoreError> {
        Ok(match &self.0 {
            RowSource::Sqlite(row) => row.get(column)?,
            RowSource::Postgres(row) => row.try_get(column)?,
        })
    }

    /// A column of bytes that may be NULL.
    pub fn blob_or_null(&self, column: usize) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(match &self.0 {
            RowSource::Sqlite(row) => row.get(column)?,
            RowSource::Postgres(row) => row.try_get(column)?,
        })
    }

    /// A column of exactly sixteen bytes, without allocating on SQLite.
    pub fn bytes16(&self, column: usize) -> Result<[u8; 16], StoreError> {
        let found: Option<[u8; 16]> = match &self.0 {
            RowSource::Sqlite(row) => {
                row.get_ref(column)?.as_blob().ok().and_then(|b| b.try_into().ok())
            }
            RowSource::Postgres(row) => row.try_get::<_, &[u8]>(column)?.try_into().ok(),
        };
        found.ok_or(StoreError::Corrupt("a column does not hold sixteen bytes"))
    }

    /// A SID column of a known kind.
    pub fn sid<T: Sid>(&self, column: usize) -> Result<T, StoreError> {
        Ok(T::from_bytes(self.bytes16(column)?))
    }

    /// A SID of any kind: two prefix letters and sixteen bytes.
    pub fn any_sid(&self, column: usize) -> Result<AnySid, StoreError> {
        let bytes = self.blob(column)?;
        let bytes: [u8; 18] =
            bytes.try_into().map_err(|_| StoreError::Corrupt("a column does not hold a SID"))?;
        Ok(AnySid::from_bytes18(bytes))
    }
}
