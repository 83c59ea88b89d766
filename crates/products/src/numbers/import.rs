//! An inventory as a file: a number a line, `number,country,kind,region,locality,capabilities`.

use base::E164;

use crate::numbers::{InventoryNumber, NumberKind};

/// Lines of a file at most.
const LINES_MAX: usize = 1_000_000;

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {text}")]
pub struct BadInventory {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub text: String,
}

/// Parses a file. Only the number must be there: the country is found from it, the kind is
/// `local` unless it says `mobile`, `tollfree`, `national`, `sharedcost`, `voip` or
/// `machinetomachine`, and capabilities are `sms mms voice` unless it
/// names fewer. Empty lines, `#` comments and a heading that begins with `number` are passed over.
pub fn parse(text: &str) -> Result<Vec<InventoryNumber>, BadInventory> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let heading = index == 0 && line.starts_with("number");
        if line.is_empty() || line.starts_with('#') || heading {
            continue;
        }
        let bad = |text: String| BadInventory { line: index + 1, text };
        if found.len() == LINES_MAX {
            return Err(bad(format!("more than {LINES_MAX} numbers; split the file")));
        }
        found.push(number(line).map_err(bad)?);
    }
    Ok(found)
}

fn number(line: &str) -> Result<InventoryNumber, String> {
    let mut fields = line.split(',').map(str::trim);
    let mut next = || fields.next().unwrap_or_default();
    let e164 = next();
    let parsed =
        E164::parse(e164).map_err(|_| format!("'{e164}' is no number like +15551230001"))?;
    let country = match next() {
        "" => parsed.country().ok_or_else(|| format!("give the country of {e164}"))?,
        code if code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphabetic()) => {
            code.to_ascii_uppercase()
        }
        other => return Err(format!("'{other}' is no country code of two letters")),
    };
    let kind = match next() {
        "" => NumberKind::Local,
        named => NumberKind::from_name(named).ok_or_else(|| {
            let known = NumberKind::ALL.map(|(_, _, name, _)| name).join(", ");
            format!("'{named}' must be one of {known}")
        })?,
    };
    let (region, locality) = (next().to_owned(), next().to_owned());
    let capabilities = match next() {
        "" => "sms mms voice",
        named => named,
    };
    if let Some(other) =
        capabilities.split_whitespace().find(|name| !matches!(*name, "sms" | "mms" | "voice"))
    {
        return Err(format!("'{other}' must be sms, mms or voice"));
    }
    if let Some(more) = fields.next() {
        return Err(format!("there is a seventh field, '{more}'"));
    }
    let can = |name| capabilities.split_whitespace().any(|named| named == name);
    Ok(InventoryNumber {
        e164: parsed.as_str().to_owned(),
        country,
        kind,
        region,
        locality,
        sms: can("sms"),
        mms: can("mms"),
        voice: can("voice"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_with_defaults() {
        let text = "number,country\n# ours\n+14155550100\n\n+447700900100,gb,mobile,,,sms voice\n";
        let found = parse(text).expect("a good file");
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].country.as_str(), found[0].kind), ("US", NumberKind::Local));
        assert!(found[0].mms && !found[1].mms && found[1].voice);
        assert_eq!((found[1].country.as_str(), found[1].kind), ("GB", NumberKind::Mobile));
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, line) in [
            ("nonsense", 1),
            ("+14155550100\n+14155550101,USA", 2),
            ("+14155550100,US,landline", 1),
            ("+14155550100,US,local,CA,Here,fax", 1),
            ("+14155550100,US,local,CA,Here,sms,more", 1),
        ] {
            assert_eq!(parse(text).expect_err(text).line, line, "{text}");
        }
    }
}
