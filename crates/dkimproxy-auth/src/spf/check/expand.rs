//! What the macros of a record stand for (section 7), and the explanation (section 6.2).

use super::{
    super::{
        SpfProblem,
        macro_string::{Letter, MacroString, Place},
        names::{LONGEST_NAME, dotted, is_within, same_name, shortened},
    },
    Check,
};
use crate::dns::Resolver;
use std::borrow::Cow;

/// Explanations are cut to what fits an SMTP reply line.
const LONGEST_EXPLANATION: usize = 450;

/// A longer text at exp= is none that anyone means to be read.
const LONGEST_TEXT: usize = 4096;

impl<R: Resolver> Check<'_, R> {
    /// Expands a domain-spec to a name that fits DNS. None: it uses a local part that is not ASCII, and so matches
    /// nothing (RFC 8616 section 4).
    pub(super) async fn expand(&mut self, spec: &MacroString, domain: &str) -> Result<Option<String>, SpfProblem> {
        let sender = spec.uses(Letter::Sender) || spec.uses(Letter::LocalPart);
        if sender && !self.query.local_part.is_ascii() {
            return Ok(None);
        }
        let name = if spec.uses(Letter::Name) { self.client_name(domain).await? } else { String::new() };
        let expanded = spec.name(LONGEST_NAME, |letter| self.value(letter, domain, &name));
        Ok(Some(shortened(&expanded)))
    }

    /// %{p}: prefers the domain itself, then a name below it, then any (section 7.3).
    async fn client_name(&mut self, domain: &str) -> Result<String, SpfProblem> {
        let names = self.validated_names().await?;
        let exact = names.iter().find(|name| same_name(name, domain));
        let below = || names.iter().find(|name| is_within(name, domain));
        Ok(exact.or_else(below).or(names.first()).map_or_else(|| "unknown".into(), |name| name.to_string()))
    }

    fn value<'v>(&'v self, letter: Letter, domain: &'v str, client_name: &'v str) -> Cow<'v, str> {
        let query = self.query;
        match letter {
            Letter::Sender => Cow::Owned(format!("{}@{}", query.local_part, self.sender_domain)),
            Letter::LocalPart => Cow::Borrowed(&query.local_part),
            Letter::SenderDomain => Cow::Borrowed(self.sender_domain),
            Letter::Domain => Cow::Borrowed(domain),
            Letter::Address => Cow::Owned(dotted(self.ip)),
            Letter::Name => Cow::Borrowed(client_name),
            Letter::AddressKind => Cow::Borrowed(if self.ip.is_ipv4() { "in-addr" } else { "ip6" }),
            Letter::Helo => Cow::Borrowed(&query.helo),
            Letter::ReadableAddress => Cow::Owned(self.ip.to_string()),
            Letter::Receiver => Cow::Borrowed(self.receiver),
            Letter::Time => Cow::Owned(self.now.to_string()),
        }
    }

    /// Fetches and expands the explanation; any trouble means none (section 6.2).
    pub(super) async fn explain(&mut self) -> Option<String> {
        let (spec, domain) = self.explanation.take()?;
        let name = self.expand(&spec, &domain).await.ok()??;
        let answer = self.resolver.txt(&name).await.ok()?;
        let [txt] = answer.records.as_slice() else { return None };
        let text = MacroString::parse(txt, Place::Explanation).ok().filter(|_| txt.len() <= LONGEST_TEXT)?;
        let client_name = if text.uses(Letter::Name) { self.client_name(&domain).await.ok()? } else { String::new() };
        let text = text.text(LONGEST_EXPLANATION, |letter| self.value(letter, &domain, &client_name));
        let printable = text.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' });
        Some(printable.take(LONGEST_EXPLANATION).collect())
    }
}
