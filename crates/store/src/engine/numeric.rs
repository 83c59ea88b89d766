//! Integers as PostgreSQL may answer them: `SELECT 1` is an INT4, `sum()` a NUMERIC, `EXISTS` a
//! BOOL, where SQLite has but one kind.

use tokio_postgres::types::{FromSql, Type};

/// An integer column of any of PostgreSQL's kinds.
pub(crate) struct Integer(pub(crate) i64);

/// A number that is not whole or does not fit 64 bits.
#[derive(Debug, thiserror::Error)]
#[error("not a whole number of 64 bits")]
struct NotWhole;

impl<'a> FromSql<'a> for Integer {
    fn from_sql(
        ty: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::INT8 => i64::from_sql(ty, raw)?,
            Type::INT4 => i32::from_sql(ty, raw)?.into(),
            Type::INT2 => i16::from_sql(ty, raw)?.into(),
            Type::BOOL => bool::from_sql(ty, raw)?.into(),
            _ => whole_numeric(raw).ok_or(NotWhole)?,
        }))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::INT4 | Type::INT2 | Type::BOOL | Type::NUMERIC)
    }
}

/// NUMERIC on the wire: the number of base-10,000 digits, the weight of the first, the sign and
/// the display scale (16 bits each, big-endian), then the digits (PostgreSQL `numeric_send`).
fn whole_numeric(raw: &[u8]) -> Option<i64> {
    let words: Vec<u16> =
        raw.chunks_exact(2).map(|word| u16::from_be_bytes([word[0], word[1]])).collect();
    let [count, weight, sign, _scale, digits @ ..] = words.as_slice() else { return None };
    let negative = match sign {
        0 => false,
        0x4000 => true,
        _ => return None,
    };
    let whole = usize::try_from(i32::from(weight.cast_signed()) + 1).unwrap_or(0);
    let digits = digits.get(..usize::from(*count))?;
    if digits.iter().skip(whole).any(|digit| *digit != 0) {
        return None;
    }
    // Counted below zero, whose range reaches one further than that above.
    let value = (0..whole).try_fold(0_i64, |value, index| {
        let digit = digits.get(index).copied().unwrap_or(0);
        value.checked_mul(10_000)?.checked_sub(digit.into())
    })?;
    if negative { Some(value) } else { value.checked_neg() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn whole_numbers_are_read() {
        assert_eq!(whole_numeric(&numeric(&[0, 0, 0, 0])), Some(0));
        assert_eq!(whole_numeric(&numeric(&[2, 1, 0, 0, 12, 3456])), Some(123_456));
        assert_eq!(whole_numeric(&numeric(&[1, 1, 0x4000, 0, 5])), Some(-50_000));
        let most = numeric(&[5, 4, 0, 0, 922, 3372, 368, 5477, 5807]);
        assert_eq!(whole_numeric(&most), Some(i64::MAX));
        let least = numeric(&[5, 4, 0x4000, 0, 922, 3372, 368, 5477, 5808]);
        assert_eq!(whole_numeric(&least), Some(i64::MIN));
    }

    #[test]
    fn fractions_and_what_does_not_fit_are_refused() {
        assert_eq!(whole_numeric(&numeric(&[1, 0xffff, 0, 1, 5000])), None);
        assert_eq!(whole_numeric(&numeric(&[5, 4, 0, 0, 922, 3372, 368, 5477, 5808])), None);
        assert_eq!(whole_numeric(&numeric(&[1, 0x7fff, 0, 0, 1])), None);
        assert_eq!(whole_numeric(&numeric(&[0, 0, 0xc000, 0])), None);
        assert_eq!(whole_numeric(&numeric(&[2, 1, 0, 0, 12])), None);
        assert_eq!(whole_numeric(&[0, 1]), None);
    }
}
