//! Policies of before DMARC: asked for only if switched on, obeyed only with reject_fail.

use super::*;

fn publishing() -> Zone {
    Zone::new().with_txt("_adsp._domainkey.example.org", ["dkim=discardable"])
}

#[tokio::test]
async fn a_message_that_its_author_wants_discarded_is_refused_with_reject_fail() {
    let both = [("author_policy", "on"), ("reject_fail", "on")];
    let decision = decide(configured(&both), publishing(), MESSAGE).await;
    assert_eq!(refused(&decision), Some((550, "5.7.1".into())));
    for only in both {
        let text = relayed(&decide(configured(&[only]), publishing(), MESSAGE).await, MESSAGE);
        let told = text.contains("dkim-adsp=discard header.from=example.org");
        assert_eq!(told, only.0 == "author_policy", "{text}");
    }
    let dry = configured(&[both[0], both[1], ("dry_run", "on")]);
    let text = relayed(&decide(dry, publishing(), MESSAGE).await, MESSAGE);
    assert!(text.contains("dkim-adsp=discard (dry run: would be refused with 550 5.7.1)"), "{text}");
}

#[tokio::test]
async fn a_signature_of_the_author_satisfies_the_policy() {
    let signed = Signed::new(MESSAGE, None);
    let zone = signed.zone().with_txt("_adsp._domainkey.example.org", ["dkim=discardable"]);
    let config = configured(&[("author_policy", "on"), ("reject_fail", "on")]);
    let text = relayed(&decide(config, zone, &signed.message).await, &signed.message);
    assert!(text.contains("dkim-adsp=pass header.from=example.org"), "{text}");
}

/// With DomainKeys unchecked nobody could tell whether its policy is met.
#[tokio::test]
async fn the_policy_of_domainkeys_counts_only_where_its_signatures_are_checked() {
    for (domainkeys, expected) in [("on", Some((550, "5.7.1".to_owned()))), ("off", None)] {
        let zone = Zone::new().with_txt("_domainkey.example.org", ["o=-"]);
        let config = configured(&[("author_policy", "on"), ("reject_fail", "on"), ("domainkeys", domainkeys)]);
        assert_eq!(refused(&decide(config, zone, MESSAGE).await), expected, "domainkeys {domainkeys}");
    }
}

#[tokio::test]
async fn what_a_relay_of_ours_hands_on_is_not_refused() {
    let config = configured(&[("author_policy", "on"), ("reject_fail", "on"), ("trusted_networks", "192.0.2.1")]);
    let authenticator = config.ask(Dns::Zone(publishing()));
    let filter = Arc::new(VerifyFilter::new(config, authenticator));
    let relay = Client { addr: Some([192, 0, 2, 1].into()), ..Client::default() };
    let mut incoming = filter.begin(&relay, &Transaction::default());
    incoming.chunk(MESSAGE.as_bytes());
    assert_eq!(refused(&incoming.finish().await), None);
}
