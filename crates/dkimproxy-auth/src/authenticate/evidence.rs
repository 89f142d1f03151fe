use super::{DmarcFinding, Findings, Settings, SpfFinding};
use crate::{
    dmarc::{Alignment, Authenticated, AuthorDomain, Discovery, DmarcOutcome, DmarcResult, Identifier, Policy},
    iprev::IprevOutcome,
    results,
};
use dkimproxy_core::{
    arc::{ArcOutcome, ArcResult},
    domain::DomainName,
    key::Keys,
    verify::{SignatureKind, Verification},
};
use std::sync::Arc;

/// All that DNS had to say about a message.
#[derive(Debug)]
pub struct Evidence {
    /// For the verifiers of DKIM and ARC.
    pub keys: Keys,
    pub(super) spf: Vec<SpfFinding>,
    /// What SPF says for DMARC.
    pub(super) spf_identifier: Option<Identifier>,
    pub(super) iprev: Option<IprevOutcome>,
    pub(super) author: AuthorDomain,
    /// One for each author domain that is checked.
    pub(super) dmarc: Vec<Discovery>,
    pub(super) settings: Arc<Settings>,
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
        let signers: Vec<Identifier> = verifications.iter().filter_map(|found| identifier(found, &believed)).collect();
        Findings {
            spf: self.spf.clone(),
            dmarc: self.settings.dmarc.then(|| self.dmarc(&signers, arc.as_ref())),
            iprev: self.iprev.clone(),
            receiver: self.settings.receiver.clone(),
            dkim: verifications,
            arc,
        }
    }

    /// Whether a signing domain is aligned with the author domain, or with one of them (RFC 9989 section 4.4). None:
    /// there is no author domain, DMARC was not asked about, or DNS did not answer.
    pub fn is_aligned(&self, domain: &DomainName, alignment: Alignment) -> Option<bool> {
        let mut answers = self.dmarc.iter().map(|discovery| discovery.is_aligned(domain, alignment));
        let first = answers.next()?;
        answers.fold(first, |a, b| if a == Some(true) || b == Some(true) { Some(true) } else { a.and(b) })
    }

    fn dmarc(&self, signers: &[Identifier], arc: Option<&ArcOutcome>) -> DmarcFinding {
        let authors = self.author.domains();
        let outcomes = self.dmarc.iter().map(|discovery| discovery.evaluate(signers, self.spf_identifier.as_ref()));
        let strictest = authors.iter().zip(outcomes).max_by_key(|(_, outcome)| strictness(outcome));
        let Some((domain, outcome)) = strictest else { return self.not_applicable() };
        let domain = domain.clone();
        let lifted_by =
            arc.filter(|_| outcome.result == DmarcResult::Fail).and_then(|arc| self.lifted_by(arc, &domain));
        // "If not all Author Domains are processed, then the DMARC evaluation is incomplete" (RFC 9989 section 11.5).
        let incomplete = authors.len() > self.dmarc.len() && outcome.result != DmarcResult::Fail;
        let outcome = if incomplete { DmarcOutcome::without_policy(DmarcResult::PermError) } else { outcome };
        DmarcFinding { domain: Some(domain), outcome, lifted_by, reason: self.author.problem() }
    }

    /// From does not name one domain: RFC 9989 has no result for that. `none` is for a message without any author;
    /// whatever else is wrong with From stays wrong: `permerror`.
    fn not_applicable(&self) -> DmarcFinding {
        let result = match self.author {
            AuthorDomain::None => DmarcResult::None,
            AuthorDomain::One(_) | AuthorDomain::Several(_) | AuthorDomain::Malformed => DmarcResult::PermError,
        };
        let outcome = DmarcOutcome::without_policy(result);
        DmarcFinding { domain: None, outcome, lifted_by: None, reason: self.author.problem() }
    }

    /// The newest sealer who saw DMARC pass, as long as all who sealed after it are trusted, too: whoever is not could
    /// have made another message of it.
    fn lifted_by(&self, arc: &ArcOutcome, author: &DomainName) -> Option<DomainName> {
        let sets = arc.sealers.iter().zip(&arc.assessments).filter(|_| arc.result == ArcResult::Pass);
        let mut trusted = sets.take_while(|(sealer, _)| self.settings.trusted_sealers.contains(sealer));
        trusted.find(|(_, assessment)| saw_dmarc_pass(assessment, author)).map(|(sealer, _)| sealer.clone())
    }
}

/// d= of a DKIM signature, and what it is worth.
fn identifier(found: &Verification, believed: impl Fn(&Verification) -> bool) -> Option<Identifier> {
    if found.kind != SignatureKind::Dkim {
        return None;
    }
    let authenticated = match Authenticated::from(found.result()) {
        Authenticated::Yes if !believed(found) => Authenticated::No,
        other => other,
    };
    Some(Identifier { domain: found.domain.clone()?, authenticated })
}

/// "Apply the most strict policy selected among the checks that fail" (RFC 9989 section 11.5); a domain of which nothing
/// is known is still worse than one that passes.
fn strictness(outcome: &DmarcOutcome) -> (u8, Policy) {
    let rank = match outcome.result {
        DmarcResult::Pass => 0,
        DmarcResult::None => 1,
        DmarcResult::PermError => 2,
        DmarcResult::TempError => 3,
        DmarcResult::Fail => 4,
    };
    (rank, outcome.disposition)
}

/// `dmarc=pass` for this author domain, in an ARC-Authentication-Results field after its instance.
fn saw_dmarc_pass(assessment: &[u8], author: &DomainName) -> bool {
    let Ok(field) = results::parse(assessment) else { return false };
    field.results.iter().any(|result| {
        let mut properties = result.properties.iter();
        let of_another = |(ptype, name, value): &(String, String, String)| {
            ptype.eq_ignore_ascii_case("header")
                && name.eq_ignore_ascii_case("from")
                && DomainName::new(value).as_ref() != Ok(author)
        };
        let is_pass = result.method.eq_ignore_ascii_case("dmarc") && result.result.eq_ignore_ascii_case("pass");
        is_pass && !properties.any(of_another)
    })
}
