//! check_host() (section 4): walks the record, asks DNS where a mechanism needs it, within the limits of section 4.6.4.

use super::{
    Query, SpfOutcome, SpfProblem, SpfResult,
    macro_string::{Letter, MacroString, Place},
    record::{Mechanism, Qualifier, Record, Target},
};
use crate::dns::{Answer, LookupError, MailExchanger, Resolver};
use std::{
    borrow::Cow,
    future::Future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    pin::Pin,
    time::Duration,
};

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

/// "The longest domain name": a domain-spec that expands to more loses labels on the left (section 7.3).
const LONGEST_NAME: usize = 253;
/// Explanations are cut to what fits an SMTP reply line.
const LONGEST_EXPLANATION: usize = 450;

/// Checks one identity. `now` is the time in seconds since the epoch and `receiver` our own name, both for explanations.
pub async fn check_host<R: Resolver>(
    resolver: &R,
    query: &Query,
    limits: &Limits,
    receiver: &str,
    now: u64,
) -> SpfOutcome {
    let mut check = Check::new(resolver, query, limits, receiver, now);
    let found = match domain_to_check(&query.domain) {
        Some(domain) => match tokio::time::timeout(limits.time, check.evaluate(domain, false)).await {
            Ok(found) => found,
            Err(_) => Err(SpfProblem::OutOfTime),
        },
        None => Err(SpfProblem::NoDomain),
    };
    match found {
        Ok(SpfResult::Fail) => {
            let explanation = check.explain().await;
            SpfOutcome { result: SpfResult::Fail, explanation, reason: None }
        }
        Ok(result) => SpfOutcome { result, explanation: None, reason: None },
        Err(problem) => SpfOutcome { result: problem.result(), explanation: None, reason: Some(problem) },
    }
}

/// "If the <domain> is malformed [...] or is not a multi-label domain name, [...] check_host() immediately returns the
/// result none" (section 4.3). U-labels become A-labels.
fn domain_to_check(domain: &str) -> Option<String> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let ascii = idna::domain_to_ascii_cow(domain.as_bytes(), idna::AsciiDenyList::EMPTY).ok()?;
    let labels_fit = ascii.split('.').all(|label| (1..=63).contains(&label.len()));
    let literal = ascii.starts_with('[') || ascii.parse::<IpAddr>().is_ok();
    let usable = ascii.len() <= LONGEST_NAME && labels_fit && ascii.contains('.') && !literal && ascii.is_ascii();
    usable.then(|| ascii.into_owned())
}

/// State of one check: what was used up of the limits, and which explanation counts.
struct Check<'q, R> {
    resolver: &'q R,
    query: &'q Query,
    ip: IpAddr,
    limits: &'q Limits,
    receiver: &'q str,
    now: u64,
    lookups: usize,
    void_lookups: usize,
    /// exp= of the record that gave `fail`, and that record's domain.
    explanation: Option<(MacroString, String)>,
}

type Found = Result<SpfResult, SpfProblem>;

impl<'q, R: Resolver> Check<'q, R> {
    fn new(resolver: &'q R, query: &'q Query, limits: &'q Limits, receiver: &'q str, now: u64) -> Self {
        let ip = query.ip.to_canonical();
        Self { resolver, query, ip, limits, receiver, now, lookups: 0, void_lookups: 0, explanation: None }
    }

    /// check_host() itself for one domain; `included` records never give an explanation (section 6.2). Boxed because
    /// include and redirect call it again; the limit on lookups bounds how deep.
    fn evaluate(&mut self, domain: String, included: bool) -> Pin<Box<dyn Future<Output = Found> + Send + '_>> {
        Box::pin(async move {
            let record = self.record(&domain).await?;
            for directive in &record.directives {
                if self.matches(&directive.mechanism, &domain).await? {
                    if directive.qualifier == Qualifier::Fail && !included {
                        self.explanation = record.explanation.map(|text| (text, domain));
                    }
                    return Ok(meaning(directive.qualifier));
                }
            }
            match record.redirect {
                Some(target) => self.redirect(&target, &domain, included).await,
                None => Ok(SpfResult::Neutral),
            }
        })
    }

    /// "the result of the redirect is [...] unless the <target-name> has no record, in which case permerror" (6.1).
    async fn redirect(&mut self, target: &MacroString, domain: &str, included: bool) -> Found {
        self.count_lookup()?;
        let target = self.expand(target, domain).await?;
        let Some(target) = target.and_then(|name| domain_to_check(&name)) else {
            return Err(SpfProblem::DanglingReference);
        };
        self.evaluate(target, included).await.map_err(dangling)
    }

    /// Finds and reads the one record of a domain (section 4.4, 4.5).
    async fn record(&mut self, domain: &str) -> Result<Record, SpfProblem> {
        let records = match self.resolver.txt(domain).await {
            Ok(answer) => answer.records,
            Err(LookupError::NoName { .. } | LookupError::NoData { .. }) => return Err(SpfProblem::NoRecord),
            Err(LookupError::ServerFailure | LookupError::Timeout) => return Err(SpfProblem::Dns),
        };
        let mut spf = records.iter().filter(|txt| Record::is_spf(txt));
        match (spf.next(), spf.next()) {
            (None, _) => Err(SpfProblem::NoRecord),
            (Some(txt), None) => Ok(Record::parse(txt)?),
            (Some(_), Some(_)) => Err(SpfProblem::SeveralRecords),
        }
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

    /// Names of the client that resolve back to it: the first ten of its PTR records are tried.
    async fn validated_names(&mut self) -> Result<Vec<String>, SpfProblem> {
        let answer = self.resolver.ptr(self.ip).await;
        let names = match answer {
            Ok(answer) => answer.records,
            Err(LookupError::ServerFailure | LookupError::Timeout) => return Ok(Vec::new()),
            Err(void) => self.counted(Err(void))?,
        };
        let mut validated = Vec::new();
        for name in names.into_iter().take(self.limits.names) {
            // "If a DNS error occurs while doing an A RR lookup, then that domain name is skipped".
            if self.raw_addresses(&name).await.is_ok_and(|found| found.contains(&self.ip)) {
                validated.push(name);
            }
        }
        Ok(validated)
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

    /// Expands a domain-spec to a name that fits DNS. None: it uses a local part that is not ASCII, and so matches
    /// nothing (RFC 8616 section 4).
    async fn expand(&mut self, spec: &MacroString, domain: &str) -> Result<Option<String>, SpfProblem> {
        let sender = spec.uses(Letter::Sender) || spec.uses(Letter::LocalPart);
        if sender && !self.query.local_part.is_ascii() {
            return Ok(None);
        }
        let name = if spec.uses(Letter::Name) { self.client_name(domain).await? } else { String::new() };
        Ok(Some(shortened(&spec.expand(|letter| self.value(letter, domain, &name)))))
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
            Letter::Sender => Cow::Owned(format!("{}@{}", query.local_part, self.sender_domain())),
            Letter::LocalPart => Cow::Borrowed(&query.local_part),
            Letter::SenderDomain => self.sender_domain(),
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

    fn sender_domain(&self) -> Cow<'_, str> {
        match domain_to_check(&self.query.domain) {
            Some(domain) => Cow::Owned(domain),
            None => Cow::Borrowed(&self.query.domain),
        }
    }

    /// Fetches and expands the explanation; any trouble means none (section 6.2).
    async fn explain(&mut self) -> Option<String> {
        let (spec, domain) = self.explanation.take()?;
        let fetched = tokio::time::timeout(self.limits.time, self.fetch_explanation(&spec, &domain)).await;
        fetched.ok().flatten()
    }

    async fn fetch_explanation(&mut self, spec: &MacroString, domain: &str) -> Option<String> {
        let name = self.expand(spec, domain).await.ok()??;
        let answer = self.resolver.txt(&name).await.ok()?;
        let [txt] = answer.records.as_slice() else { return None };
        let text = MacroString::parse(txt, Place::Explanation).ok()?;
        let client_name = if text.uses(Letter::Name) { self.client_name(domain).await.ok()? } else { String::new() };
        let text = text.expand(|letter| self.value(letter, domain, &client_name));
        let printable = text.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' });
        Some(printable.take(LONGEST_EXPLANATION).collect())
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

/// True if `ip` is of the same kind as `network` and agrees with its first `prefix` bits.
fn in_network(ip: IpAddr, network: IpAddr, prefix: u8) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => masked4(ip, prefix) == masked4(network, prefix),
        (IpAddr::V6(ip), IpAddr::V6(network)) => masked6(ip, prefix) == masked6(network, prefix),
        _ => false,
    }
}

fn masked4(ip: Ipv4Addr, prefix: u8) -> u32 {
    ip.to_bits() & u32::MAX.checked_shl(32u32.saturating_sub(prefix.into())).unwrap_or(0)
}

fn masked6(ip: Ipv6Addr, prefix: u8) -> u128 {
    ip.to_bits() & u128::MAX.checked_shl(128u32.saturating_sub(prefix.into())).unwrap_or(0)
}

/// %{i}: dotted quad, or the 32 nibbles of IPv6 with dots (section 7.3).
fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let nibbles: Vec<String> = format!("{:032x}", ip.to_bits()).chars().map(String::from).collect();
            nibbles.join(".")
        }
    }
}

fn same_name(a: &str, b: &str) -> bool {
    a.trim_end_matches('.').eq_ignore_ascii_case(b.trim_end_matches('.'))
}

fn is_within(name: &str, parent: &str) -> bool {
    let (name, parent) = (name.trim_end_matches('.'), parent.trim_end_matches('.'));
    let border = name.len().checked_sub(parent.len() + 1);
    let below = border.is_some_and(|at| {
        name.as_bytes().get(at) == Some(&b'.') && name.get(at + 1..).is_some_and(|end| end.eq_ignore_ascii_case(parent))
    });
    below || name.eq_ignore_ascii_case(parent)
}

/// "When the result of macro expansion is used in a domain name query, if the expanded domain name exceeds 253
/// characters [...], the left side is truncated to fit, by removing successive domain labels" (section 7.3).
fn shortened(name: &str) -> String {
    let mut name = name.strip_suffix('.').unwrap_or(name);
    while name.len() > LONGEST_NAME {
        match name.split_once('.') {
            Some((_, rest)) => name = rest,
            None => break,
        }
    }
    name.to_owned()
}
