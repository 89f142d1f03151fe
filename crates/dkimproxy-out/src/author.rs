//! Whose message is it? The address that decides which keys sign.
//!
//! It is taken from the header, never from the envelope. 1.4.1 took Sender where there was one, else From; here it is
//! From first, since From is what receivers compare d= with (DMARC), and Sender where no rule knows From's address.

use crate::keyring::domain_key;
use dkimproxy_core::{
    address,
    domain::DomainName,
    header::{Field, Header},
};

/// A field that names an author.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorField {
    /// From (RFC 5322 section 3.6.2).
    From,
    /// Sender (likewise).
    Sender,
}

impl AuthorField {
    /// The field name as written in messages.
    pub fn field_name(self) -> &'static str {
        match self {
            Self::From => "From",
            Self::Sender => "Sender",
        }
    }

    /// The name in log lines.
    pub fn log_name(self) -> &'static str {
        match self {
            Self::From => "from",
            Self::Sender => "sender",
        }
    }
}

/// An address that a field names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Where it stands.
    pub field: AuthorField,
    /// `local-part@domain` as written, without comments and blanks.
    pub address: String,
    /// The same as keys of a map are written: lower-case, the domain in A-labels.
    pub key: String,
    /// What follows "@", where it is a domain name that d= could hold.
    pub domain: Option<DomainName>,
}

/// The addresses that the fields of `order` name, in that order; at most one of each field.
///
/// Of several fields with one name the last counts, as in 1.4.1; of several addresses in a field the first.
pub fn authors(header: &Header, order: &[AuthorField]) -> Vec<Author> {
    order.iter().filter_map(|&field| author(field, header.named(field.field_name()).next_back()?)).collect()
}

fn author(field: AuthorField, written: Field<'_>) -> Option<Author> {
    let mailbox = address::read(written.body()).mailboxes.into_iter().next()?;
    let domain = mailbox.domain();
    let key_domain = domain_key(domain).unwrap_or_else(|| domain.to_lowercase());
    let key = format!("{}@{key_domain}", mailbox.local_part().to_lowercase());
    Some(Author { field, address: mailbox.to_string(), key, domain: mailbox.domain_name() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[AuthorField] = &[AuthorField::From, AuthorField::Sender];

    fn addresses(header: &str, order: &[AuthorField]) -> Vec<String> {
        authors(&Header::parse(header.into()), order).into_iter().map(|author| author.address).collect()
    }

    #[test]
    fn every_form_of_an_address() {
        for (body, expected) in [
            ("a@example.org", Some("a@example.org")),
            ("<a@example.org>", Some("a@example.org")),
            ("Alice Example <Alice@Example.org>", Some("Alice@Example.org")),
            ("\"x@evil.example\" <a@example.org>", Some("a@example.org")),
            ("x@evil.example <a@example.org>", Some("a@example.org")),
            ("=?utf-8?q?x=40evil.example?= <a@example.org>", Some("a@example.org")),
            ("a@example.org (x@evil.example)", Some("a@example.org")),
            ("(x@evil.example) a@example.org", Some("a@example.org")),
            ("a@example.org, b@example.com", Some("a@example.org")),
            ("undisclosed recipients:;", None),
            ("A group: a@example.org, b@example.com;", Some("a@example.org")),
            ("Alice\r\n <a@example.org>", Some("a@example.org")),
            ("a @ example.org", Some("a@example.org")),
            ("\"a b\"@example.org", Some("\"a b\"@example.org")),
            ("Alice <\"a b\"@example.org>", Some("\"a b\"@example.org")),
            ("<@relay.example:a@example.org>", Some("a@example.org")),
            ("j\u{f6}rg@b\u{fc}cher.example", Some("j\u{f6}rg@b\u{fc}cher.example")),
            ("Alice", None),
            ("<>", None),
            ("@example.org", None),
            ("a@", None),
            ("", None),
        ] {
            let found = addresses(&format!("From: {body}\r\n"), BOTH);
            assert_eq!(found.first().map(String::as_str), expected, "{body:?}");
        }
    }

    #[test]
    fn keys_and_domains_are_comparable() {
        let header = Header::parse("From: J\u{f6}rg+x@B\u{fc}cher.Example\r\nSender: root@localhost\r\n".into());
        let found = authors(&header, BOTH);
        assert_eq!(
            found.iter().map(|a| a.key.as_str()).collect::<Vec<_>>(),
            ["j\u{f6}rg+x@xn--bcher-kva.example", "root@localhost"]
        );
        assert_eq!(found.iter().map(|a| a.domain.is_some()).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn order_and_repetition() {
        let header = "From: first@example.org\r\nSender: s@example.net\r\nFROM : last@example.org\r\n";
        assert_eq!(addresses(header, BOTH), ["last@example.org", "s@example.net"]);
        assert_eq!(addresses(header, &[AuthorField::Sender, AuthorField::From]), ["s@example.net", "last@example.org"]);
        assert_eq!(addresses(header, &[AuthorField::From]), ["last@example.org"]);
        assert_eq!(addresses("Subject: none\r\n", BOTH), <[&str; 0]>::default());
    }

    #[test]
    fn hostile_fields_are_cut() {
        let long = format!("From: {}a@example.org\r\n", "(".repeat(2_000_000));
        assert_eq!(addresses(&long, BOTH), <[&str; 0]>::default());
    }
}
