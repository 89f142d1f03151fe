use super::*;
use crate::{
    dmarc::{Alignment, DmarcResult, Policy},
    dns::{LookupError, Zone},
    results::{AuthenticationResults, AuthservId},
    spf::SpfResult,
};
use dkimproxy_core::{
    arc::{ArcOutcome, ArcResult},
    domain::Selector,
    verify::{SignatureKind, Verification, VerifyError},
};

const ZONE: &str = r#"{
    "example.org": {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"], "A": ["192.0.2.1"]},
    "_dmarc.example.org": ["v=DMARC1; p=reject; sp=quarantine"],
    "sub.example.org": {"A": ["192.0.2.1"]},
    "other.example": ["v=spf1 +all"],
    "_dmarc.other.example": ["v=DMARC1; p=quarantine; t=y"],
    "helo.example.org": {"TXT": ["v=spf1 a -all"], "A": ["192.0.2.1"]},
    "1.2.0.192.in-addr.arpa": {"PTR": ["helo.example.org"]},
    "slow.example": "timeout", "_dmarc.slow.example": "timeout"
}"#;

fn zone() -> Zone {
    Zone::from_json(ZONE).unwrap()
}

fn name(text: &str) -> DomainName {
    DomainName::new(text).unwrap()
}

fn all() -> Settings {
    Settings { iprev: true, receiver: "mx.example.net".into(), ..Settings::default() }
}

fn authenticator(settings: Settings) -> Authenticator<Zone> {
    Authenticator::new(zone(), settings, KeyLimits::default())
}

/// A message of joe@example.org, from 192.0.2.1.
fn questions() -> Questions {
    Questions {
        client_ip: Some([192, 0, 2, 1].into()),
        helo: "helo.example.org".into(),
        reverse_path: Some("joe@example.org".into()),
        author: AuthorDomain::One(name("example.org")),
        signing_domains: Vec::new(),
        keys: Vec::new(),
        now: 0,
    }
}

/// A signature of that domain, which failed. (A good one cannot be made up.)
fn failed(domain: &str, error: VerifyError) -> Verification {
    Verification {
        index: 0,
        kind: SignatureKind::Dkim,
        domain: Some(name(domain)),
        selector: Selector::new("s").ok(),
        algorithm: None,
        identity: None,
        signature_text: String::new(),
        key_bits: None,
        testing: false,
        uncovered: 0,
        outcome: Err(error),
    }
}

async fn findings(settings: Settings, questions: Questions) -> Findings {
    authenticator(settings).ask(questions).await.findings(Vec::new(), |_| true, None)
}

/// All results on one line.
fn line(findings: &Findings) -> String {
    let mut results = AuthenticationResults::new(AuthservId::new("mx.example.net").unwrap(), false);
    results.extend(findings.entries(Some([192, 0, 2, 1].into())));
    results.body()
}

#[tokio::test]
async fn all_checks_of_a_good_message() {
    let found = findings(all(), questions()).await;
    assert_eq!(
        line(&found),
        "mx.example.net; spf=pass (client 192.0.2.1) smtp.helo=helo.example.org; \
         spf=pass (client 192.0.2.1) smtp.mailfrom=example.org; \
         dmarc=pass (spf aligned) header.from=example.org policy.dmarc=reject; \
         iprev=pass (helo.example.org) policy.iprev=192.0.2.1"
    );
    let field = String::from_utf8(found.received_spf().unwrap()).unwrap();
    assert_eq!(
        field.replace("\r\n\t", " "),
        "Received-SPF: pass identity=mailfrom; client-ip=192.0.2.1; helo=helo.example.org; \
         envelope-from=\"joe@example.org\"; receiver=mx.example.net\r\n"
    );
}

#[tokio::test]
async fn what_is_switched_off_is_not_checked() {
    let off = Settings { spf: false, dmarc: false, iprev: false, ..all() };
    let found = findings(off, questions()).await;
    assert_eq!((line(&found).as_str(), found.received_spf()), ("mx.example.net; none", None));
}

#[tokio::test]
async fn sp6_without_a_client_address_there_is_no_spf() {
    let found = findings(all(), Questions { client_ip: None, ..questions() }).await;
    assert!(found.spf.is_empty() && found.iprev.is_none());
    assert_eq!(found.dmarc.unwrap().outcome.result, DmarcResult::Fail);
}

#[tokio::test]
async fn sp2_the_null_reverse_path_is_helo() {
    let null = Questions {
        reverse_path: Some(String::new()),
        author: AuthorDomain::One(name("helo.example.org")),
        ..questions()
    };
    let found = findings(all(), null).await;
    let [finding] = found.spf.as_slice() else { panic!("{:?}", found.spf) };
    assert_eq!((finding.query.scope, finding.query.local_part.as_str()), (Scope::Helo, "postmaster"));
    let dmarc = found.dmarc.unwrap().outcome;
    assert_eq!((dmarc.result, dmarc.record_domain.as_deref()), (DmarcResult::Pass, Some("example.org")));
}

#[tokio::test]
async fn dm18_helo_counts_for_nothing_else() {
    let found = findings(all(), Questions { reverse_path: Some("x@none.example".into()), ..questions() }).await;
    assert_eq!(found.spf.iter().map(|one| one.outcome.result).collect::<Vec<_>>(), [SpfResult::Pass, SpfResult::None]);
    assert_eq!(found.dmarc.unwrap().outcome.result, DmarcResult::Fail);
    let unknown = findings(all(), Questions { reverse_path: None, ..questions() }).await;
    assert_eq!(unknown.dmarc.unwrap().outcome.result, DmarcResult::Fail);
}

#[tokio::test]
async fn dm14_dm21_policies_and_what_is_asked() {
    for (author, policy, disposition) in [
        ("example.org", Policy::Reject, Policy::Reject),
        ("sub.example.org", Policy::Quarantine, Policy::Quarantine),
        ("absent.example.org", Policy::Quarantine, Policy::Quarantine),
        ("other.example", Policy::Quarantine, Policy::None),
    ] {
        let asked = Questions { client_ip: None, author: AuthorDomain::One(name(author)), ..questions() };
        let outcome = findings(all(), asked).await.dmarc.unwrap().outcome;
        assert_eq!((outcome.result, outcome.policy), (DmarcResult::Fail, Some(policy)), "{author}");
        assert_eq!(outcome.disposition, disposition, "{author}");
    }
}

#[tokio::test]
async fn dm20_trouble_is_neither_pass_nor_fail() {
    let slow = Questions { author: AuthorDomain::One(name("slow.example")), ..questions() };
    assert_eq!(findings(all(), slow).await.dmarc.unwrap().outcome.result, DmarcResult::TempError);
    // An aligned signature whose key could not be had might have passed.
    let asked = Questions { client_ip: None, signing_domains: vec![name("sub.example.org")], ..questions() };
    let evidence = authenticator(all()).ask(asked).await;
    for (domain, expected) in [("sub.example.org", DmarcResult::TempError), ("other.example", DmarcResult::Fail)] {
        let found = vec![failed(domain, VerifyError::KeyUnavailable)];
        let outcome = evidence.findings(found, |_| true, None).dmarc.unwrap().outcome;
        assert_eq!(outcome.result, expected, "{domain}");
    }
}

#[tokio::test]
async fn dm1_several_authors() {
    let several = AuthorDomain::Several(vec![name("other.example"), name("example.org")]);
    let asked = || Questions { client_ip: None, author: several.clone(), ..questions() };
    let dmarc = findings(all(), asked()).await.dmarc.unwrap();
    assert_eq!((dmarc.outcome.result, dmarc.domain), (DmarcResult::PermError, None));
    let strictest = Settings { several_authors: SeveralAuthors::Strictest, ..all() };
    let dmarc = findings(strictest, asked()).await.dmarc.unwrap();
    assert_eq!((dmarc.outcome.disposition, dmarc.domain), (Policy::Reject, Some(name("example.org"))));
    for (author, expected) in
        [(AuthorDomain::None, DmarcResult::None), (AuthorDomain::Malformed, DmarcResult::PermError)]
    {
        let found = findings(all(), Questions { author, ..questions() }).await;
        assert_eq!(found.dmarc.unwrap().outcome.result, expected);
    }
}

/// More authors than are checked: what was not looked at cannot pass.
#[tokio::test]
async fn dm1_too_many_authors_do_not_pass() {
    let authors = std::iter::repeat_n(name("example.org"), MAX_AUTHORS + 1).collect();
    let strictest = Settings { several_authors: SeveralAuthors::Strictest, ..all() };
    let found = findings(strictest, Questions { author: AuthorDomain::Several(authors), ..questions() }).await;
    assert_eq!(found.dmarc.unwrap().outcome.result, DmarcResult::PermError);
}

fn chain(sets: &[(&str, &str)]) -> ArcOutcome {
    ArcOutcome {
        result: ArcResult::Pass,
        oldest_pass: Some(0),
        instances: 2,
        sealers: sets.iter().map(|(sealer, _)| name(sealer)).collect(),
        assessments: sets.iter().map(|(_, saw)| format!(" id.example; {saw}").into()).collect(),
        failure: None,
    }
}

/// AC13: "local policy with a trust list of sealers; never blind".
#[tokio::test]
async fn a_trusted_sealer_lifts_a_failure() {
    let trusting = Settings { trusted_sealers: vec![name("list.example"), name("relay.example")], ..all() };
    let evidence = authenticator(trusting).ask(Questions { client_ip: None, ..questions() }).await;
    let lifted = |arc| evidence.findings(Vec::new(), |_| true, Some(arc)).dmarc.unwrap().lifted_by;
    let pass = "dmarc=pass header.from=example.org";
    assert_eq!(lifted(chain(&[("list.example", pass)])), Some(name("list.example")));
    assert_eq!(lifted(chain(&[("relay.example", "dmarc=fail"), ("list.example", pass)])), Some(name("list.example")));
    for none in [
        chain(&[("evil.example", pass)]),
        chain(&[("evil.example", pass), ("list.example", pass)]),
        chain(&[("list.example", "dmarc=fail header.from=example.org")]),
        chain(&[("list.example", "dmarc=pass header.from=evil.example")]),
        chain(&[("list.example", "spf=pass (dmarc=pass)")]),
        ArcOutcome { result: ArcResult::Fail, ..chain(&[("list.example", pass)]) },
    ] {
        assert_eq!(lifted(none), None);
    }
    let found = evidence.findings(Vec::new(), |_| true, Some(chain(&[("list.example", pass)])));
    assert_eq!(
        line(&found),
        "mx.example.net; dmarc=fail (lifted by the ARC seal of list.example) reason=\"neither DKIM nor SPF passed for a \
         domain aligned with From\" header.from=example.org policy.dmarc=reject; arc=pass (2 sets, last sealed by \
         list.example) smtp.remote-ip=192.0.2.1 header.oldest-pass=0"
    );
}

#[tokio::test]
async fn alignment_for_rules_of_ones_own() {
    let asked = Questions { signing_domains: vec![name("sub.example.org"), name("other.example")], ..questions() };
    let evidence = authenticator(all()).ask(asked).await;
    for (domain, relaxed, strict) in
        [("example.org", true, true), ("sub.example.org", true, false), ("other.example", false, false)]
    {
        assert_eq!(evidence.is_aligned(&name(domain), Alignment::Relaxed), Some(relaxed), "{domain}");
        assert_eq!(evidence.is_aligned(&name(domain), Alignment::Strict), Some(strict), "{domain}");
    }
    let nobody = authenticator(all()).ask(Questions { author: AuthorDomain::None, ..questions() }).await;
    assert_eq!(nobody.is_aligned(&name("example.org"), Alignment::Relaxed), None);
}

/// "The message waits for the slowest chain of questions, not for their sum", and never longer than it may.
#[tokio::test(start_paused = true)]
async fn questions_run_at_once_within_one_time_limit() {
    struct Slow(Zone);
    impl Resolver for Slow {
        async fn txt(&self, name: &str) -> Result<crate::dns::Answer<Vec<u8>>, LookupError> {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.0.txt(name).await
        }
        async fn a(&self, name: &str) -> Result<crate::dns::Answer<std::net::Ipv4Addr>, LookupError> {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.0.a(name).await
        }
        async fn aaaa(&self, name: &str) -> Result<crate::dns::Answer<std::net::Ipv6Addr>, LookupError> {
            self.0.aaaa(name).await
        }
        async fn mx(&self, name: &str) -> Result<crate::dns::Answer<crate::dns::MailExchanger>, LookupError> {
            self.0.mx(name).await
        }
        async fn ptr(&self, ip: IpAddr) -> Result<crate::dns::Answer<String>, LookupError> {
            tokio::time::sleep(Duration::from_secs(60)).await;
            self.0.ptr(ip).await
        }
    }
    let ask = async |settings: Settings| {
        let begin = tokio::time::Instant::now();
        let authenticator = Authenticator::new(Slow(zone()), settings, KeyLimits::default());
        let found = authenticator.ask(questions()).await.findings(Vec::new(), |_| true, None);
        (begin.elapsed(), line(&found))
    };
    // HELO: its record, then its address. All the rest is done by then.
    let (took, line) = ask(Settings { iprev: false, ..all() }).await;
    assert_eq!(took, Duration::from_secs(2), "{line}");
    assert!(line.contains("dmarc=pass"), "{line}");
    // With iprev, which has no answer in time.
    let (took, line) = ask(Settings { time: Duration::from_secs(10), ..all() }).await;
    assert_eq!(took, Duration::from_secs(10), "{line}");
    assert!(line.contains("dmarc=pass") && line.contains("iprev=temperror"), "{line}");
}

#[tokio::test]
async fn answers_are_asked_for_once() {
    let authenticator = authenticator(all());
    authenticator.ask(questions()).await;
    let first = authenticator.statistics();
    authenticator.clone().ask(questions()).await;
    let second = authenticator.statistics();
    assert_eq!(second.questions, 2 * first.questions);
    assert_eq!(second.hits, first.hits + first.questions);
}
