//! Both daemons as processes: what happens around them fails, and what they do then.

use integration_tests::{
    client::Client,
    daemon::Daemon,
    dns::{Answer, Dns},
    foreign::{Foreign, Wanted},
    keys::Key,
    messages,
    sink::{Action, Manners, Sink, reply},
};

/// dkimproxy-out that signs nothing, in front of `relay`.
fn passing(relay: &str) -> Daemon {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sender_map = folder.path().join("sender_map");
    std::fs::write(&sender_map, "# nobody\n").expect("a new file");
    let flags =
        ["--listen=127.0.0.1:0", &format!("--relay={relay}"), &format!("--sender_map={}", sender_map.display())];
    Daemon::start("dkimproxy-out", &flags)
}

#[test]
fn a_next_hop_that_is_down_is_told_at_the_greeting() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("a bound socket");
    let daemon = passing(&nobody.to_string());
    let mut client = Client::connect(daemon.addr());
    assert_eq!(client.reply(), "421 Internal error (Next hop is down)");
    assert_eq!(client.rest(), "");
}

/// Promise 1: no 2xx to end of data unless the relay gave one.
#[test]
fn the_reply_to_end_of_data_is_the_relay_s() {
    for (action, expected) in [
        (reply("451 4.7.1 Later: \"really\""), "451 4.7.1 Later: \"really\""),
        (reply("554 5.7.1 No"), "554 5.7.1 No"),
        (reply("250 2.6.0 Taken as 1234"), "250 2.6.0 Taken as 1234"),
        (Some(Action::Close), "451 4."),
    ] {
        let name = format!("{action:?}");
        let answer = action.clone();
        let relay =
            Sink::start(Manners::default().on(move |command| if command == "." { answer.clone() } else { None }));
        let daemon = passing(&relay.addr().to_string());
        let mut client = Client::hello(daemon.addr());
        client.command("MAIL FROM:<jean@example.net>", "250");
        client.command("RCPT TO:<pierre@example.org>", "250");
        let reply = client.data(messages::text("x", "", "x\n").as_bytes());
        assert!(reply.starts_with(expected), "{name}: {reply}");
    }
}

#[test]
fn a_client_that_vanishes_leaves_nothing_behind() {
    let relay = Sink::start(Manners::default());
    let daemon = passing(&relay.addr().to_string());
    let mut client = Client::hello(daemon.addr());
    client.command("MAIL FROM:<jean@example.net>", "250");
    client.command("RCPT TO:<pierre@example.org>", "250");
    client.command("DATA", "354");
    client.send("Subject: half\r\n\r\nhalf of a message\r\n");
    client.close_sending();
    client.rest();
    assert_eq!(relay.all_closed(), 1);
    assert!(relay.inspect(<[_]>::is_empty));
    assert!(!relay.commands().contains(&".".to_owned()));
}

#[test]
fn a_stop_lets_the_transaction_finish() {
    let relay = Sink::start(Manners::default());
    let mut daemon = passing(&relay.addr().to_string());
    let mut client = Client::hello(daemon.addr());
    client.command("MAIL FROM:<jean@example.net>", "250");
    client.command("RCPT TO:<pierre@example.org>", "250");
    client.command("DATA", "354");
    daemon.terminate();
    let message = messages::text("last", "", "x\n");
    client.send(integration_tests::client::mail_data(message.as_bytes()));
    client.expect("250");
    assert!(daemon.wait().success());
    assert_eq!(relay.messages(1)[0].message(), message.as_bytes());
}

/// Trouble with DNS is a result, and never keeps mail back.
#[test]
fn whatever_dns_says_mail_passes() {
    let Some(signer) = Foreign::installed().pop() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = Key::generate(folder.path(), "example.net", "s", "rsa");
    let signed = signer
        .sign(messages::text("dns", "", "x\n").as_bytes(), &Wanted { key: &key, canonicalization: "relaxed/relaxed" });
    for (answer, expected) in [
        (Some(Answer::Txt(vec![key.record.clone().into_bytes()])), "dkim=pass"),
        (Some(Answer::ServFail), "dkim=temperror"),
        (Some(Answer::Silence), "dkim=temperror"),
        (Some(Answer::NoData), "dkim=permerror"),
        (None, "dkim=permerror"),
    ] {
        let name = format!("{answer:?}");
        let dns = Dns::start();
        if let Some(answer) = answer {
            dns.set(&key.name, answer);
        }
        let relay = Sink::start(Manners::default());
        let flags = [
            "--listen=127.0.0.1:0".to_owned(),
            format!("--relay={}", relay.addr()),
            format!("--resolver={}", dns.addr()),
            "--hostname=mail.example.org".to_owned(),
            "--dns_timeout=2s".to_owned(),
        ];
        let daemon = Daemon::start("dkimproxy-in", &flags.each_ref().map(String::as_str));
        Client::hello(daemon.addr()).deliver("<jean@example.net>", &["<pierre@example.org>"], &signed);
        let results = relay.messages(1)[0].fields("Authentication-Results");
        assert!(results[0].contains(expected), "{name}: {results:?}");
        assert!(dns.questions().contains(&key.name), "{name}: {:?}", dns.questions());
    }
}
