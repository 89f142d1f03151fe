//! check_host() (section 4): walks the record, asks DNS where a mechanism needs it, within the limits of section 4.6.4.

mod expand;

use super::{
    Published, Query, SpfOutcome, SpfProblem, SpfResult,
    macro_string::MacroString,
    names::{domain_to_check, in_network, is_within},
    record::{Mechanism, Qualifier, Target},
};
use crate::dns::{Answer, LookupError, MailExchanger, Resolver};
use std::{future::Future, net::IpAddr, pin::Pin, sync::Arc, time::Duration};

/// Bounds of one check (section 4.6.4).
#[derive(Debug, Clone)]
pub struct Limits {
    /// Terms that ask DNS: include, a, mx, ptr, exists, redirect.
    pub lookups: usize,
    /// Lookups whose answer is empty.
    pub void_lookups: usize,
    /// Mail exchangers of one `mx`, and names of one `ptr`.
    pub names: usize,
    /// Time for the whole check.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { lookups: 10, void_lookups: 2, names: 10, time: Duration::from_secs(20) }
    }
}

/// Checks one identity. `now` is the time in seconds since the epoch and `receiver` our own name, both for explanations.
pub async fn check_host<R: Resolver>(
    resolver: &R,
    query: &Query,
    limits: &Limits,
    receiver: &str,
    now: u64,
) -> SpfOutcome {
    let Some(domain) = domain_to_check(&query.domain) else { return outcome(Err(SpfProblem::NoDomain), None) };
    let mut check = Check::new(resolver, query, &domain, limits, receiver, now);
    let end = tokio::time::Instant::now() + limits.time;
    let found = tokio::time::timeout_at(end, check.evaluate(domain.clone(), false)).await;
    let found = found.unwrap_or(Err(SpfProblem::OutOfTime));
    let explanation = match found {
        // Without an explanation it is a failure all the same.
        Ok(SpfResult::Fail) => tokio::time::timeout_at(end, check.explain()).await.ok().flatten(),
        _ => None,
    };
    outcome(found, explanation)
}

fn outcome(found: Found, explanation: Option<String>) -> SpfOutcome {
    match found {
        Ok(result) => SpfOutcome { result, explanation, reason: None },
        Err(problem) => SpfOutcome { result: problem.result(), explanation: None, reason: Some(problem) },
    }
}

/// State of one check: what was used up of the limits, and which explanation counts.
struct Check<'q, R> {
    resolver: &'q R,
    query: &'q Query,
    /// Of the sender, in A-labels.
    sender_domain: &'q str,
    ip: IpAddr,
    limits: &'q Limits,
    receiver: &'q str,
    now: u64,
    lookups: usize,
    void_lookups: usize,
    /// exp= of the record that gave `fail`, and that record's domain.
    explanation: Option<(MacroString, String)>,
    /// Names of the client that lead back to it, once they were asked for.
    validated: Option<Arc<[String]>>,
}

type Found = Result<SpfResult, SpfProblem>;

impl<'q, R: Resolver> Check<'q, R> {
    fn new(
        resolver: &'q R,
        query: &'q Query,
        sender_domain: &'q str,
        limits: &'q Limits,
        receiver: &'q str,
        now: u64,
    ) -> Self {
        Self {
            resolver,
            query,
            sender_domain,
            ip: query.ip.to_canonical(),
            limits,
            receiver,
            now,
            lookups: 0,
            void_lookups: 0,
            explanation: None,
            validated: None,
        }
    }

    /// check_host() itself for one domain; `included` records never give an explanation (section 6.2). Boxed because
    /// include and redirect call it again; the limit on lookups bounds how deep.
    fn evaluate(&mut self, domain: String, included: bool) -> Pin<Box<dyn Future<Output = Found> + Send + '_>> {
        Box::pin(async move {
            let published = self.published(&domain).await?;
            let record = published.as_ref().as_ref().map_err(SpfProblem::clone)?;
            for directive in &record.directives {
                if self.matches(&directive.mechanism, &domain).await? {
                    if directive.qualifier == Qualifier::Fail && !included {
                        self.explanation = record.explanation.clone().map(|text| (text, domain));
                    }
                    return Ok(meaning(directive.qualifier));
                }
            }
            match &record.redirect {
                Some(target) => self.redirect(target, &domain, included).await,
                None => Ok(SpfResult::Neutral),
            }
        })
    }

    /// "the result of the redirect is [...] unless the `<target-name>` has no record, in which case permerror" (6.1).
    async fn redirect(&mut self, target: &MacroString, domain: &str, included: bool) -> Found {
        self.count_lookup()?;
        let target = self.expand(target, domain).await?;
        let Some(target) = target.and_then(|name| domain_to_check(&name)) else {
            return Err(SpfProblem::DanglingReference);
        };
        self.evaluate(target, included).await.map_err(dangling)
    }

    async fn published(&self, domain: &str) -> Result<Arc<Published>, SpfProblem> {
        self.resolver.spf(domain).await.map_err(|error| match error {
            LookupError::NoName { .. } | LookupError::NoData { .. } => SpfProblem::NoRecord,
            LookupError::ServerFailure | LookupError::Timeout => SpfProblem::Dns,
        })
    }

    async fn matches(&mut self, mechanism: &Mechanism, domain: &str) -> Result<bool, SpfProblem> {
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip4(network, prefix) => Ok(in_network(self.ip, IpAddr::V4(*network), *prefix)),
            Mechanism::Ip6(network, prefix) => Ok(in_network(self.ip, IpAddr::V6(*network), *prefix)),
            Mechanism::Include(spec) => self.include(spec, domain).await,
            Mechanism::Exists(spec) => self.exists(spec, domain).await,
            Mechanism::A(target) => self.a(target, domain).await,
            Mechanism::Mx(target) => self.mx(target, domain).await,
            Mechanism::Ptr(spec) => self.ptr(spec.as_ref(), domain).await,
        }
    }

    /// The table of section 5.2.
    async fn include(&mut self, spec: &MacroString, domain: &str) -> Result<bool, SpfProblem> {
        self.count_lookup()?;
        let Some(target) = self.expand(spec, domain).await? else { return Ok(false) };
        let target = domain_to_check(&target).ok_or(SpfProblem::DanglingReference)?;
        match self.evaluate(target, true).await {
            Ok(result) => Ok(result == SpfResult::Pass),
            Err(problem) => Err(dangling(problem)),
        }
    }

    /// "The resulting domain name is used for a DNS A RR lookup (even when the connection type is IPv6)" (section 5.7).
    async fn exists(&mut self, spec: &MacroString, domain: &str) -> Result<bool, SpfProblem> {
        self.count_lookup()?;
        let Some(target) = self.expand(spec, domain).await? else { return Ok(false) };
        let answer = self.resolver.a(&target).await;
        Ok(!self.counted(answer)?.is_empty())
    }

    async fn a(&mut self, target: &Target, domain: &str) -> Result<bool, SpfProblem> {
        self.count_lookup()?;
        let Some(name) = self.target_name(target.domain.as_ref(), domain).await? else { return Ok(false) };
        let addresses = self.addresses(&name).await?;
        Ok(self.any_in_network(&addresses, target))
    }

    async fn mx(&mut self, target: &Target, domain: &str) -> Result<bool, SpfProblem> {
        self.count_lookup()?;
        let Some(name) = self.target_name(target.domain.as_ref(), domain).await? else { return Ok(false) };
        let answer = self.resolver.mx(&name).await;
        let mut exchangers = self.counted(answer)?;
        exchangers.sort();
        for (tried, MailExchanger { exchanger, .. }) in exchangers.iter().enumerate() {
            // "MUST NOT result in querying more than 10 address records [...] If this limit is exceeded, the "mx"
            // mechanism MUST produce a "permerror" result": a match before that is a match (section 4.6.4).
            if tried >= self.limits.names {
                return Err(SpfProblem::TooManyExchangers);
            }
            let addresses = self.addresses(exchanger).await?;
            if self.any_in_network(&addresses, target) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// "If a DNS error occurs while doing the PTR RR lookup, then this mechanism fails to match" (section 5.5).
    async fn ptr(&mut self, spec: Option<&MacroString>, domain: &str) -> Result<bool, SpfProblem> {
        self.count_lookup()?;
        let Some(target) = self.target_name(spec, domain).await? else { return Ok(false) };
        let names = self.validated_names().await?;
        Ok(names.iter().any(|name| is_within(name, &target)))
    }

    /// Names of the client that resolve back to it: the first ten of its PTR records are tried, once per check.
    async fn validated_names(&mut self) -> Result<Arc<[String]>, SpfProblem> {
        if let Some(known) = &self.validated {
            return Ok(known.clone());
        }
        let names = match self.resolver.ptr(self.ip).await {
            Err(LookupError::ServerFailure | LookupError::Timeout) => Vec::new(),
            answer => self.counted(answer)?,
        };
        let mut validated = Vec::new();
        for name in names.into_iter().take(self.limits.names) {
            // "If a DNS error occurs while doing an A RR lookup, then that domain name is skipped".
            if self.raw_addresses(&name).await.is_ok_and(|found| found.contains(&self.ip)) {
                validated.push(name);
            }
        }
        Ok(self.validated.insert(validated.into()).clone())
    }

    /// The addresses of the client's kind.
    async fn addresses(&mut self, name: &str) -> Result<Vec<IpAddr>, SpfProblem> {
        let found = self.raw_addresses(name).await;
        let answer = found.map(|records| Answer { records, ttl: Duration::ZERO });
        self.counted(answer)
    }

    async fn raw_addresses(&self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        match self.ip {
            IpAddr::V4(_) => Ok(self.resolver.a(name).await?.records.into_iter().map(IpAddr::V4).collect()),
            IpAddr::V6(_) => Ok(self.resolver.aaaa(name).await?.records.into_iter().map(IpAddr::V6).collect()),
        }
    }

    fn any_in_network(&self, addresses: &[IpAddr], target: &Target) -> bool {
        addresses.iter().any(|address| {
            let prefix = if address.is_ipv4() { target.prefix4 } else { target.prefix6 };
            in_network(self.ip, *address, prefix)
        })
    }

    fn count_lookup(&mut self) -> Result<(), SpfProblem> {
        self.lookups += 1;
        if self.lookups > self.limits.lookups { Err(SpfProblem::TooManyLookups) } else { Ok(()) }
    }

    /// The records of an answer; none at all is a void lookup (section 4.6.4), trouble is a temperror (section 5).
    fn counted<T>(&mut self, answer: Result<Answer<T>, LookupError>) -> Result<Vec<T>, SpfProblem> {
        match answer {
            Ok(answer) if !answer.records.is_empty() => Ok(answer.records),
            Ok(_) | Err(LookupError::NoName { .. } | LookupError::NoData { .. }) => {
                self.void_lookups += 1;
                if self.void_lookups > self.limits.void_lookups {
                    return Err(SpfProblem::TooManyVoidLookups);
                }
                Ok(Vec::new())
            }
            Err(LookupError::ServerFailure | LookupError::Timeout) => Err(SpfProblem::Dns),
        }
    }

    async fn target_name(&mut self, spec: Option<&MacroString>, domain: &str) -> Result<Option<String>, SpfProblem> {
        match spec {
            Some(spec) => self.expand(spec, domain).await,
            None => Ok(Some(domain.to_owned())),
        }
    }
}

fn meaning(qualifier: Qualifier) -> SpfResult {
    match qualifier {
        Qualifier::Pass => SpfResult::Pass,
        Qualifier::Fail => SpfResult::Fail,
        Qualifier::SoftFail => SpfResult::SoftFail,
        Qualifier::Neutral => SpfResult::Neutral,
    }
}

/// "none" of an included or redirected domain is a permerror (sections 5.2, 6.1).
fn dangling(problem: SpfProblem) -> SpfProblem {
    match problem {
        SpfProblem::NoDomain | SpfProblem::NoRecord => SpfProblem::DanglingReference,
        other => other,
    }
}

#[cfg(test)]
mod tests;
