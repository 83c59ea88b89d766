//! Names, passwords and networks of SIP domains: pure decisions.

use core::net::IpAddr;

use base::ApiError;

/// The code of a domain name that can't be taken.
pub const BAD_NAME: u32 = 21232;
/// The code of an address that can't be taken.
pub const BAD_ADDRESS: u32 = 21238;
/// The code of a user or password that can't be taken.
pub const BAD_CREDENTIAL: u32 = 21243;

/// Characters of a password at least.
const PASSWORD_MIN: usize = 12;

/// Reads the name of a domain: labels before `sip.twilio.com`, before that of one of Twilio's
/// regions, or before one of the installation's `hosts`. Names are compared in small letters.
pub fn domain_name<'a>(
    text: &str,
    hosts: impl Iterator<Item = &'a str>,
) -> Result<String, ApiError> {
    let name = text.trim_end_matches('.').to_ascii_lowercase();
    let label = |label: &str| {
        let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (1..=63).contains(&label.len()) && plain && !label.starts_with('-') && !label.ends_with('-')
    };
    let well_formed = name.len() <= 253 && name.split('.').all(label);
    let ours = |host: &str| {
        let host = host.trim_matches('.').to_ascii_lowercase();
        name.strip_suffix(&host).and_then(|rest| rest.strip_suffix('.')).is_some()
    };
    let regional = || {
        let rest = name.strip_suffix(".twilio.com").and_then(|rest| rest.rsplit_once('.'));
        rest.is_some_and(|(rest, _)| rest.strip_suffix(".sip").is_some_and(|it| !it.is_empty()))
    };
    let mut hosts = hosts;
    if well_formed && (ours("sip.twilio.com") || regional() || hosts.any(ours)) {
        return Ok(name);
    }
    let shown: String = text.chars().take(80).collect();
    let text = format!(
        "DomainName '{shown}' must be letters, digits and '-' before .sip.twilio.com, or before a \
         host that TRUNKLINE_SIP_DOMAINS names"
    );
    Err(ApiError::new(BAD_NAME, text))
}

/// Whether a password may be used: twelve characters, small and capital letters and a digit.
pub fn password(text: &str) -> Result<(), ApiError> {
    let has = |fits: fn(char) -> bool| text.chars().any(fits);
    let strong = has(char::is_lowercase) && has(char::is_uppercase) && has(|c| c.is_ascii_digit());
    if text.chars().count() >= PASSWORD_MIN && strong && !has(char::is_control) {
        return Ok(());
    }
    let text = "Password must have at least 12 characters, with small letters, capital letters and \
                a digit";
    Err(ApiError::new(BAD_CREDENTIAL, text))
}

/// Whether a user's name may be used: what digest and the user part of an address can carry.
pub fn username(text: &str) -> Result<(), ApiError> {
    let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '@' | ':' | ',' | ';');
    if !text.is_empty() && text.chars().all(fits) {
        return Ok(());
    }
    let text = "Username takes letters, digits and signs, without spaces, quotes, '@', ':', ',' \
                and ';'";
    Err(ApiError::new(BAD_CREDENTIAL, text))
}

/// A network of an access control list: an address, and how many bits of it count (all of them
/// where nothing is said).
pub fn network(address: &str, prefix: Option<i64>) -> Result<(IpAddr, u8), ApiError> {
    let refused = |why: &str| ApiError::new(BAD_ADDRESS, why.to_owned());
    let ip: IpAddr = address.parse().map_err(|_| {
        let shown: String = address.chars().take(60).collect();
        refused(&format!("IpAddress '{shown}' is no IP address"))
    })?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(most);
    match u8::try_from(prefix) {
        Ok(bits) if (1..=most).contains(&prefix) => Ok((ip, bits)),
        _ => Err(refused(&format!("CidrPrefixLength must be from 1 to {most}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_with_twilios_host_or_one_of_ours() {
        let read = |text| domain_name(text, ["sip.example.com"].into_iter());
        for (text, name) in [
            ("foo.sip.twilio.com", "foo.sip.twilio.com"),
            ("Foo-1.SIP.twilio.com.", "foo-1.sip.twilio.com"),
            ("foo.sip.us1.twilio.com", "foo.sip.us1.twilio.com"),
            ("a.b.sip.example.com", "a.b.sip.example.com"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(name), "{text}");
        }
        for bad in [
            "",
            "foo",
            "sip.twilio.com",
            ".sip.twilio.com",
            "foo.twilio.com",
            "foo.sip.example.org",
            "foosip.example.com",
            "-foo.sip.twilio.com",
            "foo_1.sip.twilio.com",
            "foo.sip.twilio.com:5060",
        ] {
            assert_eq!(read(bad).map_err(|error| error.code), Err(BAD_NAME), "{bad}");
        }
    }

    #[test]
    fn passwords_are_long_and_mixed() {
        assert_eq!(password("IWasAtSignal2018"), Ok(()));
        for bad in ["Short1", "alllowercase12", "ALLUPPERCASE12", "NoDigitsAtAllHere", ""] {
            assert_eq!(password(bad).map_err(|error| error.code), Err(BAD_CREDENTIAL), "{bad}");
        }
        assert!(username("alice-1+x").is_ok());
        assert!(username("alice@home").is_err() && username("").is_err());
    }

    #[test]
    fn networks_are_addresses_with_the_bits_that_count() {
        assert_eq!(network("192.0.2.7", None), Ok(([192, 0, 2, 7].into(), 32)));
        assert_eq!(network("192.0.2.0", Some(24)).map(|(_, bits)| bits), Ok(24));
        assert!(network("192.0.2.0", Some(0)).is_err() && network("192.0.2.0", Some(33)).is_err());
        assert!(network("host.example", None).is_err());
    }
}
