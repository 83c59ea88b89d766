//! The few words in which the two engines differ.

/// Which engine a statement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// Turns a schema written in our words into the engine's: `{int}`, `{text}`, `{blob}` are
    /// column types (text compared by byte), `{strict}` ends a table, `{clustered}` ends one that
    /// is stored in the order of its primary key.
    pub(crate) fn schema(self, sql: &str) -> String {
        let words: [(&str, &str); 5] = match self {
            Self::Sqlite => [
                ("{int}", "INTEGER"),
                ("{text}", "TEXT"),
                ("{blob}", "BLOB"),
                ("{strict}", "STRICT"),
                ("{clustered}", "STRICT, WITHOUT ROWID"),
            ],
            Self::Postgres => [
                ("{int}", "BIGINT"),
                ("{text}", "TEXT COLLATE \"C\""),
                ("{blob}", "BYTEA"),
                ("{strict}", ""),
                ("{clustered}", ""),
            ],
        };
        words.iter().fold(sql.to_owned(), |sql, (from, to)| sql.replace(from, to))
    }

    /// Turns `?` parameters into `$1`, `$2`, … for PostgreSQL. A `?` inside quotes stays.
    pub(crate) fn parameters(self, sql: &str) -> String {
        if self == Self::Sqlite {
            return sql.to_owned();
        }
        let mut out = String::with_capacity(sql.len() + 16);
        let mut number = 0;
        let mut quoted = false;
        for character in sql.chars() {
            match character {
                '\'' => {
                    quoted = !quoted;
                    out.push(character);
                }
                '?' if !quoted => {
                    number += 1;
                    out.push('$');
                    out.push_str(&number.to_string());
                }
                _ => out.push(character),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_outside_quotes_only() {
        let sql = "SELECT '?' FROM t WHERE a = ? AND b = ?";
        assert_eq!(Dialect::Postgres.parameters(sql), "SELECT '?' FROM t WHERE a = $1 AND b = $2");
        assert_eq!(Dialect::Sqlite.parameters(sql), sql);
    }

    #[test]
    fn schema_words_become_the_engines_types() {
        let sql = "CREATE TABLE t (a {int}, b {text}, c {blob}) {strict}";
        assert_eq!(
            Dialect::Sqlite.schema(sql),
            "CREATE TABLE t (a INTEGER, b TEXT, c BLOB) STRICT"
        );
        assert!(Dialect::Postgres.schema(sql).contains("b TEXT COLLATE \"C\""));
    }
}
