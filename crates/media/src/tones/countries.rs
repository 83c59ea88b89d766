//! Frequencies in hertz and cadences in milliseconds, by country.

use crate::tones::Part;

/// What a country's exchange plays.
pub(crate) struct Country {
    name: &'static str,
    pub ringback: &'static [Part],
    pub busy: &'static [Part],
}

/// The countries known, by their two letters; `us-old` is the older American ringing.
pub const COUNTRIES: &[&str] = &[
    "at", "au", "bg", "br", "be", "ch", "cl", "cn", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr",
    "hu", "il", "in", "it", "lt", "jp", "mx", "my", "nl", "no", "nz", "ph", "pl", "pt", "ru", "se",
    "sg", "th", "uk", "us", "us-old", "tw", "ve", "za",
];

pub(crate) fn of(name: &str) -> Option<&'static Country> {
    TABLE.iter().find(|country| country.name == name)
}

/// A cadence: on, off, on, off, in milliseconds; what is on sounds at the frequencies.
macro_rules! cadence {
    ($hertz:tt $($on:literal $off:literal)+) => {
        &[$(
            Part { hertz: &$hertz, ms: $on },
            Part { hertz: &[], ms: $off },
        )+]
    };
}

macro_rules! countries {
    ($($name:literal ring $ring:tt $($rings:literal)+, busy $busy:tt $($busies:literal)+;)+) => {
        &[$(Country {
            name: $name,
            ringback: cadence!($ring $($rings)+),
            busy: cadence!($busy $($busies)+),
        }),+]
    };
}

const TABLE: &[Country] = countries! {
    "at" ring [420.0] 1000 5000, busy [420.0] 400 400;
    "au" ring [413.0, 438.0] 400 200 400 2000, busy [425.0] 375 375;
    "bg" ring [425.0] 1000 4000, busy [425.0] 500 500;
    "br" ring [425.0] 1000 4000, busy [425.0] 250 250;
    "be" ring [425.0] 1000 3000, busy [425.0] 500 500;
    "ch" ring [425.0] 1000 4000, busy [425.0] 500 500;
    "cl" ring [400.0] 1000 3000, busy [400.0] 500 500;
    "cn" ring [450.0] 1000 4000, busy [450.0] 350 350;
    "cz" ring [425.0] 1000 4000, busy [425.0] 330 330;
    "de" ring [425.0] 1000 4000, busy [425.0] 480 480;
    "dk" ring [425.0] 1000 4000, busy [425.0] 500 500;
    "ee" ring [425.0] 1000 4000, busy [425.0] 300 300;
    "es" ring [425.0] 1500 3000, busy [425.0] 200 200;
    "fi" ring [425.0] 1000 4000, busy [425.0] 300 300;
    "fr" ring [440.0] 1500 3500, busy [440.0] 500 500;
    "gr" ring [425.0] 1000 4000, busy [425.0] 300 300;
    "hu" ring [425.0] 1250 3750, busy [425.0] 300 300;
    "il" ring [400.0] 1000 3000, busy [400.0] 500 500;
    "in" ring [400.0, 425.0] 400 200 400 2000, busy [400.0] 750 750;
    "it" ring [425.0] 1000 4000, busy [425.0] 500 500;
    "lt" ring [425.0] 1000 4000, busy [425.0] 350 350;
    "jp" ring [400.0, 384.0] 1000 2000, busy [400.0] 500 500;
    "mx" ring [425.0] 1000 4000, busy [425.0] 250 250;
    "my" ring [425.0] 400 200 400 2000, busy [425.0] 500 500;
    "nl" ring [425.0] 1000 4000, busy [425.0] 500 500;
    "no" ring [425.0] 1000 4000, busy [425.0] 500 500;
    "nz" ring [400.0, 450.0] 400 200 400 2000, busy [400.0] 500 500;
    "ph" ring [425.0, 480.0] 1000 4000, busy [480.0, 620.0] 500 500;
    "pl" ring [425.0] 1000 4000, busy [425.0] 500 500;
    "pt" ring [425.0] 1000 5000, busy [425.0] 500 500;
    "ru" ring [425.0] 800 3200, busy [425.0] 350 350;
    "se" ring [425.0] 1000 5000, busy [425.0] 250 250;
    "sg" ring [401.0, 425.0] 400 200 400 2000, busy [425.0] 750 750;
    "th" ring [400.0] 1000 4000, busy [400.0] 500 500;
    "uk" ring [400.0, 450.0] 400 200 400 2000, busy [400.0] 375 375;
    "us" ring [440.0, 480.0] 2000 4000, busy [480.0, 620.0] 500 500;
    "us-old" ring [420.0, 460.0] 2000 4000, busy [480.0, 620.0] 500 500;
    "tw" ring [440.0, 480.0] 1000 2000, busy [480.0, 620.0] 500 500;
    "ve" ring [425.0] 1000 4000, busy [425.0] 500 500;
    "za" ring [400.0, 433.0] 400 200 400 2000, busy [400.0] 500 500;
};
