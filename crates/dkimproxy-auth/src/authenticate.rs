//! All checks of one message as one value.
//!
//! ```text
//! let evidence = authenticator.ask(questions).await;      // from the end of the header on; DNS runs while the body comes
//! let found    = verifier.finish(&body, &evidence.keys);  // DKIM and ARC of the core, with the keys that came
//! let findings = evidence.findings(found, believed, arc); // pure: no more questions
//! results.extend(findings.entries());                     // what Authentication-Results says
//! ```

mod evidence;
mod findings;

pub use evidence::Evidence;
pub use findings::{DmarcFinding, Findings, SpfFinding};

use crate::{
    author_policy::{self, Originators},
    dmarc::{self, AuthorDomain, Discovery, Identifier},
    dns::{CacheLimits, CachedResolver, Deadline, Resolver, Statistics},
    iprev::{self, IprevOutcome},
    keys::{KeyFetcher, KeyLimits},
    spf::{self, Query, Scope},
};
use dkimproxy_core::{domain::DomainName, key::KeyName};
use futures_util::future::{join_all, join4};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// Author domains that are checked where From names several; "limiting the number of Author Domains processed" avoids
/// "a form of denial of service attack" (RFC 9989 section 11.5).
const MAX_AUTHORS: usize = 10;

/// What is checked, and how much it may cost.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Time for all questions of one message together. What is not there by then is temporary trouble.
    pub time: Duration,
    /// Check SPF (RFC 7208).
    pub spf: bool,
    /// Check DMARC (RFC 9989). It counts SPF only where that is checked, too.
    pub dmarc: bool,
    /// Check that the client's address has a name (RFC 8601 section 3).
    pub iprev: bool,
    /// Bounds of one SPF check.
    pub spf_limits: spf::Limits,
    /// Our own host name: for explanations of SPF and for Received-SPF.
    pub receiver: String,
    /// What DMARC says where From names several domains.
    pub several_authors: SeveralAuthors,
    /// Signers who may lift a DMARC failure by their ARC seal. Empty: nobody.
    pub trusted_sealers: Vec<DomainName>,
}

/// What DMARC says of a message whose From field names more than one domain (RFC 9989 section 11.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SeveralAuthors {
    /// It does not apply.
    #[default]
    NotApplicable,
    /// Each domain is checked, ten at most, and the strictest finding counts.
    Strictest,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(20),
            spf: true,
            dmarc: true,
            iprev: false,
            spf_limits: spf::Limits::default(),
            receiver: "unknown".into(),
            several_authors: SeveralAuthors::default(),
            trusted_sealers: Vec::new(),
        }
    }
}

/// What is to be found out about one message: all of it is known at the end of its header.
#[derive(Debug, Clone)]
pub struct Questions {
    /// The client's address. None: not known, or not to be judged since it is a relay of ours: neither SPF nor iprev.
    pub client_ip: Option<IpAddr>,
    /// The argument of HELO or EHLO; empty where it is not known.
    pub helo: String,
    /// The reverse-path without angle brackets, empty for the null one. None: not known.
    pub reverse_path: Option<String>,
    /// What From says: [`dmarc::author_domain`].
    pub author: AuthorDomain,
    /// d= of the DKIM signatures.
    pub signing_domains: Vec<DomainName>,
    /// The keys that the verifiers of DKIM and ARC want.
    pub keys: Vec<KeyName>,
    /// Seconds since the epoch.
    pub now: u64,
}

/// Asks for what a message needs, and remembers the answers. Clones share one memory.
pub struct Authenticator<R> {
    resolver: Arc<CachedResolver<R>>,
    keys: KeyFetcher<Arc<R>>,
    settings: Arc<Settings>,
}

impl<R> Clone for Authenticator<R> {
    fn clone(&self) -> Self {
        Self { resolver: self.resolver.clone(), keys: self.keys.clone(), settings: self.settings.clone() }
    }
}

impl<R: Resolver> Authenticator<R> {
    /// With nothing remembered. [`Settings::time`] bounds the lookups of keys, too. Of the size of the cache keys have one
    /// half, all other answers the other one.
    pub fn new(resolver: R, settings: Settings, keys: KeyLimits) -> Self {
        let resolver = Arc::new(resolver);
        let half = CacheLimits { octets: keys.cache.octets / 2, ..keys.cache };
        let limits = KeyLimits { time: settings.time, cache: half.clone(), ..keys };
        let cached = CachedResolver::new(resolver.clone(), half);
        Self { resolver: Arc::new(cached), keys: KeyFetcher::new(resolver, limits), settings: Arc::new(settings) }
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What became of all questions since the start.
    pub fn statistics(&self) -> Statistics {
        self.resolver.statistics() + self.keys.statistics()
    }

    /// Asks all questions at once and waits for the slowest chain of them, at most [`Settings::time`].
    ///
    /// Needs a tokio runtime. Lookups under way end when the future is dropped.
    pub async fn ask(&self, questions: Questions) -> Evidence {
        let resolver = Deadline::new(self.resolver.clone(), self.settings.time);
        let queries = self.spf_queries(&questions);
        let (keys, spf, dmarc, iprev) = join4(
            self.keys.fetch(questions.keys.clone()),
            join_all(queries.into_iter().map(|query| self.check_host(&resolver, query, questions.now))),
            self.discover(&resolver, &questions),
            self.check_iprev(&resolver, questions.client_ip),
        )
        .await;
        let spf_identifier = spf_identifier(&spf, questions.reverse_path.as_deref());
        Evidence { keys, spf, spf_identifier, iprev, author: questions.author, dmarc, settings: self.settings.clone() }
    }

    /// Asks for the policies of the time before DMARC, within the same time as [`Self::ask`], beside which it may run.
    pub async fn author_policies(&self, originators: Originators) -> author_policy::Published {
        let resolver = Deadline::new(self.resolver.clone(), self.settings.time);
        author_policy::lookup(&resolver, originators).await
    }

    /// HELO and MAIL FROM, "SHOULD" and "MUST" of RFC 7208 sections 2.3 and 2.4. With the null reverse-path they are one.
    fn spf_queries(&self, questions: &Questions) -> Vec<Query> {
        let Some(ip) = questions.client_ip.filter(|_| self.settings.spf) else { return Vec::new() };
        let path = questions.reverse_path.as_deref().filter(|path| !path.is_empty());
        // Where a name to check is missing, there is nothing to be found out.
        let helo = (!questions.helo.is_empty()).then(|| Query::helo(ip, &questions.helo));
        let mail_from = path.map(|path| Query::mail_from(ip, &questions.helo, path));
        helo.into_iter().chain(mail_from).collect()
    }

    async fn check_host(&self, resolver: &Deadline<CachedResolver<R>>, query: Query, now: u64) -> SpfFinding {
        let Settings { spf_limits, receiver, .. } = &*self.settings;
        let outcome = spf::check_host(resolver, &query, spf_limits, receiver, now).await;
        SpfFinding { query, outcome }
    }

    /// One for each author domain that is checked.
    async fn discover(&self, resolver: &Deadline<CachedResolver<R>>, questions: &Questions) -> Vec<Discovery> {
        let authors = match (self.settings.dmarc, self.settings.several_authors, &questions.author) {
            (false, _, _) | (true, SeveralAuthors::NotApplicable, AuthorDomain::Several(_)) => &[],
            (true, _, author) => author.domains(),
        };
        let path = questions.reverse_path.as_deref().unwrap_or_default();
        let sender = questions.client_ip.map(|ip| Query::mail_from(ip, &questions.helo, path));
        let mut identifiers = questions.signing_domains.clone();
        identifiers.extend(sender.and_then(|query| domain_of(&query)));
        join_all(authors.iter().take(MAX_AUTHORS).map(|author| dmarc::discover(resolver, author, &identifiers))).await
    }

    async fn check_iprev(&self, resolver: &Deadline<CachedResolver<R>>, ip: Option<IpAddr>) -> Option<IprevOutcome> {
        Some(iprev::check(resolver, ip.filter(|_| self.settings.iprev)?).await)
    }
}

/// What SPF says for DMARC: the MAIL FROM identity, which is HELO where the reverse-path is null (RFC 7208 section 2.4).
fn spf_identifier(findings: &[SpfFinding], reverse_path: Option<&str>) -> Option<Identifier> {
    let scope = if reverse_path?.is_empty() { Scope::Helo } else { Scope::MailFrom };
    let finding = findings.iter().find(|finding| finding.query.scope == scope)?;
    Some(Identifier { domain: domain_of(&finding.query)?, authenticated: finding.outcome.result.into() })
}

fn domain_of(query: &Query) -> Option<DomainName> {
    DomainName::new(query.domain.strip_suffix('.').unwrap_or(&query.domain)).ok()
}

impl<R> std::fmt::Debug for Authenticator<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
