//! `domainkeys(...)`: what it means.

use super::{Builder, Caution, Fault, Flaw, Implied};
use crate::{
    keyring::{
        rule::{DomainKeysSignature, Signature},
        signature::Tags,
    },
    report::Place,
};
use dkimproxy_core::domainkeys::{DomainKeysCanonicalization, DomainKeysKey};
use std::sync::Arc;

impl Builder<'_> {
    /// As a DKIM signature inherits, but for c=, and h= is not to be chosen.
    pub(super) fn domain_keys(&mut self, tags: &Tags, implied: Implied<'_>, place: &Place) -> Result<Signature, Flaw> {
        self.caution(place, &Caution::DomainKeys);
        self.without_meaning(tags, place);
        let key = self.domain_keys_key(tags, place);
        let selector = self.selector(tags, place);
        let canonicalization = self.domain_keys_method(tags, place);
        let domain = self.domain(tags, implied, place);
        Ok(Signature::DomainKeys(DomainKeysSignature {
            canonicalization: canonicalization?,
            domain: domain?,
            key: key?,
            selector: selector?,
        }))
    }

    fn without_meaning(&mut self, tags: &Tags, place: &Place) {
        let written = [
            (tags.headers.is_some(), "h"),
            (tags.identity.is_some(), "i"),
            (tags.timestamp.is_some(), "t"),
            (tags.lifetime.is_some(), "lifetime"),
        ];
        let known = written.into_iter().filter(|(written, _)| *written).map(|(_, name)| name.to_owned());
        for name in known.chain(tags.unknown.iter().cloned()) {
            self.caution(place, &Caution::UnknownTag(name));
        }
        if tags.algorithm.as_ref().is_some_and(|name| !name.eq_ignore_ascii_case("rsa-sha1")) {
            self.caution(place, &Caution::DomainKeysAlgorithm);
        }
    }

    fn domain_keys_key(&mut self, tags: &Tags, place: &Place) -> Result<Arc<DomainKeysKey>, Flaw> {
        let path = self.key_path(tags, place)?;
        self.keys.load_domain_keys(&path, place, self.report).ok_or(Flaw::Mistake)
    }

    fn domain_keys_method(&mut self, tags: &Tags, place: &Place) -> Result<DomainKeysCanonicalization, Flaw> {
        let defaults = self.defaults;
        let (text, place) = match (&tags.method, &defaults.domain_keys_method) {
            (Some(text), _) => (text, place),
            (None, Some((text, place))) => (text, place),
            (None, None) => return Ok(DomainKeysCanonicalization::NoFws),
        };
        DomainKeysCanonicalization::parse(text.to_ascii_lowercase().as_bytes())
            .ok_or_else(|| self.fault(place, &Fault::DomainKeysMethod(text.clone())))
    }
}
