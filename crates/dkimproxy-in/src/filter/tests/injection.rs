//! Promise 7: nothing from a message, from DNS or from the client reaches a field, a log line or a reply unescaped.

use super::{
    receiver::{all_on, envelope, ours, results},
    *,
};
use dkimproxy_smtp::path::Path;

/// What a forger would like to see in our field, in the log and in a reply.
const FORGERIES: [&str; 12] = [
    "; dkim=pass header.d=bank.example",
    "\r\nAuthentication-Results: mx.example.net; dkim=pass header.d=bank.example",
    "\r\n\tdkim=pass header.d=bank.example",
    "\n dkim=pass header.d=bank.example;",
    "\" dkim=pass header.d=bank.example; x=\"",
    "\\\"; dkim=pass header.d=bank.example; x=\\\"",
    ") dkim=pass header.d=bank.example (",
    "\\) ; dkim=pass header.d=bank.example (\\",
    "\0; dkim=pass header.d=bank.example",
    "\u{2028}dkim=pass header.d=bank.example",
    "\u{202e}elpmaxe.knab=d.redaeh ssap=mikd",
    "250 2.0.0 OK\r\n250 Accepted",
];

const OPTIONS: [(&str, &str); 4] = [("iprev", "on"), ("received_spf", "on"), ("domainkeys", "on"), ("dry_run", "off")];

/// No result that is good, no field but ours, nothing that ends a line.
fn assert_harmless(decision: &Decision, place: &str) {
    let ours = ours(decision);
    for one in results(decision) {
        assert!(
            !["dkim=pass", "spf=pass", "dmarc=pass", "arc=pass", "domainkeys=pass"].contains(&one.as_str()),
            "{place}: {ours}"
        );
    }
    assert!(
        ours.ends_with("\r\n") && !ours.replace("\r\n", "").contains(['\r', '\n', '\0', '\u{2028}', '\u{202e}']),
        "{place}: {ours:?}"
    );
    for line in ours.split_terminator("\r\n") {
        let begins = ["\t", "Authentication-Results: ", "X-DKIM-Authentication-Results: ", "Received-SPF: "];
        assert!(begins.iter().any(|begin| line.starts_with(begin)), "{place}: {line:?}");
        assert!(line.len() <= 998, "{place}: {} octets", line.len());
    }
    let fields = |name: &str| ours.split_terminator("\r\n").filter(|line| line.starts_with(name)).count();
    assert_eq!(
        (fields("Authentication-Results: "), fields("X-DKIM-"), fields("Received-SPF: ")),
        (1, 1, 1),
        "{place}: {ours}"
    );
}

async fn see(zone: Zone, message: &str, transaction: &Transaction) -> Decision {
    decide_in_chunks(all_on(&OPTIONS), zone, message, usize::MAX, transaction).await
}

/// A client at 192.0.2.9 that says this.
fn client(helo: &str, mail_from: &str) -> Transaction {
    let mut transaction = envelope("ADDR=192.0.2.9", "");
    transaction.reverse_path = Some(Path::new(mail_from));
    transaction.original_client.helo = Some(helo.to_owned());
    transaction
}

#[tokio::test]
async fn through_the_envelope() {
    for forgery in FORGERIES {
        for (helo, mail_from) in [
            (forgery.to_owned(), "joe@example.org".to_owned()),
            (forgery.to_owned(), String::new()),
            ("helo.example".to_owned(), format!("joe@example.org{forgery}")),
            ("helo.example".to_owned(), format!("\"{forgery}\"@example.org")),
            ("helo.example".to_owned(), format!("joe{forgery}@example.org")),
            ("helo.example".to_owned(), forgery.to_owned()),
        ] {
            let decision = see(Zone::new(), MESSAGE, &client(&helo, &mail_from)).await;
            assert_harmless(&decision, &format!("HELO {helo:?} MAIL FROM {mail_from:?}"));
        }
    }
}

#[tokio::test]
async fn through_the_header() {
    for forgery in FORGERIES {
        // In a header a line end needs a fold to stay in its field.
        let folded = forgery.replace("\r\n", "\r\n ");
        for fields in [
            format!("From: Joe <joe@example.org{folded}>\r\n"),
            format!("From: \"{folded}\" <joe@{folded}.example>\r\n"),
            format!("From: {folded}\r\n"),
            format!("From: a@example.org\r\nMessage-ID: <{folded}>\r\n"),
            format!(
                "From: a@example.org\r\nDKIM-Signature: v=1; a=rsa-sha256; d=example.org{folded}; s=s; h=from; bh=eA==; b=eA==\r\n"
            ),
            format!(
                "From: a@example.org\r\nDKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s{folded}; h=from; bh=eA==; b=eA==\r\n"
            ),
            format!(
                "From: a@example.org\r\nDKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s; i=a{folded}@example.org; h=from; bh=eA==; b=eA==\r\n"
            ),
            format!(
                "From: a@example.org\r\nDKIM-Signature: v=1; a={folded}; d=example.org; s=s; h=from; bh=eA==; b={folded}\r\n"
            ),
            format!(
                "From: a{folded}@example.org\r\nDomainKey-Signature: a=rsa-sha1; d=example.org{folded}; s=s{folded}; b=eA==\r\n"
            ),
            format!(
                "From: a@example.org\r\nARC-Seal: i=1; cv=none; a=rsa-sha256; d={folded}; s=s; b=eA==\r\nARC-Authentication-Results: i=1; {folded}\r\n"
            ),
        ] {
            let decision =
                see(Zone::new(), &format!("{fields}\r\nHello\r\n"), &client("helo.example", "joe@example.org")).await;
            assert_harmless(&decision, &fields);
        }
    }
}

#[tokio::test]
async fn through_dns() {
    for forgery in FORGERIES {
        let json = |text: &str| serde_json::Value::from(text).to_string();
        let zone = format!(
            r#"{{"9.2.0.192.in-addr.arpa": {{"PTR": [{}, {}]}},
                "example.org": [{}], "why.example.org": [{}], "_dmarc.example.org": [{}]}}"#,
            json(forgery),
            json(&format!("mx{forgery}.example.org")),
            json("v=spf1 exp=why.example.org -all"),
            json(&format!("no{forgery}")),
            json(&format!("v=DMARC1; p=reject; rua=mailto:{forgery}")),
        );
        let zone = Zone::from_json(&zone).unwrap();
        let decision = see(zone.clone(), MESSAGE, &client("helo.example", "joe@example.org")).await;
        assert_harmless(&decision, forgery);
        let refusing = [("action", "spf=fail reject"), ("iprev", "on")];
        let transaction = client("helo.example", "joe@example.org");
        let decision = decide_in_chunks(all_on(&refusing), zone, MESSAGE, usize::MAX, &transaction).await;
        let Verdict::Refuse(reply) = &decision.verdict else { panic!("relayed") };
        let text = String::from_utf8(reply.as_bytes().to_vec()).unwrap();
        let lines: Vec<&str> = text.split_terminator("\r\n").collect();
        assert!(lines.iter().all(|line| line.starts_with("550")), "{text}");
        assert!(lines.len() <= 2 && text.bytes().all(|b| b.is_ascii_graphic() || b" \r\n".contains(&b)), "{text}");
    }
}

/// Fields that claim to be ours, in every disguise; what is foreign stays. The rest stands in `filter/tests.rs`.
#[tokio::test]
async fn forged_fields_are_taken_out_whatever_they_look_like() {
    let config = || config_of(&[("hostname", "mx.b\u{fc}cher.example"), ("authserv_alias", "old.example.net")]);
    for forged in [
        "Authentication-Results: mx.xn--bcher-kva.example; dkim=pass",
        "Authentication-Results: mx.b\u{fc}cher.example; dkim=pass",
        "Authentication-Results: MX.XN--BCHER-KVA.EXAMPLE.; dkim=pass",
        "Authentication-Results: MX.B\u{dc}CHER.example; dkim=pass",
        "Authentication-Results:\r\n\tmx.xn--bcher-kva.example\r\n\t; dkim=pass",
        "Authentication-Results:\r\n mx.xn--bcher-kva.example 1; dkim=pass",
        "Authentication-Results: (a (nested\\)) comment) mx.xn--bcher-kva.example; dkim=pass",
        "Authentication-Results: (\r\n folded) mx.xn--bcher-kva.example(x); dkim=pass",
        "Authentication-Results: \"mx.xn--bcher-kva.example\"; dkim=pass",
        "Authentication-Results: \"mx.xn--bcher\\-kva.example\"; dkim=pass",
        "Authentication-Results: mx.xn--bcher-kva.example/3; dkim=pass",
        "Authentication-Results: mx.xn--bcher-kva.example",
        "Authentication-Results: mx.xn--bcher-kva.example 2; dkim=pass",
        "Authentication-Results: other.example 7; dkim=pass",
        "Authentication-Results: old.EXAMPLE.net; dkim=pass",
        "AUTHENTICATION-RESULTS\t :old.example.net; dkim=pass",
        "Authentication-Results:",
        "Authentication-Results: ;;; dkim=pass",
        "Authentication-Results: \"old.example.net; dkim=pass",
        "Authentication-Results: (old.example.net; dkim=pass",
        "x-DKIM-authentication-RESULTS: pass",
    ] {
        let message = format!("Subject: a\r\n{forged}\r\n{MESSAGE}");
        let text = relayed(&decide(config(), Zone::new(), &message).await, &message);
        assert!(text.ends_with(&format!("\r\nSubject: a\r\n{MESSAGE}")), "{forged}: {text}");
    }
    for foreign in [
        "Authentication-Results: example.net; dkim=pass",
        "Authentication-Results: sub.mx.xn--bcher-kva.example; dkim=pass",
        "Authentication-Results: other.example; reason=\"mx.xn--bcher-kva.example\"",
        "Authentication-Results: other.example (mx.xn--bcher-kva.example); dkim=pass",
        "ARC-Authentication-Results: i=1; old.example.net; dkim=pass",
        "X-Other: Authentication-Results: old.example.net; dkim=pass",
    ] {
        let message = format!("Subject: a\r\n{foreign}\r\n{MESSAGE}");
        let text = relayed(&decide(config(), Zone::new(), &message).await, &message);
        assert!(text.ends_with(&message), "{foreign}: {text}");
    }
}
