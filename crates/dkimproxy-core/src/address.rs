//! Addresses in the body of a field such as From (RFC 5322 section 3.4, RFC 6532 section 3).
//!
//! The grammar decides. What breaks it is read by mail-parser as well as can be, since much of what is sent does; but
//! then [`AddressList::is_certain`] tells whether another reader might see another domain, so that nothing that must be
//! safe rests on a guess.
//!
//! In this module a bare "section" means RFC 5322.

mod grammar;
mod token;

use crate::domain::DomainName;
use mail_parser::{Addr, HeaderValue, parsers::MessageStream};
use std::{collections::BTreeSet, fmt};
use token::Token;

/// A longer field is no list that a person wrote: of it only this much is read, and that is not certain.
const MAX_LEN: usize = 64 * 1024;

/// A mailbox, without its display name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    local_part: String,
    domain: String,
}

impl Mailbox {
    /// What stands before the "@", as written (in quotes, if it is), without blanks and comments. Never empty.
    pub fn local_part(&self) -> &str {
        &self.local_part
    }

    /// What follows the "@", as written, without blanks and comments: a name, or an address literal in brackets.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The same, where it is a domain name that d= could hold.
    pub fn domain_name(&self) -> Option<DomainName> {
        DomainName::new(&self.domain).ok()
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local_part, self.domain)
    }
}

/// The mailboxes that a field names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressList {
    /// In the order written, those in groups included.
    pub mailboxes: Vec<Mailbox>,
    /// The field is a list by the grammar, or has only one domain in it, whichever way one reads it.
    pub is_certain: bool,
}

/// Reads a field body: an address list with groups (section 3.4; RFC 6854 allows them in From), comments, quoted local
/// parts, the obsolete routes and blanks (section 4.4), UTF-8.
///
/// A display name that is not quoted but should be, such as `joe@example.org <joe@example.org>`, is taken for one.
pub fn read(body: &[u8]) -> AddressList {
    let cut = body.get(..MAX_LEN);
    let tokens = token::tokens(cut.unwrap_or(body));
    if let (None, Some(mailboxes)) = (cut, tokens.as_deref().and_then(grammar::address_list)) {
        return AddressList { mailboxes, is_certain: true };
    }
    let mailboxes = guessed(cut.unwrap_or(body));
    let is_certain = cut.is_none() && tokens.is_some_and(|tokens| agree(&tokens, &mailboxes));
    AddressList { mailboxes, is_certain }
}

/// What mail-parser sees.
fn guessed(body: &[u8]) -> Vec<Mailbox> {
    // It wants to see the line end.
    let line = [body, b"\r\n"].concat();
    match MessageStream::new(&line).parse_address() {
        HeaderValue::Address(list) => list.iter().filter_map(mailbox).collect(),
        _ => Vec::new(),
    }
}

fn mailbox(addr: &Addr<'_>) -> Option<Mailbox> {
    let written = addr.address()?;
    // Of an obsolete route ("@relay:user@domain") only the end is the address.
    let written =
        if written.starts_with('@') { written.split_once(':').map_or(written, |(_, last)| last) } else { written };
    let (local, domain) = written.rsplit_once('@')?;
    // A quoted local part outside "<>" is taken for a display name by the parser.
    let quoted = local.is_empty().then(|| addr.name().map(quote)).flatten();
    let local_part = quoted.unwrap_or_else(|| without_blanks(local));
    let domain = without_blanks(domain);
    (!local_part.is_empty() && !domain.is_empty()).then_some(Mailbox { local_part, domain })
}

/// Blanks are allowed around the atoms of an address (section 4.4) and mean nothing; in quotes they do.
fn without_blanks(text: &str) -> String {
    if text.contains('"') { text.trim().to_owned() } else { text.split_whitespace().collect() }
}

fn quote(local: &str) -> String {
    format!("\"{}\"", local.replace('\\', "\\\\").replace('"', "\\\""))
}

/// True if the mailboxes are all of one domain, and nothing else in the field can be taken for another one.
fn agree(tokens: &[Token<'_>], mailboxes: &[Mailbox]) -> bool {
    let guessed: BTreeSet<_> = mailboxes.iter().map(Mailbox::domain_name).collect();
    let seen: BTreeSet<_> = domains(tokens).map(|domain| DomainName::new(&domain).ok()).collect();
    guessed.len() == 1 && guessed == seen && !guessed.contains(&None)
}

/// What follows each "@" that no quotes or comments enclose: atoms with dots between.
fn domains<'t>(tokens: &'t [Token<'t>]) -> impl Iterator<Item = String> + 't {
    let ats = tokens.iter().enumerate().filter(|(_, token)| **token == Token::Special(b'@'));
    ats.map(|(at, _)| {
        let rest = tokens.get(at + 1..).unwrap_or_default();
        let mut domain = String::new();
        for token in rest {
            match token {
                Token::Atom(text) if domain.is_empty() || domain.ends_with('.') => {
                    domain.push_str(&String::from_utf8_lossy(text));
                }
                Token::Special(b'.') => domain.push('.'),
                _ => break,
            }
        }
        domain
    })
}

#[cfg(test)]
mod tests;
