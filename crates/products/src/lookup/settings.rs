//! What lookup can be told, and the files that the settings name.

use std::collections::BTreeMap;

use base::{Currency, Money};

use crate::lookup::model::Package;
use crate::lookup::ranges::{self, Ranges};
use crate::lookup::rules::Bucket;
use crate::lookup::sources::{self, Source};
use crate::registry::{Setting, Values};

/// Octets of a file at most.
const FILE_MAX: u64 = 256 << 20;

/// The name of buckets that the configuration makes.
pub const OURS: &str = "installation";

/// The settings.
pub static SETTINGS: [Setting; 5] = [
    Setting::new(
        "lookup_sources",
        "JSON file of HTTP data sources that look-ups ask (docs/lookup.md)",
    ),
    Setting::new("lookup_ranges", "CSV file of number ranges: prefix,type,carrier,mcc,mnc"),
    Setting::new("lookup_prices", "What a look-up of a package costs in USD: package=price")
        .or("line_type_intelligence=0.008,caller_name=0.01,line_status=0.007,identity_match=0.1")
        .many(),
    Setting::new(
        "lookup_limits",
        "Look-ups of a package that an account may make: package=count/seconds",
    )
    .many(),
    Setting::new(
        "lookup_learn_rate",
        "Events of the ledger a second from which look-ups learn; 0 learns nothing",
    )
    .or("4000"),
];

/// What look-ups cost, in millionths of the currency.
#[derive(Debug, Default)]
pub struct Prices(BTreeMap<Package, i64>);

impl Prices {
    /// As the settings say.
    pub fn of(values: &Values) -> Result<Self, String> {
        // A default comes in one piece.
        let said = values.all("lookup_prices").flat_map(|text| text.split(','));
        let price = |said: &str| {
            let refused = || format!("TRUNKLINE_LOOKUP_PRICES: '{said}' is no package=price");
            let (package, price) = said.split_once('=').ok_or_else(refused)?;
            let package = Package::from_name(package.trim()).ok_or_else(refused)?;
            let price = Money::parse(price.trim(), Currency::USD).map_err(|_| refused())?;
            if price.micros < 0 { Err(refused()) } else { Ok((package, price.micros)) }
        };
        said.map(price).collect::<Result<_, _>>().map(Self)
    }

    /// The price of a package.
    pub fn price(&self, package: Package) -> i64 {
        self.0.get(&package).copied().unwrap_or_default()
    }
}

/// The installation's own buckets.
pub fn buckets(values: &Values) -> Result<Vec<(Package, Bucket)>, String> {
    let bucket = |said: &str| {
        let refused = || format!("TRUNKLINE_LOOKUP_LIMITS: '{said}' is no package=count/seconds");
        let (package, rest) = said.split_once('=').ok_or_else(refused)?;
        let (limit, ttl) = rest.split_once('/').ok_or_else(refused)?;
        let package = Package::from_name(package.trim()).ok_or_else(refused)?;
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| refused());
        let (limit, ttl_s) = (number(limit)?, number(ttl)?);
        Ok((package, Bucket { name: OURS.to_owned(), limit, ttl_s }))
    };
    values.all("lookup_limits").map(bucket).collect()
}

/// How many events a second are followed.
pub fn learn_rate(values: &Values) -> Result<u32, String> {
    Ok(values.parsed("lookup_learn_rate")?.unwrap_or_default())
}

/// The ranges of the file that the settings name.
pub fn ranges(values: &Values) -> Result<Ranges, String> {
    let Some(path) = values.get("lookup_ranges") else { return Ok(Ranges::default()) };
    let ranges = ranges::parse(&read(path)?).map_err(|why| format!("{path}: {why}"))?;
    tracing::info!(ranges = ranges.len(), "number ranges were read");
    Ok(ranges)
}

/// The sources of the file that the settings name.
pub fn sources(values: &Values) -> Result<Vec<Source>, String> {
    let Some(path) = values.get("lookup_sources") else { return Ok(Vec::new()) };
    sources::parse(&read(path)?).map_err(|why| format!("{path}: {why}"))
}

fn read(path: &str) -> Result<String, String> {
    let refused = |error: std::io::Error| format!("{path}: {error}");
    let length = std::fs::metadata(path).map_err(refused)?.len();
    if length > FILE_MAX {
        return Err(format!("{path}: larger than {FILE_MAX} octets"));
    }
    std::fs::read_to_string(path).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(key: &'static str, values: &[&str]) -> Values {
        Values([(key, values.iter().map(|text| (*text).to_owned()).collect())].into())
    }

    #[test]
    fn prices_and_limits_are_read_or_refused() {
        let default = SETTINGS[2].default.expect("prices");
        let prices = Prices::of(&said("lookup_prices", &[default])).expect("good prices");
        assert_eq!(prices.price(Package::LineTypeIntelligence), 8_000);
        assert_eq!(prices.price(Package::SimSwap), 0);
        for bad in ["sim_swap", "radio=1", "sim_swap=-1", "sim_swap=x"] {
            assert!(Prices::of(&said("lookup_prices", &[bad])).is_err(), "{bad}");
        }
        let [(package, bucket)] =
            &*buckets(&said("lookup_limits", &["sim_swap=5/60"])).expect("good")
        else {
            panic!("one bucket")
        };
        assert_eq!((*package, bucket.limit, bucket.ttl_s), (Package::SimSwap, 5, 60));
        assert!(buckets(&said("lookup_limits", &["sim_swap=5"])).is_err());
        let missing = ranges(&said("lookup_ranges", &["no/such/file"]));
        assert!(missing.expect_err("no file").starts_with("no/such/file: "));
    }
}
