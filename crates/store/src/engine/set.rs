//! One statement for a whole batch on PostgreSQL: `… VALUES (?, ?)` becomes `… SELECT … FROM
//! UNNEST(…)` over one array a column. A batch of messages costs a third of what it costs as
//! pipelined single statements (`examples/limits.rs` prints both).
//!
//! Only statements are rewritten of which it is plain that the set does what the rows would have
//! done one after the other; the others stay as they are.

use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};

use crate::Value;

/// A statement over arrays.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SetForm {
    /// Its text, with `$1`, `$2`, … for arrays.
    pub(crate) sql: String,
    /// Which parameters find the row to change. Two rows of a batch with the same ones must not
    /// go into the same statement, which would apply only one of them. `None` for insertions.
    pub(crate) key: Option<std::ops::Range<usize>>,
}

/// The form over arrays of a statement with `?` parameters of these types; `None` when it has
/// none that is safe.
pub(crate) fn over_arrays(sql: &str, types: &[Type]) -> Option<SetForm> {
    let source = source(types)?;
    if sql.contains('\'') || sql.contains("RETURNING") {
        return None;
    }
    if sql.starts_with("INSERT ") { insertion(sql, &source) } else { change(sql, &source) }
}

/// `UNNEST($1::int8[], …) AS v (p1, …)`
fn source(types: &[Type]) -> Option<String> {
    let mut arrays = Vec::with_capacity(types.len());
    for (index, ty) in types.iter().enumerate() {
        let element = match *ty {
            Type::INT8 => "int8",
            Type::TEXT => "text",
            Type::BYTEA => "bytea",
            _ => return None,
        };
        arrays.push(format!("${}::{element}[]", index + 1));
    }
    let names: Vec<String> = (1..=types.len()).map(|number| format!("p{number}")).collect();
    Some(format!("UNNEST({}) AS v ({})", arrays.join(", "), names.join(", ")))
}

fn insertion(sql: &str, source: &str) -> Option<SetForm> {
    let (head, rest) = sql.split_once("VALUES (")?;
    let (values, tail) =
        rest.rsplit_once(')').filter(|(_, tail)| tail.trim().is_empty()).or_else(|| {
            let (values, tail) = rest.split_once(") ON CONFLICT")?;
            let nothing = tail.trim_end().ends_with("DO NOTHING");
            nothing.then_some((values, &rest[values.len() + 1..]))
        })?;
    if head.contains('?') || tail.contains('?') || values.contains("SELECT") {
        return None;
    }
    let values = name_parameters(values, 0).0;
    Some(SetForm { sql: format!("{head}SELECT {values} FROM {source}{tail}"), key: None })
}

/// `UPDATE t SET … WHERE a = ? AND …` and `DELETE FROM t WHERE a = ? AND …`: a row of the table
/// is found by equal keys alone, so batches with different keys never meet in one row.
fn change(sql: &str, source: &str) -> Option<SetForm> {
    let joined = if sql.starts_with("UPDATE ") {
        "FROM"
    } else if sql.starts_with("DELETE FROM ") {
        "USING"
    } else {
        return None;
    };
    let (head, condition) = sql.split_once(" WHERE ")?;
    let by_key = condition.split(" AND ").all(|part| {
        let part = part.trim();
        let column = part.strip_suffix(" = ?").unwrap_or_default();
        !part.contains('?') || (!column.is_empty() && column.chars().all(is_name))
    });
    if !by_key || !condition.contains('?') || sql.contains("SELECT") || sql.contains(" OR ") {
        return None;
    }
    let (head, before) = name_parameters(head, 0);
    let (condition, all) = name_parameters(condition, before);
    let sql = format!("{head} {joined} {source} WHERE {condition}");
    Some(SetForm { sql, key: Some(before..all) })
}

fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Turns each `?` into `v.p1`, `v.p2`, … after `count` earlier ones; answers how many there are.
fn name_parameters(sql: &str, mut count: usize) -> (String, usize) {
    let mut out = String::with_capacity(sql.len() + 32);
    for character in sql.chars() {
        if character == '?' {
            count += 1;
            out.push_str(&format!("v.p{count}"));
        } else {
            out.push(character);
        }
    }
    (out, count)
}

/// Whether two rows have the same key.
pub(crate) fn has_repeated_key(
    values: &[Value<'_>],
    width: usize,
    key: &std::ops::Range<usize>,
) -> bool {
    let mut keys: Vec<&[Value<'_>]> =
        values.chunks_exact(width).map(|row| &row[key.clone()]).collect();
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

/// One column of a batch as a PostgreSQL array.
#[derive(Debug)]
pub(crate) struct Column<'a> {
    pub(crate) values: &'a [Value<'a>],
    pub(crate) width: usize,
    pub(crate) index: usize,
}

impl ToSql for Column<'_> {
    /// The binary form of a one-dimensional array (PostgreSQL `array_send`): dimensions, whether
    /// there are NULLs, the element's type, length and lower bound; then each element.
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let element = match *ty {
            Type::INT8_ARRAY => Type::INT8,
            Type::TEXT_ARRAY => Type::TEXT,
            _ => Type::BYTEA,
        };
        let rows = i32::try_from(self.values.len() / self.width)?;
        for word in [1, 1, element.oid().cast_signed(), rows, 1] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        for value in self.values.iter().skip(self.index).step_by(self.width) {
            let start = out.len();
            out.extend_from_slice(&(-1_i32).to_be_bytes());
            if let IsNull::No = value.to_sql(&element, out)? {
                let length = i32::try_from(out.len() - start - 4)?;
                out[start..start + 4].copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8_ARRAY | Type::TEXT_ARRAY | Type::BYTEA_ARRAY)
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [Type; 2] = [Type::INT8, Type::TEXT];

    fn rewritten(sql: &str) -> Option<String> {
        over_arrays(sql, &TYPES).map(|form| form.sql)
    }

    #[test]
    fn insertions_become_one_statement() {
        let from = "FROM UNNEST($1::int8[], $2::text[]) AS v (p1, p2)";
        assert_eq!(
            rewritten("INSERT INTO t (a, b, c) VALUES (?, 0, ?)"),
            Some(format!("INSERT INTO t (a, b, c) SELECT v.p1, 0, v.p2 {from}"))
        );
        assert_eq!(
            rewritten("INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT (a) DO NOTHING"),
            Some(format!(
                "INSERT INTO t (a, b) SELECT v.p1, v.p2 {from} ON CONFLICT (a) DO NOTHING"
            ))
        );
    }

    #[test]
    fn changes_by_key_become_one_statement() {
        let from = "UNNEST($1::int8[], $2::text[]) AS v (p1, p2)";
        let update = over_arrays("UPDATE t SET a = ? WHERE b = ? AND c IS NULL", &TYPES);
        let sql = format!("UPDATE t SET a = v.p1 FROM {from} WHERE b = v.p2 AND c IS NULL");
        assert_eq!(update, Some(SetForm { sql, key: Some(1..2) }));
        let delete = over_arrays("DELETE FROM t WHERE a = ? AND b = ?", &TYPES);
        let sql = format!("DELETE FROM t USING {from} WHERE a = v.p1 AND b = v.p2");
        assert_eq!(delete, Some(SetForm { sql, key: Some(0..2) }));
    }

    #[test]
    fn what_is_not_plainly_the_same_stays() {
        for sql in [
            "INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT (a) DO UPDATE SET b = excluded.b",
            "INSERT INTO t (a, b) SELECT ?, ?",
            "INSERT INTO t (a, b) VALUES (?, '?')",
            "INSERT INTO t (a, b) VALUES (?, ?) RETURNING a",
            "UPDATE t SET a = ? WHERE b < ?",
            "UPDATE t SET a = ? WHERE b = ? OR c = 1",
            "UPDATE t SET a = (SELECT max(a) FROM t) + ? WHERE b = ?",
            "DELETE FROM t WHERE a + ? = ?",
            "SELECT ?, ?",
        ] {
            assert_eq!(rewritten(sql), None, "{sql}");
        }
        assert_eq!(over_arrays("DELETE FROM t WHERE a = ?", &[Type::INT4]), None);
    }

    #[test]
    fn repeated_keys_are_found() {
        let row = |a, b| [Value::Int(a), Value::Int(b)];
        let rows = [row(1, 7), row(2, 7), row(3, 8)].concat();
        assert!(has_repeated_key(&rows, 2, &(1..2)));
        assert!(!has_repeated_key(&rows, 2, &(0..2)));
    }
}
