//! Money: millionths of a currency unit, never a float.

use std::fmt;
use std::str::FromStr;

/// An ISO 4217 code.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// United States dollar.
    pub const USD: Self = Self(*b"USD");
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is no amount or no currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid amount or currency")]
pub struct InvalidMoney;

impl FromStr for Currency {
    type Err = InvalidMoney;

    fn from_str(text: &str) -> Result<Self, InvalidMoney> {
        let letters: [u8; 3] = text.as_bytes().try_into().map_err(|_| InvalidMoney)?;
        let upper = letters.map(|letter| letter.to_ascii_uppercase());
        if upper.iter().all(u8::is_ascii_uppercase) { Ok(Self(upper)) } else { Err(InvalidMoney) }
    }
}

/// An amount; charges are negative, as Twilio shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// Millionths of the currency's unit.
    pub micros: i64,
    /// Which currency.
    pub currency: Currency,
}

impl Money {
    /// Parses `0.0075` or `1` as an amount; at most six decimals, at most a million units.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, InvalidMoney> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (units, decimals) = digits.split_once('.').unwrap_or((digits, ""));
        let fine = |part: &str, max: usize| {
            part.len() <= max && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !fine(units, 7) || !fine(decimals, 6) || (units.is_empty() && decimals.is_empty()) {
            return Err(InvalidMoney);
        }
        let units: i64 =
            if units.is_empty() { 0 } else { units.parse().map_err(|_| InvalidMoney)? };
        let decimals: i64 = format!("{decimals:0<6}").parse().map_err(|_| InvalidMoney)?;
        Ok(Self { micros: sign * (units * 1_000_000 + decimals), currency })
    }
}

impl fmt::Display for Money {
    /// Five decimals, as Twilio writes prices: `-0.00790`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.micros < 0 { "-" } else { "" };
        let hundred_thousandths = self.micros.unsigned_abs().div_ceil(10);
        let (units, rest) = (hundred_thousandths / 100_000, hundred_thousandths % 100_000);
        write!(f, "{sign}{units}.{rest:05}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written_exactly() {
        let cases = [
            ("0.0079", 7_900, "0.00790"),
            ("-0.0079", -7_900, "-0.00790"),
            ("12", 12_000_000, "12.00000"),
            (".5", 500_000, "0.50000"),
        ];
        for (text, micros, shown) in cases {
            let money = Money::parse(text, Currency::USD).expect(text);
            assert_eq!((money.micros, money.to_string().as_str()), (micros, shown));
        }
        for bad in ["", ".", "1e3", "0.1234567", "99999999", "NaN", "--1", "1,5"] {
            assert_eq!(Money::parse(bad, Currency::USD), Err(InvalidMoney), "{bad}");
        }
    }
}
