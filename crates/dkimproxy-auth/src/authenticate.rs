//! All checks of one message as one value.
//!
//! ```text
//! let evidence = authenticator.ask(questions).await;      // from the end of the header on; DNS runs while the body comes
//! let found    = verifier.finish(&body, &evidence.keys);  // DKIM and ARC of the core, with the keys that came
//! let findings = evidence.findings(found, believed, arc); // pure: no more questions
//! results.extend(findings.entries());                     // what Authentication-Results says
//! ```

mod findings;

pub use findings::{DmarcFinding, Findings, SpfFinding};

use crate::{
    dmarc::{self, AuthorDomain, Discovery},
    dns::Resolver,
    iprev::{self, IprevOutcome},
    keys::{KeyFetcher, KeyLimits},
    spf::{self, Scope},
};
use dkimproxy_core::{
    arc::ArcOutcome,
    domain::DomainName,
    key::{KeyName, Keys},
    verify::Verification,
};
use std::{net::IpAddr, sync::Arc, time::Duration};

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
    resolver: Arc<R>,
    keys: KeyFetcher<Arc<R>>,
    settings: Arc<Settings>,
}

impl<R> Clone for Authenticator<R> {
    fn clone(&self) -> Self {
        Self { resolver: self.resolver.clone(), keys: self.keys.clone(), settings: self.settings.clone() }
    }
}

impl<R: Resolver> Authenticator<R> {
    /// With nothing remembered. [`Settings::time`] bounds the lookups of keys, too.
    pub fn new(resolver: R, settings: Settings, keys: KeyLimits) -> Self {
        let resolver = Arc::new(resolver);
        let limits = KeyLimits { time: settings.time, ..keys };
        Self { keys: KeyFetcher::new(resolver.clone(), limits), resolver, settings: Arc::new(settings) }
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Asks all questions at once and waits for the slowest chain of them, at most [`Settings::time`].
    ///
    /// Needs a tokio runtime. Lookups under way end when the future is dropped.
    pub async fn ask(&self, questions: Questions) -> Evidence {
        todo!()
    }
}

/// All that DNS had to say about a message.
#[derive(Debug)]
pub struct Evidence {
    /// For the verifiers of DKIM and ARC.
    pub keys: Keys,
    spf: Vec<SpfFinding>,
    iprev: Option<IprevOutcome>,
    author: AuthorDomain,
    dmarc: Vec<Discovery>,
    settings: Arc<Settings>,
}

impl Evidence {
    /// What it all amounts to. `verifications`: what the core found, in header order; `believed` says of a signature that
    /// passes whether it counts for DMARC (rules of one's own may say no).
    pub fn findings(
        &self,
        verifications: Vec<Verification>,
        believed: impl Fn(&Verification) -> bool,
        arc: Option<ArcOutcome>,
    ) -> Findings {
        todo!()
    }

    /// Whether a signing domain is aligned with the author domain (RFC 9989 section 4.4). None: there is no author
    /// domain, DMARC was not asked about, or DNS did not answer.
    pub fn is_aligned(&self, domain: &DomainName, alignment: dmarc::Alignment) -> Option<bool> {
        todo!()
    }
}
