//! Asks for DMARC records (section 4.10), and decides.

use super::{Alignment, Authenticated, DmarcOutcome, DmarcResult, Identifier, Policies, Policy, PublicSuffix, Record};
use crate::dns::{LookupError, Resolver};
use dkimproxy_core::domain::DomainName;
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};

/// What DNS says about one name on a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Record(Record),
    Nothing,
    Trouble,
}

/// All that DNS had to say for one message.
#[derive(Debug)]
pub struct Discovery {
    author: String,
    author_exists: bool,
    names: BTreeMap<String, Found>,
}

/// "a maximum of eight queries" (section 4.10).
const LONGEST_WALK: usize = 8;

/// Asks for the records of the Author Domain's tree walk, and of those of all identifiers that might align, at once; then,
/// only if the policy depends on it, whether the Author Domain exists.
///
/// An identifier of another top-level domain is not asked about: it has no Organizational Domain in common.
pub async fn discover<R: Resolver>(resolver: &R, author: &DomainName, identifiers: &[DomainName]) -> Discovery {
    let author = author.as_str();
    let related = identifiers.iter().map(DomainName::as_str).filter(|name| top_level(name) == top_level(author));
    let names: BTreeSet<&str> = related.chain([author]).flat_map(walk).collect();
    let records = join_all(names.into_iter().map(|name| async move {
        let found = match resolver.dmarc(name).await {
            Ok(Some(record)) => Found::Record(record),
            Ok(None) | Err(LookupError::NoName { .. } | LookupError::NoData { .. }) => Found::Nothing,
            Err(LookupError::ServerFailure | LookupError::Timeout) => Found::Trouble,
        };
        (name.to_owned(), found)
    }));
    let names = records.await.into_iter().collect();
    let mut discovery = Discovery { author: author.to_owned(), author_exists: true, names };
    if discovery.depends_on_existence() {
        // A domain does not exist if there is NXDOMAIN for any type (section 3.2.14, RFC 8020).
        discovery.author_exists = !matches!(resolver.a(author).await, Err(LookupError::NoName { .. }));
    }
    discovery
}

fn top_level(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// The names of a tree walk, longest first: the start, then with seven labels or fewer, down to one label.
fn walk(start: &str) -> impl Iterator<Item = &str> {
    let labels = start.split('.').count();
    let ancestors = std::iter::successors(Some(start), |name| name.split_once('.').map(|(_, parent)| parent));
    ancestors
        .enumerate()
        .filter(move |(dropped, _)| *dropped == 0 || labels - dropped < LONGEST_WALK)
        .map(|(_, name)| name)
}

/// DNS failed on the way, so there is no telling.
struct Trouble;

impl Discovery {
    /// Decides from what the methods said: `dkim` one per signature, `spf` for the MAIL FROM identity.
    pub fn evaluate(&self, dkim: &[Identifier], spf: Option<&Identifier>) -> DmarcOutcome {
        let (domain, record) = match self.applicable() {
            Ok(Some(found)) => found,
            Ok(None) => return DmarcOutcome::without_policy(DmarcResult::None),
            Err(Trouble) => return DmarcOutcome::without_policy(DmarcResult::TempError),
        };
        let Some(policies) = record.policies else { return DmarcOutcome::without_policy(DmarcResult::None) };
        let dkim = dkim.iter().map(|one| self.counts(one, record.dkim_alignment)).fold(Authenticated::No, better);
        let spf = spf.map_or(Authenticated::No, |one| self.counts(one, record.spf_alignment));
        let result = match better(dkim, spf) {
            Authenticated::Yes => DmarcResult::Pass,
            Authenticated::No => DmarcResult::Fail,
            Authenticated::Unknown => DmarcResult::TempError,
        };
        let policy = self.policy_of(domain, policies);
        let effective = if record.testing { policy.milder() } else { policy };
        DmarcOutcome {
            result,
            policy: Some(policy),
            effective: Some(effective),
            disposition: if result == DmarcResult::Fail { effective } else { Policy::None },
            record_domain: Some(domain.to_owned()),
            dkim_aligned: dkim == Authenticated::Yes,
            spf_aligned: spf == Authenticated::Yes,
        }
    }

    /// Whether `domain`, of which [`discover`] was told, is aligned with the Author Domain (section 4.4). None: DNS did
    /// not answer.
    pub fn is_aligned(&self, domain: &DomainName, alignment: Alignment) -> Option<bool> {
        self.aligned(domain.as_str(), alignment).ok()
    }

    /// The Organizational Domain of the Author Domain (section 4.10.2). None: DNS did not answer.
    pub fn organizational_domain(&self) -> Option<&str> {
        self.organization_of(&self.author).ok()
    }

    /// np and sp differ, and one of them applies.
    fn depends_on_existence(&self) -> bool {
        let Ok(Some((domain, record))) = self.applicable() else { return false };
        domain != self.author && record.policies.is_some_and(|policies| policies.subdomain != policies.nonexistent)
    }

    /// p for the domain's own record; sp or np for that of a domain above (section 4.10.1).
    fn policy_of(&self, domain: &str, policies: Policies) -> Policy {
        if domain == self.author {
            policies.own
        } else if self.author_exists {
            policies.subdomain
        } else {
            policies.nonexistent
        }
    }

    /// The record that applies: the Author Domain's own, else that of its Organizational Domain, else that of the public
    /// suffix above (section 4.10.1).
    fn applicable(&self) -> Result<Option<(&str, &Record)>, Trouble> {
        if let Some(own) = self.record(&self.author)? {
            return Ok(Some((&self.author, own)));
        }
        let organization = self.organization_of(&self.author)?;
        if let Some(record) = self.record(organization)? {
            return Ok(Some((organization, record)));
        }
        let Some((_, suffix)) = organization.split_once('.') else { return Ok(None) };
        match self.record(suffix)? {
            Some(record) if record.public_suffix == PublicSuffix::Yes => Ok(Some((suffix, record))),
            _ => Ok(None),
        }
    }

    /// Section 4.10.2: psd=n marks it; psd=y above the start marks the name one label below; else the record-bearing name
    /// with the fewest labels; else the start itself.
    fn organization_of<'n>(&self, start: &'n str) -> Result<&'n str, Trouble> {
        let mut shortest = start;
        let mut below = start;
        for name in walk(start) {
            if let Some(record) = self.record(name)? {
                match record.public_suffix {
                    PublicSuffix::No => return Ok(name),
                    // The walk ends here, too; "other than the one for the domain where the tree walk started".
                    PublicSuffix::Yes if name == start => return Ok(name),
                    PublicSuffix::Yes => return Ok(one_label_below(name, below)),
                    PublicSuffix::Unknown => shortest = name,
                }
            }
            below = name;
        }
        Ok(shortest)
    }

    fn record(&self, name: &str) -> Result<Option<&Record>, Trouble> {
        match self.names.get(name) {
            Some(Found::Record(record)) => Ok(Some(record)),
            Some(Found::Trouble) => Err(Trouble),
            Some(Found::Nothing) | None => Ok(None),
        }
    }

    /// Whether an identifier makes DMARC pass: it is authenticated and aligned.
    fn counts(&self, identifier: &Identifier, alignment: Alignment) -> Authenticated {
        if identifier.authenticated == Authenticated::No {
            return Authenticated::No;
        }
        match self.aligned(identifier.domain.as_str(), alignment) {
            Ok(true) => identifier.authenticated,
            Ok(false) => Authenticated::No,
            Err(Trouble) => Authenticated::Unknown,
        }
    }

    fn aligned(&self, domain: &str, alignment: Alignment) -> Result<bool, Trouble> {
        if domain == self.author {
            return Ok(true);
        }
        match alignment {
            Alignment::Strict => Ok(false),
            Alignment::Relaxed => Ok(self.organization_of(domain)? == self.organization_of(&self.author)?),
        }
    }
}

/// The walk may jump over labels (section 4.10), so the name below a suffix is cut from the last name before it.
fn one_label_below<'n>(suffix: &str, longer: &'n str) -> &'n str {
    let labels = suffix.split('.').count() + 1;
    let skipped = longer.split('.').count().saturating_sub(labels);
    std::iter::successors(Some(longer), |name| name.split_once('.').map(|(_, parent)| parent))
        .nth(skipped)
        .unwrap_or(longer)
}

fn better(a: Authenticated, b: Authenticated) -> Authenticated {
    match (a, b) {
        (Authenticated::Yes, _) | (_, Authenticated::Yes) => Authenticated::Yes,
        (Authenticated::Unknown, _) | (_, Authenticated::Unknown) => Authenticated::Unknown,
        (Authenticated::No, Authenticated::No) => Authenticated::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_walk() {
        let names: Vec<&str> = walk("a.b.c.d.e.f.g.h.i.j.mail.example.com").collect();
        assert_eq!(names.len(), LONGEST_WALK);
        assert_eq!(names[..2], ["a.b.c.d.e.f.g.h.i.j.mail.example.com", "g.h.i.j.mail.example.com"]);
        assert_eq!(names.last(), Some(&"com"));
        assert_eq!(walk("example.com").collect::<Vec<_>>(), ["example.com", "com"]);
    }
}
