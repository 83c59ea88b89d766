//! The guard: which addresses a tenant's URL may reach. It is asked about resolved addresses at
//! connect time, so a name that resolves to something else later can't cross it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an address range; write 10.0.0.0/8 or ::1/128")]
pub struct InvalidRange(String);

/// Refuses private, loopback, link-local, shared, multicast and reserved addresses, except for
/// the ranges that the operator allows.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    allowed: Vec<(IpAddr, u32)>,
}

impl FromStr for Guard {
    type Err = InvalidRange;

    /// Ranges separated by commas: `127.0.0.0/8,10.1.0.0/16,::1/128`.
    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let ranges = text.split(',').map(str::trim).filter(|range| !range.is_empty());
        Ok(Self { allowed: ranges.map(parse_range).collect::<Result<_, _>>()? })
    }
}

fn parse_range(text: &str) -> Result<(IpAddr, u32), InvalidRange> {
    let invalid = || InvalidRange(text.to_owned());
    let (address, bits) = text.split_once('/').unwrap_or((text, ""));
    let address: IpAddr = address.parse().map_err(|_| invalid())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = if bits.is_empty() { most } else { bits.parse().map_err(|_| invalid())? };
    if bits > most { Err(invalid()) } else { Ok((address, bits)) }
}

impl Guard {
    /// Whether a request may be sent to `address`.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = canonical(address);
        self.allowed.iter().any(|range| contains(*range, address)) || is_public(address)
    }
}

fn contains((network, bits): (IpAddr, u32), address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

/// An IPv4 address in IPv6 clothes (mapped, compatible, 6to4, NAT64) is that IPv4 address.
fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return IpAddr::V4(v4);
    }
    let s = v6.segments();
    let v4 = |high: u16, low: u16| {
        IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
    };
    match s {
        [0x2002, high, low, ..] => v4(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => v4(high, low),
        _ => address,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// RFC 6890 §2.2.2.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || a == 10
        || a == 127
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 168)
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113)
        || a >= 224)
}

/// RFC 6890 §2.2.3: only global unicast (2000::/3), less documentation and Teredo.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    (0x2000..0x4000).contains(&a) && !(a == 0x2001 && (b == 0 || b == 0xdb8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_refused_in_every_dress() {
        let guard = Guard::default();
        let refused = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "::127.0.0.1",
        ];
        for address in refused {
            assert!(!guard.permits(address.parse().expect(address)), "{address}");
        }
        for address in ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "100.128.0.1"] {
            assert!(guard.permits(address.parse().expect(address)), "{address}");
        }
    }

    #[test]
    fn the_operator_may_allow_ranges() {
        let guard: Guard = "127.0.0.0/8, ::1/128".parse().expect("two ranges");
        for (address, permitted) in [
            ("127.9.9.9", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.1", false),
            ("::2", false),
        ] {
            assert_eq!(guard.permits(address.parse().expect(address)), permitted, "{address}");
        }
        assert!("all".parse::<Guard>().is_err() && "10.0.0.0/33".parse::<Guard>().is_err());
    }
}
