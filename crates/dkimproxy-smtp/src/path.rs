//! Reverse-path and forward-path (RFC 5321 section 4.1.2).

/// The text between "<" and ">", kept as it came: UTF-8 or not. Empty for the null reverse-path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Path(Vec<u8>);

impl Path {
    /// A path from the octets between the angle brackets.
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(octets.into())
    }

    /// The octets between the angle brackets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The null reverse-path `<>`.
    pub fn is_null(&self) -> bool {
        self.0.is_empty()
    }

    /// The path without its source route (`@a,@b:`). RFC 5321 section 4.1.1.3: receivers "MUST recognize source route
    /// syntax but SHOULD strip off the source route specification".
    pub fn mailbox(&self) -> &[u8] {
        match self.0.first() {
            // A route has "@" domains only: its end is the first ":" outside an address literal like [IPv6:::1].
            Some(b'@') => match find_unquoted(&self.0, b':', Which::First) {
                Some(colon) => self.0.get(colon + 1..).unwrap_or_default(),
                None => &self.0,
            },
            _ => &self.0,
        }
    }

    /// What stands before the last "@" outside quotes, source route removed, quotes kept; the whole mailbox where
    /// there is no "@" (`<postmaster>`).
    pub fn local_part(&self) -> &[u8] {
        self.split().0
    }

    /// What follows the last "@" outside quotes, if any.
    pub fn domain(&self) -> Option<&[u8]> {
        self.split().1.filter(|domain| !domain.is_empty())
    }

    fn split(&self) -> (&[u8], Option<&[u8]>) {
        let mailbox = self.mailbox();
        let at = find_unquoted(mailbox, b'@', Which::Last).and_then(|at| mailbox.split_at_checked(at));
        match at {
            Some((local_part, domain)) => (local_part, domain.get(1..)),
            None => (mailbox, None),
        }
    }
}

/// Which of several to take.
#[derive(Clone, Copy, PartialEq)]
enum Which {
    First,
    Last,
}

/// Where `wanted` stands outside quoted strings, address literals and quoted pairs.
fn find_unquoted(text: &[u8], wanted: u8, which: Which) -> Option<usize> {
    let (mut quoted, mut literal, mut escaped) = (false, false, false);
    let mut found = None;
    for (at, &octet) in text.iter().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' if !literal => quoted = !quoted,
            b'[' if !quoted => literal = true,
            b']' if !quoted => literal = false,
            _ if octet == wanted && !quoted && !literal => {
                found = Some(at);
                if which == Which::First {
                    break;
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        type Row = (&'static str, &'static str, Option<&'static str>);
        let rows: &[Row] = &[
            ("", "", None),
            ("postmaster", "postmaster", None),
            ("a@b.example", "a", Some("b.example")),
            ("a@b@c.example", "a@b", Some("c.example")),
            ("\"a@b\"@c.example", "\"a@b\"", Some("c.example")),
            ("\"a\\\"@b\"@c.example", "\"a\\\"@b\"", Some("c.example")),
            ("\"a@b.example", "\"a@b.example", None),
            ("\"a b\"@c.example", "\"a b\"", Some("c.example")),
            ("@one,@two:a@b.example", "a", Some("b.example")),
            ("@[IPv6:::1],@two:a@b.example", "a", Some("b.example")),
            ("@one:postmaster", "postmaster", None),
            ("@b.example", "", Some("b.example")),
            ("a@[IPv6:2001:db8::1]", "a", Some("[IPv6:2001:db8::1]")),
            ("a@", "a", None),
            ("jörg@bücher.example", "jörg", Some("bücher.example")),
        ];
        for &(path, local_part, domain) in rows {
            let path = Path::new(path);
            assert_eq!(path.local_part(), local_part.as_bytes(), "{path:?}");
            assert_eq!(path.domain(), domain.map(str::as_bytes), "{path:?}");
        }
    }

    #[test]
    fn null_path_is_not_postmaster() {
        assert!(Path::default().is_null());
        assert!(!Path::new("postmaster").is_null());
        assert_eq!(Path::new("@a:b@c").as_bytes(), b"@a:b@c");
    }
}
