//! Where an account's calls may go: by country, and premium numbers apart
//! (`voice.twilio.com/v1/DialingPermissions`). What an account has not said of a country is as its
//! parent has it, and else as for texts.

use std::collections::BTreeMap;

use ::store::{Query, StoreError};
use base::{AccountSid, E164};

use crate::accounts::geo::{self, Home, Said};
use crate::voice::store::dialing as sql;

/// ISO code, name and continent of countries, one a line.
const COUNTRIES: &str = include_str!("../../data/countries.tsv");

/// Ranges that no country answers for, and fraud likes: satellites, international networks and
/// shared-cost services. Calls there are always refused.
const NOWHERE: &[&str] = &["+870", "+878", "+881", "+882", "+883", "+888", "+979"];

/// Premium services, by the national numbering plans.
const SPECIAL: &[(&str, &[&str])] = &[
    ("AT", &["+43900", "+43901", "+43930", "+43931"]),
    ("AU", &["+61190"]),
    ("BE", &["+32900", "+32901", "+32902", "+32903", "+32904", "+32905", "+32906", "+32907"]),
    ("CH", &["+41900", "+41901", "+41906"]),
    ("DE", &["+49900"]),
    ("ES", &["+34803", "+34806", "+34807"]),
    ("FI", &["+358600", "+358700"]),
    ("FR", &["+3389"]),
    ("GB", &["+449"]),
    ("IT", &["+39892", "+39894", "+39895", "+39899"]),
    ("NL", &["+31900", "+31906", "+31909"]),
    ("NO", &["+47820", "+47829"]),
    ("SE", &["+46900", "+46939", "+46944"]),
    ("US", &["+1900", "+1976"]),
];

/// What may be called in a country.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permission {
    /// Numbers of everyday.
    pub low_risk: bool,
    /// Premium services.
    pub special: bool,
    /// Ranges known for toll fraud.
    pub toll_fraud: bool,
}

/// A country as it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country {
    /// ISO 3166.
    pub iso: &'static str,
    /// Its name.
    pub name: &'static str,
    /// `EUROPE`, `NORTH_AMERICA`, ….
    pub continent: &'static str,
    /// The code before its numbers.
    pub code: u16,
}

/// Every country that can be called, by its ISO code.
pub fn countries() -> Vec<Country> {
    let codes: BTreeMap<&str, u16> = base::countries().into_iter().collect();
    let rows = COUNTRIES.lines().filter_map(|line| {
        let (iso, rest) = line.split_once('\t')?;
        let (name, continent) = rest.split_once('\t')?;
        codes.get(iso).map(|code| Country { iso, name, continent, code: *code })
    });
    rows.collect()
}

/// The prefixes of a country's premium services.
pub fn special_prefixes(iso: &str) -> &'static [&'static str] {
    SPECIAL.iter().find(|(country, _)| *country == iso).map_or(&[], |(_, prefixes)| prefixes)
}

/// Whether a number belongs to no country that could be permitted.
pub fn is_nowhere(to: &str) -> bool {
    NOWHERE.iter().any(|prefix| to.starts_with(prefix))
}

/// The country of whose premium services a number is.
fn special_of(to: &str) -> Option<&'static str> {
    let among = |prefixes: &[&str]| prefixes.iter().any(|prefix| to.starts_with(prefix));
    SPECIAL.iter().find(|(_, prefixes)| among(prefixes)).map(|(country, _)| *country)
}

/// What an account, or else its parent, said of countries.
#[derive(Clone, Debug, Default)]
pub struct Permissions(BTreeMap<String, Permission>);

impl Permissions {
    /// Reads it.
    pub fn read(query: &mut impl Query, account: AccountSid) -> Result<Self, StoreError> {
        Ok(Self(sql::said(query, account)?.into_iter().collect()))
    }

    /// What is permitted in a country.
    pub fn of(&self, iso: &str, texts: &Said, home: &Home) -> Permission {
        let unsaid =
            || Permission { low_risk: texts.permits_country(home, iso), ..Permission::default() };
        self.0.get(iso).copied().unwrap_or_else(unsaid)
    }

    fn said(&self, to: &str) -> Option<Permission> {
        let country = E164::parse(to).ok().and_then(|number| number.country())?;
        self.0.get(&country).copied()
    }

    fn permits_special(&self, to: &str) -> bool {
        let country = special_of(to);
        country.is_none_or(|country| self.0.get(country).is_some_and(|it| it.special))
    }
}

/// Whether a number may be called: by its country, and as a premium one.
pub fn permits(
    query: &mut impl Query,
    account: AccountSid,
    home: &Home,
    to: &str,
) -> Result<(bool, bool), StoreError> {
    let permissions = Permissions::read(query, account)?;
    let special = !is_nowhere(to) && permissions.permits_special(to);
    let refused = match permissions.said(to) {
        Some(said) => !said.low_risk && !geo::vouched(query, account, to)?,
        None => {
            let texts = Said::read(query, account)?;
            geo::refuses(query, account, home, &texts, to)?
        }
    };
    Ok((!refused, special))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_have_names_and_codes() {
        let countries = countries();
        assert!(countries.len() > 220, "{}", countries.len());
        let britain = countries.iter().find(|country| country.iso == "GB").expect("Britain");
        assert_eq!(
            (britain.name, britain.continent, britain.code),
            ("United Kingdom", "EUROPE", 44)
        );
        for (iso, prefixes) in SPECIAL {
            let country = countries.iter().find(|country| country.iso == *iso).expect("a country");
            let code = format!("+{}", country.code);
            assert!(prefixes.iter().all(|prefix| prefix.starts_with(&code)), "{iso}");
        }
    }

    #[test]
    fn premium_services_wait_for_a_word_and_nowhere_stays_refused() {
        let mut permissions = Permissions::default();
        assert!(permissions.permits_special("+442079460999"));
        assert!(!permissions.permits_special("+449098790000"));
        let special = Permission { low_risk: true, special: true, toll_fraud: false };
        permissions.0.insert("GB".to_owned(), special);
        assert!(permissions.permits_special("+449098790000"));
        assert!(!permissions.permits_special("+19005550000"));
        assert!(is_nowhere("+870773000000") && !is_nowhere("+442079460999"));
        let (home, texts) = (Home::of(["US".to_owned()]), Said::default());
        assert_eq!(permissions.of("GB", &texts, &home), special);
        assert!(!permissions.of("FR", &texts, &home).low_risk);
        assert!(permissions.of("US", &texts, &home).low_risk);
    }
}
