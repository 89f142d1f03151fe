//! Examines one message as it streams in: what the core says of its bytes, and what DNS says of who sent it.

use crate::{
    config::Config,
    envelope::{Envelope, Source},
    policy::{self, Facts, Judged, Objection, RequireAligned, of_domainkeys},
    resolver::AbortOnDrop,
};
use dkimproxy_auth::{
    authenticate::{Authenticator, Evidence, Findings, Questions},
    author_policy::{AuthorPolicy, Originators, Published},
    dmarc::{Alignment, AuthorDomain, DmarcResult, author_domain},
    dns::Resolver,
};
use dkimproxy_core::{
    arc::ArcVerifier,
    domain::DomainName,
    domainkeys::{DomainKeysHasher, DomainKeysVerification, DomainKeysVerifier},
    hash::BodyHasher,
    header::Header,
    message::{HeaderTooLong, MessageReader},
    verify::{Verification, Verifier},
};
use std::{collections::BTreeSet, sync::Arc};
use tokio::task::JoinHandle;

/// Longest header section that is read, in octets. Postfix stops at 100 KiB.
const MAX_HEADER: usize = 512 * 1024;

/// A message of which the end has not come yet.
pub(crate) struct Examination<R> {
    authenticator: Authenticator<R>,
    config: Arc<Config>,
    envelope: Envelope,
    now: u64,
    reader: MessageReader,
    /// From the end of the header on.
    work: Option<Work>,
}

/// What verifying needs, from the end of the header on.
struct Work {
    header: Arc<Header>,
    author: AuthorDomain,
    verifier: Verifier,
    arc: Option<ArcVerifier>,
    body: BodyHasher,
    domainkeys: Option<(DomainKeysVerifier, DomainKeysHasher)>,
    lookup: Lookup,
}

impl Work {
    fn update(&mut self, chunk: &[u8]) {
        self.body.update(chunk);
        if let Some((_, hasher)) = &mut self.domainkeys {
            hasher.update(chunk);
        }
    }
}

/// The questions to DNS, under way.
struct Lookup {
    task: JoinHandle<(Evidence, Option<Published>)>,
    _end_with_us: AbortOnDrop,
}

/// A message and what was found about it.
pub(crate) struct Examined {
    pub(crate) header: Arc<Header>,
    pub(crate) envelope: Envelope,
    pub(crate) findings: Findings,
    /// One per DomainKeys signature, top to bottom. None: not checked.
    pub(crate) domainkeys: Option<Vec<DomainKeysVerification>>,
    /// What ADSP and DomainKeys' policy say. None: not asked for.
    pub(crate) author_policy: Option<AuthorPolicy>,
    /// What local rules say of each DKIM signature.
    objections: Vec<Option<Objection>>,
}

impl<R: Resolver> Examination<R> {
    /// `now`: the time of receipt, in seconds since the epoch.
    pub(crate) fn new(authenticator: Authenticator<R>, config: Arc<Config>, envelope: Envelope, now: u64) -> Self {
        Self { authenticator, config, envelope, now, reader: MessageReader::new(MAX_HEADER), work: None }
    }

    /// Takes the next octets. Within a tokio runtime: DNS is asked as soon as the header is complete.
    pub(crate) fn chunk(&mut self, chunk: &[u8]) {
        // An error is repeated by `finish`.
        let Ok(body) = self.reader.push(chunk) else { return };
        if self.work.is_none()
            && let Some(header) = self.reader.header()
        {
            self.work = Some(self.begin(header.clone()));
        }
        if let Some(work) = &mut self.work {
            work.update(body);
        }
    }

    /// The message is complete: waits for DNS and verifies.
    pub(crate) async fn finish(mut self) -> Result<Examined, HeaderTooLong> {
        let header = self.reader.finish()?.clone();
        let work = match self.work.take() {
            Some(work) => work,
            None => self.begin(header),
        };
        let (evidence, published) = match work.lookup.task.await {
            Ok(answers) => answers,
            // As if nothing had an answer.
            Err(_) => (self.authenticator.ask(self.no_questions()).await, None),
        };
        let body = work.body.finish();
        let domainkeys = work.domainkeys.map(|(verifier, hasher)| verifier.finish(&hasher.finish(), &evidence.keys));
        let arc = work.arc.map(|arc| arc.finish(&body, &evidence.keys));
        let verifications = work.verifier.finish(&body, &evidence.keys);
        let rules = self.config.local;
        let object = |found: &Verification| {
            Objection::to(found, rules, || is_aligned(found.domain.as_ref(), &work.author, rules.aligned, &evidence))
        };
        let mut findings = evidence.findings(verifications, |found| object(found).is_none(), arc);
        let objections = findings.dkim.iter().map(object).collect();
        drop_unproven(&mut findings, self.envelope.source);
        let mut examined = Examined {
            header: work.header,
            envelope: self.envelope,
            findings,
            domainkeys,
            author_policy: None,
            objections,
        };
        examined.author_policy = published.map(|published| examined.judge_by(&published));
        Ok(examined)
    }

    fn begin(&self, header: Arc<Header>) -> Work {
        let verifier = Verifier::new(header.clone(), &self.config.verify, self.now);
        let arc = self.config.checks.arc.then(|| ArcVerifier::new(header.clone(), &self.config.verify, self.now));
        let domainkeys =
            self.config.checks.domainkeys.then(|| DomainKeysVerifier::new(header.clone(), &self.config.verify));
        let author = author_domain(&header);
        let mut questions = self.questions(&author, &verifier, arc.as_ref());
        questions.keys.extend(domainkeys.iter().flat_map(DomainKeysVerifier::key_names));
        let authenticator = self.authenticator.clone();
        let checks = self.config.checks;
        let originators = checks.author_policy.then(|| Originators::of(&header, checks.domainkeys));
        let task = tokio::spawn(async move {
            tokio::join!(authenticator.ask(questions), async {
                Some(authenticator.author_policies(originators?).await)
            })
        });
        let lookup = Lookup { _end_with_us: AbortOnDrop(task.abort_handle()), task };
        let of_arc = arc.iter().flat_map(ArcVerifier::body_requests);
        let body = BodyHasher::new(verifier.body_requests().chain(of_arc));
        let domainkeys = domainkeys.map(|verifier| {
            let hasher = verifier.body_hasher();
            (verifier, hasher)
        });
        Work { header, author, verifier, arc, body, domainkeys, lookup }
    }

    fn questions(&self, author: &AuthorDomain, verifier: &Verifier, arc: Option<&ArcVerifier>) -> Questions {
        let mut keys = verifier.key_names();
        let signing_domains: BTreeSet<DomainName> = keys.iter().map(|key| key.domain.clone()).collect();
        keys.extend(arc.into_iter().flat_map(ArcVerifier::key_names));
        Questions {
            client_ip: self.envelope.source.stranger(),
            helo: self.envelope.helo.clone().unwrap_or_default(),
            reverse_path: self.envelope.reverse_path.clone(),
            author: author.clone(),
            signing_domains: signing_domains.into_iter().collect(),
            keys,
            now: self.now,
        }
    }

    fn no_questions(&self) -> Questions {
        Questions {
            client_ip: None,
            helo: String::new(),
            reverse_path: None,
            author: AuthorDomain::None,
            signing_domains: Vec::new(),
            keys: Vec::new(),
            now: self.now,
        }
    }
}

/// Whether a signing domain goes with the domain in From. Where DNS does not say, one must lie within the other.
fn is_aligned(signer: Option<&DomainName>, author: &AuthorDomain, wanted: RequireAligned, evidence: &Evidence) -> bool {
    let (Some(signer), AuthorDomain::One(author)) = (signer, author) else { return false };
    match wanted {
        RequireAligned::Off => true,
        RequireAligned::Strict => signer == author,
        RequireAligned::Relaxed => evidence
            .is_aligned(signer, Alignment::Relaxed)
            .unwrap_or_else(|| signer.is_within(author) || author.is_within(signer)),
    }
}

/// Where SPF could not be checked, a DMARC failure is no finding: the half that is unknown might have passed.
fn drop_unproven(findings: &mut Findings, source: Source) {
    let failed = findings.dmarc.as_ref().is_some_and(|dmarc| dmarc.outcome.result == DmarcResult::Fail);
    if failed && findings.spf.is_empty() && source != Source::Untold {
        findings.dmarc = None;
    }
}

impl Examined {
    /// The signatures with what local rules say of them, top to bottom.
    pub(crate) fn dkim(&self) -> Vec<Judged<'_>> {
        let judged = |(found, objection): (_, &Option<Objection>)| Judged { found, objection: *objection };
        self.findings.dkim.iter().zip(&self.objections).map(judged).collect()
    }

    fn judge_by(&self, published: &Published) -> AuthorPolicy {
        let dkim: Vec<_> = self.dkim().iter().map(|judged| (judged.found, judged.result())).collect();
        published.evaluate(&dkim, self.domainkeys.as_deref().unwrap_or_default())
    }

    /// What the policy table looks at.
    pub(crate) fn facts(&self) -> Facts<'_> {
        Facts {
            client: self.envelope.source.stranger(),
            from_relay: matches!(self.envelope.source, Source::Relay(_)),
            dkim: self.dkim(),
            domainkeys: self.domainkeys.as_deref().map(|found| of_domainkeys(found).as_str()),
            spf: self.findings.spf().map(policy::Spf::of),
            dmarc: self.findings.dmarc.as_ref().map(policy::Dmarc::of),
            arc: self.findings.arc.as_ref().map(|arc| arc.result.as_str()),
            author_policy: self.author_policy.as_ref(),
            iprev: self.findings.iprev.as_ref().map(|iprev| iprev.result.as_str()),
        }
    }
}
