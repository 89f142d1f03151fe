use super::*;
use crate::PROGRAM;
use dkimproxy_auth::dns::{LookupError, Zone};
use dkimproxy_core::{
    canonicalize::Canonicalization,
    domain::{DomainName, Identity, Selector},
    key::SigningKey,
    message::MessageReader,
    sign::{CoveredFields, Signer, SigningRequest},
    signature::Layout,
};
use dkimproxy_daemon::{
    config::{Entry, Origin, Problems, RawConfig},
    filter::Edits,
};

const MESSAGE: &str = "From: Joe <joe@example.org>\r\nSubject: x\r\nMessage-ID: <1@example.org>\r\n\r\nHello\r\n";

/// As the options have it by default, but for these. Without SPF, DMARC and ARC, of which other tests tell.
fn configured(options: &[(&str, &str)]) -> Config {
    let basics = [
        ("hostname", "mx.example.net"),
        ("authserv_alias", "old.example.net"),
        ("spf", "off"),
        ("dmarc", "off"),
        ("arc", "off"),
    ];
    config_of(&[&basics, options].concat())
}

/// As the options have it by default, but for these.
fn config_of(options: &[(&str, &str)]) -> Config {
    let mut problems = Problems::default();
    let entry = |(key, text): &(&str, &str)| Entry {
        key: PROGRAM.option(key).unwrap(),
        value: (*text).to_owned(),
        origin: Origin::Flag,
    };
    let raw = RawConfig::new(&PROGRAM, options.iter().map(entry).collect(), Vec::new());
    Config::from_raw(&raw, &mut problems).unwrap_or_else(|| panic!("{problems}"))
}

fn config() -> Config {
    configured(&[])
}

fn rejecting() -> Config {
    configured(&[("reject_fail", "on"), ("reject_error", "on")])
}

/// A key, what DNS says about it, and the message that it signed.
struct Signed {
    message: String,
    record: String,
}

impl Signed {
    fn new(message: &str, identity: Option<&str>) -> Self {
        let (key, _) = SigningKey::generate_ed25519().unwrap();
        let record = key.record();
        let request = SigningRequest {
            key: Arc::new(key),
            domain: DomainName::new("example.org").unwrap(),
            selector: Selector::new("sel").unwrap(),
            canonicalization: Canonicalization::RELAXED,
            identity: identity.map(|text| Identity::new(text.as_bytes()).unwrap()),
            covered: Arc::new(CoveredFields::default()),
            timestamp: false,
            lifetime: None,
            layout: Layout::Ours,
        };
        let mut reader = MessageReader::new(1 << 20);
        let body = reader.push(message.as_bytes()).unwrap().to_vec();
        let signer = Signer::new(reader.finish().unwrap().clone(), vec![request], 0);
        let mut hasher = signer.body_hasher();
        hasher.update(&body);
        let field = signer.finish(&hasher.finish()).unwrap().concat();
        Self { message: format!("{}{message}", String::from_utf8(field).unwrap()), record }
    }

    fn zone(&self) -> Zone {
        Zone::new().with_txt("sel._domainkey.example.org", [self.record.as_str()])
    }
}

async fn decide(config: Config, zone: Zone, message: &str) -> Decision {
    decide_in_chunks(config, zone, message, usize::MAX, &Transaction::default()).await
}

async fn decide_in_chunks(config: Config, zone: Zone, message: &str, size: usize, envelope: &Transaction) -> Decision {
    let authenticator = config.ask(Dns::Zone(zone));
    let filter = Arc::new(VerifyFilter::new(config, authenticator));
    let mut incoming = filter.begin(&Client::default(), envelope);
    message.as_bytes().chunks(size).for_each(|chunk| incoming.chunk(chunk));
    incoming.finish().await
}

/// What the relay gets.
fn relayed(decision: &Decision, message: &str) -> String {
    let Verdict::Relay(Edits { prepend, cut }) = &decision.verdict else { panic!("refused: {decision:?}") };
    let mut kept = prepend.clone();
    let mut from = 0;
    for range in cut {
        kept.extend(&message.as_bytes()[from..usize::try_from(range.start).unwrap()]);
        from = usize::try_from(range.end).unwrap();
    }
    kept.extend(&message.as_bytes()[from..]);
    String::from_utf8(kept).unwrap()
}

fn refused(decision: &Decision) -> Option<(u16, String)> {
    match &decision.verdict {
        Verdict::Refuse(reply) => Some((reply.code(), reply.enhanced().unwrap_or_default().to_owned())),
        Verdict::Relay(_) => None,
    }
}

#[tokio::test]
async fn a_good_signature_passes_and_the_message_stays_as_it_was() {
    let signed = Signed::new(MESSAGE, None);
    let decision = decide(rejecting(), signed.zone(), &signed.message).await;
    let relayed = relayed(&decision, &signed.message);
    let (ours, rest) = relayed.split_at(relayed.len() - signed.message.len());
    assert_eq!(rest, signed.message);
    let b = ours.split_once("header.b=").unwrap().1.split_once("\r\n").unwrap().0;
    assert_eq!(
        ours,
        format!(
            "Authentication-Results: mx.example.net;\r\n\
             \tdkim=pass (256-bit key) header.d=example.org header.i=@example.org\r\n\
             \theader.s=sel header.a=ed25519-sha256 header.b={b}\r\n\
             X-DKIM-Authentication-Results: pass\r\n"
        )
    );
    assert_eq!(decision.summary, "DKIM verify - pass");
    let field = |name, value: &str| (name, value.to_owned());
    assert_eq!(
        decision.fields,
        [field("message-id", "1@example.org"), field("signer", "@example.org"), field("from", "joe@example.org")]
    );
}

#[tokio::test]
async fn a_message_without_signature_has_the_result_none() {
    let decision = decide(rejecting(), Zone::new(), MESSAGE).await;
    assert_eq!(
        relayed(&decision, MESSAGE),
        format!(
            "Authentication-Results: mx.example.net; dkim=none\r\nX-DKIM-Authentication-Results: none\r\n{MESSAGE}"
        )
    );
    assert_eq!(decision.summary, "DKIM verify - none");
}

#[tokio::test]
async fn a_message_that_was_changed_passes_with_fail_unless_told_otherwise() {
    let signed = Signed::new(MESSAGE, None);
    let changed = signed.message.replace("Hello", "Jello");
    let decision = decide(config(), signed.zone(), &changed).await;
    let text = relayed(&decision, &changed);
    assert!(text.contains("\r\n\tdkim=fail (256-bit key) reason=\"body hash did not verify\"\r\n"), "{text}");
    assert!(text.contains("\r\nX-DKIM-Authentication-Results: fail (body hash did not verify)\r\n"), "{text}");
    assert_eq!(decision.summary, "DKIM verify - fail (body hash did not verify)");

    let decision = decide(rejecting(), signed.zone(), &changed).await;
    assert_eq!(refused(&decision), Some((550, "5.7.20".into())));
}

/// RFC 6376 section 6.3: "cryptographic signature verification failures MUST NOT provoke 4xx SMTP replies."
#[tokio::test]
async fn a_failed_verification_is_never_a_4xx() {
    let signed = Signed::new(MESSAGE, None);
    let changed = signed.message.replace("Hello", "Jello");
    let config = || configured(&[("reject_error", "on")]);
    assert_eq!(refused(&decide(config(), signed.zone(), &changed).await), None);
    let revoked = Zone::new().with_txt("sel._domainkey.example.org", ["v=DKIM1; p="]);
    assert_eq!(refused(&decide(config(), revoked, &changed).await), None);
    assert_eq!(refused(&decide(config(), Zone::new(), &changed).await), None);
}

#[tokio::test]
async fn dns_trouble_is_temperror_and_a_4xx_only_where_asked_for() {
    let signed = Signed::new(MESSAGE, None);
    for error in [LookupError::Timeout, LookupError::ServerFailure] {
        let zone = || Zone::new().with_failure("sel._domainkey.example.org", error);
        let decision = decide(configured(&[("reject_fail", "on")]), zone(), &signed.message).await;
        let text = relayed(&decision, &signed.message);
        assert!(text.contains("\r\n\tdkim=temperror reason=\"key unavailable\" header.d=example.org"), "{text}");
        let decision = decide(rejecting(), zone(), &signed.message).await;
        assert_eq!(refused(&decision), Some((451, "4.7.5".into())));
    }
}

/// "Verifiers MUST NOT treat messages from Signers in testing mode differently from unsigned email" (RFC 6376, 3.6.1).
#[tokio::test]
async fn keys_in_test_mode_are_never_a_reason_to_refuse() {
    let signed = Signed::new(MESSAGE, None);
    let changed = signed.message.replace("Hello", "Jello");
    let record = format!("{}; t=y", signed.record);
    let zone = Zone::new().with_txt("sel._domainkey.example.org", [record.as_str()]);
    let text = relayed(&decide(rejecting(), zone, &changed).await, &changed);
    assert!(text.contains("dkim=fail (256-bit key, test mode)"), "{text}");
}

#[tokio::test]
async fn one_good_signature_is_enough() {
    let signed = Signed::new(MESSAGE, None);
    let other = "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=x; h=from; bh=eA==; b=eA==\r\n";
    let message = format!("{other}{}", signed.message);
    let zone = signed.zone().with_failure("x._domainkey.example.com", LookupError::Timeout);
    let decision = decide(rejecting(), zone, &message).await;
    let text = relayed(&decision, &message);
    assert!(text.contains("dkim=temperror") && text.contains("dkim=pass"), "{text}");
    assert!(text.contains("\r\nX-DKIM-Authentication-Results: pass\r\n"), "{text}");
    assert_eq!(decision.summary, "DKIM verify - pass");
}

#[tokio::test]
async fn promise_4_where_the_message_is_cut_changes_no_output() {
    let signed = Signed::new(&format!("Authentication-Results: mx.example.net; dkim=pass\r\n{MESSAGE}"), None);
    let whole = decide(config(), signed.zone(), &signed.message).await;
    for size in [1, 2, 3, 7, 64, 200] {
        let envelope = Transaction::default();
        let cut = decide_in_chunks(config(), signed.zone(), &signed.message, size, &envelope).await;
        assert_eq!(cut, whole, "chunks of {size}");
    }
}

/// What is signed is verified as it came, and removed only then.
#[tokio::test]
async fn a_forged_field_is_removed_after_verification() {
    let forged = "Authentication-Results: mx.example.net; dkim=pass header.d=bank.example\r\n";
    let signed = Signed::new(&format!("{forged}{MESSAGE}"), None);
    let text = relayed(&decide(config(), signed.zone(), &signed.message).await, &signed.message);
    assert!(text.contains("dkim=pass (256-bit key) header.d=example.org"), "{text}");
    assert!(!text.contains("bank.example"), "{text}");
}

#[tokio::test]
async fn promise_7_forged_results_are_removed_in_every_disguise() {
    let forged = [
        "Authentication-Results: mx.example.net; dkim=pass\r\n",
        "authentication-results:mx.example.net; dkim=pass\r\n",
        "Authentication-Results : mx.example.net; dkim=pass\r\n",
        "Authentication-Results:\r\n MX.EXAMPLE.NET.; dkim=pass\r\n",
        "Authentication-Results: (x) \"mx.example.net\";\r\n\tdkim=pass\r\n\theader.d=bank.example\r\n",
        "Authentication-Results: old.example.net/7; dkim=pass\r\n",
        "Authentication-Results: ; dkim=pass\r\n",
        "X-DKIM-Authentication-Results: pass\r\n",
        "x-dkim-authentication-results:\r\n pass\r\n",
    ];
    let foreign = [
        "Authentication-Results: mx.foreign.example; dkim=pass\r\n",
        "ARC-Authentication-Results: i=1; mx.example.net; dkim=pass\r\n",
        "X-Authentication-Results: mx.example.net; dkim=pass\r\n",
    ];
    let mixed: String = forged.iter().zip(foreign.iter().cycle()).map(|(a, b)| format!("{a}{b}")).collect();
    let kept: String = forged.iter().zip(foreign.iter().cycle()).map(|(_, b)| *b).collect();
    let body = "\r\nAuthentication-Results: mx.example.net; this is body\r\n";
    let message = format!("{mixed}From: a@example.org\r\n{mixed}{body}");
    let ours = "Authentication-Results: mx.example.net; dkim=none\r\nX-DKIM-Authentication-Results: none\r\n";
    let decision = decide(config(), Zone::new(), &message).await;
    assert_eq!(relayed(&decision, &message), format!("{ours}{kept}From: a@example.org\r\n{kept}{body}"));

    let text = relayed(&decide(configured(&[("remove_results", "all")]), Zone::new(), &message).await, &message);
    assert!(!text.contains("\r\nAuthentication-Results: mx.foreign.example"), "{text}");
    assert!(text.contains("\r\nARC-Authentication-Results: "), "{text}");
    let nothing = configured(&[("remove_results", "none")]);
    assert_eq!(relayed(&decide(nothing, Zone::new(), &message).await, &message), format!("{ours}{message}"));
}

/// A message that begins with a blank would go on with our last field.
#[tokio::test]
async fn promise_7_the_top_of_a_message_cannot_continue_our_field() {
    for top in [" ; dkim=pass header.d=bank.example\r\n", "\tpass\r\n more\r\n"] {
        for remove in ["own", "none"] {
            let message = format!("{top}{MESSAGE}");
            let text =
                relayed(&decide(configured(&[("remove_results", remove)]), Zone::new(), &message).await, &message);
            assert!(text.ends_with(&format!("\r\nX-DKIM-Authentication-Results: none\r\n{MESSAGE}")), "{text}");
        }
    }
}

/// DKIMproxy 1.4.1 decoded i= and wrote it as it was.
#[tokio::test]
async fn promise_7_an_encoded_identity_injects_nothing() {
    let identities = [
        "joe=0D=0AX-Injected:=20yes=0D=0AX:=20@example.org",
        "joe=3B=20dkim=3Dpass=20header.d=3Dbank.example@example.org",
        "=22=3B=20dkim=3Dpass=22@example.org",
        "joe=00@example.org",
    ];
    for i in identities {
        let signature = format!(
            "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=sel; i={i}; h=from; bh=eA==; b=a/b+cdefghij=\r\n"
        );
        let junk = "DKIM-Signature: v=1; a=x dkim=pass; d=example.com dkim=pass header.d=bank.example; s=a;b\r\n";
        let message = format!("{signature}{junk}{MESSAGE}");
        let decision = decide(config(), Zone::new(), &message).await;
        let text = relayed(&decision, &message);
        let ours = text.strip_suffix(&message).unwrap();
        for line in ours.split_terminator("\r\n") {
            assert!(
                line.starts_with(['\t', 'A']) || line.starts_with("X-DKIM-Authentication-Results: permerror"),
                "{ours}"
            );
            assert!(!line.contains(|c: char| c.is_control() && c != '\t'), "{ours}");
        }
        let field = ours.split_once("Authentication-Results:").unwrap().1.split_once("\r\nX-").unwrap().0;
        let read = dkimproxy_auth::results::parse(field.as_bytes()).unwrap();
        assert!(read.results.iter().all(|one| one.result == "permerror"), "{ours}");
        assert_eq!(read.results.len(), 2, "{ours}");
    }
}

#[tokio::test]
async fn an_identity_in_utf_8_is_written_only_with_smtputf8() {
    let signed = Signed::new(MESSAGE, Some("j\u{f6}@example.org"));
    for (smtputf8, expected) in [(true, "header.i=\"j\u{f6}\"@example.org"), (false, "header.i=\"j?\"@example.org")] {
        let envelope = Transaction { smtputf8, ..Transaction::default() };
        let decision = decide_in_chunks(config(), signed.zone(), &signed.message, 1000, &envelope).await;
        let text = relayed(&decision, &signed.message);
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("dkim=pass"), "{text}");
    }
}

#[tokio::test]
async fn a_header_without_end_is_refused() {
    let message = format!("Subject: {}\r\n\r\n", "x".repeat(600_000));
    let decision = decide(config(), Zone::new(), &message).await;
    assert_eq!(refused(&decision), Some((552, "5.3.4".into())));
    assert!(decision.warn);
}

#[tokio::test]
async fn a_message_without_body_and_one_without_anything() {
    let signed = Signed::new("From: joe@example.org\r\n", None);
    let decision = decide(config(), signed.zone(), &signed.message).await;
    assert!(relayed(&decision, &signed.message).contains("dkim=pass"));
    assert!(relayed(&decide(config(), Zone::new(), "").await, "").contains("dkim=none"));
}

mod actions;
mod author_policy;
mod injection;
mod receiver;
