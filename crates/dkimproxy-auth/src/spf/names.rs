//! Names and networks, as SPF compares them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// "The longest domain name": a domain-spec that expands to more loses labels on the left (section 7.3).
pub(super) const LONGEST_NAME: usize = 253;

/// "If the `<domain>` is malformed [...] or is not a multi-label domain name, [...] check_host() immediately returns
/// the result none" (section 4.3). U-labels become A-labels.
pub(super) fn domain_to_check(domain: &str) -> Option<String> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    // Not a length check, but a bound on the work: an A-label is at most as long as its label in UTF-8, times four.
    if domain.len() > 4 * LONGEST_NAME {
        return None;
    }
    let ascii = idna::domain_to_ascii_cow(domain.as_bytes(), idna::AsciiDenyList::EMPTY).ok()?;
    let labels_fit = ascii.split('.').all(|label| (1..=63).contains(&label.len()));
    let literal = ascii.starts_with('[') || ascii.parse::<IpAddr>().is_ok();
    let usable = ascii.len() <= LONGEST_NAME && labels_fit && ascii.contains('.') && !literal && ascii.is_ascii();
    usable.then(|| ascii.into_owned())
}

/// "When the result of macro expansion is used in a domain name query, if the expanded domain name exceeds 253
/// characters [...], the left side is truncated to fit, by removing successive domain labels" (section 7.3).
pub(super) fn shortened(name: &str) -> String {
    let mut name = name.strip_suffix('.').unwrap_or(name);
    while name.len() > LONGEST_NAME {
        match name.split_once('.') {
            Some((_, rest)) => name = rest,
            None => break,
        }
    }
    name.to_owned()
}

pub(super) fn same_name(a: &str, b: &str) -> bool {
    a.trim_end_matches('.').eq_ignore_ascii_case(b.trim_end_matches('.'))
}

/// True if `name` is `parent` or lies below it.
pub(super) fn is_within(name: &str, parent: &str) -> bool {
    let (name, parent) = (name.trim_end_matches('.'), parent.trim_end_matches('.'));
    let border = name.len().checked_sub(parent.len() + 1);
    let below = border.is_some_and(|at| {
        name.as_bytes().get(at) == Some(&b'.') && name.get(at + 1..).is_some_and(|end| end.eq_ignore_ascii_case(parent))
    });
    below || name.eq_ignore_ascii_case(parent)
}

/// True if `ip` is of the same kind as `network` and agrees with its first `prefix` bits.
pub(super) fn in_network(ip: IpAddr, network: IpAddr, prefix: u8) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => masked4(ip, prefix) == masked4(network, prefix),
        (IpAddr::V6(ip), IpAddr::V6(network)) => masked6(ip, prefix) == masked6(network, prefix),
        _ => false,
    }
}

fn masked4(ip: Ipv4Addr, prefix: u8) -> u32 {
    ip.to_bits() & u32::MAX.checked_shl(32_u32.saturating_sub(prefix.into())).unwrap_or(0)
}

fn masked6(ip: Ipv6Addr, prefix: u8) -> u128 {
    ip.to_bits() & u128::MAX.checked_shl(128_u32.saturating_sub(prefix.into())).unwrap_or(0)
}

/// %{i}: dotted quad, or the 32 nibbles of IPv6 with dots (section 7.3).
pub(super) fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let mut text = String::with_capacity(64);
            for digit in format!("{:032x}", ip.to_bits()).chars() {
                text.extend([digit, '.']);
            }
            text.pop();
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sp7_domains_to_check() {
        for (written, expected) in [
            ("example.org", Some("example.org")),
            ("Example.ORG.", Some("example.org")),
            ("b\u{fc}cher.example", Some("xn--bcher-kva.example")),
            ("_spf.example", Some("_spf.example")),
            ("localhost", None),
            ("", None),
            ("a..b", None),
            ("[192.0.2.1]", None),
            ("192.0.2.1", None),
        ] {
            assert_eq!(domain_to_check(written).as_deref(), expected, "{written}");
        }
        assert_eq!(domain_to_check(&format!("{}.example", "a".repeat(64))), None);
        assert_eq!(domain_to_check(&"a.".repeat(1_000_000)), None);
    }

    #[test]
    fn sp28_labels_are_dropped_on_the_left() {
        let long = format!("{}example.org", "abcdefghi.".repeat(30));
        let short = shortened(&long);
        assert!(short.len() <= LONGEST_NAME && short.len() > LONGEST_NAME - 10 && long.ends_with(&short), "{short}");
        assert!(short.starts_with("abcdefghi."));
    }

    #[test]
    fn sp18_networks() {
        for (ip, network, prefix, expected) in [
            ("192.0.2.1", "192.0.2.129", 25, false),
            ("192.0.2.1", "192.0.2.129", 24, true),
            ("192.0.2.1", "10.0.0.0", 0, true),
            ("192.0.2.1", "192.0.2.1", 32, true),
            ("192.0.2.1", "::", 0, false),
            ("2001:db8::1", "2001:db8::", 64, true),
            ("2001:db8::1", "2001:db8::", 128, false),
            ("2001:db8::1", "::", 0, true),
        ] {
            let found = in_network(ip.parse().unwrap(), network.parse().unwrap(), prefix);
            assert_eq!(found, expected, "{ip} {network}/{prefix}");
        }
    }

    #[test]
    fn below_a_name() {
        for (name, parent, expected) in [
            ("a.example.org", "example.org", true),
            ("EXAMPLE.org.", "example.ORG", true),
            ("badexample.org", "example.org", false),
            ("org", "example.org", false),
            ("\u{fc}.example.org", "xample.org", false),
        ] {
            assert_eq!(is_within(name, parent), expected, "{name} {parent}");
        }
    }
}
