//! What domains of old said about mail without a signature of theirs: ADSP (RFC 5617, historic) and the policy of
//! DomainKeys (RFC 4870 section 3.6).
//!
//! DMARC takes the place of both; they are asked for only where somebody wants them. The still older draft "SSP"
//! (`_policy._domainkey`) never became a standard and is not asked for at all.

use crate::{
    dmarc::author_domain,
    dns::{LookupError, Resolver},
    results::ResultEntry,
};
use dkimproxy_core::{
    address::{self, Mailbox},
    domain::DomainName,
    domainkeys::DomainKeysVerification,
    header::Header,
    tag_list::TagList,
    verify::{DkimResult, Verification},
};
use futures_util::future::{join, join_all};

/// Author domains that are asked about where From names several, against messages made to cost many questions.
const MAX_AUTHORS: usize = 10;

/// Whose mail a message claims to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Originators {
    /// The domains in From: each is judged by itself.
    authors: Vec<DomainName>,
    sender: Option<Sender>,
}

/// The sending address of DomainKeys.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sender {
    address: Mailbox,
    domain: DomainName,
}

impl Originators {
    /// Reads From, and Sender where `domainkeys` says that the policy of DomainKeys is wanted, too. It should be only
    /// where its signatures are verified: they are what the policy is about.
    pub fn of(header: &Header, domainkeys: bool) -> Self {
        let authors = author_domain(header).domains().iter().take(MAX_AUTHORS).cloned().collect();
        Self { authors, sender: domainkeys.then(|| Sender::of(header)).flatten() }
    }
}

impl Sender {
    /// The first address of Sender, else of From (RFC 4870 section 3.1). None: nobody can tell.
    fn of(header: &Header) -> Option<Self> {
        let name = if header.named("Sender").next().is_some() { "Sender" } else { "From" };
        let mut fields = header.named(name);
        let field = fields.next().filter(|_| fields.next().is_none())?;
        let list = address::read(field.body());
        let address = list.mailboxes.into_iter().next().filter(|_| list.is_certain)?;
        Some(Self { domain: address.domain_name()?, address })
    }

    /// i= names the sender or, without a local part, the sender's domain.
    fn is_of_dkim(&self, found: &Verification) -> bool {
        found.identity.as_ref().is_some_and(|identity| {
            let local_part = identity.local_part();
            let is_whole_domain = local_part.is_empty();
            *identity.domain() == self.domain
                && (is_whole_domain || local_part.eq_ignore_ascii_case(self.address.local_part().as_bytes()))
        })
    }

    fn is_of_domainkeys(&self, found: &DomainKeysVerification) -> bool {
        found.sender.as_ref().is_some_and(|sender| sender.address == self.address)
    }
}

/// What DNS says about the policies of one message's originators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    adsp: Vec<(DomainName, AdspResult)>,
    /// The sender, and whether all mail of its domain is signed.
    sender: Option<(Sender, bool)>,
}

/// Asks all questions at once. What has no answer is no reason for anything.
pub async fn lookup<R: Resolver>(resolver: &R, originators: Originators) -> Published {
    let adsp = join_all(originators.authors.into_iter().map(|domain| async move {
        let practices = practices(resolver, &domain).await;
        (domain, practices)
    }));
    let sender = async {
        let sender = originators.sender?;
        let signs_all = signs_all(resolver, &sender.domain).await;
        Some((sender, signs_all))
    };
    let (adsp, sender) = join(adsp, sender).await;
    Published { adsp, sender }
}

/// The results of ADSP (RFC 5617 section 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdspResult {
    /// The domain publishes nothing.
    None,
    /// A signature of the domain passes.
    Pass,
    /// The domain signs some of its mail.
    Unknown,
    /// The domain says that it signs all of its mail.
    Fail,
    /// So it does, and it wants what is not signed to be thrown away.
    Discard,
    /// The domain does not exist.
    NxDomain,
    /// DNS trouble; a later attempt may tell more.
    TempError,
    /// What the domain publishes cannot be read, or there are several records.
    PermError,
}

impl AdspResult {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
            Self::Discard => "discard",
            Self::NxDomain => "nxdomain",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }

    /// What it means for the message, as DKIMproxy 1.4 had it: only `discardable` is a reason to refuse.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Pass => Verdict::Accept,
            Self::Discard => Verdict::Reject,
            Self::None | Self::Unknown | Self::Fail | Self::NxDomain | Self::TempError | Self::PermError => {
                Verdict::Neutral
            }
        }
    }
}

/// What a policy says about a message, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It is signed by whom it claims to come from.
    Accept,
    /// Nothing.
    Neutral,
    /// The domain does not want it to be delivered.
    Reject,
}

impl Verdict {
    /// The word, as dkimproxy-verify printed it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Neutral => "neutral",
            Self::Reject => "reject",
        }
    }
}

/// What the policies say about one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorPolicy {
    /// Each author domain, in the order of From, and what ADSP says of it.
    pub adsp: Vec<(DomainName, AdspResult)>,
    /// The sender's domain and what its DomainKeys policy says. None: not asked for, or nobody can tell who sent it.
    pub sender: Option<(DomainName, Verdict)>,
}

impl Published {
    /// Applies the policies. `dkim` has each signature with the result that it counts as; `domainkeys` may be empty.
    ///
    /// A signature that may yet turn out good (`temperror`) keeps its domain's policy from refusing the message.
    pub fn evaluate(
        &self,
        dkim: &[(&Verification, DkimResult)],
        domainkeys: &[DomainKeysVerification],
    ) -> AuthorPolicy {
        let adsp = self.adsp.iter().map(|(domain, practices)| {
            // An "Author Domain Signature" has the very domain in d= (RFC 5617 section 2.7).
            let own = dkim.iter().filter(|(found, _)| found.domain.as_ref() == Some(domain));
            let result = match best(own.map(|(_, result)| *result)) {
                Some(DkimResult::Pass) => AdspResult::Pass,
                Some(_) if practices.verdict() == Verdict::Reject => AdspResult::TempError,
                _ => *practices,
            };
            (domain.clone(), result)
        });
        let sender = self.sender.as_ref().map(|(sender, signs_all)| {
            let of_dkim = dkim.iter().filter(|(found, _)| sender.is_of_dkim(found)).map(|(_, result)| *result);
            let of_domainkeys = domainkeys.iter().filter(|found| sender.is_of_domainkeys(found));
            let verdict = match best(of_dkim.chain(of_domainkeys.map(DomainKeysVerification::result))) {
                Some(DkimResult::Pass) => Verdict::Accept,
                None if *signs_all => Verdict::Reject,
                _ => Verdict::Neutral,
            };
            (sender.domain.clone(), verdict)
        });
        AuthorPolicy { adsp: adsp.collect(), sender }
    }
}

impl AuthorPolicy {
    /// The worst of all author domains; neutral where From names none.
    pub fn author(&self) -> Verdict {
        self.adsp.iter().map(|(_, result)| result.verdict()).max().unwrap_or(Verdict::Neutral)
    }

    /// One result `dkim-adsp` for each author domain (RFC 5617 section 5.4).
    pub fn entries(&self) -> impl Iterator<Item = ResultEntry> {
        let entry = |(domain, result): &(DomainName, AdspResult)| {
            ResultEntry::new("dkim-adsp", result.as_str()).with("header", "from", domain.as_str())
        };
        self.adsp.iter().map(entry)
    }
}

/// `pass` if there is one, else `temperror`, which may yet become one.
fn best(results: impl Iterator<Item = DkimResult> + Clone) -> Option<DkimResult> {
    let is_there = |wanted: &DkimResult| results.clone().any(|result| result == *wanted);
    [DkimResult::Pass, DkimResult::TempError].into_iter().find(is_there)
}

/// The result for a message that the domain did not sign (RFC 5617 section 4.3).
///
/// Whether the domain exists is asked only where there is no record: below a name that does not exist there is none.
async fn practices<R: Resolver>(resolver: &R, domain: &DomainName) -> AdspResult {
    match resolver.txt(&format!("_adsp._domainkey.{domain}")).await {
        Ok(answer) => match answer.records.as_slice() {
            [record] => read_practices(record),
            // Several records leave open what is meant.
            _ => AdspResult::PermError,
        },
        Err(LookupError::ServerFailure | LookupError::Timeout) => AdspResult::TempError,
        Err(LookupError::NoName { .. } | LookupError::NoData { .. }) => match resolver.mx(domain.as_str()).await {
            Err(LookupError::NoName { .. }) => AdspResult::NxDomain,
            Err(LookupError::ServerFailure | LookupError::Timeout) => AdspResult::TempError,
            Ok(_) | Err(LookupError::NoData { .. }) => AdspResult::None,
        },
    }
}

/// "Every ADSP Record MUST start with an outbound signing-practices tag", and "any other values are treated as
/// "unknown"" (RFC 5617 section 4.2.1).
fn read_practices(record: &[u8]) -> AdspResult {
    let Ok(tags) = TagList::parse(record) else { return AdspResult::PermError };
    match tags.iter().next().filter(|tag| tag.name == "dkim").map(|tag| tag.value) {
        Some(b"all") => AdspResult::Fail,
        Some(b"discardable") => AdspResult::Discard,
        Some(_) => AdspResult::Unknown,
        None => AdspResult::PermError,
    }
}

/// `o=-` without `t=y` (RFC 4870 section 3.6). Without a record that can be read, "o=~" is meant.
async fn signs_all<R: Resolver>(resolver: &R, domain: &DomainName) -> bool {
    let Ok(answer) = resolver.txt(&format!("_domainkey.{domain}")).await else { return false };
    let [record] = answer.records.as_slice() else { return false };
    TagList::parse(record).is_ok_and(|tags| tags.get("o") == Some(b"-") && tags.get("t") != Some(b"y"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Zone;
    use dkimproxy_core::{
        domain::Identity,
        verify::{SignatureKind, VerifyError},
    };

    const FROM: &str = "From: Joe <joe@example.org>\r\n";

    fn originators(header: &str) -> Originators {
        Originators::of(&Header::parse(header.as_bytes().to_vec()), true)
    }

    /// A signature. What was found about it is told beside it.
    fn signature(domain: &str, identity: &str) -> Verification {
        Verification {
            index: 0,
            kind: SignatureKind::Dkim,
            domain: DomainName::new(domain).ok(),
            selector: None,
            algorithm: None,
            identity: Identity::new(identity.as_bytes()).ok(),
            signature_text: String::new(),
            key_bits: None,
            testing: false,
            uncovered: 0,
            outcome: Err(VerifyError::BodyHash),
        }
    }

    async fn policy(zone: &Zone, header: &str, signed: &[(Verification, DkimResult)]) -> AuthorPolicy {
        let signed: Vec<(&Verification, DkimResult)> = signed.iter().map(|(found, result)| (found, *result)).collect();
        lookup(zone, originators(header)).await.evaluate(&signed, &[])
    }

    async fn adsp(zone: &Zone, signed: &[(Verification, DkimResult)]) -> AdspResult {
        policy(zone, FROM, signed).await.adsp[0].1
    }

    fn publishing<const N: usize>(records: [&str; N]) -> Zone {
        Zone::new().with_txt("example.org", ["x"]).with_txt("_adsp._domainkey.example.org", records)
    }

    #[tokio::test]
    async fn adsp_records_of_mail_without_signature() {
        for (records, expected, verdict) in [
            (["dkim=all"], AdspResult::Fail, Verdict::Neutral),
            ([" dkim = discardable ; x=y;"], AdspResult::Discard, Verdict::Reject),
            (["dkim=unknown"], AdspResult::Unknown, Verdict::Neutral),
            (["dkim=later"], AdspResult::Unknown, Verdict::Neutral),
            (["x=y; dkim=discardable"], AdspResult::PermError, Verdict::Neutral),
            (["DKIM=discardable"], AdspResult::PermError, Verdict::Neutral),
            (["discardable"], AdspResult::PermError, Verdict::Neutral),
        ] {
            let result = adsp(&publishing(records), &[]).await;
            assert_eq!((result, result.verdict()), (expected, verdict), "{records:?}");
        }
        let two = publishing(["dkim=discardable", "dkim=all"]);
        assert_eq!(adsp(&two, &[]).await, AdspResult::PermError);
    }

    #[tokio::test]
    async fn adsp_without_a_record() {
        assert_eq!(adsp(&Zone::new(), &[]).await, AdspResult::NxDomain);
        assert_eq!(adsp(&Zone::new().with_txt("example.org", ["x"]), &[]).await, AdspResult::None);
        for name in ["example.org", "_adsp._domainkey.example.org"] {
            for error in [LookupError::Timeout, LookupError::ServerFailure] {
                assert_eq!(adsp(&Zone::new().with_failure(name, error), &[]).await, AdspResult::TempError, "{name}");
            }
        }
    }

    #[tokio::test]
    async fn adsp_counts_only_signatures_of_the_very_domain() {
        let zone = publishing(["dkim=discardable"]);
        for (domain, result, expected) in [
            ("example.org", DkimResult::Pass, AdspResult::Pass),
            ("EXAMPLE.ORG", DkimResult::Pass, AdspResult::Pass),
            ("mail.example.org", DkimResult::Pass, AdspResult::Discard),
            ("example.com", DkimResult::Pass, AdspResult::Discard),
            ("example.org", DkimResult::Fail, AdspResult::Discard),
            ("example.org", DkimResult::Policy, AdspResult::Discard),
            ("example.org", DkimResult::TempError, AdspResult::TempError),
            ("example.com", DkimResult::TempError, AdspResult::Discard),
        ] {
            let signed = [(signature(domain, "@example.org"), result)];
            assert_eq!(adsp(&zone, &signed).await, expected, "{domain} {result:?}");
        }
    }

    #[tokio::test]
    async fn each_author_is_judged_and_the_worst_counts() {
        let zone = publishing(["dkim=discardable"]).with_txt("example.com", ["x"]);
        let policy = policy(&zone, "From: a@example.com, b@example.org\r\n", &[]).await;
        let words: Vec<_> = policy.adsp.iter().map(|(domain, result)| (domain.as_str(), result.as_str())).collect();
        assert_eq!(words, [("example.com", "none"), ("example.org", "discard")]);
        assert_eq!(policy.author(), Verdict::Reject);
        let many: Vec<String> = (0..50).map(|n| format!("a@d{n}.example")).collect();
        assert_eq!(originators(&format!("From: {}\r\n", many.join(", "))).authors.len(), MAX_AUTHORS);
    }

    #[tokio::test]
    async fn dk11_the_policy_of_the_sender() {
        let sent = "From: joe@example.org\r\nSender: Jane@example.com\r\n";
        let signed = |identity, result| vec![(signature("example.com", identity), result)];
        for (record, signed, expected) in [
            ("o=-", vec![], Verdict::Reject),
            ("o=-; n=notes; r=a@example.com", vec![], Verdict::Reject),
            ("o=~", vec![], Verdict::Neutral),
            ("t=y; o=-", vec![], Verdict::Neutral),
            ("o=-; o=-", vec![], Verdict::Neutral),
            ("n=nothing", vec![], Verdict::Neutral),
            ("o=~", signed("@example.com", DkimResult::Pass), Verdict::Accept),
            ("o=-", signed("jane@example.com", DkimResult::Pass), Verdict::Accept),
            ("o=-", signed("joe@example.com", DkimResult::Pass), Verdict::Reject),
            ("o=-", signed("@mail.example.com", DkimResult::Pass), Verdict::Reject),
            ("o=-", signed("@example.com", DkimResult::Fail), Verdict::Reject),
            ("o=-", signed("@example.com", DkimResult::TempError), Verdict::Neutral),
        ] {
            let zone = Zone::new().with_txt("_domainkey.example.com", [record]);
            let (domain, verdict) = policy(&zone, sent, &signed).await.sender.unwrap();
            assert_eq!((domain.as_str(), verdict), ("example.com", expected), "{record}");
        }
        let zone = Zone::new().with_failure("_domainkey.example.com", LookupError::Timeout);
        assert_eq!(policy(&zone, sent, &[]).await.sender.unwrap().1, Verdict::Neutral);
    }

    #[test]
    fn who_the_sender_is() {
        for (header, expected) in [
            (FROM, Some("example.org")),
            ("From: joe@example.org\r\nSender: a@example.com\r\n", Some("example.com")),
            ("From: joe@example.org\r\nSender: a@example.com\r\nSender: a@example.com\r\n", None),
            ("From: joe@example.org\r\nSender: nobody\r\n", None),
            ("Subject: x\r\n", None),
        ] {
            let sender = originators(header).sender;
            assert_eq!(sender.as_ref().map(|sender| sender.domain.as_str()), expected, "{header}");
        }
        assert_eq!(Originators::of(&Header::parse(FROM.into()), false).sender, None);
    }
}
