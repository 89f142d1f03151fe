//! DMARC (RFC 9989): does the domain in From stand behind this message, and what does it ask for if not?
//!
//! A bare "section" in this module means RFC 9989. [`discover`] asks DNS, all names at once; [`Discovery::evaluate`] is
//! pure. There is no Public Suffix List: the tree walk (section 4.10) takes its place.

mod author;
mod record;

pub use author::{AuthorDomain, author_domain};
pub use record::{Alignment, Policies, Policy, PublicSuffix, Record};

use crate::dns::{LookupError, Resolver};
use futures_util::future::{join, join_all};
use std::collections::{BTreeMap, BTreeSet};

/// The five results (section 9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DmarcResult {
    /// No policy applies.
    None,
    /// An aligned identifier passed.
    Pass,
    /// None did.
    Fail,
    /// DNS trouble; a later attempt may tell more.
    TempError,
    /// It can never be told.
    PermError,
}

impl DmarcResult {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

/// How one authentication method ended for one domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authenticated {
    /// It passed: the domain is an Authenticated Identifier.
    Yes,
    /// It did not.
    No,
    /// It could not be told because of DNS.
    Unknown,
}

/// A domain that an authentication method speaks for (section 4.4.1): d= of a signature, or the SPF domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier {
    /// The name in A-labels.
    pub domain: String,
    /// What the method said.
    pub authenticated: Authenticated,
}

/// What DMARC says about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DmarcOutcome {
    /// The result.
    pub result: DmarcResult,
    /// The policy that was published for this domain: p, sp or np as it applies. None: no record.
    pub policy: Option<Policy>,
    /// The policy after t=y, and `none` for a pass: what the owner asks to be done with this message.
    pub disposition: Policy,
    /// The name below `_dmarc` whose record applies.
    pub record_domain: Option<String>,
    /// An aligned signature passed.
    pub dkim_aligned: bool,
    /// SPF passed, aligned.
    pub spf_aligned: bool,
}

/// What DNS says about one name on a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// Asks for the records of the Author Domain's tree walk and of those of all identifiers that might align, at once.
/// All names are A-labels, lower-case, without trailing dot.
pub async fn discover<R: Resolver>(resolver: &R, author: &str, identifiers: &[&str]) -> Discovery {
    let starts = std::iter::once(&author).chain(identifiers);
    let names: BTreeSet<String> = starts.flat_map(|start| walk(start)).map(str::to_owned).collect();
    let records = join_all(names.into_iter().map(|name| async {
        let found = policy_record(resolver, &name).await;
        (name, found)
    }));
    // "a non-existent domain is one for which there is an NXDOMAIN or NODATA response for A, AAAA and MX" was RFC 9091;
    // RFC 9989 section 3.2.14 takes NXDOMAIN of any query (RFC 8020).
    let (records, itself) = join(records, resolver.txt(author)).await;
    let author_exists = !matches!(itself, Err(LookupError::NoName { .. }));
    Discovery { author: author.to_owned(), author_exists, names: records.into_iter().collect() }
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

/// "Records that do not start with a valid v tag are discarded; if there are several left, all are" (section 4.10).
async fn policy_record<R: Resolver>(resolver: &R, name: &str) -> Found {
    match resolver.txt(&format!("_dmarc.{name}")).await {
        Ok(answer) => {
            let mut records = answer.records.iter().filter_map(|txt| Record::parse(txt));
            match (records.next(), records.next()) {
                (Some(record), None) => Found::Record(record),
                _ => Found::Nothing,
            }
        }
        Err(LookupError::NoName { .. } | LookupError::NoData { .. }) => Found::Nothing,
        Err(LookupError::ServerFailure | LookupError::Timeout) => Found::Trouble,
    }
}

/// DNS failed on the way, so there is no telling.
struct Trouble;

impl Discovery {
    /// Decides from what the methods said: `dkim` one per signature, `spf` for the MAIL FROM identity.
    pub fn evaluate(&self, dkim: &[Identifier], spf: Option<&Identifier>) -> DmarcOutcome {
        match self.applicable() {
            Ok(Some((domain, record))) => match record.policies {
                Some(policies) => self.judge(domain, record, policies, dkim, spf),
                None => self.without_record(DmarcResult::None),
            },
            Ok(None) => self.without_record(DmarcResult::None),
            Err(Trouble) => self.without_record(DmarcResult::TempError),
        }
    }

    fn without_record(&self, result: DmarcResult) -> DmarcOutcome {
        DmarcOutcome {
            result,
            policy: None,
            disposition: Policy::None,
            record_domain: None,
            dkim_aligned: false,
            spf_aligned: false,
        }
    }

    fn judge(
        &self,
        domain: &str,
        record: &Record,
        policies: Policies,
        dkim: &[Identifier],
        spf: Option<&Identifier>,
    ) -> DmarcOutcome {
        let dkim = dkim.iter().map(|one| self.counts(one, record.dkim_alignment));
        let dkim = dkim.fold(Authenticated::No, better);
        let spf = spf.map_or(Authenticated::No, |one| self.counts(one, record.spf_alignment));
        let result = match better(dkim, spf) {
            Authenticated::Yes => DmarcResult::Pass,
            Authenticated::No => DmarcResult::Fail,
            Authenticated::Unknown => DmarcResult::TempError,
        };
        let policy = self.policy_of(domain, policies);
        let asked = if record.testing { policy.milder() } else { policy };
        DmarcOutcome {
            result,
            policy: Some(policy),
            disposition: if result == DmarcResult::Fail { asked } else { Policy::None },
            record_domain: Some(domain.to_owned()),
            dkim_aligned: dkim == Authenticated::Yes,
            spf_aligned: spf == Authenticated::Yes,
        }
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
        let organization = self.organizational_domain(&self.author)?;
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
    fn organizational_domain<'n>(&self, start: &'n str) -> Result<&'n str, Trouble> {
        let mut shortest = start;
        let mut below = start;
        for name in walk(start) {
            if let Some(record) = self.record(name)? {
                match record.public_suffix {
                    PublicSuffix::No => return Ok(name),
                    PublicSuffix::Yes if name != start => return Ok(one_label_below(name, below)),
                    PublicSuffix::Yes | PublicSuffix::Unknown => shortest = name,
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
        match self.is_aligned(&identifier.domain, alignment) {
            Ok(true) => identifier.authenticated,
            Ok(false) => Authenticated::No,
            Err(Trouble) => Authenticated::Unknown,
        }
    }

    fn is_aligned(&self, domain: &str, alignment: Alignment) -> Result<bool, Trouble> {
        if domain == self.author {
            return Ok(true);
        }
        match alignment {
            Alignment::Strict => Ok(false),
            Alignment::Relaxed => Ok(self.organizational_domain(domain)? == self.organizational_domain(&self.author)?),
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
        assert_eq!(
            names.get(..2),
            Some(&["a.b.c.d.e.f.g.h.i.j.mail.example.com", "g.h.i.j.mail.example.com"][..]).map(|n| n)
        );
        assert_eq!(names.last(), Some(&"com"));
        assert_eq!(walk("example.com").collect::<Vec<_>>(), ["example.com", "com"]);
    }
}
