//! Address ranges: who may connect, and whom we believe about the original client.

use std::{fmt, net::IpAddr, str::FromStr};
use thiserror::Error;

/// Why a text is no address range.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NetworkError {
    /// Neither an IPv4 nor an IPv6 address before the slash.
    #[error("\"{0}\" is no IPv4 or IPv6 address")]
    Address(String),
    /// The prefix length is no number, or longer than the address.
    #[error("\"{0}\" is no prefix length; 0 to {1} is right")]
    Prefix(String, u8),
}

/// One address range in CIDR notation (RFC 4632 section 3.1): `127.0.0.0/8`, `::1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

impl Network {
    /// True if the range holds `addr`. An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) counts as the IPv4 address.
    pub fn contains(&self, addr: IpAddr) -> bool {
        match (self.base, addr.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(addr)) => common_bits(base.to_bits(), addr.to_bits(), self.prefix, 32),
            (IpAddr::V6(base), IpAddr::V6(addr)) => common_bits(base.to_bits(), addr.to_bits(), self.prefix, 128),
            _ => false,
        }
    }
}

/// True if the first `prefix` of `width` bits agree.
fn common_bits<T: Into<u128>>(a: T, b: T, prefix: u8, width: u8) -> bool {
    let differing = a.into() ^ b.into();
    differing.checked_shr(u32::from(width.saturating_sub(prefix))).unwrap_or(0) == 0
}

impl FromStr for Network {
    type Err = NetworkError;

    /// `ADDRESS` or `ADDRESS/PREFIX`; IPv6 also in brackets. Host bits after the prefix are allowed and count for nothing.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
        let base: IpAddr = bare.parse().map_err(|_| NetworkError::Address(address.to_owned()))?;
        let longest = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|&prefix| prefix <= longest)
                .ok_or_else(|| NetworkError::Prefix(digits.to_owned(), longest))?,
        };
        Ok(Self { base, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

/// A list of address ranges.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// The loopback ranges, `127.0.0.0/8` and `::1`.
    pub fn loopback() -> Self {
        Self(vec![
            Network { base: IpAddr::from([127, 0, 0, 0]), prefix: 8 },
            Network { base: std::net::Ipv6Addr::LOCALHOST.into(), prefix: 128 },
        ])
    }

    /// True if one of the ranges holds `addr`.
    pub fn contains(&self, addr: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(addr))
    }

    /// True if there is no range at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Network> for Networks {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

impl Extend<Network> for Networks {
    fn extend<I: IntoIterator<Item = Network>>(&mut self, networks: I) {
        self.0.extend(networks);
    }
}

impl FromStr for Networks {
    type Err = NetworkError;

    /// Ranges with blanks or commas between them.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        text.split([' ', '\t', ',']).filter(|word| !word.is_empty()).map(str::parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_they_say() {
        for (network, address, expected) in [
            ("127.0.0.0/8", "127.255.0.1", true),
            ("127.0.0.0/8", "128.0.0.1", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("192.0.2.7/24", "192.0.2.200", true),
            ("0.0.0.0/0", "203.0.113.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("[2001:db8::]/32", "2001:db8:ffff::1", true),
            ("2001:db8::/33", "2001:db8:ffff::1", false),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("::/0", "::ffff:127.0.0.1", false),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), expected, "{network} {address}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!("localhost".parse::<Network>(), Err(NetworkError::Address("localhost".into())));
        assert_eq!("127.0.0.1/33".parse::<Network>(), Err(NetworkError::Prefix("33".into(), 32)));
        assert_eq!("::1/-1".parse::<Network>(), Err(NetworkError::Prefix("-1".into(), 128)));
        assert_eq!("127.0.0.0/8, ::1".parse::<Networks>(), Ok(Networks::loopback()));
    }
}
